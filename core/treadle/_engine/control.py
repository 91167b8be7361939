"""Commands to a run: pause, resume, cancel, resolve, approve, reject, signal.

Rule 1: a command either takes effect at once or is refused with the state; both are journaled, unless the
        run has ended. The command and its effect are emitted with nothing awaited in between.
Rule 2: the same request is answered once, and has one effect, whoever hands it over how often.
Rule 3: what comes from outside may be anything: nothing but `Refused` is raised for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from treadle._engine.plain import NotPlain, to_plain
from treadle._engine.stop import cancelled, first_cause
from treadle._engine.waits import MOST_KEPT, hand_over, taker
from treadle._inputs import MISSING, check_inputs, input_from_data
from treadle.errors import Refused
from treadle.events import Resolve, RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from treadle._engine.ask import Question
    from treadle._engine.run import Run
    from treadle._kinds.store import Request

_HELD = (RunStatus.PAUSING, RunStatus.PAUSED)
_SIGNAL = r"[A-Za-z_][A-Za-z0-9_.-]{0,199}\Z"


@attrs.frozen(eq=False, repr=False)
class Asked:
    """A command as it came: what is asked, by whom, and the id of the request that brought it."""

    command: str
    by: str | None = None
    request: str | None = None

    def accept(self, run: Run, becomes: RunStatus | None = None, **told: Any) -> int:
        """Journal that it is accepted; *becomes* is the run's state once it has taken effect, if another."""
        return self._answer(run, {"answer": "accepted", "state": str(becomes or run.status)}, told)

    def refuse(self, run: Run, why: str, **told: Any) -> NoReturn:
        """Journal that it is refused, and say so."""
        answer = {"answer": "refused", "why": run.masker.text(why), "state": str(run.status)}
        if not run.status.ended:
            self._answer(run, answer, told)
        elif self.request is not None:
            run.handled[self.request] = answer
        about = f" {told['step']!r}" if "step" in told else ""
        raise Refused(f"{self.command}{about}", answer["state"], answer["why"])

    def _answer(self, run: Run, answer: dict[str, Any], told: Mapping[str, Any]) -> int:
        data = {"command": self.command, "by": self.by, **answer, **told}
        if self.request is not None:
            data["request"] = self.request
            run.handled[self.request] = answer
        return run.emit("workflow.command", data=data)


# --- the run ---------------------------------------------------------------------------------------


def pause(run: Run, *, by: str | None = None, request: str | None = None) -> None:
    """Start nothing new; what is in flight finishes. A run that is pausing or paused stays so."""
    asked = Asked("pause", by, request)
    if run.status in _HELD or (run.held and run.status is RunStatus.PENDING):
        asked.accept(run)
        return
    if run.status is RunStatus.PENDING:  # it will be paused as soon as it has started
        asked.accept(run)
        run.close_gate()
        return
    if not run.pausable:
        asked.refuse(run, "only a run whose steps are running can be paused")
    asked.accept(run, RunStatus.PAUSING)
    run.pause()


def resume(run: Run, *, by: str | None = None, request: str | None = None) -> None:
    """Go on; a run that is running stays so."""
    asked = Asked("resume", by, request)
    if run.pausable:
        asked.accept(run)
        return
    if not run.held:
        asked.refuse(run, "it is not paused")
    if run.status is RunStatus.PENDING:
        asked.accept(run)
    else:
        asked.accept(run, RunStatus.RUNNING)
        run.become(RunStatus.RUNNING, "workflow.resumed")
    run.open_gate()
    run.maybe_waiting()


def cancel(
    run: Run,
    reason: str | None = None,
    *,
    rollback: bool = False,
    by: str | None = None,
    request: str | None = None,
) -> None:
    """Cancel what runs, then ``finally``; with *rollback*, what completed is undone before that."""
    asked = Asked("cancel", by, request)
    told: dict[str, Any] = {"reason": reason, "rollback": rollback}
    if run.status is RunStatus.CANCELLING and not run.closing:  # perhaps now with a rollback
        asked.accept(run, **told)
        run.wants_rollback = run.wants_rollback or rollback
        return
    if (why := _why_no_cancel(run)) is not None:
        asked.refuse(run, why, **told)
    pending = run.status is RunStatus.PENDING
    asked.accept(run, RunStatus.CANCELLED if pending else RunStatus.CANCELLING, **told)
    if pending:  # nothing has begun: no steps, no `finally`
        run.finish(RunStatus.CANCELLED, {"reason": reason, "tolerated": 0})
        return
    run.wants_rollback = rollback
    run.cancel_reason = reason
    run.become(RunStatus.CANCELLING, "workflow.cancelling", {"reason": reason})
    run.stop(cancelled(reason))
    run.open_gate()


