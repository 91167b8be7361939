"""A run as its events tell it.

Rule 1: `RunState` is a pure fold of a run's events, in order, and knows nothing else.
Rule 2: an event of a type that is not in `_FOLDS` changes nothing: custom ones, and those of later versions.
Rule 3: outputs of blocks and foreach steps are not in the journal; they are put together from inside.
Rule 4: what may happen in which status is a row of `RUN_TRANSITIONS` or `STEP_TRANSITIONS`. The fold does not
        ask them, for it tells what was; tests hold it, and the engine, to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import attrs

from treadle._paths import inside_of
from treadle._values import Value
from treadle.errors import Failure
from treadle.events import Event, RunStatus, StepStatus, iso_time

CLOCK_STANDS = frozenset({RunStatus.PENDING, RunStatus.PAUSING, RunStatus.PAUSED, RunStatus.WAITING})
"""In which states the time of a run does not count: it is not driven."""

STOPPED = "stopped: "
"""What the reason of a step begins with that its stopped block never started; the cause follows."""


@attrs.define(eq=False, repr=False)
class StepResult(Value):
    """How a step stands, or how it settled.

    Attributes:
      attempts: how many were started.
      run: the id of the run that the latest attempt started, where it called a workflow.
      output: plain data; None where it has none.
      error: why it failed, or its last attempt did.
      reason: why it was skipped, omitted or cancelled.
      tolerated: it failed, and dependants ran all the same.
      started_at, ended_at: seconds since 1970 UTC.
    """

    status: StepStatus = StepStatus.PENDING
    attempts: int = 0
    output: Any = None
    error: Failure | None = None
    reason: str | None = None
    tolerated: bool = False
    started_at: float | None = None
    ended_at: float | None = None
    run: str | None = None

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON; times in ISO 8601."""
        called = {} if self.run is None else {"run": self.run}
        return {
            "status": str(self.status),
            "attempts": self.attempts,
            "output": self.output,
            "error": None if self.error is None else self.error.to_data(),
            "reason": self.reason,
            "started_at": None if self.started_at is None else iso_time(self.started_at),
            "ended_at": None if self.ended_at is None else iso_time(self.ended_at),
            **called,
        }


