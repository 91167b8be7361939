"""A block in flight: one nursery, in which the frontier's moves become tasks.

Rule 1: an outcome, what the frontier derives from it and the starts it allows are emitted together, with
nothing awaited in between: a crash sees all of it or none.
Rule 2: a chain goes on in the same task; only a fan-out makes new ones.
Rule 3: `step_task` is the only place that settles a step on a cancellation, and it awaits nothing there.
Rule 4: a cancellation without a cause of ours is the host's: nothing is journaled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs
import trio

from treadle._engine.decide import asked, decide, failed
from treadle._engine.plain import NotPlain, to_plain
from treadle._engine.report import ended_by_itself, report, reported, with_path
from treadle._engine.rollback import take_back
from treadle._engine.scope import Scope
from treadle._engine.settlement import settled
from treadle._engine.step import StepRun
from treadle._engine.stop import Stopper, first_cause
from treadle._engine.undo import UndoLog
from treadle._frontier import BlockEnd, Cause, Frontier, Moves, Outcome, Ready, Skip
from treadle._kinds import Ask, StepFailure
from treadle._paths import join
from treadle.errors import EngineFault, Failure, StepError
from treadle.events import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from treadle._engine.run import Run
    from treadle._kinds import Block
    from treadle._past import Past, StepPast
    from treadle._plan.blocks import BlockPlan

_READY = Ready()


class Frame(Stopper):
    """One block in flight.

    Attributes:
      prefix: of the paths of its steps; empty at the top.
      labels: that enclosing steps add.
      undo: what its steps owe, should it be taken back.
      failure: its first fatal child's error, with the path; a failure that only followed a stop from
        outside is not one.
      end: set when everything in it has settled.
      undoing: it takes something back, or is part of what does.
      place: which of the blocks of its step it is.
      moment: while the journal is replayed, when the event at hand happened.
      handed_over: its end has been told to the plugin that ran it, which may make of it what it will.
    """

    __slots__ = (
        "_items",
        "_nursery",
        "_questions",
        "block",
        "end",
        "failure",
        "frontier",
        "halted",
        "handed_over",
        "labels",
        "moment",
        "place",
        "prefix",
        "run",
        "scope",
        "takes_back",
        "undo",
        "undoing",
    )

    def __init__(
        self,
        run: Run,
        block: BlockPlan,
        *,
        outer: Stopper,
        scope: Scope | None,
        prefix: str = "",
        labels: Mapping[str, str] | None = None,
        max_parallel: int | None = None,
        undoing: bool = False,
    ) -> None:
        super().__init__(outer)
        self.run = run
        self.block = block
        self.frontier = Frontier(block, self.examine, max_parallel)
        self.scope = Scope(scope, block=block, outcomes=self.frontier.outcomes)
        self.prefix = prefix
        self.labels = labels or {}
        self.undo = UndoLog()
        self.failure: Failure | None = None
        self.end: BlockEnd | None = None
        self.handed_over = False
        self.halted = False
        self.takes_back = False
        self.undoing = undoing or block.spec.role == "undo"
        self.moment: float | None = None
        self.place = 0
        self._nursery: trio.Nursery | None = None
        self._items: dict[int, list[Any]] = {}  # of foreach steps, until they start
        self._questions: dict[
            int, tuple[Failure, Ask]
        ] = {}  # steps that failed before they began, and escalate

    @classmethod
    def inside(
        cls,
        step: StepRun,
        block: Block,
        place: int,
        *,
        scope: Scope,
        prefix: str,
        max_parallel: int | None = None,
    ) -> Self:
        """A block of *step*, the one at *place* among its blocks."""
        self = cls(
            step.run,
            step.run.plan.blocks[block.index],
            outer=step.stopper,
            scope=scope,
            prefix=prefix,
            labels=step.labels,
            max_parallel=max_parallel,
            undoing=step.frame.undoing,
        )
        self.place = place
        return self

    def path(self, index: int) -> str:
        """The path of a step of this block."""
        return join(self.prefix, self.block.steps[index].id)

    def _labels(self, index: int) -> Mapping[str, str]:
        own = self.block.steps[index].labels
        return {**self.labels, **own} if self.labels else own

    def failures(self) -> Iterator[Failure]:
        """The errors of all steps that failed untolerated, with their paths, in the order of the text."""
        for index, outcome in enumerate(self.frontier.outcomes):
            if outcome is not None and outcome.error is not None and not outcome.tolerated:
                yield with_path(outcome.error, self.path(index))

    # --- the nursery ---

    async def drive(self) -> None:
        """Run the block; returns when everything in it has settled and nothing of it runs any more."""
        first = self._opened()
        if self.end is None:
            try:
                await self._children(first)
            except BaseException:
                # a rollback that was decided is not interrupted by what comes after it, but for the host
                if self.takes_back and first_cause(self.outer) is not None:
                    await self.take_back()  # noqa: ASYNC102  shielded, each undo within its bound
                raise
            if self.end is None:
                raise EngineFault(f"block {self.prefix or 'steps'!r} ended before its steps had settled")
        elif self.run.past is not None and self is not self.run.root:
            await self._finish_taking_back(self.run.past)
        if self.takes_back:
            await self.take_back()

    def _opened(self) -> Sequence[int]:
        """The steps to start, or to go on with."""
        if self.run.past is not None:
            from treadle._engine.replay import replay  # few runs go on after a crash: others need not load it

            return replay(self, self.run.past)
        moves = self.frontier.open()
        self.record_derived(moves)
        return moves.start

    async def _children(self, first: Sequence[int]) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self.enter(nursery.cancel_scope)
            self.run.busy -= 1  # both are lent to the block, and come back from the child that ends it
            self.run.in_flight -= 1
            for index in first:
                self._launch(index)

    async def take_back(self) -> None:
        """A rollback of this block alone, unless the run is rolled back, which takes back this block as well.

        What could not be undone is told with its error.
        """
        if self._is_rolled_back():
            return
        problems = await take_back(self.run, self.undo.take(), shielded=True)
        self.undo.problems.extend(problems)
        if problems and self.failure is not None:
            message = f"{self.failure.message}; its rollback is incomplete: {'; '.join(problems)}"
            self.failure = attrs.evolve(self.failure, message=message)

    async def _finish_taking_back(self, past: Past) -> None:
        """End what was being taken back when the journal ended, whatever has ended the step of the block."""
        begun = []
        for entry in reversed(self.undo.take()):
            event = past.undos.get(entry.seq)
            if event is None or event.type != "step.undoing":
                self.undo.add(entry)
            else:
                begun.append(entry)
        self.undo.problems.extend(await take_back(self.run, begun, shielded=True))

    def _is_rolled_back(self) -> bool:
        """Whether a rollback of the run was decided that this block is part of."""
        stopper = self.outer
        while stopper is not None and stopper is not self.run:
            stopper = stopper.outer
        fired = None if stopper is None else stopper.fired()
        return fired is not None and fired[1].kind == "rollback"

    def _launch(self, index: int) -> None:
        if self._nursery is None:
            raise EngineFault("a block without a nursery started a step")
        self.run.busy += 1
        step = self.step(index)
        step.announce()
        self._nursery.start_soon(step_task, self, step, name=f"treadle {self.run.id} {step.path}")

    def step(self, index: int) -> StepRun:
        """The step at *index*, on its way."""
        return StepRun(self, index, *self.found(index))

    # --- settling ---

    def settled(self, step: StepRun, outcome: Outcome) -> StepRun | None:
        """Take *outcome* in; the step that goes on in the same task, if any."""
        self.record(step.index, outcome, step)
        if not self.halted and (stopped := first_cause(self)) is not None:
            stopped[0].tell()
            self.halt(stopped[1])  # the cancellation has not arrived here, but nothing may start any more
        moves = self.frontier.settle(step.index, outcome)
        self.record_derived(moves)
        if not moves.start:
            if self.end is None:
                self.run.busy -= 1
                self.run.settled_some()
            else:
                self.run.in_flight += 1
            return None
        following = self.step(moves.start[0])
        following.announce()
        for index in moves.start[1:]:
            self._launch(index)
        return following

    def interrupted(self, step: StepRun) -> None:
        """Settle *step*, which a cancellation has just ended; leave all as it is if the host cancelled."""
        from_outside = first_cause(self)
        if from_outside is None:  # the host's: the step's own timer, if it has fired, would have caught ours
            return
        outcome = step.interrupted(from_outside[1])
        from_outside[0].tell()
        self.halt(from_outside[1])
        if (following := self.settled(step, outcome)) is not None:
            raise EngineFault(f"{following.path} was started by a cancellation")

    def halt(self, cause: Cause) -> None:
        """Nothing starts any more, for a reason from outside; what runs is cancelled by whoever gave it."""
        if self.halted:
            return
        self.halted = True
        self.record_derived(self.frontier.stop(cause))

    def record_derived(self, moves: Moves) -> None:
        """Take in what the frontier derived, and stop if it says so."""
        for index, outcome in moves.settled:
            self.record(index, outcome, None)
        if moves.end is not None:
            self.end = moves.end
        if moves.stop is not None and not self.halted:
            self.stop(moves.stop, self.moment)

    def record(self, index: int, outcome: Outcome, step: StepRun | None) -> None:
        """Emit how a step settled, unless it is journaled; note what it owes and whether it is fatal."""
        path = self.path(index)
        told = self.run.settled(path)
        if told is None:
            # in a block stopped from outside, only a step whose own time was up failed before that
            late = self.halted and (step is None or not step.timed_out)
        else:
            late = not ended_by_itself(told)
        if step is not None:
            settled(step, outcome, self.undo, told, late=late)
        elif told is None:
            report(self.run, path, outcome, self._labels(index))
        if outcome.takes_back:
            self.takes_back = True
        if outcome.status is not StepStatus.FAILED or outcome.error is None or outcome.tolerated:
            return
        if self.failure is None and not late:
            self.failure = with_path(outcome.error, path)
        if outcome.decision == "rollback" and told is None:
            self.run.roll_back(path, outcome.error)

    # --- before a step starts ---

    def found(self, index: int) -> tuple[list[Any] | None, tuple[Failure, Ask] | None]:
        """What examining a step left for it: the items of its foreach, and what a person is asked."""
        return self._items.pop(index, None), self._questions.pop(index, None)

    def examine(self, index: int) -> Ready | Skip | Outcome:
        """Evaluate the ``when`` and the ``foreach`` of a step whose needs are satisfied."""
        spec = self.block.steps[index]
        if spec.when is None and spec.foreach is None:
            return _READY
        past = None if self.run.past is None else self.run.past.step(self.path(index))
        if past is not None and (known := self._examined_before(index, past)) is not None:
            return known
        try:
            if spec.when is not None:
                held = past.decided.data["when"] if past is not None and past.decided else self._decide(index)
                if not held:
                    return Skip(f"when: {spec.when.source}")
            if spec.foreach is not None:
                items = None if past is None else past.items
                self._items[index] = self._elements(index) if items is None else items
        except StepError as error:
            return self._failed_before_it_began(index, error)
        return _READY

    def _examined_before(self, index: int, past: StepPast) -> Outcome | Ready | None:
        """What the journal says that examining the step gave, but for its ``when`` and its items."""
        if past.attempt or self.run.past is None:
            return None
        if past.settled is not None and past.settled.type == "step.failed" and past.waiting is None:
            return reported(past.settled, self.run.past.state)
        if past.waiting is not None and past.waiting.type == "step.waiting":
            self._questions[index] = Failure.from_data(past.waiting.data["error"]), asked(past.waiting)
            return _READY
        return None

    def _decide(self, index: int) -> bool:
        """Evaluate a ``when``, and journal what it saw."""
        when = self.block.steps[index].when
        assert when is not None
        held = self.run.evaluation.condition(when, self.scope)
        told = {"when": held, "condition": when.source, "saw": self.run.evaluation.saw(when, self.scope)}
        self.run.emit("step.decided", self.path(index), None, told, self._labels(index))
        return held

    def _elements(self, index: int) -> list[Any]:
        spec = self.block.steps[index]
        value = self.run.evaluation.filled(spec.foreach, self.scope)
        if isinstance(value, dict):
            items = [{"key": key, "value": item} for key, item in value.items()]
        elif isinstance(value, list):
            items = value
        else:
            raise StepError(
                "expression", f"foreach must give a list or a mapping, not {type(value).__name__}"
            )
        if len(items) > (most := self.run.surroundings.limits.elements):
            raise StepError(
                "expression",
                f"foreach has {len(items)} elements, more than the {most} that limits.elements allows",
            )
        try:
            items = [to_plain(item, self.run.surroundings.limits.output) for item in items]
        except NotPlain as error:
            raise StepError("expression", f"an element of foreach cannot be kept: {error}") from None
        self.run.emit("step.expanded", self.path(index), None, {"items": items}, self._labels(index))
        return items

    def _failed_before_it_began(self, index: int, error: StepError) -> Ready | Outcome:
        failure = error.to_failure()
        told = StepFailure(self.path(index), failure, 0, 0.0)
        decision, failure = decide(self.run, self.block.strategies[index], self.scope, told)
        if isinstance(decision, Ask):  # a person decides, which takes a task
            self._questions[index] = failure, decision
            return _READY
        return failed(self, failure, decision)


async def step_task(frame: Frame, step: StepRun | None) -> None:
    """Settle *step*, then whatever can follow it in the same task."""
    while step is not None:
        try:
            outcome = await step.settle()
        except BaseException:
            frame.interrupted(step)
            raise
        step = frame.settled(step, outcome)
