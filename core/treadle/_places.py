"""Where things stand in a document. Apart, so that settings and the model can both name a place."""

from __future__ import annotations

from typing import Literal, Protocol

import attrs

from treadle._values import Value
from treadle.errors import Problem


class Scalars(Protocol):
    """What knows where the characters of a document's scalars stand."""

    def position(self, line: int, column: int, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of character *offset*, from 0, of the scalar at *line* and *column*."""


@attrs.frozen(eq=False, repr=False)
class Place(Value):
    """Where something stands in a document; *line* and *column* from 1, None for generated documents.

    *scalars* is given for what is a scalar there.
    """

    path: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    scalars: Scalars | None = attrs.field(default=None, eq=False, repr=False)

    def problem(
        self, code: str, message: str, fix: str = "", severity: Literal["error", "warning"] = "error"
    ) -> Problem:
        """The problem of what stands here; arguments as of `Problem`."""
        return Problem(message, self.path, fix, self.file, self.line, self.column, code, severity)

    @property
    def assembled(self) -> bool:
        """Whether the text here was put together from values: what is always so of it may be so for them."""
        return getattr(self.scalars, "assembled", False)

    def inside(self, offset: int) -> Place:
        """The place of the character *offset* of the text that stands here, as far as that is known."""
        if self.scalars is None or self.line is None or self.column is None:
            return self
        line, column = self.scalars.position(self.line, self.column, offset)
        return Place(self.path, self.file, line, column)
