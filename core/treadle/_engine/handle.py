"""A run as those see it who started it: watch it, steer it, wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._engine import control
from treadle._state import RunState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from treadle._engine.run import Run as Driven
    from treadle.events import Event, Resolve, RunStatus


class Run:
    """A run, for those who started it: watch it, steer it, wait for it."""

    def __init__(self, driven: Driven) -> None:
        self._driven = driven

    def __repr__(self) -> str:
        return f"<Run {self.id} of {self.workflow}: {self.status}>"

    @property
    def id(self) -> str:
        """The run's id."""
        return self._driven.id

    @property
    def workflow(self) -> str:
        """The workflow's name."""
        return self._driven.workflow

    @property
    def status(self) -> RunStatus:
        """Where it stands now."""
        return self._driven.status

    @property
    def questions(self) -> dict[str, str | None]:
        """The steps that wait for a person, by path, with what they ask."""
        return {path: question.prompt for path, question in self._driven.questions.items()}

    def state(self) -> RunState:
        """All that its events tell so far."""
        return RunState.fold(self._driven.history)

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        """Its events from number *after* + 1: those that were, then those that come, to the end.

        Attach at any time, as often as wanted. A slow reader misses nothing and holds up nobody.
        """
        driven, seen = self._driven, after
        while True:
            history = driven.history
            while seen < driven.durable_seq:
                seen += 1
                yield history[seen - 1]
            if driven.status.ended:
                return
            await driven.changed()

    async def ended(self) -> None:
        """Wait for its end."""
        while not self._driven.status.ended:
            await self._driven.changed()

    async def wait(self) -> RunState:
        """Wait for its end; the result. Raises the fault where treadle itself broke."""
        await self.ended()
        if self._driven.fault is not None:
            raise self._driven.fault
        return RunState.fold(self._driven.history)

    async def pause(self) -> None:
        """Start nothing new; what is in flight finishes. Raises Refused where it cannot."""
        control.pause(self._driven)
        await self._driven.durable()

    async def resume(self) -> None:
        """Go on after `pause`. Raises Refused where it is not paused."""
        control.resume(self._driven)
        await self._driven.durable()

    async def cancel(self, reason: str | None = None, *, rollback: bool = False) -> None:
        """Cancel everything that runs; returns once that is accepted. Raises Refused where it cannot.

        Args:
          reason: for people, in events and results.
          rollback: undo what completed, before ``finally``.
        """
        control.cancel(self._driven, reason, rollback=rollback)
        await self._driven.durable()

    async def resolve(self, path: str, decision: Resolve | str, *, output: Any = None) -> None:
        """Answer for the step at *path*, which waits for a person.

        Args:
          decision: one of those that the question offers.
          output: with ``complete`` or ``continue``, what dependants read as the step's output: plain data.

        Raises:
          Refused: the step does not wait, the decision is not on offer, or the output is not plain data.
        """
        control.resolve(self._driven, path, decision, output)
        await self._driven.durable()
