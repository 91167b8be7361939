"""A run as those see it who started it: watch it, steer it, wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._engine import control
from treadle._state import RunState
from treadle.errors import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from treadle._engine.run import Run as Driven
    from treadle.events import Event, Resolve, RunStatus


class Suspended(Refused):
    """The run was suspended: it has not ended, and does not go on here."""

    def __init__(self, run: str, state: str) -> None:
        super().__init__("go on", state, f"run {run} was suspended; `treadle resume {run}` goes on with it")
        self.args = (run, state)


class Run:
    """A run, for those who started it: watch it, steer it, wait for it.

    Where a command says who gives it, *by*, that is kept in the journal with the command and its answer.
    """

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
    def driven_here(self) -> bool:
        """Whether this engine drives it, or did; otherwise it is as it stands in the store."""
        return True

    @property
    def questions(self) -> dict[str, str | None]:
        """The steps that wait for an answer, by path, with what they ask."""
        open_ = ((path, one) for path, one in self._driven.questions.items() if one.answer is None)
        return {path: question.prompt for path, question in open_}

    @property
    def stands(self) -> bool:
        """Whether steps wait for an answer, and nothing else can go on meanwhile."""
        driven = self._driven
        return bool(self.questions) and not driven.busy and all(one.stands for one in driven.calls.values())

    def state(self) -> RunState:
        """All that its events tell so far."""
        driven = self._driven
        if driven.lost is None:
            return RunState.fold(driven.history)
        return RunState.fold(driven.history[: driven.durable_seq])  # the rest is not so for anybody else

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        """Its events from number *after* + 1: those that were, then those that come, to the end.

        Attach at any time, as often as wanted. A slow reader misses nothing and holds up nobody. Where the
        run is suspended, they end; where this process has lost it, that is raised, as by `wait`.
        """
        driven, seen = self._driven, after
        while True:
            history = driven.history
            while seen < driven.durable_seq:
                seen += 1
                yield history[seen - 1]
            if self._is_over():
                return
            await driven.changed()

    async def ended(self) -> None:
        """Wait for its end, or until it is suspended. Raises as `wait` does where the run was lost."""
        while not self._is_over():
            await self._driven.changed()

    def _is_over(self) -> bool:
        """Whether nothing more will come of it here; its end counts once it is durable."""
        driven = self._driven
        if driven.status.ended and driven.durable_seq == len(driven.history):
            return True
        if driven.lost is not None and not isinstance(driven.lost, Suspended):
            raise driven.lost
        return driven.lost is not None

    async def wait(self) -> RunState:
        """Wait for its end; the result. A run that is suspended meanwhile comes back as it stands.

        Raises:
          StoreError: this process must not go on with it: another one has taken it over, or the store broke.
          RecordError: its journal does not fit what its spec and the plugins here could have done.
          EngineFault: treadle itself broke.
        """
        await self.ended()
        if self._driven.fault is not None:
            raise self._driven.fault
        return self.state()

    # --- commands ---

    async def pause(self, *, by: str | None = None) -> None:
        """Start nothing new; what is in flight finishes. Raises Refused where it cannot."""
        await self._command("pause", {}, by)

    async def resume(self, *, by: str | None = None) -> None:
        """Go on after `pause`. Raises Refused where it is not paused."""
        await self._command("resume", {}, by)

    async def cancel(
        self, reason: str | None = None, *, rollback: bool = False, by: str | None = None
    ) -> None:
        """Cancel everything that runs; returns once that is accepted. Raises Refused where it cannot.

        Args:
          reason: for people, in events and results.
          rollback: undo what completed, before ``finally``.
        """
        await self._command("cancel", {"reason": reason, "rollback": rollback}, by)

    async def resolve(
        self, path: str, decision: Resolve | str, *, output: Any = None, by: str | None = None
    ) -> None:
        """Answer for the step at *path*, which waits for a decision.

        Args:
          decision: one of those that the question offers.
          output: with ``complete`` or ``continue``, what dependants read as the step's output: plain data.

        Raises:
          Refused: the step does not wait, the decision is not on offer, or the output is not plain data.
        """
        await self._command("resolve", {"step": path, "decision": str(decision), "output": output}, by)

    async def approve(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        comment: str | None = None,
        by: str | None = None,
    ) -> None:
        """Approve what the step at *path* waits for, with the *fields* that it asks for.

        Raises Refused where it does not wait for an approval, or with everything that is wrong with *fields*.
        """
        await self._command("approve", {"step": path, "fields": fields, "comment": comment}, by)

    async def reject(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        comment: str | None = None,
        by: str | None = None,
    ) -> None:
        """Reject what the step at *path* waits for: it fails with the error ``rejected``.

        Raises Refused where it does not wait for an approval, or with everything that is wrong with *fields*.
        """
        await self._command("reject", {"step": path, "fields": fields, "comment": comment}, by)

    async def signal(self, name: str, payload: Any = None, *, by: str | None = None) -> None:
        """Hand a signal to the first step that waits for it; without one, it is kept until there is.

        Raises Refused where the run has ended, or *payload* is not plain data.
        """
        await self._command("signal", {"name": name, "payload": payload}, by)

    async def _command(self, name: str, arguments: Mapping[str, Any], by: str | None) -> None:
        """Give the run a command of `control`; returns once it is accepted for good. Raises Refused."""
        control.command(self._driven, name, arguments, by=by)
        await self._driven.durable()
