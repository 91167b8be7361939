"""What the caller of a run asks because of it, and what the answer means where nobody can drive that here.

Rule 1: such a run has neither failed nor been given up. Who can drive it may still do so, and then its caller
        goes on by itself; until then a person may decide without it.
Rule 2: a decision without it leaves a cancel for it in the store: it must not go on beside what was decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from treadle._kinds import RunOutcome
from treadle.errors import SpecError, StepError
from treadle.events import Resolve, RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._kinds import Answer

ERROR = "workflow.undriven"
DECISIONS = tuple(str(one) for one in Resolve if one is not Resolve.RETRY)  # an attempt has one run
LONGEST_REASON = 1_000

_BECOMES: Mapping[str, Literal["fail", "continue", "rollback"]] = {
    "fail": "fail",
    "continue": "continue",
    "rollback": "rollback",
}


def reason(error: Exception) -> str:
    """Why a run cannot be driven here, as one line."""
    told = "; ".join(map(str, error.problems)) if isinstance(error, SpecError) else str(error)
    return " ".join(told.split())[:LONGEST_REASON]


def question(run: str, status: str | None, why: str | None = None) -> dict[str, Any]:
    """What the caller of *run* asks, as plain data for ``step.waiting``; *why* that cannot be driven here."""
    fix = f"`treadle resume {run}` where that can be, or decide without it"
    return {
        "for": "workflow",
        "prompt": None if why is None else f"run {run} cannot be driven here: {why}; {fix}",
        "run": run,
        "status": status,
        "timeout": None,
        "on_timeout": None,
        "decisions": [] if why is None else list(DECISIONS),
    }


def decided(answer: Answer | None) -> bool:
    """Whether a person has decided without the called run."""
    return answer is not None and answer.decision in DECISIONS


def outcome(answer: Answer, run: str) -> RunOutcome:
    """What the decision makes of the attempt. Raises StepError unless it is to complete."""
    if answer.decision == Resolve.COMPLETE:
        return RunOutcome(run, RunStatus.COMPLETED, answer.value or {})
    who = f" by {answer.by}" if answer.by else ""
    text = f"run {run}, which it called, could not be driven on, and it was decided{who} to go on without it"
    raise StepError(ERROR, text, data={"run": run}, decision=_BECOMES[answer.decision])
