"""Commands to a run: pause, resume, cancel, resolve.

Rule: a command either takes effect at once or is refused with the state; both are journaled, unless the
run has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from treadle._engine.plain import NotPlain, to_plain
from treadle._engine.stop import first_cause
from treadle._frontier import Cause
from treadle.errors import Refused
from treadle.events import Resolve, RunStatus

if TYPE_CHECKING:
    from treadle._engine.run import Run

_PAUSABLE = (RunStatus.RUNNING, RunStatus.WAITING)


def pause(run: Run) -> None:
    """Start nothing new; what is in flight finishes. A run that is pausing or paused stays so."""
    if run.held:
        return
    if run.status is RunStatus.PENDING:  # it will be paused as soon as it has started
        _accept(run, "pause")
        run.close_gate()
        return
    if run.status not in _PAUSABLE or run.closing:
        _refuse(run, "pause", "only a run whose steps are running can be paused")
    _accept(run, "pause")
    run.close_gate()
    run.become(RunStatus.PAUSING, "workflow.pausing")
    run.maybe_paused()


def resume(run: Run) -> None:
    """Go on; a run that is running stays so."""
    if run.status in _PAUSABLE and not run.closing:
        return
    if not run.held:
        _refuse(run, "resume", "it is not paused")
    _accept(run, "resume")
    if run.status is not RunStatus.PENDING:
        run.become(RunStatus.RUNNING, "workflow.resumed")
    run.open_gate()
    run.maybe_waiting()


def cancel(run: Run, reason: str | None, *, rollback: bool) -> None:
    """Cancel what runs, then ``finally``; with *rollback*, what completed is undone before that."""
    if run.status is RunStatus.CANCELLING and not run.closing and (run.wants_rollback or not rollback):
        return
    if run.status.ended:
        _refuse(run, "cancel", "it has ended")
    if run.closing or run.status is RunStatus.ROLLING_BACK:
        _refuse(run, "cancel", "its end is decided; rollback and `finally` are not interrupted")
    if run.status is RunStatus.CANCELLING:  # and now with a rollback
        _accept(run, "cancel", reason=reason, rollback=rollback)
        run.wants_rollback = True
        return
    if run.root is not None and first_cause(run.root) is not None and "" not in run.questions:
        _refuse(run, "cancel", "it is failing already")
    text = f"the run was cancelled ({reason})" if reason else "the run was cancelled"
    _accept(run, "cancel", reason=reason, rollback=rollback)
    if run.status is RunStatus.PENDING:  # nothing has begun: no steps, no `finally`
        run.finish(RunStatus.CANCELLED, {"reason": reason, "tolerated": 0})
        return
    run.wants_rollback = rollback
    run.cancel_reason = reason
    run.become(RunStatus.CANCELLING, "workflow.cancelling", {"reason": reason})
    run.stop(Cause("cancel", text))
    run.open_gate()


def resolve(run: Run, path: str, decision: Resolve | str, output: Any) -> None:
    """Answer for the step at *path*, which waits for a person."""
    command = f"resolve {path!r}"
    question = run.questions.get(path)
    if question is None or question.answer is not None:
        open_ = sorted(at for at, one in run.questions.items() if one.answer is None)
        waiting = ", ".join(open_) or "no step"
        _refuse(run, command, f"it does not wait for a person; {waiting} does")
    elif decision not in question.decisions:
        allowed = ", ".join(question.decisions)
        _refuse(run, command, f"{decision} is not one of {allowed}")
    else:
        try:
            plain = run.masker.data(to_plain(output, run.surroundings.limits.output))
        except NotPlain as error:
            _refuse(run, command, f"the output given cannot be kept: {error}")
        _accept(run, "resolve", step=path, decision=str(decision))
        question.resolve(Resolve(decision), plain)


def _accept(run: Run, command: str, **told: Any) -> None:
    run.emit("workflow.command", data={"command": command, "answer": "accepted", **told})


def _refuse(run: Run, command: str, why: str) -> NoReturn:
    if not run.status.ended:
        run.emit("workflow.command", data={"command": command, "answer": "refused", "why": why})
    raise Refused(command, str(run.status), why)
