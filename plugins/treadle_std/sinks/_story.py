"""Events told in lines of plain text, for a terminal or a log.

Rule 1: every text that came from a run is escaped: it may not move a cursor, colour or hide anything.
Rule 2: of a large foreach only failures and each tenth of the way are told.
Rule 3: nothing is kept of a step that has settled, or of a run that has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from treadle.errors import printable
from treadle.events import ENDS, SETTLINGS, Event

LARGE = 20
"""Elements beyond which a foreach is told in tenths."""

_TAIL_LINES = 10
_TAIL_CHARS = 4_000
_TEXT_CHARS = 500

Data = Mapping[str, Any]


def short(text: object) -> str:
    """*text* as it may be shown: escaped, one line, not endless."""
    shown = printable(str(text))
    return shown if len(shown) <= _TEXT_CHARS else f"{shown[:_TEXT_CHARS]}…"


def _error(data: Data) -> str:
    error = data.get("error") or {}
    return f"{short(error.get('name', 'error'))}: {short(error.get('message', ''))}"


def _reason(what: str) -> Callable[[Data], str]:
    return lambda data: f"{what}: {short(data['reason'])}" if data.get("reason") else what


def _retrying(data: Data) -> str:
    wait = f"in {data.get('delay', 0):.3g} s"
    return (
        f"goes into round {data['round']} {wait}"
        if "round" in data
        else f"tries again {wait} after {_error(data)}"
    )


def _called(data: Data) -> str:
    return f"calls {short(data.get('workflow', '?'))} as run {short(data.get('run', '?'))}"


def _waiting(data: Data) -> str:
    match data.get("for"):
        case "signal":
            return f"waits for the signal {short(data.get('signal', '?'))}"
        case "workflow":
            what = "is paused" if data.get("status") == "paused" else "waits for an answer"
            return f"waits for run {short(data.get('run', '?'))}, which {what}"
        case "approval":
            asked = f": {short(data['prompt'])}" if data.get("prompt") else ""
            return f"waits for an approval{asked}"
        case _:
            return f"waits for a person: {short(data.get('prompt') or _error(data))}"


def _resolved(data: Data) -> str:
    if data.get("decision") == "signal":
        return f"the signal came{_from(data)}"
    if data.get("by") == "run":
        return f"{short(data.get('who', 'the run'))} goes on"
    return f"decided by {short(data.get('who') or data.get('by', '?'))}: {short(data.get('decision', '?'))}"


def _from(data: Data) -> str:
    return f" from {short(data['who'])}" if data.get("who") else ""


def _rolled_back(data: Data) -> str:
    return f"rolled back after {_error(data)}" if data.get("error") else "rolled back"


def _completed(data: Data) -> str:
    tolerated = data.get("tolerated") or 0
    return (
        f"completed, {tolerated} failure{'s' if tolerated > 1 else ''} tolerated"
        if tolerated
        else "completed"
    )


def _queued(data: Data) -> str:
    behind = [short(run) for run in data.get("behind") or ()]
    runs = f"run{'s' if len(behind) > 1 else ''} {', '.join(behind)}"
    return f"waits for {runs} (concurrency key {short(repr(data.get('key', '')))})"


TELL: Mapping[str, Callable[[Data], str]] = {
    "workflow.queued": _queued,
    "workflow.started": lambda _: "started",
    "workflow.pausing": lambda _: "pausing",
    "workflow.paused": lambda _: "paused",
    "workflow.resumed": lambda _: "goes on",
    "workflow.recovered": lambda _: "goes on where it was",
    "workflow.waiting": lambda _: "waits for a person",
    "workflow.cancelling": _reason("cancelling"),
    "workflow.rolling_back": _reason("rolling back"),
    "workflow.completed": _completed,
    "workflow.failed": lambda data: f"failed: {_error(data)}",
    "workflow.cancelled": _reason("cancelled"),
    "workflow.rolled_back": _rolled_back,
    "step.expanded": lambda data: f"{len(data.get('items') or ())} elements",
    "step.called": _called,
    "step.started": lambda _: "started",
    "step.retrying": _retrying,
    "step.waiting": _waiting,
    "step.unknown": lambda data: f"is in doubt: {short(data.get('prompt') or _error(data))}",
    "step.resolved": _resolved,
    "step.completed": lambda _: "completed",
    "step.failed": lambda data: f"failed: {_error(data)}",
    "step.tolerated": lambda _: "the failure is tolerated",
    "step.skipped": _reason("skipped"),
    "step.omitted": _reason("omitted"),
    "step.cancelled": _reason("cancelled"),
    "step.undoing": lambda _: "being undone",
    "step.undone": lambda _: "undone",
    "step.undo_failed": lambda data: f"undo failed: {_error(data)}",
    "step.log": lambda data: short(data.get("message", "")),
}
"""What each type is told as. One that is not here tells nothing; one that a step emits, its name."""

_ALWAYS = frozenset(
    {
        *("step.failed", "step.tolerated", "step.undo_failed"),
        *("step.waiting", "step.unknown", "step.resolved"),
    }
)
_FAILED = frozenset({"workflow.failed", "workflow.rolled_back", "step.failed"})
_QUIET = frozenset({"step", "workflow"})


def told(event: Event) -> str | None:
    """What *event* is told as, without time and place; None if it is not told."""
    tell = TELL.get(event.type)
    if tell is not None:
        return tell(event.data) + _origin(event)
    return None if event.type.partition(".")[0] in _QUIET else f"emitted {short(event.type)}"


def _origin(event: Event) -> str:
    """Where the failure of a block, a foreach or a run came from."""
    path = (event.data.get("error") or {}).get("path")
    elsewhere = event.type in _FAILED and path and path != event.step
    return f" (at {short(path)})" if elsewhere else ""


class Story:
    """Turns events into lines, a few runs at a time."""

    def __init__(self) -> None:
        self._runs: dict[str, int] = {}
        self._tails: dict[tuple[str, str], str] = {}
        self._large: dict[tuple[str, str], _Large] = {}

    def lines(self, event: Event) -> Iterator[str]:
        """The lines that tell *event*; none for most live ones."""
        self._runs.setdefault(event.run, len(self._runs))
        if event.type == "step.output" and event.step is not None:
            self._hear(event.run, event.step, str(event.data.get("text", "")))
        elif event.step is None:
            yield from self._line(event, event.workflow, told(event))
            if event.type in ENDS:
                self._forget_run(event.run)
        else:
            yield from self._step_lines(event, event.step)

    def _step_lines(self, event: Event, step: str) -> Iterator[str]:
        within = self._within_large(event.run, step)
        if within is None or event.type in _ALWAYS:
            yield from self._line(event, step, told(event))
        if event.type == "step.failed":
            yield from self._last_output(event.run, step, event.data)
        if within is not None and event.type in SETTLINGS:
            yield from self._line(event, within.path, within.count(step))
        self._keep(event, step)

    def _line(self, event: Event, place: str, what: str | None) -> Iterator[str]:
        if what is None:
            return
        clock = time.strftime("%H:%M:%S", time.localtime(event.time))
        attempt = f" (attempt {event.attempt})" if (event.attempt or 1) > 1 else ""
        of_run = f"[{short(event.run)}] " if len(self._runs) > 1 else ""
        yield f"{clock} {of_run}{short(place)}  {what}{attempt}"

    def _hear(self, run: str, step: str, text: str) -> None:
        self._tails[run, step] = (self._tails.get((run, step), "") + text)[-_TAIL_CHARS:]

    def _last_output(self, run: str, step: str, data: Data) -> Iterator[str]:
        text = self._tails.get((run, step)) or _output_in((data.get("error") or {}).get("data"))
        for line in text.splitlines()[-_TAIL_LINES:]:
            yield f"         | {short(line.expandtabs())}"

    def _keep(self, event: Event, step: str) -> None:
        key = (event.run, step)
        if event.type == "step.expanded" and len(event.data.get("items") or ()) > LARGE:
            self._large[key] = _Large(step, len(event.data["items"]))
        elif event.type in SETTLINGS:
            self._tails.pop(key, None)
            self._large.pop(key, None)
        elif event.type == "step.started":
            self._tails.pop(key, None)

    def _within_large(self, run: str, step: str) -> _Large | None:
        if not self._large:
            return None
        end = step.rfind(".")
        while end > 0:
            if found := self._large.get((run, step[:end])):
                return found
            end = step.rfind(".", 0, end)
        return None

    def _forget_run(self, run: str) -> None:
        self._runs.pop(run, None)
        for kept in (self._tails, self._large):
            for key in [key for key in kept if key[0] == run]:
                del kept[key]


class _Large:
    """A foreach that is told in tenths."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self._size = size
        self._done = 0

    def count(self, step: str) -> str | None:
        """*step* settled; how far it all is, if that was an element and completes another tenth."""
        if "." in step[len(self.path) + 1 :]:
            return None
        self._done += 1
        tenth = self._done * 10 // self._size > (self._done - 1) * 10 // self._size
        return f"{self._done} of {self._size}" if tenth else None


def _output_in(data: Any) -> str:
    """What a command left in the data of its error: standard error if there is any, else standard output."""
    if not isinstance(data, Mapping):
        return ""
    return str(data.get("stderr") or data.get("stdout") or "")
