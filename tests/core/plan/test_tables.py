"""What is told of decision tables before a run, and that none of it is wrong."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle._expr import BUILTINS, parse
from treadle._expr.types import ANY, BOOLEAN, INTEGER, NUMBER, TEXT, Type, or_null
from treadle._plan.tables import Finding, Variable, findings
from treadle._settings.conditions import Table

HEAD = """\
treadle: 1
name: table
inputs:
  env: {type: string, enum: [dev, test, prod], default: dev}
  n: {type: integer, min: 0, max: 10, default: 1}
  ratio: {type: number, default: 1}
  flag: {type: boolean, default: true}
  who: {type: string, default: x}
  size: {type: string, pattern: 's|m|l', default: s}
  maybe: {type: integer, required: false}
"""
USED = "[inputs.env, inputs.n, inputs.ratio, inputs.flag, inputs.who, inputs.size, default(inputs.maybe, 0)]"


def told(step: str) -> list[str]:
    """Everything that is told of a spec with this step."""
    spec = f"{HEAD}steps:\n  - id: it\n    {step}\noutputs:\n  used: ${{{{ {USED} }}}}\n"
    try:
        problems = treadle.loads(spec).warnings
    except treadle.SpecError as exc:
        problems = exc.problems
    return [f"{each.code} {each.path}: {each.message}; {each.fix}" for each in problems]


def rules(*conditions: str, more: str = "") -> str:
    listed = ", ".join(f'{{when: "{each}", then: {index}}}' for index, each in enumerate(conditions))
    return f"decide: {{rules: [{listed}]{more}}}"


def cases(*conditions: str, more: str = "") -> str:
    listed = ", ".join(f'{{when: "{each}", steps: [{{set: {{x: 1}}}}]}}' for each in conditions)
    return f"switch: {{cases: [{listed}]{more}}}"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            rules("inputs.n >= 5", "inputs.n <= 5", more=", hit: unique"),
            "TRD361 steps[0].decide.rules[1].when: rules 1 and 2 both hold where inputs.n is 5, and "
            "`hit: unique` takes one; let one of them exclude the other, or write hit: first",
        ),
        (
            rules(
                "inputs.env == 'dev'", "inputs.env in ['prod', 'test'] or inputs.flag", more=", hit: unique"
            ),
            "TRD361 steps[0].decide.rules[1].when: rules 1 and 2 both hold where inputs.env is 'dev' and "
            "inputs.flag is true, and `hit: unique` takes one; let one of them exclude the other, or write "
            "hit: first",
        ),
        (
            rules("inputs.env == 'dev'", "inputs.env == 'prod'"),
            "TRD362 steps[0].decide: no rule holds where inputs.env is 'test'; "
            "add a rule for it, or `otherwise`",
        ),
        (
            rules("inputs.n < 3", "inputs.n > 3"),
            "TRD362 steps[0].decide: no rule holds where inputs.n is 3; add a rule for it, or `otherwise`",
        ),
        (
            rules("inputs.who == 'a'"),
            "TRD362 steps[0].decide: no rule holds where inputs.who is any other text; "
            "add a rule for it, or `otherwise`",
        ),
        (
            cases("inputs.env == 'dev'", "inputs.env == 'prod'"),
            "TRD362 steps[0].switch: no case holds where inputs.env is 'test'; "
            "add a case for it, or `default`",
        ),
        (
            rules("inputs.n < 5", "inputs.flag", "inputs.n < 3", more=", otherwise: 1"),
            "TRD363 steps[0].decide.rules[2].when: rule 3 is never reached: rules 1 and 2 take all it would; "
            "move it up, or remove it",
        ),
        (
            rules("inputs.n > 10", more=", otherwise: 1"),
            "TRD363 steps[0].decide.rules[0].when: rule 1 can never hold; change its condition, or remove it",
        ),
        (
            rules("inputs.n > 5", "inputs.n <= 5", more=", otherwise: 1"),
            "TRD363 steps[0].decide: `otherwise` is never reached: some rule always holds; "
            "remove it, or one of the rules it stands for",
        ),
        (
            cases("inputs.flag", "not inputs.flag", more=", default: [{set: {x: 1}}]"),
            "TRD363 steps[0].switch: `default` is never reached: some case always holds; "
            "remove it, or one of the rules it stands for",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_told(step: str, expected: str) -> None:
    assert told(step) == [expected]


@pytest.mark.parametrize(
    "step",
    [
        rules("inputs.env == 'dev'", "inputs.env != 'dev'"),
        rules("inputs.n < 3", "inputs.n == 3", "inputs.n > 3", more=", hit: unique"),
        rules("inputs.n < 3", "true"),
        rules("inputs.n < 3", more=", hit: collect"),
        rules("inputs.n > 3", "inputs.n > 2", more=", hit: collect"),
        rules("inputs.size == 's'", "inputs.size == 'm'", "inputs.size == 'l'"),
        rules("inputs.ratio < 0", "0 <= inputs.ratio <= 1", "inputs.ratio > 1", more=", hit: unique"),
        rules("inputs.maybe == null", "inputs.maybe > 3", "inputs.maybe <= 3"),
        rules("inputs.maybe == null", more=", otherwise: '${{ inputs.maybe + 1 }}'"),
        rules("inputs.maybe != null and inputs.maybe > 3", more=", otherwise: 0"),
        rules("len(inputs.who) > 3", "len(inputs.who) <= 3"),
        rules("len(inputs.who) > 3", "inputs.n > 3", more=", hit: unique, otherwise: 0"),
        rules("inputs.who < 'b'", "inputs.who >= 'b'"),
        rules("false", more=", otherwise: 1"),
        rules("inputs.n > 3", more=", otherwise: null"),
        cases("inputs.n > 3"),
        cases("inputs.env == 'prod'"),
        cases("inputs.n > 3", "inputs.n < 2"),
        cases("inputs.maybe == null", "inputs.maybe > 3"),
    ],
)
def test_a_table_in_order_is_left_alone(step: str) -> None:
    assert told(step) == []


def test_what_a_rule_gives_is_judged_where_its_condition_holds() -> None:
    step = "decide: {rules: [{when: inputs.n > 3, then: '${{ inputs.maybe + 1 }}'}], otherwise: 1}"
    assert [each.partition(":")[0] for each in told(step)] == [
        "TRD435 steps[0].decide.rules[0].then",
    ]


def test_a_table_with_too_many_cases_is_left_alone() -> None:
    numbers = range(60)
    conditions_ = [f"inputs.n == {n % 9} and inputs.ratio > {n} and inputs.maybe != {n}" for n in numbers]
    assert told(rules(*conditions_)) == []


# --- against all values ----------------------------------------------------------------------------

TYPES = {
    "flag": BOOLEAN,
    "env": Type(kinds=frozenset({"text"}), choices=("a", "b", "c")),
    "n": INTEGER,
    "text": TEXT,
}
VALUES: dict[str, list[Any]] = {
    "flag": [True, False],
    "env": ["a", "b", "c"],
    "n": list(range(-1, 5)),
    "text": ["a", "b", "something"],
}
LOW, HIGH = -1, 4

tests = st.one_of(
    st.just("inputs.flag"),
    st.builds("inputs.env {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from("abc")),
    st.builds("inputs.text {} '{}'".format, st.sampled_from(["==", "!="]), st.sampled_from("ab")),
    st.builds("inputs.text in {}".format, st.sampled_from(["['a']", "['a', 'b']", "[]"])),
    st.builds(
        "inputs.n {} {}".format,
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.sampled_from(["0", "1", "2.5", "3", "-1", "4"]),
    ),
    st.builds("{} <= inputs.n < {}".format, st.integers(-1, 4), st.integers(-1, 4)),
    st.just("len(inputs.text) > 3"),
    st.sampled_from(["true", "false"]),
)
conditions = st.recursive(
    tests,
    lambda part: st.one_of(
        st.builds("({} {} {})".format, part, st.sampled_from(["and", "or"]), part),
        part.map("(not {})".format),
    ),
    max_leaves=4,
)


def variable(path: tuple[str | int, ...]) -> Variable:
    name = str(path[1])
    return Variable(TYPES[name], *((LOW, HIGH) if name == "n" else ()), declared=True)


def scopes() -> list[dict[str, Any]]:
    return [dict(zip(VALUES, values, strict=True)) for values in itertools.product(*VALUES.values())]


def found(conditions_: list[str], hit: str, *, otherwise: bool) -> list[Finding]:
    parsed = tuple(parse(each, BUILTINS) for each in conditions_)
    return findings(Table("rules", parsed, hit, "otherwise", otherwise, must_hold=True), variable)


@given(st.lists(conditions, min_size=1, max_size=4), st.sampled_from(["first", "unique"]), st.booleans())
def test_what_is_told_is_so_for_all_values(rows: list[str], hit: str, otherwise: bool) -> None:
    held = [[parse(each, BUILTINS).evaluate({"inputs": scope}, now=0) for each in rows] for scope in scopes()]
    told_ = found(rows, hit, otherwise=otherwise)
    for each in told_:
        if each.code == "TRD361":
            assert each.rule is not None
            assert any(row[each.rule] and sum(row) > 1 for row in held)
        elif each.code == "TRD362":
            assert any(not any(row) for row in held)
        elif each.rule is None:
            assert all(any(row) for row in held)
        else:
            assert not any(row[each.rule] and not (hit == "first" and any(row[: each.rule])) for row in held)
    if any("len" in each for each in rows):
        return  # what is more than a comparison may hide anything
    codes = {each.code for each in told_}
    assert ("TRD362" in codes) == (not otherwise and any(not any(row) for row in held))
    assert ("TRD361" in codes) == (hit == "unique" and any(sum(row) > 1 for row in held))


def test_what_is_not_declared_is_judged_by_what_its_type_certainly_holds() -> None:
    def anything(path: tuple[str | int, ...]) -> Variable:
        return Variable({"any": ANY, "number": NUMBER, "maybe": or_null(TEXT)}[str(path[0])])

    def codes(*rows: str) -> list[str]:
        parsed = tuple(parse(each, BUILTINS) for each in rows)
        table = Table("rules", parsed, "first", "otherwise", has_otherwise=False, must_hold=True)
        return [each.code for each in findings(table, anything)]

    assert codes("any == 'a'", "any == 'b'") == []
    assert codes("number == 0", "number > 0") == []
    assert codes("number > 3", "number > 4", "true") == ["TRD363"]
    assert codes("maybe == 'a'", "maybe != 'a' and maybe != null") == ["TRD362"]
