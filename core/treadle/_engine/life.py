"""The life of a run: its steps, the decision how it ends, rollback, ``finally``, the end.

Rule 1: the end is decided once, before rollback and ``finally``, and both see it.
Rule 2: exactly one end is emitted, and nothing after it.
Rule 3: a bug of treadle ends its own run and no other, and is never reported as a step's failure.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import attrs
import trio

from treadle._engine.ask import ask
from treadle._engine.decide import answered, decide
from treadle._engine.foreach import parallelism
from treadle._engine.frame import Frame
from treadle._engine.plain import NotPlain, to_plain
from treadle._engine.rollback import allowance, take_back
from treadle._engine.scope import Scope, error_names
from treadle._engine.stop import Diverged, Stopper, Timer, before_the_crash
from treadle._frontier import Cause, Outcome
from treadle._kinds import Ask, Rollback, StepFailure, Tolerate
from treadle._units import format_duration
from treadle.errors import EngineFault, Failure, RecordError, StepError
from treadle.events import Resolve, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._engine.run import Run
    from treadle._past import Past

_log = logging.getLogger("treadle")


@attrs.define(eq=False, repr=False)
class End:
    """How a run will end, and what is told with it."""

    status: RunStatus
    error: Failure | None = None
    outputs: Mapping[str, Any] = attrs.field(factory=dict)
    reason: str | None = None
    rollback: dict[str, Any] | None = None


async def live(run: Run) -> None:
    """Drive *run* from its start to its end; returns early only with the host's cancellation."""
    try:
        end = await (_ending(run) if run.past is None else _recovered(run, run.past))
    except BaseException as raised:  # noqa: ASYNC103  only a bug of treadle goes no further: it is told
        if not _is_fault(raised):
            raise
        if run.lost is not None:  # what came of that is told by whoever let go of the run
            return  # noqa: ASYNC104  as above
        if isinstance(leaf := _leaf(raised), Diverged):
            run.lose(RecordError(f"run {run.id} cannot go on: {leaf}"))  # its journal is left as it is
            return  # noqa: ASYNC104  as above
        trace = run.masker.text("".join(traceback.format_exception(raised)))
        _log.critical("run %s ended by a bug in treadle; please report it\n%s", run.id, trace)
        leaf = _leaf(raised)
        told = f"a bug in treadle ended the run: {leaf!r}"
        run.fault = leaf if isinstance(leaf, EngineFault) else EngineFault(run.masker.text(told))
        if run.fault is not raised:
            run.fault.__cause__ = raised
        end = End(RunStatus.FAILED, Failure("engine", told))
    _tell(run, end)


async def _ending(run: Run) -> End:
    run.started_at = run.surroundings.now()
    problem = _give_vars(run)
    told: dict[str, Any] = {"seed": run.seed}
    if run.evaluation.vars:
        told["vars"] = run.evaluation.vars
    run.become(RunStatus.RUNNING, "workflow.started", told)
    if run.held:
        run.pause()
    return await _closed(run, await _steps(run) if problem is None else problem)


async def _recovered(run: Run, past: Past) -> End:
    """As `_ending`, for a run that goes on. Only such a run has steps that may be sheltered."""
    from treadle._engine.recovery import stand_in

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_unshelter_at_last, run)
        if past.ending is not None:
            stand_in(run, past)
            end = _decided_before(past.ending.data)
            await _finally(run, end)
        else:
            problem = None if run.evaluation.vars else _give_vars(run)
            end = await _closed(run, await _steps(run) if problem is None else problem)
        nursery.cancel_scope.cancel()
    return end


async def _unshelter_at_last(run: Run) -> None:
    try:
        await trio.sleep_forever()
    finally:
        run.unshelter()


async def _closed(run: Run, end: End) -> End:
    """What comes after the steps."""
    run.closing = True
    run.clock.go()
    if run.wants_rollback or end.status is RunStatus.ROLLED_BACK:
        await _roll_back(run, end)
    if end.status is RunStatus.COMPLETED:
        _give_outputs(run, end)
    await _finally(run, end)
    return end


