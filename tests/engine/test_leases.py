"""Who drives a run: leases taken, renewed, lost, given back, and runs taken over."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from tests.engine.kit import Rig, events, rig, to_end
from tests.engine.stores import OddStore, data_of, journal, told

import treadle
from treadle._engine.owner import spoken
from treadle.errors import Fenced, StoreUnavailable
from treadle.plugin import RunFilter
from treadle.testing import MemoryStore

LONG = "steps: [{id: a, act: {}}, {id: b, repeatable: true, act: {takes: 60s}}, {id: c, act: {}}]"


async def crashed(store: Any, spec: str, *, after: float, **more: Any) -> str:
    """The id of a run whose process ended *after* so many seconds without giving its lease back."""
    with trio.CancelScope() as process:
        async with rig(store=store, **more) as r:
            run = await r.start(spec)
            await trio.sleep(after)
            killed(r)
            process.cancel()
            await trio.sleep_forever()
    return run.id


def killed(r: Rig) -> None:
    """A process that is killed gives nothing back."""

    async def nothing(*args: Any) -> None:
        await trio.lowlevel.checkpoint()

    assert r.engine._durability is not None
    r.engine._durability.keeper.release = nothing  # type: ignore[method-assign]


async def test_a_lease_is_renewed_as_long_as_the_run_is_driven(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, lease=15) as r:
        run = await r.start(LONG)
        for _ in range(6):
            await trio.sleep(9)
            info = await store.info(run.id)
            assert info.lease_until - r.engine._surroundings.now() >= 9
        assert info.token == 1
        assert (await to_end(run)).status == "completed"


async def test_a_run_that_somebody_drives_is_not_taken_over(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    async with rig(store=store) as one, rig(store=store) as two:
        run = await one.start(LONG)
        await trio.sleep(30)
        owner = (await store.info(run.id)).owner
        with pytest.raises(treadle.Refused, match=re.escape(f"is driven by {spoken(str(owner))}")):
            await two.engine.resume_run(run.id)
        assert two.engine.runs() == []
        with pytest.raises(treadle.Refused, match="driven here already"):
            await one.engine.resume_run(run.id)
        await to_end(run)


async def test_a_run_whose_process_died_goes_on_in_another_once_its_lease_has_lapsed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    run_id = await crashed(store, LONG, after=5, recover=False)
    async with rig(store=store) as r:
        with pytest.raises(treadle.Refused, match="is driven by"):
            await r.engine.resume_run(run_id)
        await trio.sleep(31)
        run = r.engine.run(run_id)
        assert (await to_end(run)).status == "completed"
        assert r.ledger.names("start") == ["b", "c"]
        stored = await journal(store, run_id)
        assert stored == await events(run)
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
    assert told(stored).count("workflow.recovered") == 1


async def test_an_engine_that_recovers_nothing_leaves_lapsed_runs_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    run_id = await crashed(store, LONG, after=5)
    async with rig(store=store, recover=False) as r:
        await trio.sleep(100)
        assert r.engine.runs() == []
        run = await r.engine.resume_run(run_id)
        assert (run.id, run.status) == (run_id, "running")
        await to_end(run)
        with pytest.raises(treadle.Refused, match=f"run {run_id} has ended"):
            await r.engine.resume_run(run_id)
        with pytest.raises(treadle.NoSuchRun, match="there is no run 'unknown'"):
            await r.engine.resume_run("unknown")


async def test_lapsed_runs_are_taken_over_up_to_the_limit_and_the_others_as_places_come_free(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    ids = [await crashed(store, LONG, after=1, recover=False) for _ in range(5)]
    await trio.sleep(20)
    async with rig(store=store, limits=treadle.Limits(runs=2)) as r:
        await trio.sleep(1)
        assert len(r.engine.runs()) == 2
        await trio.sleep(300)
        assert {run.id: str(run.status) for run in r.engine.runs()} == dict.fromkeys(ids, "completed")


async def test_a_process_that_was_taken_over_loses_its_run_at_the_next_append(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    async with rig(store=store, lease=1000, recover=False) as old:
        run = await old.start("steps: [{id: a, act: {takes: 5s}}, {id: b, act: {}}]")
        await trio.sleep(1)
        await store.claim(run.id, "somebody else", now=2e9, until=3e9)
        with pytest.raises(Fenced, match=f"run {run.id} has been taken over by somebody else"):
            await run.wait()
        assert trio.current_time() == 5
        assert old.ledger.names("start") == ["a"]
        with pytest.raises(Fenced):
            _ = [event async for event in run.events()]
    assert f"run {run.id} is not driven here any more" in caplog.text
    assert (await store.info(run.id)).owner == "somebody else"


async def test_a_process_that_was_taken_over_cancels_what_is_at_work_at_the_next_renewal(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, lease=15, recover=False) as old:
        run = await old.start("steps: [{id: a, act: {takes: 600s}}]\nfinally: [{id: tidy, act: {}}]")
        await trio.sleep(1)
        await store.claim(run.id, "somebody else", now=2e9, until=3e9)
        with pytest.raises(Fenced):
            await run.wait()
        assert trio.current_time() == 5
        await trio.sleep(1)
        assert old.ledger.lines == [(0, "start", "a"), (5, "cancelled", "a")]


async def test_a_lease_that_cannot_be_renewed_ends_what_is_at_work_before_it_lapses_elsewhere(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store, lease=15, recover=False) as r:
        run = await r.start(LONG)
        waiting = await r.start("steps: [{id: a, act: {name: q, fails: 1}, on_error: escalate}]")
        await trio.sleep(7)
        store.fails["renew"] = StoreUnavailable("the disk is full")
        with pytest.raises(StoreUnavailable, match=r"lease of run \S+ could not be renewed for 15 s"):
            await run.wait()
        lapses = (await store.info(run.id)).lease_until
        assert r.engine._surroundings.now() <= lapses
        await trio.sleep(60)
        assert waiting.status == "waiting"  # nothing of it is at work: it waits for the store, too
        store.back()
        await trio.sleep(15)
        await waiting.resolve("a", "continue")
        assert (await to_end(waiting)).status == "completed"


async def test_a_store_that_hangs_does_not_keep_a_process_from_letting_go(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store, lease=15, recover=False) as r:
        run = await r.start(LONG)
        await trio.sleep(1)
        store.hangs.add("renew")
        with pytest.raises(StoreUnavailable, match="could not be renewed"):
            await run.wait()
        assert trio.current_time() == 15


async def test_a_run_that_was_lost_to_a_bad_store_is_taken_up_again_by_the_same_engine(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        first = await r.start(LONG)
        await trio.sleep(1)
        store.out(StoreUnavailable("the disk is full"))
        await trio.sleep(60)
        store.back()
        await trio.sleep(20)
        again = r.engine.run(first.id)
        assert again is not first
        assert (await to_end(again)).status == "completed"
        assert r.ledger.names("start") == ["a", "b", "b", "c"]


# --- leaving ---------------------------------------------------------------------------------------


async def test_leaving_an_engine_gives_its_runs_back_to_be_resumed_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(LONG)
        await trio.sleep(1)
    assert trio.current_time() == 6  # the grace
    assert run.status == "running"
    assert (await store.info(run.id)).owner is None
    async with rig(store=store, recover=False) as r:
        again = await r.engine.resume_run(run.id)
        assert (await to_end(again)).status == "completed"
    assert trio.current_time() == 66


async def test_what_is_in_flight_may_finish_within_the_grace_and_nothing_new_starts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start("steps: [{id: a, act: {takes: 3s}}, {id: b, act: {takes: 3s}}]")
        await trio.sleep(1)
        await r.engine.suspend(grace=10)
        assert trio.current_time() == 3
        assert r.ledger.names("start") == ["a"]
        assert r.ledger.names("end") == ["a"]
        state = await run.wait()
        assert (state.status, state.steps["a"].status) == ("running", "completed")
        assert [event.type for event in await events(run)][-1] == "step.completed"
        with pytest.raises(treadle.Refused, match="being closed"):
            await r.start(LONG)
    stored = await journal(store, run.id)
    assert "workflow.paused" not in told(stored)
    async with rig(store=store, recover=False) as r:
        await to_end(await r.engine.resume_run(run.id))
        assert r.ledger.names("start") == ["b"]


@pytest.mark.parametrize(
    "spec",
    [
        "steps: [{id: a, act: {}}]\nfinally: [{id: tidy, act: {takes: 3s}}]",
        "on_error: rollback\nsteps: [{id: a, act: {}, undo: {act: {takes: 3s}}}, {id: b, act: {fails: 1}}]",
    ],
    ids=["finally", "rollback"],
)
async def test_what_cleans_up_may_finish_within_the_grace_too(
    spec: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(store=MemoryStore()) as r:
        run = await r.start(spec)
        await trio.sleep(1)
        await r.engine.suspend(grace=10)
        assert trio.current_time() == 3
        assert (await run.wait()).status.ended


async def test_a_question_in_finally_does_not_hold_up_a_suspension(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(store=MemoryStore()) as r:
        run = await r.start("steps: [{id: a, act: {}}]\nfinally: [{id: ask, approval: Tidy?}]")
        await trio.sleep(1)
        await r.engine.suspend(grace=10)
        assert trio.current_time() == 1
        assert run.state().status == "waiting"


async def test_what_outlasts_the_grace_is_cancelled_and_unknown_unless_it_is_repeatable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(
            "steps: {a: {act: {takes: 60s}}, b: {repeatable: true, act: {takes: 60s}}, c: {act: {}}}"
        )
        await trio.sleep(1)
        await r.engine.suspend(grace=2)
        assert sorted(r.ledger.names("cancelled")) == ["a", "b"]
    stored = await journal(store, run.id)
    assert [event.step for event in stored if event.type == "step.unknown"] == ["a"]
    async with rig(store=store, recover=False) as r:
        again = await r.engine.resume_run(run.id)
        await trio.sleep(61)
        assert (again.status, list(again.questions)) == ("waiting", ["a"])
        await again.resolve("a", "complete")
        assert (await to_end(again)).status == "completed"
        assert r.ledger.names("start") == ["b"]


async def test_an_exception_that_leaves_an_engine_journals_nothing_and_gives_its_runs_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()

    async def leave() -> None:
        async with rig(store=store) as r:
            run = await r.start(LONG)
            ids.append(run.id)
            await trio.sleep(1)
            raise OSError("mine")

    ids: list[str] = []
    with pytest.raises(OSError, match="mine"):
        await leave()
    (run_id,) = ids
    assert (await store.info(run_id)).owner is None
    assert told(await journal(store, run_id))[-1] == "step.started b"


async def test_a_cancelled_engine_gives_its_runs_back_unless_the_store_hangs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    with trio.move_on_after(1):
        async with rig(store=store) as r:
            await r.start(LONG)
            await trio.sleep_forever()
    page = await store.list(RunFilter(), limit=9)
    assert [info.owner for info in page.runs] == [None]
    store.hangs.add("release")
    with trio.move_on_after(1):
        async with rig(store=store, recover=False) as r:
            await r.start(LONG)
            await trio.sleep_forever()
    assert trio.current_time() == 1 + 1 + 2
    page = await store.list(RunFilter(), limit=9)
    assert [info.owner is None for info in page.runs] == [False, True]


async def test_closing_an_engine_cancels_its_runs_whatever_the_store(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(LONG + "\nfinally: [{id: tidy, act: {}}]")
        await trio.sleep(1)
        await r.engine.close()
        assert r.ledger.names("end") == ["a", "finally.tidy"]
    assert (await store.info(run.id)).status == "cancelled"


async def test_a_run_that_is_pending_is_given_back_as_well(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    async with rig(store=store, limits=treadle.Limits(runs=1)) as r:
        await r.start(LONG)
        pending = await r.start("steps: [{id: a, act: {}}]")
        await trio.sleep(1)
    assert [event.type for event in await journal(store, pending.id)] == ["workflow.accepted"]
    async with rig(store=store, recover=False) as r:
        again = await r.engine.resume_run(pending.id)
        assert (await to_end(again)).status == "completed"
        assert "workflow.recovered" not in told(await events(again))


# --- accepted, not driven --------------------------------------------------------------------------


async def test_a_run_can_be_accepted_for_another_process_to_drive(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        run = await r.engine.accept(r.load(LONG), key="k", labels={"team": "red"})
        assert (run.status, run.driven_here) == ("pending", False)
        assert (await r.engine.accept(r.load(LONG), key="k")).id == run.id
        await trio.sleep(60)
        assert r.ledger.lines == []
    async with rig(store=store) as r:
        await trio.sleep(1)
        again = r.engine.run(run.id)
        assert (await to_end(again)).status == "completed"
        assert (await events(again))[0].labels == {"team": "red"}


# --- runs that cannot go on ------------------------------------------------------------------------


async def left_by(store: MemoryStore, spec: str, **more: Any) -> str:
    async with rig(store=store, **more) as r:
        run = await r.start(spec)
        await trio.sleep(1)
        await r.engine.suspend(grace=0)
    return run.id


async def test_a_run_that_lacks_its_limiter_is_left_alone_with_one_warning(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    run_id = await left_by(
        store, "steps: [{id: a, limit: db, repeatable: true, act: {takes: 60s}}]", limiters={"db": 1}
    )
    async with rig(store=store) as r:
        await trio.sleep(100)
        assert r.engine.runs() == []
        with pytest.raises(treadle.Refused, match="no limiter 'db' is set up here"):
            await r.engine.resume_run(run_id)
    assert caplog.text.count("cannot go on here and is left alone: cannot start: no limiter 'db'") == 1
    assert (await store.info(run_id)).owner is None
    async with rig(store=store, limiters={"db": 1}) as r:
        await trio.sleep(1)
        assert (await to_end(r.engine.run(run_id))).status == "completed"


async def test_a_run_whose_plugin_is_not_installed_is_left_alone_for_those_who_have_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    run_id = await left_by(store, LONG)
    async with treadle.open_engine(store=store, registry=treadle.Registry.of()) as engine:
        with pytest.raises(treadle.SpecError, match="act"):
            await engine.resume_run(run_id)
    assert (await store.info(run_id)).owner is None


async def test_a_damaged_journal_is_refused_and_given_back(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    run_id = await left_by(store, LONG)
    stored = store._runs[run_id]
    stored.records[2] = attrs.evolve(stored.records[2], version=99)
    async with rig(store=store, recover=False) as r:
        with pytest.raises(treadle.RecordError, match="version 99"):
            await r.engine.resume_run(run_id)
    assert (await store.info(run_id)).owner is None


# --- two engines -----------------------------------------------------------------------------------


async def test_two_engines_on_one_store_share_the_work_of_a_third_that_died(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    ids = {await crashed(store, LONG, after=1, recover=False) for _ in range(6)}
    await trio.sleep(20)

    def started(r: Rig) -> int:
        return r.ledger.names("start").count("c")

    limits = treadle.Limits(runs=3)
    async with rig(store=store, limits=limits) as one, rig(store=store, limits=limits) as two:
        await trio.sleep(200)
        assert {run.id for r in (one, two) for run in r.engine.runs()} == ids
        assert (started(one), started(two)) == (3, 3)
    for run_id in ids:
        assert told(await journal(store, run_id)).count("step.completed c") == 1


async def test_what_a_command_did_is_told_with_who_gave_it(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(LONG)
        await run.pause(by="ana")
        (command,) = data_of(await journal(store, run.id), "workflow.command")
    assert (command["command"], command["by"], command["answer"]) == ("pause", "ana", "accepted")


async def stolen(store: MemoryStore, run_id: str) -> None:
    """The lease lapses in the store, as of a process that was stopped for long."""
    stored = store._runs[run_id]
    stored.info = attrs.evolve(stored.info, lease_until=0.0)


UNDOES = """
steps:
  b:
    retry: {attempts: 2, backoff: {fixed: 0s}}
    steps:
      - {id: x, act: {}, undo: {act: {name: undo, takes: 100s}}}
      - {id: y, act: {fails: 1}}
