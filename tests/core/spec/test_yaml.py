from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from treadle._spec import yaml as _yaml
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml

if TYPE_CHECKING:
    from treadle._spec.nodes import Node

AFTER_A_QUOTE = "text follows a closing quote, so YAML cannot read the value; quote the whole value"


def read(text: str | bytes) -> tuple[Node | None, list[str]]:
    report = Report("f")
    node = read_yaml(text, report)
    return node, [str(problem).removeprefix("f:") for problem in report.in_order()]


def value(text: str | bytes) -> Any:
    node, problems = read(text)
    assert problems == []
    assert node is not None
    return node.value


def said(text: str | bytes) -> list[str]:
    return read(text)[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("-010", "-010"),
        ("1_000", "1_000"),
        ("2024-01-31", "2024-01-31"),
        ("=", "="),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0xfF", 255),
        ("0b11", "0b11"),
        ("1.10", 1.1),
        ("5.", 5.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-2", -0.015),
        (".", "."),
        ("-", None),
        ("1.2.3", "1.2.3"),
        ("18446744073709551615", 2**64 - 1),
        ("!!str 1.10", "1.10"),
        ("! 12", "12"),
        ("!!int '12'", 12),
        ("!!float 1", 1.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("!!seq [1]", [1]),
        ("!!map {a: 1}", {"a": 1}),
        ("'1'", "1"),
        ('"\\u00e9"', "é"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, expected: Any) -> None:
    found = value(f"a: {text}\n")["a"] if text != "-" else value(f"a: [{text or ''}x]\n")["a"]
    if text == "-":
        assert found == ["-x"]
    else:
        assert found == expected
        assert type(found) is type(expected)


@pytest.mark.parametrize("text", ["1e999", "-.INF", ".NaN", "0x1" + "0" * 16, "9" * 5000])
def test_numbers_that_json_has_not_are_refused(text: str) -> None:
    (problem,) = said(f"a: {text}\n")
    assert problem.startswith("1:4: a: ")


def test_the_text_of_a_number_is_kept() -> None:
    node, _ = read("a: 1.10\nb: '1.10'\n")
    assert node is not None
    assert node.items["a"].source == "1.10"
    assert node.items["b"].source is None


def test_positions_are_those_of_keys_and_values() -> None:
    node, _ = read("a:\n  - x\n  - b: y\n")
    assert node is not None
    inner = node.items["a"].items[1]
    mark = inner.key_mark("b")
    assert (mark.line, mark.column) == (2, 4)
    assert (inner.items["b"].mark.line, inner.items["b"].mark.column) == (2, 7)
    assert inner.key_mark("nothing") is inner.mark
    assert node.at(("a", 1, "b")).value == "y"
    assert node.at(("a", 7)) is node.items["a"]
    assert node.at(("a", 0, "deeper")).value == "x"


def test_json_is_yaml() -> None:
    text = '{\n\t"a":\t[1, 2.5, null, true, "\\u00e9 \\ud83d\\ude00 \\\\ud83d"],\n\t"b":{"c":"d"}}'
    assert value(text) == {"a": [1, 2.5, None, True, "é 😀 \\ud83d"], "b": {"c": "d"}}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\uD83D\\uDE00\\uDBFF\\udfff"', "😀\U0010ffff"),
        ('"\\\\ud83d\\ude00"', None),  # the first is no escape, so the second is half a character
        ('"\\\\\\ud83d\\ude00"', "\\😀"),
        ("'\\ud83d\\uDE00'", "\\ud83d\\uDE00"),  # no JSON: nothing is escaped in such quotes
        ('"\ue83d\uee00 \\ud83d\\ude00"', "\ue83d\uee00 😀"),
        ('"\\ue83d\\uee00 \\ud83d\\ude00"', "\ue83d\uee00 😀"),
    ],
)
def test_two_escapes_of_json_are_one_character(written: str, meant: str | None) -> None:
    node, problems = read(f'{{"a": {written}}}')
    assert (None if node is None else node.value["a"]) == meant
    assert (meant is None) == bool(problems)


def test_what_follows_two_escapes_for_one_character_stands_where_it_was_written() -> None:
    text = '{"a": "\\ud83d\\ude00 \\ud83d\\ude00", "b": ["x", 1]}'
    node, _ = read(text)
    assert node is not None
    assert node.items["b"].items[1].mark.column == text.index("1]")
    assert node.key_mark("b").column == text.index('"b"')


def test_bytes_and_a_byte_order_mark_are_read() -> None:
    assert value(b"\xef\xbb\xbfa: \xc3\xa9\n") == {"a": "é"}


def test_a_directive_and_an_explicit_document_are_read() -> None:
    assert value("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a: 1\nb: \xff\n", "2:4: the document is not UTF-8 text; save it in UTF-8"),
        ("a: 1\nb: \ud800\n", "2:4: the document is not UTF-8 text; save it in UTF-8"),
        ("a: 1\nb: x\x07y\n", "2:5: a control character stands in the text; remove it"),
        ("%YAML 2.2\n---\na: 1\n",
         "1:1: the %YAML line names a version that cannot be read; leave the line out"),
        ("- a\nb: 1\n", "2:1: a key stands among list items; check the indentation"),
        ("a: - b\n", "1:4: a list item begins where none can; begin the list on a line of its own"),
        ("a: ]\n", "1:4: a value is missing, or a bracket is too many; check the brackets"),
        ("a: | x\n", "1:6: text follows | or > on the same line; begin it on the next line"),
        ("a: 'b' c\n", f"1:8: {AFTER_A_QUOTE}: a: \"'b' c\""),
        ("- a: \"b\" c\n", f"1:10: {AFTER_A_QUOTE}: a: '\"b\" c'"),
        ("a: [\n", "1:5: the text ends where a value is wanted; write the value, and close what is open"),
        ("a: 1\n b\n", None),
        ('a: "\\ud83d"\n', "1:7: this escape is no character; write the character itself"),
        ("[a]: 1\n", "1:1: a key must be text; write text"),
        ("null: 1\n", "1:1: a key must be text; quote it: 'null'"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_explained(text: str | bytes, expected: str | None) -> None:
    assert said(text) == ([expected] if expected else [])


def test_a_reason_that_is_not_known_is_passed_on() -> None:
    (problem,) = said("a: &\n")
    assert problem.startswith("1:5: this is not YAML (")


def test_the_merge_key_may_be_written_in_quotes() -> None:
    assert value("'<<': 1\n") == {"<<": 1}


def test_values_of_refused_keys_are_read_and_forgotten() -> None:
    node, problems = read("1: {a: [b]}\na: 1\na: {b: 2}\n? {x: y}\n: [z]\n")
    assert node is not None
    assert node.value == {"a": 1}
    assert len(problems) == 3


def test_a_tag_on_a_collection_is_refused() -> None:
    assert said("a: !set {b}\n") == ["1:4: a: the tag !set means nothing here; leave the tag out"]


def test_aliases_repeat_values() -> None:
    node, problems = read("a: &x {b: [1, '${{ c }}']}\nc: *x\nd: &t text\ne: [*t, *t]\n")
    assert problems == []
    assert node is not None
    assert node.value["c"] == node.value["a"]
    assert node.value["e"] == ["text", "text"]
    assert node.items["c"].dynamic


def test_nesting_has_a_limit() -> None:
    deep = "[" * 64 + "]" * 64
    assert read(deep)[1] == []
    assert said("[" * 65) == [
        "1:65: " + "[0]" * 64 + ": the document is nested more than 64 deep; make it flatter"
    ]
    assert said("[" * 100_000)[0].startswith("1:65: ")
    assert said("{a: " * 100_000)[0].startswith("1:257: ")


def test_aliases_cannot_nest_deeper_than_text() -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 64))
    assert "the document is nested more than 64 deep" in said(chain)[0]
    assert len(said(chain)) == 1


def test_aliases_cannot_grow_without_bound() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    (problem,) = said(laughs)
    assert "aliases add more than 100,000 values" in problem


def test_the_number_of_values_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_yaml, "MAX_NODES", 10)
    assert value("[1, 2, 3, 4, 5, 6, 7, 8, 9]") == list(range(1, 10))
    assert said("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]") == [
        "1:29: [9]: there are more than 10 values; split the document"
    ]


def test_the_size_has_a_limit() -> None:
    assert said(b"#" * (16 * 1024 * 1024 + 1)) == ["1:1: the document is larger than 16 MiB; split it"]


def test_the_collector_is_put_back_as_it_was() -> None:
    assert gc.isenabled()
    read("a: [")
    assert gc.isenabled()
    gc.disable()
    try:
        read("a: 1")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_path_of_a_problem_goes_through_lists_and_mappings() -> None:
    assert said("a: [x, {b: .inf}]\n")[0].startswith("1:12: a[1].b: ")
