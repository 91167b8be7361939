"""How a step settled, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle._frontier import ABSENT, Outcome
from treadle.events import StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._engine.run import Run
    from treadle.errors import Failure

_TYPES = {
    StepStatus.COMPLETED: "step.completed",
    StepStatus.FAILED: "step.failed",
    StepStatus.SKIPPED: "step.skipped",
    StepStatus.OMITTED: "step.omitted",
    StepStatus.CANCELLED: "step.cancelled",
}


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
    if outcome.reason is not None:
        data["reason"] = outcome.reason
    if extra:
        data |= extra
    attempt = outcome.attempts or None
    seq = run.emit(_TYPES[outcome.status], path, attempt, data, labels)
    if outcome.tolerated:
        run.tolerated += 1
        run.emit("step.tolerated", path, attempt, {"error": data["error"]}, labels)
    return seq


def with_path(error: Failure, path: str) -> Failure:
    """*error*, saying which step it came from, unless it says so already."""
    return error if error.path is not None else attrs.evolve(error, path=path)
