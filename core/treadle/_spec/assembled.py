"""Text that was put together from a template's and the values of its parameters, and where each part stands.

Rule: what the template has is found where it was written; what was put in, where the template reads it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle._places import Scalars


class Piece(NamedTuple):
    """A part of text: where in the template's own it stands, or, if it was *put_in*, is read."""

    text: str
    offset: int
    put_in: bool = False


class Assembled:
    """Finds the characters of the text that *pieces* make, by what finds those of the template's own."""

    __slots__ = ("_own", "_pieces", "_starts")

    assembled = True

    def __init__(self, own: Scalars | None, pieces: Sequence[Piece]) -> None:
        self._own = own
        self._pieces = pieces
        self._starts: list[int] = []

    def position(self, line: int, column: int, offset: int) -> tuple[int, int]:
        """As that of `Text`, of the character *offset* of the text that was put together."""
        if self._own is None or not self._pieces:
            return line, column
        if not self._starts:
            end = 0
            for piece in self._pieces:
                self._starts.append(end)
                end += len(piece.text)
        number = max(bisect_right(self._starts, offset) - 1, 0)
        piece = self._pieces[number]
        inside = 0 if piece.put_in else offset - self._starts[number]
        return self._own.position(line, column, piece.offset + inside)
