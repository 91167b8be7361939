"""What writes: each is one part of a transaction that its caller opens and commits.

Rule 1: an error of the contract (`NoSuchRun`, `Fenced`, `Conflict`) is raised before anything is written.
Rule 2: any other error may leave half of a write behind; the caller rolls it back.
Rule 3: one may be called twice for one write, after a rollback: it changes nothing but the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle.errors import Conflict, Fenced, GroupFull, NoSuchRun
from treadle_std.stores._sqlite import rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from treadle.plugin import Append, Record, Request, RunInfo

_CREATE = f"""
  INSERT INTO run ({rows.RUN}, ended) VALUES ({", ".join("?" * 19)})
  ON CONFLICT DO NOTHING
"""
_LABEL = "INSERT INTO label (name, text, run) VALUES (?, ?, ?)"
_EVENT = "INSERT INTO event (run, seq, version, body, blob) VALUES (?, ?, ?, ?, ?)"
_BLOB = "INSERT INTO blob (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING"
_BY_ID = f"SELECT {rows.RUN} FROM run WHERE id = ?"
_BY_KEY = f"SELECT {rows.RUN} FROM run WHERE workflow = ? AND key = ?"
_WRITER = "SELECT number, seq, owner, token, status FROM run WHERE id = ?"
_MOVE = """
  UPDATE run
  SET seq = ?, updated_at = ?, started_at = coalesce(?, started_at), ended_at = coalesce(?, ended_at)
  WHERE number = ?
"""
_BECOME = "UPDATE run SET status = ?, ended = ? WHERE number = ?"
_PLACE = "SELECT number, group_key, admitted, owner, token FROM run WHERE id = ?"
_AHEAD = """
  SELECT id, admitted FROM run
  WHERE group_key = ? AND ended = 0 AND number <> ?
    AND (admitted OR number < ? AND (? IS NULL OR owner IS NOT NULL AND lease_until > ?))
  ORDER BY admitted DESC, number
"""
_ADMIT = "UPDATE run SET admitted = 1 WHERE number = ?"
_NEWEST = 1 << 62  # a number that no run has yet
_CLAIM = "UPDATE run SET owner = ?, token = token + 1, lease_until = ? WHERE id = ?"
_RENEW = "UPDATE run SET lease_until = ? WHERE id = ? AND token = ? AND owner IS NOT NULL"
_RELEASE = "UPDATE run SET owner = NULL, lease_until = 0 WHERE id = ? AND token = ?"
_ASK = """
  INSERT INTO request (id, run, command, arguments, by, time)
  SELECT ?, number, ?, ?, ?, ? FROM run WHERE id = ?
  ON CONFLICT DO NOTHING
