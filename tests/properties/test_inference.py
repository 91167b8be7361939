"""Laws of inference: what it says of a value is true of the value, and what it complains of is wrong."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle._expr import BUILTINS, ExpressionError, ExpressionSyntaxError, parse
from treadle._expr.infer import Facts, infer, infer_condition, proven, refuted, truth
from treadle._expr.narrowing import CONDITION
from treadle._expr.types import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    Type,
    list_of,
    mapping_of,
    of_value,
    or_null,
)
from treadle._expr.values import identity, kind_of

# --- types and values of them ----------------------------------------------------------------------

ENV = Type(kinds=frozenset({"text"}), choices=("staging", "prod"))
STATUS = Type(kinds=frozenset({"text"}), choices=("completed", "skipped"))
OUTPUT = mapping_of({"n": INTEGER, "s": TEXT, "maybe": or_null(NUMBER), "list": list_of(TEXT)})
INPUTS = mapping_of(
    {
        "env": ENV,
        "flag": BOOLEAN,
        "count": INTEGER,
        "ratio": NUMBER,
        "name": TEXT,
        "maybe": or_null(TEXT),
        "size": or_null(INTEGER),
        "tags": list_of(TEXT),
        "numbers": list_of(INTEGER),
        "table": mapping_of({"x": INTEGER, "y": TEXT}),
        "rows": list_of(mapping_of({"key": TEXT, "on": BOOLEAN})),
        "any": ANY,
    }
)
STEPS = mapping_of(
    {
        "sure": mapping_of({"output": OUTPUT, "status": of_value("completed")}),
        "skippable": mapping_of({"output": OUTPUT.missing("it may be skipped"), "status": STATUS}),
    }
)
NAMES = {"inputs": INPUTS, "steps": STEPS}

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "prod"]),
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.sampled_from(["x", "y"]), part, max_size=2),
    max_leaves=3,
)
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "text": st.sampled_from(["", "a", "b", "prod", "5", "x"]),
}


def values_of(type_: Type) -> st.SearchStrategy[Any]:
    if type_.is_any:
        return plain
    if type_.choices is not None:
        return st.sampled_from(type_.choices)
    return st.one_of([_of_kind(type_, kind) for kind in sorted(type_.kinds)])


def _of_kind(type_: Type, kind: str) -> st.SearchStrategy[Any]:
    if kind == "number":
        return st.integers(-4, 4) if type_.whole else st.sampled_from([0, 1, -2, 0.5, 2.5, 3])
    if kind == "list":
        return st.lists(values_of(type_.item or ANY), min_size=1, max_size=2)
    if kind == "mapping":
        assert type_.fields is not None
        optional = {key: values_of(each) for key, each in type_.fields.items() if each.absent}
        required = {key: values_of(each) for key, each in type_.fields.items() if not each.absent}
        return st.fixed_dictionaries(required, optional=optional)
    return _SCALARS[kind]


def _consistent(scope: dict[str, Any]) -> dict[str, Any]:
    """A step has an output exactly if it completed."""
    step = scope["steps"]["skippable"]
    step = {**step, "status": "completed" if "output" in step else "skipped"}
    return {**scope, "steps": {**scope["steps"], "skippable": step}}


scopes = st.fixed_dictionaries({root: values_of(type_) for root, type_ in NAMES.items()}).map(_consistent)


def fits(value: Any, type_: Type) -> bool:
    kind = kind_of(value)
    if kind not in type_.kinds:
        return False
    if type_.choices is not None and identity(value) not in map(identity, type_.choices):
        return False
    if kind == "number" and type_.whole:
        return isinstance(value, int)
    if kind == "list" and type_.item is not None:
        return all(fits(each, type_.item) for each in value)
    if kind == "mapping" and type_.fields is not None:
        known = type_.fields
        if not type_.open and not set(value) <= set(known):
            return False
        return all(fits(each, known[key]) for key, each in value.items() if key in known)
    return True


# --- expressions -----------------------------------------------------------------------------------

paths = st.sampled_from(
    [
        *(f"inputs.{name}" for name in INPUTS.fields or ()),
        *(f"steps.sure.output.{name}" for name in OUTPUT.fields or ()),
        *(f"steps.skippable.output.{name}" for name in ("n", "s", "maybe")),
        "steps.skippable.status",
        "inputs.table.x",
        "inputs.rows[0].key",
        "inputs.rows[0].on",
        "inputs.table[inputs.name]",
        "inputs.any.x",
    ]
)
literals = st.sampled_from(
    [
        "0",
        "1",
        "2.5",
        "'prod'",
        "'staging'",
        "'completed'",
        "'5'",
        "''",
        "true",
        "false",
        "null",
        "[]",
        "['prod', 'a']",
    ]
)
operators = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
)
conditions = st.sampled_from(
    [
        "steps.skippable.status == 'completed'",
        "steps.skippable.status != 'completed'",
        "steps.skippable.status in ['completed']",
        "inputs.maybe != null",
        "inputs.size == null",
        "default(inputs.size, null) != null",
        "default(steps.skippable.status, '') == 'completed'",
        "inputs.flag",
        "inputs.env == 'prod'",
        "inputs.env not in ['prod']",
        "'x' in inputs.any",
    ]
)


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    few = st.lists(parts, min_size=1, max_size=3)
    called = st.sampled_from(sorted(set(BUILTINS) - {"from_json", "format_time", "parse_time", "duration"}))
    return st.one_of(
        st.builds("({} {} {})".format, parts, operators, parts),
        st.builds("({} {} {})".format, conditions, st.sampled_from(["and", "or"]), parts),
        st.builds("({} if {} else {})".format, parts, st.one_of(parts, conditions), parts),
        st.builds("{}[{}]".format, parts, parts),
        st.builds("({} {})".format, st.sampled_from(["not", "-"]), parts),
        st.builds("default({}, {})".format, parts, parts),
        st.builds(lambda name, args: f"{name}({', '.join(args)})", called, few),
        few.map(lambda items: f"[{', '.join(items)}]"),
        st.builds("{{'x': {}, 'y': {}}}".format, parts, parts),
    )


expressions = st.recursive(st.one_of(paths, paths, literals, conditions), combined, max_leaves=6)


def names(root: str) -> Type:
    return NAMES.get(root, ANY)


def parsed(source: str) -> Any:
    try:
        return parse(source, BUILTINS)
    except ExpressionSyntaxError:  # a wrong number of values for a function
        return None


FAILED = object()


def evaluated(expression: Any, scope: dict[str, Any]) -> Any:
    try:
        return expression.evaluate(scope, now=1.5)
    except ExpressionError:
        return FAILED


# --- laws ------------------------------------------------------------------------------------------


@settings(max_examples=400)
@given(expressions, scopes)
def test_a_value_is_of_the_type_that_was_inferred(source: str, scope: dict[str, Any]) -> None:
    expression = parsed(source)
    if expression is None:
        return
    type_, complaints = infer(expression, names)
    value = evaluated(expression, scope)
    if value is FAILED or any(each.code != "TRD433" for each in complaints):
        return
    assert fits(value, type_), (source, value, type_)


PLACES = {"TRD431", "TRD437", "TRD430", "TRD432"}


@settings(max_examples=400)
@given(st.one_of(paths, literals), operators, st.one_of(paths, literals), scopes)
def test_what_is_complained_of_as_wrong_always_fails(
    left: str, operator: str, right: str, scope: dict[str, Any]
) -> None:
    expression = parsed(f"{left} {operator} {right}")
    _, complaints = infer(expression, names)
    value = evaluated(expression, scope)
    decided_before = operator in {"and", "or"}
    if any(each.code in PLACES for each in complaints) and not decided_before:
        assert value is FAILED, (left, operator, right)


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(BUILTINS)), st.lists(st.one_of(paths, literals), min_size=1, max_size=3), scopes
)
def test_a_function_refused_for_its_values_always_fails(
    name: str, arguments: list[str], scope: dict[str, Any]
) -> None:
    expression = parsed(f"{name}({', '.join(arguments)})")
    if expression is None or name == "default":
        return
    _, complaints = infer(expression, names)
    if any(each.code in PLACES for each in complaints):
        assert evaluated(expression, scope) is FAILED


definite = st.sampled_from(
    [
        *(f"inputs.{name}" for name in INPUTS.fields or () if name != "any"),
        *(f"steps.skippable.output.{name}" for name in ("n", "s", "maybe")),
        "inputs.table.x",
        "inputs.nothing",
    ]
)
definite_literals = st.sampled_from(["1", "2.5", "'prod'", "true", "null"])


@settings(max_examples=600)
@given(
    st.one_of(definite, definite_literals),
    operators,
    st.one_of(definite, definite_literals),
    st.one_of(st.just("{}"), conditions.map(lambda test: f"{test} and {{}}")),
    scopes,
)
def test_what_passes_does_not_fail_for_its_kinds(
    left: str, operator: str, right: str, shape: str, scope: dict[str, Any]
) -> None:
    tail = " == 1" if operator in {"+", "-", "*", "/", "//", "%"} else ""
    source = shape.format(f"({left} {operator} {right}){tail}")
    expression = parsed(source)
    _, complaints = infer_condition(expression, names)
    if any(each.code != "TRD433" for each in complaints) or "inputs.any" in source:
        return
    try:
        expression.evaluate(scope, now=1.5)
    except ExpressionError as exc:
        assert "by zero" in exc.message, source  # noqa: PT017  the others pass


@settings(max_examples=400)
@given(
    st.one_of(
        conditions, st.builds("({} {} {})".format, conditions, st.sampled_from(["and", "or"]), conditions)
    ),
    st.booleans(),
    scopes,
)
def test_what_a_condition_proves_is_so(source: str, negated: bool, scope: dict[str, Any]) -> None:
    expression = parsed(f"not {source}" if negated else source)
    value = evaluated(expression, scope)
    if value is FAILED:
        return
    facts: Facts = (proven if value else refuted)(expression, names)
    for path, type_ in facts.items():
        if path[0] == CONDITION:
            continue  # a condition, and no value of the scope
        found = scope
        for key in path:
            found = found[key]
        assert fits(found, type_), (path, type_, found)
    assert truth(expression, names) in {None, value}


SHAPES = [
    "({} and inputs.flag)",
    "(inputs.flag or {})",
    "(1 if {} else 2) == 1",
    "(({} == 'x') == inputs.flag)",
    "(not {} and inputs.env == 'prod')",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_deepest_of_conditions_is_checked_in_no_time(shape: str) -> None:
    source, expression = "inputs.flag", parsed("inputs.flag")
    while (deeper := parsed(shape.format(source))) is not None:
        source, expression = shape.format(source), deeper
    started = time.process_time()
    infer(expression, names)
    assert time.process_time() - started < 0.5