def _give_vars(run: Run) -> End | None:
    """Evaluate ``vars``; how the run ends if that fails."""
    try:
        for name, value in run.plan.spec.vars.items():
            given = run.evaluation.filled(value, Scope(None))
            run.evaluation.vars[name] = to_plain(given, run.surroundings.limits.output)
    except StepError as error:
        return End(RunStatus.FAILED, error.to_failure())
    except NotPlain as error:
        return End(RunStatus.FAILED, Failure("expression", f"vars.{name}: {error}"))
    return None


# --- steps ---


async def _steps(run: Run) -> End:
    spec = run.plan.spec
    try:
        at_once = parallelism(run, spec.blocks[0].max_parallel, Scope(None), None)
    except StepError as error:
        return End(RunStatus.FAILED, error.to_failure())
    timer, left, passed = None, spec.timeout or 0.0, None
    if spec.timeout is not None:
        cause = Cause("timeout", f"the run was not done after {format_duration(spec.timeout)}")
        told = {"kind": cause.kind, "cause": cause.text}
        timer = Timer(run, cause, lambda: run.emit("workflow.stopping", data=told))
        if run.past is not None:
            left -= run.past.driven
            if run.past.stopping is not None:
                passed, timer.emit = before_the_crash(run.past.stopping.seq or 0), None
    root = run.root = Frame(run, run.plan.blocks[0], outer=timer or run, scope=None, max_parallel=at_once)
    with trio.CancelScope() as scope:
        run.enter(scope)
        with nullcontext() if timer is None else run.clock.limit(timer, left, passed=passed):
            with _at_work(run):
                await root.drive()
            await run.gate()  # a paused run ends when it goes on
    return await _decided(run, root, timer)


@contextmanager
def _at_work(run: Run) -> Iterator[None]:
    """What is lent to a block of the run itself: while that is at work, so is the run."""
    run.in_flight = 1
    try:
        yield
    finally:
        run.in_flight = 0


async def _decided(run: Run, root: Frame, timer: Timer | None) -> End:
    if (stopped := run.fired()) is not None:
        if stopped[1].kind == "rollback":
            return End(RunStatus.ROLLED_BACK, run.rollback_error)
        return End(RunStatus.CANCELLED, reason=run.cancel_reason)
    if root.failure is not None:
        return End(RunStatus.FAILED, root.failure)
    if timer is not None and timer.fired() is not None and root.halted:
        return await _timed_out(run, root, Failure("timeout", timer.cause.text))
    return End(RunStatus.COMPLETED)


async def _timed_out(run: Run, root: Frame, error: Failure) -> End:
    """The workflow's strategy decides about the expiry of its timeout."""
    root.outer.tell()  # type: ignore[union-attr]
    elapsed = run.surroundings.now() - (run.started_at or 0.0)
    strategy = run.plan.strategy
    decision, error = decide(run, strategy, root.scope, StepFailure("", error, 1, elapsed))
    if isinstance(decision, Ask):
        run.clock.go()
        choices = (Resolve.CONTINUE, Resolve.FAIL, Resolve.ROLLBACK)
        answer = Resolve.FAIL
        with trio.CancelScope() as scope:
            run.enter(scope)  # a cancel of the run ends the question too
            past = None if run.past is None else run.past.step("")
            answer, _ = await ask(run, "", None, error, decision, labels={}, decisions=choices, past=past)
        if run.fired() is not None:
            return End(RunStatus.CANCELLED, reason=run.cancel_reason)
        decision = answered(answer, None)
    if isinstance(decision, Rollback) and decision.scope == "block":
        root.stop(Cause("timeout", error.message))  # the run is failing already: it takes no cancel
        root.failure = error
        with _at_work(run):
            await root.take_back()
        return End(RunStatus.FAILED, root.failure)
    if isinstance(decision, Rollback):
        run.roll_back("", error)
        return End(RunStatus.ROLLED_BACK, error)
    if isinstance(decision, Tolerate):
        run.tolerated += 1
        return End(RunStatus.COMPLETED)
    return End(RunStatus.FAILED, error)


# --- after the steps ---


