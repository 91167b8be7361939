"""Taking back what completed: which rollback counts, what it skips, what a cancel can do to it.

Times are virtual and exact.
"""

from __future__ import annotations

import pytest
import trio
from tests.engine.kit import rig, statuses
from tests.engine.odd import journal

import treadle


async def test_an_undo_that_hangs_is_given_up_after_five_minutes_and_the_others_still_run(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - {id: a, act: {}, undo: {act: {name: undo_a}}}
  - {id: b, act: {}, undo: {act: {name: undo_b, takes: 1d}}}
  - {id: bad, act: {fails: 1}}
""")
    assert r.ledger.spans() == {
        "a": ["0-0"],
        "b": ["0-0"],
        "bad": ["0-0"],
        "undo_b": ["0-300"],
        "undo_a": ["300-300"],
    }
    assert state.status == "failed"
    assert state.rollback == {
        "status": "incomplete",
        "undone": 1,
        "failed": ["b: the undo was not done after 300 s"],
    }


async def test_a_rollback_decided_while_another_failure_stops_the_run_outranks_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  first: {act: {}, undo: {act: {name: undo}}}
  block:
    on_error: rollback
    parallel:
      bad: {act: {takes: 1s, fails: 1}}
      slow: {act: {takes: 9s, cleanup: 4s}}
  other: {act: {takes: 2s, fails: 1}}
""")
    assert state.status == "rolled_back"
    assert state.error is not None
    assert state.error.path == "block.bad"
    assert r.ledger.spans()["undo"] == ["5-5"]


async def test_of_two_requests_for_a_rollback_the_first_counts_and_one_rollback_is_made(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: rollback
steps:
  first: {act: {}, undo: {act: {name: undo}}}
  block: {parallel: {bad: {act: {takes: 1s, fails: 1}}, slow: {act: {takes: 9s, cleanup: 4s}}}}
  other: {act: {takes: 2s, fails: 1}}
""")
        state = await run.wait()
        told = await journal(run)
    assert told.count("workflow.rolling_back") == 1
    assert state.error is not None
    assert state.error.path == "other"
    assert r.ledger.names("end").count("undo") == 1


async def test_a_cancel_after_a_failure_or_a_rollback_was_decided_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    steps = "steps: {bad: {act: {takes: 1s, fails: 9}}, slow: {act: {takes: 9s, cleanup: 4s}}}"
    async with rig() as r:
        failing = await r.start(steps)
        rolling = await r.start(f"on_error: rollback\n{steps}")
        await trio.sleep(2)
        with pytest.raises(treadle.Refused, match="it is failing already"):
            await failing.cancel()
        with pytest.raises(treadle.Refused, match="state: rolling_back"):
            await rolling.cancel()
        assert (await failing.wait()).status == "failed"
        assert (await rolling.wait()).status == "rolled_back"


async def test_a_blocks_rollback_that_was_decided_is_made_although_the_run_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  block:
    parallel:
      done: {act: {}, undo: {act: {name: undo, takes: 1s}}}
      bad: {act: {takes: 1s, fails: 1}, on_error: {rollback: {scope: block}}}
      slow: {act: {takes: 9s, cleanup: 4s}}
  other: {act: {takes: 1d}}
""")
        await trio.sleep(2)
        await run.cancel()
        state = await run.wait()
    assert state.status == "cancelled"
    assert statuses(state)["block"] == "failed"
    assert r.ledger.spans()["undo"] == ["5-6"]


async def test_a_cancel_with_rollback_undoes_what_completed_and_ends_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - {id: a, act: {}, undo: {act: {name: undo}}}
  - {id: b, act: {takes: 9s}}
""")
        await trio.sleep(1)
        await run.cancel(rollback=True)
        state = await run.wait()
    assert state.status == "cancelled"
    assert state.rollback == {"status": "complete", "undone": 1}
    assert r.ledger.spans()["undo"] == ["1-1"]


async def test_a_rollback_asked_for_with_a_cancel_that_stays_incomplete_fails_the_run(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - {id: a, act: {}, undo: {act: {name: undo, fails: 1}}}
  - {id: b, act: {takes: 9s}}
""")
        await trio.sleep(1)
        await run.cancel(rollback=True)
        state = await run.wait()
    assert state.status == "failed"
    assert state.rollback == {"status": "incomplete", "undone": 0, "failed": ["a: undo failed"]}
    assert state.error is not None
    assert state.error.name == "undo"


async def test_a_failed_undo_between_two_rounds_of_a_block_ends_the_retrying(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: ship
    retry: {attempts: 3, backoff: {fixed: 1s}}
    steps:
      - {id: push, act: {}, undo: {act: {name: undo, fails: 1}}}
      - {id: check, act: {fails: 9}}
""")
    assert state.error is not None
    assert state.error.name == "undo"
    assert statuses(state) == {
        "ship.push": "completed",
        "ship.check": "failed",
        "ship.push.undo": "failed",
        "ship": "failed",
    }
    assert trio.current_time() == 0


async def test_a_run_is_not_rolled_back_where_a_block_inside_could_not_be(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - id: ship
    parallel:
      push: {act: {}, undo: {act: {name: undo, fails: 1}}}
      check: {needs: push, act: {fails: 9}, on_error: {rollback: {scope: block}}}
""")
    assert state.status == "failed"
    assert state.rollback == {"status": "incomplete", "undone": 0, "failed": ["ship.push: undo failed"]}