def _why_no_cancel(run: Run) -> str | None:
    if run.status.ended:
        return "it has ended"
    if run.closing or run.status is RunStatus.ROLLING_BACK:
        return "its end is decided; rollback and `finally` are not interrupted"
    if run.root is not None and first_cause(run.root) is not None and "" not in run.questions:
        return "it is failing already"
    return None


# --- steps that wait -------------------------------------------------------------------------------


def resolve(
    run: Run,
    path: str,
    decision: Resolve | str,
    output: Any = None,
    *,
    by: str | None = None,
    request: str | None = None,
) -> None:
    """Answer for the step at *path*, which waits for a decision."""
    asked = Asked("resolve", by, request)
    question = _open(run, asked, path)
    if question.kind == "approval":
        asked.refuse(run, "it waits for an approval; approve or reject it", step=path)
    if decision not in question.decisions:
        asked.refuse(run, f"{decision} is not one of {', '.join(question.decisions)}", step=path)
    if decision == Resolve.RETRY and not run.can_retry(path):
        others = ", ".join(one for one in question.decisions if one != Resolve.RETRY)
        asked.refuse(run, f"its block has been stopped, so it cannot be tried again; {others}", step=path)
    if question.kind == "workflow" and not isinstance(output, Mapping | None):
        asked.refuse(run, "what a workflow gives is a mapping: its outputs by name", step=path)
    plain = _plain(run, asked, "the output given", output, step=path)
    asked.accept(run, step=path, decision=str(decision))
    question.settle(str(decision), who=by, output=plain, request=request)


def approve(
    run: Run,
    path: str,
    fields: Mapping[str, Any] | None = None,
    *,
    comment: str | None = None,
    by: str | None = None,
    request: str | None = None,
) -> None:
    """Approve what the step at *path* waits for."""
    _decide(run, Asked("approve", by, request), path, fields or {}, comment)


def reject(
    run: Run,
    path: str,
    fields: Mapping[str, Any] | None = None,
    *,
    comment: str | None = None,
    by: str | None = None,
    request: str | None = None,
) -> None:
    """Reject what the step at *path* waits for. Fields may be left out; those that are given must fit."""
    _decide(run, Asked("reject", by, request), path, fields or {}, comment, partly=True)


def _decide(
    run: Run, asked: Asked, path: str, given: Mapping[str, Any], comment: str | None, *, partly: bool = False
) -> None:
    """Answer an approval with the fields that are *given*; *partly*: others may be missing."""
    question = _open_approval(run, asked, path)
    declared = {name: input_from_data(name, one) for name, one in question.told["fields"].items()}
    values, problems = check_inputs(declared, given, "field")
    if partly:
        values = {name: value for name, value in values.items() if name in given}
        problems = [problem for problem in problems if problem.code != MISSING]
    if problems:
        asked.refuse(run, "; ".join(map(str, problems)), step=path)
    plain = _plain(run, asked, "what was filled in", values, step=path)
    asked.accept(run, step=path)
    question.settle(asked.command, who=asked.by, fields=plain, comment=comment, request=asked.request)


