"""What expressions give: operators, look-ups, absence, and what is told when there is no value."""

import collections
import copy
from typing import Any

import pytest

from treadle._expr import BUILTINS, ExpressionError, Function, function_table, parse
from treadle._expr.values import MAX_ITEMS, MAX_TEXT

SCOPE: dict[str, Any] = {
    "inputs": {"env": "prod", "count": 3, "none": None, "ok": True, "odd key": 1, "_x": 2},
    "steps": {"a": {"output": {"n": 1, "list": [10, 20, 30]}, "status": "completed", "error": None}},
    "item": "a",
    "empty": [],
}


def value(source: str, scope: dict[str, Any] = SCOPE) -> Any:
    before = copy.deepcopy(scope)
    result = parse(source, BUILTINS).evaluate(scope, now=12.5)
    assert scope == before
    return result


def failure(source: str, scope: dict[str, Any] = SCOPE) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(source, BUILTINS).evaluate(scope, now=12.5)
    return caught.value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 % 3", 1),
        ("7 / 2", 3.5),
        ("-(+3)", -3),
        ("0.1 + 1", 1.1),
        ("'a' + 'b'", "ab"),
        ("-9223372036854775808", -(2**63)),
        ("inputs.env == 'prod'", True),
        ("inputs.env != 'prod'", False),
        ("1 < 2 <= 2", True),
        ("1 < 2 > 5", False),
        ("'a' < 'b'", True),
        ("2 > 1 >= 1", True),
        ("true == 1", False),
        ("1 == 1.0", True),
        ("'1' == 1", False),
        ("null == false", False),
        ("null == null", True),
        ("[true] == [1]", False),
        ("[1, {'a': [2]}] == [1.0, {'a': [2.0]}]", True),
        ("{'a': 1} == {'a': 1, 'b': 2}", False),
        ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", True),
        ("not true", False),
        ("not not inputs.ok", True),
        ("true and false or true", True),
        ("false and missing.x", False),
        ("true or missing.x", True),
        ("false or false", False),
        ("1 if inputs.ok else missing", 1),
        ("missing if not inputs.ok else 2", 2),
        ("'ro' in inputs.env", True),
        ("'env' in inputs", True),
        ("20 in steps.a.output.list", True),
        ("1 in [true, '1']", False),
        ("[1] in [[1.0]]", True),
        ("5 not in [1, 2]", True),
        ("steps.a.output.list[0]", 10),
        ("steps.a.output.list[-1]", 30),
        ("steps[item].status", "completed"),
        ("steps.a.output.list[inputs.count - 2]", 20),
        ("inputs['odd key']", 1),
        ("inputs['_x']", 2),
        ("{'a': {'b': [1]}}['a'].b[0]", 1),
        ("[10, 20][1]", 20),
        ("(1, 'a')", [1, "a"]),
        ("()", []),
        ("{'k' + 'x': 1}", {"kx": 1}),
        ("inputs.none", None),
        ("null", None),
        ("now()", 12.5),
        ("default(inputs.none, 1)", 1),
        ("default(inputs.env, missing.x)", "prod"),
        ("default(steps.b.output.n, 7)", 7),
        ("default(steps.a.output.list[3], 7)", 7),
        ("default(steps.a.output.list[-4], 7)", 7),
        ("default(steps.a.error.name, 'fine')", "fine"),
        ("default(steps.a.output.n + 1, 0)", 2),
        ("default(inputs.none + 1, 0)", 0),
        ("default(len(inputs.none), 0)", 0),
        ("default([inputs.env, inputs.none], [])", []),
        ("default(missing, default(inputs.none, 3))", 3),
        ("default(default(missing, null), 4)", 4),
        ("default(missing, inputs.none)", None),
        ("default(null, 5)", 5),
        ("default(min(empty + 'x'), 1) if false else 6", 6),
    ],
)
def test_an_expression_has_this_value(source: str, expected: Any) -> None:
    result = value(source)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("1 + 'a'", r"'\+' takes two numbers or two texts, not a number and text; string\(…\)"),
        ("[1] + [2]", "not a list and a list"),
        ("true + 1", "not a boolean and a number"),
        ("'a' * 3", r"'\*' takes two numbers, not text and a number"),
        ("'%1000000000d' % 1", "'%' takes two numbers, not text"),
        ("[0] * 9", "takes two numbers, not a list"),
        ("1 / 0", "'/' by zero"),
        ("1 // 0.0", "'//' by zero"),
        ("1 % 0", "'%' by zero"),
        ("-'a'", "'-' takes a number, not text"),
        ("+true", r"'\+' takes a number, not a boolean"),
        ("1 < 'a'", "'<' compares two numbers or two texts, not a number and text"),
        ("true < false", "'<' compares"),
        ("null >= null", "'>=' compares two numbers or two texts, not null and null"),
        ("9223372036854775807 + 1", "beyond 64 bits"),
        ("9223372036854775808", "beyond 64 bits"),
        ("4611686018427387904 * 2", "beyond 64 bits"),
        ("1e308 * 10", "too large"),
        ("1e308 // 1e-308", "too large"),
        ("not 1", "'not' takes true or false, not a number"),
        ("1 and true", "'and' takes true or false"),
        ("false or 'x'", "'or' takes true or false, not text"),
        ("1 if inputs.env else 2", "'if' takes true or false, not text"),
        ("1 in 'abc'", "'in' looks in a list, a mapping or a text, not for a number in text"),
        ("1 in 5", "not for a number in a number"),
        ("1 in inputs", "keys of mappings are text, not a number"),
        ("{1: 2}", "keys of mappings are text"),
        ("inputs[0]", "keys of mappings are text"),
        ("inputs.env.x", "inputs.env.x looks into text by text"),
        ("inputs.env[0]", "looks into text by a number"),
        ("empty['a']", "looks into a list by text; lists are indexed by integers"),
        ("empty[true]", "looks into a list by a boolean"),
        ("empty[1.5]", "lists are indexed by integers"),
        ("inputs.evn", r"inputs.evn is absent: inputs has no 'evn' \(did you mean 'env'\?\)"),
        (
            "steps.b.output.x",
            r"steps.b.output.x is absent: steps has no 'b'; write default\(steps.b.output.x, …\)",
        ),
        ("steps.a.error.name", "steps.a.error.name is absent: steps.a.error is null"),
        ("steps[inputs.env].output", r"steps\[inputs.env\].output is absent: steps has no such key"),
        ("steps.a.output.list[9]", "steps.a.output.list has 3 elements"),
        ("imputs.env", r"there is no name 'imputs' here \(did you mean 'inputs'\?\)"),
        ("nothing", "nothing is absent: there is no name 'nothing' here"),
        ("len", "there is no name 'len' here"),
        ("null.x", "null.x is absent: null is null"),
        ("default(missing, nothing)", "nothing is absent"),
        ("default(1 + 'a', 2)", r"'\+' takes"),
        ("upper(1)", "the first value of upper\\(text\\) is to be text, not a number"),
    ],
)
def test_an_expression_without_a_value_says_why(source: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        parse(source, BUILTINS).evaluate(SCOPE, now=0)


def test_an_error_carries_the_expression_and_the_names_it_saw() -> None:
    error = failure("nothing + 1")
    assert error.source == "nothing + 1"
    assert error.names == ("empty", "inputs", "item", "steps")
    assert str(error).endswith("in: nothing + 1 (names here: empty, inputs, item, steps)")
    assert str(failure("x", {})).endswith("(names here: none)")


def test_a_long_expression_is_shown_in_part() -> None:
    error = failure("nothing + '" + "x" * 500 + "'")
    assert len(error.source) > 500
    assert len(str(error)) < 400


def test_an_error_shows_no_value_of_the_scope() -> None:
    scope = {"secrets": {"KEY": "hunter2"}, "m": {}, "n": 1}
    for source in (
        *("int(secrets.KEY)", "float(secrets.KEY)", "m[secrets.KEY]", "secrets.KEY + 1", "secrets.KEY.x"),
        *("duration(secrets.KEY)", "parse_time(secrets.KEY)", "from_json(secrets.KEY)", "range(secrets.KEY)"),
        *("format_time(0, 'iso', secrets.KEY)", "format_time(0, '%' + secrets.KEY)", "secrets.KEY in n"),
    ):
        assert "hunter2" not in str(failure(source, scope))


def test_a_result_may_share_data_with_the_scope_and_copies_nothing() -> None:
    assert value("steps.a.output.list") is SCOPE["steps"]["a"]["output"]["list"]


@pytest.mark.parametrize(
    "foreign", [(1, 2), {1, 2}, b"x", object(), collections.OrderedDict(), 1j, range(3), len]
)
def test_what_is_not_plain_data_is_an_error_and_never_a_value(foreign: Any) -> None:
    for source in (
        "x",
        "[x]",
        "x == 1",
        "x in [1]",
        "x.a",
        "x[0]",
        "not x",
        "x + 1",
        "x < 1",
        "len(x)",
        "{'a': x}",
    ):
        assert "not plain data" in failure(source, {"x": foreign}).message
    assert "not plain data" in failure("x", {"x": [{"y": foreign}]}).message


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400, float("inf"), float("nan")])
def test_numbers_beyond_the_bounds_do_not_come_out_even_if_they_went_in(number: float) -> None:
    for source in (
        "x",
        "[x]",
        "x + 0",
        "{'a': x}",
        "max(x, x)",
        "string(x)",
    ):
        failure(source, {"x": number})


