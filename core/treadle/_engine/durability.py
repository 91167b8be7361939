"""All that an engine has for runs that outlive it: store, journal, leases, requests, takeover.

Rule: a run is let go of in one place, `let_go`, after its last event is durable or can never be.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import trio

from treadle._engine.handle import Suspended
from treadle._engine.inbox import Inbox
from treadle._engine.keeper import Keeper
from treadle._engine.store_journal import StoreJournal
from treadle.errors import EngineFault
from treadle.events import RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from treadle._engine.run import Run
    from treadle._engine.surroundings import Surroundings
    from treadle._engine.takeover import Takeover
    from treadle._kinds.store import Request, StoreConnection
    from treadle._registry import Registry
    from treadle._workflow import Workflow
    from treadle.errors import StoreBroken

SETTLE_SECONDS = 5.0
"""How long the last events of a run may take to be stored, once it is suspended or the engine is left."""


class Durability:
    """What an engine needs to drive runs of a store."""

    def __init__(
        self,
        store: StoreConnection,
        surroundings: Surroundings,
        registry: Registry,
        *,
        lease: float,
        tasks: trio.Nursery,
        check: Callable[[Workflow], None],
    ) -> None:
        journal = surroundings.journal
        if not isinstance(journal, StoreJournal):
            raise EngineFault(f"a store with a {type(journal).__name__}")
        self.store = store
        self.journal = journal
        self.keeper = Keeper(store, journal, surroundings.now, lease)
        self.inbox = Inbox(store, journal)
        self._surroundings = surroundings
        self._registry = registry
        self._check = check
        self._tasks = tasks
        self._leaving = False
        self._finishing: set[trio.CancelScope] = set()  # around each run that has ended and is being stored

    @cached_property
    def takeover(self) -> Takeover:
        """What takes runs over; imported with the first of them, as most processes drive only their own."""
        from treadle._engine.takeover import Takeover

        return Takeover(self.keeper, self._surroundings, self._registry, self._check)

    @property
    def broken(self) -> StoreBroken | None:
        """Why nothing goes on here any more."""
        return self.journal.broken

    def start(self) -> None:
        """Write, renew and answer from now on."""
        for work in (self.journal.write, self.keeper.renew, self.inbox.watch):
            self._tasks.start_soon(work, name=f"treadle store {work.__name__}")

    # --- a run that is driven here ---

    def begin(self, run: Run, asked: Sequence[Request]) -> None:
        """*run* goes on now, and takes what was *asked* of it while nobody drove it."""
        self.inbox.add(run)
        if asked:
            self._tasks.start_soon(self.inbox.take_first, run, asked, name=f"treadle requests {run.id}")

    async def finish(self, run: Run) -> None:
        """What there is to store of *run*, which has ended or was stopped, is stored."""
        if run.lost is not None:
            return
        if not run.status.ended and run.status is not RunStatus.PENDING:
            from treadle._engine.recovery import suspended  # most runs end where they began

            suspended(run)
        patient = run.status.ended and not self._leaving
        with trio.move_on_after(math.inf if patient else SETTLE_SECONDS) as scope:
            self._finishing.add(scope)
            try:
                await run.durable()
            except Exception:
                if run.lost is None:
                    raise
            finally:
                self._finishing.discard(scope)

    def hurry(self) -> None:
        """The engine is left: an end that cannot be stored soon is left to whoever resumes the run."""
        self._leaving = True
        for scope in self._finishing:
            scope.deadline = min(scope.deadline, trio.current_time() + SETTLE_SECONDS)

    async def let_go(self, run: Run) -> None:
        """*run* is not driven here any more, whatever the reason."""
        self.inbox.remove(run)
        if run.status.ended and run.durable_seq == len(run.history):  # nobody can claim it any more
            self.journal.leave(run)
        else:
            await self.keeper.give_back(run)
            run.lose(Suspended(run.id, str(run.status)))