@attrs.define(eq=False, repr=False)
class RunState(Value):
    """How a run stands, or how it ended.

    Attributes:
      run: its id.
      outputs: of the workflow; empty unless it completed.
      error: why it failed or was rolled back.
      reason: why it was cancelled.
      tolerated: how many failures were.
      parent: where a step of another run started it: ``{run, step, attempt, depth, detached}``.
      rollback: None, or ``{status: complete | incomplete, undone, failed}``.
      steps: by path, in the order in which they first appeared.
      started_at, ended_at: seconds since 1970 UTC.
    """

    run: str = ""
    workflow: str = ""
    status: RunStatus = RunStatus.PENDING
    outputs: dict[str, Any] = attrs.field(factory=dict)
    error: Failure | None = None
    reason: str | None = None
    tolerated: int = 0
    rollback: dict[str, Any] | None = None
    steps: dict[str, StepResult] = attrs.field(factory=dict)
    started_at: float | None = None
    ended_at: float | None = None
    parent: dict[str, Any] | None = None
    _inside: dict[str, list[str]] = attrs.field(factory=dict, repr=False)
    _expanded: dict[str, int] = attrs.field(factory=dict, repr=False)  # of foreach steps, how many elements

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Self:
        """The state after *events*, all of one run, from its first."""
        state = cls()
        for event in events:
            state.apply(event)
        return state

    def apply(self, event: Event) -> None:
        """Take in the next event."""
        change = _FOLDS.get(event.type)
        if change is not None:
            change(self, event)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON, in the shape of ``treadle run --json``."""
        called = {} if self.parent is None else {"parent": self.parent}
        return {
            "run": self.run,
            "workflow": self.workflow,
            "status": str(self.status),
            "outputs": self.outputs,
            "error": None if self.error is None else self.error.to_data(),
            "reason": self.reason,
            "started_at": None if self.started_at is None else iso_time(self.started_at),
            "ended_at": None if self.ended_at is None else iso_time(self.ended_at),
            "tolerated": self.tolerated,
            "rollback": self.rollback,
            **called,
            "steps": {path: step.to_data() for path, step in self.steps.items()},
        }

    # --- steps ---

    def inside(self, prefix: str) -> Sequence[str]:
        """The paths right inside a block or foreach, in the order in which they first appeared."""
        return self._inside.get(prefix, ())

    def _step(self, event: Event) -> StepResult:
        path = event.step or ""
        step = self.steps.get(path)
        if step is None:
            step = self.steps[path] = StepResult()
            self._inside.setdefault(path.rpartition(".")[0], []).append(path)
        return step

    def _derived(self, path: str, attempt: int) -> Any:
        """The output of the block or foreach at *path*, from what is inside it."""
        inside = self.inside(inside_of(path, attempt))
        outputs = {child.rpartition(".")[2]: self.steps[child] for child in inside}
        if isinstance(count := self._expanded.get(path), int):
            return [outputs[str(n)].output if str(n) in outputs else None for n in range(count)]
        return {name: step.output for name, step in outputs.items() if step.output is not None}


Fold = Callable[[RunState, Event], None]


def _accepted(state: RunState, event: Event) -> None:
    state.run, state.workflow = event.run, event.workflow
    parent = event.data.get("parent")
    state.parent = None if parent is None else dict(parent)


def _becomes(status: RunStatus) -> Fold:
    def change(state: RunState, event: Event) -> None:
        state.status = status
        if status is RunStatus.RUNNING and state.started_at is None:
            state.started_at = event.time

    return change


def _ends(status: RunStatus) -> Fold:
    def change(state: RunState, event: Event) -> None:
        state.status, state.ended_at = status, event.time
        state.outputs = dict(event.data.get("outputs", {}))
        state.tolerated = event.data.get("tolerated", 0)
        state.reason = event.data.get("reason")
        state.rollback = event.data.get("rollback")
        state.error = _error(event.data)

    return change


def _error(data: Mapping[str, Any]) -> Failure | None:
    return Failure.from_data(data["error"]) if data.get("error") else None


def _started(state: RunState, event: Event) -> None:
    step = state._step(event)
    step.status = StepStatus.RUNNING
    step.attempts = event.attempt or 0
    if step.started_at is None:
        step.started_at = event.time


def _expanded(state: RunState, event: Event) -> None:
    state._step(event)
    state._expanded[event.step or ""] = len(event.data["items"])


def _called(state: RunState, event: Event) -> None:
    state._step(event).run = event.data["run"]


def _retrying(state: RunState, event: Event) -> None:
    step = state._step(event)
    step.status = StepStatus.PENDING
    step.error = _error(event.data)


def _waiting(state: RunState, event: Event) -> None:
    if not event.step:  # the question is about the run itself
        return
    step = state._step(event)
    step.status = StepStatus.WAITING
    step.error = _error(event.data)


def _unknown(state: RunState, event: Event) -> None:
    step = state._step(event)
    step.status = StepStatus.UNKNOWN
    step.error = _error(event.data)


def _recovered(state: RunState, event: Event) -> None:
    state.status = RunStatus(event.data["status"])


def _resolved(state: RunState, event: Event) -> None:
    if event.step:
        goes_on = event.data.get("decision") == "went_on"  # the run that it called does
        state._step(event).status = StepStatus.RUNNING if goes_on else StepStatus.PENDING
    if state.status is RunStatus.WAITING:
        state.status = RunStatus.RUNNING


def _settles(status: StepStatus) -> Fold:
    def change(state: RunState, event: Event) -> None:
        step = state._step(event)
        step.status, step.ended_at = status, event.time
        if state.status is RunStatus.WAITING:  # it did not wait: something went on in the same instant
            state.status = RunStatus.RUNNING
        step.error, step.reason = _error(event.data), event.data.get("reason")
        if event.data.get("derived"):
            step.output = state._derived(event.step or "", step.attempts)
        else:
            step.output = event.data.get("output")

    return change


def _tolerated(state: RunState, event: Event) -> None:
    state._step(event).tolerated = True
    state.tolerated += 1


_FOLDS: Mapping[str, Fold] = {
    "workflow.accepted": _accepted,
    "workflow.started": _becomes(RunStatus.RUNNING),
    "workflow.pausing": _becomes(RunStatus.PAUSING),
    "workflow.paused": _becomes(RunStatus.PAUSED),
    "workflow.resumed": _becomes(RunStatus.RUNNING),
    "workflow.waiting": _becomes(RunStatus.WAITING),
    "workflow.cancelling": _becomes(RunStatus.CANCELLING),
    "workflow.recovered": _recovered,
    "workflow.rolling_back": _becomes(RunStatus.ROLLING_BACK),
    "workflow.completed": _ends(RunStatus.COMPLETED),
    "workflow.failed": _ends(RunStatus.FAILED),
    "workflow.cancelled": _ends(RunStatus.CANCELLED),
    "workflow.rolled_back": _ends(RunStatus.ROLLED_BACK),
    "step.started": _started,
    "step.expanded": _expanded,
    "step.called": _called,
    "step.retrying": _retrying,
    "step.waiting": _waiting,
    "step.unknown": _unknown,
    "step.resolved": _resolved,
    "step.completed": _settles(StepStatus.COMPLETED),
    "step.failed": _settles(StepStatus.FAILED),
    "step.skipped": _settles(StepStatus.SKIPPED),
    "step.omitted": _settles(StepStatus.OMITTED),
    "step.cancelled": _settles(StepStatus.CANCELLED),
    "step.tolerated": _tolerated,
}

RUN_TRANSITIONS: Mapping[RunStatus, Mapping[str, RunStatus]] = {
    RunStatus.PENDING: {
        "workflow.started": RunStatus.RUNNING,
        "workflow.cancelled": RunStatus.CANCELLED,
    },
    RunStatus.RUNNING: {
        "workflow.pausing": RunStatus.PAUSING,
        "workflow.waiting": RunStatus.WAITING,
        "workflow.cancelling": RunStatus.CANCELLING,
        "workflow.rolling_back": RunStatus.ROLLING_BACK,
        "workflow.completed": RunStatus.COMPLETED,
        "workflow.failed": RunStatus.FAILED,
    },
    RunStatus.PAUSING: {
        "workflow.paused": RunStatus.PAUSED,
        "workflow.resumed": RunStatus.RUNNING,
        "workflow.cancelling": RunStatus.CANCELLING,
        "workflow.rolling_back": RunStatus.ROLLING_BACK,
    },
    RunStatus.PAUSED: {
        "workflow.resumed": RunStatus.RUNNING,
        "workflow.cancelling": RunStatus.CANCELLING,
    },
    RunStatus.WAITING: {
        "step.resolved": RunStatus.RUNNING,
        "workflow.recovered": RunStatus.RUNNING,
        "workflow.pausing": RunStatus.PAUSING,
        "workflow.cancelling": RunStatus.CANCELLING,
    },
    RunStatus.CANCELLING: {
        "workflow.rolling_back": RunStatus.ROLLING_BACK,
        "workflow.cancelled": RunStatus.CANCELLED,
    },
    RunStatus.ROLLING_BACK: {
        "workflow.rolled_back": RunStatus.ROLLED_BACK,
        "workflow.failed": RunStatus.FAILED,
        "workflow.cancelled": RunStatus.CANCELLED,
    },
}
"""What may happen to a run in each status, and which status it has then.

