"""The contract of stores in memory: what is stored lives as long as the object does.

Rule 1: every call is a checkpoint first, then happens at once: a cancelled call did nothing.
Rule 2: what a store must decide (who may append, who may claim) is decided here as in any other store;
`treadle.testing.StoreContract` is the proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import attrs
import trio

from treadle._kinds.store import Append, Blob, Page, Record, Request, RunFilter, RunInfo
from treadle.errors import Conflict, Fenced, GroupFull, NoSuchRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@attrs.define(eq=False)
class _Stored:
    """One run: what is known of it, and its journal."""

    info: RunInfo
    records: list[Record]


class MemoryStore:
    """A store for tests in virtual time: it outlives the engines that use it, and no process.

    It is an open store itself: give it as ``store=`` to one engine after another, or to several at once.
    """

    def __init__(self) -> None:
        self._runs: dict[str, _Stored] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._requests: dict[str, Request] = {}
        self._blobs: WeakValueDictionary[str, Blob] = WeakValueDictionary()
        self._changes = 0

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._runs)} runs>"

    # --- journals ---

    async def create(self, info: RunInfo, records: Sequence[Record], *, limit: int | None = None) -> RunInfo:
        """See `StoreConnection.create`."""
        await trio.lowlevel.checkpoint()
        if info.key is not None and (info.workflow, info.key) in self._keys:
            return self._runs[self._keys[info.workflow, info.key]].info
        if info.id in self._runs:
            raise Conflict(info.id, 0, self._runs[info.id].info.seq)
        if limit is not None and (ahead := self._ahead(info, limit, None)):
            raise GroupFull(str(info.group), ahead)
        claimed = info.owner is not None
        stored = attrs.evolve(
            info,
            admitted=limit is not None,
            seq=_last(info.id, 0, records),
            token=int(claimed),
            lease_until=info.lease_until if claimed else 0.0,
            updated_at=max(info.updated_at, info.created_at),
        )
        self._runs[info.id] = _Stored(stored, [self._kept(record) for record in records])
        if info.key is not None:
            self._keys[info.workflow, info.key] = info.id
        self._changes += 1
        return stored

    async def append(self, batch: Sequence[Append]) -> Sequence[Exception | None]:
        """See `StoreConnection.append`."""
        await trio.lowlevel.checkpoint()
        self._changes += 1
        return [self._append(item) for item in batch]

    def _append(self, item: Append) -> Exception | None:
        try:
            stored = self._run(item.run)
            info = stored.info
            if info.owner is None or info.token != item.token:
                return Fenced(item.run, info.owner)
            if info.seq != item.after:
                return Conflict(item.run, item.after, info.seq)
            records = [self._kept(record) for record in item.records]
            stored.info = attrs.evolve(
                info,
                seq=_last(item.run, item.after, records),
                status=item.status,
                updated_at=item.time,
                started_at=info.started_at if item.started_at is None else item.started_at,
                ended_at=info.ended_at if item.ended_at is None else item.ended_at,
            )
        except Exception as exc:  # an answer to this one item; the others go on
            return exc
        stored.records += records
        return None

    async def load(self, run: str, *, after: int = 0, limit: int | None = None) -> Sequence[Record]:
        """See `StoreConnection.load`."""
        await trio.lowlevel.checkpoint()
        records = self._run(run).records
        return records[after:] if limit is None else records[after : after + limit]

    def _kept(self, record: Record) -> Record:
        """*record* with the blob that equal values share."""
        if not isinstance(record.body, bytes):
            raise TypeError(f"the body of event {record.seq} is {type(record.body).__name__}, not bytes")
        if record.blob is None:
            return record
        return attrs.evolve(record, blob=self._blobs.setdefault(record.blob.hash, record.blob))

    # --- runs ---

    async def info(self, run: str) -> RunInfo:
        """See `StoreConnection.info`."""
        await trio.lowlevel.checkpoint()
        return self._run(run).info

    async def list(self, which: RunFilter, *, limit: int, after: str | None = None) -> Page:
        """See `StoreConnection.list`."""
        await trio.lowlevel.checkpoint()
        if limit < 1:
            raise ValueError(f"limit is {limit}; list at least one run")
        place = None if after is None else _from_text(after)
        fitting = [
            stored.info
            for stored in self._runs.values()
            if _fits(stored.info, which) and (place is None or _place(stored.info) < place)
        ]
        runs = sorted(fitting, key=_place, reverse=True)[:limit]
        return Page(runs, _to_text(runs[-1]) if len(fitting) > limit else None)

    async def claim(self, run: str, owner: str, *, now: float, until: float) -> RunInfo | None:
        """See `StoreConnection.claim`."""
        await trio.lowlevel.checkpoint()
        stored = self._run(run)
        if stored.info.held(now) and stored.info.owner != owner:
            return None
        stored.info = attrs.evolve(stored.info, owner=owner, token=stored.info.token + 1, lease_until=until)
        self._changes += 1
        return stored.info

    async def admit(self, run: str, token: int, *, limit: int, now: float) -> Sequence[str]:
        """See `StoreConnection.admit`."""
        await trio.lowlevel.checkpoint()
        stored = self._run(run)
        if not self._holds(run, token):
            raise Fenced(run, stored.info.owner)
        if stored.info.admitted:
            return ()
        ahead = self._ahead(stored.info, limit, now)
        if not ahead:
            stored.info = attrs.evolve(stored.info, admitted=True)
            self._changes += 1
        return ahead

    def _ahead(self, info: RunInfo, limit: int, now: float | None) -> Sequence[str]:
        """The runs that *info* must wait for; those that wait themselves must be held at *now*, if given."""
        if info.group is None:
            return ()
        placed, waiting, older = [], [], True
        for other in (stored.info for stored in self._runs.values()):
            older = older and other.id != info.id
            if other.group != info.group or other.status.ended or other.id == info.id:
                continue
            if other.admitted:
                placed.append(other.id)
            elif older and (now is None or other.held(now)):
                waiting.append(other.id)
        return [*placed, *waiting] if waiting or len(placed) >= limit else ()

    async def renew(self, tokens: Mapping[str, int], *, until: float) -> frozenset[str]:
        """See `StoreConnection.renew`."""
        await trio.lowlevel.checkpoint()
        lost = frozenset(run for run, token in tokens.items() if not self._holds(run, token))
        for run in tokens.keys() - lost:
            self._runs[run].info = attrs.evolve(self._runs[run].info, lease_until=until)
        return lost

    async def release(self, run: str, token: int) -> None:
        """See `StoreConnection.release`."""
        await trio.lowlevel.checkpoint()
        if self._holds(run, token):
            stored = self._runs[run]
            stored.info = attrs.evolve(stored.info, owner=None, lease_until=0.0)
            self._changes += 1

    async def forget(self, runs: Sequence[str]) -> frozenset[str]:
        """See `StoreConnection.forget`."""
        await trio.lowlevel.checkpoint()
        gone = frozenset(run for run in runs if run in self._runs and self._runs[run].info.status.ended)
        for run in gone:
            del self._runs[run]
        self._keys = {key: run for key, run in self._keys.items() if run not in gone}
        self._requests = {id_: request for id_, request in self._requests.items() if request.run not in gone}
        self._changes += 1
        return gone

    def _run(self, run: str) -> _Stored:
        if run not in self._runs:
            raise NoSuchRun(run)
        return self._runs[run]

    def _holds(self, run: str, token: int) -> bool:
        stored = self._runs.get(run)
        return stored is not None and stored.info.owner is not None and stored.info.token == token

    # --- requests ---

    async def ask(self, request: Request) -> None:
        """See `StoreConnection.ask`."""
        await trio.lowlevel.checkpoint()
        self._run(request.run)
        if request.id not in self._requests:
            self._requests[request.id] = attrs.evolve(request, answer=None)
            self._changes += 1

    async def requests(self, runs: Sequence[str]) -> Sequence[Request]:
        """See `StoreConnection.requests`."""
        await trio.lowlevel.checkpoint()
        wanted = frozenset(runs)
        return [each for each in self._requests.values() if each.run in wanted and each.answer is None]

    async def answer(self, request: str, answer: Mapping[str, Any]) -> None:
        """See `StoreConnection.answer`."""
        await trio.lowlevel.checkpoint()
        asked = self._requests.get(request)
        if asked is not None and asked.answer is None:
            self._requests[request] = attrs.evolve(asked, answer=dict(answer))
            self._changes += 1

    async def asked(self, request: str) -> Request | None:
        """See `StoreConnection.asked`."""
        await trio.lowlevel.checkpoint()
        return self._requests.get(request)

    async def changes(self) -> int:
        """See `StoreConnection.changes`."""
        await trio.lowlevel.checkpoint()
        return self._changes


def _last(run: str, after: int, records: Sequence[Record]) -> int:
    """The number of the last of *records*, which must go on from *after* without a gap."""
    for expected, record in enumerate(records, after + 1):
        if record.seq != expected:
            raise Conflict(run, record.seq - 1, expected - 1)
    return after + len(records)


def _place(info: RunInfo) -> tuple[float, str]:
    return info.created_at, info.id


def _to_text(info: RunInfo) -> str:
    return f"{info.created_at!r}/{info.id}"


def _from_text(after: str) -> tuple[float, str]:
    created_at, _, run = after.partition("/")
    return float(created_at), run


def _fits(info: RunInfo, which: RunFilter) -> bool:
    return all(
        (
            not which.statuses or info.status in which.statuses,
            which.workflow is None or info.workflow == which.workflow,
            which.key is None or info.key == which.key,
            which.labels.items() <= info.labels.items(),
            which.parent is None or info.parent == which.parent,
            which.group is None or info.group == which.group,
            which.created_before is None or info.created_at < which.created_before,
            which.created_after is None or info.created_at > which.created_after,
            which.ended_before is None or (info.ended_at is not None and info.ended_at < which.ended_before),
            which.lapsed_at is None or not (info.status.ended or info.held(which.lapsed_at)),
        )
    )
