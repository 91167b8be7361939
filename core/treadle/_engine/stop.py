"""What can end work before its time, and which of several such causes came first.

Rule 1: a cause is recorded before the cancel scope is cancelled, never inferred from a `Cancelled`.
Rule 2: causes form a chain, inner to outer; the earliest wins, and of two at the same instant the inner one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from treadle._frontier import Cause

if TYPE_CHECKING:
    from collections.abc import Callable


class Diverged(Exception):
    """A journal tells of something that its spec, with the plugins of today, could not have done."""


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

    def stop(self, cause: Cause, since: float | None = None) -> bool:
        """Record *cause* and cancel; False if another was first. *since* is now, unless it was long ago."""
        if self._cause is not None:
            return False
        self._cause = cause
        self._since = trio.current_time() if since is None else since
        if self.cancel_scope is not None:
            self.cancel_scope.cancel(reason=cause.text)
        return True

    def enter(self, scope: trio.CancelScope) -> None:
        """Work begins under *scope*; a stop that came before cancels it at once."""
        self.cancel_scope = scope
        if self._cause is not None:
            scope.cancel(reason=self._cause.text)

    def tell(self) -> None:
        """Journal that this was stopped, where no other event says so."""

    def fired(self) -> tuple[float, Cause] | None:
        """When this was stopped, on trio's clock, and why; None if it was not."""
        return None if self._cause is None else (self._since, self._cause)


class Timer(Stopper):
    """A limit on the time of some work, by the deadline of its cancel scope.

    *emit* journals that the time was up: what goes on after a crash must not be given more of it.
    """

    __slots__ = ("cause", "emit")

    def __init__(self, outer: Stopper | None, cause: Cause, emit: Callable[[], object] | None = None) -> None:
        super().__init__(outer)
        self.cause = cause
        self.emit = emit

    def tell(self) -> None:
        if self.emit is not None:
            self.emit()
            self.emit = None

    def fired(self) -> tuple[float, Cause] | None:
        scope = self.cancel_scope
        if scope is None or not scope.cancel_called:
            return None
        return scope.deadline, self.cause


def cancelled(reason: str | None) -> Cause:
    """The cause of a cancel of the run."""
    return Cause("cancel", f"the run was cancelled ({reason})" if reason else "the run was cancelled")


def rolled_back(path: str | None) -> Cause:
    """The cause of a rollback that the failure of the step at *path* asked for, or the run's timeout."""
    where = f"{path} failed" if path else "its time is up"
    return Cause("rollback", f"{where}, which asks for a rollback")


def before_the_crash(seq: int) -> float:
    """When event *seq* of a journal happened, for the order of causes: before all that happens now."""
    return seq - 1e12


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
