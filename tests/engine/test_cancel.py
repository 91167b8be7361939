"""Cancel: what it stops, what it leaves, and who is told. Times are virtual and exact."""

from __future__ import annotations

import pytest
import trio
from tests.engine.kit import events, rig, statuses
from tests.engine.odd import journal, one

import treadle


async def test_everything_running_is_cancelled_at_once_and_the_rest_is_omitted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - {id: done, act: {}}
  - id: block
    parallel:
      leaf: {act: {takes: 9s}}
      nested: {sequence: [{id: x, act: {takes: 9s}}, {id: y, act: {}}]}
      all: {foreach: [1, 2], max_parallel: 1, act: {takes: 9s}}
  - {id: after, act: {}}
""")
        await trio.sleep(3)
        await run.cancel("no longer wanted")
        state = await run.wait()
    assert statuses(state) == {
        "done": "completed",
        "block.leaf": "cancelled",
        "block.nested.x": "cancelled",
        "block.nested.y": "omitted",
        "block.nested": "cancelled",
        "block.all.0": "cancelled",
        "block.all": "cancelled",
        "block": "cancelled",
        "after": "omitted",
    }
    assert state.steps["after"].reason == "stopped: the run was cancelled (no longer wanted)"
    assert (state.status, state.reason, state.error) == ("cancelled", "no longer wanted", None)
    assert trio.current_time() == 3


async def test_a_cancel_is_accepted_at_once_and_the_run_ends_after_the_clean_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 9s, cleanup: 4s}}]")
        await trio.sleep(1)
        await run.cancel()
        assert (run.status, trio.current_time()) == ("cancelling", 1)
        await run.cancel()
        await run.wait()
        told = await journal(run)
    assert trio.current_time() == 5
    assert told[-5:] == [
        "workflow.command", "workflow.cancelling", "workflow.command", "step.cancelled a",
        "workflow.cancelled",
    ]  # fmt: skip


async def test_nothing_is_undone_unless_asked(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: rollback
steps: [{id: a, act: {}, undo: {act: {name: undo}}}, {id: b, act: {takes: 9s}}]
""")
        await trio.sleep(1)
        await run.cancel()
        state = await run.wait()
    assert state.rollback is None
    assert "undo" not in r.ledger.names("start")


async def test_a_cancelled_step_that_may_have_had_its_effect_is_undone_where_it_says_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - {id: a, act: {takes: 9s}, undo: {act: {name: undo_a}}, undo_after: attempted}
  - {id: b, act: {}, undo: {act: {name: undo_b}}, undo_after: attempted}
""")
        await trio.sleep(1)
        await run.cancel(rollback=True)
        state = await run.wait()
    assert state.rollback == {"status": "complete", "undone": 1}
    assert r.ledger.names("end") == ["undo_a"]


async def test_a_run_that_fails_late_can_be_cancelled_while_the_others_finish(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: fail_late
steps: {bad: {act: {takes: 1s, fails: 1}}, slow: {act: {takes: 9s}}}
""")
        await trio.sleep(2)
        await run.cancel()
        state = await run.wait()
    assert state.status == "cancelled"
    assert statuses(state) == {"bad": "failed", "slow": "cancelled"}


async def test_a_run_cancelled_while_a_nested_block_fails_keeps_the_blocks_own_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  block: {parallel: {bad: {act: {takes: 1s, fails: 1}}, slow: {act: {takes: 9s, cleanup: 4s}}}}
  other: {act: {takes: 9s}}
""")
        await trio.sleep(2)
        await run.cancel()
        state = await run.wait()
    assert state.status == "cancelled"
    assert statuses(state) == {
        "block.bad": "failed", "block.slow": "cancelled", "block": "failed", "other": "cancelled",
    }  # fmt: skip


async def test_a_run_that_has_ended_refuses_a_cancel_and_its_journal_stays_as_it_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [act: {}]")
        await run.wait()
        before = await journal(run)
        with pytest.raises(treadle.Refused, match=r"it has ended \(state: completed\)"):
            await run.cancel()
        assert await journal(run) == before


async def test_a_cancel_during_a_rollback_is_refused_and_the_rollback_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: rollback
steps: [{id: a, act: {}, undo: {act: {name: undo, takes: 5s}}}, {id: bad, act: {fails: 1}}]
""")
        await trio.sleep(1)
        with pytest.raises(treadle.Refused) as refused:
            await run.cancel()
        state = await run.wait()
        command = one(await events(run), "workflow.command")
    assert (refused.value.command, refused.value.state) == ("cancel", "rolling_back")
    assert command.data["answer"] == "refused"
    assert state.status == "rolled_back"
    assert r.ledger.spans()["undo"] == ["0-5"]


async def test_a_cancel_is_settled_before_anything_else_of_that_instant_starts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - {id: all, foreach: [1, 2, 3, 4, 5, 6, 7, 8], max_parallel: 3, act: {takes: 2s}}
  - {id: after, act: {}}
""")
        await trio.sleep(2)
        await run.cancel()
        await run.wait()
        told = await journal(run)
    after = told[told.index("workflow.cancelling") :]
    assert not [event for event in after if event.startswith("step.started")]
