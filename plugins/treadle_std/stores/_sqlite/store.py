"""The contract of stores on one SQLite file: a thread that writes, and one that reads."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from treadle.errors import StoreBroken, StoreUnavailable
from treadle_std.stores._sqlite import file, reads, writes
from treadle_std.stores._sqlite.thread import Health, Part, Thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from treadle.plugin import Append, Page, Record, Request, RunFilter, RunInfo

CLOSE_SECONDS = 5.0
"""How long closing waits for each thread, beyond the time for which a write waits for a lock."""

FORGET = 20
"""Runs deleted in one transaction: between two, others can write."""


@asynccontextmanager
async def open_store(
    path: str, lock_wait: float, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> AsyncIterator[SqliteStore]:
    """Open the store at *path*; *factory* makes its connections."""
    health = Health(path)
    prepared = partial(file.prepared, path, lock_wait, factory)
    writer = Thread("treadle sqlite writer", health, prepared, writes=True)
    try:
        await writer.opened()
        connected = partial(file.connected, path, lock_wait, factory)
        reader = Thread("treadle sqlite reader", health, connected, writes=False)
        try:
            yield SqliteStore(writer, reader)
        finally:
            with trio.move_on_after(lock_wait + CLOSE_SECONDS, shield=True):
                await reader.close()
    finally:
        with trio.move_on_after(lock_wait + CLOSE_SECONDS, shield=True):
            await writer.close()


async def ask(thread: Thread, part: Part) -> Any:
    """What *part* returns; raises what it raises."""
    (answer,) = await thread(part)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _of_parts(answers: list[Any]) -> list[Any]:
    """*answers* of several parts; what is wrong with the store itself is raised."""
    for answer in answers:
        if isinstance(answer, StoreUnavailable | StoreBroken):
            raise answer
    return answers


class SqliteStore:
    """An open store; see `treadle.plugin.StoreConnection`."""

    def __init__(self, writer: Thread, reader: Thread) -> None:
        self._writer = writer
        self._reader = reader

    async def create(self, info: RunInfo, records: Sequence[Record], *, limit: int | None = None) -> RunInfo:
        """See `StoreConnection.create`."""
        created: RunInfo = await ask(
            self._writer, partial(writes.create, info=info, records=records, limit=limit)
        )
        return created

    async def append(self, batch: Sequence[Append]) -> Sequence[Exception | None]:
        """See `StoreConnection.append`."""
        return _of_parts(await self._writer(*(partial(writes.append, item=item) for item in batch)))

    async def load(self, run: str, *, after: int = 0, limit: int | None = None) -> Sequence[Record]:
        """See `StoreConnection.load`."""
        records: Sequence[Record] = await ask(
            self._reader, partial(reads.load, run=run, after=after, limit=limit)
        )
        return records

    async def info(self, run: str) -> RunInfo:
        """See `StoreConnection.info`."""
        info: RunInfo = await ask(self._reader, partial(reads.info, run=run))
        return info

    async def list(self, which: RunFilter, *, limit: int, after: str | None = None) -> Page:
        """See `StoreConnection.list`."""
        if limit < 1:
            raise ValueError(f"limit is {limit}; list at least one run")
        page: Page = await ask(self._reader, partial(reads.list_runs, which=which, limit=limit, after=after))
        return page

    async def claim(self, run: str, owner: str, *, now: float, until: float) -> RunInfo | None:
        """See `StoreConnection.claim`."""
        claimed: RunInfo | None = await ask(
            self._writer, partial(writes.claim, run=run, owner=owner, now=now, until=until)
        )
        return claimed

    async def admit(self, run: str, token: int, *, limit: int, now: float) -> Sequence[str]:
        """See `StoreConnection.admit`."""
        ahead: Sequence[str] = await ask(
            self._writer, partial(writes.admit, run=run, token=token, limit=limit, now=now)
        )
        return ahead

    async def renew(self, tokens: Mapping[str, int], *, until: float) -> frozenset[str]:
        """See `StoreConnection.renew`."""
        lost: frozenset[str] = await ask(
            self._writer, partial(writes.renew, tokens=dict(tokens), until=until)
        )
        return lost

    async def release(self, run: str, token: int) -> None:
        """See `StoreConnection.release`."""
        await ask(self._writer, partial(writes.release, run=run, token=token))

    async def ask(self, request: Request) -> None:
        """See `StoreConnection.ask`."""
        await ask(self._writer, partial(writes.ask, request=request))

    async def requests(self, runs: Sequence[str]) -> Sequence[Request]:
        """See `StoreConnection.requests`."""
        requests: Sequence[Request] = await ask(self._reader, partial(reads.requests, runs=runs))
        return requests

    async def answer(self, request: str, answer: Mapping[str, Any]) -> None:
        """See `StoreConnection.answer`."""
        await ask(self._writer, partial(writes.answer, request=request, answer=answer))

    async def asked(self, request: str) -> Request | None:
        """See `StoreConnection.asked`."""
        asked: Request | None = await ask(self._reader, partial(reads.asked, request=request))
        return asked

    async def changes(self) -> int:
        """See `StoreConnection.changes`."""
        changes: int = await ask(self._reader, reads.changes)
        return changes

    async def forget(self, runs: Sequence[str]) -> frozenset[str]:
        """See `StoreConnection.forget`."""
        gone: set[str] = set()
        for first in range(0, len(runs), FORGET):
            some = runs[first : first + FORGET]
            answers = _of_parts(await self._writer(*(partial(writes.forget, run=run) for run in some)))
            for run, deleted in zip(some, answers, strict=True):
                if isinstance(deleted, Exception):
                    raise deleted
                if deleted:
                    gone.add(run)
        return frozenset(gone)
