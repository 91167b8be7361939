"""Journals in a store: what is durable when, what is written together, and what a key names."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing
from tests.engine.kit import Ledger, events, rig, to_end
from tests.engine.stores import OddStore, journal, told

import treadle
from treadle.plugin import StepType, hookimpl
from treadle.testing import MemoryStore

CHAIN = "steps: [{id: a, act: {}}, {id: b, act: {}}, {id: c, act: {}}]"


async def test_a_journal_in_a_store_holds_what_the_events_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(CHAIN, labels={"team": "red"}, correlation_id="c-1")
        await to_end(run)
        stored = await journal(store, run.id)
        assert stored == await events(run)
    info = await store.info(run.id)
    assert (info.status, info.workflow, info.seq) == ("completed", "test", len(stored))
    assert (info.labels, info.correlation_id) == ({"team": "red"}, "c-1")
    assert (info.started_at, info.ended_at) == (stored[1].time, stored[-1].time)


async def test_an_attempt_begins_once_its_start_is_durable(autojump_clock: trio.testing.MockClock) -> None:
    store = OddStore()
    store.takes = 1.0
    async with rig(store=store) as r:
        run = await r.start(CHAIN)
        await to_end(run)
        assert [r.ledger.at("start", name) for name in "abc"] == [1, 2, 3]
    assert trio.current_time() == 4


async def test_an_outcome_and_the_starts_it_allows_are_one_append(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        run = await r.start("steps: {a: {act: {}}, b: {needs: a, act: {}}, c: {needs: a, act: {}}}")
        await to_end(run)
        stored = await journal(store, run.id)
    sizes = [len(one.records) for batch in store.batches for one in batch]
    assert told(stored[3 : 3 + sizes[1]]) == ["step.completed a", "step.started b", "step.started c"]


async def test_what_gathers_while_a_batch_is_written_is_one_batch(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    store.takes = 1.0
    async with rig(store=store) as r:
        runs = [await r.start(CHAIN) for _ in range(20)]
        for run in runs:
            await to_end(run)
    assert len(store.batches) == 8  # four of those that were first, and four of all the others
    assert sum(map(len, store.batches)) == 20 * 4


async def test_an_event_is_seen_by_nobody_before_it_is_durable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    store.takes = 1.0
    seen: list[tuple[float, str]] = []

    async def sink(batch: list[treadle.Event]) -> None:
        seen.extend((trio.current_time(), event.type) for event in batch)

    async with rig(store=store, sinks=[sink]) as r:
        run = await r.start("steps: [{id: a, act: {}}]")
        async for event in run.events():
            assert event.seq is not None
            assert (await store.info(run.id)).seq >= event.seq
        assert event.type == "workflow.completed"
    assert seen == [
        (0, "workflow.accepted"),
        (1, "workflow.started"),
        (1, "step.started"),
        (2, "step.completed"),
        (2, "workflow.completed"),
    ]


async def test_the_end_of_a_run_is_waited_for_until_it_is_durable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        run = await r.start("steps: [{id: a, act: {takes: 1s}}]")
        await trio.sleep(0.5)
        store.takes = 3.0
        await to_end(run)
        assert (await store.info(run.id)).status == "completed"
    assert trio.current_time() == 4


class Unwritable:
    """A step type that emits what JSON cannot hold, past every check."""

    @hookimpl
    def treadle_step_types(self) -> list[StepType]:
        import attrs

        @attrs.frozen(kw_only=True)
        class Nothing:
            """No settings."""

        async def run(config: Nothing, step: object) -> None:
            inner = step._step.run  # type: ignore[attr-defined]
            inner.emit("odd", data={"it": object()})

        return [StepType(name="unwritable", config=Nothing, run=run)]


async def test_events_that_cannot_be_written_cost_their_own_run_alone(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(store=MemoryStore(), plugins=[Unwritable()]) as r:
        good = await r.start("steps: [{id: a, act: {takes: 1s}}, {id: b, act: {}}]")
        bad = await r.start("steps: [{id: a, unwritable: {}}, {id: b, act: {takes: 9s}}]")
        with pytest.raises(treadle.RecordError, match="cannot be written as JSON"):
            await bad.wait()
        assert (await to_end(good)).status == "completed"
    assert f"run {bad.id} is not driven here any more" in caplog.text


# --- keys ------------------------------------------------------------------------------------------

WITH_INPUT = "inputs: {n: {type: integer, default: 1}}\nsteps: [{id: a, act: {takes: 5s}}]"


@pytest.mark.parametrize("store", ["memory", "durable"])
async def test_the_same_key_and_inputs_name_the_same_run(
    store: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(store="memory" if store == "memory" else MemoryStore()) as r:
        first = await r.start(WITH_INPUT, key="k")
        again = await r.start(WITH_INPUT, key="k", inputs={"n": 1})
        assert again is first
        assert len(r.engine.runs()) == 1
        with pytest.raises(treadle.Refused, match=f"'k' belongs to run {first.id}, which has other inputs"):
            await r.start(WITH_INPUT, key="k", inputs={"n": 2})
        other = await r.start({"name": "other", "steps": [{"act": {}}]}, key="k")
        assert other.id != first.id
        (accepted, *_) = await events(first)
        assert accepted.data["key"] == "k"


async def test_a_key_is_free_again_once_its_run_is_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    async with rig(limits=treadle.Limits(finished=1)) as r:
        first = await r.start(WITH_INPUT, key="k")
        await to_end(first)
        await to_end(await r.start(WITH_INPUT))
        await trio.sleep(1)
        assert (await r.start(WITH_INPUT, key="k", inputs={"n": 2})).id != first.id


async def test_a_key_names_a_run_of_an_engine_before(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        first = await r.start(WITH_INPUT, key="k")
        result = await to_end(first)
    async with rig(store=store) as r:
        again = await r.start(WITH_INPUT, key="k")
        assert (again.id, again.status, again.driven_here) == (first.id, "completed", False)
        assert await again.wait() == again.state() == result
        assert await events(again) == await events(first)
        assert not r.ledger.lines
        with pytest.raises(treadle.Refused, match="other inputs"):
            await r.start(WITH_INPUT, key="k", inputs={"n": 2})


async def test_one_workflow_run_by_its_key_goes_on_where_it_was_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store, ledger = MemoryStore(), Ledger()
    registry = treadle.Registry.of(ledger)
    spec = "treadle: 1\nname: w\nsteps: [{id: a, act: {}}, {id: b, repeatable: true, act: {takes: 60s}}]"
    workflow = treadle.loads(spec, registry=registry)
    with trio.move_on_after(1):
        await treadle.run(workflow, key="k", store=store)
    result = await treadle.run(workflow, key="k", store=store)
    assert result.status == "completed"
    assert ledger.names("start") == ["a", "b", "b"]
    assert (await treadle.run(workflow, key="k", store=store)) == result


# --- which store -----------------------------------------------------------------------------------


async def test_a_store_that_is_not_installed_is_refused_with_its_name() -> None:
    with pytest.raises(treadle.SpecError, match="no plugin offers store 'sqlit'; did you mean 'sqlite'"):
        async with rig(store="sqlit:runs.db"):
            pass


@pytest.mark.parametrize("store", ["memory", {"memory": {}}])
async def test_with_the_store_memory_no_run_outlives_the_engine(
    store: object, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(store=store) as r:
        run = await r.start("steps: [{id: a, act: {takes: 60s}}]")
        for use in (r.engine.suspend(), r.engine.resume_run(run.id), r.engine.find("unknown")):
            with pytest.raises(treadle.Refused, match="in memory only; open the engine with another store"):
                await use
        with pytest.raises(treadle.Refused, match="cannot use the store"):
            r.engine.store  # noqa: B018
    assert run.status == "cancelled"


async def test_a_lease_must_be_more_than_nothing() -> None:
    with pytest.raises(ValueError, match="lease is 0 s"):
        async with rig(lease=0):
            pass


async def test_an_engine_logs_nothing_when_all_is_well(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with rig(store=MemoryStore()) as r:
            await r.run(CHAIN)
            await trio.sleep(60)
    assert caplog.text == ""
