from __future__ import annotations

from typing import Any

import pytest

from treadle._inputs import check_inputs, parse_input
from treadle._model import Input


def wrong(declared: Input, value: Any) -> list[str]:
    values, problems = check_inputs({declared.name: declared}, {declared.name: value})
    assert bool(problems) is (values[declared.name] is None)
    return [str(problem) for problem in problems]


def right(declared: Input, value: Any) -> Any:
    values, problems = check_inputs({declared.name: declared}, {declared.name: value})
    assert problems == []
    return values[declared.name]


def of(type_: Any, **more: Any) -> Input:
    return Input(name="a", type=type_, **more)


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("string", "x", "x"),
        ("integer", 3, 3),
        ("number", 3, 3),
        ("number", 2.5, 2.5),
        ("boolean", True, True),
        ("duration", "1m30s", 90.0),
        ("list", (1, "a"), [1, "a"]),
        ("object", {"a": (1,)}, {"a": [1]}),
    ],
)
def test_values_of_the_declared_type_are_taken(type_: str, value: Any, expected: Any) -> None:
    found = right(of(type_), value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("string", 3, "expected text, got the number 3"),
        ("integer", True, "expected a whole number, got true"),
        ("integer", 2.0, "expected a whole number, got the number 2.0"),
        ("number", "3", "expected a number, got '3'"),
        ("number", float("inf"), "expected a number, got the number inf"),
        ("boolean", 1, "expected true or false, got the number 1"),
        ("duration", 30, "expected a duration as 30s, got the number 30; add a unit: '30s'"),
        ("duration", "soon", "'soon' is not a duration"),
        ("list", "abc", "expected a list, got 'abc'"),
        ("list", [{1}], "a set is no plain data"),
        ("object", [1], "expected a mapping, got a list"),
        ("object", {1: 2}, "expected a mapping, got a mapping"),
        ("object", {"x": {1: 2}}, "the key 1 is not text; use text for keys"),
        ("string", None, "expected text, got nothing (null)"),
    ],
)
def test_nothing_is_converted(type_: str, value: Any, expected: str) -> None:
    (problem,) = wrong(of(type_), value)
    assert expected in problem
    assert problem.startswith("inputs.a")


def test_values_are_bounded_in_depth() -> None:
    deep: list[Any] = []
    for _ in range(70):
        deep = [deep]
    assert "the value is nested more than 64 deep" in wrong(of("list"), deep)[0]


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        (of("integer", min=2), 1, "expected at least 2, got 1"),
        (of("number", max=2.5), 3.5, "expected at most 2.5, got 3.5"),
        (of("string", min=2), "a", "expected at least 2 characters, got 1"),
        (of("list", max=1), [1, 2], "expected at most 1 items, got 2"),
        (of("object", min=1), {}, "expected at least 1 entries, got 0"),
        (of("duration", max=60.0), "2m", "expected at most 1m, got 2m"),
    ],
)
def test_bounds_are_by_value_or_by_length(declared: Input, value: Any, expected: str) -> None:
    assert wrong(declared, value) == [f"inputs.a: {expected}"]


def test_a_choice_is_one_of_the_declared() -> None:
    assert wrong(of("string", enum=("staging", "prod")), "prd") == [
        "inputs.a: expected one of 'staging', 'prod', got 'prd'; did you mean 'prod'?"
    ]
    assert wrong(of("integer", enum=(1, 2)), 3) == ["inputs.a: expected one of 1, 2, got the number 3"]
    assert right(of("duration", enum=(60.0,)), "60s") == 60.0


def test_a_pattern_matches_the_whole_text() -> None:
    assert right(of("string", pattern="[a-z]+"), "abc") == "abc"
    assert wrong(of("string", pattern="[a-z]+"), "abc1") == [
        "inputs.a: 'abc1' does not match the pattern [a-z]+; the whole text must match"
    ]


def test_items_of_a_list_are_checked_and_converted_each() -> None:
    declared = of("list", items=of("duration", min=1.0))
    assert right(declared, ["1s", "2m"]) == [1.0, 120.0]
    assert wrong(declared, ["1s", 3, "10ms"]) == [
        "inputs.a[1]: expected a duration as 30s, got the number 3; add a unit: '3s'",
        "inputs.a[2]: expected at least 1s, got 10ms",
    ]


def test_a_secret_is_given_by_name() -> None:
    assert right(of("string", secret=True), "TOKEN") == "TOKEN"
    assert wrong(of("string", secret=True), "not a name") == [
        "inputs.a: expected the name of a secret, got 'not a name'; the value itself is never given here"
    ]


def test_every_problem_comes_at_once_and_defaults_are_filled_in() -> None:
    declared = {
        "version": Input(name="version"),
        "token": Input(name="token", secret=True),
        "env": Input(name="env", required=False, default="staging"),
        "hosts": Input(name="hosts", type="list", required=False, default=["a"]),
        "note": Input(name="note", required=False),
    }
    values, problems = check_inputs(declared, {"versoin": "1", "env": 3})
    assert [str(problem) for problem in problems] == [
        "inputs.versoin: there is no input 'versoin'; did you mean 'version'?",
        "inputs.version: the input 'version' is missing; give text",
        "inputs.token: the input 'token' is missing; give the name of a secret",
        "inputs.env: expected text, got the number 3",
    ]
    assert (values["hosts"], values["note"]) == (["a"], None)
    assert values["hosts"] is not declared["hosts"].default


def test_a_workflow_without_inputs_says_so() -> None:
    _, problems = check_inputs({}, {"a": 1})
    assert str(problems[0]) == "inputs.a: there is no input 'a'; the workflow declares no inputs"


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        ("string", "3", "3"),
        ("integer", "-3", -3),
        ("number", "3", 3),
        ("number", "2.5e3", 2500.0),
        ("boolean", "false", False),
        ("boolean", "true", True),
        ("duration", "5m", "5m"),
        ("list", "[1, 2]", [1, 2]),
        ("object", '{"a": 1}', {"a": 1}),
    ],
)
def test_text_of_a_command_line_is_read_by_the_declaration(type_: str, text: str, expected: Any) -> None:
    found = parse_input(of(type_), text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        ("integer", "3.0", "'3.0' is no whole number"),
        ("integer", "1_0", "'1_0' is no whole number"),
        ("number", "x", "'x' is no number"),
        ("number", "nan", "'nan' is no number"),
        ("boolean", "yes", "'yes' is neither true nor false"),
        ("list", "1,2", "'1,2' is no list, as '\\[1, 2\\]', in JSON"),
        ("list", "{}", "is no list"),
        ("object", "[", "is no mapping"),
        ("list", "[" * 100_000, "is no list"),
    ],
)
def test_text_that_cannot_be_read_is_refused(type_: str, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_input(of(type_), text)


def test_the_name_of_a_secret_stays_text() -> None:
    assert parse_input(of("string", secret=True), "TOKEN") == "TOKEN"


def test_null_is_as_good_as_nothing_for_an_input_that_may_be_left_out() -> None:
    assert right(of("string", required=False), None) is None
    assert wrong(of("string", required=False, default="x"), None) != []
