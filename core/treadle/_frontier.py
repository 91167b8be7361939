"""What may start next in a block, given what has settled so far.

Rule 1: nothing here waits, reads a clock, draws a random number or asks a strategy; an outcome comes
        with its decision.
Rule 2: the same outcomes in the same order give the same moves; recovery relies on it.
Rule 3: once the block is stopped nothing starts; what has not started is omitted at once.
Rule 4: every step settles exactly once, and the last one brings the end, so nothing can hang.
Rule 5: no recursion, and work is linear in steps and needs over the life of the block.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Literal

import attrs

from treadle._plan.blocks import (
    CANCELLED,
    COMPLETED,
    FAILED,
    OMITTED,
    RESULTS,
    SKIPPED,
    TOLERATED,
    USUAL,
    AtLeastPlan,
    BlockPlan,
    NeedPlan,
)
from treadle._state import STOPPED
from treadle._values import Value
from treadle.errors import EngineFault, Failure
from treadle.events import StepStatus


class Absent(enum.Enum):
    """The type of `ABSENT`, which is not null: a step without an output has none to read."""

    ABSENT = enum.auto()

    def __repr__(self) -> str:
        return self.name


ABSENT = Absent.ABSENT

StopKind = Literal["failure", "rollback", "cancel", "timeout", "deadline", "shutdown"]


@attrs.frozen(eq=False, repr=False)
class Ready:
    """`examine` says: the step runs."""


@attrs.frozen(eq=False, repr=False)
class Skip:
    """`examine` says: the step's ``when`` was false."""

    reason: str


@attrs.frozen(eq=False, repr=False)
class Outcome(Value):
    """How a step settled.

    Attributes:
      output: plain data, or `ABSENT`.
      error: why it failed; None unless it did.
      decision: what its strategy made of the failure: ``stop`` the block at once, ``drain`` what does
        not depend on it, ``tolerate`` it, or ``rollback``. A failure without one fails its block
        and lets independent steps finish.
      reason: for people: why it was skipped, omitted or cancelled.
      attempts: how many were made.
      takes_back: its strategy asked for a rollback of the block.
    """

    status: StepStatus
    output: Any = ABSENT
    error: Failure | None = None
    decision: Literal["stop", "drain", "tolerate", "rollback"] | None = None
    reason: str | None = None
    attempts: int = 0
    takes_back: bool = False

    @property
    def tolerated(self) -> bool:
        """Whether it failed and dependants may run all the same."""
        return self.decision == "tolerate" and self.status is StepStatus.FAILED


@attrs.frozen(eq=False, repr=False)
class Cause(Value):
    """Why a block stopped.

    Attributes:
      text: for people, as ``build failed``.
      step: index of the step whose failure it was; None where the cause is outside the block.
    """

    kind: StopKind
    text: str
    step: int | None = None


@attrs.frozen(eq=False, repr=False)
class BlockEnd(Value):
    """How a block ended.

    Attributes:
      first_fatal: index of the first step that failed untolerated; its error is the block's.
      stopped: why nothing started any more; None where everything that could run did.
      tolerated: how many failures were.
      cancelled: how many steps were.
    """

    first_fatal: int | None
    stopped: Cause | None
    tolerated: int
    cancelled: int

    @property
    def failed(self) -> bool:
        """Whether a step failed untolerated."""
        return self.first_fatal is not None


@attrs.define(eq=False, repr=False)
class Moves(Value):
    """What follows from a call.

    Attributes:
      start: steps to start now, in order.
      settled: outcomes derived by the call, in order; the one handed in is not among them.
      stop: set when the block stops: cancel what runs, and settle it later. Set once more where a
        rollback outranks the first cause.
      end: set once, when everything has settled.
    """

    start: list[int] = attrs.field(factory=list)
    settled: list[tuple[int, Outcome]] = attrs.field(factory=list)
    stop: Cause | None = None
    end: BlockEnd | None = None


Examine = Callable[[int], Ready | Skip | Outcome]
"""Asked once about each step whose needs are satisfied. An `Outcome` settles the step without a start."""

