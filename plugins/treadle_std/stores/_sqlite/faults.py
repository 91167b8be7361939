"""What an error of SQLite means for the store, and what to do about it.

Rule 1: after an I/O error nobody knows what reached the disk, so nothing more is written: a failed fsync is
        never tried again as if the pages were clean.
Rule 2: what is only in the way (a lock, a full disk, permissions) has written nothing, and may pass.
"""

from __future__ import annotations

import sqlite3

from treadle.errors import StoreBroken, StoreError, StoreUnavailable

_LOCKED = "is locked by another process; wait until it is done, or find out which (fuser FILE) and end it"
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; make room on it",
    sqlite3.SQLITE_READONLY: "is read-only; make the file and its directory writable for this user",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; its directory must exist and be writable for this user",
    sqlite3.SQLITE_PERM: "may not be opened; make the file and its directory writable for this user",
    sqlite3.SQLITE_AUTH: "may not be opened; make the file and its directory writable for this user",
    sqlite3.SQLITE_NOMEM: "cannot be used: there is no memory left; end other programs",
}
_RECOVER = "copy the file away, then: sqlite3 COPY .recover | sqlite3 FILE"
_BROKEN = {
    sqlite3.SQLITE_IOERR: "had an input/output error, so that the last write may be lost; check the disk, "
    "then start again: runs go on from what is stored",
    sqlite3.SQLITE_CORRUPT: f"is damaged; {_RECOVER}",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database, or its beginning was overwritten; give another path, "
    "or restore it from a copy",
}
_OF_ONE_ROW = frozenset(
    {sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE}
)


def code_of(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for what Python's module found by itself."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def of_one_row(error: Exception) -> bool:
    """Whether *error* is about what was to be written, not about the store."""
    return not isinstance(error, sqlite3.Error) or code_of(error) in _OF_ONE_ROW | {None}


def store_error(error: sqlite3.Error, path: str) -> StoreError:
    """What to raise for *error* of the file at *path*."""
    code = code_of(error)
    said = f"({getattr(error, 'sqlite_errorname', type(error).__name__)}: {error})"
    if code in _UNAVAILABLE:
        return StoreUnavailable(f"the store {path} {_UNAVAILABLE[code]} {said}")
    meaning = _BROKEN.get(code or -1, f"does not work as it should; {_RECOVER}")
    return StoreBroken(f"the store {path} {meaning} {said}")
