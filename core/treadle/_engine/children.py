"""What steps of an engine's runs call workflows by: which there are, and the one run of each attempt.

Rule: the id of a called run is journaled by its caller before it is made, so that an attempt that is entered
      again after a crash finds it; no attempt ever has two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle._kinds import RunOutcome
from treadle.errors import SpecError, StepError
from treadle.events import RunStatus

if TYPE_CHECKING:
    from treadle._catalogue import Catalogue
    from treadle._engine.engine import Engine
    from treadle._engine.run import Run
    from treadle._engine.step import StepRun
    from treadle._workflow import Workflow

MOST_DEEP = 16
"""Runs that call each other, one inside the other; deeper is taken for a recursion without an end."""


@attrs.frozen(eq=False, repr=False)
class Wanted:
    """What a step wants run: a workflow by *name* or *file*, with *inputs*."""

    name: str | None
    file: str | None
    inputs: Mapping[str, Any]
    detach: bool = False


class Children:
    """What an engine has for the steps of its runs that call workflows."""

    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self.engine = engine
        self.catalogue = catalogue

    async def call(self, step: StepRun, wanted: Wanted) -> RunOutcome:
        """Run what is *wanted* for the latest attempt of *step*, unless a crash came between; its outcome."""
        called = _called_before(step)
        if called is None:
            called = await self._announced(step, wanted)
        from treadle._engine.call import Call

        call = Call(self, step, called, wanted)
        if wanted.detach:
            await call.begin()
            return RunOutcome(run=called, status=RunStatus.PENDING)
        return await call.outcome()

    async def _announced(self, step: StepRun, wanted: Wanted) -> str:
        """The id that the called run will have, journaled."""
        workflow = self.workflow(step.run, wanted)
        self._check_depth(step, workflow)
        called = self.engine._new_id()
        told = {"run": called, "workflow": workflow.name, "detached": wanted.detach}
        step.run.emit("step.called", step.path, step.attempt, told, step.labels)
        await step.run.durable()
        return called

    def workflow(self, run: Run, wanted: Wanted) -> Workflow:
        """The workflow that is *wanted* by *run*. Raises StepError."""
        try:
            if wanted.file is not None:
                return self.catalogue.at(wanted.file, run.source)
            return self.catalogue.named(wanted.name or "")
        except SpecError as error:
            what = wanted.file or wanted.name
            raise StepError("workflow.invalid", f"the workflow {what!r} cannot be run: {error}") from None
        except LookupError as error:
            raise StepError("workflow.unknown", str(error.args[0])) from None

    def _check_depth(self, step: StepRun, workflow: Workflow) -> None:
        depth = depth_of(step.run) + 1
        if depth > MOST_DEEP:
            text = (
                f"the call of {workflow.name!r} would be {depth} runs deep, and {MOST_DEEP} are the most;"
                " let the recursion end, by a `when` of the step that calls"
            )
            raise StepError("workflow.depth", text)


def depth_of(run: Run) -> int:
    """How many runs stand above *run*."""
    return 0 if run.parent is None else int(run.parent["depth"])


def _called_before(step: StepRun) -> str | None:
    """The run that this attempt called before a crash."""
    past = step.past
    if past is None or past.called is None or past.called.attempt != step.attempt:
        return None
    called: str = past.called.data["run"]
    return called
