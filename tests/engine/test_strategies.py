"""Each error strategy in each place, with exact times. A person's answers are in `test_strategy_escalate`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.engine.kit import events, lives, rig, took

from treadle.plugin import Decision, Fail, StepFailure, Strategy, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    import trio

FAST, LATE, GO_ON = "fail_fast", "fail_late", "continue"
BACK, BLOCK_BACK = "rollback", "{rollback: {scope: block}}"


def written(spec: str, **strategies: str) -> str:
    """*spec* with each ``@PLACE`` replaced by the strategy given for that place, or by nothing."""
    for place in ("step", "block", "outer", "workflow"):
        strategy = strategies.get(place)
        said = "" if strategy is None else f"on_error: {strategy}"
        spec = re.sub(rf"^( *)@{place}$", rf"\1{said}", spec, flags=re.MULTILINE)
        spec = spec.replace(f" @{place}", f", {said}" if said else "")
    return spec


@attrs.frozen
class Case:
    """Where a strategy is written, and how the run must go.

    Attributes:
      lives: as in `kit.lives`, in any order.
      error: ``path name`` of the run's.
      rollback: how many steps a rollback of the run took back; None where there was none.
    """

    written: dict[str, str]
    status: str
    took: float
    lives: dict[str, str]
    error: str | None = None
    tolerated: int = 0
    rollback: int | None = None

    def __str__(self) -> str:
        return ",".join(f"{place}={strategy}" for place, strategy in self.written.items()) or "nothing"


async def check(spec: str, case: Case) -> None:
    async with rig() as r:
        state = await r.run(written(spec, **case.written))
    told = state.error
    assert lives(state, r.ledger) == case.lives
    assert (state.status, took(state), state.tolerated) == (case.status, case.took, case.tolerated)
    assert (None if told is None else f"{told.path} {told.name}") == case.error
    assert (None if state.rollback is None else state.rollback["undone"]) == case.rollback


def either(one: str, other: str, strategy: str, *rest: Any, **more: Any) -> list[Case]:
    """The same case twice: the strategy written in *one* place, and in the *other*."""
    return [Case({place: strategy}, *rest, **more) for place in (one, other)]


# --- a step directly under `steps` ---

FLAT = """
@workflow
steps:
  done: {act: {takes: 1s}, undo: {act: {takes: 1s}}}
  bad: {act: {takes: 2s, fails: 9} @step}
  slow: {act: {takes: 5s}}
  after: {needs: bad, act: {takes: 1s}}
"""

STOPPED = {"done": "completed 0-1", "bad": "failed 0-2", "slow": "cancelled 0-2", "after": "omitted"}
DRAINED = STOPPED | {"slow": "completed 0-5"}
GONE_ON = DRAINED | {"bad": "tolerated 0-2", "after": "completed 2-3"}
TAKEN_BACK = STOPPED | {"done.undo": "completed 2-3"}

FLAT_CASES = [
    Case({}, "failed", 2, STOPPED, "bad broken"),
    *either("step", "workflow", FAST, "failed", 2, STOPPED, "bad broken"),
    *either("step", "workflow", LATE, "failed", 5, DRAINED, "bad broken"),
    *either("step", "workflow", GO_ON, "completed", 5, GONE_ON, tolerated=1),
    *either("step", "workflow", BACK, "rolled_back", 3, TAKEN_BACK, "bad broken", rollback=1),
    *either("step", "workflow", BLOCK_BACK, "failed", 3, TAKEN_BACK, "bad broken"),
    Case({"step": FAST, "workflow": GO_ON}, "failed", 2, STOPPED, "bad broken"),
    Case({"step": GO_ON, "workflow": BACK}, "completed", 5, GONE_ON, tolerated=1),
]


@pytest.mark.parametrize("case", FLAT_CASES, ids=str)
async def test_a_step_directly_under_steps(case: Case, autojump_clock: trio.testing.MockClock) -> None:
    await check(FLAT, case)


# --- a step in a parallel block ---

IN_BLOCK = """
@workflow
steps:
  before: {act: {takes: 3s}, undo: {act: {takes: 2s}}}
  group:
    needs: before
    @block
    parallel:
      done: {act: {takes: 1s}, undo: {act: {takes: 1s}}}
      bad: {act: {takes: 2s, fails: 9} @step}
      slow: {act: {takes: 5s}}
      after: {needs: bad, act: {takes: 1s}}
  beside: {act: {takes: 10s}}
  next: {needs: group, act: {takes: 1s}}