def _open(run: Run, asked: Asked, path: str) -> Question:
    question = run.questions.get(path)
    if question is not None and run.status.ended:
        asked.refuse(run, "it has ended", step=path)
    if (
        question is not None
        and question.answer is None
        and question.kind == "workflow"
        and not question.decisions
    ):
        asked.refuse(run, f"it waits for run {question.told['run']}; answer what that asks", step=path)
    if question is None or question.answer is not None or question.kind == "signal":
        if question is not None and question.answer is None:
            asked.refuse(run, f"it waits for the signal {question.told['signal']!r}", step=path)
        asking = {at: one for at, one in run.questions.items() if one.answer is None}
        people = sorted(at for at, one in asking.items() if one.decisions)
        waiting = ", ".join(people) or "no step"
        asked.refuse(run, f"it does not wait for a person; {waiting} does", step=path)
    if run.status is RunStatus.CANCELLING and not run.closing:
        asked.refuse(run, "the run is being cancelled, and all that waits with it", step=path)
    return question


def _open_approval(run: Run, asked: Asked, path: str) -> Question:
    question = _open(run, asked, path)
    if question.kind != "approval":
        choices = ", ".join(question.decisions)
        asked.refuse(run, f"it waits for a decision; resolve it as one of {choices}", step=path)
    return question


def _plain(run: Run, asked: Asked, what: str, value: Any, **told: Any) -> Any:
    try:
        return run.masker.data(to_plain(value, run.surroundings.limits.output))
    except NotPlain as error:
        asked.refuse(run, f"{what} cannot be kept: {error}", **told)


# --- signals ---------------------------------------------------------------------------------------


def signal(
    run: Run, name: str, payload: Any = None, *, by: str | None = None, request: str | None = None
) -> None:
    """Hand a signal to the first step that waits for it; it is kept until there is one."""
    asked = Asked("signal", by, request)
    if run.status.ended:
        asked.refuse(run, "it has ended")
    if not re.match(_SIGNAL, name):
        asked.refuse(run, f"{name[:60]!r} is no name of a signal: letters, digits and _ . -, a letter first")
    plain = _plain(run, asked, "its payload", payload, name=name)
    try:
        question = taker(run, name, plain)
    except Refused as error:
        asked.refuse(run, error.why, name=name)
    if question is None and len(run.signals) >= MOST_KEPT:
        asked.refuse(run, f"{MOST_KEPT} signals are kept already that no step has taken", name=name)
    seq = asked.accept(run, name=name, payload=plain)
    event = run.history[seq - 1]
    if question is None:
        run.signals.append(event)
    else:
        hand_over(question, event)


# --- requests --------------------------------------------------------------------------------------


def apply(run: Run, request: Request) -> dict[str, Any]:
    """Do what *request* asks for, once; ``{answer: accepted | refused, why?, state}``."""
    known = run.handled.get(request.id)
    if known is not None:
        return known
    with suppress(Refused):  # which is an answer, noted like any other
        command(run, request.command, request.arguments, by=request.by, request=request.id)
    return run.handled[request.id]


def command(
    run: Run, name: str, arguments: Mapping[str, Any], *, by: str | None = None, request: str | None = None
) -> None:
    """Give *run* the command *name*; of its *arguments* those that are None count as not given."""
    asked = Asked(name, by, request)
    known = _COMMANDS.get(name)
    if known is None:
        asked.refuse(run, f"there is no such command; there are {', '.join(_COMMANDS)}")
    do, kinds = known
    given = {key: arguments[key] for key in kinds if arguments.get(key) is not None}
    for key, kind in kinds.items():
        if key in _NEEDED and key not in given:
            asked.refuse(run, f"it lacks {key!r}")
        if key in given and not isinstance(given[key], kind):
            asked.refuse(run, f"{key!r} is {type(given[key]).__name__}, which it cannot be")
    needed = [given.pop(key) for key in kinds if key in _NEEDED]
    do(run, *needed, **given, by=by, request=request)


_NEEDED = frozenset({"step", "decision", "name"})

_COMMANDS: Mapping[str, tuple[Callable[..., None], Mapping[str, type]]] = {
    "pause": (pause, {}),
    "resume": (resume, {}),
    "cancel": (cancel, {"reason": str, "rollback": bool}),
    "resolve": (resolve, {"step": str, "decision": str, "output": object}),
    "approve": (approve, {"step": str, "fields": Mapping, "comment": str}),
    "reject": (reject, {"step": str, "fields": Mapping, "comment": str}),
    "signal": (signal, {"name": str, "payload": object}),
}
"""Each command of a request, with the kinds of its arguments."""
