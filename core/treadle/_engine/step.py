"""One step in a run: everything between its start and its outcome, outermost first.

    deadline ─ foreach ─ per element: strategy ─    repeat ─ retry ─    limit ─ timeout ─ the work
    here ────────────────────────────────────────── tries ───────────── once ──────────── attempt

Rule 1: a failure is a value, an `Outcome`; what leaves here as an exception is a cancellation or a bug.
Rule 2: attempts are numbered on, whatever asks for the next: a retry, a round, or a person.
Rule 3: on the normal way out of a layer, `stopper` is what it was on the way in. On a cancellation it is
        left where it stands, for `interrupted` to see what was going on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.ask import ask
from treadle._engine.decide import answered, decide, failed, settled_by_itself
from treadle._engine.foreach import Elements
from treadle._engine.once import admitted
from treadle._engine.report import report
from treadle._engine.scope import Scope
from treadle._engine.stop import Stopper, Timer, first_cause
from treadle._engine.tries import taken_back, tried, undo_failure, would_retry
from treadle._engine.undo import Owed, UndoLog
from treadle._frontier import ABSENT, Cause, Outcome, Skip
from treadle._kinds import Ask, Decision, Fail, Rollback, StepFailure, Tolerate
from treadle._units import format_duration
from treadle.errors import Failure
from treadle.events import Resolve, StepStatus

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Mapping

    from treadle._engine.frame import Frame


class StepRun:
    """A step, or one element of a foreach, on its way to its outcome.

    Attributes:
      path: with elements and rounds.
      scope: what its expressions see.
      stopper: the innermost thing that can end it now.
      announced: the next attempt's start has been told ahead; unless it is a foreach's, it is in flight.
      attempt: number of the latest attempt; 0 before the first.
      env: the environment of the latest attempt, where the step adds to it.
      inner: the blocks of the latest attempt, for what they owe and why they failed.
      returned: the output of work that came back although it had been told to stop; `ABSENT` if none.
      came_back: whether the latest attempt did.
      happened: whether any attempt did: it owes its undo, whatever the outcome is called.
      notes: exceptions raised by work that was being stopped.
      timer: the timeout of the attempt that is being made.
      tries: how many attempts of this round have ended.
      timed_out: the latest attempt, or the step, ended because its own time was up.
    """

    __slots__ = (
        "_asking",
        "_began",
        "_deadline",
        "_earlier",
        "_items",
        "_question",
        "announced",
        "attempt",
        "came_back",
        "derived",
        "env",
        "frame",
        "happened",
        "index",
        "inner",
        "labels",
        "notes",
        "path",
        "retry_after",
        "returned",
        "round",
        "run",
        "scope",
        "spec",
        "started",
        "stopper",
        "strategy",
        "timed_out",
        "timer",
        "tries",
    )

    def __init__(
        self,
        frame: Frame,
        index: int,
        items: list[Any] | None = None,
        question: tuple[Failure, Ask] | None = None,
    ) -> None:
        self.frame = frame
        self.run = frame.run
        self.index = index
        self.spec = frame.block.steps[index]
        self.strategy = frame.block.strategies[index]
        self.path = frame.path(index)
        self.scope = frame.scope
        self.labels: Mapping[str, str] = (
            {**frame.labels, **self.spec.labels} if frame.labels else self.spec.labels
        )
        self.stopper: Stopper = frame
        self.attempt = 0
        self.round = 1
        self.tries = 0
        self.timed_out = False
        self.started = False
        self.derived = False
        self.env: Mapping[str, str] | None = None
        self.inner: list[Frame | Elements] = []
        self.returned: Any = ABSENT
        self.came_back = False
        self.happened = False
        self.notes: list[str] = []
        self._items = items
        self._question = question
        self.announced = False
        self._asking: Failure | None = None
        self._began: float | None = None
        self._deadline: Timer | None = None
        self.timer: Timer | None = None
        self._earlier = UndoLog()
        self.retry_after: float | None = None

    @classmethod
    def element(cls, whole: StepRun, elements: Stopper, number: int, item: Any) -> StepRun:
        """Element *number* of the foreach step *whole*."""
        self = cls(whole.frame, whole.index)
        self.path = f"{whole.inside}.{number}"
        self.scope = Scope(whole.scope, names={"item": item, "index": number})
        self.labels = whole.labels
        self.stopper = elements
        return self

    @property
    def inside(self) -> str:
        """What the paths of all that is inside the latest attempt begin with."""
        return self.path if self.attempt <= 1 else f"{self.path}#{self.attempt}"

    def announce(self) -> None:
        """Emit the first start together with what allowed it, unless it has something to wait for."""
        if self._question is None and self.spec.limit is None and not self.run.held:
            self.start()
            self.announced = True
            if self._items is None:
                self.run.in_flight += 1

    def start(self) -> None:
        """Begin the next attempt: number it and say so, unless that was done ahead."""
        if self.announced:
            self.announced = False
            return
        if self._began is None:
            self._began = trio.current_time()
        self.attempt += 1
        self.started = True
        self.timed_out = False
        self.run.emit("step.started", self.path, self.attempt, labels=self.labels)

    # --- the layers ---

    async def settle(self) -> Outcome:
        """The step's outcome."""
        while self._question is not None:
            failure, how = self._question
            outcome = await self._asked(failure, ABSENT, how) or self._examined_again()
            if outcome is not None:
                return outcome
        while True:
            if self.spec.deadline is None:
                return await self._elements_or_one()
            outcome = await self._within_deadline(self.spec.deadline)
            if outcome is not None:
                return outcome

    def _examined_again(self) -> Outcome | None:
        """For a step that never began, and that a person wants tried again; None: now it begins."""
        verdict = self.frame.examine(self.index)
        self._items, self._question = self.frame.found(self.index)
        if isinstance(verdict, Skip):
            return Outcome(StepStatus.SKIPPED, reason=verdict.reason)
        return verdict if isinstance(verdict, Outcome) else None

    async def _within_deadline(self, seconds: float) -> Outcome | None:
        text = f"{self.path} was not done within its deadline of {format_duration(seconds)}"
        self._deadline = timer = Timer(self.stopper, Cause("deadline", text))
        self.stopper = timer
        with self.run.clock.limit(timer, seconds):
            outcome = await self._elements_or_one()
            self.stopper = timer.outer or self.frame
            return outcome
        self.stopper = timer.outer or self.frame
        self.timed_out = True
        self._asking = None
        error = self.failed_inside() or Failure("timeout", text)
        return await self._judged(error, self._output_so_far())

    def _elements_or_one(self) -> Awaitable[Outcome]:
        return self.handled() if self._items is None else self._of_elements(self._items)

    async def _of_elements(self, items: list[Any]) -> Outcome:
        while True:
            if not self.announced:
                await admitted(self.run)
            self.start()
            elements = Elements(self, items)
            self.stopper = elements
            outcome = await elements.drive()
            self.stopper = elements.outer or self.frame
            self.derived = True
            if outcome.error is None or outcome.decision is not None:
                return outcome
            judged = await self._judged(outcome.error, outcome.output)
            if judged is not None:
                return judged

    async def handled(self) -> Outcome:
        """The outcome, once strategy and person have had their say."""
        while True:
            outcome = await tried(self)
            if outcome.status is not StepStatus.FAILED or outcome.error is None:
                return outcome
            judged = await self._judged(outcome.error, outcome.output)
            if judged is not None:
                return judged

    def keep_inner(self) -> None:
        """What a completed round did stands: it is still owed when the next one begins."""
        for frame in self.inner:
            self._earlier.add(frame.undo)
        self.inner = []

    # --- strategy and person ---

    async def _judged(self, error: Failure, output: Any) -> Outcome | None:
        """The outcome of a failure; None to try again."""
        decision, error = self._decision(error)
        if isinstance(decision, Ask):
            return await self._asked(error, output, decision)
        return self._failed(error, decision, output)

    def _failed(self, error: Failure, decision: Fail | Tolerate | Rollback, output: Any) -> Outcome:
        outcome = failed(self.frame, error, decision, attempts=self.attempt, output=output)
        if outcome.output is not output:  # given with the decision, not put together from what is inside
            self.derived = False
        return outcome

    def _decision(self, error: Failure) -> tuple[Decision, Failure]:
        elapsed = 0.0 if self._began is None else trio.current_time() - self._began
        return decide(
            self.run, self.strategy, self.scope, StepFailure(self.path, error, self.attempt, elapsed)
        )

    async def _asked(self, error: Failure, output: Any, how: Ask) -> Outcome | None:
        self._question = None
        self._asking = error
        answer, given = await ask(self.run, self.path, self.attempt or None, error, how, labels=self.labels)
        self._asking = None
        if answer is Resolve.RETRY:
            problems = await taken_back(self)
            if not problems:
                return None
            error, answer = undo_failure(self, problems, error), Resolve.FAIL
        if answer is Resolve.COMPLETE:
            self.derived = False
            return Outcome(StepStatus.COMPLETED, given, attempts=self.attempt)
        return self._failed(error, answered(answer, given), output)

    # --- the end ---

    def interrupted(self, overtaking: Cause) -> Outcome:
        """The outcome of a step that a cancellation has ended; *overtaking* is its cause around the step."""
        stopper, cause = first_cause(self.stopper) or (None, overtaking)
        if self.announced and self._items is None:
            self.run.in_flight -= 1
        if self._asking is not None:
            return failed(self.frame, self._asking, Fail(), attempts=self.attempt)
        if (first := self.failed_inside()) is not None:
            return self._failed_meanwhile(first)
        if stopper is self._deadline:
            self.timed_out = True
            return self._failed_meanwhile(Failure("timeout", cause.text))
        if stopper is self.timer:
            error = Failure("timeout", f"{self.path} {cause.text}")
            if not would_retry(self, error):
                self.timed_out = True
                return self._failed_meanwhile(error)
            cause = overtaking  # that attempt was not the last: no strategy is asked
        if not self.started:
            return Outcome(StepStatus.OMITTED, reason=f"stopped: {cause.text}")
        return Outcome(StepStatus.CANCELLED, reason=cause.text, attempts=self.attempt)

    def _failed_meanwhile(self, error: Failure) -> Outcome:
        decision, error = self._decision(error)
        return self._failed(error, settled_by_itself(decision), self._output_so_far())

    def failed_inside(self) -> Failure | None:
        """What a block of the latest attempt failed by before anything ended it: that comes first."""
        failed = (block.failure for block in self.inner if not block.handed_over)
        return next((failure for failure in failed if failure is not None), None)

    def _output_so_far(self) -> Any:
        """A foreach that fails keeps what its elements gave."""
        if self._items is None or not self.inner or not isinstance(self.inner[0], Elements):
            return ABSENT
        self.derived = True
        return self.inner[0].outputs

    def _elements_left(self) -> int:
        """How many elements of a foreach never started; they have no events of their own."""
        return sum(block.left for block in self.inner if isinstance(block, Elements))

    def report(self, outcome: Outcome, undo: UndoLog) -> None:
        """Emit *outcome*, and enter into *undo* what is owed for it."""
        extra: dict[str, Any] = {}
        if self.came_back and outcome.status is not StepStatus.COMPLETED:
            extra["returned"] = True
        if self.notes:
            extra["notes"] = self.notes
        if (left := self._elements_left()) > 0:
            extra["not_started"] = left
        seq = report(self.run, self.path, outcome, self.labels, derived=self.derived, extra=extra)
        completed = outcome.status is StepStatus.COMPLETED
        if self.spec.undo is not None and self._items is None and self._owes(completed):
            undo.add(self._owed(seq, outcome))
            if completed:
                return
        self.keep_inner()
        undo.add(self._earlier)

    def _owes(self, completed: bool) -> bool:
        if completed or self.happened:
            return True
        return self.started and self.spec.undo_after == "attempted"

    def _owed(self, seq: int, outcome: Outcome) -> Owed:
        completed = outcome.status is StepStatus.COMPLETED
        output = self.returned if self.happened and not completed else outcome.output
        scope = self.scope if self.env is None else Scope(self.scope, names={"env": self.env})
        return Owed(seq, self.path, self.spec, self.labels, scope, output, outcome.error, self.attempt)

    # --- for the layers inside ---

    def failure(self, error: Failure, output: Any = ABSENT) -> Outcome:
        """The outcome of a failure about which nothing has been decided yet."""
        return Outcome(StepStatus.FAILED, output, error, None, None, self.attempt)

    def rng(self) -> random.Random:
        """The random source of this round's backoff."""
        return self.run.rng(self.path if self.round == 1 else f"{self.path}#{self.round}")
