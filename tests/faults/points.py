"""Numbered moments of a process at one of which it is killed, and a store whose calls are such moments.

Rule 1: a point lies before and after everything that outlives the process: a write to the store, a line of
the ledger. Between two points a kill changes nothing that anybody could see later.
Rule 2: what only reads, and what recurs by the clock (renewing leases, polling), is no point: their number
would not be the same twice.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from treadle.plugin import Append, Record, RunInfo, StoreConnection


class Points:
    """The points of one process, in the order in which it reached them.

    *trace* gets the name of each as it is reached, so that it can be read after the kill.
    """

    def __init__(self, kill_at: int | None, trace: Path) -> None:
        self._kill_at = kill_at
        self._count = 0
        self._trace = os.open(trace, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)

    def reached(self, name: str) -> None:
        """Number this moment; it may be the last."""
        self._count += 1
        os.write(self._trace, f"{name}\n".encode())
        if self._count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """A point before, and one after unless it raises."""
        self.reached(f"before {name}")
        yield
        self.reached(f"after {name}")


class MarkedStore:
    """A store whose every write lies between two points."""

    def __init__(self, store: StoreConnection, points: Points) -> None:
        self._store = store
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def create(self, info: RunInfo, records: Sequence[Record], *, limit: int | None = None) -> RunInfo:
        with self._points.around("create"):
            return await self._store.create(info, records, limit=limit)

    async def admit(self, run: str, token: int, *, limit: int, now: float) -> Sequence[str]:
        with self._points.around("admission"):
            return await self._store.admit(run, token, limit=limit, now=now)

    async def append(self, batch: Sequence[Append]) -> Sequence[Exception | None]:
        numbers = ", ".join(f"{one.after + 1} to {one.after + len(one.records)}" for one in batch)
        with self._points.around(f"append of events {numbers}"):
            return await self._store.append(batch)

    async def claim(self, run: str, owner: str, *, now: float, until: float) -> RunInfo | None:
        with self._points.around("claim"):
            return await self._store.claim(run, owner, now=now, until=until)

    async def release(self, run: str, token: int) -> None:
        with self._points.around("release"):
            await self._store.release(run, token)

    async def answer(self, request: str, answer: Mapping[str, Any]) -> None:
        with self._points.around(f"answer to {request}"):
            await self._store.answer(request, answer)
