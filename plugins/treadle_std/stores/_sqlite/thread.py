"""A connection and the thread that it lives in: calls go in by a queue, and come back a batch at a time.

Rule 1: the trio loop never waits for SQLite; it puts a call in and waits for an event.
Rule 2: all that waits when the thread is free becomes one transaction: one fsync, one hop back.
Rule 3: nothing in a call depends on whoever waits for it: a cancelled write happens or not, as a whole.
Rule 4: a part that cannot be stored costs nothing but itself; a store that fails costs all of its batch.
Rule 5: once the store is broken it stays so, for both threads: no connection to it is used again.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any

import attrs
import trio

from treadle.errors import StoreBroken, StoreError, TreadleError
from treadle_std.stores._sqlite import faults

CALLS = 1_000
"""Calls that may be queued or at work; further callers wait."""

PARTS = 2_000
"""Parts of one transaction, at most, unless a single call has more."""

_log = logging.getLogger("treadle.stores")

Part = Callable[[sqlite3.Connection], Any]
"""Some of a transaction; what it raises or returns is its caller's."""


class _Call:
    """What somebody waits for: one answer, or exception, for each part."""

    __slots__ = ("answers", "done", "parts")

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.done = trio.Event()
        self.answers: list[Any] = []


@attrs.define(eq=False, repr=False)
class Health:
    """Shared by the threads of one store: why it is broken, if it is."""

    path: str
    broken: str | None = None

    def judge(self, error: sqlite3.Error) -> StoreError:
        """What to answer for *error*, and whether the store is broken from now on."""
        judged = faults.store_error(error, self.path)
        if isinstance(judged, StoreBroken):
            self.broken = str(judged)
        return judged


