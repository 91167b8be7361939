"""What a rollback at one step would take back, and who asks for it."""

from typing import Any

import pytest

from treadle import loads
from treadle._plan.plan import Plan
from treadle._plan.preview import owed_at_each, preview, rollbacks

UNDO = "undo: {wait: 0s}"


def plan_of(steps: str, more: str = "") -> Plan:
    return loads(f"treadle: 1\nname: x\n{more}\nsteps:\n{steps}").plan


NESTED = f"""
  a: {{wait: 0s, {UNDO}}}
  ship:
    needs: a
    sequence:
      - {{id: one, wait: 0s, {UNDO}}}
      - {{id: two, wait: 0s, {UNDO}, undo_after: attempted, on_error: STRATEGY}}
  side: {{wait: 0s, {UNDO}}}
"""


@pytest.mark.parametrize(
    ("strategy", "asked_by", "scope", "undoes", "may_undo"),
    [
        ("rollback", "ship.two", "run", ("ship.two", "ship.one", "a"), ("side",)),
        ("{rollback: {scope: block}}", "ship.two", "block", ("ship.two", "ship.one"), ()),
        ("fail_fast", None, "run", ("ship.two", "ship.one", "a"), ("side",)),
    ],
)
def test_the_scope_of_the_strategy_says_how_far_it_goes(
    strategy: str, asked_by: str | None, scope: str, undoes: Any, may_undo: Any
) -> None:
    found = preview(plan_of(NESTED.replace("STRATEGY", strategy)), "ship.two")
    assert found is not None
    assert (found.asked_by, found.scope, found.undoes, found.may_undo) == (asked_by, scope, undoes, may_undo)


def test_a_failure_bubbles_to_the_strategy_that_takes_it_back() -> None:
    plan = plan_of(NESTED.replace("STRATEGY", "fail_fast"), "on_error: rollback")
    found = preview(plan, "ship.two")
    assert found is not None
    assert found.asked_by == "ship"


@pytest.mark.parametrize(
    ("strategy", "tolerated", "person"), [("continue", "ship.two", None), ("escalate", None, "ship.two")]
)
def test_a_failure_that_goes_no_further_is_told(strategy: str, tolerated: Any, person: Any) -> None:
    found = preview(plan_of(NESTED.replace("STRATEGY", strategy), "on_error: rollback"), "ship.two")
    assert found is not None
    assert (found.asked_by, found.tolerated, found.person) == (None, tolerated, person)


def test_what_completed_inside_a_failed_step_is_taken_back_by_its_own_undos() -> None:
    steps = f"""
  whole:
    {UNDO}
    parallel: {{x: {{wait: 0s, {UNDO}}}, y: {{wait: 0s, {UNDO}}}}}
  each: {{foreach: [1, 2], wait: 0s, {UNDO}, needs: whole}}
"""
    assert rollbacks(plan_of(steps)) == {
        "whole": {"undoes": [], "may_undo": ["whole.y", "whole.x"]},
        "whole.x": {"undoes": [], "may_undo": ["whole.y"]},
        "whole.y": {"undoes": [], "may_undo": ["whole.x"]},
        "each": {"undoes": ["whole"], "may_undo": ["each"]},
    }


def test_other_elements_may_have_completed_what_one_fails_at() -> None:
    steps = f"""
  each:
    foreach: [1, 2]
    sequence: [{{id: x, wait: 0s, {UNDO}}}, {{id: y, wait: 0s}}]
  whole:
    needs: each
    foreach: [1, 2]
    sequence: [{{id: x, wait: 0s, {UNDO}}}]
    {UNDO}
"""
    found = rollbacks(plan_of(steps))
    assert found["each.y"] == {"undoes": ["each.x"], "may_undo": ["each.x"]}
    assert found["each.x"] == {"undoes": [], "may_undo": ["each.x"]}
    assert found["whole.x"] == {"undoes": ["each.x"], "may_undo": ["whole"]}
    told = preview(plan_of(steps), "whole.x")
    assert told is not None
    assert (told.undoes, told.may_undo) == (("each.x",), ("whole",))


def test_there_is_no_rollback_at_clean_up_or_at_what_is_not_there() -> None:
    plan = loads(
        "treadle: 1\nname: x\nsteps: [{wait: 0s, id: a, undo: {wait: 0s}}]\nfinally: [{id: z, wait: 0s}]"
    ).plan
    assert preview(plan, "finally.z") is None
    assert preview(plan, "b") is None
    for path in plan.paths:
        if "undo" in path:
            assert preview(plan, path) is None


def test_what_a_preview_says_of_the_run_is_what_the_table_says() -> None:
    plan = plan_of(NESTED.replace("STRATEGY", "fail_fast"))
    for path, owed in owed_at_each(plan):
        found = preview(plan, path)
        assert found is not None
        assert [*found.undoes] == owed.undoes
        assert [*found.may_undo] == owed.may_undo


def test_a_chain_of_ten_thousand_undos_is_told_without_writing_them_all_out() -> None:
    steps = [{"id": f"s{n}", "wait": "0s", "undo": {"wait": "0s"}} for n in range(10_000)]
    from treadle import from_data

    plan = from_data({"treadle": 1, "name": "x", "steps": steps}).plan
    counts = [len(owed.before) for _, owed in owed_at_each(plan)]
    assert counts == list(range(10_000))
