"""Stores that fail, for a while or for good, and what becomes of the runs."""

from __future__ import annotations

import attrs
import pytest
import trio
import trio.testing
from tests.engine.kit import rig, to_end
from tests.engine.stores import OddStore, data_of, journal, told

import treadle
from treadle._engine import attempt
from treadle.errors import Conflict, StoreBroken, StoreUnavailable
from treadle.plugin import Step, StepType, hookimpl

CHAIN = "steps: [{id: a, act: {takes: 1s}}, {id: b, act: {takes: 1s}}, {id: c, act: {takes: 1s}}]"
FULL = StoreUnavailable("the disk is full; make room")


async def test_a_short_absence_of_the_store_is_waited_for_and_nothing_is_lost(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        run = await r.start(CHAIN)
        await trio.sleep(0.5)
        store.out(FULL)
        await trio.sleep(5)
        store.back()
        assert (await to_end(run)).status == "completed"
        assert r.ledger.names("start") == ["a", "b", "c"]
        stored = await journal(store, run.id)
    assert "workflow.pausing" not in told(stored)
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
    assert caplog.text == ""


async def test_runs_that_wait_long_for_the_store_are_paused_with_the_cause_until_resumed(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = OddStore()
    async with rig(store=store, lease=60) as r:
        run = await r.start(CHAIN)
        sleeper = await r.start("steps: [{id: s, act: {takes: 100s}}]")
        await trio.sleep(0.5)
        store.out(FULL)
        await trio.sleep(20)
        assert (run.status, sleeper.status) == ("pausing", "running")
        assert sorted(r.ledger.names("start")) == ["a", "s"]
        store.back()
        await trio.sleep(20)
        (pausing,) = data_of(await journal(store, run.id), "workflow.pausing")
        assert pausing == {"reason": "the store cannot write: the disk is full; make room"}
        assert (await store.info(run.id)).status == "paused"
        await run.resume()
        assert (await to_end(run)).status == "completed"
        assert sorted(r.ledger.names("start")) == ["a", "b", "c", "s"]
        await to_end(sleeper)
    assert caplog.text.count("runs are paused until it can: the disk is full; make room") == 1
    assert caplog.text.count("the store can write again after") == 1


async def test_a_run_that_is_ending_is_not_paused_and_ends_when_the_store_is_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store, lease=600) as r:
        run = await r.start(
            "steps: [{id: a, act: {takes: 1s}}]\nfinally: [{id: f, act: {takes: 1s}}, {id: g, act: {}}]"
        )
        await trio.sleep(1.5)
        store.out(FULL)
        await trio.sleep(100)
        store.back()
        assert (await to_end(run)).status == "completed"


async def test_a_broken_store_loses_every_run_at_once_and_is_told_when_the_engine_is_left(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = OddStore()
    broken = StoreBroken("the file is damaged")

    async def work() -> None:
        async with rig(store=store) as r:
            rigs.append(r)
            run = await r.start(CHAIN)
            other = await r.start("steps: [{id: s, act: {takes: 100s}}]\nfinally: [{id: tidy, act: {}}]")
            await trio.sleep(0.5)
            store.out(broken)
            for one in (run, other):
                with pytest.raises(StoreBroken, match="the file is damaged"):
                    await one.wait()
            await trio.sleep(1)
            assert r.ledger.inside == 0
            with pytest.raises(StoreBroken, match="the file is damaged"):
                await r.start(CHAIN)

    rigs = []
    with pytest.raises(StoreBroken, match="the file is damaged"):
        await work()
    assert sorted(rigs[0].ledger.names("start")) == ["a", "s"]
    assert caplog.text.count("no run can go on here") == 1


async def test_a_broken_store_ends_a_rollback_too_without_a_word_of_a_bug(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = OddStore()
    spec = """
steps:
  - id: all
    on_error: {rollback: {scope: block}}
    sequence: [{id: a, act: {}, undo: {act: {takes: 5s}}}, {id: bad, act: {fails: 1}}]
"""

    async def work() -> None:
        async with rig(store=store) as r:
            run = await r.start(spec)
            await trio.sleep(1)
            store.out(StoreBroken("the file is damaged"))
            with pytest.raises(StoreBroken):
                await run.wait()
            await trio.sleep(60)
            assert r.ledger.inside == 0

    with pytest.raises(StoreBroken):
        await work()
    assert "a bug in treadle" not in caplog.text


async def test_a_store_that_raises_what_no_store_may_counts_as_broken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()

    async def work() -> None:
        async with rig(store=store) as r:
            run = await r.start(CHAIN)
            store.fails["append"] = TypeError("oops")
            with pytest.raises(StoreBroken):
                await run.wait()

    with pytest.raises(StoreBroken, match="in a way that no store may: TypeError: oops") as raised:
        await work()
    assert isinstance(raised.value.__cause__, TypeError)


async def test_an_error_of_the_host_goes_before_that_of_the_store(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()

    async def work() -> None:
        async with rig(store=store) as r:
            run = await r.start(CHAIN)
            store.out(StoreBroken("the file is damaged"))
            with pytest.raises(StoreBroken):
                await run.wait()
            raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        await work()


async def test_one_run_that_is_refused_costs_the_others_of_its_batch_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        runs = [await r.start(CHAIN) for _ in range(3)]
        await trio.sleep(0.5)
        bad = runs[1]
        store.answers[bad.id] = Conflict(bad.id, 3, 7)
        with pytest.raises(Conflict, match="has 7 events in the store, not 3"):
            await bad.wait()
        for run in (runs[0], runs[2]):
            assert (await to_end(run)).status == "completed"
        assert r.ledger.names("start").count("b") == 2
        await trio.sleep(100)
        assert bad.id in {run.id for run in r.engine.runs()}
        assert r.ledger.names("start").count("b") == 2  # and it is not taken up here again


async def test_a_run_that_the_store_does_not_take_is_the_callers_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        store.fails["create"] = FULL
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await r.start(CHAIN)
        assert r.engine.runs() == []
        store.back()
        assert (await r.run(CHAIN)).status == "completed"


async def test_a_run_of_a_store_that_cannot_be_read_for_now_is_taken_over_later(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        run = await r.start(CHAIN)
        await trio.sleep(0.5)
        await r.engine.suspend()
    store.fails["load"] = FULL
    async with rig(store=store) as r:
        await trio.sleep(31)
        assert r.engine.runs() == []
        store.back()
        await trio.sleep(20)
        assert (await to_end(r.engine.run(run.id))).status == "completed"


async def test_a_store_that_is_slow_slows_its_runs_and_nothing_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    store.takes = 2.0
    async with rig(store=store) as r:
        run = await r.start(CHAIN)
        assert (await to_end(run)).status == "completed"
        assert r.ledger.spans() == {"a": ["2-3"], "b": ["5-6"], "c": ["8-9"]}
    assert (await store.info(run.id)).status == treadle.RunStatus.COMPLETED


class Chatter:
    """A step type that emits without end and without letting anybody else have a turn."""

    @hookimpl
    def treadle_step_types(self) -> list[StepType]:
        return [StepType(name="chatter", config=Nothing, run=self.talk)]

    async def talk(self, config: Nothing, step: Step) -> None:
        while True:
            step.emit("chat", {})


@attrs.frozen(kw_only=True)
class Nothing:
    """No settings."""


async def test_a_step_that_emits_without_end_fails_before_it_eats_all_memory(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "MOST_UNSTORED", 2_000)
    async with rig(store=OddStore(), plugins=[Chatter()]) as r:
        state = await r.run("steps: [{id: a, chatter: {}}]")
    assert state.steps["a"].error is not None
    assert state.steps["a"].error.name == "output"
    assert "2000 wait already; emit fewer" in state.steps["a"].error.message


async def test_an_engine_is_left_although_an_end_cannot_be_stored_and_the_run_can_be_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        run = await r.start(CHAIN)
        await trio.sleep(2.5)
        store.out(FULL)
        await trio.sleep(2)
        assert run.status == "completed"
        left = trio.current_time()
    assert trio.current_time() - left < 10
    assert run.state().status == "running"  # as it is stored
    store.back()
    await trio.sleep(60)
    async with rig(store=store, recover=False) as r:
        resumed = await r.engine.resume_run(run.id)
        await trio.sleep(1)
        assert resumed.status == "waiting"  # what the attempts whose ends were not stored did is in doubt
        assert [prompt for prompt in resumed.questions.values() if "take effect" in str(prompt)]