Left out: what changes no status, and a bug of treadle, which ends a run as failed wherever it was.
"""

STEP_TRANSITIONS: Mapping[StepStatus, Mapping[str, StepStatus]] = {
    StepStatus.PENDING: {
        "step.started": StepStatus.RUNNING,
        "step.waiting": StepStatus.WAITING,
        "step.completed": StepStatus.COMPLETED,
        "step.failed": StepStatus.FAILED,
        "step.skipped": StepStatus.SKIPPED,
        "step.omitted": StepStatus.OMITTED,
        "step.cancelled": StepStatus.CANCELLED,
    },
    StepStatus.RUNNING: {
        "step.retrying": StepStatus.PENDING,
        "step.waiting": StepStatus.WAITING,
        "step.unknown": StepStatus.UNKNOWN,
        "step.completed": StepStatus.COMPLETED,
        "step.failed": StepStatus.FAILED,
        "step.cancelled": StepStatus.CANCELLED,
    },
    StepStatus.WAITING: {
        "step.resolved": StepStatus.PENDING,
        "step.failed": StepStatus.FAILED,
        "step.cancelled": StepStatus.CANCELLED,
    },
    StepStatus.UNKNOWN: {
        "step.resolved": StepStatus.PENDING,
    },
}
"""The same for a step. One that was not told of yet is pending."""
