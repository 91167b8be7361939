"""The engine: opens what runs need, starts runs, and keeps those that have ended for a while.

Rule 1: nothing is global; two engines in one process share nothing.
Rule 2: a run that ends, however it ends, ends alone.
Rule 3: leaving the engine leaves nothing running: normally by cancelling what still runs, under the host's
cancellation at once and without a trace in any journal.
"""

from __future__ import annotations

import logging
import secrets as random_source
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Literal

import trio

from treadle._deployment import Limits
from treadle._engine import control as _control
from treadle._engine.bus import Bus, SinkQueue
from treadle._engine.clock import wall_clock
from treadle._engine.journal import MemoryJournal
from treadle._engine.life import live
from treadle._engine.run import Run as Driven
from treadle._engine.surroundings import Surroundings
from treadle._inputs import check_inputs
from treadle._kinds import SecretProvider, Send, Sink, TransportConnection
from treadle._registry import Registry
from treadle._settings import Settings
from treadle._spec import sinks_from_data
from treadle._state import RunState
from treadle.errors import InputError, PluginError, Refused, StepError
from treadle.events import Event, Resolve, RunStatus

if TYPE_CHECKING:
    from treadle._workflow import Workflow

DRAIN_SECONDS = 5.0
"""How long sinks may take, when the engine closes, for what they have not been given yet."""

_log = logging.getLogger("treadle.sinks")

_ID_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class Run:
    """A run, for those who started it: watch it, steer it, wait for it."""

    def __init__(self, driven: Driven) -> None:
        self._driven = driven

    def __repr__(self) -> str:
        return f"<Run {self.id} of {self.workflow}: {self.status}>"

    @property
    def id(self) -> str:
        """The run's id."""
        return self._driven.id

    @property
    def workflow(self) -> str:
        """The workflow's name."""
        return self._driven.workflow

    @property
    def status(self) -> RunStatus:
        """Where it stands now."""
        return self._driven.status

    @property
    def questions(self) -> dict[str, str | None]:
        """The steps that wait for a person, by path, with what they ask."""
        return {path: question.prompt for path, question in self._driven.questions.items()}

    def state(self) -> RunState:
        """All that its events tell so far."""
        return RunState.fold(self._driven.history)

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        """Its events from number *after* + 1: those that were, then those that come, to the end.

        Attach at any time, as often as wanted. A slow reader misses nothing and holds up nobody.
        """
        driven, seen = self._driven, after
        while True:
            history = driven.history
            while seen < driven.durable_seq:
                seen += 1
                yield history[seen - 1]
            if driven.status.ended:
                return
            await driven.changed()

    async def ended(self) -> None:
        """Wait for its end."""
        while not self._driven.status.ended:
            await self._driven.changed()

    async def wait(self) -> RunState:
        """Wait for its end; the result. Raises the fault where treadle itself broke."""
        await self.ended()
        if self._driven.fault is not None:
            raise self._driven.fault
        return RunState.fold(self._driven.history)

    async def pause(self) -> None:
        """Start nothing new; what is in flight finishes. Raises Refused where it cannot."""
        _control.pause(self._driven)
        await self._driven.durable()

    async def resume(self) -> None:
        """Go on after `pause`. Raises Refused where it is not paused."""
        _control.resume(self._driven)
        await self._driven.durable()

    async def cancel(self, reason: str | None = None, *, rollback: bool = False) -> None:
        """Cancel everything that runs; returns once that is accepted. Raises Refused where it cannot.

        Args:
          reason: for people, in events and results.
          rollback: undo what completed, before ``finally``.
        """
        _control.cancel(self._driven, reason, rollback=rollback)
        await self._driven.durable()

    async def resolve(self, path: str, decision: Resolve | str, *, output: Any = None) -> None:
        """Answer for the step at *path*, which waits for a person. Raises Refused where it does not.

        Args:
          output: with ``complete`` or ``continue``, what dependants read as the step's output.
        """
        _control.resolve(self._driven, path, Resolve(decision), output)
        await self._driven.durable()


