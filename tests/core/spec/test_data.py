from __future__ import annotations

import enum
from types import MappingProxyType
from typing import Any

import attrs
import pytest

from treadle._registry import Registry
from treadle._spec import data as _data
from treadle._spec import load_spec, spec_from_data
from treadle._spec.data import read_data
from treadle._spec.report import Report


def read(data: Any) -> tuple[Any, list[str]]:
    report = Report(None)
    node = read_data(data, report)
    return None if node is None else node.value, [str(problem) for problem in report.in_order()]


class Colour(enum.StrEnum):
    RED = "red"


class Port(int):
    pass


def test_plain_data_is_copied_to_plain_data() -> None:
    data = MappingProxyType({"a": (1, 2.5, None, True), "b": Colour.RED, "c": [Port(80)]})
    value, problems = read(data)
    assert problems == []
    assert value == {"a": [1, 2.5, None, True], "b": "red", "c": [80]}
    assert [type(value["b"]), type(value["c"][0])] == [str, int]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"a": {1: 2}}, "a: the key 1 is not text; use text for keys"),
        ({"a\n": 1}, "the key 'a\\n' holds control or bidirectional characters; remove them"),
        ({"\ud800": 1}, "the key '\\ud800' holds control or bidirectional characters; remove them"),
        ({"a": "\ud800"}, "a: the text holds half of a surrogate pair; remove it"),
        (
            {"a": [float("nan")]},
            "a[0]: nan is no plain data; use mappings, lists, text, finite numbers, booleans and None",
        ),
        (
            {"a": 2**64},
            f"a: {2**64} is no plain data; use mappings, lists, text, finite numbers, booleans and None",
        ),
        (
            {"a": {1, 2}},
            "a: a value of type set is no plain data; use mappings, lists, text, finite numbers, "
            "booleans and None",
        ),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_path(data: Any, expected: str) -> None:
    assert read(data)[1] == [expected]


def test_data_that_contains_itself_is_refused() -> None:
    data: dict[str, Any] = {"a": []}
    data["a"].append(data)
    assert read(data) == (None, ["a[0]: this value contains itself; write it out"])


def test_shared_data_is_no_cycle() -> None:
    shared = [1]
    assert read({"a": shared, "b": [shared, shared]})[0] == {"a": [1], "b": [[1], [1]]}


def test_nesting_has_a_limit() -> None:
    deep: list[Any] = []
    for _ in range(64):
        deep = [deep]
    (problem,) = read(deep)[1]
    assert problem == "[0]" * 64 + ": the document is nested more than 64 deep; make it flatter"


def test_the_number_of_values_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_data, "MAX_NODES", 3)
    assert read([1, 2, 3]) == (None, ["[2]: there are more than 3 values; split the document"])


def test_a_generated_spec_is_the_same_as_a_written_one() -> None:
    registry = Registry.of()
    data = {
        "treadle": 1,
        "name": "x",
        "steps": {"a": {"set": {"n": "${{ 1 + 1 }}"}}, "b": {"needs": ["a"], "command": ("echo", "hi")}},
    }
    text = (
        "{treadle: 1, name: x, steps: {a: {set: {n: '${{ 1 + 1 }}'}}, b: {needs: [a], command: [echo, hi]}}}"
    )
    made, problems = spec_from_data(data, name=None, registry=registry)
    written, _ = load_spec(text, name="f", registry=registry)
    assert problems == []
    assert made is not None
    assert written is not None
    assert made.hash == written.hash
    assert made.data == written.data
    made_config, written_config = (spec.blocks[0].steps[1].settings.constant for spec in (made, written))
    assert attrs.asdict(made_config) == attrs.asdict(written_config)


def test_problems_of_a_generated_spec_have_paths() -> None:
    data = {"treadle": 1, "name": "x", "steps": [{"comand": "make"}, {"retry": 3, "command": 3}]}
    _, problems = spec_from_data(data, name=None, registry=Registry.of())
    assert [str(problem) for problem in problems] == [
        "steps[0].comand: unknown key 'comand'; did you mean 'command'?",
        "steps[1].command: expected a list of words or text, got 3",
    ]
    assert {(problem.line, problem.column) for problem in problems} == {(None, None)}
