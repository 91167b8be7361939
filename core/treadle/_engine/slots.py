"""The share that each run has in ``limits.runs``, and who lends it.

Rule 1: a run that another one waits for is a part of that, and needs no share of its own.
Rule 2: while what a call waits for waits for its turn, others have the share that the call is driven by,
        once, however many calls lend it. Else what it waits for might wait for that very share.
Rule 3: a share that is given back is lent no more, whoever still would.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from treadle._engine.call import Call
    from treadle._engine.run import Run


class Slots:
    """The shares of one engine's runs."""

    def __init__(self, count: int, driven: Mapping[str, Run | None]) -> None:
        self._limiter = trio.CapacityLimiter(count)
        self._driven = driven
        self._lent: dict[str, set[Call]] = {}  # by run that has a share, the calls that lend it

    @property
    def parts(self) -> int:
        """How many runs here are a part of another one."""
        return sum(one is not None and not one.has_slot for one in self._driven.values())

    def of(self, run: Run) -> AbstractAsyncContextManager[object]:
        """What *run* needs to be driven."""
        return self._limiter if run.has_slot else nullcontext()

    def lend(self, call: Call) -> None:
        """Let others have the share that *call* is driven by, unless another process has that."""
        holder = self._holder(call.run)
        if holder is None:
            return
        call.lends = holder
        lenders = self._lent.setdefault(holder, set())
        self._limiter.total_tokens += not lenders
        lenders.add(call)

    def take_back(self, call: Call) -> None:
        """*call* lends no more; with the last that does the share is lent no more."""
        if call.lends is None:
            return
        lenders = self._lent[call.lends]
        lenders.remove(call)
        if not lenders:
            del self._lent[call.lends]
            self._limiter.total_tokens -= 1
        call.lends = None

    def left(self, run_id: str) -> None:
        """A run is not driven here any more: what it called, and lends its share, may still be."""
        for call in tuple(self._lent.get(run_id, ())):
            self.take_back(call)

    def came(self) -> None:
        """A run has been taken over: calls that had no share to lend may have one now."""
        for run in tuple(self._driven.values()):
            if run is not None:
                run.wake_calls()

    def _holder(self, run: Run) -> str | None:
        """By whose share *run* is driven, if that is driven here."""
        above: Run | None = run
        while above is not None and not above.has_slot:
            assert above.parent is not None
            above = self._driven.get(above.parent["run"])
        return None if above is None else above.id
