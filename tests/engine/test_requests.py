"""Commands from elsewhere: left in the store, applied by whoever drives the run, once, and answered."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
import trio.testing
from tests.engine.kit import events, rig, to_end
from tests.engine.stores import OddStore, data_of, journal, told

import treadle
from treadle.errors import StoreUnavailable
from treadle.plugin import Request
from treadle.testing import MemoryStore

LONG = "steps: [{id: a, act: {takes: 5s}}, {id: b, repeatable: true, act: {takes: 60s}}, {id: c, act: {}}]"
ASKS = "steps: [{id: a, act: {fails: 1}, on_error: escalate}, {id: b, act: {}}]"


def request(run: str, command: str, id_: str = "r1", **arguments: Any) -> Request:
    return Request(id=id_, run=run, command=command, arguments=arguments, by="ana@desk", time=1.0)


async def answer_to(store: Any, id_: str = "r1") -> dict[str, Any]:
    """The answer, once it is there; fails after half a second."""
    with trio.fail_after(0.5):
        while True:
            asked = await store.asked(id_)
            assert asked is not None
            if asked.answer is not None:
                return dict(asked.answer)
            await trio.sleep(0.05)


async def test_a_command_reaches_a_live_run_within_half_a_second_and_is_answered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(LONG)
        await trio.sleep(1)
        await store.ask(request(run.id, "pause"))
        assert await answer_to(store) == {"answer": "accepted", "state": "pausing"}
        assert run.status == "pausing"
        (command,) = data_of(await journal(store, run.id), "workflow.command")
        assert (command["request"], command["by"], command["command"]) == ("r1", "ana@desk", "pause")
        await trio.sleep(10)
        await store.ask(request(run.id, "resume", "r2"))
        assert (await answer_to(store, "r2"))["answer"] == "accepted"
        await to_end(run)


async def test_a_command_that_does_not_fit_is_refused_with_the_reason_and_the_state(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(LONG)
        await store.ask(request(run.id, "resolve", step="b", decision="retry"))
        answer = await answer_to(store)
        assert (answer["answer"], answer["state"]) == ("refused", "running")
        assert "does not wait for a person" in answer["why"]
        await store.ask(request(run.id, "explode", "r2"))
        assert "there is no such command" in (await answer_to(store, "r2"))["why"]
        await run.cancel()


async def test_requests_are_applied_in_the_order_in_which_they_were_made(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(LONG)
        for number, command in enumerate(["pause", "resume", "pause", "resume", "cancel"]):
            await store.ask(request(run.id, command, f"r{number}"))
        state = await to_end(run)
        commands = [data["command"] for data in data_of(await events(run), "workflow.command")]
    assert commands == ["pause", "resume", "pause", "resume", "cancel"]
    assert state.status == "cancelled"


async def test_an_answer_that_was_lost_is_given_again_without_a_second_effect(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        run = await r.start(ASKS)
        await trio.sleep(1)
        store.fails["answer"] = StoreUnavailable("locked")
        await store.ask(request(run.id, "resolve", step="a", decision="continue"))
        await trio.sleep(1)
        assert (await store.asked("r1")).answer is None
        await to_end(run)
        assert r.ledger.names("start") == ["a", "b"]
        store.back()
        assert (await answer_to(store))["answer"] == "accepted"
        assert len(data_of(await journal(store, run.id), "workflow.command")) == 1


async def test_a_crash_between_journal_and_answer_does_not_repeat_the_command(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    with trio.CancelScope() as process:
        async with rig(store=store) as r:
            run = await r.start(LONG)
            store.hangs.add("answer")
            await store.ask(request(run.id, "pause"))
            await trio.sleep(1)
            process.cancel()
            await trio.sleep_forever()
    store.hangs.clear()
    async with rig(store=store, recover=False) as r:
        again = await r.engine.resume_run(run.id)
        await again.resume()
        assert await answer_to(store) == {"answer": "accepted", "state": "pausing"}
        await trio.sleep(1)
        assert again.status != "paused"
    commands = [data["command"] for data in data_of(await journal(store, run.id), "workflow.command")]
    assert commands == ["pause", "resume"]


async def test_what_is_asked_while_nobody_drives_a_run_is_applied_when_it_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(LONG)
        await trio.sleep(6)
        await r.engine.suspend(grace=0)
    await store.ask(request(run.id, "cancel", reason="not needed"))
    async with rig(store=store, recover=False) as r:
        again = await r.engine.resume_run(run.id)
        state = await to_end(again)
        assert (state.status, state.reason) == ("cancelled", "not needed")
        assert r.ledger.names("end") == []
        assert await answer_to(store) == {"answer": "accepted", "state": "cancelling"}


@pytest.mark.parametrize("limit", [1, 10])
async def test_a_question_is_answered_while_nobody_drives_the_run(
    limit: int, autojump_clock: trio.testing.MockClock
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(ASKS)
        await trio.sleep(1)
    assert (await store.info(run.id)).status == "waiting"
    await store.ask(request(run.id, "resolve", step="a", decision="complete", output=5))
    await store.ask(request(run.id, "pause", "r2"))
    async with rig(store=store, recover=False, limits=treadle.Limits(runs=limit)) as r:
        again = await r.engine.resume_run(run.id)
        assert (await answer_to(store))["answer"] == "accepted"
        assert (await answer_to(store, "r2"))["answer"] == "accepted"
        assert r.ledger.names("start") == []
        await again.resume()
        state = await to_end(again)
    assert (state.status, state.steps["a"].output) == ("completed", 5)


async def test_what_is_asked_of_a_run_that_has_just_ended_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start("steps: [{id: a, act: {takes: 1.1s}}]")
        await trio.sleep(1.05)
        await store.ask(request(run.id, "signal", name="go"))
        await store.ask(request(run.id, "pause", "r2"))
        await to_end(run)
    answer = await answer_to(store, "r2")
    assert (answer["answer"], answer["state"]) == ("refused", "completed")
    assert (await answer_to(store))["answer"] == "refused"


async def test_without_a_change_in_the_store_no_request_is_read(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        run = await r.start("steps: [{id: a, act: {takes: 1h}}]")
        await trio.sleep(1000)
        assert store.called["changes"] > 4000
        assert store.called["requests"] < 10
        await run.cancel()
        await to_end(run)
        await trio.sleep(1)
        before = store.called["changes"]
        await trio.sleep(1000)
        assert store.called["changes"] == before


async def test_a_request_that_nobody_could_have_written_is_refused_and_harms_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start("steps: [{id: a, act: {takes: 2s}}]")
        await store.ask(request(run.id, "cancel", reason={"not": "text"}, rollback="perhaps"))
        await store.ask(attrs.evolve(request(run.id, "resolve", "r2"), arguments={"step": ["x"]}))
        assert (await answer_to(store))["answer"] == "refused"
        assert (await answer_to(store, "r2"))["answer"] == "refused"
        assert (await to_end(run)).status == "completed"


# --- by a handle -----------------------------------------------------------------------------------


async def test_a_run_of_another_engine_is_watched_and_steered_as_if_it_were_ones_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    seen: list[str] = []

    async def watch(run: treadle.Run) -> None:
        seen.extend([event.type async for event in run.events()])

    async with rig(store=store) as one, rig(store=store) as two, trio.open_nursery() as nursery:
        run = await one.start(LONG)
        await trio.sleep(1)
        there = await two.engine.find(run.id)
        assert (there.driven_here, there.workflow, there.status) == (False, "test", "running")
        nursery.start_soon(watch, there)
        await there.pause(by="ana")
        assert (run.status, there.status) == ("pausing", "pausing")
        with pytest.raises(treadle.Refused, match="does not wait for a person"):
            await there.resolve("a", "retry")
        await trio.sleep(10)
        await there.resume()
        await there.cancel("not needed")
        state = await there.wait()
        assert (state.status, state.reason) == ("cancelled", "not needed")
        with pytest.raises(treadle.Refused, match="it has ended"):
            await there.pause()
        with pytest.raises(treadle.NoSuchRun):
            await two.engine.find("unknown")
        nursery.cancel_scope.deadline = trio.current_time() + 1
    assert seen == [event.type for event in await events(run)]


async def test_questions_are_seen_and_answered_from_another_engine(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as one, rig(store=store) as two:
        run = await one.start(ASKS.replace("escalate", "{escalate: {prompt: 'What now?'}}"))
        await trio.sleep(1)
        there = await two.engine.find(run.id)
        assert there.questions == run.questions == {"a": "What now?"}
        await there.resolve("a", "complete", output=[1])
        assert there.questions == {}
        assert (await there.wait()).steps["a"].output == [1]


async def test_a_command_to_a_run_that_nobody_drives_stays_in_the_store(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as one, rig(store=store, recover=False) as two:
        run = await one.start(LONG)
        await trio.sleep(1)
        await one.engine.suspend(grace=0)
        there = await two.engine.find(run.id)
        await there.pause()
        assert there.status == "running"
        again = await two.engine.resume_run(run.id)
        await trio.sleep(1)
        assert again.status in ("pausing", "paused")
        assert "workflow.pausing" in told(await events_so_far(again))


async def events_so_far(run: treadle.Run) -> list[treadle.Event]:
    return list(run._driven.history)
