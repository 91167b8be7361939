"""The simplest lives of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.kit import events, rig, statuses

if TYPE_CHECKING:
    import trio


async def test_a_list_runs_in_order(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, act: {takes: 1s}}, {id: b, act: {takes: 2s}}]")
    assert state.status == "completed"
    assert r.ledger.lines == [(0.0, "start", "a"), (1.0, "end", "a"), (1.0, "start", "b"), (3.0, "end", "b")]
    assert state.steps["b"].output == {"name": "b", "attempt": 1}


async def test_a_graph_starts_each_step_as_soon_as_it_can(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  a: {act: {takes: 1s}}
  b: {act: {takes: 3s}}
  c: {needs: a, act: {takes: 1s}}
  d: {needs: [b, c], act: {}}
""")
    assert state.status == "completed"
    assert [r.ledger.at("start", name) for name in "abcd"] == [0, 0, 1, 3]


async def test_events_are_numbered_without_a_gap_and_end_once(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [act: {takes: 1s}, act: {fails: 1}, act: {}]")
        seen = await events(run)
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert [event.type for event in seen] == [
        "workflow.accepted",
        "workflow.started",
        "step.started",
        "step.completed",
        "step.started",
        "step.failed",
        "step.omitted",
        "workflow.failed",
    ]


async def test_what_a_failure_stopped_is_told_with_the_reason(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  bad: {act: {takes: 1s, fails: 9}}
  slow: {act: {takes: 5s}}
  after: {needs: slow, act: {}}
""")
    assert statuses(state) == {"bad": "failed", "slow": "cancelled", "after": "omitted"}
    assert state.steps["slow"].reason == "bad failed"
    assert state.steps["after"].reason == "stopped: bad failed"
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("bad", "broken")
    assert state.ended_at is not None
    assert state.started_at is not None
    assert state.ended_at - state.started_at == 1
