"""Opening an engine: store, sinks, secrets and transports around a nursery for runs.

Rule 1: leaving the engine leaves nothing running: normally by cancelling what still runs, or suspending it
where it outlives the engine; under the host's cancellation at once and without a trace in any journal.
Rule 2: what leaves it by an exception comes out as it was raised, not in a group.
"""

from __future__ import annotations

import logging
import secrets as random_source
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from treadle._catalogue import Catalogue, WorkflowsLike, catalogue_of
from treadle._deployment import Limits
from treadle._engine.bus import Bus, SinkQueue
from treadle._engine.clock import wall_clock
from treadle._engine.engine import Engine
from treadle._engine.journal import Journal, MemoryJournal
from treadle._engine.leaving import abandon
from treadle._engine.surroundings import Surroundings
from treadle._kinds import SecretProvider, Send, Sink, Store, TransportConnection
from treadle._registry import Registry
from treadle._settings import Settings
from treadle._workflow import load_called
from treadle.errors import EngineFault, PluginError, StepError

if TYPE_CHECKING:
    from treadle._kinds.store import StoreConnection

DRAIN_SECONDS = 5.0
"""How long sinks may take, when the engine closes, for what they have not been given yet."""

LEASE_SECONDS = 15.0

_log = logging.getLogger("treadle.sinks")

SinkLike = Send | str | Mapping[str, Any] | Settings[Sink[Any]]
"""A function to call with each batch; or a sink's name, or ``{name: settings}``, as in ``treadle.yaml``."""

StoreLike: TypeAlias = "str | Mapping[str, Any] | Settings[Store[Any]] | StoreConnection"
"""A store's name; ``name:main setting``; ``{name: settings}``, as in ``treadle.yaml``; or an open store."""


@asynccontextmanager
async def open_engine(
    *,
    store: StoreLike = "memory",
    recover: bool = True,
    lease: float = LEASE_SECONDS,
    sinks: Iterable[SinkLike] = (),
    registry: Registry | None = None,
    limits: Limits | None = None,
    limiters: Mapping[str, int] | None = None,
    devices: None = None,
    secrets: Mapping[str, str] | Iterable[Settings[SecretProvider[Any]]] | None = None,
    workflows: WorkflowsLike = (),
    seed: int | str | None = None,
) -> AsyncIterator[Engine]:
    """Open an engine in the caller's task.

    With the store ``memory`` runs live as long as it is open: leaving it normally cancels those that still
    go on and waits until they have ended; leaving it by an exception, or cancelled, ends them at once.

    With any other store runs outlive it: leaving it normally suspends them, as `Engine.suspend` does; leaving
    it otherwise stops them at once, and what was in flight counts as interrupted by a crash. Either way they
    can be resumed at once, here or by another process.

    Args:
      store: where journals live; one that is open already is left open.
      recover: take over runs of the store that have not ended and that nobody drives, now and every *lease*.
      lease: seconds after which other processes may take over what this one drives, should it stop.
      sinks: where events go.
      registry: the plugins for stores, sinks, secrets and transports, and for runs that are taken over; those
        installed unless given.
      limits: bounds on runs, elements and outputs.
      limiters: what ``limit`` of a step may name, each with how many attempts may hold it at once.
      devices: not yet supported.
      secrets: values by name; or providers, asked in order; the environment unless given.
      workflows: those that steps may call, by name; or some, each with its own name; or a `Catalogue`.
      seed: makes ids and random draws repeat themselves.

    Raises:
      PluginError: *devices* is not supported.
      SpecError: a store or a sink is not installed, or its settings are wrong.
      StoreError: the store cannot be opened; or, when the engine is left, it broke.
      Exception: whatever a sink raises that cannot be opened, as OSError.
    """
    if devices is not None:
        raise PluginError("this version has no devices; leave `devices` out")
    if not lease > 0:
        raise ValueError(f"lease is {lease} s; give more than 0")
    plugins = registry or Registry.installed()
    async with _connected(store, plugins) as connection:
        surroundings = Surroundings(
            journal=MemoryJournal() if connection is None else _journal(connection),
            bus=Bus(),
            now=wall_clock(),
            seed=str(seed) if seed is not None else random_source.token_hex(8),
            limits=limits or Limits(),
            limiters={name: trio.CapacityLimiter(count) for name, count in (limiters or {}).items()},
            providers=_providers(secrets, plugins),
            transport=_transports(plugins),
            children=_no_children,
        )
        opening = _Opening(
            surroundings,
            plugins,
            connection,
            catalogue_of(workflows, partial(load_called, registry=plugins)),
            recover=recover,
            lease=lease,
            seeded=seed is not None,
        )
        async with opening.opened(sinks) as engine:
            yield engine


