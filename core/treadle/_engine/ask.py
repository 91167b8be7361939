"""A step waits for a person: what it asks, and what is answered.

Rule 1: the time a person may take is wall clock. It runs on while the run is paused, or nobody drives it;
        what then follows starts when the run goes on.
Rule 2: an answer and the command that gave it are emitted together, with nothing awaited in between: whoever
        is told that the answer was accepted can rely on it.
Rule 3: a question that the journal leaves open is the same question after a crash: it is not told again, and
        as old as it is. One that the journal answers is not put again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import trio

from treadle._frontier import ABSENT
from treadle._kinds import Answer
from treadle.events import Resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from treadle._engine.run import Run
    from treadle._kinds import Ask
    from treadle._past import Past, StepPast
    from treadle.errors import Failure
    from treadle.events import Event

DECISIONS = tuple(Resolve)
OF_FAILURES = ("decision", "unknown")
"""Kinds of questions about what becomes of a step; the others are put by an attempt while it is made."""

WENT_ON = "went_on"
"""The answer of a called run that goes on without anybody's doing in its caller."""

_LOOK_SECONDS = 30.0  # a wall clock that is set, or a machine that slept, is noticed within this
_LOOK_PARTS = 64  # or this part of the time that is left


class Question:
    """One open question.

    Attributes:
      kind: ``decision``, ``unknown``, ``approval`` or ``signal``; ``workflow`` is that of a run that the
        step called, and answered there, or where it has `decisions`, what becomes of the step without it.
      told: the data of the event that put it.
      asked_at: when that was; seconds since 1970 UTC.
      answer: None until there is one.
      match: of a signal: whether its payload is wanted; None until the step is there to judge it.
    """

    __slots__ = (
        "_answered",
        "_labels",
        "answer",
        "asked_at",
        "attempt",
        "kind",
        "match",
        "path",
        "run",
        "told",
    )

    def __init__(
        self,
        run: Run,
        path: str,
        attempt: int | None,
        told: Mapping[str, Any],
        asked_at: float,
        labels: Mapping[str, str],
    ) -> None:
        self.run = run
        self.path = path
        self.attempt = attempt
        self.told = told
        self.kind: str = told["for"]
        self.asked_at = asked_at
        self.answer: Answer | None = None
        self.match: Callable[[Any], bool] | None = None
        self._labels = labels
        self._answered = trio.Event()

    @classmethod
    def of(cls, run: Run, event: Event) -> Self:
        """The question that *event* put."""
        return cls(run, event.step or "", event.attempt, event.data, event.time, event.labels)

    @property
    def prompt(self) -> str | None:
        """What the person is asked."""
        prompt: str | None = self.told.get("prompt")
        return prompt

    @property
    def decisions(self) -> Sequence[str]:
        """What may be answered."""
        decisions: Sequence[str] = self.told["decisions"]
        return decisions

    def settle(self, decision: str, *, timed_out: bool = False, who: str | None = None, **given: Any) -> None:
        """Journal the answer and let the step go on with it; only the first counts.

        *given*, unless None: ``output`` or ``fields``, a ``comment``, the id of the ``request`` that brought
        it, the number of the ``signal`` that did.
        """
        if self.answer is not None:
            return
        by = "timeout" if timed_out else "run" if decision == WENT_ON else "person"
        told: dict[str, Any] = {"decision": str(decision), "by": by}
        told |= {key: value for key, value in {"who": who, **given}.items() if value is not None}
        seq = self.run.emit("step.resolved", self.path, self.attempt, told, self._labels)
        self.answer = answer_of(self.run.history[seq - 1])
        self._answered.set()

    async def wait(self) -> None:
        """Wait for the answer; once the time is up, what `on_timeout` says is the answer."""
        while self.answer is None and (left := self._left()) > 0:
            with trio.move_on_after(_look(left)):
                await self.given()
        self.settle(self.told.get("on_timeout") or "fail", timed_out=True)

    async def given(self) -> None:
        """Wait until there is an answer."""
        await self._answered.wait()

    def _left(self) -> float:
        """Seconds by the wall clock."""
        timeout: float | None = self.told.get("timeout")
        return math.inf if timeout is None else self.asked_at + timeout - self.run.surroundings.now()


