"""Runs that have happened, in a store that the program finds."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

import treadle
from treadle._cli import stored
from treadle._records import encode
from treadle.plugin import Append, RunInfo
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    import pytest

    from treadle import Event, Run
    from treadle.plugin import StoreConnection

Act = "Callable[[Run], Awaitable[None]]"


def happened(
    spec: str, inputs: dict[str, Any] | None = None, *, act: Callable[[Run], Awaitable[None]] | None = None
) -> list[Event]:
    """The events of a run of *spec* in virtual time, in which *act* may steer it."""

    async def driven() -> list[Event]:
        async with treadle.open_engine() as engine:
            run = await engine.start(treadle.loads(spec), inputs=inputs)
            if act is not None:
                await act(run)
            await run.wait()
            return [event async for event in run.events()]

    return trio.run(driven, clock=trio.testing.MockClock(autojump_threshold=0))


def cut(events: Sequence[Event], after: str, step: str | None = None) -> list[Event]:
    """*events* up to the last of type *after* (of *step*): the journal of a run that has not ended."""
    fitting = [n for n, e in enumerate(events) if e.type == after and step in (None, e.step)]
    return list(events[: fitting[-1] + 1])


def put(store: StoreConnection, events: Sequence[Event], **known: Any) -> str:
    """Store a run that consists of *events*; its id. *known* goes to its `RunInfo`."""
    first, last, state = events[0], events[-1], treadle.RunState.fold(events)
    info = RunInfo(
        **{
            "id": first.run,
            "workflow": first.workflow,
            "status": state.status,
            "correlation_id": first.correlation_id,
            "labels": first.labels,
            "created_at": first.time,
            "updated_at": last.time,
            "started_at": state.started_at,
            "ended_at": state.ended_at,
            **known,
        }
    )
    trio.run(store.create, info, [encode(event, info.labels) for event in events])
    return info.id


def add(store: StoreConnection, info: RunInfo, events: Sequence[Event]) -> Append:
    """What appends *events* to the run of *info*."""
    state = treadle.RunState.fold(events)
    return Append(
        run=info.id,
        token=info.token,
        after=(events[0].seq or 1) - 1,
        records=[encode(event, info.labels) for event in events],
        status=state.status,
        time=events[-1].time,
        ended_at=state.ended_at,
    )


def in_use(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A store that every command of this test opens as the project's."""
    store = MemoryStore()

    @asynccontextmanager
    async def opened(project: Any) -> AsyncIterator[StoreConnection]:
        yield store

    monkeypatch.setattr(stored, "open_store", opened)
    return store