async def _roll_back(run: Run, end: End) -> None:
    if run.status is not RunStatus.ROLLING_BACK:
        run.become(RunStatus.ROLLING_BACK, "workflow.rolling_back", {"reason": end.reason})
    owed = run.root.undo.take() if run.root is not None else []
    with _at_work(run):
        failed = await take_back(run, owed, shielded=False)
    # what a rollback of a block could not undo before, this one does not undo either
    problems = [*(run.root.undo.problems if run.root is not None else ()), *failed]
    end.rollback = {"status": "incomplete" if problems else "complete", "undone": len(owed) - len(failed)}
    if problems:
        end.rollback["failed"] = problems
        end.status = RunStatus.FAILED
        if end.error is None:  # it was cancelled, and the rollback asked for with that
            end.error = Failure("undo", f"the rollback is incomplete: {'; '.join(problems)}")


def _give_outputs(run: Run, end: End) -> None:
    assert run.root is not None
    outputs = {}
    for name, value in run.plan.spec.outputs.items():
        try:
            given = run.evaluation.filled(value, run.root.scope)
            outputs[name] = to_plain(given, run.surroundings.limits.output)
        except (StepError, NotPlain) as error:
            message = error.message if isinstance(error, StepError) else str(error)
            end.status = RunStatus.FAILED
            end.error = Failure("expression", f"outputs.{name}: {message}")
            return
    end.outputs = run.masker.data(outputs)


async def _finally(run: Run, end: End) -> None:
    block = run.plan.spec.finally_
    error = None if end.error is None else run.masker.data(error_names(end.error))
    run.evaluation.ending = {"status": str(end.status), "error": error}
    if block is None:
        return
    if run.past is None or run.past.ending is None:
        run.emit("workflow.ending", data={"status": str(end.status), **_told(run, end)})
    plan = run.plan.blocks[block.index]
    outer = run.root.scope if run.root is not None else _empty_scope(run)
    timer = Timer(Stopper(None), Cause("timeout", f"`finally` was not done after {allowance(plan):g} s"))
    frame = Frame(run, plan, outer=timer, scope=outer, prefix="finally")
    with trio.CancelScope(deadline=trio.current_time() + allowance(plan)) as scope, _at_work(run):
        timer.enter(scope)
        await frame.drive()
    failures = list(frame.failures())
    if scope.cancelled_caught:
        failures.append(Failure("timeout", timer.cause.text, path="finally"))
    for failure in failures:
        end.error = _with_finally(end.error, failure)
    if failures and end.status is RunStatus.COMPLETED:
        end.status = RunStatus.FAILED
        end.outputs = {}


def _empty_scope(run: Run) -> Scope:
    """The names of a run that failed before its first step."""
    block = run.plan.blocks[0]
    nothing: list[Outcome | None] = [None] * len(block.steps)
    return Scope(None, block=block, outcomes=nothing)


def _with_finally(error: Failure | None, failure: Failure) -> Failure:
    if error is None:
        return failure
    message = f"{error.message}; and {failure.path} failed: {failure.message}"
    return attrs.evolve(error, message=message)


# --- the end ---


def _decided_before(data: Mapping[str, Any]) -> End:
    """The end that a ``workflow.ending`` told of."""
    return End(
        RunStatus(data["status"]),
        Failure.from_data(data["error"]) if "error" in data else None,
        data.get("outputs", {}),
        data.get("reason"),
        data.get("rollback"),
    )


def _tell(run: Run, end: End) -> None:
    run.finish(end.status, _told(run, end))


def _told(run: Run, end: End) -> dict[str, Any]:
    """The data of the run's end, and of what comes before ``finally``."""
    data: dict[str, Any] = {"tolerated": run.tolerated}
    if end.status is RunStatus.COMPLETED:
        data["outputs"] = end.outputs
    if end.error is not None:
        data["error"] = end.error.to_data()
    if end.reason is not None:
        data["reason"] = end.reason
    if end.rollback is not None:
        data["rollback"] = end.rollback
    return data


def _is_fault(raised: BaseException) -> bool:
    """Whether *raised* is a bug of treadle, rather than the host's wish to stop."""
    if isinstance(raised, BaseExceptionGroup):
        return any(map(_is_fault, raised.exceptions))
    return isinstance(raised, Exception | EngineFault)


def _leaf(raised: BaseException) -> BaseException:
    while isinstance(raised, BaseExceptionGroup):
        raised = next(filter(_is_fault, raised.exceptions))
    return raised
