"""An attempt that waits: for a person's approval, or for a signal.

Rule 1: what waits is not at work: it holds no limiter, the run can be paused meanwhile, and is waiting if
        nothing else goes on.
Rule 2: a signal is taken once, by the first step that waits for it and wants its payload; until then it is
        kept.
Rule 3: whether a payload is wanted is asked when the signal comes, or when the step begins to wait, and never
        again: what is taken is journaled, what is not stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._engine.ask import answer_of, answered, before, put
from treadle._kinds import ApprovalWanted
from treadle.errors import Refused, StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._engine.ask import Question
    from treadle._engine.run import Run
    from treadle._engine.step import StepRun
    from treadle._kinds import Answer, SignalWanted
    from treadle.events import Event

MOST_KEPT = 1_000
"""Signals of a run that no step has taken yet."""


async def wait_for(step: StepRun, wanted: ApprovalWanted | SignalWanted) -> Answer:
    """Put the question, unless that was done before a crash, and wait for its answer."""
    kind = "approval" if isinstance(wanted, ApprovalWanted) else "signal"
    earlier = before(step.past, step.attempt, (kind,))
    if earlier is not None and step.past is not None and step.past.resolved is not None:
        await step.run.gate()
        return answer_of(step.past.resolved)
    told = _of_approval(wanted) if isinstance(wanted, ApprovalWanted) else _of_signal(wanted)
    told = step.run.masker.data(told)
    question = put(step.run, step.path, step.attempt, told, step.labels, earlier)
    if not isinstance(wanted, ApprovalWanted):
        question.match = wanted.match or _anything
        _take_kept(step.run, question)
    return await _without_limiter(step, question)


async def _without_limiter(step: StepRun, question: Question) -> Answer:
    """Wait for the answer, and leave the step's named limiter to others meanwhile."""
    if step.spec.limit is None:
        return await answered(question, in_flight=1)
    limiter = step.run.surroundings.limiters[step.spec.limit]
    limiter.release_on_behalf_of(step)
    answer = await answered(question, in_flight=1)
    await limiter.acquire_on_behalf_of(step)
    return answer


def _of_approval(wanted: ApprovalWanted) -> dict[str, Any]:
    fields = (
        {} if wanted.fields is None else {name: dict(one) for name, one in wanted.fields.declared.items()}
    )
    return {
        "for": "approval",
        "prompt": wanted.prompt,
        "fields": fields,
        "timeout": wanted.timeout,
        "on_timeout": wanted.on_timeout,
        "decisions": ["approve", "reject"],
    }


def _of_signal(wanted: SignalWanted) -> dict[str, Any]:
    return {
        "for": "signal",
        "prompt": None,
        "signal": wanted.name,
        "timeout": wanted.timeout,
        "on_timeout": None if wanted.timeout is None else "fail",
        "decisions": [],
    }


# --- signals ---------------------------------------------------------------------------------------


def _anything(_payload: Any) -> bool:
    return True


def _take_kept(run: Run, question: Question) -> None:
    """Answer *question* with the oldest kept signal it wants; one that it cannot judge is passed over."""
    for event in run.signals:
        data = event.data
        if question.answer is None and data["name"] == question.told["signal"]:
            wants = _wants(question, data.get("payload"))
            if wants is True:
                run.signals.remove(event)
                hand_over(question, event)
                return
            if isinstance(wants, str):
                text = f"passes over signal {data['name']!r} (event {event.seq}): {wants}"
                told = {"level": "warning", "message": text}
                run.show("step.log", question.path, question.attempt or 1, told)


def taker(run: Run, name: str, payload: Any) -> Question | None:
    """The step that takes this signal now; None: it is to be kept.

    Raises Refused where no step takes it, and one that waits for it cannot judge its payload.
    """
    reason = None
    for question in run.questions.values():
        if question.kind != "signal" or question.told["signal"] != name or question.answer is not None:
            continue
        wants = _wants(question, payload)
        if wants is True:
            return question
        if isinstance(wants, str):
            reason = reason or f"{question.path} waits for it, and cannot judge its payload: {wants}"
    if reason is not None:
        raise Refused("signal", str(run.status), reason)
    return None


def hand_over(question: Question, signal: Event) -> None:
    """Let the step that asked go on with *signal*, the command that brought it."""
    data: Mapping[str, Any] = signal.data
    question.settle("signal", who=data.get("by"), output=data.get("payload"), signal=signal.seq)


def _wants(question: Question, payload: Any) -> bool | str:
    """Whether *question* takes *payload*; text says why that cannot be told."""
    if question.match is None:  # its step is not there yet: it will look at what is kept
        return False
    try:
        return bool(question.match(payload))
    except Exception as error:
        return error.message if isinstance(error, StepError) else str(error) or type(error).__name__
