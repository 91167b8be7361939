"""Every character of a text is found again where it was written, in every style that YAML has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import SpecError, loads
from treadle._registry import Registry
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Written = tuple[str, list[tuple[int, int]]]
"""A document, and line and column of each character of the value at its key ``k``."""

WORDS = st.text("abcxyz.'\"${}äß漢😀,[]:#&*!|>%@\\-+=", min_size=1, max_size=8)


class Pen:
    """Writes a document, and notes where the characters of the value come to stand."""

    def __init__(self, before: str) -> None:
        self.text = ""
        self.line, self.column = 1, 1
        self.places: list[tuple[int, int]] = []
        self.put(before)

    def put(self, text: str) -> None:
        self.text += text
        for char in text:
            self.line, self.column = (self.line + 1, 1) if char == "\n" else (self.line, self.column + 1)

    def note(self, text: str) -> None:
        self.places.append((self.line, self.column))
        self.put(text)


def places_found(document: str, key: str = "k") -> tuple[str, list[tuple[int, int]]]:
    """The value under *key*, and where each character of it is found."""
    report = Report("f.yaml")
    root = read_yaml(document, report)
    assert root is not None, [str(problem) for problem in report.problems]
    node = root.items[key]
    place = report.place_of(node, key)
    inside = [place.inside(offset) for offset in range(len(node.value))]
    return node.value, [(one.line or 0, one.column or 0) for one in inside]


BEFORE = st.sampled_from(
    ["k: ", "# 漢字\nother: 'x'\nk:   ", "k:\n  ", "k: !!str ", "k: &a\n  ", "k: &a !!str  "]
)


@given(BEFORE, st.lists(WORDS, min_size=1, max_size=6), st.data())
def test_double_quoted(before: str, words: list[str], data: st.DataObject) -> None:
    pen, value = Pen(before), ""
    pen.put('"')
    for number, word in enumerate(words):
        if number:
            value += _gap(pen, data, escapes=True)
        for char in word:
            forms = {'"': ['\\"'], "\\": ["\\\\"]}.get(char, [char, f"\\U{ord(char):08x}"])
            if ord(char) < 0x100:
                forms = [*forms, f"\\x{ord(char):02x}"]
            if ord(char) < 0x10000:
                forms = [*forms, f"\\u{ord(char):04x}"]
            pen.note(data.draw(st.sampled_from(forms)))
        value += word
    pen.put('"\nafter: 1\n')
    assert places_found(pen.text) == (value, pen.places)


@given(BEFORE, st.lists(WORDS, min_size=1, max_size=6), st.data())
def test_single_quoted(before: str, words: list[str], data: st.DataObject) -> None:
    pen, value = Pen(before), ""
    pen.put("'")
    for number, word in enumerate(words):
        if number:
            value += _gap(pen, data)
        for char in word:
            pen.note("''" if char == "'" else char)
        value += word
    pen.put("'\nafter: 1\n")
    assert places_found(pen.text) == (value, pen.places)


PLAIN = st.text("abcxyz.'\"${}äß漢😀\\-+=", min_size=1, max_size=8).map(lambda word: f"x{word}")


@given(BEFORE, st.lists(PLAIN, min_size=1, max_size=6), st.data())
def test_plain(before: str, words: list[str], data: st.DataObject) -> None:
    pen, value = Pen(before), ""
    for number, word in enumerate(words):
        if number:
            value += _gap(pen, data)
        for char in word:
            pen.note(char)
        value += word
    pen.put("  # more\nafter: 1\n")
    assert places_found(pen.text) == (value, pen.places)


def _gap(pen: Pen, data: st.DataObject, *, escapes: bool = False) -> str:
    """White space between two words, as it may be written; gives what it means."""
    breaks = data.draw(st.integers(0, 3))
    if escapes and data.draw(st.booleans()):
        pen.put("\\\n" + "\t" * breaks + "   ")
        return ""
    if not breaks:
        blanks = data.draw(st.text(" \t", min_size=1, max_size=3))
        for blank in blanks:
            pen.note(blank)
        return blanks
    pen.put(" " * data.draw(st.integers(0, 2)))
    if breaks == 1:
        pen.note("\n")
    else:
        pen.put("\n")
        for _ in range(breaks - 1):
            pen.put(" " * data.draw(st.integers(0, 2)))
            pen.note("\n")
    pen.put("   ")
    return "\n" * (breaks - 1) or " "


LINES = st.lists(
    st.one_of(st.just(""), st.text(" \tabxyz:#'\"${}漢😀\\", max_size=8).map(lambda line: f"x{line}x")),
    min_size=1,
    max_size=8,
).filter(any)


@given(LINES, st.sampled_from(["", "-", "+"]), st.integers(1, 5), st.sampled_from(["k: ", "k: &a !!str "]))
def test_literal_blocks(lines: list[str], chomping: str, indent: int, before: str) -> None:
    pen = Pen(f"{before}|{chomping}  # so\n")
    for line in lines:
        if line:
            pen.put(" " * indent)
        for char in line:
            pen.note(char)
        pen.note("\n")
    pen.put("after: 1\n")
    value, found = places_found(pen.text)
    assert value.strip("\n") == "\n".join(lines).strip("\n")
    assert found == pen.places[: len(value)]


@given(LINES, st.integers(1, 5), st.booleans())
def test_folded_blocks(lines: list[str], indent: int, indented: bool) -> None:
    """Every character that is no white space is found; the rest stands between its neighbours."""
    pen = Pen("k: >\n")
    for number, line in enumerate(lines):
        if line:
            pen.put(" " * indent + "  " * (indented and number > 0))
        for char in line:
            if char in " \t":
                pen.put(char)
            else:
                pen.note(char)
        pen.put("\n")
    pen.put("after: 1\n")
    value, found = places_found(pen.text)
    assert [at for char, at in zip(value, found, strict=True) if not char.isspace()] == pen.places
    assert found == sorted(found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("document", "line", "column"),
    [
        ("k: |2\n    @\n", 2, 5),
        ("k: >1-\n  @\n", 2, 3),
        ("k: !!str |2\n    @\n", 2, 5),
        ("k: |\n\n\n      @\n", 4, 7),
        ("k: |\r\n  a\r\n  @\r\n", 3, 3),
        ("k: 'a\r\n  @'\r\n", 2, 3),
        ("{other: [1], k: x @}\n", 1, 19),
        ('{"k": "\\u0020@"}\n', 1, 14),
        ("k:\n\n  # first\n  'a @'\n", 4, 6),
        ("k: &a # why\n  'a @'\n", 2, 6),
        ("k: 'a\x85 @'\n", 2, 2),
        ("\ufeffk: a @\n", 1, 6),
    ],
)
def test_a_character_is_found(document: str, line: int, column: int) -> None:
    value, found = places_found(document)
    assert found[value.index("@")] == (line, column)


def test_an_alias_points_to_what_it_repeats() -> None:
    report = Report(None)
    root = read_yaml("a: &x 'b @'\nk: *x\n", report)
    assert root is not None
    place = report.place_of(root.items["k"], "k").inside(2)
    assert (place.line, place.column) == (1, 10)


@pytest.mark.parametrize("document", ["k: [a, b]\n", "k: {a: b}\n", "k:\n  - a\n"])
def test_lists_and_mappings_have_no_inside(document: str) -> None:
    report = Report(None)
    root = read_yaml(document, report)
    assert root is not None
    place = report.place_of(root.items["k"], "k")
    assert place.inside(3) == place


def test_beyond_the_end_is_the_start() -> None:
    report = Report(None)
    root = read_yaml("k: 'ab'\n", report)
    assert root is not None
    place = report.place_of(root.items["k"], "k")
    assert [place.inside(offset).column for offset in (0, 1, 2, 3)] == [5, 6, 7, 4]


# --- whole specs -----------------------------------------------------------------------------------


def spec(*lines: str) -> str:
    return "\n".join(("treadle: 1", "name: x", "inputs: {good: {type: string}}", *lines, ""))


def _marked(text: str) -> Iterator[tuple[int, int]]:
    """Where ``BAD`` stands in *text*."""
    for number, line in enumerate(text.splitlines(), 1):
        start = line.find("BAD")
        while start >= 0:
            yield number, start + 1
            start = line.find("BAD", start + 1)


SPECS = {
    "a condition": spec("steps:", "  a: {when: inputs.good == BAD, set: {}}"),
    "a condition in quotes": spec("steps:", "  a: {when: '''x'' == BAD', set: {}}"),
    "a condition over lines": spec(
        "steps:", "  a:", "    when: >-", "      true and", "      BAD", "    set: {}"
    ),
    "two in one text": spec("steps:", "  a: {set: {v: 'é ${{ inputs.good }}${{ BAD }} ${{ BAD }}'}}"),
    "a foreach of texts": spec("steps:", "  a: {foreach: [x, ['${{ BAD }}'], {k: '${{BAD}}'}], set: {}}"),
    "variables": spec("vars:", "  v: [1, '${{ BAD }}']", "steps: {a: {set: {}}}"),
    "outputs": spec("outputs:", "  v: {w: 'x ${{ BAD }}'}", "steps: {a: {set: {}}}"),
    "env": spec("env: {A: 'x ${{ BAD }}'}", "steps: {a: {set: {}}}"),
    "env of defaults": spec("defaults: {env: {A: 'x ${{ BAD }}'}}", "steps: {a: {command: x}}"),
    "words of a command": spec(
        "steps:", "  a: {command: 'echo ${{ inputs.good }} \"a ${{ BAD }}\" x-${{BAD}}'}"
    ),
    "a script's neighbours": spec(
        "steps:", "  a:", "    shell:", "      script: |", "        x", "      cwd: /${{ BAD }}"
    ),
    "a command over lines": spec("steps:", "  a:", "    command: >", "      echo x", "      ${{ BAD }}"),
    "a list of words": spec("steps:", '  a: {command: [echo, "\\t${{ BAD }}"]}'),
    "a round": spec("steps:", "  a: {repeat: {times: 2, until: output == BAD}, set: {}}"),
    "a retry": spec("steps:", "  a: {retry: {attempts: 2, if: attempt > BAD}, command: x}"),
    "a number": spec("steps:", "  a: {foreach: [1], max_parallel: '${{ BAD }}', set: {}}"),
    "not an expression": spec("steps:", "  a: {when: \"'é' == 3 + BAD(1)\", set: {}}"),
}


@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS.keys())
def test_a_problem_in_an_expression_stands_at_what_is_wrong(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(text, registry=Registry.of())
    found = [(problem.line, problem.column) for problem in caught.value.problems]
    assert found == list(_marked(text))


def test_a_good_spec_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> tuple[int, int]:
        raise AssertionError

    monkeypatch.setattr("treadle._spec.characters.Text.position", refuse)
    loads(
        spec("steps:", "  a: {when: inputs.good == 'x', set: {v: '${{ inputs.good }}'}}"),
        registry=Registry.of(),
    )


def test_ten_thousand_problems_in_one_text_are_found_fast() -> None:
    text = spec("steps:", "  a:", "    set:", "      v: |", *("        ${{ BAD }}" for _ in range(10_000)))
    with pytest.raises(SpecError) as caught:
        loads(text, registry=Registry.of())
    assert [problem.line for problem in caught.value.problems] == list(range(8, 10_008))


@pytest.mark.parametrize("between", [" ", "-"])
def test_ten_thousand_problems_in_the_words_of_a_command_are_found_fast(between: str) -> None:
    text = spec("steps:", "  a:", "    command: x " + between.join("${{ BAD }}" for _ in range(10_000)))
    with pytest.raises(SpecError) as caught:
        loads(text, registry=Registry.of())
    assert [problem.column for problem in caught.value.problems] == [
        20 + 11 * number for number in range(10_000)
    ]
