"""Reading a run's events: attach at any time, as slowly as you like, and stop when you want."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from tests.engine.kit import events, rig
from tests.engine.odd import Doing

if TYPE_CHECKING:
    from treadle.plugin import Step

THREE = "steps: [act: {takes: 1s}, act: {takes: 1s}, act: {takes: 1s}]"


async def test_a_late_reader_catches_up_and_then_follows(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(THREE)
        await trio.sleep(1.5)
        seen = [(trio.current_time(), event.seq) async for event in run.events()]
    numbers = [seq for _, seq in seen]
    assert numbers == list(range(1, len(seen) + 1))
    assert seen[0][0] == 1.5
    assert seen[-1][0] == 3


async def test_a_reader_may_begin_after_any_event(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(THREE)
        all_of_them = await events(run)
        assert [event async for event in run.events(after=4)] == all_of_them[4:]
        assert [event async for event in run.events(after=len(all_of_them))] == []


async def test_slow_and_fast_readers_get_the_same_and_hold_up_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    got: dict[str, list[int | None]] = {"slow": [], "fast": []}

    async def read(name: str, pause: float) -> None:
        async for event in run.events():
            got[name].append(event.seq)
            await trio.sleep(pause)

    async with rig() as r:
        run = await r.start(THREE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, "slow", 50)
            nursery.start_soon(read, "fast", 0)
            await run.wait()
            assert trio.current_time() == 3
    assert got["slow"] == got["fast"]


async def test_a_reader_may_leave_early(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(THREE)
        reading = run.events()
        first = await anext(reading)
        await reading.aclose()
        assert first.type == "workflow.accepted"
        assert (await run.wait()).status == "completed"


async def test_a_reader_that_is_cancelled_leaves_the_run_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(THREE)
        with trio.move_on_after(1.5):
            await events(run)
        assert (await run.wait()).status == "completed"


async def test_events_carry_who_and_what(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(
            "labels: {team: a}\nsteps: [{id: x, labels: {tier: b}, act: {}}]",
            labels={"by": "me"},
            correlation_id="order-7",
        )
        seen = await events(run)
    started = next(event for event in seen if event.type == "step.started")
    assert started.labels == {"team": "a", "by": "me", "tier": "b"}
    assert {event.correlation_id for event in seen} == {"order-7"}
    assert {event.workflow for event in seen} == {"test"}
    assert started.attempt == 1
    assert seen[0].labels == {"team": "a", "by": "me"}


async def test_what_a_step_emits_is_numbered_among_the_others(autojump_clock: trio.testing.MockClock) -> None:
    async def tell(step: Step) -> None:
        step.emit("shop.sold", {"count": 3})

    async with rig(plugins=[Doing(tell=tell)]) as r:
        run = await r.start("steps: [{id: a, do: tell}]")
        seen = await events(run)
    assert [event.type for event in seen][2:5] == ["step.started", "shop.sold", "step.completed"]
    assert (seen[3].data, seen[3].step, seen[3].attempt) == ({"count": 3}, "a", 1)


async def test_live_events_are_not_among_those_of_the_run(autojump_clock: trio.testing.MockClock) -> None:
    async def tell(step: Step) -> None:
        step.log("hello")
        step.write("text")
        step.heartbeat({"done": 1})

    async with rig(plugins=[Doing(tell=tell)]) as r:
        run = await r.start("steps: [{id: a, do: tell}]")
        seen = await events(run)
    assert not [event for event in seen if event.type in ("step.log", "step.output", "step.heartbeat")]


async def test_an_event_of_a_name_that_is_treadles_own_is_the_plugins_fault(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def tell(step: Step) -> None:
        step.emit("workflow.completed", {})

    async with rig(plugins=[Doing(tell=tell)]) as r:
        state = await r.run("steps: [{id: a, do: tell}]")
    assert state.error is not None
    assert state.error.name == "plugin"
