"""What can end work before its time, and which of several such causes came first.

Rule 1: a cause is recorded before the cancel scope is cancelled, never inferred from a `Cancelled`.
Rule 2: causes form a chain, inner to outer; the earliest wins, and of two at the same instant the inner one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from treadle._frontier import Cause


class Stopper:
    """Something that can be stopped: a block in flight, a foreach, a timed piece of work, a run.

    Attributes:
      outer: the stopper that encloses this one.
      cancel_scope: what to cancel; None until the work has begun.
    """

    __slots__ = ("_cause", "_since", "cancel_scope", "outer")

    def __init__(self, outer: Stopper | None) -> None:
        self.outer = outer
        self.cancel_scope: trio.CancelScope | None = None
        self._cause: Cause | None = None
        self._since = math.inf

    def stop(self, cause: Cause) -> bool:
        """Record *cause* and cancel; False if another was first."""
        if self._cause is not None:
            return False
        self._cause = cause
        self._since = trio.current_time()
        if self.cancel_scope is not None:
            self.cancel_scope.cancel(reason=cause.text)
        return True

    def enter(self, scope: trio.CancelScope) -> None:
        """Work begins under *scope*; a stop that came before cancels it at once."""
        self.cancel_scope = scope
        if self._cause is not None:
            scope.cancel(reason=self._cause.text)

    def fired(self) -> tuple[float, Cause] | None:
        """When this was stopped, on trio's clock, and why; None if it was not."""
        return None if self._cause is None else (self._since, self._cause)


class Timer(Stopper):
    """A limit on the time of some work, by the deadline of its cancel scope."""

    __slots__ = ("cause",)

    def __init__(self, outer: Stopper | None, cause: Cause) -> None:
        super().__init__(outer)
        self.cause = cause

    def fired(self) -> tuple[float, Cause] | None:
        scope = self.cancel_scope
        if scope is None or not scope.cancel_called:
            return None
        return scope.deadline, self.cause


def first_cause(stopper: Stopper | None) -> tuple[Stopper, Cause] | None:
    """The earliest recorded cause that ends work inside *stopper*; None: nothing of ours does."""
    first, earliest = None, math.inf
    while stopper is not None:
        fired = stopper.fired()
        if fired is not None and fired[0] < earliest:
            earliest, cause = fired
            first = stopper, cause
        stopper = stopper.outer
    return first