"""


async def test_an_undo_is_stopped_where_another_process_has_taken_its_run_over(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as old:
        run = await old.start(UNDOES)
        await trio.sleep(5.5)
        await stolen(store, run.id)
        async with rig(store=store):
            await trio.sleep(10)
            assert old.ledger.names("cancelled") == ["undo"]


async def test_a_run_that_was_lost_is_found_in_the_store_and_steered_there(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as old:
        run = await old.start(LONG)
        await trio.sleep(5.5)
        await stolen(store, run.id)
        async with rig(store=store):
            await trio.sleep(10)
            found = await old.engine.find(run.id)
            assert not found.driven_here
            await found.pause()
            assert found.status == "pausing"


async def test_a_pause_stands_that_was_asked_for_while_the_engine_was_suspended(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as old:
        run = await old.start("steps: [{id: a, act: {takes: 2s}}, {id: b, act: {}}]")
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(old.engine.suspend, 10.0)
            await trio.sleep(0.1)
            await run.pause()
    async with rig(store=store, recover=False) as new:
        resumed = await new.engine.resume_run(run.id)
        await trio.sleep(1)
        assert resumed.status == "paused"
        assert new.ledger.names("start") == []


async def test_suspensions_of_a_repeatable_attempt_are_no_crashes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        run = await r.start(LONG)
        await trio.sleep(5)
        await r.engine.suspend(grace=1)
    for _ in range(4):
        async with rig(store=store, recover=False) as r:
            await r.engine.resume_run(run.id)
            await trio.sleep(5)
            await r.engine.suspend(grace=1)
    async with rig(store=store, recover=False) as r:
        state = await to_end(await r.engine.resume_run(run.id))
    assert (state.status, state.steps["b"].attempts) == ("completed", 6)


HELD_CLEAN_UP = """
steps:
  - id: a
    retry: 2
    steps:
      - {id: x, act: {}, undo: {steps: [{id: u, act: {takes: 3s}}, {id: v, act: {takes: 3s}}]}}
      - {id: y, act: {fails: 9}}
