"""How a step settled, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle._frontier import ABSENT, Outcome
from treadle.errors import Failure
from treadle.events import StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._engine.run import Run
    from treadle._state import RunState
    from treadle.events import Event

_TYPES = {
    StepStatus.COMPLETED: "step.completed",
    StepStatus.FAILED: "step.failed",
    StepStatus.SKIPPED: "step.skipped",
    StepStatus.OMITTED: "step.omitted",
    StepStatus.CANCELLED: "step.cancelled",
}


_STATUSES = {type_: status for status, type_ in _TYPES.items()}


def report(
    run: Run,
    path: str,
    outcome: Outcome,
    labels: Mapping[str, str],
    *,
    derived: bool = False,
    extra: Mapping[str, Any] | None = None,
) -> int:
    """Emit the event of *outcome*, and a second one where a failure is tolerated; the first one's number.

    *derived* outputs are those of blocks and foreach steps: what is inside has told them already.
    """
    data: dict[str, Any] = {}
    if outcome.output is not ABSENT:
        data = {"derived": True} if derived else {"output": outcome.output}
    if outcome.error is not None:
        data["error"] = outcome.error.to_data()
        data["decision"] = outcome.decision
        if outcome.takes_back:
            data["takes_back"] = True
    if outcome.reason is not None:
        data["reason"] = outcome.reason
    if extra:
        data |= extra
    if run.questions:
        run.questions.pop(path, None)  # left open by the process before, and never taken over
    attempt = outcome.attempts or None
    seq = run.emit(_TYPES[outcome.status], path, attempt, data, labels)
    if outcome.tolerated:
        run.tolerated += 1
        run.emit("step.tolerated", path, attempt, {"error": data["error"]}, labels)
    return seq


def reported(event: Event, state: RunState) -> Outcome:
    """The outcome that *event* told; outputs of blocks and foreach steps are as *state* put them together."""
    data = event.data
    output = data.get("output", ABSENT)
    if data.get("derived"):
        output = state.steps[event.step or ""].output
    return Outcome(
        _STATUSES[event.type],
        output,
        Failure.from_data(data["error"]) if "error" in data else None,
        data.get("decision"),
        data.get("reason"),
        event.attempt or 0,
        data.get("takes_back", False),
    )


def ended_by_itself(event: Event) -> bool:
    """Whether the step of *event* settled before its block was stopped from outside."""
    return not event.data.get("after_stop")


def with_path(error: Failure, path: str) -> Failure:
    """*error*, saying which step it came from, unless it says so already."""
    return error if error.path is not None else attrs.evolve(error, path=path)
