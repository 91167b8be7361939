"""Where the boxes and lines of a picture stand: in layers, top to bottom, blocks within their steps.

Rule 1: text is monospaced, so its width is known without a font: `COLUMN` for each column of it.
Rule 2: a line that passes a row goes through a gap that is kept for it there, never behind a box.
Rule 3: lengths are pixels; places are relative to the group that a box stands in.
"""

from __future__ import annotations

import itertools
import unicodedata
from typing import TYPE_CHECKING

import attrs

from treadle._cli.draw.picture import Arrow, Box, Group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


COLUMN, LINE = 6.7, 15.0
PAD = 10.0
GAP_X, GAP_Y = 22.0, 34.0
TEXT_COLUMNS = 44
"""Longer lines are cut."""

_LANE = 10.0  # what a line takes that passes a row
_ROW_WIDTH = 1100.0  # a level that is wider goes on in another row
_MAX_LANES = 4_000  # of a group; beyond, lines go straight
_SWEEPS = 4


@attrs.define(eq=False, repr=False)
class Placed:
    """A box with its place in the group and its size; what is inside it has places relative to itself."""

    box: Box
    texts: tuple[str, ...]
    width: float
    height: float
    inner: list[PlacedGroup] = attrs.field(factory=list)
    x: float = 0.0
    y: float = 0.0


@attrs.define(eq=False, repr=False)
class Route:
    """A line as the points it goes through, from the end of one box to the top of another."""

    arrow: Arrow
    points: list[tuple[float, float]]


@attrs.define(eq=False, repr=False)
class PlacedGroup:
    """A group with its size; its title, where it has one, takes the first `LINE`."""

    group: Group
    boxes: list[Placed]
    routes: list[Route]
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0