"""

GROUP_STOPPED = {
    "before": "completed 0-3",
    "group": "failed",
    "group.done": "completed 3-4",
    "group.bad": "failed 3-5",
    "group.slow": "cancelled 3-5",
    "group.after": "omitted",
    "beside": "cancelled 0-5",
    "next": "omitted",
}
GROUP_DRAINED = GROUP_STOPPED | {"group.slow": "completed 3-8", "beside": "cancelled 0-8"}
ALL_DRAINED = GROUP_DRAINED | {"beside": "completed 0-10"}
CHILD_TOLERATED = ALL_DRAINED | {
    "group": "completed",
    "group.bad": "tolerated 3-5",
    "group.after": "completed 5-6",
    "next": "completed 8-9",
}
GROUP_TOLERATED = GROUP_STOPPED | {
    "group": "tolerated",
    "next": "completed 5-6",
    "beside": "completed 0-10",
}
GROUP_BACK = GROUP_STOPPED | {"group.done.undo": "completed 5-6", "beside": "cancelled 0-6"}
ALL_BACK = GROUP_STOPPED | {"group.done.undo": "completed 5-6", "before.undo": "completed 6-8"}

BLOCK_CASES = [
    Case({}, "failed", 5, GROUP_STOPPED, "group.bad broken"),
    Case({"step": FAST}, "failed", 5, GROUP_STOPPED, "group.bad broken"),
    Case({"step": LATE}, "failed", 8, GROUP_DRAINED, "group.bad broken"),
    Case({"step": GO_ON}, "completed", 10, CHILD_TOLERATED, tolerated=1),
    Case({"step": BACK}, "rolled_back", 8, ALL_BACK, "group.bad broken", rollback=2),
    Case({"step": BLOCK_BACK}, "failed", 6, GROUP_BACK, "group.bad broken"),
    *either("block", "workflow", FAST, "failed", 5, GROUP_STOPPED, "group.bad broken"),
    *either("block", "workflow", LATE, "failed", 10, ALL_DRAINED, "group.bad broken"),
    *either("block", "workflow", GO_ON, "completed", 10, GROUP_TOLERATED, tolerated=1),
    *either("block", "workflow", BACK, "rolled_back", 8, ALL_BACK, "group.bad broken", rollback=2),
    *either("block", "workflow", BLOCK_BACK, "failed", 8, ALL_BACK, "group.bad broken"),
    # what is nearer wins, and only fail_fast and fail_late reach the steps of a block
    Case({"block": LATE, "workflow": BACK}, "failed", 10, ALL_DRAINED, "group.bad broken"),
    Case({"block": FAST, "workflow": LATE}, "failed", 5, GROUP_STOPPED, "group.bad broken"),
    Case({"step": GO_ON, "block": BACK, "workflow": BACK}, "completed", 10, CHILD_TOLERATED, tolerated=1),
]


@pytest.mark.parametrize("case", BLOCK_CASES, ids=str)
async def test_a_step_in_a_parallel_block(case: Case, autojump_clock: trio.testing.MockClock) -> None:
    await check(IN_BLOCK, case)


# --- a step in a block in a block ---

NESTED = """
@workflow
steps:
  outer:
    @outer
    sequence:
      - {id: first, act: {takes: 1s}, undo: {act: {takes: 1s}}}
      - id: inner
        @block
        parallel:
          done: {act: {takes: 500ms}, undo: {act: {takes: 1s}}}
          bad: {act: {takes: 1s, fails: 9} @step}
          slow: {act: {takes: 4s}}
      - {id: last, act: {takes: 1s}}
  beside: {act: {takes: 10s}}
