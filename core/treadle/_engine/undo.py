"""What a rollback has to take back, newest completion first.

A log follows the blocks: each block in flight has its own, and gives it to the enclosing one when its step
settles. A completed step's own undo replaces those inside it, so the log below it is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle._engine.scope import Scope
from treadle._model import StepSpec
from treadle.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator


@attrs.frozen(eq=False)
class Owed:
    """One step to take back.

    Attributes:
      seq: number of the event it settled with; the order of undoing, and ``of`` in the undo's events.
      scope: what the step saw; *output*, *error* and *attempt* are its own.
    """

    seq: int
    path: str
    spec: StepSpec
    scope: Scope
    output: Any
    error: Failure | None
    attempt: int


class UndoLog:
    """Steps to take back, in a tree that follows the blocks."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[Owed | UndoLog] | None = None  # most steps owe nothing

    def add(self, entry: Owed | UndoLog) -> None:
        """Owe *entry*, or all that a block inside owes."""
        if isinstance(entry, UndoLog) and entry._entries is None:
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
