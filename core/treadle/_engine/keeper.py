"""The hold of an engine on the runs that it drives: leases taken, renewed, given back.

Rule 1: a lease is measured on trio's clock from before the store was asked for it, so that it lapses here
no later than anywhere else; the wall clock is only what the store compares.
Rule 2: where a lease has lapsed and could not be renewed, attempts at work are cancelled. A run that has
none may keep waiting: it can start nothing that the store has not taken, and the store knows who may.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import trio

from treadle._engine.owner import is_gone, new_owner, spoken
from treadle._engine.reading import read_on
from treadle._engine.store_journal import Lease
from treadle._kinds.store import RunFilter, RunInfo
from treadle._records import decode, encode
from treadle.errors import Fenced, NoSuchRun, Refused, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from treadle._engine.groups import Group
    from treadle._engine.run import Run
    from treadle._engine.store_journal import StoreJournal
    from treadle._kinds.store import Page, StoreConnection
    from treadle.events import Event

PAGE = 500
"""Runs listed at once."""

RELEASE_SECONDS = 2.0
"""How long giving back a lease may take; otherwise it lapses."""


@attrs.frozen(eq=False, repr=False)
class Claim:
    """A run that was taken over: what the store knows of it, and the lease."""

    info: RunInfo
    lease: Lease


class NotFree(Refused):
    """The run has ended, or somebody drives it."""


class Keeper:
    """Takes, renews and gives back the leases of one engine."""

    def __init__(
        self, store: StoreConnection, journal: StoreJournal, now: Callable[[], float], lease: float
    ) -> None:
        self.store = store
        self.journal = journal
        self.now = now
        self.lease = lease
        self.owner = new_owner()

    # --- taking ---

    async def create(
        self, run: Run, *, key: str | None, fingerprint: str | None, held: bool, group: Group | None = None
    ) -> RunInfo:
        """Store a new run, *held* here or by nobody; its info, or that of the run that has *key* already.

        Raises GroupFull: *group* rejects it.
        """
        began, now = trio.current_time(), self.now()
        info = RunInfo(
            id=run.id,
            workflow=run.workflow,
            status=run.status,
            correlation_id=run.correlation_id,
            labels=run.labels,
            key=key,
            fingerprint=fingerprint,
            parent=None if run.parent is None else run.parent["run"],
            created_at=now,
            updated_at=now,
            owner=self.owner if held else None,
            lease_until=now + self.lease if held else 0.0,
            group=None if group is None else group.key,
        )
        at_once = {"limit": group.limit} if group is not None and group.on_limit == "reject" else {}
        count = len(run.history)
        records = [encode(event, run.labels) for event in run.history]
        stored = await self.store.create(info, records, **at_once)
        if held and stored.id == run.id:
            self.journal.take(run, Lease(stored.token, began + self.lease), count)
            run.landed(count)
        return stored

    async def claim(self, run_id: str, owner: str | None = None) -> Claim:
        """Take a run that nobody drives, for *owner* if not for this engine. Raises `NotFree`."""
        before = await self.store.info(run_id)
        if before.status.ended:
            raise NotFree("resume", str(before.status), f"run {run_id} has ended")
        began, now = trio.current_time(), self.now()
        passed = now
        if before.owner is not None and is_gone(before.owner):
            passed = max(now, before.lease_until)  # no need to wait for the lease of a process that is gone
        info = await self.store.claim(run_id, owner or self.owner, now=passed, until=now + self.lease)
        if info is None:
            holder = (await self.store.info(run_id)).owner
            who = "another process" if holder is None else spoken(holder)
            raise NotFree("resume", str(before.status), f"run {run_id} is driven by {who}")
        if info.status.ended:  # meanwhile
            await self.store.release(run_id, info.token)
            raise NotFree("resume", str(info.status), f"run {run_id} has ended")
        return Claim(info, Lease(info.token, began + self.lease))

    async def events(self, info: RunInfo) -> list[Event]:
        """The whole journal of a run. Raises RecordError."""
        events: list[Event] = []
        await read_on(self.store, info, events)
        return events

    async def first(self, run_id: str) -> Event:
        """The event with which a run was accepted. Raises NoSuchRun and RecordError."""
        info = await self.store.info(run_id)
        (record,) = await self.store.load(run_id, limit=1)
        return decode(record, info)

    async def lapsed(self, after: str | None) -> Page:
        """Runs that have not ended and that nobody drives; *after* is the ``next`` of the page before."""
        return await self.store.list(RunFilter(lapsed_at=self.now()), limit=PAGE, after=after)

    # --- giving back ---

    async def release(self, run_id: str, lease: Lease) -> None:
        """Let a run go, if the store can be told in a short time; also while being cancelled."""
        with trio.move_on_after(RELEASE_SECONDS, shield=True):
            try:
                await self.store.release(run_id, lease.token)
            except StoreUnavailable:
                return  # it lapses
            except Exception as error:
                self.journal.break_down(error)

    async def give_back(self, run: Run) -> None:
        """Write no more of *run*, and let it go."""
        lease = self.journal.leases.get(run)
        self.journal.leave(run)
        if lease is not None and self.journal.broken is None:
            await self.release(run.id, lease)

    async def free(self, run_id: str) -> bool:
        """Let go of a run that has not begun, if its process is known to be gone; whether that was so."""
        try:
            info = await self.store.info(run_id)
            if info.admitted or info.status.ended or info.owner is None or not is_gone(info.owner):
                return False
            # in another name: that of this engine would also take what it takes over at this moment
            claim = await self.claim(run_id, new_owner())
        except (NoSuchRun, NotFree):  # forgotten or taken over meanwhile
            return False
        await self.release(run_id, claim.lease)
        return True

    # --- renewing ---

    async def renew(self) -> None:
        """Renew all leases in time, until cancelled or the store is broken."""
        renewed = True
        while self.journal.broken is None:
            pause = self.lease / (3 if renewed else 15)
            await trio.sleep_until(min(trio.current_time() + pause, self._next_lapse()))
            leases = dict(self.journal.leases)
            renewed = not leases or await self._renewed(leases)
            self._fence()

    def _next_lapse(self) -> float:
        """When the next lease of those that have not lapsed yet does."""
        now = trio.current_time()
        return min((one.until for one in self.journal.leases.values() if one.until > now), default=math.inf)

    async def _renewed(self, leases: Mapping[Run, Lease]) -> bool:
        began = trio.current_time()
        tokens = {run.id: lease.token for run, lease in leases.items()}
        lost = None
        try:
            # a store may hang
            with trio.move_on_at(min(max(self._next_lapse(), began + self.lease / 15), began + self.lease)):
                lost = await self.store.renew(tokens, until=self.now() + self.lease)
        except StoreUnavailable:
            return False
        except Exception as error:
            self.journal.break_down(error)
            return False
        if lost is None:
            return False
        for run, lease in leases.items():
            if run.id in lost:
                self.journal.lose(run, Fenced(run.id))
            else:
                lease.until = began + self.lease
        return True

    def _fence(self) -> None:
        """Let go of runs at work whose lease has lapsed: another process may have begun to drive them."""
        now = trio.current_time()
        for run, lease in list(self.journal.leases.items()):
            if lease.until <= now and run.at_work:
                told = f"the lease of run {run.id} could not be renewed for {self.lease:g} s, so that another"
                why = f"{told} process may take it over; `treadle resume {run.id}` goes on with it"
                self.journal.lose(run, StoreUnavailable(why))
