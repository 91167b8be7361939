"""The judge of the crash matrix: a good history passes, and each way to break a promise is caught."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from tests.faults.history import Snapshot
from tests.faults.laws import Seen, judge
from tests.faults.ledger import Line
from tests.faults.shapes import Wish

from treadle import Event, RunStatus
from treadle.plugin import RunInfo


def journal(*told: str | tuple[str, dict[str, Any]]) -> list[Event]:
    """Events from ``TYPE``, ``TYPE STEP`` or ``TYPE STEP ATTEMPT``, each with its data where that matters."""
    events = []
    for seq, one in enumerate(told, 1):
        text, data = one if isinstance(one, tuple) else (one, {})
        type_, step, attempt = (*text.split(), None, None)[:3]
        if type_ == "completed":
            data = {"output": {"did": step}} | data
        kind = type_ if "." in type_ else f"step.{type_}"
        number = None if attempt is None else int(attempt)
        events.append(Event("r", "w", seq, 100.0 + seq, kind, step, number, "r", {}, data))
    return events


def ledger(*told: str, pid: int = 1, again: bool = True) -> list[Line]:
    """Lines from ``WHAT STEP ATTEMPT``."""
    lines = []
    for one in told:
        what, path, attempt = one.split()
        output = {"did": path} if what == "end" else None
        lines.append(Line("r", path, int(attempt), f"key of {path}", what, again, pid, 0.0, output))
    return lines


def snapshot(events: list[Event], lines: list[Line], killed: str | None = None) -> Snapshot:
    info = RunInfo(id="r", workflow="w", status=RunStatus.RUNNING, correlation_id="r", seq=len(events))
    return Snapshot(killed, [info], events, lines)


ACCEPTED, ENDED = "workflow.accepted", "workflow.completed"

FIRST = (ACCEPTED, "started a 1", "completed a 1", "started b 1")
"""A run of a and b, killed while it makes its first attempt of b."""

LOST = (*FIRST, ("retrying b 1", {"lost": True}), "started b 2", "completed b 2", ENDED)
"""The same to its end, b having been tried once more."""

DONE = ("begin a 1", "end a 1", "begin b 1")

THEN = ("begin b 2", "end b 2")


def survived(*, again: bool = True, **changes: Any) -> Seen:
    """A run that went as it should, for what has been changed of it."""
    first = snapshot(journal(*FIRST), ledger(*DONE, again=again), "at a point")
    last = snapshot(journal(*LOST), ledger(*DONE, again=again) + ledger(*THEN, pid=2, again=again))
    return Seen([first, attrs.evolve(last, **changes)], None)


def test_a_run_that_survived_as_it_should_breaks_no_law() -> None:
    assert judge(survived()) == []


def test_a_run_that_left_no_journal_is_lost() -> None:
    assert judge(Seen([snapshot([], [])], None)) == ["the run is lost: no journal was written"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((*FIRST, "completed b 1"), "the ends are events []"),
        ((*LOST, ENDED), "the ends are events [8, 9]"),
        ((*LOST[:4], "started b 1", *LOST[5:]), "b: attempt 1 was started after 1"),
        ((ACCEPTED, *LOST[2:3], *LOST[1:2], *LOST[3:]), "a was started after it had settled"),
        ((*LOST[:3], "completed a 1", *LOST[3:]), "a settled twice"),
        ((*FIRST, ENDED), "b was started and never settled"),
        ((ACCEPTED, *LOST), "what was in the journal after process 1 is not what is there now"),
        (
            (*LOST[:2], ("completed a 1", {"output": 7}), *LOST[3:]),
            "a gave 7, and did {'did': 'a'}",
        ),
        ((*LOST[:-1], "workflow.pausing", "started c 1", "completed c 1", ENDED), "c was started while"),
        ((*LOST[:-1], "workflow.cancelling", "started c 1", "completed c 1", ENDED), "c was started after"),
        (
            (*LOST[:-1], ("undone a", {"of": 3}), ("undone a", {"of": 3}), ENDED),
            "what completed with event 3 was undone 2 times",
        ),
        (
            (*LOST[:-1], ("undone a", {"of": 3}), ("undone b", {"of": 7}), ENDED),
            "which is not newest first",
        ),
        ((*LOST[:4], ("retrying b 1", {"round": 3}), *LOST[5:]), "b: round 3 follows round 1"),
        ((*LOST[:4], "unknown b 1", *LOST[5:]), "b may simply be repeated, and a person was asked"),
        (
            (*LOST[:-1], ("workflow.command", {"request": "x"}), ENDED),
            "the journal holds request x, which nobody made",
        ),
    ],
)
def test_a_journal_that_breaks_a_promise_is_told(events: tuple[Any, ...], said: str) -> None:
    assert said in "\n".join(judge(survived(journal=journal(*events))))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((*DONE, "begin a 2", *THEN), "a had settled when process 1 was killed, and then"),
        ((*DONE, "begin b 1", *THEN), "attempt 1 of b had its effect 2 times"),
        ((*DONE, "begin b 2"), "b completed without having done its work"),
    ],
)
def test_a_ledger_that_shows_a_broken_promise_is_told(lines: tuple[str, ...], said: str) -> None:
    assert said in "\n".join(judge(survived(ledger=ledger(*lines))))


def test_a_silent_repetition_of_what_must_not_be_repeated_is_told() -> None:
    assert "b must not be repeated, and was, silently" in "\n".join(judge(survived(again=False)))


@pytest.mark.parametrize("word", [("resolved b 1", {"decision": "retry"}), ("retrying b 1", {"delay": 1})])
def test_a_repetition_that_was_asked_for_is_none(word: tuple[str, dict[str, Any]]) -> None:
    events = journal(*LOST[:4], word, *LOST[5:])
    assert judge(survived(again=False, journal=events)) == []


def test_an_effect_before_its_start_is_durable_is_told() -> None:
    seen = survived()
    early = attrs.evolve(seen.snapshots[0], journal=journal(*FIRST[:3]))
    said = "after process 1: attempt 1 of b had begun, unjournaled"
    assert judge(attrs.evolve(seen, snapshots=[early, seen.last])) == [said]


def test_an_idempotency_key_that_changes_is_told() -> None:
    lines = ledger(*DONE) + [attrs.evolve(line, key="other") for line in ledger(*THEN, pid=2)]
    assert judge(survived(ledger=lines)) == ["b used 2 idempotency keys"]


def test_an_undo_that_the_same_process_repeats_is_told() -> None:
    lines = ledger(*DONE) + ledger(*THEN, "begin a.undo 1", "begin a.undo 2", pid=2)
    assert "a.undo was begun twice by the same process" in judge(survived(ledger=lines))


def test_another_end_than_that_of_the_undisturbed_run_is_told() -> None:
    expected = snapshot(journal(*LOST[:3], ENDED), []).state
    told = judge(attrs.evolve(survived(), undisturbed=expected))
    assert "b's status is completed, and undisturbed it is None" in told


def test_two_runs_of_one_key_are_told() -> None:
    twin = attrs.evolve(survived().last.infos[0], id="r2")
    assert judge(survived(infos=[*survived().last.infos, twin])) == ["there are 2 runs: r, r2"]


def test_a_request_without_an_answer_is_told() -> None:
    seen = attrs.evolve(survived(), asked={"x": Wish("x", "pause")}, unanswered=["x"])
    assert judge(seen) == ["request x has no answer"]


def test_a_request_that_took_effect_twice_is_told() -> None:
    told = ("workflow.command", {"request": "x"})
    events = journal(*LOST[:-1], told, told, ENDED)
    seen = attrs.evolve(survived(journal=events), asked={"x": Wish("x", "pause")})
    assert "request x is 2 times in the journal" in judge(seen)


@pytest.mark.parametrize(
    ("ended", "said"), [(0.5, "0.500 s too early"), (2.0, "1.000 s too late"), (1.2, None)]
)
def test_a_wait_that_does_not_end_when_it_should_is_told(ended: float, said: str | None) -> None:
    events = journal(ACCEPTED, "started sleep 1", "completed sleep 1", ENDED)
    events[2] = attrs.evolve(events[2], time=events[1].time + ended)
    told = judge(Seen([snapshot(events, [])], None))
    assert told == ([] if said is None else [f"sleep ended {said}"])