class _Opening:
    """What an engine is made of, and how it is left."""

    def __init__(
        self,
        surroundings: Surroundings,
        registry: Registry,
        store: StoreConnection | None,
        catalogue: Catalogue,
        *,
        recover: bool,
        lease: float,
        seeded: bool,
    ) -> None:
        self._surroundings = surroundings
        self._registry = registry
        self._store = store
        self._catalogue = catalogue
        self._recover = recover
        self._lease = lease
        self._seeded = seeded
        self._error: BaseException | None = None

    @asynccontextmanager
    async def opened(self, sinks: Iterable[SinkLike]) -> AsyncIterator[Engine]:
        """The engine, with its sinks and with the tasks that it needs."""
        bus = self._surroundings.bus
        async with trio.open_nursery() as sink_tasks:
            async with trio.open_nursery() as store_tasks:
                async with trio.open_nursery() as run_tasks:
                    engine = Engine(self._surroundings, run_tasks, self._catalogue, seeded=self._seeded)
                    try:
                        await self._add_sinks(engine, sinks, sink_tasks)
                        self._make_durable(engine, store_tasks)
                        yield engine
                        await engine._leave()
                    except BaseException as raised:  # noqa: ASYNC103  raised again outside the nurseries, which would wrap it
                        abandon(engine)
                        if _is_cancellation(raised):
                            raise
                        self._error = raised
                        run_tasks.cancel_scope.cancel(reason="the engine was left by an exception")
                store_tasks.cancel_scope.cancel(reason="the engine was left")
            bus.close()
            sink_tasks.cancel_scope.deadline = trio.current_time() + DRAIN_SECONDS
        for name, left in bus.unfinished():
            _log.warning("sink %s was too slow: %d events are lost to it", name, left)
        if self._error is not None:
            raise self._error
        if engine._broken is not None:
            raise engine._broken

    async def _add_sinks(self, engine: Engine, sinks: Iterable[SinkLike], tasks: trio.Nursery) -> None:
        for sink in sinks:
            name, opening = _opening(sink, self._registry)
            queue = SinkQueue(name, engine.history)
            await tasks.start(queue.serve, opening, name=f"treadle sink {name}")
            self._surroundings.bus.add(queue)

    def _make_durable(self, engine: Engine, tasks: trio.Nursery) -> None:
        if self._store is None:
            return
        from treadle._engine.durability import Durability

        engine._durability = durability = Durability(
            self._store,
            engine._surroundings,
            self._registry,
            lease=self._lease,
            tasks=tasks,
            check=engine._check_limits,
        )
        durability.start()
        if self._recover:
            tasks.start_soon(engine._recover, name="treadle recovery")


def _no_children() -> Any:
    raise EngineFault("a step calls a workflow, and there is no engine")


def _journal(store: StoreConnection) -> Journal:
    from treadle._engine.store_journal import StoreJournal  # brings msgspec along, which memory does without

    return StoreJournal(store)


def _is_cancellation(raised: BaseException) -> bool:
    """Whether *raised* must reach the scope that it belongs to by itself."""
    if isinstance(raised, BaseExceptionGroup):
        return raised.subgroup(trio.Cancelled) is not None
    return isinstance(raised, trio.Cancelled | GeneratorExit)


def _connected(store: StoreLike, registry: Registry) -> AbstractAsyncContextManager[StoreConnection | None]:
    """What opens *store*; None for ``memory``, which the engine does without."""
    if store == "memory":
        return nullcontext(None)
    if isinstance(store, str):
        name, colon, main = store.partition(":")
        store = {name: main} if colon else name
    if isinstance(store, str | Mapping):
        from treadle._spec.deploy import store_from_data  # the program hands over stores that are checked

        store = store_from_data(store, registry=registry)
    if not isinstance(store, Settings):
        if not hasattr(store, "append"):
            raise TypeError(f"store is no open store, and no name or settings of one: {store!r}")
        return nullcontext(store)
    if store.entry.name == "memory":
        return nullcontext(None)
    opened: AbstractAsyncContextManager[StoreConnection] = store.entry.open(store.constant)
    return opened


def _opening(sink: SinkLike, registry: Registry) -> tuple[str, AbstractAsyncContextManager[Send]]:
    """A sink's name and what opens it."""
    if callable(sink):
        return getattr(sink, "__qualname__", repr(sink)), nullcontext(sink)
    if isinstance(sink, Settings):
        settings = sink
    else:
        from treadle._spec.deploy import sinks_from_data  # as above

        (settings,) = sinks_from_data([sink], registry=registry)
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
