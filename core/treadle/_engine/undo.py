"""What a rollback has to take back, newest completion first.

A log follows the blocks: each block in flight has its own, and gives it to the enclosing one when its step
settles. A completed step's own undo replaces those inside it, so the log below it is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle._engine.scope import Scope
from treadle._model import StepSpec
from treadle.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._engine.run import Run


@attrs.frozen(eq=False, repr=False)
class Owed:
    """One step to take back.

    Attributes:
      seq: number of the event it settled with; the order of undoing, and ``of`` in the undo's events.
      labels: the step's, with those of the steps around it.
      scope: what the step saw; *output*, *error* and *attempt* are its own.
    """

    seq: int
    path: str
    spec: StepSpec
    labels: Mapping[str, str]
    scope: Scope
    output: Any
    error: Failure | None
    attempt: int


class UndoLog:
    """Steps to take back, in a tree that follows the blocks."""

    __slots__ = ("_entries", "_problems")

    def __init__(self) -> None:
        self._entries: list[Owed | UndoLog] | None = None  # most steps owe nothing
        self._problems: list[str] | None = None

    @property
    def problems(self) -> list[str]:
        """What could not be undone here, as sentences; it stands whatever else is taken back."""
        if self._problems is None:
            self._problems = []
        return self._problems

    def add(self, entry: Owed | UndoLog) -> None:
        """Owe *entry*, or all that a block inside owes."""
        if isinstance(entry, UndoLog):
            if entry._problems:
                self.problems.extend(entry._problems)
            if entry._entries is None:
                return
        if self._entries is None:
            self._entries = []
        self._entries.append(entry)

    def take(self) -> list[Owed]:
        """All that is owed, newest first; afterwards nothing is."""
        owed = sorted(self._walk(), key=lambda entry: entry.seq, reverse=True)
        self._entries = None
        return owed

    def _walk(self) -> Iterator[Owed]:
        for entry in self._entries or ():
            if isinstance(entry, UndoLog):
                yield from entry._walk()
            else:
                yield entry


def undo_inside(run: Run, spec: StepSpec) -> bool:
    """Whether any step in the blocks of *spec* can be taken back."""
    steps = (step for block in spec.blocks for step in run.plan.blocks[block.index].steps)
    return any(step.undo is not None or undo_inside(run, step) for step in steps)
