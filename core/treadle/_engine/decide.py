"""What a strategy makes of a failure.

Rule: a strategy decides once, and its decision is journaled with the failure; one that is broken counts as
``fail_fast``, and the failure's message says so.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

import attrs

from treadle._frontier import ABSENT, Outcome
from treadle._kinds import Ask, Decision, Fail, Rollback, StepFailure, Strategy, Tolerate
from treadle._settings import SettingsError
from treadle.errors import StepError
from treadle.events import Resolve, StepStatus

if TYPE_CHECKING:
    from treadle._engine.frame import Frame
    from treadle._engine.run import Run
    from treadle._engine.scope import Scope
    from treadle._settings import Settings
    from treadle.errors import Failure
    from treadle.events import Event

_log = logging.getLogger("treadle.strategies")


def decide(
    run: Run, strategy: Settings[Strategy[Any]], scope: Scope, failure: StepFailure
) -> tuple[Decision, Failure]:
    """The decision of *strategy* about *failure*, and the error to tell with it."""
    name = strategy.entry.name
    try:
        config = strategy.build(lambda template: run.evaluation.value(template, scope))
    except (SettingsError, StepError) as error:
        why = error.message if isinstance(error, StepError) else str(error)
        message = f"{failure.error.message}; and its error strategy {name!r} has no settings: {why}"
        return Fail(), attrs.evolve(failure.error, message=message)
    try:
        decision = strategy.entry.decide(config, failure)
    except Exception:
        _log.exception("error strategy %r failed at %s; the step fails", name, failure.path)
        return Fail(), _broken(failure.error, name)
    if not isinstance(decision, Decision):
        _log.error("error strategy %r answered %r at %s; the step fails", name, decision, failure.path)
        return Fail(), _broken(failure.error, name)
    return decision, failure.error


def asked(event: Event) -> Ask:
    """The decision to ask that *event*, a ``step.waiting``, told of."""
    data = event.data
    return Ask(data.get("prompt"), data.get("timeout"), data.get("on_timeout"))


def _broken(error: Failure, strategy: str) -> Failure:
    return attrs.evolve(error, message=f"{error.message}; and its error strategy {strategy!r} is broken")


def failed(
    frame: Frame,
    error: Failure,
    decision: Fail | Tolerate | Rollback,
    *,
    attempts: int = 0,
    output: Any = ABSENT,
) -> Outcome:
    """The outcome of a step of *frame* that failed and about which *decision* was taken."""
    word: Literal["stop", "drain", "tolerate", "rollback"]
    takes_back = False
    match decision:
        case Fail(fast=True):
            # what a step of `finally` does must not keep the others from running
            word = "drain" if frame.block.spec.role == "finally" else "stop"
        case Fail():
            word = "drain"
        case Tolerate():
            word = "tolerate"
            output = decision.output if decision.output is not None else output
        case Rollback(scope="run"):
            word = "rollback"
        case _:
            takes_back = True
            word = "drain" if frame.block.spec.role == "finally" else "stop"
    return Outcome(StepStatus.FAILED, output, error, word, None, attempts, takes_back)


def settled_by_itself(decision: Decision) -> Fail | Tolerate | Rollback:
    """*decision*, for a step whose block has stopped: nobody is asked any more."""
    return Fail() if isinstance(decision, Ask) else decision


def answered(answer: Resolve, output: Any) -> Fail | Tolerate | Rollback:
    """What a person's *answer* makes of a failure."""
    if answer is Resolve.CONTINUE:
        return Tolerate(output)
    return Rollback() if answer is Resolve.ROLLBACK else Fail()
