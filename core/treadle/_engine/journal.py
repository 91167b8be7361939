"""Journals: where the events of runs become durable.

Rule: `submit` never waits and never fails; a run learns from `landed` that its events are durable, and
from `lose` that they never will be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from treadle._engine.run import Run
    from treadle.events import Event


class Journal(Protocol):
    """Takes the events of runs in."""

    def submit(self, run: Run, event: Event) -> None:
        """Add *event*, the next of *run*, to its history, and have it stored."""


class MemoryJournal:
    """The store ``memory``: a run's events live as long as the run's object; durable as soon as submitted."""

    def submit(self, run: Run, event: Event) -> None:
        run.history.append(event)
        run.landed(len(run.history))
