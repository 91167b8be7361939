"""The references for durable work: SQLite as one would use it without an engine.

Both write a row of ROW bytes a step, about what an event takes, and wait until it is on disk.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROW = 150

_TABLE = "CREATE TABLE event (run INTEGER, seq INTEGER, body BLOB, PRIMARY KEY (run, seq)) WITHOUT ROWID"
_INSERT = "INSERT INTO event (run, seq, body) VALUES (?, ?, ?)"
_BODY = b"x" * ROW


def connected(path: Path) -> sqlite3.Connection:
    """A new file, written ahead and with an fsync at each commit."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(_TABLE)
    return db


def chain(path: Path, length: int) -> float:
    """Seconds that *length* commits of one row each take, one after another."""
    with closing(connected(path)) as db:
        began = time.perf_counter()
        for number in range(length):
            db.execute(_INSERT, (1, number, _BODY))
        return time.perf_counter() - began


def live(path: Path, tasks: int, length: int) -> float:
    """Seconds in which *tasks* tasks append *length* rows each, waiting for each row to be on disk."""

    async def timed() -> float:
        writer = _Writer(path)

        async def append(run: int) -> None:
            for number in range(length):
                await writer.append(run, number)

        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for run in range(tasks):
                nursery.start_soon(append, run)
        took = time.perf_counter() - began
        writer.close()
        return took

    return trio.run(timed)


class _Writer:
    """One thread: what waits when it is free is one transaction, and one hop back to trio."""

    def __init__(self, path: Path) -> None:
        self._rows: queue.SimpleQueue[tuple[int, int, trio.Event] | None] = queue.SimpleQueue()
        self._loop = trio.lowlevel.current_trio_token()
        self._thread = threading.Thread(target=self._serve, args=[path])
        self._thread.start()

    async def append(self, run: int, number: int) -> None:
        """Have a row written; returns when it is on disk."""
        done = trio.Event()
        self._rows.put((run, number, done))
        await done.wait()

    def close(self) -> None:
        """End the thread, which has nothing left to do."""
        self._rows.put(None)
        self._thread.join()

    def _serve(self, path: Path) -> None:
        with closing(connected(path)) as db:
            while (first := self._rows.get()) is not None:
                batch = [first, *self._waiting()]
                db.execute("BEGIN")
                db.executemany(_INSERT, [(run, number, _BODY) for run, number, _ in batch])
                db.execute("COMMIT")
                self._loop.run_sync_soon(_tell, [done.set for _, _, done in batch])

    def _waiting(self) -> list[tuple[int, int, trio.Event]]:
        rows = []
        while not self._rows.empty() and (row := self._rows.get()) is not None:
            rows.append(row)
        return rows


def _tell(waiters: list[Callable[[], None]]) -> None:
    for tell in waiters:
        tell()
