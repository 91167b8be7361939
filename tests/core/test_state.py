"""What events make of the status of a run and its steps: the tables that the documentation draws."""

from __future__ import annotations

from typing import Any

import pytest

from treadle import Event, RunState, StepResult
from treadle._state import RUN_TRANSITIONS, STEP_TRANSITIONS
from treadle.events import RunStatus, StepStatus

_DATA = {"status": "running", "items": []}


def event(kind: str) -> Event:
    step = "a" if kind.startswith("step.") else None
    return Event("r", "w", 1, 0.0, kind, step, 1, "r", {}, _DATA)


def rows(table: Any) -> list[Any]:
    return [pytest.param(a, kind, b, id=f"{a}-{kind}") for a, row in table.items() for kind, b in row.items()]


@pytest.mark.parametrize(("before", "kind", "after"), rows(RUN_TRANSITIONS))
def test_a_run_becomes_what_the_table_says(before: RunStatus, kind: str, after: RunStatus) -> None:
    state = RunState(status=before)
    state.apply(event(kind))
    assert state.status is after


@pytest.mark.parametrize(("before", "kind", "after"), rows(STEP_TRANSITIONS))
def test_a_step_becomes_what_the_table_says(before: StepStatus, kind: str, after: StepStatus) -> None:
    state = RunState(steps={"a": StepResult(status=before)})
    state.apply(event(kind))
    assert state.steps["a"].status is after


def test_nothing_follows_an_end() -> None:
    assert not any(status.ended for status in RUN_TRANSITIONS)
    assert not any(status.settled for status in STEP_TRANSITIONS)


@pytest.mark.parametrize(
    ("statuses", "table"), [(RunStatus, RUN_TRANSITIONS), (StepStatus, STEP_TRANSITIONS)], ids=["run", "step"]
)
def test_every_status_can_be_reached_and_every_other_one_left(statuses: Any, table: Any) -> None:
    reached, new = set(), {statuses("pending")}
    while new:
        reached |= new
        new = {after for status in new for after in table.get(status, {}).values()} - reached
    assert reached == set(statuses)
    left = {status for status in statuses if table.get(status)}
    assert left == {status for status in statuses if not _final(status)}


def test_a_run_that_goes_on_although_it_seemed_to_wait_does_not_wait() -> None:
    state = RunState(status=RunStatus.WAITING)
    state.apply(event("step.failed"))
    assert state.status is RunStatus.RUNNING


def _final(status: RunStatus | StepStatus) -> bool:
    return status.ended if isinstance(status, RunStatus) else status.settled
