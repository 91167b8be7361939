"""Journals in a store: the events of all runs, written together.

Rule 1: one task writes. What gathers while it writes is its next batch, and all that one run has pending
goes into one batch: what was emitted with nothing awaited in between is stored together or not at all.
Rule 2: a run whose events are refused is lost, and the others of the batch go on.
Rule 3: a store that cannot write for now is asked again, with the same batch; one that is broken, never.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs
import trio

from treadle._engine.run import Run
from treadle._kinds.store import Append
from treadle._records import encode
from treadle.errors import StoreBroken, StoreError, StoreUnavailable
from treadle.events import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from treadle._kinds.store import StoreConnection
    from treadle.events import Event

PATIENCE = 10.0
"""Seconds of a store's absence after which the runs that wait for it are paused."""

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between two attempts to write; each wait is twice the one before."""

BATCH = 1_000
"""Events in one append, unless a single run has more: encoding them must not hold up everything else."""

_log = logging.getLogger("treadle.store")


@attrs.define(eq=False, repr=False)
class Lease:
    """The hold of this process on a run.

    Attributes:
      token: what the store knows it by.
      until: when it lapses unless it is renewed, on trio's clock.
    """

    token: int
    until: float


@attrs.frozen(eq=False, repr=False)
class _Entry:
    run: Run
    append: Append

    @property
    def last(self) -> int:
        return self.append.after + len(self.append.records)


class StoreJournal:
    """The journals of the runs that this process drives, in a store.

    Attributes:
      leases: by run. Events of a run that has none stay in its history.
      broken: why nothing can be written any more.
    """

    def __init__(self, store: StoreConnection) -> None:
        self.leases: dict[Run, Lease] = {}
        self.broken: StoreBroken | None = None
        self._store = store
        self._pending: dict[Run, int] = {}  # by run: the number of its latest event that has been taken
        self._wake = trio.Event()

    def submit(self, run: Run, event: Event) -> None:
        run.history.append(event)
        if run in self.leases and run not in self._pending:
            self._pending[run] = len(run.history) - 1
            self._wake.set()

    def take(self, run: Run, lease: Lease, stored: int) -> None:
        """Write *run* from now on; its first *stored* events are in the store."""
        self.leases[run] = lease
        if self.broken is not None:
            self.lose(run, self.broken)
        elif len(run.history) > stored:
            self._pending[run] = stored
            self._wake.set()

    def leave(self, run: Run) -> None:
        """Write no more of *run*."""
        self.leases.pop(run, None)
        self._pending.pop(run, None)

    def lose(self, run: Run, error: Exception) -> None:
        """This process must not go on with *run*, if it still does."""
        if run in self.leases:
            self.leave(run)
            _log.error("run %s is not driven here any more: %s", run.id, error)
            run.lose(error)

    def break_down(self, error: Exception) -> None:
        """The store is broken: every run is lost."""
        if self.broken is not None:
            return
        if not isinstance(error, StoreBroken):
            told = f"the store failed in a way that no store may: {type(error).__name__}: {error}"
            broken = StoreBroken(f"{told}; tell its author, and check what it holds before using it again")
            broken.__cause__ = error
            error = broken
        self.broken = error
        _log.critical("no run can go on here: %s", error)
        for run in list(self.leases):
            self.lose(run, error)

    # --- the writer ---

    async def write(self) -> None:
        """Store what is submitted, until cancelled or the store is broken."""
        while self.broken is None:
            while not self._pending:
                self._wake = trio.Event()
                await self._wake.wait()
                await trio.lowlevel.checkpoint()  # a block's end follows its last outcome one turn later
            if batch := list(self._batch()):
                await self._write(batch)

    def _batch(self) -> Iterator[_Entry]:
        """What is pending, encoded; runs that do not fit any more wait for the next."""
        size = 0
        while self._pending and size < BATCH:
            run = next(iter(self._pending))
            after = self._pending.pop(run)
            try:
                entry = _Entry(run, self._append(run, after))
            except Exception as error:  # one run's events must not cost the others theirs
                self.lose(run, error)
            else:
                size += len(entry.append.records)
                yield entry

    def _append(self, run: Run, after: int) -> Append:
        latest = run.history[-1]
        # a run that is being left has tasks again, to clean up; for all others it still waits
        waits = latest.type == "workflow.waiting"
        return Append(
            run=run.id,
            token=self.leases[run].token,
            after=after,
            records=[encode(event, run.labels) for event in run.history[after:]],
            status=RunStatus.WAITING if waits else run.status,
            time=latest.time,
            started_at=run.started_at,
            ended_at=latest.time if run.status.ended else None,
        )

    async def _write(self, batch: Sequence[_Entry]) -> None:
        answers = await self._stored(batch)
        if self.broken is None and len(answers) != len(batch):
            self.break_down(TypeError(f"append answered {len(answers)} of {len(batch)} items"))
        for entry, answer in zip(batch, answers, strict=False):
            if answer is None:
                entry.run.landed(entry.last)
            else:
                self.lose(entry.run, answer)

    async def _stored(self, batch: Sequence[_Entry]) -> Sequence[Exception | None]:
        """The store's answers to *batch*, however long it takes; none where the store is broken."""
        appends = [entry.append for entry in batch]
        absence = None
        while self.broken is None:
            try:
                answers = await self._store.append(appends)
            except StoreUnavailable as error:
                absence = absence or _Absence()
                if absence.is_long(error):
                    self._hold_up((*(entry.run for entry in batch), *self._pending), error)
                await absence.wait()
            except Exception as error:
                self.break_down(error)
            else:
                if absence is not None:
                    absence.over()
                return answers
        return ()

    def _hold_up(self, runs: Iterable[Run], why: StoreError) -> None:
        """Pause what could go on only to wait for the store; a person resumes it when all is well again."""
        for run in runs:
            if run in self.leases and run.pausable and not run.held:
                run.pause({"reason": f"the store cannot write: {why}"})


class _Absence:
    """A time in which the store cannot write."""

    def __init__(self) -> None:
        self._began = trio.current_time()
        self._wait = FIRST_WAIT
        self._told = False

    def is_long(self, why: StoreError) -> bool:
        if trio.current_time() - self._began < PATIENCE:
            return False
        if not self._told:
            self._told = True
            _log.warning("the store cannot write; runs are paused until it can: %s", why)
        return True

    async def wait(self) -> None:
        await trio.sleep(self._wait)
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def over(self) -> None:
        if self._told:
            gone = trio.current_time() - self._began
            _log.warning("the store can write again after %.0f s; paused runs go on when resumed", gone)
