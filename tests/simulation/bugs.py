"""Bugs made by hand, to be patched into the engine: each must be seen by the oracle.

A bug is a function that plants itself. `BUGS` says with which workflow, commands and deaths it shows, and
what the oracle then says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import pytest
from tests.simulation.crashes import Death
from tests.simulation.people import Command

from treadle._engine import ask, frame, life, once, recovery, reentry, settlement
from treadle._engine import replay as replaying
from treadle._engine.attempt import Attempt
from treadle._engine.bus import SinkQueue
from treadle._engine.frame import Frame
from treadle._engine.run import Run
from treadle._engine.step import StepRun
from treadle._engine.stop import Stopper
from treadle._engine.undo import UndoLog
from treadle._frontier import Frontier
from treadle._past import Past, StepPast
from treadle.errors import Failure

Patch = pytest.MonkeyPatch


@attrs.frozen
class Bug:
    """A planted bug, what makes it show, and what the oracle says of it."""

    plant: Callable[[Patch], None]
    spec: Mapping[str, Any]
    says: str
    given: Sequence[Command] = ()
    deaths: Sequence[Death] = ()
    lag: float | None = None


def act(**settings: Any) -> dict[str, Any]:
    return {"act": settings}


UNDO = {"undo": act()}
FAILS: Mapping[str, Any] = {
    "on_error": "rollback",
    "steps": [{"id": "a", **act(), **UNDO}, {"id": "b", **act(), **UNDO}, {"id": "c", **act(fails=9)}],
}
FAILS_BESIDE = {
    "steps": {"a": act(fails=9), "b": act(takes="1s"), "c": {"needs": ["b"], **act()}},
}
FAILS_BEFORE = {"steps": [{"id": "a", **act(fails=9)}, {"id": "b", **act()}]}
SLOW = {"steps": [{"id": "a", **act(takes="2s")}, {"id": "b", **act(takes="2s")}]}
SAFE = {"steps": [{"id": "a", "repeatable": True, **act(takes="2s")}, {"id": "b", **act(takes="2s")}]}
PAUSE = [(0.5, "pause", ""), (10.0, "resume", "")]
CANCEL = [(0.5, "cancel", "")]


# --- while it runs ---


def has_no_gate(patch: Patch) -> None:
    async def gate(self: Run) -> None:
        pass

    patch.setattr(Run, "gate", gate)
    patch.setattr(Run, "held", property(lambda self: False))


def undoes_the_oldest_first(patch: Patch) -> None:
    take = UndoLog.take
    patch.setattr(UndoLog, "take", lambda self: take(self)[::-1])


def forgets_an_undo(patch: Patch) -> None:
    take = UndoLog.take
    patch.setattr(UndoLog, "take", lambda self: take(self)[1:])


def needs_nothing(patch: Patch) -> None:
    def eager(self: Frontier, step: int, work: list[int], moves: Any) -> None:
        block, self._block = self._block, _Needless(self._block)  # type: ignore[assignment]
        try:
            decide(self, step, work, moves)
        finally:
            self._block = block

    def impatient(self: Frontier, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        self._waits = [0] * len(self._waits)

    init, decide = Frontier.__init__, Frontier._decide
    patch.setattr(Frontier, "__init__", impatient)
    patch.setattr(Frontier, "_decide", eager)
    patch.setattr(Frontier, "_spread", lambda self, work, moves: None)


class _Needless:
    def __init__(self, block: Any) -> None:
        self._block = block
        self.needs = [()] * len(block.need_counts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._block, name)


def goes_on_after_a_failure(patch: Patch) -> None:
    patch.setattr(Frontier, "_halt", lambda self, cause, moves: None)
    patch.setattr(Frontier, "_unmet", lambda self, step: "")


def tells_twice(patch: Patch) -> None:
    def twice(step: StepRun, outcome: Any, undo: Any, told: Any = None, **more: Any) -> None:
        settled(step, outcome, undo, told, **more)
        settled(step, outcome, UndoLog(), told, **more)

    settled = settlement.settled
    patch.setattr(frame, "settled", twice)


def works_twice(patch: Patch) -> None:
    async def twice(step: StepRun) -> Any:
        await work(step)
        return await work(step)

    work = once.work
    patch.setattr(once, "work", twice)


def loses_an_event(patch: Patch) -> None:
    give = SinkQueue._give
    patch.setattr(SinkQueue, "_give", lambda self, batch: give(self, batch[1:]))


def is_paused_too_early(patch: Patch) -> None:
    def early(self: Run) -> None:
        if self.status == "pausing":
            self.become(type(self.status)("paused"), "workflow.paused")

    patch.setattr(Run, "maybe_paused", early)


def takes_no_notice_of_a_cancel(patch: Patch) -> None:
    def deaf(self: Run, cause: Any, since: float | None = None) -> bool:
        return cause.kind == "cancel" or Stopper.stop(self, cause, since)

    patch.setattr(Run, "stop", deaf)


def forgets_to_settle(patch: Patch) -> None:
    record = Frame.record

    def lossy(self: Frame, index: int, outcome: Any, step: Any) -> None:
        if step is not None:
            record(self, index, outcome, step)

    patch.setattr(Frame, "record", lossy)


def shows_what_is_not_stored(patch: Patch) -> None:
    def hasty(self: Run, *args: Any, **more: Any) -> int:
        seq = emit(self, *args, **more)
        self.surroundings.bus.publish(self.history[-1])
        return seq

    emit = Run.emit
    patch.setattr(Run, "emit", hasty)


def works_before_its_start_is_stored(patch: Patch) -> None:
    async def hasty(self: Run) -> None:
        pass

    patch.setattr(Run, "durable", hasty)


# --- when it goes on after a crash ---


def owes_nothing_after_a_crash(patch: Patch) -> None:
    def forgetful(block: Frame, past: Past) -> list[int]:
        running = replay(block, past)
        block.undo.take()
        return running

    replay = replaying.replay
    patch.setattr(replaying, "replay", forgetful)


def undoes_again_after_a_crash(patch: Patch) -> None:
    fold = Past.fold.__func__  # type: ignore[attr-defined]

    def forgetful(cls: type[Past], events: Any) -> Past:
        past: Past = fold(cls, events)
        past.undos.clear()
        return past

    patch.setattr(Past, "fold", classmethod(forgetful))


def repeats_what_must_not_be_repeated(patch: Patch) -> None:
    patch.setattr(reentry, "repeatable", lambda step: True)


def begins_again_in_the_same_attempt(patch: Patch) -> None:
    patch.setattr(reentry, "enters_again", lambda step: True)


def numbers_attempts_anew(patch: Patch) -> None:
    def anew(self: StepRun, past: StepPast) -> None:
        stand(self, past)
        self.attempt = 0

    stand = StepRun.stand
    patch.setattr(StepRun, "stand", anew)


def takes_what_is_unknown_for_failed(patch: Patch) -> None:
    def gloomy(step: StepRun, past: StepPast, taken: reentry.TakenUp) -> None:
        taken.crashed = Failure("crash", "it has surely failed")

    patch.setattr(reentry, "_interrupted", gloomy)


def never_gives_up(patch: Patch) -> None:
    patch.setattr(reentry, "MOST_LOST", 99)


def gives_up_at_once(patch: Patch) -> None:
    patch.setattr(reentry, "MOST_LOST", 1)


def forgets_a_pause(patch: Patch) -> None:
    patch.setattr(recovery, "_hold", lambda run, past: None)


def forgets_a_cancel(patch: Patch) -> None:
    patch.setattr(recovery, "_stop_again", lambda run, past: None)


def forgets_what_was_answered(patch: Patch) -> None:
    patch.setattr(Past, "_of_a_command", lambda self, data, event: self.commands.append(event))


def asks_again(patch: Patch) -> None:
    patch.setattr(ask, "before", lambda past, attempt, kinds: None)


def decides_again(patch: Patch) -> None:
    patch.setattr(StepPast, "decided", property(lambda self: None, lambda self, event: None))


def expands_again(patch: Patch) -> None:
    patch.setattr(StepPast, "items", property(lambda self: None, lambda self, items: None))


def waits_from_the_beginning(patch: Patch) -> None:
    patch.setattr(Attempt, "started_at", property(lambda self: self.now()))


def does_not_wait_out_a_delay(patch: Patch) -> None:
    def hasty(step: StepRun, past: StepPast) -> None:
        go_on(step, past)
        if step.taken_up is not None and step.taken_up.resting:
            step.taken_up.resting = 0.0

    go_on = reentry.take_up
    patch.setattr(reentry, "take_up", hasty)


def forgets_finally(patch: Patch) -> None:
    async def forgetful(run: Run, end: Any) -> None:
        if run.past is None:
            await finish(run, end)

    finish = life._finally
    patch.setattr(life, "_finally", forgetful)


def goes_on_without_a_word(patch: Patch) -> None:
    def silent(self: Run, status: Any, type_: str | None = None, *more: Any) -> None:
        become(self, status, None if type_ == "workflow.recovered" else type_, *more)

    become = Run.become
    patch.setattr(Run, "become", silent)


SLOW_UNDO = {
    "on_error": "rollback",
    "steps": [
        {"id": "a", **act(), "undo": act(takes="1s")},
        {"id": "b", **act(), "undo": act(takes="1s")},
        {"id": "c", **act(fails=9)},
    ],
}
CHOOSES = {"steps": {"a": {"when": "true", **act(takes="2s")}}}
EXPANDS = {"steps": {"a": {"foreach": [1, 2], **act(takes="2s")}}}
ASKS = {"steps": {"a": {**act(fails=9), "on_error": {"escalate": {"timeout": "9s", "on_timeout": "fail"}}}}}
WAITS = {"steps": {"a": {"wait": "4s"}}}
RETRIES = {"steps": {"a": {**act(fails=1), "retry": {"attempts": 2, "backoff": {"fixed": "4s"}}}}}
TIDIES = {**SLOW, "finally": [{"id": "tidy", **act(takes="1s")}]}

IN_A = Death(events=3)  # accepted, started, and step a started
AGAIN = Death(events=6)  # recovered, retrying, started

BUGS = [
    Bug(has_no_gate, SLOW, "while the run was paused", PAUSE),
    Bug(undoes_the_oldest_first, FAILS, "was undone after event"),
    Bug(forgets_an_undo, FAILS, "the rollback did not take it back"),
    Bug(needs_nothing, SLOW, "which it needs, was None"),
    Bug(goes_on_after_a_failure, FAILS_BESIDE, "started after a had failed"),
    Bug(tells_twice, SLOW, "settled twice"),
    Bug(works_twice, SLOW, "had 2 effects and 1 starts"),
    Bug(loses_an_event, SLOW, "something else than what is in the journal"),
    Bug(is_paused_too_early, SLOW, "was paused while a was at work", PAUSE),
    Bug(takes_no_notice_of_a_cancel, SLOW, "started after workflow.cancelling", CANCEL),
    Bug(forgets_to_settle, FAILS_BEFORE, "b never settled"),
    Bug(shows_what_is_not_stored, SLOW, "was given events twice", lag=0.25),
    Bug(
        works_before_its_start_is_stored,
        SLOW,
        "had 1 effects and 0 starts",
        deaths=[Death(steps=11)],
        lag=0.25,
    ),
    Bug(owes_nothing_after_a_crash, SLOW_UNDO, "did not take it back", deaths=[Death(events=12)]),
    Bug(undoes_again_after_a_crash, SLOW_UNDO, "was undone twice", deaths=[Death(events=12)]),
    Bug(repeats_what_must_not_be_repeated, SLOW, "is not repeatable, and attempt 1", deaths=[IN_A]),
    Bug(begins_again_in_the_same_attempt, SLOW, "a had 1 effects and 0 starts", deaths=[IN_A]),
    Bug(numbers_attempts_anew, SAFE, "attempt 1 after 1", deaths=[IN_A]),
    Bug(takes_what_is_unknown_for_failed, SLOW, "failed by a crash after 0 lost attempts", deaths=[IN_A]),
    Bug(never_gives_up, SAFE, "in a row were lost", deaths=[IN_A, AGAIN, Death(events=9), Death(events=12)]),
    Bug(gives_up_at_once, SAFE, "failed by a crash after 0 lost attempts", deaths=[IN_A]),
    Bug(forgets_a_pause, SLOW, "started while the run was paused", PAUSE, [Death(events=7, down=2.0)]),
    Bug(forgets_a_cancel, TIDIES, "completed although it was cancelled", CANCEL, [Death(events=7)]),
    Bug(forgets_what_was_answered, SLOW, "request c0 was answered 2 times", PAUSE, [Death(events=5)]),
    Bug(asks_again, ASKS, "asked again", deaths=[Death(events=4)]),
    Bug(decides_again, CHOOSES, "the when of a was evaluated 2 times", deaths=[Death(events=4)]),
    Bug(expands_again, EXPANDS, "the items of a was evaluated 2 times", deaths=[Death(events=4)]),
    Bug(waits_from_the_beginning, WAITS, "too long", deaths=[Death(events=3, down=1.0)]),
    Bug(does_not_wait_out_a_delay, RETRIES, "too early", deaths=[Death(events=4, down=1.0)]),
    Bug(forgets_finally, TIDIES, "finally.tidy never settled", deaths=[IN_A]),
    Bug(goes_on_without_a_word, SLOW, "and went on with", deaths=[IN_A]),
]