class Engine:
    """Runs workflows. Made by `open_engine`."""

    def __init__(self, surroundings: Surroundings, nursery: trio.Nursery, *, seeded: bool) -> None:
        self._surroundings = surroundings
        self._nursery = nursery
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._slots = trio.CapacityLimiter(surroundings.limits.runs)
        self._count = 0
        self._seeded = seeded
        self._closing = False

    async def start(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        correlation_id: str | None = None,
    ) -> Run:
        """Accept a run of *workflow* and start it; beyond ``limits.runs`` it stays pending until one ends.

        Args:
          inputs: by name; checked, with the defaults filled in.
          key: not yet supported.
          labels: added to the workflow's, on every event.
          correlation_id: on every event and outgoing request; the run's id unless given.

        Raises:
          InputError: the inputs do not fit; has every problem.
          Refused: the engine is closing.
        """
        if key is not None:
            raise NotImplementedError("run keys need a durable store, which this version does not have")
        given, problems = check_inputs(workflow.spec.inputs, inputs or {})
        if problems:
            raise InputError(problems)
        self._check_limits(workflow)
        if self._closing:
            raise Refused("start", "closing", "the engine is being closed")
        driven = Driven(
            self._surroundings,
            workflow.plan,
            self._new_id(),
            inputs=given,
            labels=labels or {},
            correlation_id=correlation_id,
        )
        run = self._runs[driven.id] = Run(driven)
        spec = workflow.spec
        driven.emit("workflow.accepted", data={"spec": spec.data, "hash": spec.hash, "inputs": given})
        await driven.durable()
        self._nursery.start_soon(self._drive, driven, name=f"treadle run {driven.id}")
        return run

    def runs(self, *, status: RunStatus | str | None = None, workflow: str | None = None) -> list[Run]:
        """The runs this engine has, oldest first: those that go on, and the latest that have ended."""
        wanted = None if status is None else RunStatus(status)
        return [
            run
            for run in self._runs.values()
            if (wanted is None or run.status is wanted) and (workflow is None or run.workflow == workflow)
        ]

    def run(self, run_id: str) -> Run:
        """The run with this id. Raises KeyError if there is none, or it ended too long ago."""
        return self._runs[run_id]

    async def _drive(self, driven: Driven) -> None:
        async with self._slots:
            if not driven.status.ended:  # cancelled while it was pending
                await live(driven)
        self._keep(driven.id)

    def _keep(self, run_id: str) -> None:
        """Remember an ended run, and forget the oldest beyond the limit."""
        self._ended[run_id] = None
        while len(self._ended) > self._surroundings.limits.finished:
            oldest, _ = self._ended.popitem(last=False)
            del self._runs[oldest]

    def history(self, run_id: str) -> Sequence[Event] | None:
        """The journaled events of a run; None if it has been forgotten."""
        run = self._runs.get(run_id)
        return None if run is None else run._driven.history

    def _check_limits(self, workflow: Workflow) -> None:
        allowed, size = self._surroundings.limits.steps, len(workflow.plan.paths)
        if size > allowed:
            raise Refused(
                "start", "new", f"the workflow has {size} steps, more than the {allowed} of limits.steps"
            )
        known = self._surroundings.limiters
        for name in sorted(workflow.limiters - known.keys()):
            here = ", ".join(sorted(known)) or "none"
            raise Refused(
                "start", "new", f"no limiter {name!r} is set up here (there is {here}); add it to `limiters`"
            )

    def _new_id(self) -> str:
        self._count += 1
        moment = int(self._surroundings.now() * 1000)
        if self._seeded:
            tail = f"{self._count:06d}"
        else:
            tail = "".join(random_source.choice(_ID_DIGITS) for _ in range(8))
        head = "".join(_ID_DIGITS[moment >> shift & 31] for shift in range(40, -1, -5))
        return f"{head}-{tail}"

    async def close(self) -> None:
        """Take no more runs, cancel those that go on, and wait for their ends."""
        self._closing = True
        for run in self.runs():
            if not run.status.ended:
                with suppress(Refused):  # its end is decided, and it comes to it by itself
                    await run.cancel("the engine was closed")
        for run in self.runs():
            await run.ended()


SinkLike = Send | str | Mapping[str, Any] | Settings[Sink[Any]]
"""A function to call with each batch; or a sink's name, or ``{name: settings}``, as in ``treadle.yaml``."""


