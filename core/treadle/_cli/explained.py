"""`Reasons` in sentences.

Rule: one fact a line, in the order in which it happened; what is long is cut, ``--json`` has all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from treadle._cli.history import answers, asks
from treadle._cli.phrases import (
    MOST,
    cut,
    driver_line,
    error_text,
    lasted,
    local_time,
    rollback_lines,
    some,
    spaced,
)
from treadle._state import STOPPED

if TYPE_CHECKING:
    from treadle._cli.history import History
    from treadle._kinds.store import RunInfo

_VALUE_CHARS = 120

Data = Mapping[str, Any]

# --- a step ----------------------------------------------------------------------------------------


def of_step(about: Data, history: History) -> Iterator[str]:
    """Why a step stands as it does."""
    path = about["step"]
    yield f"step {path} of run {about['run']}: {'tolerated' if about['tolerated'] else about['status']}"
    told = (
        *_never_reached(about),
        *_needs(about),
        *_condition(about["condition"]),
        *_attempts(about["attempts"]),
        *_course(about),
        *_end(about),
        *_to_come(about, history),
        *_open(path, history),
        *_cause(about["cause"]),
        *_undo(about["undo"]),
    )
    yield from (f"  {line}" for line in told or _nothing(about, history))


def _never_reached(about: Data) -> Iterator[str]:
    inside = about["inside"]
    if inside is not None:
        reason = f": {inside['reason']}" if inside["reason"] else ""
        yield f"it was never reached: {inside['step']}, in which it stands, {_SAID[inside['status']]}{reason}"


_SAID = {
    "completed": "completed",
    "failed": "failed",
    "skipped": "was skipped",
    "omitted": "was omitted",
    "cancelled": "was cancelled",
    "pending": "has not started",
    "running": "is running",
    "waiting": "waits for an answer",
    "unknown": "was interrupted by a crash",
}


def _needs(about: Data) -> Iterator[str]:
    needs: Sequence[Data] = about["needs"]
    # those that explain something go first, should there be too many to tell
    for need in sorted(needs, key=lambda need: need["satisfied"] is True)[:MOST]:
        yield _need(need)
    if len(needs) > MOST:
        yield f"and it needs {len(needs) - MOST} more steps"
    if (group := about["at_least"]) is not None:
        others = ", ".join(f"{path} {_SAID[status]}" for path, status in list(group["of"].items())[:MOST])
        yield f"it needs at least {group['count']} to complete, and {group['completed']} did: {others}"


def _need(need: Data) -> str:
    said = "failed, which is tolerated" if need["tolerated"] else _SAID[need["status"]]
    if need["error"] is not None:
        said += f": {error_text(need['error'])}"
    elif need["reason"]:
        said += f": {cut(need['reason'])}"
    wanted = "" if need["wanted"] is None else f" to be {need['wanted']}"
    link = "but it" if need["satisfied"] is False else "which"
    inferred = f" (inferred from {need['inferred']})" if need["inferred"] else ""
    return f"it needs {need['step']}{wanted}{inferred}, {link} {said}"


def _condition(condition: Data | None) -> Iterator[str]:
    if condition is None:
        return
    yield f"its condition was {'true' if condition['held'] else 'false'}: {cut(str(condition['text']))}"
    for name, value in condition["saw"].items():
        yield f"  {name} was {_value(value)}"


def _attempts(attempts: Sequence[Data]) -> Iterator[str]:
    if len(attempts) > MOST:
        yield f"{len(attempts) - MOST} earlier attempts are left out"
    for attempt in attempts[-MOST:]:
        number, since, until = attempt["attempt"], _seconds(attempt["started_at"]), attempt["ended_at"]
        when = f"attempt {number} began {local_time(since)}"
        if attempt["lost"]:
            yield f"{when} and was interrupted by a crash"
        elif until is None:
            yield f"{when} and goes on"
        elif attempt["error"] is not None:
            yield f"{when} and failed after {lasted(since, _seconds(until))}: {error_text(attempt['error'])}"
        elif len(attempts) > 1:
            yield f"{when} and ended after {lasted(since, _seconds(until))}"


def _course(about: Data) -> Iterator[str]:
    if about["branch"] is not None:
        yield f"it took the branch {about['branch']}"
    if (elements := about["elements"]) is not None:
        counts = ", ".join(f"{n} {status}" for status, n in elements.items() if status != "all")
        yield f"it has {elements['all']} elements{f': {counts}' if counts else ''}"
    for each in about["answers"]:
        yield _answer(each)


def _answer(each: Data) -> str:
    when = local_time(_seconds(each["time"]))
    if each["by"] == "timeout":
        return f"nobody answered until {when}, which means: {each['decision']}"
    return f"{each['who'] or 'a person'} answered {when}: {each['decision']}"


def _end(about: Data) -> Iterator[str]:
    """How it settled, as far as needs and condition do not say that already."""
    status, reason = about["status"], about["reason"]
    if status == "failed":
        if about["error"] is not None and not about["attempts"]:
            yield f"it failed before its first attempt: {error_text(about['error'])}"
        if (said := _DECIDED.get(about["decision"])) is not None:
            yield f"{_strategy(about)} {said}"
    elif status == "cancelled" and reason:
        yield f"it was cancelled: {cut(reason)}"
    elif status == "omitted" and reason and (reason.startswith(STOPPED) or not about["needs"]):
        yield f"it did not start: {cut(reason)}"


_DECIDED = {
    "stop": "stopped the rest of its block, which failed with it",
    "drain": "let what does not depend on it finish; then its block failed",
    "tolerate": "let the failure pass: what depends on it ran all the same",
    "rollback": "asked for a rollback",
}


def _strategy(about: Data) -> str:
    if any(each["by"] for each in about["answers"]):
        return "the answer"
    return "its error strategy" if about["strategy"] is None else f"its error strategy {about['strategy']}"


def _to_come(about: Data, history: History) -> Iterator[str]:
    """Why a step has not settled yet, as far as nothing else says that."""
    if about["status"] != "pending" or about["inside"] is not None or history.end is not None:
        return
    if (again := about["again_at"]) is not None:
        yield f"its next attempt is due {local_time(_seconds(again))}"
    if history.state.status in ("pausing", "paused"):
        yield "the run is paused: nothing starts"
    elif again is None and all(need["satisfied"] for need in about["needs"]) and not about["at_least"]:
        yield "nothing stands in its way; it starts once its block, max_parallel and limit have room for it"


def _open(path: str, history: History) -> Iterator[str]:
    for event in history.questions:
        if event.step == path:
            yield cut(asks(event))
            yield from (f"  {command}" for command in answers(event))


def _cause(cause: Data | None) -> Iterator[str]:
    if cause is None:
        return
    if "command" in cause:
        yield _cancelled(cause)
    else:
        yield f"it all began with {cause['step']}: {error_text(cause['error'])}"


def _cancelled(command: Data) -> str:
    reason = f" ({cut(command['reason'])})" if command["reason"] else ""
    when = local_time(_seconds(command["time"]))
    return f"{_who(command)} cancelled the run {when}{reason}"


def _undo(undo: Data | None) -> Iterator[str]:
    if undo is None:
        return
    asked = f", since {undo['asked_by']} asked for a rollback" if undo["asked_by"] else ""
    when = local_time(_seconds(undo["time"]))
    if undo["status"] == "failed":
        yield f"taking it back failed {when}{asked}: {error_text(undo['error'] or {})}"
    else:
        yield f"it {'is being' if undo['status'] == 'undoing' else 'was'} undone {when}{asked}"


def _nothing(about: Data, history: History) -> list[str]:
    """What can be said where nothing was recorded that explains anything."""
    if about["status"] == "completed":
        return ["it needs nothing, and completed at its first attempt"]
    return [f"nothing more is recorded; the run is {spaced(history.state.status)}"]


# --- the run ---------------------------------------------------------------------------------------


def of_run(about: Data, history: History, info: RunInfo, now: float) -> Iterator[str]:
    """Why a run stands as it does."""
    yield f"run {about['run']} of {about['workflow']}: {spaced(about['status'])}"
    told = (
        *_failed(about),
        *_ended_early(about),
        *_tolerated(about),
        *_still_open(history),
        *_going_on(about, info, now),
    )
    yield from (f"  {line}" for line in told or ["every step went well"])


def _failed(about: Data) -> Iterator[str]:
    if about["cause"] is not None:
        step = about["cause"]["step"]
        yield f"it all began with {step}: {error_text(about['cause']['error'])}"
        yield f"  treadle why {about['run']} {step}"
    elif about["error"] is not None:
        yield error_text(about["error"])
    if about["rolled_back_for"] is not None:
        yield f"{about['rolled_back_for']} asked for a rollback"
    yield from rollback_lines(about["rollback"])


def _ended_early(about: Data) -> Iterator[str]:
    if about["cancel"] is not None:
        yield _cancelled(about["cancel"])
    elif about["reason"]:
        yield cut(about["reason"])
    if (pause := about["pause"]) is not None:
        reason = f": {cut(pause['reason'])}" if pause["reason"] else ""
        yield f"{_who(pause)} paused it {local_time(_seconds(pause['time']))}{reason}"


def _who(command: Data) -> str:
    return command["by"] or ("somebody" if command["command"] else "treadle")


def _tolerated(about: Data) -> Iterator[str]:
    if about["tolerated"]:
        yield f"tolerated failures: {some(about['tolerated'], MOST)}"


def _still_open(history: History) -> Iterator[str]:
    for event in history.questions[:MOST]:
        yield cut(asks(event))
        yield from (f"  {command}" for command in answers(event))


def _going_on(about: Data, info: RunInfo, now: float) -> Iterator[str]:
    if info.status.ended:
        return
    if about["running"]:
        yield f"at work: {some(about['running'], MOST)}"
    yield driver_line(info, now)


# --- pieces ----------------------------------------------------------------------------------------


def _value(value: Any) -> str:
    return cut(json.dumps(value, ensure_ascii=False, default=str), _VALUE_CHARS)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
