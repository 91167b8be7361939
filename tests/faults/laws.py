"""What must hold of a run however often the processes that drove it were killed.

Judged from outside, as plain data: the journal and the ledger as they stood after each process was over, and
the end of the same run when nobody disturbed it. Shares no code with what it judges.

Paths read ``block.step``, ``foreach.2``, ``block#2.step`` (second round), ``step.undo``, ``finally.step``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from tests.faults.history import Snapshot
from tests.faults.shapes import Wish

from treadle import RunState
from treadle.events import ENDS, SETTLINGS

if TYPE_CHECKING:
    from tests.faults.ledger import Line

    from treadle import Event

WAIT_STEP, WAIT_SECONDS = "sleep", 1.0
"""The path by which a shape calls a step that waits, and for how long."""

WAIT_SLACK_SECONDS = 0.55
"""How late it may be; less than what had passed of it at the latest kill."""


@attrs.frozen
class Seen:
    """One run through all its processes.

    Attributes:
      snapshots: after each process, in order; the last ended by itself.
      undisturbed: how the same run ended when no process was killed.
      asked: what a person asked for, by the id of the request.
      unanswered: ids of those requests to which there is no answer.
    """

    snapshots: Sequence[Snapshot]
    undisturbed: RunState | None
    asked: Mapping[str, Wish] = attrs.field(factory=dict)
    unanswered: Sequence[str] = ()

    @property
    def last(self) -> Snapshot:
        return self.snapshots[-1]


def judge(seen: Seen) -> list[str]:
    """All that is wrong, in sentences; nothing if the run survived as it should."""
    if not seen.last.journal:
        return ["the run is lost: no journal was written"]
    return [problem for law in LAWS for problem in law(seen)]


# --- the journal as a whole ---


def there_is_one_run(seen: Seen) -> Iterator[str]:
    ids = [info.id for info in seen.last.infos]
    if len(ids) != 1:
        yield f"there are {len(ids)} runs: {', '.join(ids)}"
    if strangers := {line.run for line in seen.last.ledger} - set(ids):
        yield f"effects of runs that the store does not have: {', '.join(sorted(strangers))}"


def the_journal_is_numbered_without_a_gap(seen: Seen) -> Iterator[str]:
    numbers = [event.seq for event in seen.last.journal]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the journal is numbered {numbers}"
    for info in seen.last.infos[:1]:
        if info.seq != len(numbers):
            yield f"the store says that the run has {info.seq} events, and it has {len(numbers)}"


def what_was_journaled_stays(seen: Seen) -> Iterator[str]:
    for number, snapshot in enumerate(seen.snapshots, 1):
        if list(seen.last.journal[: len(snapshot.journal)]) != list(snapshot.journal):
            yield f"what was in the journal after process {number} is not what is there now"


def there_is_one_end_and_nothing_after_it(seen: Seen) -> Iterator[str]:
    ends = [event.seq for event in seen.last.journal if event.type in ENDS]
    if ends != [len(seen.last.journal)]:
        yield f"the ends are events {ends} of {len(seen.last.journal)}"


# --- steps ---


def each_step_has_one_life(seen: Seen) -> Iterator[str]:
    """Attempts are 1, 2, 3 …; one settling, nothing started after it."""
    started: dict[str, int] = defaultdict(int)
    settled: dict[str, str] = {}
    for event in seen.last.journal:
        path = event.step or ""
        if event.type == "step.started":
            if event.attempt != started[path] + 1:
                yield f"{path}: attempt {event.attempt} was started after {started[path]}"
            if path in settled:
                yield f"{path} was started after it had settled ({settled[path]})"
            started[path] = event.attempt or 0
        elif event.type in SETTLINGS:
            if path in settled:
                yield f"{path} settled twice: {settled[path]}, then {event.type}"
            settled[path] = event.type
    for path in started.keys() - settled.keys():
        yield f"{path} was started and never settled"


def rounds_are_counted(seen: Seen) -> Iterator[str]:
    """Of a ``repeat``: 2, 3, 4 …, however often the process changes; a person's retry begins anew."""
    rounds: dict[str | None, int] = defaultdict(lambda: 1)
    for event in seen.last.journal:
        if event.type == "step.resolved" and event.data.get("decision") == "retry":
            rounds[event.step] = 1
        elif event.type == "step.retrying" and "round" in event.data:
            if event.data["round"] != rounds[event.step] + 1:
                yield f"{event.step}: round {event.data['round']} follows round {rounds[event.step]}"
            rounds[event.step] = event.data["round"]


def a_start_is_durable_before_its_effect(seen: Seen) -> Iterator[str]:
    for number, snapshot in enumerate(seen.snapshots, 1):
        starts = {(event.step, event.attempt) for event in snapshot.journal if event.type == "step.started"}
        for line in snapshot.ledger:
            if line.what == "begin" and (line.path, line.attempt) not in starts:
                yield f"after process {number}: attempt {line.attempt} of {line.path} had begun, unjournaled"