@pytest.mark.parametrize("source", ["x / 1", "x * 1.5", "1.5 + x", "sum([x, 1.5])", "float(x)"])
def test_an_integer_too_large_for_a_float_is_an_error(source: str) -> None:
    assert failure(source, {"x": 10**400}).message


def nested(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = [data]
    return data


def shared(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = [data, data]
    return data


def test_deep_data_is_refused() -> None:
    assert value("x == x", {"x": nested(99)}) is True
    for source in ("x", "json(x)", "x == [x]", "x in [x, x]"):
        assert failure(source, {"x": nested(150)}).message
    assert "levels" in failure("x", {"x": nested(100_000)}).message


def test_data_that_shares_itself_is_refused_before_it_is_unfolded() -> None:
    for source in (
        "x",
        "[x, x]",
        "json(x)",
        "x == [1, 1]",
        "x == y",
        "[1, 1] in [x]",
        "unique(x)",
        "x in [y]",
    ):
        assert "more than" in failure(source, {"x": shared(60), "y": shared(60)}).message


def test_text_is_bounded() -> None:
    scope = {"half": "x" * (MAX_TEXT // 2), "all": "x" * MAX_TEXT, "over": "x" * (MAX_TEXT + 1)}
    assert len(value("half + half", scope)) == MAX_TEXT
    assert "over the limit" in failure("half + half + half", scope).message
    assert value("over", scope) == scope["over"]
    assert "over the limit" in failure("upper(over)", scope).message
    assert "more than" in failure("[" + ",".join(["all"] * 20) + "]", scope).message


def test_lists_and_mappings_from_the_scope_are_bounded_where_they_are_made_anew() -> None:
    scope = {"x": [0] * (MAX_ITEMS + 1), "m": dict.fromkeys(map(str, range(MAX_ITEMS + 1)))}
    assert value("len(x)", scope) == MAX_ITEMS + 1
    for name in ("sort", "unique", "flatten", "zip", "product", "join"):
        assert "over the limit" in failure(f"{name}(x)", scope).message
    for name in ("keys", "values"):
        assert "over the limit" in failure(f"{name}(m)", scope).message


def test_a_value_of_too_many_values_is_refused() -> None:
    assert "values" in failure("x", {"x": [[0] * 1000] * 1001}).message


def table(call: Any) -> Any:
    return function_table([Function(name="f", call=call, signature="f(…)", doc="A test.")])


def test_a_plugin_function_cannot_change_what_it_is_given() -> None:
    def grab(data: Any) -> Any:
        data["list"].append(1)
        return data

    scope = {"x": {"list": [0]}}
    assert parse("f(x)", table(grab)).evaluate(scope, now=0) == {"list": [0, 1]}
    assert scope == {"x": {"list": [0]}}


def test_what_a_plugin_function_returns_becomes_plain_data_or_an_error() -> None:
    assert parse("f()", table(lambda: (1, {"a": (2,)}))).evaluate({}, now=0) == [1, {"a": [2]}]
    for bad in ({1}, float("nan"), 2**64, {1: 2}, nested(200), shared(60), "x" * 20_000_000, b""):
        with pytest.raises(ExpressionError):
            parse("[f()]", table(lambda bad=bad: bad)).evaluate({}, now=0)


@pytest.mark.parametrize("error", [ValueError("bad slug"), TypeError("bad slug"), KeyError("bad slug")])
def test_what_a_plugin_function_raises_fails_the_expression(error: Exception) -> None:
    def broken() -> Any:
        raise error

    with pytest.raises(ExpressionError, match=r"f\(…\) failed: .*bad slug"):
        parse("f()", table(broken)).evaluate({}, now=0)


def test_an_exception_without_words_is_told_by_its_name() -> None:
    def broken() -> Any:
        raise RecursionError

    with pytest.raises(ExpressionError, match="RecursionError"):
        parse("f()", table(broken)).evaluate({}, now=0)


def test_a_scope_that_breaks_is_an_expression_error() -> None:
    class Broken(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            raise OSError("gone")

    with pytest.raises(ExpressionError, match="broke off with OSError"):
        parse("a", BUILTINS).evaluate(Broken(), now=0)
