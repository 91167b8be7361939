"""Journals: where the events of runs become durable.

Rule: `submit` never waits and never fails; a run learns from `landed` that its events are durable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from treadle.events import Event


class Journaled(Protocol):
    """A run, as its journal sees it."""

    history: list[Event]

    def landed(self, seq: int) -> None:
        """All events up to *seq* are durable."""


class MemoryJournal:
    """The store ``memory``: a run's events live as long as the run's object; durable as soon as submitted."""

    def submit(self, run: Journaled, event: Event) -> None:
        """Append *event*, the next of *run*."""
        run.history.append(event)
        run.landed(len(run.history))