def an_attempt_has_its_effect_once(seen: Seen) -> Iterator[str]:
    begun = Counter((line.path, line.attempt) for line in seen.last.ledger if line.what == "begin")
    for (path, attempt), count in begun.items():
        if count > 1:
            yield f"attempt {attempt} of {path} had its effect {count} times"


def what_had_settled_has_no_further_effect(seen: Seen) -> Iterator[str]:
    """The heart of it: finished work is never done again."""
    for number, snapshot in enumerate(seen.snapshots[:-1], 1):
        settled = {event.step for event in snapshot.journal if event.type in SETTLINGS}
        for line in seen.last.ledger[len(snapshot.ledger) :]:
            if line.path in settled:
                yield f"{line.path} had settled when process {number} was killed, and then: {line}"


def what_must_not_be_repeated_is_repeated_only_as_told(seen: Seen) -> Iterator[str]:
    """After a first effect, another needs a failure that is retried, a round, or a person's word for it."""
    for line in _begun_again(seen.last.ledger):
        if not line.again and not _undoing(line.path) and not _told(seen.last.journal, line):
            yield f"{line.path} must not be repeated, and was, silently: {line}"


def what_may_be_repeated_is_asked_about_by_nobody(seen: Seen) -> Iterator[str]:
    safe = {line.path for line in seen.last.ledger if line.again}
    for event in seen.last.journal:
        if event.type == "step.unknown" and event.step in safe:
            yield f"{event.step} may simply be repeated, and a person was asked about it"


def the_idempotency_key_stays_the_same(seen: Seen) -> Iterator[str]:
    keys: dict[str, set[str]] = defaultdict(set)
    for line in seen.last.ledger:
        keys[line.path].add(line.key)
    rounds = {
        event.step for event in seen.last.journal if event.type == "step.retrying" and "round" in event.data
    }
    for path, used in keys.items():
        if len(used) > 1 and path not in rounds:
            yield f"{path} used {len(used)} idempotency keys"
    if len({key for used in keys.values() for key in used}) < len(keys):
        yield "two steps share an idempotency key"


def outcomes_are_those_of_the_effects(seen: Seen) -> Iterator[str]:
    """A step that completed did its work, or a person said what it gives."""
    done = {line.path: line.output for line in seen.last.ledger if line.what == "end"}
    known = {line.path for line in seen.last.ledger}
    spoken = {event.step for event in seen.last.journal if event.type == "step.resolved"}
    for event in seen.last.journal:
        path = event.step or ""
        if event.type == "step.completed" and path in known and path not in spoken:
            if path not in done:
                yield f"{path} completed without having done its work"
            elif event.data.get("output") != done[path]:
                yield f"{path} gave {event.data.get('output')}, and did {done[path]}"


def nothing_starts_while_the_run_is_paused(seen: Seen) -> Iterator[str]:
    held = False
    for event in seen.last.journal:
        if event.type == "workflow.pausing":
            held = True
        elif event.type in ("workflow.resumed", "workflow.cancelling", "workflow.rolling_back"):
            held = False
        elif event.type == "step.started" and held:
            yield f"{event.step} was started while the run was paused (event {event.seq})"


def nothing_starts_after_a_cancel(seen: Seen) -> Iterator[str]:
    over = False
    for event in seen.last.journal:
        over = over or event.type in ("workflow.cancelling", "workflow.rolling_back")
        if over and event.type == "step.started" and not _cleaning(event.step or ""):
            yield f"{event.step} was started after the run had been stopped (event {event.seq})"


def a_wait_ends_when_it_would_have(seen: Seen) -> Iterator[str]:
    """Its time is on the clock on the wall: one that began anew with a new process would end later."""
    journal = seen.last.journal
    recoveries = [event.time for event in journal if event.type == "workflow.recovered"]
    for began in (event for event in journal if (event.type, event.step) == ("step.started", WAIT_STEP)):
        due = max([began.time + WAIT_SECONDS, *recoveries])
        for event in journal:
            if (event.type, event.step) == ("step.completed", WAIT_STEP):
                if event.time < began.time + WAIT_SECONDS:
                    yield f"{WAIT_STEP} ended {began.time + WAIT_SECONDS - event.time:.3f} s too early"
                if event.time > due + WAIT_SLACK_SECONDS:
                    yield f"{WAIT_STEP} ended {event.time - due:.3f} s too late"
        break


# --- undoing ---


def what_completed_is_undone_once(seen: Seen) -> Iterator[str]:
    undone = Counter(event.data["of"] for event in seen.last.journal if event.type == "step.undone")
    for of, count in undone.items():
        if count > 1:
            yield f"what completed with event {of} was undone {count} times"


