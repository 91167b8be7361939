"""Where things stand in a document. Apart, so that settings and the model can both name a place."""

from __future__ import annotations

from typing import Literal

import attrs

from treadle._values import Value
from treadle.errors import Problem


@attrs.frozen(eq=False, repr=False)
class Place(Value):
    """Where something stands in a document; *line* and *column* from 1, None for generated documents."""

    path: str
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def problem(
        self, code: str, message: str, fix: str = "", severity: Literal["error", "warning"] = "error"
    ) -> Problem:
        """The problem of what stands here; arguments as of `Problem`."""
        return Problem(message, self.path, fix, self.file, self.line, self.column, code, severity)

    def inside(self, offset: int) -> Place:
        """The place of the character *offset* of the text that stands here, as far as that is known."""
        return self