"""


@pytest.mark.parametrize("pauses", [True, False])
async def test_an_engine_can_be_suspended_while_clean_up_is_held_up(
    autojump_clock: trio.testing.MockClock, pauses: bool
) -> None:
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        run = await r.start(HELD_CLEAN_UP)
        await trio.sleep(1)
        if pauses:
            await run.pause()
        await trio.sleep(4 if pauses else 0)
        left = trio.current_time()
    assert trio.current_time() - left <= 11
    assert (await store.info(run.id)).owner is None


async def test_an_engine_is_left_at_once_while_a_pause_holds_clean_up_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with trio.move_on_after(9):
        async with rig() as r:
            run = await r.start(HELD_CLEAN_UP)
            await trio.sleep(1)
            await run.pause()
            await trio.sleep_forever()
    assert trio.current_time() == 9


# --- a run that was taken over, and waits for its turn ----------------------------------------------


async def _in_the_queue(r: Rig, run_id: str) -> treadle.Run:
    """The run taken over behind one that has the only slot for 50 seconds."""
    await r.start("steps: [{id: first, act: {takes: 50s}}]")
    await trio.sleep(1)
    return await r.engine.resume_run(run_id)


async def _asking(store: MemoryStore) -> str:
    """A run that waits for an approval, and that nobody drives any more."""
    async with rig(store=store) as r:
        run = await r.start("steps: [{id: asked, approval: Well?}]\nfinally: [{id: last, act: 0s}]")
        await trio.sleep(1)
    return run.id


async def test_an_answer_counts_that_comes_before_a_run_has_its_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    run_id = await _asking(store)
    async with rig(store=store, recover=False, limits=treadle.Limits(runs=1)) as r:
        run = await _in_the_queue(r, run_id)
        await run.approve("asked")
        assert (await to_end(run)).status is treadle.RunStatus.COMPLETED


async def test_a_run_that_is_cancelled_before_it_has_its_turn_still_cleans_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    run_id = await _asking(store)
    async with rig(store=store, recover=False, limits=treadle.Limits(runs=1)) as r:
        run = await _in_the_queue(r, run_id)
        await run.cancel("enough")
        state = await to_end(run)
        assert state.status is treadle.RunStatus.CANCELLED
        assert state.steps["finally.last"].status is treadle.StepStatus.COMPLETED


async def test_a_run_that_is_paused_before_it_has_its_turn_is_paused_and_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    run_id = await _asking(store)
    async with rig(store=store, recover=False, limits=treadle.Limits(runs=1)) as r:
        run = await _in_the_queue(r, run_id)
        await run.pause()
        assert run.status is treadle.RunStatus.PAUSED
        await trio.sleep(100)
        assert run.status is treadle.RunStatus.PAUSED
        await run.approve("asked")
        await run.resume()
        assert (await to_end(run)).status is treadle.RunStatus.COMPLETED


async def test_a_run_that_is_left_while_its_question_is_being_stored_waits_in_the_store(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        run = await r.start("steps: {asked: {approval: Well?}, short: {wait: 1500ms}}")
        store.takes = 1.0
        await trio.sleep(1.7)  # until 2.0 the question is being stored; what came after it comes next
        assert run.status is treadle.RunStatus.WAITING
    assert told(await journal(store, run.id))[-1] == "workflow.waiting"
    assert (await store.info(run.id)).status is treadle.RunStatus.WAITING
