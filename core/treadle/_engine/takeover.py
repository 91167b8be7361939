"""Taking runs over from the store: claimed, read, folded, ready to be driven on.

Rule: whatever goes wrong after the claim gives the lease back, so that another process can try.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from treadle._engine.recovery import recovered
from treadle._engine.run import Run
from treadle._kinds.store import Request
from treadle._workflow import from_data
from treadle.errors import NoSuchRun, RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from treadle._engine.keeper import Claim, Keeper
    from treadle._engine.surroundings import Surroundings
    from treadle._registry import Registry
    from treadle._workflow import Workflow
    from treadle.events import Event

WORKFLOWS = 64
"""So many checked workflows are kept, the latest: many runs share one."""


@attrs.frozen(eq=False)
class Taken:
    """A run that this process may drive on.

    Attributes:
      asked: what was asked of it and has no answer yet.
    """

    run: Run
    asked: Sequence[Request]


class Takeover:
    """Makes runs of what is in a store.

    *check* raises Refused for a workflow that this engine cannot drive.
    """

    def __init__(
        self,
        keeper: Keeper,
        surroundings: Surroundings,
        registry: Registry,
        check: Callable[[Workflow], None],
    ) -> None:
        self._keeper = keeper
        self._surroundings = surroundings
        self._registry = registry
        self._check = check
        self._workflows: OrderedDict[str, Workflow] = OrderedDict()

    async def take(self, run_id: str) -> Taken:
        """Take a run that nobody drives.

        Raises:
          NoSuchRun: the store does not have it.
          Refused: it has ended, somebody drives it, or this engine cannot.
          SpecError: its spec does not fit the plugins here.
          RecordError: its journal cannot be read.
        """
        claim = await self._keeper.claim(run_id)
        try:
            return await self._taken(claim)
        except BaseException:
            await self._keeper.release(run_id, claim.lease)  # noqa: ASYNC102  shielded, within a bound
            raise

    async def _taken(self, claim: Claim) -> Taken:
        events = await self._keeper.events(claim.info)
        workflow = self._workflow(claim.info.id, events)
        await self._end_orphan(claim.info.id, events[0].data.get("parent"))
        asked = await self._keeper.store.requests([claim.info.id])
        run = recovered(self._surroundings, workflow, events)
        self._keeper.journal.take(run, claim.lease, len(events))
        return Taken(run, asked)

    async def _end_orphan(self, run_id: str, parent: Mapping[str, Any] | None) -> None:
        """Ask a run to end whose caller has ended without it, as by a crash at the wrong moment."""
        if parent is None or parent["detached"]:
            return
        caller, store = parent["run"], self._keeper.store
        with suppress(NoSuchRun):  # it has been forgotten
            if not (await store.info(caller)).status.ended:
                return
        reason = f"run {caller}, which called it, has ended without it"
        request = Request(
            id=f"{run_id}.orphaned",
            run=run_id,
            command="cancel",
            arguments={"reason": reason},
            by=f"run {caller}",
            time=self._surroundings.now(),
        )
        await store.ask(request)

    def _workflow(self, run_id: str, events: Sequence[Event]) -> Workflow:
        if not events or events[0].type != "workflow.accepted":
            raise RecordError(
                f"the journal of run {run_id} does not begin with the acceptance of a run; restore the store"
                " from a copy, or forget the run"
            )
        accepted = events[0].data
        known = self._workflows.get(accepted["hash"])
        if known is None:
            known = from_data(accepted["spec"], name=f"run {run_id}", registry=self._registry)
            self._check(known)
            self._workflows[accepted["hash"]] = known
            while len(self._workflows) > WORKFLOWS:
                self._workflows.popitem(last=False)
        return known
