"""What can go wrong, and who is at fault.

    Exception
    ├── TreadleError
    │   ├── SpecError             the author of a spec, or of the inputs given to it; carries every problem
    │   │   └── InputError        whoever started the run
    │   ├── PluginError           the author of a plugin, or whoever installed two that clash
    │   ├── Refused               whoever gave a run a command that its state does not allow
    │   ├── NoSuchRun             whoever asked for a run that the store does not have
    │   ├── RecordError           whoever opens journals of a newer treadle, or ones that were damaged
    │   └── StoreError            the store, or the machine under it
    │       ├── StoreUnavailable  for now: locked, full, read-only; nothing was written
    │       ├── StoreBroken       for good: damaged, or a write of which nobody knows whether it arrived
    │       ├── Fenced            another process has taken the run over
    │       ├── GroupFull         as many runs share its concurrency key already as may
    │       └── Conflict          another event has the number already
    └── StepError                 raised by a step type to say: this step failed
        └── BlockFailed           raised by a block step type whose block failed

    BaseException
    └── EngineFault               treadle itself; never caught by an attempt, never a step's failure

A failed step is not an exception for those who run workflows: it is a `Failure` in a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from treadle._values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "BlockFailed",
    "Conflict",
    "EngineFault",
    "Failure",
    "Fenced",
    "GroupFull",
    "InputError",
    "NoSuchRun",
    "PluginError",
    "Problem",
    "RecordError",
    "Refused",
    "SpecError",
    "StepError",
    "StoreBroken",
    "StoreError",
    "StoreUnavailable",
    "TreadleError",
]


def printable(text: str) -> str:
    """*text* with control and bidirectional characters escaped, so that it cannot fool a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in text)


@attrs.frozen(eq=False, repr=False)
class Problem(Value):
    """One thing wrong in a spec, a deployment file or a run's inputs.

    Attributes:
      message: what is wrong, one sentence without a full stop.
      fix: what to write instead; may be empty.
      path: where in the document, as ``steps.build.retry.attempts``.
      file: the name the document was loaded under.
      line, column: counted from 1; None for documents that have no text.
      code: stable identifier of the kind of problem, as ``TRD201``.
      severity: ``error``, or ``warning`` for what may run but looks wrong.
    """

    message: str
    path: str = ""
    fix: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    code: str = "TRD100"
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        said = f"{self.message}; {self.fix}" if self.fix else self.message
        if self.severity == "warning":
            said = f"warning: {said}"
        return printable(": ".join(part for part in (place, self.path, said) if part))


class TreadleError(Exception):
    """The root of what treadle raises at those who call it."""


class SpecError(TreadleError):
    """A document cannot be used. `problems` has all that is wrong with it, in the order of the text."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class InputError(SpecError):
    """The inputs given to a run do not fit the workflow's ``inputs``."""


class PluginError(TreadleError):
    """A plugin is broken, clashes with another, or is missing."""


class Refused(TreadleError):
    """A command does not fit the state a run is in; nothing was changed.

    Attributes:
      command: what was asked, as ``cancel``.
      state: the state the run, or the step, is in.
    """

    def __init__(self, command: str, state: str, why: str) -> None:
        super().__init__(command, state, why)
        self.command = command
        self.state = state
        self.why = why

    def __str__(self) -> str:
        return f"cannot {self.command}: {self.why} (state: {self.state})"