def columns(text: str) -> int:
    """How many columns a text takes: two for wide characters, none for those that combine."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fitted(text: str) -> str:
    """*text*, cut where it takes more than `TEXT_COLUMNS`."""
    if columns(text) <= TEXT_COLUMNS:
        return text
    taken, end = 0, 0
    for end, char in enumerate(text):  # noqa: B007  # `end` is where it stopped
        taken += _columns_of(char)
        if taken > TEXT_COLUMNS - 1:
            break
    return text[:end] + "…"


def place(group: Group) -> PlacedGroup:
    """*group* with everything in it placed."""
    placed = {box.key: _sized(box) for box in group.boxes}
    rows = [row for level in group.levels for row in _rows([placed[box.key] for box in level])]
    lanes = _Lanes(rows, group.arrows)
    lanes.arrange()
    top = LINE + PAD if group.title else 0.0
    width, bottom = lanes.measure(top)
    routes = [lanes.route(arrow, placed) for arrow in group.arrows]
    width = max(width, columns(group.title) * COLUMN)
    return PlacedGroup(group, list(placed.values()), routes, width, bottom)


def _sized(box: Box) -> Placed:
    texts = tuple(fitted(line) for line in (box.title, *box.lines))
    width = max(map(columns, texts)) * COLUMN + 2 * PAD
    height = len(texts) * LINE + 2 * PAD - 4
    inner = [place(group) for group in box.groups]
    x = PAD
    for each in inner:
        each.x, each.y = x, height
        x += each.width + GAP_X
    if inner:
        width = max(width, x - GAP_X + PAD)
        height += max(each.height for each in inner) + PAD
    return Placed(box, texts, width, height, inner)


def _rows(level: Sequence[Placed]) -> Iterator[list[Placed]]:
    """A level as rows that are not too wide."""
    row: list[Placed] = []
    width = 0.0
    for box in level:
        if row and width + box.width > _ROW_WIDTH:
            yield row
            row, width = [], 0.0
        row.append(box)
        width += box.width + GAP_X
    yield row


# --- rows with lanes -------------------------------------------------------------------------------


@attrs.define(eq=False, repr=False)
class _Slot:
    """A place in a row: of a box, or of a line that passes."""

    width: float
    box: Placed | None = None
    above: list[_Slot] = attrs.field(factory=list)
    below: list[_Slot] = attrs.field(factory=list)
    middle: float = 0.0
    rank: float = 0.0


class _Lanes:
    """The rows of one group, with a slot for each box and for each line that passes a row."""

    def __init__(self, rows: Sequence[Sequence[Placed]], arrows: Sequence[Arrow]) -> None:
        self.rows = [[_Slot(box.width, box) for box in row] for row in rows]
        self.slot = {slot.box.box.key: slot for row in self.rows for slot in row if slot.box is not None}
        self.row_of = {
            slot.box.box.key: number
            for number, row in enumerate(self.rows)
            for slot in row
            if slot.box is not None
        }
        self.passes: Mapping[int, list[_Slot]] = self._passes(arrows)
        self.tops: list[float] = []
        self.heights: list[float] = []

    def _passes(self, arrows: Sequence[Arrow]) -> dict[int, list[_Slot]]:
        """By arrow, the slots it goes through; lines from the same box share them."""
        spans = sum(max(0, self.row_of[arrow.end] - self.row_of[arrow.start] - 1) for arrow in arrows)
        shared: dict[tuple[str, int], _Slot] = {}
        passes = {}
        for arrow in arrows:
            first, last = self.row_of[arrow.start], self.row_of[arrow.end]
            way = [self.slot[arrow.start]]
            for number in range(first + 1, last) if spans <= _MAX_LANES else ():
                key = (arrow.start, number)
                if key not in shared:
                    shared[key] = _Slot(_LANE)
                    self.rows[number].append(shared[key])
                way.append(shared[key])
            way.append(self.slot[arrow.end])
            for upper, lower in itertools.pairwise(way):
                upper.below.append(lower)
                lower.above.append(upper)
            passes[id(arrow)] = way[1:-1]
        return passes

    def arrange(self) -> None:
        """Order each row so that few lines cross: by the middle of what each slot is joined to."""
        for row in self.rows:
            self._number(row)
        for _ in range(_SWEEPS):
            for row in self.rows[1:]:
                row.sort(key=lambda slot: _mean(slot.above, slot.rank))
                self._number(row)
            for row in self.rows[-2::-1]:
                row.sort(key=lambda slot: _mean(slot.below, slot.rank))
                self._number(row)

    @staticmethod
    def _number(row: Sequence[_Slot]) -> None:
        for number, slot in enumerate(row):
            slot.rank = (number + 0.5) / len(row)

    def measure(self, top: float) -> tuple[float, float]:
        """Give every slot its place; width and height of it all."""
        widths = [sum(slot.width for slot in row) + GAP_X * (len(row) - 1) for row in self.rows]
        whole = max(widths)
        for row, width in zip(self.rows, widths, strict=True):
            x = (whole - width) / 2
            height = max((slot.box.height for slot in row if slot.box is not None), default=0.0)
            for slot in row:
                slot.middle = x + slot.width / 2
                if slot.box is not None:
                    slot.box.x, slot.box.y = x, top
                x += slot.width + GAP_X
            self.tops.append(top)
            self.heights.append(height)
            top += height + GAP_Y
        return whole, top - GAP_Y

    def route(self, arrow: Arrow, placed: Mapping[str, Placed]) -> Route:
        start, end = placed[arrow.start], placed[arrow.end]
        row = self.row_of[arrow.start]
        points = [(start.x + start.width / 2, start.y + start.height)]
        if start.height < self.heights[row]:
            points.append((points[0][0], self.tops[row] + self.heights[row]))
        for slot in self.passes[id(arrow)]:
            row += 1
            points.append((slot.middle, self.tops[row]))
            points.append((slot.middle, self.tops[row] + self.heights[row]))
        points.append((end.x + end.width / 2, end.y))
        return Route(arrow, points)


def _mean(slots: Sequence[_Slot], otherwise: float) -> float:
    return sum(slot.rank for slot in slots) / len(slots) if slots else otherwise
