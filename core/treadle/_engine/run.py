"""One run: its state, its events, and what its steps ask of it.

Rule 1: `emit` numbers and submits, and never waits; `durable` waits until all that was emitted is stored.
Rule 2: `busy` counts the tasks that can go on by themselves. A task lends its count to the block it runs
        and gets it back from the child that ends the block; at zero only a person can help.
Rule 3: `in_flight` counts attempts at work, and is lent in the same way: an attempt that waits for a block
        of its own does not count, and one whose block has just ended does. The run is paused at zero.
Rule 4: how the run ends is decided before rollback and ``finally``; from then on it takes no cancel.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.clock import DrivenClock
from treadle._engine.evaluate import Evaluation
from treadle._engine.masking import Masker
from treadle._engine.report import with_path
from treadle._engine.stop import Stopper, first_cause, rolled_back
from treadle._state import CLOCK_STANDS
from treadle.events import Event, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._engine.ask import Question
    from treadle._engine.call import Call
    from treadle._engine.frame import Frame
    from treadle._engine.surroundings import Surroundings
    from treadle._frontier import Cause
    from treadle._past import Past
    from treadle._plan.plan import Plan
    from treadle.errors import EngineFault, Failure

NOTHING: Mapping[str, Any] = {}


class Run(Stopper):
    """A run in progress, or one that has ended.

    As a `Stopper` it is the outermost: a cancel or a rollback of the run is recorded here.
    """

    __slots__ = (
        "_changed",
        "_durable",
        "_exposed",
        "_gate",
        "_shelters",
        "at_work",
        "busy",
        "calls",
        "cancel_reason",
        "clock",
        "closing",
        "correlation_id",
        "evaluation",
        "everything",
        "fault",
        "handled",
        "history",
        "id",
        "in_doubt",
        "in_flight",
        "inputs",
        "labels",
        "lost",
        "masker",
        "parent",
        "past",
        "plan",
        "questions",
        "rollback_error",
        "root",
        "seed",
        "signals",
        "sleeping",
        "source",
        "started_at",
        "status",
        "surroundings",
        "tolerated",
        "wants_rollback",
        "workflow",
    )

    def __init__(
        self,
        surroundings: Surroundings,
        plan: Plan,
        run_id: str,
        *,
        inputs: Mapping[str, Any],
        labels: Mapping[str, str],
        correlation_id: str | None,
        parent: Mapping[str, Any] | None = None,
        source: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(None)
        self.surroundings = surroundings
        self.plan = plan
        self.id = run_id
        self.workflow = plan.spec.name
        self.inputs = inputs
        self.labels = {**plan.spec.labels, **labels}
        self.correlation_id = correlation_id or run_id
        self.status = RunStatus.PENDING
        self.history: list[Event] = []
        self.started_at: float | None = None
        self.clock = DrivenClock()
        self.masker = Masker()
        self.evaluation = Evaluation(self)
        self.rollback_error: Failure | None = None
        self.root: Frame | None = None
        self.questions: dict[str, Question] = {}
        self.busy = 1
        self.in_flight = 0
        self.at_work = 0  # of these, attempts whose effects may have begun
        self.sleeping = 0  # of these, attempts of steps that only wait, which a crash does not hurt
        self.tolerated = 0
        self.wants_rollback = False  # asked for, with a cancel
        self.cancel_reason: str | None = None
        self.closing = False  # the end is decided
        self.fault: EngineFault | None = None
        self.everything = trio.CancelScope()  # around all of the run; cancelled as by the host
        self.lost: Exception | None = None  # why this process must not go on with the run
        self.seed = surroundings.seed
        self.past: Past | None = None  # of a run that goes on after a crash, or by another process
        self.handled: dict[str, dict[str, Any]] = {}  # by id of its request, what was answered
        self.parent = parent  # of a run that a step started: `run`, `step`, `attempt`, `depth`, `detached`
        self.source = source  # the file of its spec: `root` and, relative to that, `file`
        self.calls: dict[str, Call] = {}  # by path, what waits for a run that it started
        self.signals: list[Event] = []  # accepted, and taken by no step yet; oldest first
        self.in_doubt: dict[str, Stopper] = {}  # by path of an unknown step, what can stop it
        self._shelters: set[trio.CancelScope] | None = None
        self._exposed = False  # nothing is sheltered any more
        self._durable = 0
        self._gate: trio.Event | None = None
        self._changed: trio.Event | None = None
        self.evaluation.mask_declared()  # before anything is told: a command may come before the run begins

    # --- events ---

    def emit(
        self,
        type_: str,
        step: str | None = None,
        attempt: int | None = None,
        data: Mapping[str, Any] = NOTHING,
        labels: Mapping[str, str] = NOTHING,
    ) -> int:
        """Add an event to the journal; its number."""
        seq = len(self.history) + 1
        self.surroundings.journal.submit(self, self._event(seq, type_, step, attempt, data, labels))
        return seq

    def show(
        self,
        type_: str,
        step: str,
        attempt: int,
        data: Mapping[str, Any],
        labels: Mapping[str, str] = NOTHING,
    ) -> None:
        """Publish a live event: no number, no journal."""
        if not self.surroundings.bus.silent:
            self.surroundings.bus.publish(self._event(None, type_, step, attempt, data, labels))

    def _event(
        self,
        seq: int | None,
        type_: str,
        step: str | None,
        attempt: int | None,
        data: Mapping[str, Any],
        labels: Mapping[str, str],
    ) -> Event:
        if self.masker:
            data = self.masker.data(data)
        return Event(
            self.id,
            self.workflow,
            seq,
            self.surroundings.now(),
            type_,
            step,
            attempt,
            self.correlation_id,
            {**self.labels, **labels} if labels else self.labels,
            data,
        )

    def landed(self, seq: int) -> None:
        """The journal says: all events up to *seq* are durable. Only now anyone may see them."""
        bus = self.surroundings.bus
        for event in self.history[self._durable : seq]:
            bus.publish(event)
        self._durable = seq
        self._tell()

    @property
    def durable_seq(self) -> int:
        """The number of the latest event that is stored."""
        return self._durable

    async def durable(self) -> None:
        """Wait until all that was emitted is stored."""
        wanted = len(self.history)
        if self._durable >= wanted:
            return
        while self._durable < wanted:
            if self.lost is not None:
                await trio.lowlevel.checkpoint()  # cancelled here, if it belongs to the run's own tasks
                raise self.lost
            await self.changed()
        await trio.lowlevel.checkpoint_if_cancelled()  # in the same instant: what was to follow must not

    async def changed(self) -> None:
        """Wait for the next durable event, or change of status."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def lose(self, error: Exception) -> None:
        """Let go of the run at once: nothing more of it is journaled here; its steps are cancelled."""
        if self.lost is None:
            self.lost = error
            self.clock.expose()  # another process may do the same undo now
            self.everything.cancel(reason=str(error))
            self._tell()

    # --- what went before ---

    def stored(self, events: list[Event]) -> None:
        """Take *events*, which are durable and were published by another process, for its history."""
        self.history = events
        self._durable = len(events)

    def settled(self, path: str) -> Event | None:
        """How the step at *path* settled, if the journal had that when this process took the run over."""
        if self.past is None:
            return None
        step = self.past.step(path)
        return None if step is None else step.settled

    def can_retry(self, path: str) -> bool:
        """Whether the step at *path*, about which a person is asked, may still be tried again."""
        return path not in self.in_doubt or first_cause(self.in_doubt[path]) is None

    @contextmanager
    def sheltered(self, path: str, stopper: Stopper) -> Iterator[None]:
        """Keep the unknown step at *path* from being stopped, but by a cancel of the run and by the host."""
        self.in_doubt[path] = stopper
        with trio.CancelScope(shield=not self._exposed) as scope:
            if self._shelters is None:
                self._shelters = set()
            self._shelters.add(scope)
            try:
                yield
            finally:
                self._shelters.discard(scope)
                del self.in_doubt[path]

    def unshelter(self) -> None:
        """End what was sheltered, and shelter nothing any more."""
        self._exposed = True
        for scope in self._shelters or ():
            scope.cancel(reason="the run ends here")

    def stop(self, cause: Cause, since: float | None = None) -> bool:
        """Record *cause* and cancel; False if another was first."""
        first = super().stop(cause, since)
        if first and cause.kind == "cancel":
            self.unshelter()
        return first

    # --- status ---

    def become(self, status: RunStatus, type_: str | None = None, data: Mapping[str, Any] = NOTHING) -> None:
        """Take on *status*, with an event of *type_* that says so."""
        self.status = status
        if status in CLOCK_STANDS:
            self.clock.stop()
        else:
            self.clock.go()
        if type_ is not None:
            self.emit(type_, data=data)
        self._tell()

    def roll_back(self, path: str, error: Failure | None) -> None:
        """A strategy asked for a rollback: a fact of the run from now on, unless it is ending already."""
        overtaken = path and self.root is not None and first_cause(self.root.outer) is not None
        if self.closing or overtaken or not self.stop(rolled_back(path)):
            return
        self.rollback_error = error if error is None or not path else with_path(error, path)
        told = {"step": path or None, "error": None if error is None else error.to_data()}
        self.become(RunStatus.ROLLING_BACK, "workflow.rolling_back", told)
        self.open_gate()

    def finish(self, status: RunStatus, data: Mapping[str, Any]) -> None:
        """The one end."""
        self.become(status, f"workflow.{status}", data)

    # --- pause ---

    def close_gate(self) -> None:
        """Nothing new starts."""
        if self._gate is None:
            self._gate = trio.Event()
            self.wake_calls()

    def open_gate(self) -> None:
        """What has been held back starts."""
        if self._gate is not None:
            self._gate.set()
            self._gate = None
            self.wake_calls()

    def wake_calls(self) -> None:
        """Have what waits for a run that it called look again at what is to be done about it."""
        for call in self.calls.values():
            call.wake()

    @property
    def has_slot(self) -> bool:
        """Whether it counts for ``limits.runs``; one that another run waits for is a part of that."""
        return self.parent is None or bool(self.parent["detached"])

    @property
    def held(self) -> bool:
        """Whether nothing may start now."""
        return self._gate is not None

    async def gate(self) -> None:
        """Wait until something new may start."""
        while self._gate is not None:
            self.maybe_paused()
            await self._gate.wait()
            await trio.lowlevel.checkpoint()  # what else was held may have stopped the block meanwhile

    @property
    def pausable(self) -> bool:
        """Whether its steps are running, so that it can be paused, or go on as it is."""
        return self.status in (RunStatus.RUNNING, RunStatus.WAITING) and not self.closing

    def pause(self, data: Mapping[str, Any] = NOTHING) -> None:
        """Start nothing new, say so, and be paused once no attempt is in flight."""
        self.close_gate()
        self.become(RunStatus.PAUSING, "workflow.pausing", data)
        self.maybe_paused()

    def maybe_paused(self) -> None:
        """A pausing run is paused once no attempt is in flight."""
        if self.status is RunStatus.PAUSING and not self.in_flight:
            self.become(RunStatus.PAUSED, "workflow.paused")

    # --- people ---

    def maybe_waiting(self) -> None:
        """A run whose every task waits for a person is waiting; one where a task goes on is not."""
        if self.status is RunStatus.RUNNING and self.questions and not self.busy and self._unanswered():
            self.become(RunStatus.WAITING, "workflow.waiting", {"steps": sorted(self.questions)})
        elif self.status is RunStatus.WAITING and self.busy:
            self.become(RunStatus.RUNNING)

    def _unanswered(self) -> bool:
        return all(question.answer is None for question in self.questions.values())

    def settled_some(self) -> None:
        """A task has nothing more to do by itself, and no block has ended with it."""
        self.maybe_paused()
        self.maybe_waiting()

    # --- what steps need ---

    def rng(self, path: str) -> random.Random:
        """The random source of the step at *path*; a restart draws the same numbers."""
        return random.Random(f"{self.seed}/{self.id}/{path}")