class NoSuchRun(TreadleError, LookupError):
    """A run that the store does not have: it never had, or has forgotten it."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run

    def __str__(self) -> str:
        return f"there is no run {self.run!r} in this store; see: treadle ps"


class RecordError(TreadleError):
    """A journal that this version cannot read; the message says where, why and what to do."""


class StoreError(TreadleError):
    """Journals cannot be read or written."""


class StoreUnavailable(StoreError):
    """Not now: the store is locked, full, read-only or out of reach. Nothing was written."""


class StoreBroken(StoreError):
    """Not any more: the store is damaged, or a write failed in a way that leaves open whether it arrived."""


class Fenced(StoreError):
    """Another process has taken the run over; this one must not go on with it.

    Attributes:
      owner: who drives it now, if that is known.
    """

    def __init__(self, run: str, owner: str | None = None) -> None:
        super().__init__(run, owner)
        self.run = run
        self.owner = owner

    def __str__(self) -> str:
        by = self.owner or "another process"
        told = f"run {self.run} has been taken over by {by}, which goes on with it"
        return f"{told}; see: treadle show {self.run}"


class GroupFull(StoreError):
    """A run that does not wait for a place in its concurrency group, and finds none; it is not stored.

    Attributes:
      group: the key that its runs share.
      runs: the ids of those that are before it.
    """

    def __init__(self, group: str, runs: Sequence[str]) -> None:
        super().__init__(group, runs)
        self.group = group
        self.runs = runs

    def __str__(self) -> str:
        return f"the concurrency key {self.group!r} is taken by {', '.join(self.runs) or 'other runs'}"


class Conflict(StoreError):
    """An event's number is not the next of its run."""

    def __init__(self, run: str, expected: int, found: int) -> None:
        super().__init__(run, expected, found)
        self.run = run
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"run {self.run} has {self.found} events in the store, not {self.expected}"


@attrs.frozen(eq=False, repr=False)
class Failure(Value):
    """Why a step, a block or a run failed: plain data, the same in events, results and expressions.

    Attributes:
      name: dotted; a name matches itself and everything below it (``exit`` matches ``exit.3``).
      message: one sentence for a person.
      data: what the step type adds; plain data.
      path: the step that failed first, where it is not the one asked about.
      also: further names it answers to, as ``http.503`` and ``http.5xx`` for ``http.status``.
    """

    name: str
    message: str
    data: Any = None
    path: str | None = None
    also: tuple[str, ...] = ()

    def matches(self, pattern: str) -> bool:
        """Whether *pattern* is one of this error's names, or one that such a name lies below."""
        return any(name == pattern or name.startswith(pattern + ".") for name in (self.name, *self.also))

    def to_data(self) -> dict[str, Any]:
        """``{name, message, data}``, and ``path`` and ``also`` where there are any."""
        data: dict[str, Any] = {"name": self.name, "message": self.message, "data": self.data}
        if self.path is not None:
            data["path"] = self.path
        if self.also:
            data["also"] = list(self.also)
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Failure:
        """The inverse of `to_data`."""
        also = tuple(data.get("also", ()))
        return cls(data["name"], data["message"], data.get("data"), data.get("path"), also)


class StepError(Exception):
    """A step failed, as its type foresaw.

    Args:
      name: the error's dotted name, which ``retry.on`` matches; see docs/reference/errors.md.
      message: one sentence: what failed, where, what to do.
      retry_after: seconds before another attempt makes sense; lengthens a backoff, never shortens it.
      data: plain data for ``steps.ID.error.data``.
      also: further names the error answers to, where one name cannot say all that ``retry.on`` may ask for.
      decision: what becomes of the step, where its settings say so: it is not tried again, and its error
        strategy is not asked.
    """

    def __init__(
        self,
        name: str,
        message: str,
        *,
        retry_after: float | None = None,
        data: Any = None,
        also: Iterable[str] = (),
        decision: Literal["fail", "continue", "rollback"] | None = None,
    ) -> None:
        super().__init__(name, message)
        self.name = name
        self.message = message
        self.retry_after = retry_after
        self.data = data
        self.also = tuple(also)
        self.decision = decision

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"

    def to_failure(self) -> Failure:
        """The same as a value."""
        return Failure(self.name, self.message, self.data, None, self.also)


class BlockFailed(StepError):
    """A block run by `Step.run_block` failed; `failure` is its first fatal child's."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name, failure.message, data=failure.data, also=failure.also)
        self.args = (failure,)
        self.failure = failure


class EngineFault(BaseException):
    """A bug in treadle. A BaseException, so that no attempt reports it as the failure of a step."""
