"""Blocks, as a journal left them: the same calls as when they ran, from what was journaled.

Rule 1: nothing is awaited and nothing is emitted about what the journal has; what it does not have yet is
decided and emitted as ever, for a journal holds all that follows from an outcome, or nothing of it.
Rule 2: settled steps are told to the frontier in the order of the journal, which gives the same moves.
Rule 3: inside a block that has settled only what it owes is put together again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._engine.report import ended_by_itself, reported
from treadle._engine.stop import Diverged, before_the_crash
from treadle._frontier import Cause
from treadle._state import STOPPED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle._engine.frame import Frame
    from treadle._engine.undo import UndoLog
    from treadle._past import Past
    from treadle.events import Event


def replay(frame: Frame, past: Past) -> list[int]:
    """Bring *frame* to where the journal ended; the steps that had started or may start now."""
    from treadle._engine.reentry import restore

    moves = frame.frontier.open()
    frame.record_derived(moves)
    running = dict.fromkeys(moves.start)
    told = _told(frame, past)
    for place, (index, event) in enumerate(told):
        if frame.frontier.outcomes[index] is not None:  # it followed from another
            continue
        frame.moment = before_the_crash(event.seq or 0)
        if index not in running:
            _halt(frame, event)
            continue
        if _overtaken(frame, event, told[place + 1 :], running):
            _halt(frame, told[place + 1][1])
        elif _stopped_from_outside(frame, event):
            frame.halt(Cause("cancel", event.data.get("reason") or "it was stopped"))
        del running[index]
        step = frame.step(index)
        outcome = reported(event, past.state)
        restore(step, event)
        frame.record(index, outcome, step)
        moves = frame.frontier.settle(index, outcome)
        frame.record_derived(moves)
        running.update(dict.fromkeys(moves.start))
    frame.moment = None
    return list(running)


def _told(frame: Frame, past: Past) -> list[tuple[int, Event]]:
    """How steps of *frame* settled, by index, in the order of the journal."""
    told = []
    for event in past.settlings(frame.prefix):
        index = frame.block.index_of.get((event.step or "").rpartition(".")[2])
        if index is not None:
            told.append((index, event))
    return told


def _halt(frame: Frame, event: Event) -> None:
    """The block had been stopped from outside when *event* told of a step that had not started."""
    reason = event.data.get("reason") or ""
    if event.type != "step.omitted" or not reason.startswith(STOPPED):
        raise Diverged(
            f"event {event.seq} says that {event.step} settled, which could not have started by then;"
            " the plugins installed now are not those that the run began with; install those, then resume it"
        )
    frame.halt(Cause("cancel", reason.removeprefix(STOPPED)))


def _stopped_from_outside(frame: Frame, event: Event) -> bool:
    """Whether *event* tells of an end that only a stop from outside can have brought."""
    ended = event.type == "step.cancelled" or not ended_by_itself(event)
    return ended and frame.fired() is None


def _overtaken(
    frame: Frame, event: Event, later: Sequence[tuple[int, Event]], running: dict[int, None]
) -> bool:
    """Whether the block was found stopped from outside when the step of *event* settled."""
    if frame.halted or event.data.get("decision") in ("stop", "rollback") or not later:
        return False
    index, following = later[0]
    return (
        following.type == "step.omitted"
        and index not in running
        and frame.frontier.outcomes[index] is None
        and _is_stopped(following)
        and not _went_on(frame, running)
    )


def _is_stopped(event: Event) -> bool:
    return event.type == "step.omitted" and (event.data.get("reason") or "").startswith(STOPPED)


def _went_on(frame: Frame, running: dict[int, None]) -> bool:
    """Whether the journal has more of a step that may start from now on than that the block was stopped."""
    assert frame.run.past is not None
    for index, outcome in enumerate(frame.frontier.outcomes):
        if outcome is None and index not in running:
            step = frame.run.past.step(frame.path(index))
            if step is None:
                continue
            if step.decided or step.items is not None or (step.last and not _is_stopped(step.last)):
                return True
    return False


# --- what settled steps owe ---


def strike_undone(log: UndoLog, past: Past, before: int) -> None:
    """Owe no more what was taken back before event *before*; what could not be stands as a problem."""
    for entry in reversed(log.take()):
        event = past.undos.get(entry.seq)
        if event is None or event.type == "step.undoing" or (event.seq or 0) > before:
            log.add(entry)
        elif event.type == "step.undo_failed":
            log.problems.append(f"{entry.path}: {event.data['error']['message']}")
