"""What a store is to the engine: where journals live, who drives which run, and what is asked of runs.

Rule 1: a run has one writer. Whoever claims it gets a fencing token; an append with an older one is refused.
Rule 2: what a call returned from is durable, and is all there or not at all.
Rule 3: times are the caller's wall clock, handed in: a store reads no clock, so that virtual time works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from treadle._values import Value
from treadle.events import RunStatus


@attrs.frozen(eq=False, repr=False)
class Blob(Value):
    """A large value, kept apart from its record.

    Attributes:
      hash: SHA-256 of *body*, hex; equal values are kept once.
      body: the value as JSON in UTF-8.
    """

    hash: str
    body: bytes


@attrs.frozen(eq=False, repr=False)
class Record(Value):
    """One event of a journal, encoded; a store does not look inside.

    Attributes:
      seq: its number in the run, from 1.
      version: of the encoding.
      body: JSON in UTF-8.
      blob: what the body refers to; `None` for most.
    """

    seq: int
    version: int
    body: bytes
    blob: Blob | None = None


@attrs.frozen(eq=False, repr=False, kw_only=True)
class RunInfo(Value):
    """What a store knows of a run besides its journal. Times in seconds since 1970 UTC.

    Attributes:
      key: what the caller named it by; at most one run of a workflow has it.
      fingerprint: hash of the inputs, to compare with when the key is used again.
      parent: the run it came from, if any.
      seq: number of its latest event.
      owner: who drives it, or drove it last; None if it was let go, or never driven.
      token: the fencing token of the latest claim.
      lease_until: when the owner's claim lapses; 0 if there is none.
      group: the concurrency key that it shares with other runs, of whatever workflow; None for most.
      admitted: it has a place in its group, which it keeps until it has ended.
    """

    id: str
    workflow: str
    status: RunStatus
    correlation_id: str
    labels: Mapping[str, str] = attrs.field(factory=dict)
    key: str | None = None
    fingerprint: str | None = None
    parent: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    seq: int = 0
    owner: str | None = None
    token: int = 0
    lease_until: float = 0.0
    group: str | None = None
    admitted: bool = False

    def held(self, now: float) -> bool:
        """Whether a process drives it at *now*."""
        return self.owner is not None and self.lease_until > now


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Append(Value):
    """New events of one run, and what they make of it.

    Attributes:
      token: of the lease under which they are written.
      after: the number of the event before the first of *records*.
      status: of the run after them.
      started_at, ended_at: the same; None leaves what is known.
      time: when they were emitted; the run's `updated_at`.
    """

    run: str
    token: int
    after: int
    records: Sequence[Record]
    status: RunStatus
    time: float
    started_at: float | None = None
    ended_at: float | None = None


@attrs.frozen(eq=False, repr=False, kw_only=True)
class RunFilter(Value):
    """Which runs to list; all conditions hold together.

    Attributes:
      statuses: any of these; empty is every one.
      labels: has all of these.
      created_before, created_after, ended_before: seconds since 1970 UTC.
      lapsed_at: not ended, and nobody drives it at this time.
      group: has this concurrency key.
    """

    statuses: frozenset[RunStatus] = frozenset()
    workflow: str | None = None
    key: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)
    parent: str | None = None
    created_before: float | None = None
    created_after: float | None = None
    ended_before: float | None = None
    lapsed_at: float | None = None
    group: str | None = None


@attrs.frozen(eq=False, repr=False)
class Page(Value):
    """Some runs, newest first, and where to go on: pass *next* as ``after``; None if these were the last."""

    runs: Sequence[RunInfo]
    next: str | None = None


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Request(Value):
    """A command to a run, from whoever can write to its store.

    Attributes:
      id: made by whoever asks; the same request twice is one.
      command: ``pause``, ``resume``, ``cancel``, ``resolve``, ``approve``, ``reject`` or ``signal``.
      arguments: plain data, by command: ``reason`` and ``rollback`` of cancel; ``step``, ``decision`` and
        ``output`` of resolve; ``step``, ``fields`` and ``comment`` of approve and reject; ``name`` and
        ``payload`` of signal.
      by: who asks.
      time: when; seconds since 1970 UTC.
      answer: None until there is one; ``{answer: accepted | refused, why, state}``.
    """

    id: str
    run: str
    command: str
    arguments: Mapping[str, Any]
    by: str
    time: float
    answer: Mapping[str, Any] | None = None


class StoreConnection(Protocol):
    """An open store.

    Every call may raise `StoreUnavailable`: nothing was written, and the same call may succeed later;
    or `StoreBroken`: whether something was written is not known, and nothing more can be.
    """

    async def create(self, info: RunInfo, records: Sequence[Record], *, limit: int | None = None) -> RunInfo:
        """Add a run with its first events; its info as stored.

        Where a run of the workflow has *info.key* already, nothing is written and that run is returned.
        *info* says who owns it: with an `owner` it is claimed, with token 1, until `lease_until`; without
        one nobody can append before it is claimed. With *limit* it does not wait for a place in its group:
        it has one from the beginning, on the terms of `admit`, where a run that waits counts whether or not
        it is held.

        Raises:
          Conflict: there is a run with the id.
          GroupFull: it would have to wait; nothing is written.
        """
        raise NotImplementedError

    async def append(self, batch: Sequence[Append]) -> Sequence[Exception | None]:
        """Add events to runs, durable together; one answer for each.

        None is stored. `Fenced`: the token is not the run's; it is from its claim until the next claim or
        the release, even past the lease. `Conflict`: *after* is not its latest event. Any other
        exception: this one cannot be stored, whatever becomes of the others.
        """
        raise NotImplementedError

    async def load(self, run: str, *, after: int = 0, limit: int | None = None) -> Sequence[Record]:
        """Its events from number *after* + 1, *limit* at most, blobs included. Raises `NoSuchRun`."""
        raise NotImplementedError

    async def info(self, run: str) -> RunInfo:
        """What is known of a run. Raises `NoSuchRun`."""
        raise NotImplementedError

    async def list(self, which: RunFilter, *, limit: int, after: str | None = None) -> Page:
        """Runs that fit, newest first by `created_at`, then id; *after* is the `next` of the page before.

        Raises ValueError: *limit* is below 1, or *after* is not of a page.
        """
        raise NotImplementedError

    async def claim(self, run: str, owner: str, *, now: float, until: float) -> RunInfo | None:
        """Take the lease of a run that nobody holds at *now*; the info has the new, greater token.

        None if another owner holds it. The owner that holds it already gets a new token as well.
        Raises `NoSuchRun`.
        """
        raise NotImplementedError

    async def admit(self, run: str, token: int, *, limit: int, now: float) -> Sequence[str]:
        """Give a run a place in its group; the ids of those it must wait for, nothing if it has one now.

        There is a place where fewer than *limit* runs that have not ended have one, and no run that was
        created before it waits for one; of these only such count as are held at *now*, so that a process
        that died blocks nobody. A place is kept until the run has ended, held or not. The ids: first those
        that have a place, then those that wait, each in the order in which they were created.
        A run without a group waits for nobody.

        Raises:
          NoSuchRun: there is none.
          Fenced: the token is not the run's.
        """
        raise NotImplementedError

    async def renew(self, tokens: Mapping[str, int], *, until: float) -> frozenset[str]:
        """Hold these runs (with their tokens) until then; those whose token is no longer theirs."""
        raise NotImplementedError

    async def release(self, run: str, token: int) -> None:
        """Let a run go: it is nobody's, and the token is over. Nothing happens if it was already."""
        raise NotImplementedError

    async def ask(self, request: Request) -> None:
        """Leave a request for whoever drives the run; a known id changes nothing. Raises `NoSuchRun`."""
        raise NotImplementedError

    async def requests(self, runs: Sequence[str]) -> Sequence[Request]:
        """What has been asked of these runs and has no answer, in the order in which it was asked."""
        raise NotImplementedError

    async def answer(self, request: str, answer: Mapping[str, Any]) -> None:
        """Answer a request; only the first answer counts."""
        raise NotImplementedError

    async def asked(self, request: str) -> Request | None:
        """A request with its answer, if there is one; None if it is not known."""
        raise NotImplementedError

    async def changes(self) -> int:
        """A number that differs from the one before whenever anybody may have written meanwhile.

        Cheap enough to be asked ten times a second.
        """
        raise NotImplementedError

    async def forget(self, runs: Sequence[str]) -> frozenset[str]:
        """Delete these runs with all that belongs to them, but for any that has not ended; those deleted."""
        raise NotImplementedError