"""

INNER_STOPPED = {
    "outer": "failed",
    "outer.first": "completed 0-1",
    "outer.inner": "failed",
    "outer.inner.done": "completed 1-1.5",
    "outer.inner.bad": "failed 1-2",
    "outer.inner.slow": "cancelled 1-2",
    "outer.last": "omitted",
    "beside": "cancelled 0-2",
}
INNER_DRAINED = INNER_STOPPED | {"outer.inner.slow": "completed 1-5", "beside": "cancelled 0-5"}
OUTER_DRAINED = INNER_DRAINED | {"beside": "completed 0-10"}
DEEP_TOLERATED = OUTER_DRAINED | {
    "outer": "completed",
    "outer.inner": "completed",
    "outer.inner.bad": "tolerated 1-2",
    "outer.last": "completed 5-6",
}
INNER_TOLERATED = INNER_STOPPED | {
    "outer": "completed",
    "outer.inner": "tolerated",
    "outer.last": "completed 2-3",
    "beside": "completed 0-10",
}
OUTER_TOLERATED = INNER_STOPPED | {"outer": "tolerated", "beside": "completed 0-10"}
DEEP_BACK = INNER_STOPPED | {"outer.inner.done.undo": "completed 2-3", "outer.first.undo": "completed 3-4"}
INNER_BACK = INNER_STOPPED | {"outer.inner.done.undo": "completed 2-3", "beside": "cancelled 0-3"}

DEEP = "outer.inner.bad broken"
NESTED_CASES = [
    Case({}, "failed", 2, INNER_STOPPED, DEEP),
    Case({"step": FAST}, "failed", 2, INNER_STOPPED, DEEP),
    *either("step", "block", LATE, "failed", 5, INNER_DRAINED, DEEP),
    Case({"step": GO_ON}, "completed", 10, DEEP_TOLERATED, tolerated=1),
    Case({"block": GO_ON}, "completed", 10, INNER_TOLERATED, tolerated=1),
    # `outer` had not failed when the rollback, a fact of the run, cancelled it
    Case({"step": BACK}, "rolled_back", 4, DEEP_BACK | {"outer": "cancelled"}, DEEP, rollback=2),
    Case({"block": BACK}, "rolled_back", 4, DEEP_BACK, DEEP, rollback=2),
    Case({"step": BLOCK_BACK}, "failed", 3, INNER_BACK, DEEP),
    Case({"block": BLOCK_BACK}, "failed", 4, DEEP_BACK | {"beside": "cancelled 0-4"}, DEEP),
    *either("outer", "workflow", FAST, "failed", 2, INNER_STOPPED, DEEP),
    *either("outer", "workflow", LATE, "failed", 10, OUTER_DRAINED, DEEP),
    *either("outer", "workflow", GO_ON, "completed", 10, OUTER_TOLERATED, tolerated=1),
    *either("outer", "workflow", BACK, "rolled_back", 4, DEEP_BACK, DEEP, rollback=2),
    *either("outer", "workflow", BLOCK_BACK, "failed", 4, DEEP_BACK, DEEP),
    Case(
        {"block": FAST, "outer": LATE},
        "failed",
        10,
        INNER_STOPPED | {"beside": "completed 0-10"},
        DEEP,
    ),
]


@pytest.mark.parametrize("case", NESTED_CASES, ids=str)
async def test_a_step_in_a_block_in_a_block(case: Case, autojump_clock: trio.testing.MockClock) -> None:
    await check(NESTED, case)


# --- elements ---

LEAVES = """
@workflow
steps:
  push:
    @step
    foreach: [{takes: 1s}, {takes: 2s, fails: 9}, {takes: 5s}, {takes: 1s}]
    max_parallel: 2
    act: {takes: "${{ item.takes }}", fails: "${{ default(item.fails, 0) }}"}
    undo: {act: {takes: 1s}}
  beside: {act: {takes: 10s}}
  next: {needs: push, act: {takes: 1s}}
"""

LEAVES_STOPPED = {
    "push": "failed",
    "push.0": "completed 0-1",
    "push.1": "failed 0-2",
    "push.2": "cancelled 1-2",
    "beside": "cancelled 0-2",
    "next": "omitted",
}
LEAVES_DRAINED = LEAVES_STOPPED | {
    "push.2": "completed 1-6",
    "push.3": "completed 2-3",
    "beside": "completed 0-10",
}
LEAF_TOLERATED = LEAVES_DRAINED | {
    "push": "completed",
    "push.1": "tolerated 0-2",
    "next": "completed 6-7",
}
LEAVES_BACK = LEAVES_STOPPED | {"push.0.undo": "completed 2-3"}

LEAVES_CASES = [
    Case({}, "failed", 2, LEAVES_STOPPED, "push.1 broken"),
    *either("step", "workflow", FAST, "failed", 2, LEAVES_STOPPED, "push.1 broken"),
    *either("step", "workflow", LATE, "failed", 10, LEAVES_DRAINED, "push.1 broken"),
    *either("step", "workflow", GO_ON, "completed", 10, LEAF_TOLERATED, tolerated=1),
    *either("step", "workflow", BACK, "rolled_back", 3, LEAVES_BACK, "push.1 broken", rollback=1),
    *either("step", "workflow", BLOCK_BACK, "failed", 3, LEAVES_BACK, "push.1 broken"),
]


@pytest.mark.parametrize("case", LEAVES_CASES, ids=str)
async def test_an_element_that_is_one_step(case: Case, autojump_clock: trio.testing.MockClock) -> None:
    await check(LEAVES, case)


BLOCKS = """
@workflow
steps:
  ship:
    @block
    foreach: [{take: 1s, put: 2s}, {take: 500ms, put: 1s, fails: 9}]
    sequence:
      - {id: take, act: {takes: "${{ item.take }}"}, undo: {act: {takes: 1s}}}
      - {id: put, act: {takes: "${{ item.put }}", fails: "${{ default(item.fails, 0) }}"} @step}
      - {id: tell, act: {takes: 2s}}
  beside: {act: {takes: 10s}}
