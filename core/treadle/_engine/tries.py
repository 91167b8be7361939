"""Rounds and attempts of one step: ``repeat`` around ``retry``.

Rule 1: a failed attempt of a block is taken back before the next; if that fails, there is no next.
Rule 2: what a completed round did stands, and is still owed.
Rule 3: a backoff gives delays and nothing else; one that gives what no delay can be is a fault of its plugin.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.once import attempted
from treadle._engine.rollback import take_back
from treadle._engine.scope import Scope, error_names
from treadle._frontier import ABSENT
from treadle.errors import Failure, StepError
from treadle.events import StepStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping

    from treadle._engine.reentry import TakenUp
    from treadle._engine.step import StepRun
    from treadle._expr import Expression
    from treadle._frontier import Outcome
    from treadle._model import Repeat, Retry

UNRETRIED = ("plugin", "rejected", "cancelled")
"""Errors that another attempt cannot mend."""


def tried(step: StepRun) -> Awaitable[Outcome]:
    """The outcome of *step* before its strategy has its say; a layer that is not asked for costs nothing."""
    if step.taken_up is not None and step.taken_up.resting is not None:
        return _rested(step, step.taken_up)
    if step.spec.repeat is not None:
        return _repeated(step, step.spec.repeat)
    return attempted(step) if step.spec.retry is None else _retried(step)


async def _rested(step: StepRun, taken: TakenUp) -> Outcome:
    """Wait for what was left of a delay when the journal ended, then go on."""
    seconds, taken.resting = taken.resting, None
    await trio.sleep(seconds or 0.0)
    return await tried(step)


# --- rounds ---


async def _repeated(step: StepRun, repeat: Repeat) -> Outcome:
    outer, step.round, previous = step.scope, 0, None
    if step.taken_up is not None and (rounds := step.taken_up.rounds) is not None:
        step.round, previous = rounds.round - 1, rounds.previous
    while True:
        step.round += 1
        step.scope = Scope(outer, names={"previous": previous})
        outcome = await _retried(step)
        step.scope = outer
        if outcome.status is not StepStatus.COMPLETED:
            return outcome
        previous = None if outcome.output is ABSENT else outcome.output
        done = _held(step, repeat.until, outcome, previous)
        if done is True:
            return outcome
        if isinstance(done, StepError):
            return step.failure(done.to_failure(), outcome.output)
        if repeat.times is not None and step.round >= repeat.times:
            text = f"{step.path} made {step.round} rounds, and `until` never held: {repeat.until.source}"
            return step.failure(Failure("repeat", text), outcome.output)
        told = {"delay": repeat.every, "round": step.round + 1, "output": previous}
        step.keep_inner()
        await _wait(step, told, repeat.every)


# --- attempts ---


async def _retried(step: StepRun) -> Outcome:
    retry = step.spec.retry
    if retry is None:
        return await attempted(step)
    delays: Iterator[float] | None = None
    began = trio.current_time() - _taken_up(step)
    while True:
        outcome = await attempted(step)
        step.tries += 1
        if outcome.error is None or not _worthwhile(retry, outcome.error, step.tries):
            return outcome
        if outcome.decision is not None or (step.taken_up is not None and step.taken_up.asked is not None):
            return outcome  # what becomes of it is decided
        again = retry.condition is None or _held(step, retry.condition, outcome, None)
        if isinstance(again, StepError):
            return _undecided(step, outcome.error, again, outcome)
        if not again:
            return outcome
        if delays is None:
            delays = _delays(step, retry)
        delay = _next_delay(retry, delays, step.retry_after)
        if isinstance(delay, Failure):
            return step.failure(delay, outcome.output)
        if delay is None or _too_late(retry, trio.current_time() - began + delay):
            return outcome
        if problems := await taken_back(step):
            return _not_taken_back(step, outcome, problems)
        await _wait(step, {"error": outcome.error.to_data(), "delay": delay}, delay)


def _taken_up(step: StepRun) -> float:
    """Go on with the retrying that the journal ended in; seconds since it began, 0 if it begins now."""
    step.tries = 0
    if (taken := step.taken_up) is None:
        return 0.0
    rounds, taken.rounds, taken.drawn = taken.rounds, None, 0
    if rounds is None:
        return 0.0
    step.tries, taken.drawn = rounds.tries, rounds.drawn
    return max(0.0, step.run.surroundings.now() - rounds.round_began)


def _delays(step: StepRun, retry: Retry) -> Iterator[float]:
    """The delays of this round's backoff, after those it had given when the journal ended."""
    delays = retry.backoff.entry.delays(retry.backoff.constant, step.rng())
    drawn = 0 if step.taken_up is None else step.taken_up.drawn
    return itertools.islice(delays, drawn, None) if drawn else delays


