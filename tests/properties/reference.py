"""A reference interpreter of one block: what language.md says about outcomes, and nothing clever.

It keeps only what has happened (settlements, starts) and works everything else out from scratch each
time. There is no concurrency: which running step ends next is given by a list of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

Result = Literal["completed", "skipped", "tolerated", "failed", "omitted", "cancelled"]
Ends = Literal["completed", "tolerated", "stop", "drain", "rollback", "cancelled"]
Why = Literal["ran", "examined", "unmet", "too few", "stopped"]

FAILURES = {"stop", "drain", "rollback"}


@attrs.frozen
class Task:
    """One step.

    Attributes:
      needs: by index of the step needed, the results that satisfy.
      at_least: how many of which steps must complete.
      examined: what becomes of it when its needs are satisfied: None, it runs; else it settles so.
      ends: how it settles if it runs.
    """

    needs: Mapping[int, frozenset[Result]]
    at_least: tuple[int, frozenset[int]] | None
    examined: Literal["skipped", "stop", "drain", "tolerated"] | None
    ends: Ends


@attrs.frozen
class Settlement:
    """One step settled."""

    step: int
    result: Result
    why: Why
    ends: str


def result_of(ends: str) -> Result:
    return "failed" if ends in FAILURES else ends  # type: ignore[return-value]


@attrs.define
class Interpreter:
    """Runs *tasks*; *choices* say which running step ends next; it is stopped after *stop_after* ends."""

    tasks: Sequence[Task]
    choices: Sequence[int]
    max_parallel: int | None
    stop_after: int | None
    history: list[Settlement] = attrs.field(factory=list)
    ready: list[int] = attrs.field(factory=list)
    started: list[int] = attrs.field(factory=list)

    def run(self) -> list[Settlement]:
        """Every settlement, in order."""
        for turn in range(len(self.tasks) + 1):
            self._conclude()
            if turn == self.stop_after:
                self._omit_the_rest()
            running = [step for step in self.started if not self._settled(step)]
            if not running:
                break
            step = running[self.choices[turn % len(self.choices)] % len(running)]
            self._settle(step, self.tasks[step].ends, "ran")
        return self.history

    def first_fatal(self) -> int | None:
        return next((one.step for one in self.history if one.ends in FAILURES), None)

    def _conclude(self) -> None:
        """Everything that follows from the history, then the starts that slots allow."""
        while not self._stopped() and (due := self._due()):
            self._decide(min(due)[-1])
        if self._stopped():
            self._omit_the_rest()
        while self.ready and self._slots_free():
            self.started.append(self.ready.pop(0))

    def _slots_free(self) -> bool:
        running = sum(not self._settled(step) for step in self.started)
        return self.max_parallel is None or running < self.max_parallel

    def _due(self) -> list[tuple[int, bool, int]]:
        """The steps that can be decided, keyed by when that came about, counted steps after needed ones."""
        due = []
        for step, task in enumerate(self.tasks):
            if self._known(step):
                continue
            for moment in range(len(self.history) + 1):
                if self._verdict(step, moment) is not None:
                    counted = moment > 0 and self.history[moment - 1].step not in task.needs
                    due.append((moment, counted, step))
                    break
        return due

    def _verdict(self, step: int, moment: int) -> Why | Literal["go"] | None:
        """What the first *moment* settlements say about *step*; None if nothing yet."""
        task = self.tasks[step]
        past = {one.step: one.result for one in self.history[:moment]}
        if task.at_least is not None:
            count, ids = task.at_least
            completed = sum(past.get(i) == "completed" for i in ids)
            if completed + sum(i not in past for i in ids) < count:
                return "too few"
        if any(need not in past for need in task.needs):
            return None
        if any(past[need] not in accepted for need, accepted in task.needs.items()):
            return "unmet"
        if task.at_least is not None and completed < count:
            return None
        return "go"

    def _decide(self, step: int) -> None:
        moments = range(len(self.history) + 1)
        verdict = next(said for moment in moments if (said := self._verdict(step, moment)))
        task = self.tasks[step]
        if verdict != "go":
            self._settle(step, "omitted", verdict)  # type: ignore[arg-type]
        elif task.examined is not None:
            self._settle(step, task.examined, "examined")
        else:
            self.ready.append(step)

    def _omit_the_rest(self) -> None:
        self.ready.clear()
        for step in range(len(self.tasks)):
            if not self._settled(step) and step not in self.started:
                self._settle(step, "omitted", "stopped")

    def _settle(self, step: int, ends: str, why: Why) -> None:
        self.history.append(Settlement(step, result_of(ends), why, ends))

    def _settled(self, step: int) -> bool:
        return any(one.step == step for one in self.history)

    def _known(self, step: int) -> bool:
        return self._settled(step) or step in self.started or step in self.ready

    def _stopped(self) -> bool:
        return any(one.ends in ("stop", "rollback") for one in self.history)
