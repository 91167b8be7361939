"""Opening the file: who may read it, how it is written, whether it is sound.

Rule 1: only its owner may read a new file; SQLite gives those beside it (``-wal``, ``-shm``) the same mode.
Rule 2: nothing but SQLite opens a file that is there: closing it would drop the locks of this process's
connections to it, and the next process to leave would then take the ``-wal`` away from under them.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from treadle.errors import StoreBroken, StoreUnavailable
from treadle_std.stores._sqlite import faults, schema

CHECKED = 32 * 1024 * 1024
"""Bytes up to which a file that nobody closed is checked as a whole when it is opened: about 1 ms a MiB."""

_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
)


def prepared(path: str, lock_wait: float, factory: type[sqlite3.Connection]) -> sqlite3.Connection:
    """A connection for writing; the file is made if it is missing, and has the present schema. Blocks.

    Raises:
      StoreUnavailable: it cannot be opened now, or is not ours.
      StoreBroken: it is damaged.
    """
    _make(path)
    unclosed = _size(path + "-wal") > 0  # a process died with it, or another one has it open
    deadline = time.monotonic() + lock_wait
    while True:
        try:
            db = connected(path, lock_wait, factory)
            try:
                schema.migrate(db, path)
                if unclosed and _size(path) <= CHECKED:
                    _check(db, path)
            except BaseException:
                db.close()
                raise
        except sqlite3.Error as exc:
            # Whoever turns a new file into one with WAL locks it, and SQLite does not wait for that.
            if faults.code_of(exc) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise faults.store_error(exc, path) from exc
            time.sleep(0.02)
        else:
            return db


def connected(path: str, lock_wait: float, factory: type[sqlite3.Connection]) -> sqlite3.Connection:
    """A connection as all of ours are. Raises sqlite3.Error."""
    db = sqlite3.connect(path, timeout=lock_wait, isolation_level=None, factory=factory)
    try:
        _write_ahead(db, path)
        for pragma in _PRAGMAS:
            db.execute(pragma)
    except BaseException:
        db.close()
        raise
    return db


def _write_ahead(db: sqlite3.Connection, path: str) -> None:
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreUnavailable(
            f"the store {path} cannot be written ahead (journal mode {mode}); put it on a local disk"
        )


def _make(path: str) -> None:
    folder = Path(path).parent
    try:
        if folder.name == ".treadle" and not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / ".gitignore").write_text("*\n")
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass  # and is not opened here: closing it would drop the locks of all this process's connections
    except OSError as exc:
        raise StoreUnavailable(
            f"the store {path} cannot be opened: {exc.strerror or exc}; its directory must exist, "
            "and both must be writable for this user"
        ) from exc


def _check(db: sqlite3.Connection, path: str) -> None:
    found = [text for (text,) in db.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise StoreBroken(
            f"the store {path} is damaged ({'; '.join(found)}); copy the file away, then: "
            "sqlite3 COPY .recover | sqlite3 FILE"
        )


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