_SAID = {
    COMPLETED: "completed",
    SKIPPED: "was skipped",
    TOLERATED: "failed",
    FAILED: "failed",
    OMITTED: "was omitted",
    CANCELLED: "was cancelled",
}

# Besides the results of settled steps, the mark of one that has not settled:
_PENDING, _RUNNING, _QUEUED = 0, 64, 128


class Frontier:
    """The state of one block in flight.

    Args:
      examine: asked when a step's needs are satisfied, before it waits for a slot.
      max_parallel: at most so many run at once, first ready first; None is no bound.

    The driver calls `open` once and `settle` for every step it was told to start, in the order in
    which they settled. Recovery makes the same calls from the journal.
    """

    __slots__ = (
        "_block",
        "_cancelled",
        "_examine",
        "_first_fatal",
        "_free",
        "_head",
        "_lacking",
        "_marks",
        "_queue",
        "_stopped",
        "_tolerated",
        "_uncounted",
        "_unsettled",
        "_waits",
        "outcomes",
    )

    def __init__(self, block: BlockPlan, examine: Examine, max_parallel: int | None = None) -> None:
        size = len(block.need_counts)
        self._block = block
        self._examine = examine
        self.outcomes: list[Outcome | None] = [None] * size
        self._free = size if max_parallel is None else max_parallel
        self._marks = bytearray(size)
        self._waits = list(block.need_counts)
        self._queue: list[int] = []  # ready, in order; what stands before `_head` has started
        self._head = 0
        self._unsettled = size
        self._first_fatal: int | None = None
        self._stopped: Cause | None = None
        self._tolerated = 0
        self._cancelled = 0
        # Per step with an at_least: how many must still complete, and how many still may.
        groups = [(i, group) for i, group in enumerate(block.at_least) if group] if block.watchers else []
        self._lacking = {i: group.count for i, group in groups}
        self._uncounted = {i: len(group.steps) for i, group in groups}

    def open(self) -> Moves:
        """The first moves."""
        moves = Moves()
        work: list[int] = []
        for step, count in enumerate(self._waits):
            if not count and self._stopped is None and not self._marks[step]:
                self._decide(step, work, moves)
        return self._advance(work, moves)

    def settle(self, step: int, outcome: Outcome) -> Moves:
        """What follows from the outcome of *step*, which was running."""
        if self._marks[step] != _RUNNING:
            raise EngineFault(f"step {self._block.steps[step].path!r} settled without running")
        moves = Moves()
        self._free += 1
        self._record(step, outcome, moves)
        return self._advance([step], moves)

    def stop(self, cause: Cause) -> Moves:
        """Stop the block for a reason from outside. The first cause stands, unless a rollback follows it."""
        moves = Moves()
        if self._unsettled:
            self._halt(cause, moves)
            self._advance([], moves)
        return moves

    def _advance(self, work: list[int], moves: Moves) -> Moves:
        """Tell what depends on the steps of *work* that they settled, then fill the free slots."""
        if self._stopped is None:
            self._spread(work, moves)
        if moves.stop is not None:
            self._omit_the_rest(moves.stop, moves)
        elif self._queue:
            self._fill(moves)
        if not self._unsettled:
            moves.end = BlockEnd(self._first_fatal, self._stopped, self._tolerated, self._cancelled)
        return moves

    def _spread(self, work: list[int], moves: Moves) -> None:
        waits, dependents, watchers = self._waits, self._block.dependents, self._block.watchers
        for step in work:  # grows while it is walked: derived outcomes join at its end
            for after in dependents[step]:
                left = waits[after] - 1
                waits[after] = left
                if not left and not self._marks[after]:
                    self._decide(after, work, moves)
            for after in watchers[step] if watchers else ():
                self._count(after, step, work, moves)
            if self._stopped is not None:
                return

    def _count(self, step: int, settled: int, work: list[int], moves: Moves) -> None:
        """One of those that the `at_least` of *step* counts has settled."""
        self._uncounted[step] -= 1
        if self._marks[settled] == COMPLETED:
            self._lacking[step] -= 1
        if self._marks[step] != _PENDING or self._stopped is not None:
            return
        if self._lacking[step] > self._uncounted[step]:
            self._derive(step, _omitted(self._too_few(step)), work, moves)
        elif self._lacking[step] <= 0 and not self._waits[step]:
            self._decide(step, work, moves)

    def _decide(self, step: int, work: list[int], moves: Moves) -> None:
        """All plain needs of *step* have settled: run, skip or omit it, or wait for its `at_least`."""
        if self._stopped is not None:
            return
        marks = self._marks
        for need in self._block.needs[step]:
            if not marks[need.step] & need.accepts:
                self._derive(step, _omitted(self._unmet(step)), work, moves)
                return
        if self._lacking and self._lacking.get(step, 0) > 0:
            return
        verdict = self._examine(step)
        if isinstance(verdict, Ready):
            marks[step] = _QUEUED
            self._queue.append(step)
        elif isinstance(verdict, Skip):
            self._derive(step, Outcome(StepStatus.SKIPPED, reason=verdict.reason), work, moves)
        else:
            self._derive(step, verdict, work, moves)

    def _derive(self, step: int, outcome: Outcome, work: list[int], moves: Moves) -> None:
        moves.settled.append((step, outcome))
        self._record(step, outcome, moves)
        work.append(step)

    def _record(self, step: int, outcome: Outcome, moves: Moves) -> None:
        result = RESULTS[outcome.status]
        self.outcomes[step] = outcome
        self._unsettled -= 1
        if result == FAILED:
            result = self._failed(step, outcome, moves)
        elif result == CANCELLED:
            self._cancelled += 1
        self._marks[step] = result

    def _failed(self, step: int, outcome: Outcome, moves: Moves) -> int:
        if outcome.tolerated:
            self._tolerated += 1
            return TOLERATED
        if self._first_fatal is None:
            self._first_fatal = step
        if outcome.decision == "stop":
            self._halt(Cause("failure", f"{self._block.steps[step].id} failed", step), moves)
        elif outcome.decision == "rollback":
            text = f"{self._block.steps[step].id} failed, which asks for a rollback"
            self._halt(Cause("rollback", text, step), moves)
        return FAILED

    def _halt(self, cause: Cause, moves: Moves) -> None:
        outranks = cause.kind == "rollback" and self._stopped is not None and self._stopped.kind == "failure"
        if self._stopped is None or outranks:
            self._stopped = moves.stop = cause

    def _omit_the_rest(self, cause: Cause, moves: Moves) -> None:
        self._queue.clear()
        self._head = 0
        outcome = _omitted(STOPPED + cause.text)
        for step, mark in enumerate(self._marks):
            if mark in (_PENDING, _QUEUED):
                moves.settled.append((step, outcome))
                self._marks[step] = OMITTED
                self.outcomes[step] = outcome
                self._unsettled -= 1

    def _fill(self, moves: Moves) -> None:
        queue, marks = self._queue, self._marks
        while self._head < len(queue) and self._free > 0:
            step = queue[self._head]
            self._head += 1
            marks[step] = _RUNNING
            self._free -= 1
            moves.start.append(step)
        if self._head == len(queue):
            queue.clear()
            self._head = 0

    def _unmet(self, step: int) -> str:
        needs = [need for need in self._block.needs[step] if not self._marks[need.step] & need.accepts]
        return "needs " + "; ".join(_said(need, self._marks[need.step]) for need in needs)

    def _too_few(self, step: int) -> str:
        group = self._block.at_least[step]
        assert isinstance(group, AtLeastPlan)
        ids = ", ".join(self._block.steps[index].id for index in group.steps)
        completed = group.count - self._lacking[step]
        still = f", {self._uncounted[step]} still may" if self._uncounted[step] else ""
        return f"needs at least {group.count} of {ids}; {completed} completed{still}"


def _omitted(reason: str) -> Outcome:
    return Outcome(StepStatus.OMITTED, reason=reason)


def _said(need: NeedPlan, mark: int) -> str:
    link = "which" if need.accepts == USUAL else "but it"
    return f"{need.label}, {link} {_SAID[mark]}"