def an_undo_is_repeated_only_if_it_was_interrupted(seen: Seen) -> Iterator[str]:
    for line in _begun_again(seen.last.ledger):
        if _undoing(line.path):
            before = [
                one
                for one in seen.last.ledger
                if one.path == line.path and one.attempt < line.attempt and one.pid == line.pid
            ]
            if before:
                yield f"{line.path} was begun twice by the same process"


def the_newest_is_undone_first(seen: Seen) -> Iterator[str]:
    order = [event.data["of"] for event in seen.last.journal if event.type == "step.undone"]
    for block in _rollbacks(order, seen.last.journal):
        if block != sorted(block, reverse=True):
            yield f"what completed with events {block} was undone in this order, which is not newest first"


def _rollbacks(order: Sequence[int], journal: Sequence[Event]) -> Iterator[list[int]]:
    """The completions that were undone, by the rollback that did it: another start lies between two."""
    current: list[int] = []
    for event in journal:
        if event.type == "step.undone":
            current.append(event.data["of"])
        elif event.type == "step.started" and not _cleaning(event.step or "") and current:
            yield current
            current = []
    if current:
        yield current


# --- people ---


def a_request_takes_effect_once(seen: Seen) -> Iterator[str]:
    taken = Counter(
        event.data.get("request") for event in seen.last.journal if event.type == "workflow.command"
    )
    for request, count in taken.items():
        if count > 1:
            yield f"request {request} is {count} times in the journal"
        if request is not None and request not in seen.asked:
            yield f"the journal holds request {request}, which nobody made"


def every_request_is_answered(seen: Seen) -> Iterator[str]:
    for request in seen.unanswered:
        yield f"request {request} has no answer"


# --- the end ---


def the_end_is_that_of_the_undisturbed_run(seen: Seen) -> Iterator[str]:
    if seen.undisturbed is None:
        return
    expected, found = end_of(seen.undisturbed), end_of(seen.last.state)
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            yield f"{name} is {found.get(name)}, and undisturbed it is {expected.get(name)}"


def end_of(state: RunState) -> dict[str, Any]:
    """All of a run's end that a kill must not change: not the attempts, not the times."""
    end: dict[str, Any] = {
        "the run's status": str(state.status),
        "the run's error": state.error and state.error.name,
        "the error's path": state.error and state.error.path,
        "outputs": state.outputs,
        "the count of tolerated failures": state.tolerated,
        "rollback": state.rollback,
        "reason": state.reason,
    }
    for path, step in state.steps.items():
        end[f"{path}'s status"] = str(step.status)
        end[f"{path}'s error"] = step.error and step.error.name
        if step.output is not None:
            end[f"{path}'s output"] = _without_people(step.output)
    return end


def _without_people(output: Any) -> Any:
    """An output without what names the moment and the person."""
    if isinstance(output, Mapping):
        return {key: _without_people(value) for key, value in output.items() if key not in ("at", "waited")}
    return output


# --- reading ---


def _undoing(path: str) -> bool:
    return path.endswith(".undo")


def _cleaning(path: str) -> bool:
    return path.startswith("finally.") or _undoing(path)


def _begun_again(ledger: Sequence[Line]) -> Iterator[Line]:
    """Every effect of a step but its first."""
    seen: set[str] = set()
    for line in ledger:
        if line.what == "begin":
            if line.path in seen:
                yield line
            seen.add(line.path)


def _told(journal: Sequence[Event], line: Line) -> bool:
    """Whether the journal gives leave for this attempt: a failure, a round, or a person, before it."""
    told = False
    for event in journal:
        if event.step != line.path:
            continue
        if event.type == "step.started":
            if event.attempt == line.attempt:
                return told
            told = False
        elif event.type == "step.retrying":
            told = told or not event.data.get("lost")
        elif event.type == "step.resolved":
            told = told or event.data.get("decision") == "retry"
    return False


LAWS: Sequence[Callable[[Seen], Iterator[str]]] = (
    there_is_one_run,
    the_journal_is_numbered_without_a_gap,
    what_was_journaled_stays,
    there_is_one_end_and_nothing_after_it,
    each_step_has_one_life,
    rounds_are_counted,
    a_start_is_durable_before_its_effect,
    an_attempt_has_its_effect_once,
    what_had_settled_has_no_further_effect,
    what_must_not_be_repeated_is_repeated_only_as_told,
    what_may_be_repeated_is_asked_about_by_nobody,
    the_idempotency_key_stays_the_same,
    outcomes_are_those_of_the_effects,
    nothing_starts_while_the_run_is_paused,
    nothing_starts_after_a_cancel,
    a_wait_ends_when_it_would_have,
    what_completed_is_undone_once,
    an_undo_is_repeated_only_if_it_was_interrupted,
    the_newest_is_undone_first,
    a_request_takes_effect_once,
    every_request_is_answered,
    the_end_is_that_of_the_undisturbed_run,
)
