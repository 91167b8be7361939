"""What only reads. Each is one statement, so that what it returns was there at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle.plugin import Page, Record, Request, RunFilter, RunInfo
from treadle_std.stores._sqlite import rows
from treadle_std.stores._sqlite.writes import found

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_LOAD = """
  SELECT seq, version, event.body, event.blob, blob.body FROM event LEFT JOIN blob ON blob.hash = event.blob
  WHERE run = (SELECT number FROM run WHERE id = ?) AND seq > ? ORDER BY seq LIMIT ?
"""
_OPEN = f"""
  SELECT {rows.REQUEST} FROM request JOIN run ON run.number = request.run
  WHERE answer IS NULL ORDER BY request.number
"""
_ASKED = f"SELECT {rows.REQUEST} FROM request JOIN run ON run.number = request.run WHERE request.id = ?"


def load(db: sqlite3.Connection, run: str, after: int, limit: int | None) -> Sequence[Record]:
    """See `StoreConnection.load`."""
    loaded = db.execute(_LOAD, (run, after, -1 if limit is None else limit)).fetchall()
    if not loaded:
        found(db, run)
    return [rows.record(row) for row in loaded]


def info(db: sqlite3.Connection, run: str) -> RunInfo:
    """See `StoreConnection.info`."""
    return found(db, run)


def requests(db: sqlite3.Connection, runs: Sequence[str]) -> Sequence[Request]:
    """See `StoreConnection.requests`."""
    # Few requests are open at any time, and there may be ten thousand runs: those are not handed to SQLite.
    wanted = frozenset(runs)
    return [found for row in db.execute(_OPEN).fetchall() if (found := rows.request(row)).run in wanted]


def asked(db: sqlite3.Connection, request: str) -> Request | None:
    """See `StoreConnection.asked`."""
    row = db.execute(_ASKED, (request,)).fetchone()
    return None if row is None else rows.request(row)


def changes(db: sqlite3.Connection) -> int:
    """A number that is another after each commit of any other connection, that of our writer included."""
    (version,) = db.execute("PRAGMA data_version").fetchone()
    return int(version)


# --- lists -----------------------------------------------------------------------------------------


def list_runs(db: sqlite3.Connection, which: RunFilter, limit: int, after: str | None) -> Page:
    """See `StoreConnection.list`."""
    conditions, values = _conditions(which)
    if after is not None:
        conditions.append("(created_at, id) < (?, ?)")
        values += _place(after)
    where = " AND ".join(conditions) or "TRUE"
    statement = f"SELECT {rows.RUN} FROM run WHERE {where} ORDER BY created_at DESC, id DESC LIMIT ?"
    runs = [rows.run_info(row) for row in db.execute(statement, (*values, limit + 1)).fetchall()]
    if len(runs) <= limit:
        return Page(runs)
    return Page(runs[:limit], f"{runs[limit - 1].created_at!r}/{runs[limit - 1].id}")


def _place(after: str) -> tuple[float, str]:
    created_at, _, run = after.partition("/")
    return float(created_at), run


def _conditions(which: RunFilter) -> tuple[list[str], list[Any]]:
    """The conditions of a statement, and the values of their placeholders."""
    chosen: list[tuple[str, tuple[Any, ...]]] = []
    if which.statuses:
        marks = ", ".join("?" * len(which.statuses))
        chosen.append((f"status IN ({marks})", tuple(sorted(which.statuses))))
    for column, value in (
        ("workflow = ?", which.workflow),
        ("key = ?", which.key),
        ("parent = ?", which.parent),
        ("group_key = ?", which.group),
        ("created_at < ?", which.created_before),
        ("created_at > ?", which.created_after),
        ("ended_at < ?", which.ended_before),
        ("ended = 0 AND (owner IS NULL OR lease_until <= ?)", which.lapsed_at),
    ):
        if value is not None:
            chosen.append((column, (value,)))
    chosen += [
        ("number IN (SELECT run FROM label WHERE name = ? AND text = ?)", label)
        for label in which.labels.items()
    ]
    return [condition for condition, _ in chosen], [value for _, values in chosen for value in values]
