"""How an attempt that waits for a called run stands: at work, at rest, or asking a person to see to that.

Rule: an attempt at rest is not in flight, so that its run can be paused; one that asks is not busy either, so
      that its run waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._engine.ask import WENT_ON, answer_of, before, put
from treadle._engine.undriven import decided

if TYPE_CHECKING:
    from treadle._engine.ask import Question
    from treadle._engine.step import StepRun
    from treadle._kinds import Answer


class Standing:
    """How one attempt stands that waits for a called run.

    Attributes:
      question: that is open, perhaps since before a crash.
      asks: the attempt does nothing else.
    """

    def __init__(self, step: StepRun) -> None:
        self.question: Question | None = None
        self.asks = False
        self._step = step
        self._run = step.run
        self._resting = False

    def recall(self) -> Answer | None:
        """Take up the question that a crash left open; what was decided without the called run, if it was."""
        step = self._step
        earlier = before(step.past, step.attempt, ("workflow",))
        if earlier is None or step.past is None:
            return None
        if step.past.resolved is not None:
            answer = answer_of(step.past.resolved)
            return answer if decided(answer) else None
        self.question = put(step.run, step.path, step.attempt, {}, step.labels, earlier)
        return self.decision

    @property
    def decides(self) -> bool:
        """Whether it is asked what is to become of the attempt without the called run."""
        return self.question is not None and bool(self.question.decisions)

    @property
    def decision(self) -> Answer | None:
        """What a person has decided without the called run."""
        return self.question.answer if self.question is not None and self.decides else None

    def ask(self, told: dict[str, Any]) -> Question:
        """Ask what is *told*, unless that is asked already, and be at rest."""
        if self.question is not None and self.decides != bool(told["decisions"]):
            self.at_work()
        step, run = self._step, self._run
        if self.question is None:
            self.question = put(run, step.path, step.attempt, told, step.labels, None)
        if not self.asks:
            self.asks = True
            self.rest()
            run.busy -= 1
            run.settled_some()
        return self.question

    def rest(self) -> None:
        """Be at rest, as the called run is."""
        if not self._resting:
            self._resting = True
            self._run.in_flight -= 1
            self._run.sleeping -= 1
            self._run.maybe_paused()

    def at_work(self, went_on: str | None = None) -> None:
        """Be at work; *went_on*: the called run that is, which answers what was asked because of it."""
        run = self._run
        if self._resting:
            self._resting = False
            run.in_flight += 1
            run.sleeping += 1
        if self.question is not None:
            question, self.question = self.question, None
            run.busy += self.asks
            self.asks = False
            if run.questions.get(question.path) is question:
                del run.questions[question.path]
            if went_on is not None:
                question.settle(WENT_ON, who=f"run {went_on}")
            run.maybe_waiting()
