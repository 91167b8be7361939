"""A picture as SVG that stands alone: no script, no font, no link; light or dark as the reader's screen is.

Rule: every text goes through `_xml`, which XML and HTML read back as it was.
"""

from __future__ import annotations

import itertools
import re
from html import escape
from typing import TYPE_CHECKING

from treadle._cli.draw.layout import COLUMN, GAP_Y, LINE, PAD, Placed, PlacedGroup, Route, columns, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from treadle._cli.draw.picture import Picture

_MARGIN = 20.0
_STYLE = """
    svg { color: #1f2328; background: #ffffff; color-scheme: light dark }
    text { font: 11px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: currentColor }
    .title { font-weight: bold }
    .note { opacity: .75 }
    .box { fill: #f6f8fa; stroke: currentColor; stroke-width: 1 }
    .group { fill: none; stroke: currentColor; stroke-opacity: .4; stroke-dasharray: 4 4 }
    .line { fill: none; stroke: currentColor; stroke-opacity: .65 }
    .implied { stroke-dasharray: 6 3 }
    .tip { fill: currentColor }
    .critical { stroke-width: 3 }
    .fails { stroke: #cf222e; stroke-width: 3 }
    .undone { stroke: #bc4c00; stroke-dasharray: 6 3 }
    .may_undo { stroke: #bc4c00; stroke-dasharray: 2 3 }
    @media (prefers-color-scheme: dark) {
      svg { color: #e6edf3; background: #0d1117 }
      .box { fill: #161b22 }
    }
"""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(drawn: Picture) -> Iterator[str]:
    """The lines of an SVG document."""
    head = (drawn.title, *drawn.captions)
    groups = [place(group) for group in drawn.groups]
    width = max(*(group.width for group in groups), *(columns(line) * COLUMN for line in head))
    y = _MARGIN + LINE * len(head) + PAD
    for group in groups:
        group.x, group.y = _MARGIN + (width - group.width) / 2, y
        y += group.height + GAP_Y
    across, down = _number(width + 2 * _MARGIN), _number(y - GAP_Y + _MARGIN)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{across}" height="{down}"'
        f' viewBox="0 0 {across} {down}" role="img" aria-labelledby="title desc">'
    )
    yield f'<title id="title">{_xml(drawn.title)}</title>'
    yield f'<desc id="desc">{_xml(_told(drawn))}</desc>'
    yield f"<style>{_STYLE}</style>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
    )
    for number, line in enumerate(head):
        yield _text(line, _MARGIN, _MARGIN + LINE * number + 8, "note" if number else "title")
    for group in groups:
        yield from _group(group, group.x, group.y)
    yield from _between(groups)
    yield "</svg>"


def _told(drawn: Picture) -> str:
    """The picture in words, for who does not see it."""
    names = [", ".join(box.title for box in level) for level in drawn.steps.levels]
    order = "; then ".join(names[:50]) + ("; and so on" if len(names) > 50 else "")
    return ". ".join((*drawn.captions, f"In order: {order}"))


def _between(groups: Sequence[PlacedGroup]) -> Iterator[str]:
    """The line from ``steps`` to ``finally``."""
    for upper, lower in itertools.pairwise(groups):
        points = [
            (upper.x + upper.width / 2, upper.y + upper.height),
            (lower.x + lower.width / 2, lower.y),
        ]
        yield f'<path class="line" marker-end="url(#tip)" d="{_curve(points)}"/>'


def _group(placed: PlacedGroup, x: float, y: float) -> Iterator[str]:
    if placed.group.title:
        yield _text(placed.group.title, x, y + LINE - 4, "title")
    for route in placed.routes:
        yield _line(route, x, y)
    for box in placed.boxes:
        yield from _box(box, x + box.x, y + box.y)


def _line(route: Route, x: float, y: float) -> str:
    looks = "line implied" if route.arrow.implied else "line"
    drawn = _curve([(x + across, y + down) for across, down in route.points])
    path = f'<path class="{looks}" marker-end="url(#tip)" d="{drawn}"'
    return f"{path}><title>{_xml(route.arrow.label)}</title></path>" if route.arrow.label else f"{path}/>"


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Straight down, or an S from one point to another."""
    parts = [f"M{_number(points[0][0])} {_number(points[0][1])}"]
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        if abs(x1 - x2) < 0.5:
            parts.append(f"L{_number(x2)} {_number(y2)}")
        else:
            middle = _number((y1 + y2) / 2)
            parts.append(f"C{_number(x1)} {middle} {_number(x2)} {middle} {_number(x2)} {_number(y2)}")
    return "".join(parts)


def _box(placed: Placed, x: float, y: float) -> Iterator[str]:
    box = placed.box
    looks = " ".join(("box", *(("critical",) if box.critical else ()), *_look(box.look)))
    yield f"<g><title>{_xml('; '.join((box.path, *box.lines)))}</title>"
    yield (
        f'<rect class="{looks}" x="{_number(x)}" y="{_number(y)}" width="{_number(placed.width)}"'
        f' height="{_number(placed.height)}" rx="6"/>'
    )
    for number, line in enumerate(placed.texts):
        yield _text(line, x + PAD, y + PAD + LINE * number + 8, "note" if number else "title")
    for group in placed.inner:
        yield from _group(group, x + group.x, y + group.y)
    yield "</g>"


def _look(look: str) -> tuple[str, ...]:
    return () if look == "step" else (look,)


def _text(text: str, x: float, y: float, looks: str) -> str:
    return f'<text class="{looks}" x="{_number(x)}" y="{_number(y)}">{_xml(text)}</text>'


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("�", text))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
