"""What happened in a run: numbered, ordered, plain data.

    workflow.  accepted ─ started ─┬─ pausing ─ paused ─ resumed      command (who, what, answer)
               (queued)            ├─ waiting                         for a person
                                   ├─ recovered                       by another process, or after a crash
                                   ├─ stopping                        its time is up
                                   ├─ cancelling · rolling_back
                                   ├─ ending                          how is decided; `finally` follows
                                   └─ completed · failed · cancelled · rolled_back     the one end
    step.      decided · expanded · called
               started ─ retrying ─ started …  ─ waiting · unknown ─ resolved
               stopping                                                a block's time is up
               completed · failed (· tolerated) · skipped · omitted · cancelled        the one settling
               undoing ─ undone · undo_failed
               output · heartbeat · log                               live only: no seq, not journaled
    NAME       what a step emits

Rule 1: `seq` counts from 1 without a gap within a run. Live events have none.
Rule 2: `data` is plain data, already masked: an event can be shown to anyone who may see the run.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from treadle._values import Value

__all__ = ["ENDS", "LIVE", "SCHEMA", "SETTLINGS", "Event", "Resolve", "RunStatus", "StepStatus", "iso_time"]

SCHEMA = 1
"""Version of the envelope and of the data of every event type."""

ENDS = frozenset({"workflow.completed", "workflow.failed", "workflow.cancelled", "workflow.rolled_back"})
SETTLINGS = frozenset({"step.completed", "step.failed", "step.skipped", "step.omitted", "step.cancelled"})
LIVE = frozenset({"step.output", "step.heartbeat", "step.log"})


class RunStatus(enum.StrEnum):
    """Where a run stands; the last four are ends."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    WAITING = "waiting"
    CANCELLING = "cancelling"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in _RUN_ENDS


_RUN_ENDS = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.ROLLED_BACK, RunStatus.CANCELLED})


class StepStatus(enum.StrEnum):
    """Where a step stands; the first five are settled."""

    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    OMITTED = "omitted"
    CANCELLED = "cancelled"
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    UNKNOWN = "unknown"

    @property
    def settled(self) -> bool:
        """Whether the step has its outcome."""
        return self in _STEP_SETTLED


_STEP_SETTLED = frozenset(
    {StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.OMITTED, StepStatus.CANCELLED}
)


class Resolve(enum.StrEnum):
    """What a person may decide about a step that waits."""

    RETRY = "retry"
    COMPLETE = "complete"
    CONTINUE = "continue"
    FAIL = "fail"
    ROLLBACK = "rollback"


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@attrs.frozen(eq=False, repr=False)
class Event(Value):
    """One thing that happened.

    Attributes:
      run: the run's id.
      workflow: its workflow's name.
      seq: number within the run, from 1; None for live events.
      time: wall clock, seconds since 1970 UTC.
      type: one of the types in this module's drawing, or what a step emitted.
      step: path of the step; None for the run's own events.
      attempt: from 1; None where no attempt is meant.
      correlation_id: what the caller of the run handed in, or the run's id.
      labels: those of the workflow, the run and the step.
      data: by type; see ``docs/reference/events.md``.
    """

    run: str
    workflow: str
    seq: int | None
    time: float
    type: str
    step: str | None
    attempt: int | None
    correlation_id: str
    labels: Mapping[str, str]
    data: Mapping[str, Any]

    def to_data(self) -> dict[str, Any]:
        """The envelope as plain data for JSON: ``time`` in ISO 8601 and ``schema`` added."""
        return {
            "schema": SCHEMA,
            "run": self.run,
            "workflow": self.workflow,
            "seq": self.seq,
            "time": iso_time(self.time),
            "type": self.type,
            "step": self.step,
            "attempt": self.attempt,
            "correlation_id": self.correlation_id,
            "labels": dict(self.labels),
            "data": dict(self.data),
        }

    def to_cloudevent(self) -> dict[str, Any]:
        """The same as a CloudEvents 1.0 event in JSON format; what has no place there is in its ``data``."""
        return {
            "specversion": "1.0",
            "id": f"{self.run}/{self.seq}" if self.seq is not None else f"{self.run}/{self.time:f}",
            "source": f"/treadle/{self.workflow}",
            "type": self.type,
            "time": iso_time(self.time),
            "subject": self.step or self.run,
            "datacontenttype": "application/json",
            "data": self.to_data(),
        }
