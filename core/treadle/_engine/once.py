"""One attempt in its place and time: held back by a pause, admitted by a limiter, bounded by a timeout.

Rule 1: nothing is awaited between the last look at the pause and the event that says the attempt started.
Rule 2: work that comes back although it had been told to stop has no outcome of its own: what it returned
        or raised is kept, and the cancelled scope takes it from there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.attempt import work
from treadle._engine.stop import Timer, first_cause
from treadle._frontier import Cause
from treadle._kinds import calls
from treadle._units import format_duration
from treadle.errors import Failure
from treadle.events import StepStatus

if TYPE_CHECKING:
    from treadle._engine.run import Run
    from treadle._engine.step import StepRun
    from treadle._frontier import Outcome


async def attempted(step: StepRun) -> Outcome:
    """The outcome of one attempt."""
    run = step.run
    if _goes_back_in(step):
        return await _begun(step, again=True)
    if step.announced:  # its start is told, so it is in flight, and a pause does not hold it
        await trio.lowlevel.checkpoint()
        return await _begun(step)
    if step.spec.limit is None:
        await admitted(run)
        return await _begun(step)
    limiter = run.surroundings.limiters[step.spec.limit]
    while True:
        await run.gate()
        await limiter.acquire_on_behalf_of(step)
        try:
            await trio.lowlevel.checkpoint()
            if not run.held:  # a run that was paused meanwhile must not keep others waiting
                return await _begun(step)
        finally:
            if step in limiter.statistics().borrowers:  # not given back while it waited for a person
                limiter.release_on_behalf_of(step)


def _goes_back_in(step: StepRun) -> bool:
    """Whether a block, or a wait for a run, is entered again: after a crash, or because it was stopped.

    Nothing may be awaited before: what had begun inside has to settle, also if it is cancelled.
    """
    taken = step.taken_up
    if taken is None or not (step.spec.blocks or _has_called(step)):
        return False
    return step.announced or (taken.told and first_cause(step.stopper) is not None)


def _has_called(step: StepRun) -> bool:
    """Whether the attempt that the journal ended in had started a run."""
    past = step.past
    return past is not None and past.called is not None and past.called.attempt == past.attempt


async def admitted(run: Run) -> None:
    """Wait until something may start; what is started next must be started without awaiting anything."""
    while True:
        await run.gate()
        await trio.lowlevel.checkpoint()  # fair; and a step of a stopped block does not begin
        if not run.held:
            return


async def _begun(step: StepRun, *, again: bool = False) -> Outcome:
    run = step.run
    if not step.announced:
        run.in_flight += 1
    sleeps, works = step.spec.type.waits, False
    run.sleeping += sleeps
    step.start()
    try:
        if not again:
            await run.durable()
        works = not sleeps and not step.spec.blocks
        run.at_work += works
        return await (_worked(step) if step.spec.timeout is None else _timed(step, step.spec.timeout))
    finally:
        run.in_flight -= 1
        run.sleeping -= sleeps
        run.at_work -= works


async def _timed(step: StepRun, seconds: float) -> Outcome:
    outer = step.stopper
    cause = Cause("timeout", f"timed out after {format_duration(seconds)}")
    step.timer = timer = Timer(outer, cause)
    step.stopper = timer
    past, whole = step.past, step.run.past
    passed = None
    if past is not None and whole is not None and past.attempt == step.attempt:
        seconds -= whole.driven - past.started_driven
        passed = step.stopped_before("timeout", timer)
    if step.spec.blocks or calls(step.spec.type.config):  # their time stands still while the run is paused
        tells = passed is None
        timer.emit = partial(step.tell_stopping, cause) if tells else None
        with step.run.clock.limit(timer, seconds, passed=passed):
            return await _worked(step)
    else:
        with trio.CancelScope(deadline=trio.current_time() + seconds) as scope:
            timer.enter(scope)
            return await _worked(step)
    step.stopper = outer
    return _timed_out(step, timer)


def _timed_out(step: StepRun, timer: Timer) -> Outcome:
    step.timed_out = True
    if (first := step.failed_inside()) is not None:
        return step.failure(first)
    data: dict[str, Any] = {"returned": True} if step.came_back else {}
    if step.notes:
        data["notes"], step.notes = step.notes, []
    return step.failure(Failure("timeout", f"{step.path} {timer.cause.text}", data or None))


async def _worked(step: StepRun) -> Outcome:
    """The outcome of the work, unless something ended it."""
    result = await work(step)
    if first_cause(step.stopper) is not None:
        _keep(step, result)
        await trio.lowlevel.checkpoint()
    timer, step.timer = step.timer, None
    if timer is not None:
        step.stopper = timer.outer or step.frame
    return result


def _keep(step: StepRun, result: Outcome) -> None:
    if result.status is StepStatus.COMPLETED:
        step.returned = result.output
        step.came_back = step.happened = True
    elif result.error is not None:
        step.notes.append(f"{result.error.name}: {result.error.message}")
