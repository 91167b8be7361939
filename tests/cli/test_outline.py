"""The outline of plans that are built by hand; `treadle plan` on text is in test_plan.py."""

from typing import Any

import pytest
from tests.core.specs_by_hand import INSTALLED, Together, spec_of

from treadle._cli.outline import outline, rollbacks
from treadle._plan.plan import Plan, compile_plan

UNDO = {"undo": {"u": {}}}


def plan_of(steps: Any, **more: Any) -> Plan:
    plan, problems = compile_plan(spec_of(steps, **more), INSTALLED)
    assert plan is not None, problems
    return plan


def test_steps_come_by_level_with_what_they_need() -> None:
    steps = {
        "c": {"needs": {"a": "settled"}, "when": "inputs == null"},
        "a": {},
        "b": {"text": "${{ steps.a.output }}"},
        "d": {"needs": {"at_least": 1, "of": ["a", "b"]}},
    }
    about = outline(plan_of({**steps, "c": {"needs": {"a": "settled"}}}))
    assert [(step["id"], step["level"]) for step in about["steps"]] == [
        ("a", 1),
        ("c", 2),
        ("b", 2),
        ("d", 3),
    ]
    needs = {step["id"]: step["needs"] for step in about["steps"]}
    assert needs["c"] == [{"id": "a", "result": "settled", "inferred": None}]
    assert needs["b"][0]["id"] == "a"
    assert "steps.a.output" in needs["b"][0]["inferred"]
    assert about["steps"][3]["at_least"] == {"count": 1, "of": ["a", "b"]}
    assert about["steps"][0]["at_least"] is None


def test_blocks_are_inside_their_steps_and_finally_is_apart() -> None:
    about = outline(plan_of({"all": {"blocks": [Together(x={}, y={})]}}, finally_=[{"id": "tidy"}]))
    (inner,) = about["steps"][0]["blocks"]
    assert [step["path"] for step in inner["steps"]] == ["all.x", "all.y"]
    assert [step["path"] for step in about["finally"]] == ["finally.tidy"]
    assert about["workflow"] == "test"


@pytest.mark.parametrize(
    ("foreach", "shown"), [(["a", "b"], "2 elements"), ("${{ inputs }}", "${{ inputs }}")]
)
def test_a_foreach_is_shown_by_size_or_source(foreach: Any, shown: str) -> None:
    spec = spec_of({"a": {"foreach": foreach}})
    plan, _ = compile_plan(spec, INSTALLED)
    if plan is not None:
        assert outline(plan)["steps"][0]["foreach"] == shown


def test_a_rollback_takes_back_what_the_failed_step_waited_for_newest_first() -> None:
    found = rollbacks(plan_of([{"id": "a", **UNDO}, {"id": "b", **UNDO}, {"id": "c"}]))
    assert found == {
        "b": {"undoes": ["a"], "may_undo": []},
        "c": {"undoes": ["b", "a"], "may_undo": []},
    }


def test_what_runs_beside_the_failed_step_may_be_taken_back_and_what_waits_for_it_not() -> None:
    steps = {"a": {**UNDO}, "b": {"needs": "a"}, "c": {"needs": "b", **UNDO}, "d": {"needs": "a", **UNDO}}
    assert rollbacks(plan_of(steps))["b"] == {"undoes": ["a"], "may_undo": ["d"]}


def test_an_undo_of_a_block_replaces_those_inside_it() -> None:
    inner = [{"id": "x", **UNDO}, {"id": "y", **UNDO}]
    steps = [{"id": "whole", "blocks": [inner], **UNDO}, {"id": "parts", "blocks": [inner]}, {"id": "end"}]
    found = rollbacks(plan_of(steps))
    assert found["end"]["undoes"] == ["parts.y", "parts.x", "whole"]


def test_a_step_inside_a_block_takes_back_what_is_before_it_there_and_outside() -> None:
    steps = [{"id": "a", **UNDO}, {"id": "b", "blocks": [[{"id": "x", **UNDO}, {"id": "y"}]]}]
    found = rollbacks(plan_of(steps))
    assert found["b.y"] == {"undoes": ["b.x", "a"], "may_undo": []}
    assert found["b.x"] == {"undoes": ["a"], "may_undo": []}


def test_nothing_is_said_where_nothing_can_be_undone() -> None:
    assert rollbacks(plan_of([{"id": "a"}, {"id": "b"}])) == {}
