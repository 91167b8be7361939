"""One step in a run: everything between its start and its outcome, outermost first.

deadline ─ foreach ─ per element: strategy ─ repeat ─ retry ─ limit ─ timeout ─ the work

Rule 1: a failure is a value, an `Outcome`; what leaves here as an exception is a cancellation or a bug.
Rule 2: attempts are numbered on, whatever asks for the next: a retry, a round, or a person.
Rule 3: on the normal way out of a layer, `stopper` is what it was on the way in. On a cancellation it is
        left where it stands, for `interrupted` to see what was going on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.ask import ask
from treadle._engine.attempt import work
from treadle._engine.decide import answered, decide, failed, settled_by_itself
from treadle._engine.foreach import Elements
from treadle._engine.report import report
from treadle._engine.rollback import take_back
from treadle._engine.scope import Scope, error_names
from treadle._engine.stop import Stopper, Timer, first_cause
from treadle._engine.undo import Owed, UndoLog
from treadle._frontier import ABSENT, Cause, Outcome, Skip
from treadle._kinds import Ask, Decision, Fail, Rollback, StepFailure, Tolerate
from treadle._units import format_duration
from treadle.errors import Failure, StepError
from treadle.events import Resolve, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._engine.frame import Frame

_UNRETRIED = ("plugin", "rejected", "cancelled")


class StepRun:
    """A step, or one element of a foreach, on its way to its outcome.

    Attributes:
      path: with elements and rounds.
      scope: what its expressions see.
      stopper: the innermost thing that can end it now.
      attempt: number of the latest attempt; 0 before the first.
      env: the environment of the latest attempt, where the step adds to it.
      inner: the blocks of the latest attempt, for what they owe and why they failed.
      returned: the output of work that came back although it had been told to stop; its effect
        may have happened, so it owes its undo whatever the outcome is called.
      came_back: whether the latest attempt did.
      notes: exceptions raised by work that was being stopped.
    """

    __slots__ = (
        "_announced",
        "_asking",
        "_began",
        "_deadline",
        "_earlier",
        "_items",
        "_question",
        "_timer",
        "_undo_problems",
        "attempt",
        "came_back",
        "derived",
        "env",
        "frame",
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
        self.started = False
        self.derived = False
        self.env: Mapping[str, str] | None = None
        self.inner: list[Frame | Elements] = []
        self.returned: Any = ABSENT
        self.came_back = False
        self.notes: list[str] = []
        self._items = items
        self._question = question
        self._announced = False
        self._asking: Failure | None = None
        self._began: float | None = None
        self._deadline: Timer | None = None
        self._timer: Timer | None = None
        self._earlier = UndoLog()
        self._undo_problems: list[str] = []
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
            self._start()
            self._announced = True

    def _start(self) -> None:
        self.attempt += 1
        self.started = True
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
        self._asking = None
        error = self._failed_inside() or Failure("timeout", text)
        return await self._judged(error, self._output_so_far())

    async def _elements_or_one(self) -> Outcome:
        if self._items is None:
            return await self.handled()
        while True:
            if not self._announced:
                await self.run.gate()
                self._start()
            self._announced = False
            elements = Elements(self, self._items)
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
            outcome = await (self._retried() if self.spec.repeat is None else self._repeated())
            if outcome.status is not StepStatus.FAILED or outcome.error is None:
                return outcome
            judged = await self._judged(outcome.error, outcome.output)
            if judged is not None:
                return judged

    async def _repeated(self) -> Outcome:
        repeat = self.spec.repeat
        assert repeat is not None
        outer, self.round, previous = self.scope, 0, None
        while True:
            self.round += 1
            self.scope = Scope(outer, names={"previous": previous})
            outcome = await self._retried()
            self.scope = outer
            if outcome.status is not StepStatus.COMPLETED:
                return outcome
            previous = None if outcome.output is ABSENT else outcome.output
            done = self._held(repeat.until, Scope(outer, names=self._own_names(outcome, previous)))
            if done is True:
                return outcome
            if isinstance(done, StepError):
                return self._failure(Failure(done.name, done.message, done.data), outcome.output)
            if repeat.times is not None and self.round >= repeat.times:
                text = f"{self.path} made {self.round} rounds, and `until` never held: {repeat.until.source}"
                return self._failure(Failure("repeat", text), outcome.output)
            self._keep_inner()
            told = {"delay": repeat.every, "round": self.round + 1}
            await self._pause_between(told, repeat.every)

    async def _retried(self) -> Outcome:
        delays: Iterator[float] | None = None
        tried = 0
        began = trio.current_time()
        while True:
            outcome = await self._attempted()
            tried += 1
            if outcome.status is not StepStatus.FAILED:
                return outcome
            again = self._may_retry(outcome, tried)
            if isinstance(again, StepError):
                return self._undecided(outcome, again)
            if not again:
                return outcome
            delays = self._delays() if delays is None else delays
            delay = self._delay(delays, outcome, began)
            if delay is None:
                return outcome
            if not await self._round_taken_back():
                return self._undo_failed(outcome)
            assert outcome.error is not None
            told = {"error": outcome.error.to_data(), "delay": delay}
            await self._pause_between(told, delay)

    async def _attempted(self) -> Outcome:
        while True:
            await self.run.gate()
            if self.spec.limit is None:
                await trio.lowlevel.checkpoint()  # fair; and a step of a stopped block does not begin
                if not self.run.held:
                    return await self._begun()
            else:
                async with self.run.surroundings.limiters[self.spec.limit]:
                    await trio.lowlevel.checkpoint()
                    if not self.run.held:  # a run that was paused meanwhile must not keep others waiting
                        return await self._begun()

    async def _begun(self) -> Outcome:
        if self._announced:
            self._announced = False
        else:
            self._start()
        if self._began is None:
            self._began = trio.current_time()
        await self.run.durable()
        self.run.in_flight += 1
        try:
            return await self._timed()
        finally:
            self.run.in_flight -= 1

    async def _timed(self) -> Outcome:
        seconds = self.spec.timeout
        if seconds is None:
            return await self._worked()
        self._timer = timer = Timer(
            self.stopper, Cause("timeout", f"timed out after {format_duration(seconds)}")
        )
        self.stopper = timer
        if self.spec.blocks:
            with self.run.clock.limit(timer, seconds):
                return await self._worked()
        else:
            with trio.CancelScope(deadline=trio.current_time() + seconds) as scope:
                timer.enter(scope)
                return await self._worked()
        return self._timed_out(timer)

    def _timed_out(self, timer: Timer) -> Outcome:
        self.stopper = timer.outer or self.frame
        if (first := self._failed_inside()) is not None:
            return self._failure(first)
        data: dict[str, Any] = {"returned": True} if self.came_back else {}
        if self.notes:
            data["notes"] = self.notes
        self.notes = []
        return self._failure(Failure("timeout", f"{self.path} {timer.cause.text}", data or None))

    async def _worked(self) -> Outcome:
        """The outcome of one attempt, unless something ended it."""
        result = await work(self)
        stopped = first_cause(self.stopper)
        if stopped is not None:
            self._came_back(result)
            await trio.lowlevel.checkpoint()  # the scope that was cancelled takes it from here
        timer, self._timer = self._timer, None
        if timer is not None:
            self.stopper = timer.outer or self.frame
        return result

    def _came_back(self, result: Outcome) -> None:
        if result.status is StepStatus.COMPLETED:
            self.returned = result.output
            self.came_back = True
        elif result.error is not None:
            self.notes.append(f"{result.error.name}: {result.error.message}")

    # --- retry ---

    def _may_retry(self, outcome: Outcome, tried: int) -> bool | StepError:
        retry, error = self.spec.retry, outcome.error
        if retry is None or tried >= retry.attempts or error is None or any(map(error.matches, _UNRETRIED)):
            return False
        if retry.on and not any(map(error.matches, retry.on)):
            return False
        if retry.condition is None:
            return True
        return self._held(retry.condition, Scope(self.scope, names=self._own_names(outcome, None)))

    def _undecided(self, outcome: Outcome, error: StepError) -> Outcome:
        """A failure of which ``retry.if`` could not say whether it is worth another attempt."""
        assert outcome.error is not None
        text = f"{error.message}; it was asked about {outcome.error.name}: {outcome.error.message}"
        data = {**(error.data or {}), "error": outcome.error.to_data()}
        return self._failure(Failure(error.name, text, data), outcome.output)

    def _delays(self) -> Iterator[float]:
        retry = self.spec.retry
        assert retry is not None
        path = self.path if self.round == 1 else f"{self.path}#{self.round}"
        return retry.backoff.entry.delays(retry.backoff.constant, self.run.rng(path))

    def _delay(self, delays: Iterator[float], outcome: Outcome, began: float) -> float | None:
        """Seconds until the next attempt; None if there is to be none."""
        retry = self.spec.retry
        assert retry is not None
        try:
            delay = next(delays, None)
        except Exception as error:
            self.run.show(
                "step.log",
                self.path,
                self.attempt,
                {"level": "warning", "message": f"backoff {retry.backoff.entry.name!r} failed: {error!r}"},
            )
            return None
        if delay is None or not 0 <= delay < float("inf"):
            return None
        if self.retry_after is not None:
            delay = max(delay, self.retry_after)
        elapsed = trio.current_time() - began
        return None if retry.max_time is not None and elapsed + delay > retry.max_time else delay

    async def _pause_between(self, told: Mapping[str, Any], seconds: float) -> None:
        self.run.emit("step.retrying", self.path, self.attempt, told, self.labels)
        self.run.maybe_paused()
        await trio.sleep(seconds)

    def _keep_inner(self) -> None:
        """What a completed round did stands: it is still owed when the next one begins."""
        for frame in self.inner:
            self._earlier.add(frame.undo)
        self.inner = []

    async def _round_taken_back(self) -> bool:
        """Undo what the latest attempt's blocks completed; False if an undo failed."""
        owed = [entry for frame in self.inner for entry in frame.undo.take()]
        self._undo_problems = [problem for frame in self.inner for problem in frame.undo.problems]
        self.inner = []
        owed.sort(key=lambda entry: entry.seq, reverse=True)
        self.run.in_flight += 1  # lent to the undos
        self._undo_problems += await take_back(self.run, owed, shielded=True)
        self.run.in_flight -= 1
        return not self._undo_problems

    def _undo_failed(self, outcome: Outcome) -> Outcome:
        text = f"{self.path} cannot be tried again: " + "; ".join(self._undo_problems)
        cause = outcome.error.to_data() if outcome.error else None
        return self._failure(Failure("undo", text, {"error": cause}), outcome.output)

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
            if await self._round_taken_back():
                return None
            error = Failure("undo", f"{self.path} cannot be tried again: " + "; ".join(self._undo_problems))
            answer = Resolve.FAIL
        if answer is Resolve.COMPLETE:
            self.derived = False
            return Outcome(StepStatus.COMPLETED, given, attempts=self.attempt)
        return self._failed(error, answered(answer, given), output)

    # --- the end ---

    def interrupted(self) -> Outcome | None:
        """The outcome of a step that a cancellation has ended; None if the host cancelled."""
        found = first_cause(self.stopper)
        if found is None:
            return None
        stopper, cause = found
        if self._asking is not None:
            return failed(self.frame, self._asking, Fail(), attempts=self.attempt)
        if (first := self._failed_inside()) is not None:
            return self._failed_meanwhile(first)
        if stopper in (self._timer, self._deadline):
            return self._failed_meanwhile(
                Failure("timeout", f"{self.path} {cause.text}" if stopper is self._timer else cause.text)
            )
        if not self.started:
            return Outcome(StepStatus.OMITTED, reason=f"stopped: {cause.text}")
        return Outcome(StepStatus.CANCELLED, reason=cause.text, attempts=self.attempt)

    def _failed_meanwhile(self, error: Failure) -> Outcome:
        decision, error = self._decision(error)
        return self._failed(error, settled_by_itself(decision), self._output_so_far())

    def _failed_inside(self) -> Failure | None:
        """What a block of the latest attempt failed by before anything ended it: that comes first."""
        return next((inside.failure for inside in self.inner if inside.failure is not None), None)

    def _output_so_far(self) -> Any:
        """A foreach that fails keeps what its elements gave."""
        if self._items is None or not self.inner or not isinstance(self.inner[0], Elements):
            return ABSENT
        self.derived = True
        return self.inner[0].outputs

    def report(self, outcome: Outcome, undo: UndoLog) -> None:
        """Emit *outcome*, and enter into *undo* what is owed for it."""
        extra: dict[str, Any] = {}
        if self.came_back and outcome.status is not StepStatus.COMPLETED:
            extra["returned"] = True
        if self.notes:
            extra["notes"] = self.notes
        seq = report(self.run, self.path, outcome, self.labels, derived=self.derived, extra=extra)
        completed = outcome.status is StepStatus.COMPLETED
        if self.spec.undo is not None and self._items is None and self._owes(completed):
            undo.add(self._owed(seq, outcome))
            if completed:
                return
        self._keep_inner()
        undo.add(self._earlier)

    def _owes(self, completed: bool) -> bool:
        if completed or self.returned is not ABSENT:
            return True
        return self.started and self.spec.undo_after == "attempted"

    def _owed(self, seq: int, outcome: Outcome) -> Owed:
        completed = outcome.status is StepStatus.COMPLETED
        output = outcome.output if completed or self.returned is ABSENT else self.returned
        scope = self.scope if self.env is None else Scope(self.scope, names={"env": self.env})
        return Owed(seq, self.path, self.spec, self.labels, scope, output, outcome.error, self.attempt)

    # --- small things ---

    def _failure(self, error: Failure, output: Any = ABSENT) -> Outcome:
        return Outcome(StepStatus.FAILED, output, error, None, None, self.attempt)

    def _own_names(self, outcome: Outcome, previous: Any) -> dict[str, Any]:
        names: dict[str, Any] = {"attempt": self.attempt, "previous": previous}
        if outcome.output is not ABSENT:
            names["output"] = outcome.output
        names["error"] = None if outcome.error is None else error_names(outcome.error)
        return names

    def _held(self, condition: Any, scope: Scope) -> bool | StepError:
        try:
            return self.run.evaluation.condition(condition, scope)
        except StepError as error:
            return error
