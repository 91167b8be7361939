"""The two clocks of a run: the wall's, for what people see, and the time the run is driven, for its limits.

Rule: a limit on driven time stands still while the run is paused or only waits for a person. So it is a
cancel scope whose deadline is taken away and put back, not a plain deadline.
"""

from __future__ import annotations

import math
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from treadle._engine.stop import Timer

VIRTUAL_EPOCH = 1_767_225_600.0
"""Wall time at which virtual clocks begin: 2026-01-01T00:00:00Z."""


def wall_clock() -> Callable[[], float]:
    """Seconds since 1970 UTC; under trio's MockClock, virtual ones, so that a seeded run repeats itself."""
    testing = sys.modules.get("trio.testing")
    clock = trio.lowlevel.current_clock()
    if testing is not None and isinstance(clock, testing.MockClock):
        return lambda: VIRTUAL_EPOCH + clock.current_time()
    return time.time


class DrivenClock:
    """Counts the time a run is driven, and holds the limits that are measured in it."""

    __slots__ = ("_exposed", "_timers", "stopped")

    def __init__(self) -> None:
        self.stopped = False
        self._exposed = False
        self._timers: dict[Timer, float] = {}  # running: the deadline is in the scope; stopped: seconds left

    @contextmanager
    def limit(
        self, timer: Timer, seconds: float, *, shield: bool = False, passed: float | None = None
    ) -> Iterator[None]:
        """Cancel what is inside after *seconds* of driven time; at once if they *passed* before a crash."""
        with trio.CancelScope(shield=shield and not self._exposed) as scope:
            timer.enter(scope)
            if passed is not None:
                scope.deadline = passed
                scope.cancel(reason=timer.cause.text)
                yield
                return
            self._timers[timer] = seconds
            if not self.stopped:
                scope.deadline = trio.current_time() + seconds
            try:
                yield
            finally:
                del self._timers[timer]

    def expose(self) -> None:
        """Shield nothing any more that a limit is around, nor what is to come."""
        self._exposed = True
        for timer in self._timers:
            if timer.cancel_scope is not None:
                timer.cancel_scope.shield = False

    def stop(self) -> None:
        """Time stands still for every limit, from now."""
        if self.stopped:
            return
        self.stopped = True
        now = trio.current_time()
        for timer in self._timers:
            scope = timer.cancel_scope
            if scope is not None and not scope.cancel_called:
                self._timers[timer] = scope.deadline - now
                scope.deadline = math.inf

    def go(self) -> None:
        """Time goes on, with what each limit had left."""
        if not self.stopped:
            return
        self.stopped = False
        now = trio.current_time()
        for timer, left in self._timers.items():
            scope = timer.cancel_scope
            if scope is not None and not scope.cancel_called:
                scope.deadline = now + left
