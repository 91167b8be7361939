"""Sinks: whatever one does, no run and no other sink notices."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from tests.engine.kit import events, rig
from tests.engine.odd import Doing

import treadle
from treadle._engine import bus
from treadle.plugin import Sink, Step, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MANY = "steps: [{id: all, foreach: '${{ range(200) }}', act: {}}]"


class Keeping:
    """A sink that keeps what it gets; *pause* seconds for each batch."""

    def __init__(self, pause: float = 0) -> None:
        self.pause = pause
        self.seen: list[treadle.Event] = []
        self.batches = 0

    async def __call__(self, batch: Sequence[treadle.Event]) -> None:
        await trio.sleep(self.pause)
        self.batches += 1
        self.seen.extend(batch)

    def numbers(self, run: treadle.Run) -> list[int]:
        return [event.seq for event in self.seen if event.run == run.id and event.seq is not None]


def gapless(numbers: Sequence[int]) -> bool:
    return list(numbers) == list(range(1, len(numbers) + 1))


async def test_a_sink_gets_every_event_of_every_run_in_order(autojump_clock: trio.testing.MockClock) -> None:
    sink = Keeping()
    async with rig(sinks=[sink]) as r:
        runs = [await r.start("steps: [act: {takes: 1s}, act: {}]") for _ in range(3)]
    for run in runs:
        assert [event for event in sink.seen if event.run == run.id] == await events(run)


async def test_a_slow_sink_holds_up_no_run_and_still_gets_everything(
    autojump_clock: trio.testing.MockClock,
) -> None:
    slow, fast = Keeping(pause=1), Keeping()
    async with rig(sinks=[slow, fast]) as r:
        run = await r.start("steps: [act: {takes: 1s}, act: {takes: 1s}]")
        await run.wait()
        assert trio.current_time() == 2
    assert gapless(slow.numbers(run))
    assert slow.numbers(run) == fast.numbers(run)


async def test_a_sink_that_is_stuck_for_ever_is_given_up_five_seconds_after_the_end(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def stuck(batch: Sequence[treadle.Event]) -> None:
        await trio.sleep_forever()

    other = Keeping()
    async with rig(sinks=[stuck, other]) as r:
        run = await r.start(MANY)
        await run.wait()
    assert trio.current_time() == bus_seconds()
    assert gapless(other.numbers(run))
    assert "too slow" in caplog.text


def bus_seconds() -> float:
    from treadle._engine.opening import DRAIN_SECONDS

    return DRAIN_SECONDS


@pytest.mark.parametrize("failures", [1, 10**9])
async def test_a_sink_that_raises_loses_what_it_was_given_and_nothing_else(
    failures: int, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    async def raising(batch: Sequence[treadle.Event]) -> None:
        calls.append(len(batch))
        if len(calls) <= failures:
            raise OSError("no space left")

    other = Keeping()
    async with rig(sinks=[raising, other]) as r:
        run = await r.start("steps: [act: {takes: 1s}, act: {takes: 1s}, act: {takes: 1s}]")
        assert (await run.wait()).status == "completed"
    assert len(calls) > 2
    assert gapless(other.numbers(run))
    assert "failed (1 times so far); its runs go on" in caplog.text


async def test_what_does_not_fit_a_queue_is_read_again_so_that_no_run_has_a_gap(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "QUEUE", 10)
    monkeypatch.setattr(bus, "BATCH", 7)
    slow = Keeping(pause=0.01)
    async with rig(sinks=[slow]) as r:
        runs = [await r.start(MANY.replace("act: {}", "act: {takes: 50ms}")) for _ in range(3)]
        for run in runs:
            await run.wait()
    for run in runs:
        assert slow.numbers(run) == [event.seq for event in await events(run)]


async def test_of_a_run_that_has_been_forgotten_a_slow_sink_loses_the_rest_and_it_is_logged(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bus, "QUEUE", 10)
    slow = Keeping(pause=1)
    async with rig(sinks=[slow], limits=treadle.Limits(finished=1)) as r:
        for _ in range(2):
            await (await r.start(MANY)).wait()
    assert "are lost to it" in caplog.text


@attrs.frozen(kw_only=True)
class Where:
    """Settings of the sink ``book``."""

    title: str


class Booking:
    """A plugin with one sink, which notes when it is opened and closed."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @hookimpl
    def treadle_event_sinks(self) -> Iterable[Sink[Any]]:
        return [Sink(name="book", config=Where, open=self.open, main="title")]

    @asynccontextmanager
    async def open(self, config: Where) -> Any:
        async def send(batch: Sequence[treadle.Event]) -> None:
            self.told.extend(event.type for event in batch if event.type == "workflow.completed")

        self.told.append(f"open {config.title}")
        yield send
        self.told.append("close")


async def test_a_sink_is_opened_before_the_first_event_and_closed_after_the_last(
    autojump_clock: trio.testing.MockClock,
) -> None:
    book = Booking()
    async with rig(plugins=[book], sinks=[{"book": {"title": "log"}}]) as r:
        assert book.told == ["open log"]
        await r.run("steps: [act: {}]")
    assert book.told == ["open log", "workflow.completed", "close"]


@pytest.mark.parametrize(
    ("sink", "error"),
    [("unknown", treadle.TreadleError), ({"book": {"titel": 1}}, treadle.SpecError)],
)
async def test_a_sink_that_cannot_be_set_up_is_an_error_of_whoever_opens_the_engine(
    sink: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with rig(plugins=[Booking()], sinks=[sink]):
            pass


async def test_live_events_reach_sinks_without_a_number(autojump_clock: trio.testing.MockClock) -> None:
    async def tell(step: Step) -> None:
        step.log("hello", level="warning")
        step.write("text", stream="stderr")
        step.heartbeat({"done": 1})

    sink = Keeping()
    async with rig(plugins=[Doing(tell=tell)], sinks=[sink]) as r:
        await r.run("steps: [{id: a, do: tell}]")
    live = {event.type: event for event in sink.seen if event.seq is None}
    assert {kind: event.data for kind, event in live.items()} == {
        "step.log": {"level": "warning", "message": "hello"},
        "step.output": {"stream": "stderr", "text": "text"},
        "step.heartbeat": {"data": {"done": 1}},
    }
    assert {(event.step, event.attempt) for event in live.values()} == {("a", 1)}


async def test_nothing_is_logged_about_sinks_that_work(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with rig(sinks=[Keeping(), Keeping(pause=0.5)]) as r:
        await r.run("steps: [act: {}]")
    assert not [record for record in caplog.records if record.name.startswith("treadle")]
