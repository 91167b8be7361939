"""Runs, journals and requests for the tests of stores, and how those look at a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from treadle._kinds.store import Append, Blob, Record, Request, RunFilter, RunInfo, StoreConnection
from treadle._records import hash_of
from treadle.errors import NoSuchRun
from treadle.events import RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = 1_750_000_000.0
"""A time to count from; seconds since 1970 UTC."""

ALL = RunFilter()


# --- what the tests write --------------------------------------------------------------------------


def run(
    id_: str,
    *,
    workflow: str = "flow",
    status: RunStatus = RunStatus.PENDING,
    key: str | None = None,
    labels: Mapping[str, str] | None = None,
    parent: str | None = None,
    created_at: float = NOON,
    owner: str | None = None,
    lease_until: float = 0.0,
    group: str | None = None,
) -> RunInfo:
    """A run before it is created."""
    return RunInfo(
        id=id_,
        workflow=workflow,
        status=status,
        correlation_id=f"of {id_}",
        key=key,
        labels=labels or {},
        parent=parent,
        created_at=created_at,
        owner=owner,
        lease_until=lease_until,
        group=group,
    )


def records(first: int, count: int) -> list[Record]:
    """*count* records from number *first*; the same number is the same record."""
    return [Record(seq, 1, json.dumps({"n": seq}).encode()) for seq in range(first, first + count)]


def with_blob(seq: int, body: bytes) -> Record:
    """A record that refers to a blob."""
    return attrs.evolve(records(seq, 1)[0], blob=Blob(hash_of(body), body))


def append(
    run_id: str,
    *,
    after: int,
    count: int = 1,
    token: int = 1,
    status: RunStatus = RunStatus.PENDING,
    time: float = NOON,
    started_at: float | None = None,
    ended_at: float | None = None,
) -> Append:
    """*count* new events of a run."""
    new = records(after + 1, count)
    return Append(
        run=run_id,
        token=token,
        after=after,
        records=new,
        status=status,
        time=time,
        started_at=started_at,
        ended_at=ended_at,
    )


def request(
    id_: str,
    run_id: str,
    *,
    command: str = "pause",
    arguments: Mapping[str, Any] | None = None,
    time: float = NOON,
) -> Request:
    """A command to a run."""
    return Request(id=id_, run=run_id, command=command, arguments=arguments or {}, by="ann", time=time)


# --- what they look at -----------------------------------------------------------------------------


async def listed(store: StoreConnection, which: RunFilter) -> list[str]:
    """The ids of what fits, in the order of the list."""
    return [info.id for info in (await store.list(which, limit=1000)).runs]


async def paged(store: StoreConnection, which: RunFilter, limit: int) -> list[str]:
    """The same, page by page."""
    page = await store.list(which, limit=limit)
    found = [info.id for info in page.runs]
    while page.next is not None:
        assert len(page.runs) == limit
        page = await store.list(which, limit=limit, after=page.next)
        found += [info.id for info in page.runs]
        assert len(found) == len(set(found)), f"a page repeats a run: {found}"
    return found


async def claimed(store: StoreConnection, run_id: str, owner: str, *, now: float) -> RunInfo:
    """The run with its new lease of 15 seconds."""
    info = await store.claim(run_id, owner, now=now, until=now + 15)
    assert info is not None
    return info


async def missing(store: StoreConnection, run_id: str) -> None:
    """The store says of every question about a run that it has none."""
    with pytest.raises(NoSuchRun):
        await store.info(run_id)
    with pytest.raises(NoSuchRun):
        await store.load(run_id)
    with pytest.raises(NoSuchRun):
        await store.claim(run_id, "me", now=NOON, until=NOON + 1)
