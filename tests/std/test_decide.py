"""``decide``: which values it gives, and what it does where no rule holds, or several do."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.kit import rig

import treadle
from treadle.plugin import Lazy, StepError
from treadle.testing import FakeStep, expression
from treadle_std.steps.decide import Decide, Rule, decide


def table(*conditions: str, **more: Any) -> Decide:
    rules = tuple(Rule(when=expression(each), then=Lazy(f"rule {i}")) for i, each in enumerate(conditions))
    return Decide(rules=rules, **more)


def step(n: int) -> FakeStep:
    return FakeStep(scope={"n": n})


@pytest.mark.parametrize(
    ("n", "hit", "value", "branch"),
    [
        (1, "first", "rule 0", "rules.0"),
        (5, "first", "rule 0", "rules.0"),
        (9, "first", "rule 1", "rules.1"),
        (50, "first", "else", "otherwise"),
        (1, "unique", "rule 0", "rules.0"),
        (50, "unique", "else", "otherwise"),
        (5, "collect", ["rule 0", "rule 1"], "rules.0,rules.1"),
        (50, "collect", ["else"], "otherwise"),
    ],
)
async def test_the_rules_that_hold_give_the_value(n: int, hit: Any, value: Any, branch: str) -> None:
    taken = step(n)
    assert await decide(table("n < 6", "n > 4 and n < 10", hit=hit, otherwise=Lazy("else")), taken) == value
    assert taken.decided == [branch]


async def test_nothing_collected_is_an_empty_list() -> None:
    taken = step(0)
    assert await decide(table("n > 1", hit="collect"), taken) == []
    assert taken.decided == [None]


@pytest.mark.parametrize("hit", ["first", "unique"])
async def test_no_rule_and_no_otherwise_is_a_failure(hit: Any) -> None:
    with pytest.raises(StepError, match="no rule holds, and there is no `otherwise`") as caught:
        await decide(table("n > 1", hit=hit), step(0))
    assert caught.value.name == "decide.none"


async def test_several_rules_where_one_is_wanted_are_a_failure() -> None:
    with pytest.raises(StepError, match="rules 1 and 3 hold, and `hit: unique` takes one") as caught:
        await decide(table("n > 1", "n > 7", "n > 2", hit="unique"), step(5))
    assert (caught.value.name, caught.value.data) == ("decide.several", [0, 2])


async def test_no_condition_after_the_first_that_holds_is_asked() -> None:
    assert await decide(table("n > 1", "n / 0 > 1"), step(5)) == "rule 0"


async def test_a_condition_is_true_or_false() -> None:
    with pytest.raises(StepError, match="must be true or false"):
        await decide(table("n"), step(5))


# --- in a run --------------------------------------------------------------------------------------

SPEC = """
inputs: {n: integer, maybe: {type: integer, required: false}}
steps:
  size:
    decide:
      hit: HIT
      rules:
        - {when: inputs.n > 9, then: {tag: "big-${{ inputs.n }}", parts: ["${{ inputs.n }}", 1]}}
        - {when: inputs.n > 5, then: "${{ inputs.n / 0 }}"}
        - {when: inputs.maybe == null, then: null}
      otherwise: ${{ inputs.maybe + 1 }}
  after:
    set: {got: "${{ default(steps.size.output, 'nothing') }}"}
"""


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"n": 10}, {"tag": "big-10", "parts": [10, 1]}),
        ({"n": 1}, None),
        ({"n": 1, "maybe": 3}, 4),
    ],
)
async def test_only_what_was_chosen_is_evaluated(inputs: dict[str, Any], expected: Any) -> None:
    async with rig() as r:
        state = await r.run(SPEC.replace("HIT", "first"), inputs=inputs)
    assert (state.status, state.steps["size"].output) == ("completed", expected)


async def test_an_error_in_what_was_chosen_fails_the_step() -> None:
    async with rig() as r:
        state = await r.run(SPEC.replace("HIT", "first"), inputs={"n": 6})
    assert state.steps["size"].error.name == "expression"


async def test_collected_values_are_a_list() -> None:
    async with rig() as r:
        state = await r.run(SPEC.replace("HIT", "collect"), inputs={"n": 1})
    assert state.steps["size"].output == [None]


# --- what is known of it before a run ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("hit", "read", "told"),
    [
        ("first", "${{ steps.it.output.tag }}", ""),
        ("first", "${{ steps.it.output.tga }}", "steps.it.output has no field 'tga'; did you mean 'tag'?"),
        ("collect", "${{ steps.it.output[0].tag }}", ""),
        (
            "collect",
            "${{ steps.it.output.tag }}",
            "steps.it.output is a list and has no field 'tag'; "
            "write steps.it.output[0] for its first element",
        ),
    ],
)
def test_what_it_gives_is_known_from_its_rules(hit: str, read: str, told: str) -> None:
    spec = f"""
treadle: 1
name: x
inputs: {{n: integer}}
steps:
  - id: it
    decide:
      hit: {hit}
      rules: [{{when: inputs.n > 1, then: {{tag: big}}}}]
      otherwise: {{tag: "n-${{{{ inputs.n }}}}"}}
outputs: {{x: "{read}"}}
"""
    try:
        found = treadle.loads(spec).warnings
    except treadle.SpecError as exc:
        found = exc.problems
    assert [f"{each.message}; {each.fix}" for each in found] == ([told] if told else [])


def test_secrets_stay_out_of_what_it_gives() -> None:
    spec = """
treadle: 1
name: x
secrets: [TOKEN]
inputs: {n: integer}
steps: [{decide: {rules: [{when: inputs.n > 1, then: "${{ secrets.TOKEN }}"}], otherwise: 1}}]
"""
    with pytest.raises(treadle.SpecError, match="secret 'TOKEN' cannot be read here"):
        treadle.loads(spec)


def test_the_rules_may_stand_alone() -> None:
    spec = """
treadle: 1
name: x
inputs: {n: integer}
steps:
  - id: size
    decide: [{when: inputs.n > 9, then: big}, {when: inputs.n <= 9, then: small}]
  - switch: [{when: steps.size.output == 'big', steps: [{command: make}]}]
outputs: {x: "${{ steps.size.output }}"}
"""
    assert treadle.loads(spec).warnings == ()