@asynccontextmanager
async def open_engine(
    *,
    store: Literal["memory"] = "memory",
    sinks: Iterable[SinkLike] = (),
    registry: Registry | None = None,
    limits: Limits | None = None,
    limiters: Mapping[str, int] | None = None,
    devices: None = None,
    secrets: Mapping[str, str] | Iterable[Settings[SecretProvider[Any]]] | None = None,
    seed: int | str | None = None,
) -> AsyncIterator[Engine]:
    """Open an engine in the caller's task; its runs live as long as it is open.

    Leaving it normally cancels the runs that still go on and waits until they have ended; leaving it by
    an exception, or under a cancellation, ends them at once.

    Args:
      store: where journals live; this version has ``memory`` only.
      sinks: where events go.
      registry: the plugins for sinks, secrets and transports; those installed unless given.
      limits: bounds on runs, elements and outputs.
      limiters: what ``limit`` of a step may name, each with how many attempts may hold it at once.
      devices: not yet supported.
      secrets: values by name; or providers, asked in order; the environment unless given.
      seed: makes ids and random draws repeat themselves.

    Raises:
      PluginError: a store or sink is not installed.
      SpecError: the settings of a sink are wrong.
    """
    if store != "memory" or devices is not None:
        raise PluginError("this version has the store 'memory' only, and no devices")
    plugins = registry or Registry.installed()
    bus = Bus()
    surroundings = Surroundings(
        journal=MemoryJournal(),
        bus=bus,
        now=wall_clock(),
        seed=str(seed) if seed is not None else random_source.token_hex(8),
        limits=limits or Limits(),
        limiters={name: trio.CapacityLimiter(count) for name, count in (limiters or {}).items()},
        providers=_providers(secrets, plugins),
        transport=_transports(plugins),
    )
    error: BaseException | None = None
    async with trio.open_nursery() as sink_tasks, trio.open_nursery() as run_tasks:
        engine = Engine(surroundings, run_tasks, seeded=seed is not None)
        try:
            for sink in sinks:
                name, opening = _opening(sink, plugins)
                queue = SinkQueue(name, engine.history)
                await sink_tasks.start(queue.serve, opening, name=f"treadle sink {name}")
                bus.add(queue)
            yield engine
            await engine.close()
        except BaseException as raised:
            if _is_cancellation(raised):
                raise
            error = raised  # raised again outside the nurseries, which would wrap it
            run_tasks.cancel_scope.cancel(reason="the engine was left by an exception")
        bus.close()
        sink_tasks.cancel_scope.deadline = trio.current_time() + DRAIN_SECONDS
    for name, left in bus.unfinished():
        _log.warning("sink %s was too slow: %d events are lost to it", name, left)
    if error is not None:
        raise error


def _is_cancellation(raised: BaseException) -> bool:
    """Whether *raised* must reach the scope that it belongs to by itself."""
    if isinstance(raised, BaseExceptionGroup):
        return raised.subgroup(trio.Cancelled) is not None
    return isinstance(raised, trio.Cancelled | GeneratorExit)


def _opening(sink: SinkLike, registry: Registry) -> tuple[str, AbstractAsyncContextManager[Send]]:
    """A sink's name and what opens it."""
    if callable(sink):
        return getattr(sink, "__qualname__", repr(sink)), nullcontext(sink)
    (settings,) = (sink,) if isinstance(sink, Settings) else sinks_from_data([sink], registry=registry)
    return settings.entry.name, settings.entry.open(settings.constant)


def _providers(
    secrets: Mapping[str, str] | Iterable[Settings[SecretProvider[Any]]] | None, registry: Registry
) -> tuple[Callable[[str], str | None], ...]:
    if isinstance(secrets, Mapping):
        return (secrets.get,)
    if secrets is not None:
        return tuple(settings.entry.open(settings.constant) for settings in secrets)
    provider = registry.secret_providers.get("env")
    return () if provider is None else (provider.open(provider.config()),)


def _transports(
    registry: Registry,
) -> Callable[[str | None], AbstractAsyncContextManager[TransportConnection]]:
    def connect(device: str | None) -> AbstractAsyncContextManager[TransportConnection]:
        local = registry.transports.get("local")
        if local is None or device is not None:
            raise StepError("exit.not_started", f"no transport leads to {device or 'this machine'}")
        connection: AbstractAsyncContextManager[TransportConnection] = local.open(local.config())
        return connection

    return connect
