"""Runs that go on: after a crash, a suspension, or in another process.

Rule 1: what a run was is read from its journal alone; nothing of the process before is there any more.
Rule 2: ``workflow.recovered`` is the first event of the new process, and says in which state the run goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._engine.ask import reopen
from treadle._engine.reentry import left_behind
from treadle._engine.report import with_path
from treadle._engine.run import Run
from treadle._engine.stop import before_the_crash, cancelled, rolled_back
from treadle._past import Past
from treadle.errors import Failure, RecordError
from treadle.events import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle._engine.surroundings import Surroundings
    from treadle._workflow import Workflow
    from treadle.events import Event

_GOES_ON_AS = {RunStatus.WAITING: RunStatus.RUNNING}


def recovered(surroundings: Surroundings, workflow: Workflow, events: Sequence[Event]) -> Run:
    """The run that *events*, all there are of it, tell of, as it stood; `live` drives it on.

    It takes commands from now on, also while it still waits for its turn.

    Raises RecordError where *events* do not begin with the acceptance of a run.
    """
    past = Past.fold(events)
    if past.accepted is None:
        raise RecordError("the journal does not begin with the acceptance of a run")
    accepted = past.accepted
    run = Run(
        surroundings,
        workflow.plan,
        accepted.run,
        inputs=accepted.data["inputs"],
        labels=accepted.labels,
        correlation_id=accepted.correlation_id,
        parent=accepted.data.get("parent"),
        source=accepted.data.get("source"),
    )
    run.stored(list(events))
    run.handled.update(past.handled)
    run.signals.extend(past.kept_signals())
    _hold(run, past)
    if past.started is not None:  # else it begins, as if nothing had been
        _stand(run, past, past.started)
    return run


def _hold(run: Run, past: Past) -> None:
    """A pause that was asked for stands."""
    asked = [event.data["command"] for event in past.commands if event.data["command"] in ("pause", "resume")]
    if past.state.status in (RunStatus.PAUSING, RunStatus.PAUSED) or (
        past.started is None and asked and asked[-1] == "pause"
    ):
        run.close_gate()


def _stand(run: Run, past: Past, started: Event) -> None:
    """Stand where the journal ended, and say so."""
    state = past.state
    run.past = past
    run.seed = started.data.get("seed", run.seed)
    run.evaluation.vars.update(started.data.get("vars", {}))
    run.started_at = state.started_at
    run.tolerated = state.tolerated
    run.closing = past.ending is not None
    reopen(run, past)
    _stop_again(run, past)
    status = _GOES_ON_AS.get(state.status, state.status)
    run.become(status, "workflow.recovered", {"status": str(status)})


def _stop_again(run: Run, past: Past) -> None:
    """A cancel, or a rollback, that was decided stands."""
    cancelling, rolling_back = past.cancelling, past.rolling_back
    if cancelling is not None:
        run.cancel_reason = cancelling.data.get("reason")
        run.wants_rollback = any(event.data.get("rollback") for event in past.commands)
        run.stop(cancelled(run.cancel_reason), before_the_crash(cancelling.seq or 0))
    if rolling_back is not None and cancelling is None:
        error = rolling_back.data.get("error")
        path = rolling_back.data.get("step")
        failure = None if error is None else Failure.from_data(error)
        run.rollback_error = failure if failure is None or not path else with_path(failure, path)
        run.stop(rolled_back(path), before_the_crash(rolling_back.seq or 0))


def stand_in(run: Run, past: Past) -> None:
    """The steps as they ended, for what ``finally`` reads of them."""
    if not past.settlings(""):
        return
    from treadle._engine.frame import Frame
    from treadle._engine.replay import replay

    root = run.root = Frame(run, run.plan.blocks[0], outer=run, scope=None)
    replay(root, past)


def suspended(run: Run) -> None:
    """Journal what becomes of attempts that were in flight, now that *run* has been ended from outside."""
    if run.status.ended or run.lost is not None:
        return
    past = Past.fold(run.history)
    for path, step in past.steps.items():
        found = left_behind(run, path, step)
        if found is not None:
            run.emit(found[0], path, step.attempt, found[1])