def _look(left: float) -> float:
    """Seconds until the wall clock is looked at again."""
    return left if left <= _LOOK_SECONDS or left == math.inf else max(_LOOK_SECONDS, left // _LOOK_PARTS)


def answer_of(event: Event) -> Answer:
    """What a ``step.resolved`` says."""
    data = event.data
    return Answer(
        decision=data["decision"],
        timed_out=data["by"] == "timeout",
        by=data.get("who"),
        at=event.time,
        value=data.get("fields", data.get("output")),
        comment=data.get("comment"),
    )


def reopen(run: Run, past: Past) -> None:
    """Put up the questions that the journal leaves open, so that they can be answered from now on.

    The steps that put them take them over when they are there again.
    """
    for path, step in past.steps.items():
        if step.waiting is None or step.waiting is not step.last or step.resolved is not None:
            continue
        if not _is_over(past, path):
            run.questions[path] = Question.of(run, step.waiting)


def _is_over(past: Past, path: str) -> bool:
    """Whether nobody waits for the answer any more: the run was cancelled, or its end is decided."""
    first, *rest = path.split(".")
    if first == "finally":
        return False
    return past.ending is not None or (past.cancelling is not None and "undo" not in rest)


def before(past: StepPast | None, attempt: int | None, kinds: Sequence[str]) -> Event | None:
    """The event by which the journal says that this very question was put already."""
    waiting = None if past is None else past.waiting
    if waiting is None or waiting.attempt != attempt or waiting.data["for"] not in kinds:
        return None
    return waiting


def put(
    run: Run,
    path: str,
    attempt: int | None,
    told: Mapping[str, Any],
    labels: Mapping[str, str],
    earlier: Event | None,
) -> Question:
    """The question of the step at *path*: that of *earlier*, or a new one, which is told."""
    open_before = run.questions.get(path)
    if earlier is None:
        kind = "step.unknown" if told["for"] == "unknown" else "step.waiting"
        seq = run.emit(kind, path, attempt, told, labels)
        question = Question.of(run, run.history[seq - 1])
    elif open_before is not None and open_before.attempt == earlier.attempt:
        question = open_before
    else:
        question = Question.of(run, earlier)
    run.questions[path] = question
    return question


async def answered(question: Question, *, in_flight: int = 0) -> Answer:
    """Wait for the answer, and until the run goes on: a run that waits for a person can be paused.

    *in_flight*: 1 where an attempt asks, which does not count as at work meanwhile.
    """
    run = question.run
    run.in_flight -= in_flight
    run.sleeping -= in_flight
    try:
        await _waited(run, question)
        await run.gate()
    finally:
        run.in_flight += in_flight
        run.sleeping += in_flight
    assert question.answer is not None
    return question.answer


async def _waited(run: Run, question: Question) -> None:
    if question.answer is not None:
        run.questions.pop(question.path, None)
        await trio.lowlevel.checkpoint()
        return
    run.busy -= 1
    run.settled_some()
    try:
        await run.durable()
        await question.wait()
    finally:
        run.questions.pop(question.path, None)
        run.busy += 1
        run.maybe_waiting()


async def ask(
    run: Run,
    path: str,
    attempt: int | None,
    error: Failure,
    how: Ask,
    *,
    labels: Mapping[str, str],
    decisions: tuple[Resolve, ...] = DECISIONS,
    output: Any = ABSENT,
    past: StepPast | None = None,
) -> tuple[Resolve, Any]:
    """Ask a person what becomes of the step at *path*; the decision, and the output given with it.

    *output* is what the failed step has, and *past* what the journal says of it, where the question was put
    before a crash.
    """
    earlier = before(past, attempt, OF_FAILURES)
    if earlier is not None and past is not None and past.resolved is not None:
        await run.gate()
        answer = answer_of(past.resolved)
    else:
        told: dict[str, Any] = {
            "for": "decision",
            "error": error.to_data(),
            "prompt": how.prompt,
            "timeout": how.timeout,
            "on_timeout": how.on_timeout,
            "decisions": [str(decision) for decision in decisions],
        }
        if output is not ABSENT:
            told["output"] = output
        answer = await answered(put(run, path, attempt, told, labels, earlier))
    return Resolve(answer.decision), answer.value
