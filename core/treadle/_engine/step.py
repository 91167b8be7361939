"""One step in a run: everything between its start and its outcome, outermost first.

    deadline ─ foreach ─ per element: strategy ─    repeat ─ retry ─    limit ─ timeout ─ the work
    here ────────────────────────────────────────── tries ───────────── once ──────────── attempt

Rule 1: a failure is a value, an `Outcome`; what leaves here as an exception is a cancellation or a bug.
Rule 2: attempts are numbered on, whatever asks for the next: a retry, a round, or a person.
Rule 3: on the normal way out of a layer, `stopper` is what it was on the way in. On a cancellation it is
        left where it stands, for `interrupted` to see what was going on.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.ask import answer_of, ask
from treadle._engine.decide import answered, asked, decide, failed, settled_by_itself
from treadle._engine.foreach import Elements
from treadle._engine.once import admitted
from treadle._engine.scope import Scope
from treadle._engine.stop import Stopper, Timer, before_the_crash, first_cause
from treadle._engine.tries import taken_back, tried, undo_failure, would_retry
from treadle._engine.undo import UndoLog
from treadle._frontier import ABSENT, Cause, Outcome, Skip
from treadle._kinds import Ask, Decision, Fail, Rollback, StepFailure, Tolerate
from treadle._paths import inside_of
from treadle._state import STOPPED
from treadle._units import format_duration
from treadle.errors import Failure
from treadle.events import Resolve, StepStatus

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Mapping

    from treadle._engine.frame import Frame
    from treadle._engine.reentry import TakenUp
    from treadle._past import StepPast


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
      since: when the latest attempt started, wall clock; the same after a crash.
      past: what the journal says of the step, where this process took the run over.
      taken_up: what is still to be done with that past.
      earlier: what completed rounds owe.
      left_unknown: it is unknown what became of it, and nobody has decided.
    """

    __slots__ = (
        "_asking",
        "_began",
        "_deadline",
        "_items",
        "_question",
        "announced",
        "attempt",
        "came_back",
        "derived",
        "earlier",
        "env",
        "frame",
        "happened",
        "index",
        "inner",
        "labels",
        "left_unknown",
        "left_unknown",
        "notes",
        "past",
        "path",
        "retry_after",
        "returned",
        "round",
        "run",
        "scope",
        "since",
        "spec",
        "started",
        "stopper",
        "strategy",
        "taken_up",
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
        self.past = None if frame.run.past is None else frame.run.past.step(self.path)
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
        self.left_unknown = False
        self.since = 0.0
        self.announced = False
        self.taken_up: TakenUp | None = None
        self._asking: Failure | None = None
        self._began: float | None = None
        self._deadline: Timer | None = None
        self.timer: Timer | None = None
        self.earlier = UndoLog()
        self.retry_after: float | None = None

    @classmethod
    def element(cls, whole: StepRun, elements: Stopper, number: int, item: Any) -> StepRun:
        """Element *number* of the foreach step *whole*."""
        self = cls(whole.frame, whole.index)
        self.path = f"{whole.inside}.{number}"
        self.past = None if self.run.past is None else self.run.past.step(self.path)
        self.scope = Scope(whole.scope, names={"item": item, "index": number})
        self.labels = whole.labels
        self.stopper = elements
        return self

    @property
    def inside(self) -> str:
        """What the paths of all that is inside the latest attempt begin with."""
        return self.inside_of(self.attempt)

    def inside_of(self, attempt: int) -> str:
        """What the paths of all that is inside an attempt begin with."""
        return inside_of(self.path, attempt)

    def announce(self) -> None:
        """Emit the first start together with what allowed it, unless it has something to wait for.

        A step that the journal tells more of is taken up where that ended instead.
        """
        if self.past is not None and self.past.last is not None:
            from treadle._engine.reentry import take_up

            take_up(self, self.past)
        elif self.run.past is not None and first_cause(self.stopper) is not None:
            pass  # its block was stopped before the crash: it does not begin
        elif self._question is None and self.spec.limit is None and not self.run.held:
            self.start()
            self._announced()

    def enter_again(self) -> None:
        """Go on with the latest attempt, whose start is journaled."""
        if self.spec.limit is None or self.has_elements:  # a limiter is for each element
            self._announced()
        elif self.taken_up is not None:
            self.taken_up.told = True

    def _announced(self) -> None:
        self.announced = True
        if self._items is None:
            self.run.in_flight += 1

    def start(self) -> None:
        """Begin the next attempt: number it and say so, unless that was done ahead."""
        if self.announced:
            self.announced = False
            return
        if self.taken_up is not None and self.taken_up.told:
            self.taken_up.told = False
            return
        if self._began is None:
            self._began = trio.current_time()
        self.attempt += 1
        self.started = True
        self.timed_out = False
        seq = self.run.emit("step.started", self.path, self.attempt, labels=self.labels)
        self.since = self.run.history[seq - 1].time

    @property
    def has_elements(self) -> bool:
        """Whether it is a foreach as a whole."""
        return self._items is not None

    @property
    def items(self) -> list[Any]:
        """Of its foreach."""
        return self._items or []

    @property
    def elements(self) -> Elements | None:
        """The elements of its foreach, once there are any; None for a step without one."""
        first = self.inner[0] if self.inner else None
        return first if isinstance(first, Elements) else None

    @property
    def frames(self) -> list[Frame]:
        """The blocks of the latest attempt that ran; of a foreach, none."""
        return [block for block in self.inner if not isinstance(block, Elements)]

    def stand(self, past: StepPast) -> None:
        """Stand in the latest attempt that *past* tells of."""
        self.attempt, self.started = past.attempt, past.attempt > 0
        if past.started is not None:
            self.since = past.started.time
        if past.began is not None:
            passed = max(0.0, self.run.surroundings.now() - past.began.time)
            self._began = trio.current_time() - passed
        if past.happened is not None:
            self.happened = True
            self.returned = past.happened.get("output", ABSENT)

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
        cause = Cause("deadline", text)
        self._deadline = timer = Timer(self.stopper, cause, partial(self.tell_stopping, cause))
        self.stopper = timer
        left, passed = seconds, None
        if self.past is not None and self.past.limited is not None and self.run.past is not None:
            left -= self.run.past.driven - self.past.limited
            passed = self.stopped_before("deadline", timer)
            self.past.limited = None  # whoever tries again has all of it
        with self.run.clock.limit(timer, left, passed=passed):
            outcome = await self._elements_or_one()
            self.stopper = timer.outer or self.frame
            return outcome
        self.stopper = timer.outer or self.frame
        timer.tell()
        self.timed_out = True
        self._asking = None
        error = self.failed_inside() or Failure("timeout", text)
        return await self._judged(error, self._output_so_far())

    def tell_stopping(self, cause: Cause) -> None:
        """Journal that a time of the step was up."""
        told = {"kind": cause.kind, "cause": cause.text}
        self.run.emit("step.stopping", self.path, self.attempt or None, told, self.labels)

    def stopped_before(self, kind: str, timer: Timer) -> float | None:
        """When the journal says that *timer*, of this kind, was up; None if it does not."""
        if self.past is None or kind not in self.past.stopped or self.attempt != self.past.attempt:
            return None
        timer.emit = None  # the journal says so already
        return before_the_crash(self.past.stopped[kind])

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
        taken = self.taken_up
        if taken is not None and taken.asked is not None and not self.announced and not taken.told:
            outcome = await self._asked_again(taken.asked)
            if outcome is not None:
                return outcome
        while True:
            if taken is not None and taken.crashed is not None:
                outcome, taken.crashed = self.failure(taken.crashed), None
            else:
                outcome = await tried(self)
            if outcome.status is not StepStatus.FAILED or outcome.error is None:
                return outcome
            if outcome.decision is not None:  # the step type's settings had said what becomes of it
                return outcome
            judged = await self._judged(outcome.error, outcome.output)
            if judged is not None:
                return judged

    def keep_inner(self) -> None:
        """What a completed round did stands: it is still owed when the next one begins."""
        for frame in self.inner:
            self.earlier.add(frame.undo)
        self.inner = []

    # --- strategy and person ---

    async def _judged(self, error: Failure, output: Any) -> Outcome | None:
        """The outcome of a failure; None to try again."""
        if self.taken_up is not None and self.taken_up.asked is not None:  # journaled: never decided again
            waiting = self.taken_up.asked.waiting
            assert waiting is not None
            return await self._asked(Failure.from_data(waiting.data["error"]), output, asked(waiting))
        decision, error = self._decision(error)
        if isinstance(decision, Ask):
            return await self._asked(error, output, decision)
        return self._failed(error, decision, output)

    async def _asked_again(self, past: StepPast) -> Outcome | None:
        """Put the question again with which the journal ended; None to try again."""
        waiting = past.waiting
        assert waiting is not None
        error = Failure.from_data(waiting.data["error"])
        if not past.unknown:
            self._asking = error
            await trio.lowlevel.checkpoint()  # its block may have been stopped meanwhile
        return await self._asked(error, waiting.data.get("output", ABSENT), asked(waiting))

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
        past = None
        if self.taken_up is not None:
            past, self.taken_up.asked = self.taken_up.asked, None
        unknown = past is not None and past.unknown
        self.left_unknown = unknown
        with self.run.sheltered(self.path, self.stopper) if unknown else nullcontext():
            answer, given = await ask(
                self.run,
                self.path,
                self.attempt or None,
                error,
                how,
                labels=self.labels,
                output=output,
                past=past,
            )
            self.left_unknown = False
        if self.left_unknown:  # the run was cancelled, or the host leaves
            await trio.lowlevel.checkpoint()
        if past is not None:
            past.waiting = past.resolved = None  # put, and answered
        self._asking = None
        if answer is Resolve.RETRY:
            if self.taken_up is not None:
                self.taken_up.rounds = None  # rounds and attempts are counted anew
            problems = await taken_back(self)
            if not problems:
                return None
            error, answer = undo_failure(self, problems, error), Resolve.FAIL
        return self._as_answered(error, answer, given, output)

    def _as_answered(self, error: Failure, answer: Resolve, given: Any, output: Any) -> Outcome:
        """The outcome of a step that is not tried again: *output* is what it has, *given* the answer's."""
        if answer is Resolve.COMPLETE:
            self.derived = False
            given = ABSENT if given is None else given
            return Outcome(StepStatus.COMPLETED, given, attempts=self.attempt)
        return self._failed(error, answered(answer, given), output)

    # --- the end ---

    def interrupted(self, overtaking: Cause) -> Outcome:
        """The outcome of a step that a cancellation has ended; *overtaking* is its cause around the step."""
        stopper, cause = first_cause(self.stopper) or (None, overtaking)
        if self.announced and self._items is None:
            self.run.in_flight -= 1
        if self.taken_up is not None:
            self.run.questions.pop(self.path, None)  # put up again, and not asked any more
        if self.left_unknown:
            return self._answered_at_last() or Outcome(
                StepStatus.CANCELLED, reason=cause.text, attempts=self.attempt
            )
        if self._asking is not None:
            return failed(self.frame, self._asking, Fail(), attempts=self.attempt)
        if (first := self.failed_inside()) is not None:
            return self._failed_by_an_element() or self._failed_meanwhile(first)
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
            return Outcome(StepStatus.OMITTED, reason=STOPPED + cause.text)
        reason = cause.text
        if self.past is not None and self.past.attempt == self.attempt and not self.inner:
            reason = f"crash: {reason}"  # whether that attempt took effect is not known
        return Outcome(StepStatus.CANCELLED, reason=reason, attempts=self.attempt)

    def _answered_at_last(self) -> Outcome | None:
        """The outcome of an unknown step whose answer was accepted just before the run was cancelled.

        Where that is to try again it is cancelled: there is nothing unknown about it any more.
        """
        asked = None if self.past is None else self.past.waiting
        answers = (
            event
            for event in self.run.history[0 if asked is None else asked.seq :]
            if event.type == "step.resolved" and event.step == self.path
        )
        if (event := next(answers, None)) is None or self._asking is None:
            return None
        self.left_unknown = False
        answer = answer_of(event)
        if answer.decision == Resolve.RETRY:
            reason = "it was cancelled before it was tried again"
            return Outcome(StepStatus.CANCELLED, reason=reason, attempts=self.attempt)
        return self._as_answered(self._asking, Resolve(answer.decision), answer.value, ABSENT)

    def _failed_meanwhile(self, error: Failure) -> Outcome:
        decision, error = self._decision(error)
        return self._failed(error, settled_by_itself(decision), self._output_so_far())

    def _failed_by_an_element(self) -> Outcome | None:
        """The outcome of a foreach that failed by an element, whose strategy has had its say already."""
        elements = self.elements
        if elements is None or (outcome := elements.outcome()).decision is None:
            return None
        self.derived = True
        return outcome

    def failed_inside(self) -> Failure | None:
        """What a block of the latest attempt failed by before anything ended it: that comes first."""
        failed = (block.failure for block in self.inner if not block.handed_over)
        return next((failure for failure in failed if failure is not None), None)

    def _output_so_far(self) -> Any:
        """A foreach that fails keeps what its elements gave."""
        elements = self.elements
        if elements is None:
            return ABSENT
        self.derived = True
        return elements.outputs

    def happening(self) -> dict[str, Any]:
        """For the journal: that an attempt came back although it had been told to stop, and with what."""
        return {} if self.returned is ABSENT else {"output": self.returned}

    # --- for the layers inside ---

    def failure(self, error: Failure, output: Any = ABSENT) -> Outcome:
        """The outcome of a failure about which nothing has been decided yet."""
        return Outcome(StepStatus.FAILED, output, error, None, None, self.attempt)

    def rng(self) -> random.Random:
        """The random source of this round's backoff."""
        return self.run.rng(self.path if self.round == 1 else f"{self.path}#{self.round}")
