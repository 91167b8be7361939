"""Runs in virtual time whose process is gone at any moment, and that another takes up.

Rule 1: a crash is a cut through journal and ledger, between two steps of trio's scheduler. What the process
does while it is torn down afterwards counts for nothing.
Rule 2: what is durable survives a crash, and nothing else but the ledger. A journal that lags loses what it
was still writing, or has stored that and told nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import trio
import trio.testing
from tests.engine.kit import Act, Ledger
from tests.simulation.oracle import Crash

import treadle
from treadle._engine.journal import Journal, MemoryJournal
from treadle._engine.life import live
from treadle._engine.recovery import recovered
from treadle._engine.run import Run
from treadle.events import Event
from treadle.plugin import Step, StepType, hookimpl

if TYPE_CHECKING:
    from treadle._engine.surroundings import Surroundings

LIMITERS = {"one": 1}

HANGS_AFTER = 20_000.0
"""Virtual seconds of one process; every run ends long before, whatever happens to it."""

RUN_ID = "r1"


class Notes(Ledger):
    """A ledger that has also, by path, what the latest attempt that came to its end gave."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[str, Any] = {}

    async def act(self, config: Act, step: Step) -> Any:
        output = await super().act(config, step)
        self.outputs[step.path] = output
        return output


Person = Callable[[Run, Notes], Awaitable[None]]
"""Gives commands to a run, and answers what it asks, as long as its process lives."""


class _Stage:
    """The plugin whose effects go into the ledger of the world that is looked at: made once, for speed."""

    ledger: Notes

    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        async def act(config: Act, step: Step) -> Any:
            return await self.ledger.act(config, step)

        return [StepType(name="act", config=Act, run=act, main="name")]


_stage = _Stage()
_registry = treadle.Registry.of(_stage)


@contextmanager
def staged(ledger: Notes) -> Iterator[treadle.Registry]:
    """A registry with steps ``act`` whose effects go into *ledger*."""
    _stage.ledger = ledger
    yield _registry


def loaded(spec: str | Mapping[str, Any]) -> treadle.Workflow:
    """A workflow with steps ``act``, for `proceed` and `survive`."""
    if isinstance(spec, str):
        return treadle.loads(f"treadle: 1\nname: test\n{spec}", registry=_registry)
    return treadle.from_data({"treadle": 1, "name": "test", **spec}, registry=_registry)


@attrs.frozen
class Hung(Exception):
    """The run did not end."""

    journal: Sequence[str]


@attrs.frozen(kw_only=True)
class Death:
    """When a process is to die, and how long nobody takes up its run.

    Attributes:
      events: once its journal has so many, all told;
      steps: or once the scheduler has made so many steps with the run;
      time: or at this time.
      stored: a batch that is being written survives, though nobody is told.
      down: seconds until the next process.
    """

    events: int | None = None
    steps: int | None = None
    time: float | None = None
    stored: bool = False
    down: float = 0.0


@attrs.define
class World:
    """What outlives a process: journal, ledger, what a sink was given, and the time.

    Attributes:
      lag: seconds that a journal takes to store a batch; None: an event is durable at once.
      moments: of the latest process: the lengths of its journal at which it could have died.
    """

    lag: float | None = None
    seed: int = 1
    ledger: Notes = attrs.field(factory=Notes)
    journal: list[Event] = attrs.field(factory=list)
    stream: list[Event] = attrs.field(factory=list)
    crashes: list[Crash] = attrs.field(factory=list)
    time: float = 0.0
    moments: list[int] = attrs.field(factory=list)

    @property
    def state(self) -> treadle.RunState:
        """The run as its journal tells it."""
        return treadle.RunState.fold(self.journal)

    @property
    def ended(self) -> bool:
        """Whether the run has its end."""
        return self.state.status.ended


