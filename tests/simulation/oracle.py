"""What must hold of every run, judged by three histories that know nothing of each other.

A crash is a line through all three: nothing that was going on goes on after it.

The journal says what the engine decided, the stream what a sink was given, the ledger what the steps' own
effects noted. `judge` compares them with each other and with the spec, as plain data: it shares no code
with what it judges.

Paths read ``block.step``, ``foreach.2``, ``block#2.step`` (second round). Clean-up has paths of its own:
``step.undo``, ``finally.step``; what is said of starts is not said of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from tests.simulation.paths import (
    cleaning,
    ids_of,
    is_element,
    is_leaf,
    is_repeatable,
    needs_of,
    seconds_of,
    step_at,
    without_round,
    works,
)

import treadle
from treadle.events import ENDS, SETTLINGS

QUESTIONS = ("step.waiting", "step.unknown")
GOOD = ("completed", "skipped", "tolerated")


@attrs.frozen
class Crash:
    """A process that is gone: when, and how many events and lines of the ledger there were then."""

    time: float
    events: int
    lines: int


@attrs.frozen(kw_only=True)
class Histories:
    """One run, as it was seen from three sides.

    Attributes:
      ledger: ``(time, what, path)``: ``start``, then ``end``, ``fail`` or ``cancelled``.
      epoch: the wall time at which the ledger's times begin.
      lag: seconds that the journal takes to store what it is given.
    """

    spec: Mapping[str, Any]
    journal: Sequence[treadle.Event]
    stream: Sequence[treadle.Event]
    ledger: Sequence[tuple[float, str, str]]
    epoch: float
    crashes: Sequence[Crash] = ()
    lag: float = 0.0

    def crashed_between(self, first: treadle.Event, then: treadle.Event) -> bool:
        """Whether a process was gone after one event and before another."""
        return any((first.seq or 0) <= crash.events < (then.seq or 0) for crash in self.crashes)

    def lives(self) -> Iterator[tuple[Sequence[treadle.Event], Sequence[tuple[float, str, str]]]]:
        """What was journaled, and what was done, in each process."""
        event, line = 0, 0
        for crash in (*self.crashes, Crash(0.0, len(self.journal), len(self.ledger))):
            yield self.journal[event : crash.events], self.ledger[line : crash.lines]
            event, line = crash.events, crash.lines


def judge(seen: Histories) -> list[str]:
    """All that is wrong, in sentences; nothing for a run that is as it should be."""
    return [problem for law in LAWS for problem in law(seen)]


# --- the journal as a whole ---


def numbered_without_a_gap(seen: Histories) -> Iterator[str]:
    if [event.seq for event in seen.journal] != list(range(1, len(seen.journal) + 1)):
        yield "the journal is not numbered 1, 2, 3 …"


def one_end_and_nothing_after_it(seen: Histories) -> Iterator[str]:
    ends = [event.seq for event in seen.journal if event.type in ENDS]
    if ends != [len(seen.journal)]:
        yield f"the ends are events {ends} of {len(seen.journal)}"


def the_stream_is_the_journal(seen: Histories) -> Iterator[str]:
    stream = [event for event in seen.stream if event.seq is not None]
    if any(event != seen.journal[(event.seq or 0) - 1] for event in stream if event.seq <= len(seen.journal)):
        yield "the sink was given something else than what is in the journal"
    numbers = [event.seq for event in stream]
    if numbers != sorted(set(numbers)):
        yield "the sink was given events twice, or in another order"
    since = seen.crashes[-1].events if seen.crashes else 0
    if [number for number in numbers if number > since] != list(range(since + 1, len(seen.journal) + 1)):
        yield "the sink was given something else than what is in the journal: some is missing, or too much"


def the_times_never_go_back(seen: Histories) -> Iterator[str]:
    times = [event.time for event in seen.journal]
    if times != sorted(times):
        yield "the journal's times go back"


# --- steps ---


def each_step_has_one_life(seen: Histories) -> Iterator[str]:
    """Attempts are 1, 2, 3 …; one settling, nothing started after it; everything that started settles."""
    started: dict[str, int] = defaultdict(int)
    settled: dict[str, str] = {}
    for event in seen.journal:
        path = event.step or ""
        if event.type == "step.started":
            if event.attempt != started[path] + 1:
                yield f"{path}: attempt {event.attempt} after {started[path]}"
            if path in settled:
                yield f"{path} started after it had settled"
            started[path] += 1
        elif event.type in SETTLINGS:
            if path in settled:
                yield f"{path} settled twice: {settled[path]}, then {event.type}"
            settled[path] = event.type
            if event.type == "step.cancelled" and not started[path]:
                yield f"{path} was cancelled and had never started"
            if event.type in ("step.omitted", "step.skipped") and started[path]:
                yield f"{path} was {event.type} and had started"
    unknown = _left_unknown(seen)
    for path in started:
        if path not in settled and path not in unknown:
            yield f"{path} started and never settled"
    for step_id in ids_of(seen.spec["steps"]):
        if step_id not in settled and step_id not in unknown and _began(seen):
            yield f"{step_id} never settled"
    for step_id in ids_of(seen.spec.get("finally", ())):
        path = f"finally.{step_id}"
        if path not in settled and path not in unknown and _began(seen):
            yield f"{path} never settled"


def _left_unknown(seen: Histories) -> set[str]:
    """Steps of which nobody has said what became of them, and need not: the run was cancelled.

    Nor need anybody wait for those of ``finally`` longer than that may take.
    """
    cancelled = any(event.type == "workflow.cancelling" for event in seen.journal)
    own = (*_OWN, *SETTLINGS)
    latest = {event.step: event.type for event in seen.journal if event.step and event.type in own}
    unknown = {path for path, type_ in latest.items() if type_ == "step.unknown"}
    return unknown if cancelled else {path for path in unknown if path.startswith("finally.")}


def nothing_starts_before_what_it_needs(seen: Histories) -> Iterator[str]:
    results: dict[str, str] = {}
    for event in seen.journal:
        path = event.step or ""
        if event.type == "step.started" and not cleaning(path):
            block, _, step_id = path.rpartition(".")
            for need in needs_of(seen.spec, block, step_id):
                beside = f"{block}.{need}" if block else need
                if results.get(beside) not in GOOD:
                    yield f"{path} started when {beside}, which it needs, was {results.get(beside)}"
        elif event.type in SETTLINGS or event.type == "step.tolerated":
            results[path] = event.type.removeprefix("step.")


def _began(seen: Histories) -> bool:
    """Whether the run was more than accepted: one that is cancelled while pending has no steps."""
    return any(event.type == "workflow.started" for event in seen.journal)


# --- nothing starts any more ---


def nothing_starts_after_a_fatal_failure_cancel_or_rollback(seen: Histories) -> Iterator[str]:
    stopped: list[tuple[str, str]] = []
    for event in seen.journal:
        path = event.step or ""
        if event.type == "step.started" and not cleaning(path):
            for prefix, why in stopped:
                if path.startswith(prefix):
                    yield f"{path} started after {why}"
        elif event.type == "step.failed" and event.data.get("decision") == "stop" and not cleaning(path):
            block = path.rpartition(".")[0]
            stopped.append((f"{block}." if block else "", f"{path} had failed"))
        elif event.type in ("workflow.cancelling", "workflow.rolling_back"):
            stopped.append(("", event.type))


def nothing_starts_while_the_run_is_paused(seen: Histories) -> Iterator[str]:
    held = False
    spans: list[tuple[float, float]] = []
    since = 0.0
    for event in seen.journal:
        if event.type == "workflow.paused":
            since = event.time
        elif held and since and event.type in ("workflow.resumed", "workflow.cancelling"):
            spans.append((since, event.time))
        if event.type == "workflow.pausing":
            held, since = True, 0.0
        elif event.type in ("workflow.resumed", "workflow.cancelling", "workflow.rolling_back"):
            held = False
        elif event.type == "step.started" and held:
            yield f"{event.step} started while the run was paused"
    for time, what, path in seen.ledger:
        if what == "start" and any(begin < time + seen.epoch < end for begin, end in spans):
            yield f"{path} had an effect while the run was paused"


def a_paused_run_has_nothing_in_flight(seen: Histories) -> Iterator[str]:
    at_work: set[str] = set()
    for event in seen.journal:
        path = event.step or ""
        if event.type == "step.started" and is_leaf(seen.spec, path):
            at_work.add(path)
        elif event.type in SETTLINGS or event.type in ("step.retrying", *QUESTIONS):
            at_work.discard(path)
        elif event.type == "workflow.recovered":
            at_work.clear()
        elif event.type == "workflow.paused" and at_work:
            yield f"the run was paused while {', '.join(sorted(at_work))} was at work"


# --- effects ---


def effects_are_those_of_the_journal(seen: Histories) -> Iterator[str]:
    """At most one effect for each attempt, none before its start, none after the step has settled."""
    starts: dict[str, list[float]] = defaultdict(list)
    ends: dict[str, treadle.Event] = {}
    for event in seen.journal:
        if event.type == "step.started":
            starts[event.step or ""].append(event.time - seen.epoch)
        elif event.type in SETTLINGS:
            ends[event.step or ""] = event
    effects: dict[str, list[float]] = defaultdict(list)
    finished: dict[str, int] = defaultdict(int)
    for time, what, path in seen.ledger:
        if what == "start":
            effects[path].append(time)
        finished[path] += what == "end"
    for path, times in effects.items():
        if len(times) > len(starts[path]):
            yield f"{path} had {len(times)} effects and {len(starts[path])} starts"
        for effect, start in zip(times, starts[path], strict=False):
            if effect < start - 1e-6:
                yield f"{path} had an effect before its start was journaled"
        if path in ends and max(times) > ends[path].time - seen.epoch + 1e-6:
            yield f"{path} had an effect after it had settled"
    for path, event in ends.items():
        resolved = any(one.type == "step.resolved" and one.step == path for one in seen.journal)
        if (
            event.type == "step.completed"
            and is_leaf(seen.spec, path)
            and not resolved
            and not finished[path]
        ):
            yield f"{path} completed without having done its work"


def timeouts_end_in_time(seen: Histories) -> Iterator[str]:
    since: dict[str, float] = {}
    for event in seen.journal:
        path = event.step or ""
        if event.type == "step.started":
            since[path] = event.time
        elif event.type == "workflow.recovered":
            since.clear()
        elif path in since and (event.type in SETTLINGS or event.type in ("step.retrying", "step.waiting")):
            step = step_at(seen.spec, path)
            took = event.time - since.pop(path)
            if step is not None and "timeout" in step and is_leaf(seen.spec, path):
                most = (
                    seconds_of(step["timeout"]) + seconds_of(step["act"].get("cleanup", "0s")) + 2 * seen.lag
                )
                if took > most + 1e-6:
                    yield f"{path} took {took:g} s, over its timeout and grace of {most:g} s"


def limits_are_never_exceeded(seen: Histories) -> Iterator[str]:
    running: dict[str, set[str]] = defaultdict(set)
    holding: set[str] = set()
    for event in seen.journal:
        path = event.step or ""
        block = path.rpartition(".")[0]
        if event.type == "step.started":
            running[block].add(path)
            most = (step_at(seen.spec, block) or {}).get("max_parallel") if block else None
            if most is not None and len(running[block]) > most and not cleaning(path):
                yield f"{len(running[block])} children of {block} ran at once, and {most} may"
        elif event.type in SETTLINGS:
            running[block].discard(path)
    for _, ledger in seen.lives():
        holding.clear()
        for _, what, path in ledger:
            step = step_at(seen.spec, path) or {}
            if "limit" in step:
                holding.add(path) if what == "start" else holding.discard(path)
                if len(holding) > 1:
                    yield f"{', '.join(sorted(holding))} held a limiter for one at once"


# --- undo ---


def undone_once_newest_first_one_at_a_time(seen: Histories) -> Iterator[str]:
    by_seq = {event.seq: event for event in seen.journal}
    undone: set[int] = set()
    taken_back: set[int] = set()
    at_work: set[str] = set()
    going: dict[str, tuple[int, str]] = {}
    last, rolling = 0, False
    for event in seen.journal:
        path = event.step or ""
        if event.type == "step.started":
            at_work.add(path)
        if event.type == "workflow.rolling_back":
            rolling, last = True, len(seen.journal) + 1
        elif event.type in SETTLINGS and not cleaning(path):
            at_work.discard(path)
            last = len(seen.journal) + 1  # what was undone so far was undone between two rounds
        if event.type == "step.undoing":
            of = event.data["of"]
            block = _at_work_around(path, at_work)
            if of in undone:
                yield f"{path} was undone twice"
            if by_seq[of].step != path or by_seq[of].type not in (*SETTLINGS, "step.unknown"):
                yield f"{path} takes back event {of}, which is {by_seq[of].type} of {by_seq[of].step}"
            if rolling and not block and "" not in going and of > last:
                yield f"{path}, event {of}, was undone after event {last}"
            undone.add(of)
            if block in going:
                yield f"{path} was undone while {going[block][1]} was"
            going[block] = (of, path)
            last = of if not block else last
        elif event.type in ("step.undone", "step.undo_failed"):
            if (of := event.data["of"]) in taken_back or of not in undone:
                yield f"{path}, event {of}, was taken back twice, or before that had begun"
            taken_back.add(of)
            going = {block: each for block, each in going.items() if each[0] != of}
    for of in undone - taken_back:
        yield f"{by_seq[of].step}, event {of}: nothing tells how taking it back ended"
    end = seen.journal[-1]
    if end.data.get("rollback"):
        for event in seen.journal:
            if event.type == "step.completed" and _owed(seen, event) and event.seq not in undone:
                yield f"{event.step} completed, and the rollback did not take it back"


def _at_work_around(path: str, at_work: set[str]) -> str:
    """The innermost block around a step that has not settled: it takes back what is in it, and beside others.

    None is the run's own rollback, which begins when all has settled.
    """
    while path := path.rpartition(".")[0]:
        if without_round(path) in at_work:
            return path
    return ""


def _owed(seen: Histories, event: treadle.Event) -> bool:
    """Whether somebody must take back this completion itself, and not something around it."""
    path = event.step or ""
    step = step_at(seen.spec, path)
    if step is None or "undo" not in step or ("foreach" in step and not is_element(path)):
        return False
    completed = {one.step for one in seen.journal if one.type == "step.completed"}
    while "." in path:
        path = path.rpartition(".")[0]
        around = step_at(seen.spec, path) or {}
        if "undo" in around and without_round(path) in completed:
            return False
    return True


# --- crashes ---


def a_run_goes_on_as_it_stood(seen: Histories) -> Iterator[str]:
    for crash in seen.crashes:
        before = seen.journal[: crash.events]
        if crash.events >= len(seen.journal) or not any(one.type == "workflow.started" for one in before):
            continue
        event = seen.journal[crash.events]
        stood = treadle.RunState.fold(before).status
        status = "running" if stood == "waiting" else str(stood)
        if event.type != "workflow.recovered" or event.data["status"] != status:
            yield f"the run was {stood} at a crash, and went on with {event.type} {dict(event.data)}"


def what_a_crash_interrupts_is_never_silently_repeated(seen: Histories) -> Iterator[str]:
    """It is repeated where its step allows that, and else a person is asked, unless its block was stopped."""
    for crash in seen.crashes:
        for path, start in _in_flight(seen, crash.events).items():
            after = next((one for one in _own(seen, path) if (one.seq or 0) > crash.events), None)
            if after is None:
                continue  # as the laws about its life have it
            again = is_repeatable(seen.spec, path)
            lost = after.type == "step.retrying" and after.data.get("lost")
            fine = (
                ("step.cancelled", "step.failed")
                if again
                else ("step.cancelled", "step.failed", "step.unknown")
            )
            if lost and not again:
                yield f"{path} is not repeatable, and attempt {start.attempt} was repeated after a crash"
            if again and after.type == "step.waiting" and after.data["error"]["name"] == "crash":
                continue  # the third in a row: a person decides what becomes of its failure
            if not lost and after.type not in fine:
                yield f"attempt {start.attempt} of {path} was interrupted by a crash, and then {after.type}"


def _in_flight(seen: Histories, events: int) -> dict[str, treadle.Event]:
    """By path, the starts of those attempts at work that were being made after so many events."""
    latest: dict[str, treadle.Event] = {}
    for event in seen.journal[:events]:
        if event.step and (event.type in _OWN or event.type in SETTLINGS):
            latest[event.step] = event
    return {
        path: event
        for path, event in latest.items()
        if event.type == "step.started"
        and works(seen.spec, path)
        and "wait" not in (step_at(seen.spec, path) or {})
    }


_OWN = ("step.started", "step.retrying", "step.resolved", *QUESTIONS)


def _own(seen: Histories, path: str) -> Iterator[treadle.Event]:
    """What became of a step itself, without what was decided, expanded or emitted."""
    return (one for one in seen.journal if one.step == path and (one.type in _OWN or one.type in SETTLINGS))


def what_is_unknown_is_for_a_person_to_decide(seen: Histories) -> Iterator[str]:
    for event in seen.journal:
        if event.type == "step.unknown":
            path = event.step or ""
            after = next((one for one in _own(seen, path) if (one.seq or 0) > (event.seq or 0)), None)
            if after is not None and after.type != "step.resolved":
                yield f"{path} was unknown, and then {after.type}, which nobody had decided"


def an_attempt_is_lost_to_crashes_alone(seen: Histories) -> Iterator[str]:
    """At most twice in a row, and the third fails the step."""
    lost: dict[str, int] = defaultdict(int)
    before: dict[str, treadle.Event] = {}
    for event in seen.journal:
        path = event.step or ""
        if event.type == "step.retrying" and event.data.get("lost"):
            lost[path] += 1
            if path in before and not seen.crashed_between(before[path], event):
                yield f"attempt {event.attempt} of {path} is said to be lost, and there was no crash"
            if lost[path] > 2:
                yield f"{lost[path]} attempts of {path} in a row were lost, and it went on"
        elif event.type in ("step.retrying", "step.resolved"):
            lost[path] = 0
        elif event.type == "step.failed" and event.data["error"]["name"] == "crash":
            refused = "undo" in path.split(".") or any(one.type in QUESTIONS for one in _own(seen, path))
            inherited = event.data["error"].get("path")
            if lost[path] != 2 and not refused and not inherited:
                yield f"{path} failed by a crash after {lost[path]} lost attempts"
        if event.type == "step.started":
            before[path] = event


def every_effect_has_its_start(seen: Histories) -> Iterator[str]:
    """In each process as many effects as starts, at most: what was begun before is not begun again."""
    for number, (journal, ledger) in enumerate(seen.lives(), 1):
        starts = Counter(event.step for event in journal if event.type == "step.started")
        effects = Counter(path for _, what, path in ledger if what == "start")
        for path, count in effects.items():
            if count > starts[path]:
                yield f"process {number}: {path} had {count} effects and {starts[path]} starts"


def an_attempt_ends_once(seen: Histories) -> Iterator[str]:
    """One that is stopped between two attempts settles under the number of the first."""
    over: set[tuple[str | None, int | None]] = set()
    for event in seen.journal:
        if event.type in ("step.retrying", "step.completed"):
            attempt = event.step, event.attempt
            if attempt in over and not _was_resolved(seen, event):
                yield f"attempt {event.attempt} of {event.step} ended twice"
            over.add(attempt)


def _was_resolved(seen: Histories, event: treadle.Event) -> bool:
    return any(one.type == "step.resolved" and one.step == event.step for one in seen.journal)


def what_was_evaluated_stays(seen: Histories) -> Iterator[str]:
    for type_, key in (("step.decided", "when"), ("step.expanded", "items")):
        times = Counter(event.step for event in seen.journal if event.type == type_ and key in event.data)
        for path, count in times.items():
            if count > 1:
                yield f"the {key} of {path} was evaluated {count} times"


def nobody_is_asked_twice(seen: Histories) -> Iterator[str]:
    """A question stands until it is answered, or its step has settled; what is answered was asked."""
    asked: dict[str, treadle.Event] = {}
    for event in seen.journal:
        path = event.step or ""
        if event.type in QUESTIONS:
            before = asked.get(path)
            if before and (before.attempt, before.data["for"]) == (event.attempt, event.data["for"]):
                yield f"{path or 'the run'} asked again what it had asked in event {before.seq}"
            asked[path] = event
        elif event.type == "step.resolved" and asked.pop(path, None) is None:
            yield f"{path or 'the run'} was answered, and had not asked"
        elif event.type in SETTLINGS or event.type == "step.stopping":  # its time was up meanwhile
            asked.pop(path, None)


def a_command_takes_effect_once(seen: Histories) -> Iterator[str]:
    commands = (event for event in seen.journal if event.type == "workflow.command")
    requests = Counter(event.data.get("request") for event in commands)
    for request, count in requests.items():
        if request is not None and count > 1:
            yield f"request {request} was answered {count} times"


def waits_end_in_their_time(seen: Histories) -> Iterator[str]:
    """On the wall clock: not before, and as soon as somebody drives the run."""
    begun: dict[str, treadle.Event] = {}
    recovered = 0.0
    for event in seen.journal:
        path = event.step or ""
        step = step_at(seen.spec, path) or {}
        if event.type == "workflow.recovered":
            recovered = event.time
        elif event.type == "step.started" and "wait" in step and works(seen.spec, path):
            begun[path] = event
        elif event.type == "step.resolved":
            begun.pop(path, None)
        elif event.type == "step.completed" and path in begun:
            due = begun[path].time + seconds_of(step["wait"])
            if event.time < due - 1e-6:
                yield f"{path} waited {due - event.time:g} s too little"
            if event.time > max(due, recovered) + 2 * seen.lag + 1e-6:
                yield f"{path} waited {event.time - max(due, recovered):g} s too long"


def retries_keep_their_delay(seen: Histories) -> Iterator[str]:
    due: dict[str, float] = {}
    for event in seen.journal:
        path = event.step or ""
        if event.type == "step.retrying":
            due[path] = event.time + event.data["delay"]
        elif event.type == "step.started" and event.time < due.get(path, 0.0) - 1e-6:
            yield f"{path} was tried again {due[path] - event.time:g} s too early"


# --- the end ---


def the_end_fits_what_happened(seen: Histories) -> Iterator[str]:
    end = seen.journal[-1].type
    asked = _stopped_by_its_time(seen)
    fatal = [
        event.step
        for event in seen.journal
        if event.type == "step.failed"
        and event.step not in asked
        and event.data.get("decision") != "tolerate"
        and "." not in (event.step or "")
    ]
    types = {event.type for event in seen.journal}
    if end == "workflow.completed" and fatal:
        yield f"the run completed although {', '.join(map(str, fatal))} failed"
    if end == "workflow.completed" and "workflow.cancelling" in types:
        yield "the run completed although it was cancelled"
    if end == "workflow.cancelled" and "workflow.cancelling" not in types and _began(seen):
        yield "the run ended cancelled and nobody had cancelled it"
    if end == "workflow.rolled_back" and "step.undo_failed" in types:
        yield "the run ended rolled back although an undo failed"
    tolerated = [event for event in seen.journal if event.type == "step.tolerated"]
    if seen.journal[-1].data["tolerated"] < len(tolerated):
        yield f"{len(tolerated)} failures were tolerated, and the end tells of fewer"


def _stopped_by_its_time(seen: Histories) -> set[str | None]:
    """Steps that failed only when their run's time was up, or while a person was asked about them then.

    The run did not fail by such a step, so it may complete where the expiry is tolerated.
    """
    tolerated = seen.spec.get("on_error") == "continue" or any(
        event.type == "step.resolved" and not event.step and event.data["decision"] == "continue"
        for event in seen.journal
    )
    if not tolerated or not any(event.type == "workflow.stopping" for event in seen.journal):
        return set()
    asked: set[str | None] = {event.step for event in seen.journal if event.data.get("after_stop")}
    for event in seen.journal:
        if event.type in QUESTIONS:
            asked.add(event.step)
        elif event.type == "step.resolved":
            asked.discard(event.step)
    return asked


def the_state_is_the_fold(seen: Histories) -> Iterator[str]:
    state = treadle.RunState.fold(seen.journal)
    for event in seen.journal:
        if event.type in SETTLINGS:
            status = state.steps[event.step or ""].status
            if status != event.type.removeprefix("step."):
                yield f"{event.step} is {status} in the state, and {event.type} was told"
    if f"workflow.{state.status}" != seen.journal[-1].type:
        yield f"the state is {state.status} after {seen.journal[-1].type}"


LAWS = (
    numbered_without_a_gap,
    one_end_and_nothing_after_it,
    the_stream_is_the_journal,
    the_times_never_go_back,
    each_step_has_one_life,
    nothing_starts_before_what_it_needs,
    nothing_starts_after_a_fatal_failure_cancel_or_rollback,
    nothing_starts_while_the_run_is_paused,
    a_paused_run_has_nothing_in_flight,
    effects_are_those_of_the_journal,
    timeouts_end_in_time,
    limits_are_never_exceeded,
    undone_once_newest_first_one_at_a_time,
    a_run_goes_on_as_it_stood,
    what_a_crash_interrupts_is_never_silently_repeated,
    what_is_unknown_is_for_a_person_to_decide,
    an_attempt_is_lost_to_crashes_alone,
    every_effect_has_its_start,
    an_attempt_ends_once,
    what_was_evaluated_stays,
    nobody_is_asked_twice,
    a_command_takes_effect_once,
    waits_end_in_their_time,
    retries_keep_their_delay,
    the_end_fits_what_happened,
    the_state_is_the_fold,
)
