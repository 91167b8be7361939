"""How a run ended, or why it stands still, in words and as an exit code.

After a failure: which step failed, why, the last lines of its output, what was not run because of it,
and what the rollback did. Of a run that goes on later: what it waits for, and the commands that help.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from treadle._cli import terminal
from treadle._cli.phrases import MOST, counted, rollback_lines, spaced
from treadle._cli.program import FAILED, INTERRUPTED, STANDS
from treadle._paths import enclosing
from treadle._units import format_duration
from treadle.errors import printable
from treadle.events import RunStatus, StepStatus

if TYPE_CHECKING:
    from treadle import Event, RunState, StepResult
    from treadle._cli.drive import Ended

LAST_LINES = 10
"""So many lines of a failed step's output are shown."""

_NOT_RUN = (StepStatus.OMITTED, StepStatus.CANCELLED)


def conclude(ended: Ended, *, as_json: bool) -> int:
    """Print where driving a run came to; the exit code."""
    state = ended.state
    if state is None:
        from treadle._cli.drive import left

        terminal.say(left(ended))
        return ended.left_code
    if not ended.elsewhere:
        for line in lines(state) if state.status.ended else standing(state, ended.questions):
            terminal.say(line)
    if as_json:
        terminal.out_json(state.to_data(), indent=None)
    else:
        for line in outputs(state):
            terminal.out(line)
    return exit_code(state.status, interrupted=ended.interrupted)


def exit_code(status: RunStatus, *, interrupted: bool = False) -> int:
    """That of a run which is left with *status*."""
    if not status.ended:
        return STANDS
    if status is RunStatus.COMPLETED:
        return 0
    return INTERRUPTED if interrupted and status is RunStatus.CANCELLED else FAILED


def outputs(result: RunState) -> Iterator[str]:
    """``name: value``, a line each; what is not text as JSON."""
    for name, value in (result.outputs or {}).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield printable(f"{name}: {text}")


# --- for people ------------------------------------------------------------------------------------


def lines(result: RunState) -> Iterator[str]:
    """The end of a run in words: one line if all went well."""
    if result.status is not RunStatus.COMPLETED:
        for line in _what_went_wrong(result):
            yield printable(line)
    yield printable(f"run {result.run} of {result.workflow} {_ending(result)}")


def standing(state: RunState, questions: Sequence[Event] = ()) -> Iterator[str]:
    """Why a run that has not ended is left, and how it goes on."""
    from treadle._cli.history import answers, asks

    for event in questions[:MOST]:
        yield printable(asks(event))
        yield from (printable(f"  {command}") for command in answers(event))
    if len(questions) > MOST:
        yield f"and {len(questions) - MOST} more: treadle show {state.run}"
    how = {RunStatus.WAITING: "waits", RunStatus.PAUSED: "is paused"}.get(state.status, "is suspended")
    then = "once that is answered, " if questions else ""
    yield printable(
        f"run {state.run} of {state.workflow} {how}; {then}go on with: treadle resume {state.run}"
    )


def _ending(result: RunState) -> str:
    words = spaced(result.status)
    if result.started_at is not None and result.ended_at is not None:
        words += f" in {format_duration(round(max(0.0, result.ended_at - result.started_at), 3))}"
    if result.tolerated:
        words += f", with {counted(result.tolerated, 'tolerated failure')}"
    return words


def _what_went_wrong(result: RunState) -> Iterator[str]:
    failed = _failed(result)
    for path, step in list(failed.items())[:MOST]:
        yield from _failure(path, step)
    if len(failed) > MOST:
        yield f"and {len(failed) - MOST} more steps failed"
    if result.error is not None and not failed:
        yield f"{result.error.name}: {result.error.message}"
    yield from _not_run(result)
    yield from rollback_lines(result.rollback)


def _failed(result: RunState) -> dict[str, StepResult]:
    """The steps that failed themselves, not those that only enclose one."""
    failed = {
        path: step
        for path, step in result.steps.items()
        if step.status is StepStatus.FAILED and not step.tolerated
    }
    outer = {each for path in failed for each in enclosing(path)}
    return {path: step for path, step in failed.items() if path not in outer}


def _failure(path: str, step: StepResult) -> Iterator[str]:
    tries = f" after {step.attempts} attempts" if step.attempts > 1 else ""
    if step.error is None:
        yield f"step {path} failed{tries}"
        return
    yield f"step {path} failed{tries}: {step.error.name}: {step.error.message}"
    yield from (f"  | {line}" for line in last_lines(step))


def last_lines(step: StepResult) -> list[str]:
    """The end of what a failed step wrote: its standard error or, if that is empty, its standard output."""
    for source in (step.error.data if step.error else None, step.output):
        if isinstance(source, Mapping):
            for stream in ("stderr", "stdout"):
                text = source.get(stream)
                if isinstance(text, str) and text.strip():
                    return text.rstrip().splitlines()[-LAST_LINES:]
    return []


def _not_run(result: RunState) -> Iterator[str]:
    stopped = {path: step for path, step in result.steps.items() if step.status in _NOT_RUN}
    if stopped:
        yield "not run because of it:" if result.error is not None else "not run:"
    for path, step in list(stopped.items())[:MOST]:
        yield f"  {path} ({step.status}{f': {step.reason}' if step.reason else ''})"
    if len(stopped) > MOST:
        yield f"  and {len(stopped) - MOST} more"