class SlowJournal:
    """A journal that stores what it is given in batches, each after *lag* seconds."""

    def __init__(self, lag: float) -> None:
        self.writing = 0
        self._lag = lag
        self._wake = trio.Event()

    def submit(self, run: Run, event: Event) -> None:
        run.history.append(event)
        self._wake.set()

    async def write(self, run: Run) -> None:
        """Store batch after batch, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while run.durable_seq < len(run.history):
                self.writing = len(run.history)
                await trio.sleep(self._lag)
                run.landed(self.writing)


class _Reaper(trio.abc.Instrument):
    """Ends a process where it is to die: notes what there was, and cancels everything."""

    def __init__(self, world: World, death: Death | None) -> None:
        self.scope = trio.CancelScope()
        self.run: Run | None = None
        self.journal: Journal = MemoryJournal() if world.lag is None else SlowJournal(world.lag)
        self.moments: list[int] = []
        self.crash: Crash | None = None
        self._world = world
        self._death = death
        self._steps = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.run is None or self.crash is not None:
            return
        self._steps += 1
        length = len(self.run.history)
        if not self.moments or self.moments[-1] != length:
            self.moments.append(length)
        if self._death is not None and self._is_due(self._death, length):
            self._die(self._death)

    def _is_due(self, death: Death, length: int) -> bool:
        by_events = death.events is not None and length >= death.events
        by_time = death.time is not None and trio.current_time() >= death.time
        return by_events or by_time or (death.steps is not None and self._steps >= death.steps)

    @property
    def time(self) -> float | None:
        """When the process is to die, if that is a matter of time."""
        return None if self._death is None else self._death.time

    def _die(self, death: Death) -> None:
        assert self.run is not None
        world = self._world
        events = self.run.durable_seq
        if death.stored and isinstance(self.journal, SlowJournal):
            events = max(events, self.journal.writing)
        self.crash = Crash(trio.current_time(), events, len(world.ledger.lines))
        self._tried = dict(world.ledger.tried)
        self._given = len(world.stream)
        self.run.clock.expose()  # what is shielded against cancellation dies all the same
        self.scope.cancel(reason="crash")
        self.run.open_gate()  # clean-up that is shielded would wait there for ever
        self.run.clock.go()

    def cut(self) -> None:
        """Forget what happened while the process was torn down."""
        world, crash = self._world, self.crash
        assert crash is not None
        assert self.run is not None
        world.journal = self.run.history[: crash.events]
        del world.ledger.lines[crash.lines :]
        del world.stream[self._given :]
        world.ledger.tried = self._tried
        world.ledger.inside = 0
        world.time = crash.time
        world.crashes.append(crash)


def _begun(surroundings: Surroundings, workflow: treadle.Workflow) -> Run:
    run = Run(surroundings, workflow.plan, RUN_ID, inputs={}, labels={}, correlation_id=None)
    run.emit("workflow.accepted", data={"inputs": {}})
    return run


async def _process(world: World, workflow: treadle.Workflow, reaper: _Reaper, person: Person | None) -> None:
    async def keep(batch: Sequence[Event]) -> None:
        world.stream.extend(batch)

    with reaper.scope:
        async with treadle.open_engine(registry=_registry, seed=1, limiters=LIMITERS, sinks=[keep]) as engine:
            surroundings = attrs.evolve(engine._surroundings, journal=reaper.journal)
            async with trio.open_nursery() as others:
                if world.journal:
                    run = recovered(surroundings, workflow, world.journal)
                else:
                    run = _begun(surroundings, workflow)
                if isinstance(reaper.journal, SlowJournal):
                    others.start_soon(reaper.journal.write, run)
                if not world.journal:
                    await run.durable()  # as a store creates it
                reaper.run = run
                if person is not None:
                    others.start_soon(person, run, world.ledger)
                if reaper.time is not None:
                    others.start_soon(trio.sleep_until, reaper.time)  # so that there is something to die at
                await _driven(run)
                others.cancel_scope.cancel()


async def _driven(run: Run) -> None:
    with trio.move_on_after(HANGS_AFTER) as patience:
        with run.everything:
            if not run.status.ended:
                await live(run)
        await run.durable()
    if problem := run.lost or run.fault:
        raise problem
    if patience.cancelled_caught:
        raise Hung([f"{event.seq}:{event.type} {event.step}#{event.attempt}" for event in run.history])


def proceed(
    world: World, workflow: treadle.Workflow, death: Death | None = None, person: Person | None = None
) -> bool:
    """Start the run of *world*, or go on with it, until it ends or its process dies; whether it did."""
    reaper = _Reaper(world, death)
    clock = trio.testing.MockClock(autojump_threshold=0)
    clock.jump(world.time)
    # trio takes the tasks of one instant in random order; with its own source seeded, a run repeats itself
    trio._core._run._r.seed(world.seed)
    with staged(world.ledger):
        trio.run(_process, world, workflow, reaper, person, clock=clock, instruments=[reaper])
    world.moments = reaper.moments
    if reaper.crash is not None:
        reaper.cut()
        world.time += 0.0 if death is None else death.down
        return True
    assert reaper.run is not None
    world.journal = list(reaper.run.history)
    return False


def survive(
    workflow: treadle.Workflow,
    deaths: Sequence[Death] = (),
    person: Person | None = None,
    *,
    lag: float | None = None,
    seed: int = 1,
) -> World:
    """The world after a run whose processes died one after another, and whose last one did not."""
    world = World(lag, seed)
    for death in (*deaths, None):
        if world.ended or not proceed(world, workflow, death, person):
            break
    return world
