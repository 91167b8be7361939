"""How far a journal says that each step of a run had come; what a run that goes on starts from.

Rule 1: a pure fold of the journal, like `RunState`, but for the engine: attempts, waits, answers, undos.
Rule 2: nothing here decides what becomes of a step, but for `resume_point`, which looks at one step alone.
Rule 3: driven time, in which limits are measured, stands still while the run is paused, waits or is down.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

from treadle._state import CLOCK_STANDS, RunState
from treadle.events import SETTLINGS, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_LOST = 3
"""An attempt that crashes interrupt so many times in a row fails its step."""


class Resume(enum.Enum):
    """How a step that has not settled goes on."""

    BEGIN = enum.auto()  # nothing of it was journaled
    IN_FLIGHT = enum.auto()  # an attempt was being made
    BETWEEN = enum.auto()  # the next attempt or round was to come
    ASKED = enum.auto()  # a person was asked what becomes of it, and may have answered


@attrs.define(eq=False, repr=False)
class StepPast:
    """What the journal says of one step, or one element of a foreach.

    Attributes:
      decided: its ``step.decided`` with the value of ``when``.
      items: of its foreach.
      began: its first start.
      limited: the run's driven time when its deadline began to run; None: it has not, or not anew.
      attempt: number of the latest attempt; *started* its event, *started_driven* the driven time then.
      tries: attempts of this round that have ended, without those that a crash interrupted.
      drawn: delays that this round's backoff has given.
      lost: attempts that crashes interrupted, in a row.
      round, round_began: of its ``repeat``, from 1; when it began, wall clock.
      previous: output of the round before.
      kept: attempts that completed a round, so that what they did stands.
      retrying: the latest ``step.retrying``.
      called: the latest ``step.called``: the run that an attempt started.
      waiting, resolved: the latest question of the latest attempt, and its answer.
      happened: an attempt came back although it had been told to stop; its output, if that is known.
      last: the latest event of the step itself.
      settled: how it ended.
      stopped: by kind of timer, the number of the ``step.stopping`` that said its time was up.
    """

    decided: Event | None = None
    items: list[Any] | None = None
    began: Event | None = None
    limited: float | None = None
    attempt: int = 0
    started: Event | None = None
    started_driven: float = 0.0
    tries: int = 0
    drawn: int = 0
    lost: int = 0
    round: int = 1
    round_began: float = 0.0
    previous: Any = None
    kept: list[int] = attrs.field(factory=list)
    retrying: Event | None = None
    called: Event | None = None
    waiting: Event | None = None
    resolved: Event | None = None
    happened: dict[str, Any] | None = None
    last: Event | None = None
    settled: Event | None = None
    stopped: dict[str, int] = attrs.field(factory=dict)

    @property
    def unknown(self) -> bool:
        """Whether a person was asked because a crash interrupted its attempt."""
        return self.waiting is not None and self.waiting.type == "step.unknown"

    def take(self, event: Event, driven: float) -> None:
        """Take in the next event of this step."""
        match event.type:
            case "step.decided":
                if "when" in event.data:
                    self.decided = event
            case "step.expanded":
                self.items = event.data["items"]
            case "step.started":
                self._start(event, driven)
            case "step.retrying":
                self._retry(event)
            case "step.waiting" | "step.unknown":
                self.waiting, self.resolved, self.last = event, None, event
            case "step.called":
                self.called = event
            case "step.resolved":
                self._resolve(event)
            case "step.stopping":
                self.stopped[event.data["kind"]] = event.seq or 0
            case kind if kind in SETTLINGS:
                self.settled = self.last = event
                self.happened = event.data.get("happened", self.happened)

    def _start(self, event: Event, driven: float) -> None:
        if self.began is None:
            self.began = event
        if self.limited is None:
            self.limited = driven
        if not self.tries and not self.lost:
            self.round_began = event.time
        self.attempt = event.attempt or 0
        self.started, self.started_driven, self.last = event, driven, event
        self.waiting = self.resolved = None
        self.stopped.pop("timeout", None)

    def _retry(self, event: Event) -> None:
        self.retrying = self.last = event
        self.happened = event.data.get("happened", self.happened)
        if event.data.get("lost"):
            self.lost += not event.data.get("suspended")  # a process that was told to leave did not crash
            return
        self.lost = 0
        if "round" in event.data:
            self._new_round(event.data["round"])
            self.previous = event.data.get("output")
            self.kept.append(event.attempt or 0)
        else:
            self.tries += 1
            self.drawn += 1

    def _resolve(self, event: Event) -> None:
        self.resolved = event
        if self.waiting is None or self.waiting.data.get("for") in _INSIDE:
            return
        self.last = event
        self.lost = 0
        if event.data.get("decision") == "retry":
            self._new_round(1)
            self.previous = None
            if self.stopped.pop("deadline", None) is not None:
                self.limited = None  # it was up, and the step has all of it again

    def _new_round(self, number: int) -> None:
        self.round, self.tries, self.drawn = number, 0, 0


_INSIDE = ("approval", "signal", "workflow")  # questions that an attempt puts while it is made


def resume_point(past: StepPast) -> Resume:
    """How a step goes on that has not settled."""
    last = past.last
    if last is None:
        return Resume.BEGIN
    if last.type in ("step.waiting", "step.unknown", "step.resolved"):
        inside = past.waiting is not None and past.waiting.data.get("for") in _INSIDE
        return Resume.IN_FLIGHT if inside else Resume.ASKED
    return Resume.BETWEEN if last.type == "step.retrying" else Resume.IN_FLIGHT


@attrs.define(eq=False, repr=False)
class Past:
    """What the journal of one run says.

    Attributes:
      state: the same as people see it.
      steps: by path; that of the run's own question is empty text.
      inside: by path of a block (with its attempt, as ``ship#2``), the settlings right inside it, in order.
      undos: by number of the completion that is taken back, the latest event of its undo.
      undoing_driven: by the same number, the driven time when its undo began.
      commands: those that were accepted, in order.
      taken: numbers of the commands that brought the signals which steps have taken.
      handled: by id of its request, what was answered.
      driven: seconds that the run was driven.
    """

    state: RunState = attrs.field(factory=RunState)
    steps: dict[str, StepPast] = attrs.field(factory=dict)
    inside: dict[str, list[Event]] = attrs.field(factory=dict)
    undos: dict[int, Event] = attrs.field(factory=dict)
    undoing_driven: dict[int, float] = attrs.field(factory=dict)
    commands: list[Event] = attrs.field(factory=list)
    handled: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    taken: set[int] = attrs.field(factory=set)
    accepted: Event | None = None
    started: Event | None = None
    cancelling: Event | None = None
    rolling_back: Event | None = None
    stopping: Event | None = None
    ending: Event | None = None
    driven: float = 0.0
    _latest: float | None = None

    @classmethod
    def fold(cls, events: Iterable[Event]) -> Past:
        """What *events* say, all of one run, from its first."""
        past = cls()
        for event in events:
            past.take(event)
        return past

    def take(self, event: Event) -> None:
        """Take in the next event."""
        self._count(event)
        self.state.apply(event)
        if event.type.startswith("workflow."):
            self._of_the_run(event)
        elif event.type in ("step.undoing", "step.undone", "step.undo_failed"):
            self.undos[event.data["of"]] = event
            if event.type == "step.undoing":
                self.undoing_driven[event.data["of"]] = self.driven
        elif event.type.startswith("step.") and event.type != "step.tolerated":
            path = event.step or ""
            if path not in self.steps:
                self.steps[path] = StepPast()
            self.steps[path].take(event, self.driven)
            if "signal" in event.data and event.type == "step.resolved":
                self.taken.add(event.data["signal"])
            if event.type in SETTLINGS:
                self.inside.setdefault(path.rpartition(".")[0], []).append(event)

    def step(self, path: str) -> StepPast | None:
        """What there is about the step at *path*; None if it had not come that far."""
        return self.steps.get(path)

    def kept_signals(self) -> list[Event]:
        """The commands that brought signals which no step has taken."""
        return [one for one in self.commands if one.data["command"] == "signal" and one.seq not in self.taken]

    def open_inside(self, prefix: str) -> list[str]:
        """The paths right inside the foreach at *prefix* that have not settled."""
        return [path for path in self.state.inside(prefix) if (step := self.step(path)) and not step.settled]

    def settlings(self, prefix: str) -> Sequence[Event]:
        """How the steps of the block, or the elements of the foreach, at *prefix* settled, in order."""
        return self.inside.get(prefix, ())

    def _count(self, event: Event) -> None:
        """Add the time since the event before to the driven time, unless the clock stood still."""
        if (
            self._latest is not None
            and self.state.status not in CLOCK_STANDS
            and event.type != "workflow.recovered"
        ):
            self.driven += max(0.0, event.time - self._latest)
        self._latest = event.time

    def _of_the_run(self, event: Event) -> None:
        match event.type:
            case "workflow.accepted":
                self.accepted = event
            case "workflow.started":
                self.started = event
                self.driven = 0.0
            case "workflow.cancelling":
                self.cancelling = event
            case "workflow.rolling_back":
                self.rolling_back = event
            case "workflow.stopping":
                self.stopping = event
            case "workflow.ending":
                self.ending = event
            case "workflow.command":
                self._of_a_command(event.data, event)

    def _of_a_command(self, data: Mapping[str, Any], event: Event) -> None:
        if data.get("answer") == "accepted":
            self.commands.append(event)
        if "request" in data:
            self.handled[data["request"]] = {
                key: data[key] for key in ("answer", "why", "state") if key in data
            }
