"""What the steps' own effects say happened: a file outside of treadle, which no journal can talk away."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen
class Line:
    """One moment of one attempt.

    Attributes:
      what: ``begin``, then ``end``, ``fail`` or ``cancelled``; nothing more where the process was killed.
      output: what the attempt gives, with ``end``.
      again: the step's type says that an interrupted attempt may simply run again.
      time: wall clock, when the line was written.
    """

    run: str
    path: str
    attempt: int
    key: str
    what: str
    again: bool
    pid: int
    time: float
    output: Any = None

    def __str__(self) -> str:
        return f"{self.time:.3f} pid {self.pid}: {self.path} attempt {self.attempt} {self.what}"


class Ledger:
    """A file to which any process can add a line, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: Line) -> None:
        """Add *line*; on return it is on the disk."""
        text = json.dumps(attrs.asdict(line)) + "\n"
        file = os.open(self.path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.write(file, text.encode())
            os.fsync(file)
        finally:
            os.close(file)

    def lines(self) -> list[Line]:
        """All lines so far, in the order in which they were written."""
        if not self.path.exists():
            return []
        return [Line(**json.loads(text)) for text in self.path.read_text().splitlines()]

    def count(self, what: str, path: str) -> int:
        """How many lines there are of this kind for the step at *path*."""
        return sum(line.what == what and line.path == path for line in self.lines())


def now() -> float:
    """The time for a line."""
    return time.time()
