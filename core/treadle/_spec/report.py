"""Problems, collected while the rest of the document is still read.

Rule: nothing here raises, and nothing that finds a problem stops at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from treadle._places import Place

if TYPE_CHECKING:
    from treadle._places import Scalars
    from treadle._spec.nodes import Node
    from treadle.errors import Problem


class Mark(Protocol):
    """A position as the YAML parser gives it, counted from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Report:
    """The problems of one document.

    Args:
      file: the name the document was loaded under.

    Attributes:
      text: what finds characters in the document; None for one that is no text, or is not read yet.
      scattered: whether nodes of other files, or with text of their own, are in the tree.
    """

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.text: Scalars | None = None
        self.scattered = False

    def add(self, code: str, mark: Mark | None, path: str, message: str, fix: str = "") -> None:
        """One more problem; *code* is one of `CODES`."""
        self.problems.append(self.place(mark, path).problem(code, message, fix))

    def later(self, mark: Mark | None, path: str, what: str) -> None:
        """*what* is part of the language, but not of this version."""
        self.add("TRD801", mark, path, f"{what} is not yet supported in this version", "leave it out")

    def place(self, mark: Mark | None, path: str) -> Place:
        """The place of something at *mark*."""
        if mark is None:
            return Place(path, self.file)
        file = getattr(mark, "file", self.file) if self.scattered else self.file
        return Place(path, file, mark.line + 1, mark.column + 1)

    def place_of(self, node: Node, path: str) -> Place:
        """The place of *node*, which knows where the characters of a scalar stand."""
        mark = node.mark
        scalars = (node.scalars or self.text) if node.items is None else None
        if mark is None:
            return Place(path, self.file, scalars=scalars)
        file = getattr(mark, "file", self.file) if self.scattered else self.file
        return Place(path, file, mark.line + 1, mark.column + 1, scalars)

    def in_order(self) -> list[Problem]:
        """All problems in the order of the text."""
        return sorted(self.problems, key=_position)


def _position(problem: Problem) -> Any:
    return (problem.line or 0, problem.column or 0)
