"""The elements of a foreach step: tasks exist only for those that run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import trio

from treadle._engine.report import ended_by_itself, reported, with_path
from treadle._engine.settlement import settled
from treadle._engine.stop import Stopper, before_the_crash, first_cause
from treadle._engine.undo import UndoLog
from treadle._expr import Template
from treadle._frontier import ABSENT, Cause, Outcome
from treadle.errors import Failure, StepError
from treadle.events import StepStatus

if TYPE_CHECKING:
    from treadle._engine.run import Run
    from treadle._engine.scope import Scope
    from treadle._engine.step import StepRun
    from treadle.events import Event

MAX_PARALLEL = 32
"""Elements at once, unless the step says otherwise: beyond, bookkeeping costs more than it brings."""


def parallelism(run: Run, written: int | Template | None, scope: Scope, otherwise: int | None) -> int | None:
    """The value of a ``max_parallel``. Raises StepError ``expression`` unless it is a whole number from 1."""
    if written is None:
        return otherwise
    value = run.evaluation.value(written, scope) if isinstance(written, Template) else written
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise StepError("expression", f"max_parallel must be a whole number from 1, not {value!r}")
    return value


class Elements(Stopper):
    """A foreach step's elements in flight.

    Attributes:
      outputs: in order; None where there is none.
      undo: what the elements owe.
      failure: of the first element that failed untolerated.
    """

    handed_over = False  # a foreach is nobody's but the engine's

    __slots__ = (
        "_decision",
        "_items",
        "_known",
        "_next",
        "_open",
        "_running",
        "_started",
        "_whole",
        "failure",
        "outputs",
        "undo",
    )

    def __init__(self, whole: StepRun, items: list[Any]) -> None:
        super().__init__(whole.stopper)
        self._whole = whole
        self._items = items
        self.outputs: list[Any] = [None] * len(items)
        self._next = 0
        self._running = 0
        self._started = 0
        self._known: set[int] = set()  # those that had started when the journal ended
        self._open: list[int] = []  # and of these, those that had not settled
        self._decision: Any = None
        self.undo = UndoLog()
        self.failure: Failure | None = None
        whole.inner = [self]

    @classmethod
    def again(cls, whole: StepRun) -> Self:
        """The elements of a step that has settled, for what they owe."""
        self = cls(whole, whole.items)
        self._replay()
        return self

    def known_open(self) -> list[StepRun]:
        """The elements that had started when the journal ended, and had not settled."""
        return [self._at(number) for number in self._open]

    @property
    def left(self) -> int:
        """How many elements have not started."""
        return len(self._items) - self._started

    async def drive(self) -> Outcome:
        """Run every element; the outcome of the step, undecided where it failed before the first."""
        whole = self._whole
        try:
            at_once = (
                parallelism(whole.run, whole.spec.max_parallel, whole.scope, MAX_PARALLEL) or MAX_PARALLEL
            )
        except StepError as error:
            failure = error.to_failure()
            return Outcome(StepStatus.FAILED, error=failure, attempts=whole.attempt)
        self._replay()
        if self._started < len(self._items) or self._open:
            whole.run.busy -= 1  # lent to the elements; comes back from the last that ends
            try:
                await self._at_once(min(at_once, len(self._items)))
            finally:
                whole.run.in_flight -= 1  # given by the last element, so that no pause comes in between
        return self.outcome()

    def outcome(self) -> Outcome:
        """That of the step, by how its elements ended."""
        attempts = self._whole.attempt
        if self.failure is not None:
            return Outcome(StepStatus.FAILED, self.outputs, self.failure, self._decision, attempts=attempts)
        return Outcome(StepStatus.COMPLETED, self.outputs, attempts=attempts)

    async def _at_once(self, count: int) -> None:
        run = self._whole.run
        async with trio.open_nursery() as nursery:
            self.enter(nursery.cancel_scope)
            for _ in range(count):
                run.busy += 1
                self._running += 1
                nursery.start_soon(self._elements, name=f"treadle {run.id} {self._whole.path} elements")

    def _one_less(self) -> None:
        """A task has no element any more; the last gives its place to the whole step."""
        run = self._whole.run
        self._running -= 1
        if self._running:
            run.busy -= 1
            run.settled_some()
        else:
            run.in_flight += 1

    async def _elements(self) -> None:
        """One element after another, until none is left."""
        while (number := self._take()) is not None:
            await self._element(self._at(number), number)
        self._one_less()

    def _take(self) -> int | None:
        """The next element to run: those first that had started when the journal ended."""
        if self._open:
            return self._open.pop(0)
        while self._next in self._known:
            self._next += 1
        if self.fired() is not None or self._next >= len(self._items):
            return None
        self._next += 1
        self._started += 1
        return self._next - 1

    def _at(self, number: int) -> StepRun:
        return type(self._whole).element(self._whole, self, number, self._items[number])

    async def _element(self, element: StepRun, number: int) -> None:
        if element.past is not None:
            from treadle._engine.reentry import take_up

            take_up(element, element.past)
        try:
            outcome = await element.handled()
        except BaseException:
            found = first_cause(self)
            if found is not None:  # else it is the host's
                found[0].tell()
                self._settle(element, number, element.interrupted(found[1]))
                self._one_less()
            raise
        self._settle(element, number, outcome)

    def _replay(self) -> None:
        """Bring the elements to where the journal ended, if there is one."""
        past = self._whole.run.past
        if past is None:
            return
        from treadle._engine.reentry import restore

        prefix = self._whole.inside
        for event in past.settlings(prefix):
            if (number := _number(event.step)) is not None:
                element = self._at(number)
                restore(element, event)
                self._settle(element, number, reported(event, past.state), event)
                self._known.add(number)
        self._open = [one for path in past.open_inside(prefix) if (one := _number(path)) is not None]
        self._known.update(self._open)
        self._started = len(self._known)

    def _settle(self, element: StepRun, number: int, outcome: Outcome, told: Event | None = None) -> None:
        if outcome.output is not ABSENT:
            self.outputs[number] = outcome.output
        if told is None:
            late = not element.timed_out and first_cause(self.outer) is not None
        else:
            late = not ended_by_itself(told)
        settled(element, outcome, self.undo, told, late=late)
        if outcome.takes_back:
            self._whole.frame.takes_back = True
        if outcome.status is not StepStatus.FAILED or outcome.tolerated or outcome.error is None:
            return
        if self.failure is None and not late:
            self.failure = with_path(outcome.error, element.path)
            self._decision = outcome.decision
        if outcome.decision == "rollback" and told is None:
            self._whole.run.roll_back(element.path, outcome.error)
        if outcome.decision != "drain":
            self._decision = outcome.decision
            since = None if told is None else before_the_crash(told.seq or 0)
            self.stop(Cause("failure", f"{element.path} failed"), since)


def _number(path: str | None) -> int | None:
    """The number of an element; None for what else is right inside a foreach, as its undo."""
    number = (path or "").rpartition(".")[2]
    return int(number) if number.isdigit() else None