"""
_ANSWER = "UPDATE request SET answer = ? WHERE id = ? AND answer IS NULL"
_ENDED = "SELECT number FROM run WHERE id = ? AND ended = 1"
_BLOBS = "SELECT DISTINCT blob FROM event WHERE run = ? AND blob IS NOT NULL"
_FORGET = "DELETE FROM run WHERE number = ?"
_DROP = "DELETE FROM blob WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM event WHERE event.blob = blob.hash)"


def create(
    db: sqlite3.Connection, info: RunInfo, records: Sequence[Record], limit: int | None = None
) -> RunInfo:
    """See `StoreConnection.create`."""
    if limit is not None and (full := _full(db, info, limit)) is not None:
        return full
    claimed = info.owner is not None
    stored = attrs.evolve(
        info,
        admitted=limit is not None,
        seq=_last(info.id, 0, records),
        token=int(claimed),
        lease_until=info.lease_until if claimed else 0.0,
        updated_at=max(info.updated_at, info.created_at),
    )
    inserted = db.execute(_CREATE, rows.of_run(stored))
    if not inserted.rowcount:
        return _already(db, info)
    number = inserted.lastrowid or 0
    db.executemany(_LABEL, [(name, text, number) for name, text in info.labels.items()])
    _add(db, number, records)
    return stored


def _full(db: sqlite3.Connection, info: RunInfo, limit: int) -> RunInfo | None:
    """The run that has the key of *info*, if one does. Raises `GroupFull`; None where *info* may be added."""
    if info.key is not None and (row := db.execute(_BY_KEY, (info.workflow, info.key)).fetchone()):
        return rows.run_info(row)
    ahead = _ahead(db, info.group, _NEWEST, limit, None)
    if ahead:
        raise GroupFull(str(info.group), ahead)
    return None


def _already(db: sqlite3.Connection, info: RunInfo) -> RunInfo:
    """The run that has the key, where that is why *info* was not added."""
    if info.key is not None and (row := db.execute(_BY_KEY, (info.workflow, info.key)).fetchone()):
        return rows.run_info(row)
    raise Conflict(info.id, 0, found(db, info.id).seq)


def append(db: sqlite3.Connection, item: Append) -> None:
    """Add the events of one run."""
    row = db.execute(_WRITER, (item.run,)).fetchone()
    if row is None:
        raise NoSuchRun(item.run)
    number, seq, owner, token, status = row
    if owner is None or token != item.token:
        raise Fenced(item.run, owner)
    if seq != item.after:
        raise Conflict(item.run, item.after, seq)
    last = _last(item.run, item.after, item.records)
    db.execute(_MOVE, (last, item.time, item.started_at, item.ended_at, number))
    if status != item.status:  # apart, because two indexes have it
        db.execute(_BECOME, (item.status, item.status.ended, number))
    _add(db, number, item.records)


def _last(run: str, after: int, records: Sequence[Record]) -> int:
    """The number of the last of *records*, which must go on from *after* without a gap."""
    for expected, record in enumerate(records, after + 1):
        if record.seq != expected:
            raise Conflict(run, record.seq - 1, expected - 1)
    return after + len(records)


def _add(db: sqlite3.Connection, number: int, records: Sequence[Record]) -> None:
    db.executemany(
        _EVENT,
        [(number, each.seq, each.version, each.body, each.blob and each.blob.hash) for each in records],
    )
    for each in records:
        if each.blob is not None:
            db.execute(_BLOB, (each.blob.hash, each.blob.body))


def found(db: sqlite3.Connection, run: str) -> RunInfo:
    """What is known of *run*. Raises `NoSuchRun`."""
    row = db.execute(_BY_ID, (run,)).fetchone()
    if row is None:
        raise NoSuchRun(run)
    return rows.run_info(row)


def claim(db: sqlite3.Connection, run: str, owner: str, now: float, until: float) -> RunInfo | None:
    """See `StoreConnection.claim`."""
    info = found(db, run)
    if info.held(now) and info.owner != owner:
        return None
    db.execute(_CLAIM, (owner, until, run))
    return found(db, run)


def admit(db: sqlite3.Connection, run: str, token: int, limit: int, now: float) -> Sequence[str]:
    """See `StoreConnection.admit`."""
    row = db.execute(_PLACE, (run,)).fetchone()
    if row is None:
        raise NoSuchRun(run)
    number, group, admitted, owner, latest = row
    if owner is None or latest != token:
        raise Fenced(run, owner)
    if admitted:
        return ()
    ahead = _ahead(db, group, number, limit, now)
    if not ahead:
        db.execute(_ADMIT, (number,))
    return ahead


def _ahead(
    db: sqlite3.Connection, group: str | None, number: int, limit: int, now: float | None
) -> Sequence[str]:
    """Whom the run of this *number* must wait for; those that wait too must be held at *now*, if given."""
    found = db.execute(_AHEAD, (group, number, number, now, now)).fetchall()
    placed = sum(admitted for _, admitted in found)
    return [run for run, _ in found] if placed < len(found) or placed >= limit else ()


def renew(db: sqlite3.Connection, tokens: Mapping[str, int], until: float) -> frozenset[str]:
    """See `StoreConnection.renew`."""
    return frozenset(
        run for run, token in tokens.items() if not db.execute(_RENEW, (until, run, token)).rowcount
    )


def release(db: sqlite3.Connection, run: str, token: int) -> None:
    """See `StoreConnection.release`."""
    db.execute(_RELEASE, (run, token))


def ask(db: sqlite3.Connection, request: Request) -> None:
    """See `StoreConnection.ask`."""
    found(db, request.run)
    arguments = rows.text_of(request.arguments)
    db.execute(_ASK, (request.id, request.command, arguments, request.by, request.time, request.run))


def answer(db: sqlite3.Connection, request: str, answer: Mapping[str, Any]) -> None:
    """See `StoreConnection.answer`."""
    db.execute(_ANSWER, (rows.text_of(answer), request))


def forget(db: sqlite3.Connection, run: str) -> bool:
    """Delete a run that has ended; whether it was."""
    row = db.execute(_ENDED, (run,)).fetchone()
    if row is None:
        return False
    blobs = db.execute(_BLOBS, row).fetchall()
    db.execute(_FORGET, row)
    db.executemany(_DROP, blobs)
    return True