class Thread:
    """Runs parts on one connection, in the order in which they were given."""

    def __init__(
        self, name: str, health: Health, connect: Callable[[], sqlite3.Connection], *, writes: bool
    ) -> None:
        self._health = health
        self._connect = connect
        self._run = _transaction if writes else _one_by_one
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._room = trio.Semaphore(CALLS)
        self._closed = False
        self._loop = trio.lowlevel.current_trio_token()
        self._refusal: Exception | None = None
        self._tried = trio.Event()
        self._ended = trio.Event()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=False)

    def _begin(self) -> None:
        """Start the thread with the first call: a short run reads nothing back."""
        if self._thread.ident is None:
            self._thread.start()

    async def opened(self) -> None:
        """Open the connection; raises why it cannot be."""
        self._begin()
        await self._tried.wait()
        if self._refusal is not None:
            raise self._refusal

    async def __call__(self, *parts: Part) -> list[Any]:
        """What the parts returned, or the exceptions that they raised."""
        await trio.lowlevel.checkpoint_if_cancelled()
        await self._enter()
        if self._closed:  # nobody would answer
            self._room.release()
            raise StoreBroken(f"the store {self._health.path} has been closed; open it again to use it")
        call = _Call(parts)
        self._begin()
        self._calls.put(call)
        await call.done.wait()
        return call.answers

    async def _enter(self) -> None:
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            await self._room.acquire()

    async def close(self) -> None:
        """Let the thread finish what it has, and close its connection."""
        self._closed = True
        if self._thread.ident is None:
            return
        self._calls.put(None)
        try:
            await self._ended.wait()
        except trio.Cancelled:
            _log.warning("%s still waits for the disk; nobody knows about its last writes", self._thread.name)
            raise
        self._thread.join()  # that was the last thing it did

    # --- in the thread ---

    def _serve(self) -> None:
        try:
            with closing(_Connection(self._connect, self._health)) as connection:
                try:
                    connection.opened()
                except Exception as exc:
                    self._refusal = exc
                self._tell(self._tried.set)
                while calls := self._next():
                    self._answer(calls, connection)
        finally:
            self._tell(self._ended.set)

    def _answer(self, calls: Sequence[_Call], connection: _Connection) -> None:
        parts = [part for call in calls for part in call.parts]
        answers = iter(connection.answers(parts, self._run))
        for call in calls:
            call.answers = [next(answers) for _ in call.parts]
        self._tell(lambda: self._deliver(calls))

    def _next(self) -> list[_Call]:
        """All calls that wait, at least one; empty when the store closes."""
        first = self._calls.get()
        if first is None:
            return []
        calls, parts = [first], len(first.parts)
        while parts < PARTS and not self._calls.empty():
            call = self._calls.get()
            if call is None:
                self._calls.put(None)  # closing: after these
                break
            calls.append(call)
            parts += len(call.parts)
        return calls

    def _tell(self, news: Callable[[], object]) -> None:
        with suppress(trio.RunFinishedError):  # nobody is left to be told
            self._loop.run_sync_soon(news)

    # --- on the loop ---

    def _deliver(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            self._room.release()
            call.done.set()


class _Connection:
    """The connection of one thread: opened when first needed, and never again after the store broke."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], health: Health) -> None:
        self._connect = connect
        self._health = health
        self._db: sqlite3.Connection | None = None

    def answers(
        self, parts: Sequence[Part], run: Callable[[sqlite3.Connection, Sequence[Part]], list[Any]]
    ) -> list[Any]:
        """An answer, or an exception of its own, for each part."""
        try:
            answers = run(self.opened(), parts)
        except sqlite3.Error as exc:
            return [self._failed(exc) for _ in parts]
        except StoreError as exc:  # it could not be opened
            return [type(exc)(*exc.args) for _ in parts]
        except Exception as exc:  # not foreseen; without an answer its callers would wait for ever
            return [exc for _ in parts]
        return [self._failed(each) if isinstance(each, sqlite3.Error) else each for each in answers]

    def opened(self) -> sqlite3.Connection:
        """The open connection. Raises StoreError."""
        if self._health.broken is not None:
            self.close()
            raise StoreBroken(self._health.broken)
        if self._db is None:
            try:
                self._db = self._connect()
            except sqlite3.Error as exc:
                raise self._failed(exc) from exc
        return self._db

    def _failed(self, error: sqlite3.Error) -> StoreError:
        judged = self._health.judge(error)
        judged.__cause__ = error
        if self._health.broken is not None:
            self.close()
        return judged

    def close(self) -> None:
        """Close it, whatever state it is in."""
        if self._db is not None:
            try:
                self._db.close()
            except sqlite3.Error:
                _log.warning("the store %s could not be closed properly", self._health.path)
            self._db = None


# --- how parts are run -----------------------------------------------------------------------------


def _one_by_one(db: sqlite3.Connection, parts: Sequence[Part]) -> list[Any]:
    """Parts that only read: what one of them raises is its answer."""
    answers = []
    for part in parts:
        try:
            answers.append(part(db))
        except Exception as exc:
            answers.append(exc)
    return answers


def _transaction(db: sqlite3.Connection, parts: Sequence[Part]) -> list[Any]:
    """All parts in one transaction: without savepoints first; with one each if a part cannot be stored."""
    try:
        return _committed(db, parts, _asked)
    except Exception as exc:
        if not faults.of_one_row(exc):
            raise
        return _committed(db, parts, _apart)


def _committed(
    db: sqlite3.Connection, parts: Sequence[Part], ask: Callable[[sqlite3.Connection, Part], Any]
) -> list[Any]:
    db.execute("BEGIN IMMEDIATE")
    try:
        answers = [ask(db, part) for part in parts]
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return answers


def _asked(db: sqlite3.Connection, part: Part) -> Any:
    """Its answer; an error of the contract is one, since it has written nothing."""
    try:
        return part(db)
    except TreadleError as exc:
        return exc


def _apart(db: sqlite3.Connection, part: Part) -> Any:
    """Its answer, or why this part alone cannot be stored."""
    db.execute("SAVEPOINT part")
    try:
        answer = _asked(db, part)
    except Exception as exc:
        if not faults.of_one_row(exc):
            raise
        db.execute("ROLLBACK TO part")
        answer = StoreError(f"it cannot be stored: {exc}")
        answer.__cause__ = exc
    db.execute("RELEASE part")
    return answer