"""

BLOCKS_STOPPED = {
    "ship": "failed",
    "ship.0": "cancelled",
    "ship.0.take": "completed 0-1",
    "ship.0.put": "cancelled 1-1.5",
    "ship.0.tell": "omitted",
    "ship.1": "failed",
    "ship.1.take": "completed 0-0.5",
    "ship.1.put": "failed 0.5-1.5",
    "ship.1.tell": "omitted",
    "beside": "cancelled 0-1.5",
}
BLOCKS_DRAINED = BLOCKS_STOPPED | {
    "ship.0": "completed",
    "ship.0.put": "completed 1-3",
    "ship.0.tell": "completed 3-5",
    "beside": "completed 0-10",
}
ELEMENT_TOLERATED = BLOCKS_DRAINED | {"ship": "completed", "ship.1": "tolerated"}
PUT_TOLERATED = BLOCKS_DRAINED | {
    "ship": "completed",
    "ship.1": "completed",
    "ship.1.put": "tolerated 0.5-1.5",
    "ship.1.tell": "completed 1.5-3.5",
}
BLOCKS_BACK = BLOCKS_STOPPED | {
    "ship.0.take.undo": "completed 1.5-2.5",
    "ship.1.take.undo": "completed 2.5-3.5",
}
ELEMENT_BACK = BLOCKS_STOPPED | {
    "ship.1.take.undo": "completed 1.5-2.5",
    "ship.0.put": "cancelled 1-2.5",
    "beside": "cancelled 0-2.5",
}

PUT = "ship.1.put broken"
BLOCKS_CASES = [
    Case({}, "failed", 1.5, BLOCKS_STOPPED, PUT),
    *either("block", "workflow", FAST, "failed", 1.5, BLOCKS_STOPPED, PUT),
    *either("block", "workflow", LATE, "failed", 10, BLOCKS_DRAINED, PUT),
    *either("block", "workflow", GO_ON, "completed", 10, ELEMENT_TOLERATED, tolerated=1),
    *either("block", "workflow", BACK, "rolled_back", 3.5, BLOCKS_BACK, PUT, rollback=2),
    *either("block", "workflow", BLOCK_BACK, "failed", 3.5, BLOCKS_BACK, PUT),
    Case({"step": LATE}, "failed", 1.5, BLOCKS_STOPPED, PUT),  # in a list the same as fail_fast
    Case({"step": GO_ON}, "completed", 10, PUT_TOLERATED, tolerated=1),
    Case({"step": BACK}, "rolled_back", 3.5, BLOCKS_BACK | {"ship": "cancelled"}, PUT, rollback=2),
    Case({"step": BLOCK_BACK}, "failed", 2.5, ELEMENT_BACK, PUT),
]


@pytest.mark.parametrize("case", BLOCKS_CASES, ids=str)
async def test_an_element_that_is_a_block(case: Case, autojump_clock: trio.testing.MockClock) -> None:
    await check(BLOCKS, case)


# --- what is told ---

BESIDES = """
steps:
  bad: {act: {takes: 2s, fails: 9} @step}
  after: {needs: bad, act: {}}
  then: {needs: after, act: {}}
  slow: {act: {takes: 5s}}
"""


@pytest.mark.parametrize(
    ("strategy", "slow", "after", "then"),
    [
        (FAST, "bad failed", "stopped: bad failed", "stopped: bad failed"),
        (LATE, None, "needs bad, which failed", "needs after, which was omitted"),
        (GO_ON, None, None, None),
        (
            BACK,
            "bad failed, which asks for a rollback",
            "stopped: bad failed, which asks for a rollback",
            "stopped: bad failed, which asks for a rollback",
        ),
        (BLOCK_BACK, "bad failed", "stopped: bad failed", "stopped: bad failed"),
    ],
)
async def test_what_did_not_run_says_why(
    strategy: str, slow: str, after: str, then: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(written(BESIDES, step=strategy))
    reasons = {path: step.reason for path, step in state.steps.items() if path != "bad"}
    assert reasons == {"slow": slow, "after": after, "then": then}


async def test_dependants_read_a_tolerated_error(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  bad: {act: {fails: 9, error: disk.full}, on_error: continue}
  after:
    act: {output: "${{ steps.bad.status }}: ${{ steps.bad.error.name }}, ${{ steps.bad.error.message }}"}
outputs: {seen: "${{ steps.after.output }}"}
""")
    assert state.outputs == {"seen": "failed: disk.full, bad failed"}
    assert state.tolerated == 1


