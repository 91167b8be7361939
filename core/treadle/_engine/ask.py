"""A step waits for a person.

Rule: the time a person may take is wall clock. It runs on while the run is paused; what then follows starts
when the run goes on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import trio

from treadle.events import Resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._engine.run import Run
    from treadle._kinds import Ask
    from treadle.errors import Failure

DECISIONS = tuple(Resolve)


class Question:
    """One open question.

    Attributes:
      decisions: what may be answered.
      prompt: what the person is asked.
    """

    __slots__ = ("_answered", "answer", "decisions", "error", "output", "path", "prompt")

    def __init__(self, path: str, error: Failure, prompt: str | None, decisions: tuple[Resolve, ...]) -> None:
        self.path = path
        self.error = error
        self.prompt = prompt
        self.decisions = decisions
        self.answer: Resolve | None = None
        self.output: Any = None
        self._answered = trio.Event()

    def resolve(self, answer: Resolve, output: Any = None) -> None:
        """Give the answer; only the first counts."""
        if self.answer is None:
            self.answer = answer
            self.output = output
            self._answered.set()

    async def wait(self, seconds: float) -> None:
        """Wait for the answer, *seconds* at most."""
        with trio.move_on_after(seconds):
            await self._answered.wait()


async def ask(
    run: Run,
    path: str,
    attempt: int | None,
    error: Failure,
    how: Ask,
    *,
    labels: Mapping[str, str],
    decisions: tuple[Resolve, ...] = DECISIONS,
) -> tuple[Resolve, Any]:
    """Ask a person what becomes of the step at *path*; the decision, and the output given with it."""
    question = Question(path, error, how.prompt, decisions)
    told = {
        "for": "decision",
        "error": error.to_data(),
        "prompt": how.prompt,
        "timeout": how.timeout,
        "on_timeout": how.on_timeout,
        "decisions": [str(decision) for decision in decisions],
    }
    run.emit("step.waiting", path, attempt, told, labels)
    run.questions[path] = question
    run.busy -= 1
    run.settled_some()
    try:
        await run.durable()
        await question.wait(math.inf if how.timeout is None else how.timeout)
    finally:
        del run.questions[path]
        run.busy += 1
        run.maybe_waiting()
    answer = question.answer or Resolve(how.on_timeout or "fail")
    by = "person" if question.answer else "timeout"
    run.emit("step.resolved", path, attempt, {"decision": str(answer), "by": by}, labels)
    await run.gate()
    return answer, question.output
