"""How a step's outcome is told, and what is owed for it: the last that happens to a step.

Rule: what recovery needs beside the outcome is told with it, and nothing that it could put together itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._engine.report import report
from treadle._engine.scope import Scope
from treadle._engine.undo import Owed, UndoLog, undo_inside
from treadle._frontier import Outcome
from treadle.events import StepStatus

if TYPE_CHECKING:
    from treadle._engine.step import StepRun
    from treadle.events import Event


def settled(
    step: StepRun, outcome: Outcome, undo: UndoLog, told: Event | None = None, *, late: bool = False
) -> None:
    """Emit the *outcome* of *step*, unless *told* did, and enter into *undo* what is owed for it.

    *late*: its block had been stopped from outside before.
    """
    if told is not None:
        seq = told.seq or 0
    elif step.left_unknown:
        assert step.past is not None
        assert step.past.waiting is not None
        seq = step.past.waiting.seq or 0
    else:
        extra = _besides(step, outcome, late=late)
        seq = report(step.run, step.path, outcome, step.labels, derived=step.derived, extra=extra)
    completed = outcome.status is StepStatus.COMPLETED
    if step.spec.undo is not None and not step.has_elements and _owes(step, completed):
        undo.add(_owed(step, seq, outcome))
        if completed:
            return
    step.keep_inner()
    undo.add(step.earlier)


def left_unknown(step: StepRun, undo: UndoLog) -> None:
    """Enter into *undo* what is owed for a step of which nobody says any more what became of it."""
    step.left_unknown = True
    settled(step, Outcome(StepStatus.CANCELLED, attempts=step.attempt), undo)


def _besides(step: StepRun, outcome: Outcome, *, late: bool) -> dict[str, Any]:
    """What the event of *outcome* tells besides it."""
    extra: dict[str, Any] = {}
    completed = outcome.status is StepStatus.COMPLETED
    if step.came_back and not completed:
        extra["returned"] = True
    if step.happened and not completed:
        extra["happened"] = step.happening()
    if step.notes:
        extra["notes"] = step.notes
    if (elements := step.elements) is not None and elements.left > 0:
        extra["not_started"] = elements.left  # those have no events of their own
    if late and outcome.status is StepStatus.FAILED:
        extra["after_stop"] = True
    if len(step.spec.blocks) > 1 and step.inner and undo_inside(step.run, step.spec):
        extra["blocks"] = sorted({frame.place for frame in step.frames})
    return extra


def _owes(step: StepRun, completed: bool) -> bool:
    if completed or step.happened:
        return True
    return step.started and step.spec.undo_after == "attempted"


def _owed(step: StepRun, seq: int, outcome: Outcome) -> Owed:
    completed = outcome.status is StepStatus.COMPLETED
    output = step.returned if step.happened and not completed else outcome.output
    scope = step.scope if step.env is None else Scope(step.scope, names={"env": step.env})
    return Owed(seq, step.path, step.spec, step.labels, scope, output, outcome.error, step.attempt)