async def test_a_settled_step_without_an_error_has_null_as_its_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  fine: {act: {}, on_error: continue}
  skipped: {when: "1 > 2", act: {}}
  bad: {act: {fails: 9}, on_error: continue}
  after: {when: steps.fine.error == null and steps.skipped.error == null, act: {output: ran}}
  other: {when: steps.bad.error == null, act: {output: ran}}
outputs: {seen: "${{ [steps.fine.error, steps.skipped.error, steps.after.status, steps.other.status] }}"}
""")
    assert state.outputs == {"seen": [None, None, "completed", "skipped"]}


async def test_a_failed_foreach_keeps_its_list_with_nulls(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  push:
    foreach: [a, b, c]
    act: {fails: "${{ 9 if item == 'b' else 0 }}", output: "${{ item }}"}
    on_error: fail_late
""")
    assert state.status == "failed"
    assert state.steps["push"].output == ["a", None, "c"]


async def test_the_first_fatal_failure_names_the_error(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: fail_late
steps:
  late: {act: {takes: 2s, fails: 9, error: second}}
  early: {act: {takes: 1s, fails: 9, error: first}}
""")
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("early", "first")


async def test_a_rollback_is_told_in_this_order(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: rollback
steps:
  - {id: one, act: {takes: 1s}, undo: {act: {takes: 1s}}}
  - {id: two, act: {takes: 1s}, undo: {act: {takes: 1s}}}
  - {id: bad, act: {fails: 9}}
finally: [{id: tidy, act: {}}]
""")
        seen = await events(run)
    from_failure = [event for event in seen if event.seq is not None and event.seq > 6]
    assert [f"{event.type} {event.step or ''}".strip() for event in from_failure] == [
        "step.started bad",
        "step.failed bad",
        "workflow.rolling_back",
        "step.undoing two",
        "step.started two.undo",
        "step.completed two.undo",
        "step.undone two",
        "step.undoing one",
        "step.started one.undo",
        "step.completed one.undo",
        "step.undone one",
        "workflow.ending",
        "step.started finally.tidy",
        "step.completed finally.tidy",
        "workflow.rolled_back",
    ]
    completed = {event.step: event.seq for event in seen if event.type == "step.completed"}
    undone = [(event.step, event.data["of"]) for event in seen if event.type == "step.undone"]
    assert undone == [("two", completed["two"]), ("one", completed["one"])]


async def test_a_decision_is_journaled_with_the_failure(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - {id: a, act: {fails: 9}, on_error: continue}
  - {id: b, act: {fails: 9}}
""")
        seen = await events(run)
    failed = {event.step: event.data["decision"] for event in seen if event.type == "step.failed"}
    assert failed == {"a": "tolerate", "b": "stop"}
    assert [event.step for event in seen if event.type == "step.tolerated"] == ["a"]


async def test_a_failure_so_handled_still_fails_the_block_unless_tolerated(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  bad: {act: {takes: 1s, fails: 9}, on_error: fail_late}
  mend: {needs: {bad: failed}, act: {takes: 1s}}
""")
    assert lives(state, r.ledger) == {"bad": "failed 0-1", "mend": "completed 1-2"}
    assert state.status == "failed"


class Breaks:
    """A plugin whose strategy has a bug."""

    @staticmethod
    @hookimpl
    def treadle_error_strategies() -> Iterable[Strategy[Any]]:
        def decide(_config: Any, failure: StepFailure) -> Decision:
            raise LookupError(failure.path)

        return [Strategy(name="breaks", config=NoSettings, decide=decide, may=lambda _: (Fail(),))]


@attrs.frozen(kw_only=True)
class NoSettings:
    """None."""


async def test_a_strategy_that_breaks_counts_as_fail_fast_and_the_failure_says_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(plugins=[Breaks]) as r:
        state = await r.run("""
steps:
  bad: {act: {takes: 1s, fails: 9}, on_error: breaks}
  slow: {act: {takes: 5s}}
""")
    assert lives(state, r.ledger) == {"bad": "failed 0-1", "slow": "cancelled 0-1"}
    assert state.error is not None
    assert state.error.name == "broken"
    assert state.error.message == "bad failed; and its error strategy 'breaks' is broken"
