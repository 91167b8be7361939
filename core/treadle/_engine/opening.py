"""Opening an engine: sinks, secrets and transports around a nursery for runs.

Rule 1: leaving the engine leaves nothing running: normally by cancelling what still runs, under the host's
cancellation at once and without a trace in any journal.
Rule 2: what leaves it by an exception comes out as it was raised, not in a group.
"""

from __future__ import annotations

import logging
import secrets as random_source
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Literal

import trio

from treadle._deployment import Limits
from treadle._engine.bus import Bus, SinkQueue
from treadle._engine.clock import wall_clock
from treadle._engine.engine import Engine
from treadle._engine.journal import MemoryJournal
from treadle._engine.surroundings import Surroundings
from treadle._kinds import SecretProvider, Send, Sink, TransportConnection
from treadle._registry import Registry
from treadle._settings import Settings
from treadle._spec import sinks_from_data
from treadle.errors import PluginError, StepError

DRAIN_SECONDS = 5.0
"""How long sinks may take, when the engine closes, for what they have not been given yet."""

_log = logging.getLogger("treadle.sinks")

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
      PluginError: *store* or *devices* is not supported.
      SpecError: a sink is not installed, or its settings are wrong.
      Exception: whatever a sink raises that cannot be opened, as OSError.
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
        except BaseException as raised:  # noqa: ASYNC103  raised again outside the nurseries, which would wrap it
            if _is_cancellation(raised):
                raise
            error = raised
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