def _worthwhile(retry: Retry, error: Failure, count: int) -> bool:
    """Whether an attempt is left, and the error is one that is retried."""
    if count >= retry.attempts or any(map(error.matches, UNRETRIED)):
        return False
    return not retry.on or any(map(error.matches, retry.on))


def would_retry(step: StepRun, error: Failure) -> bool:
    """Whether an attempt that fails by *error* now would not be the last, as far as can be told."""
    return step.spec.retry is not None and _worthwhile(step.spec.retry, error, step.tries + 1)


def _next_delay(retry: Retry, delays: Iterator[float], at_least: float | None) -> float | Failure | None:
    """Seconds until the next attempt; None if the backoff gives no more."""
    name = retry.backoff.entry.name
    try:
        delay = next(delays, None)
    except Exception as raised:
        return Failure("plugin", f"backoff {name!r} raised {type(raised).__name__}: {raised}")
    if delay is None:
        return None
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay < math.inf:
        return Failure("plugin", f"backoff {name!r} gave {delay!r}, which is no number of seconds from 0")
    return delay if at_least is None else max(delay, at_least)


def _too_late(retry: Retry, seconds: float) -> bool:
    return retry.max_time is not None and seconds > retry.max_time


def _undecided(step: StepRun, error: Failure, raised: StepError, outcome: Outcome) -> Outcome:
    """A failure of which ``retry.if`` could not say whether it is worth another attempt."""
    text = f"{raised.message}; it was asked about {error.name}: {error.message}"
    data = {**(raised.data or {}), "error": error.to_data()}
    return step.failure(Failure(raised.name, text, data), outcome.output)


async def _wait(step: StepRun, told: Mapping[str, Any], seconds: float) -> None:
    if step.happened:
        told = {**told, "happened": step.happening()}
    step.run.emit("step.retrying", step.path, step.attempt, told, step.labels)
    step.run.maybe_paused()
    await trio.sleep(seconds)


# --- taking back a failed attempt ---


async def taken_back(step: StepRun) -> list[str]:
    """Undo what the blocks of the latest attempt completed; what could not be undone, as sentences."""
    owed = [entry for block in step.inner for entry in block.undo.take()]
    problems = [problem for block in step.inner for problem in block.undo.problems]
    step.inner = []
    owed.sort(key=lambda entry: entry.seq, reverse=True)
    step.run.in_flight += 1  # lent to the undos
    problems += await take_back(step.run, owed, shielded=True)
    step.run.in_flight -= 1
    step.earlier.problems.extend(problems)
    return problems


def undo_failure(step: StepRun, problems: list[str], error: Failure | None) -> Failure:
    """Why *step* cannot be tried again."""
    text = f"{step.path} cannot be tried again: {'; '.join(problems)}"
    return Failure("undo", text, {"error": None if error is None else error.to_data()})


def _not_taken_back(step: StepRun, outcome: Outcome, problems: list[str]) -> Outcome:
    return step.failure(undo_failure(step, problems, outcome.error), outcome.output)


# --- conditions ---


def _held(step: StepRun, condition: Expression, outcome: Outcome, previous: Any) -> bool | StepError:
    """Whether *condition* holds of an attempt's outcome; the error if it has no value."""
    names: dict[str, Any] = {"attempt": step.attempt, "previous": previous}
    if outcome.output is not ABSENT:
        names["output"] = outcome.output
    names["error"] = None if outcome.error is None else error_names(outcome.error)
    try:
        return step.run.evaluation.condition(condition, Scope(step.scope, names=names))
    except StepError as error:
        return error
