"""A run as people ask about it: what happened to each of its steps, and what waits for an answer.

Rule: read from the journal alone, of a run in any state; an event of a type not known here changes nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle import RunState
from treadle._cli.phrases import local_time
from treadle.events import ENDS, SETTLINGS, Event

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.define
class Attempt:
    """One attempt of a step; *error* as in events, None where it had none; *lost*: a crash interrupted it."""

    number: int
    started_at: float
    ended_at: float | None = None
    error: Mapping[str, Any] | None = None
    lost: bool = False


@attrs.define
class StepHistory:
    """What happened to a step, or to one element of a foreach.

    Attributes:
      decided: its condition, once it was asked.
      branch: the block that it took.
      items: of its foreach.
      called: the run that its latest attempt started.
      question: what a person, or a signal, has not answered yet.
      answers: of earlier questions.
      retrying: another attempt is to come.
      settled: how it ended.
      undo: how far taking it back is, or went.
    """

    path: str
    decided: Event | None = None
    branch: str | None = None
    items: list[Any] | None = None
    called: Event | None = None
    attempts: list[Attempt] = attrs.field(factory=list)
    question: Event | None = None
    answers: list[Event] = attrs.field(factory=list)
    retrying: Event | None = None
    settled: Event | None = None
    undo: Event | None = None

    def take(self, event: Event) -> None:
        """Take in the next event of the step."""
        match event.type:
            case "step.decided":
                self._decide(event)
            case "step.expanded":
                self.items = event.data["items"]
            case "step.started":
                self.attempts.append(Attempt(event.attempt or len(self.attempts) + 1, event.time))
                self.question = self.settled = self.retrying = None
            case "step.called":
                self.called = event
            case "step.retrying":
                self.retrying = event
                self._end_attempt(event)
            case "step.waiting" | "step.unknown":
                self.question = event
                if event.data.get("error"):
                    self._end_attempt(event)
            case "step.resolved":
                self.question = None
                self.answers.append(event)
            case "step.undoing" | "step.undone" | "step.undo_failed":
                self.undo = event
            case kind if kind in SETTLINGS:
                self._settle(event)

    def _decide(self, event: Event) -> None:
        if "branch" in event.data:
            self.branch = event.data["branch"]
        else:
            self.decided = event

    def _settle(self, event: Event) -> None:
        self.settled, self.question, self.retrying = event, None, None
        self._end_attempt(event)

    def _end_attempt(self, event: Event) -> None:
        """The latest attempt is over, unless that has been told already."""
        if self.attempts and self.attempts[-1].ended_at is None:
            latest = self.attempts[-1]
            latest.ended_at, latest.error = event.time, event.data.get("error")
            latest.lost = event.type == "step.unknown" or bool(event.data.get("lost"))


@attrs.define
class History:
    """What happened in a run.

    Attributes:
      steps: by path, in the order in which they first appeared; that of the run's own question is empty text.
      commands: what was asked of the run, and answered.
      rolling_back: who asked for the rollback.
      end: the last event, once there is one.
    """

    events: list[Event] = attrs.field(factory=list)
    state: RunState = attrs.field(factory=RunState)
    steps: dict[str, StepHistory] = attrs.field(factory=dict)
    commands: list[Event] = attrs.field(factory=list)
    rolling_back: Event | None = None
    end: Event | None = None

    @classmethod
    def fold(cls, events: Iterable[Event]) -> History:
        """The history that *events* tell, all of one run, from its first."""
        history = cls()
        for event in events:
            history.take(event)
        return history

    def take(self, event: Event) -> None:
        """Take in the next event."""
        self.events.append(event)
        self.state.apply(event)
        if event.step is not None and event.type.startswith("step."):
            if event.step not in self.steps:
                self.steps[event.step] = StepHistory(event.step)
            self.steps[event.step].take(event)
        elif event.type == "workflow.command":
            self.commands.append(event)
        elif event.type == "workflow.rolling_back":
            self.rolling_back = event
        elif event.type in ENDS:
            self.end = event

    @property
    def accepted(self) -> Mapping[str, Any]:
        """The data of the first event: the spec, its hash, the inputs."""
        return self.events[0].data if self.events else {}

    @property
    def questions(self) -> list[Event]:
        """What waits for an answer, oldest first; nothing once the run has ended."""
        if self.end is not None:
            return []
        asked = [step.question for step in self.steps.values() if step.question is not None]
        return sorted(asked, key=lambda event: event.seq or 0)


# --- questions -------------------------------------------------------------------------------------


def asks(event: Event) -> str:
    """What an open question asks, in words, without the step's name."""
    data, subject = event.data, f"step {event.step}" if event.step else "the run"
    error, prompt = data.get("error") or {}, data.get("prompt")
    match data.get("for"):
        case "approval":
            said = f"{subject} waits for an approval"
        case "signal":
            said = f"{subject} waits for the signal {data.get('signal', '')!r}"
        case "workflow":
            what = "is paused" if data.get("status") == "paused" else "waits for an answer"
            what = "nobody drives" if data.get("decisions") else what
            said = f"{subject} waits for run {data.get('run')}, which {what}"
        case "unknown":
            said, prompt = f"{subject} is in doubt", prompt or error.get("message")
        case _:
            after = f" after {error.get('name')}: {error.get('message')}" if error else ""
            said = f"{subject} waits for a decision{after}"
    return f"{said}{f': {prompt}' if prompt else ''}{until(event)}"


def until(event: Event) -> str:
    """When a question is no longer open, and what happens then; empty text where it stays open."""
    seconds = event.data.get("timeout")
    if seconds is None:
        return ""
    then = event.data.get("on_timeout")
    return f" (until {local_time(event.time + seconds)}{f', then {then}' if then else ''})"


def answers(event: Event) -> list[str]:
    """The commands that answer an open question."""
    run, step, data = event.run, shlex.quote(event.step or ""), event.data
    match data.get("for"):
        case "approval":
            fields = "".join(f" --field {name}=…" for name in data.get("fields") or ())
            return [f"treadle approve {run} {step}{fields}", f"treadle reject {run} {step}"]
        case "signal":
            return [f"treadle signal {run} {shlex.quote(str(data.get('signal', '')))}"]
        case "workflow" if not data.get("decisions"):
            return [f"treadle {'resume' if data.get('status') == 'paused' else 'show'} {data.get('run')}"]
        case _:
            return [f"treadle resolve {run} {step} --as {'|'.join(data.get('decisions') or ())}"]
