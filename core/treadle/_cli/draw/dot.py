"""A picture in Graphviz's language, for ``dot -Tsvg``.

Rule: all text stands in double quotes, in which backslashes, quotes and line breaks are escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._cli.draw.picture import Arrow, Box, Group, Picture

_LOOKS = {
    "step": {},
    "fails": {"color": "#cf222e", "penwidth": "3"},
    "undone": {"color": "#bc4c00", "style": "rounded,dashed"},
    "may_undo": {"color": "#bc4c00", "style": "rounded,dotted"},
}


def dot(drawn: Picture) -> Iterator[str]:
    """The lines of a directed graph. A block is a cluster, whose first node is its step."""
    yield "digraph plan {"
    yield f"  label={_label((drawn.title, *drawn.captions))};"
    yield "  labelloc=t; compound=true; rankdir=TB;"
    yield '  node [shape=box, style=rounded, fontname="monospace", fontsize=10];'
    yield '  edge [fontname="monospace", fontsize=9]; fontname="monospace"; fontsize=11;'
    if drawn.after is None:
        yield from _inside(drawn.steps, "  ")
    else:
        for group in drawn.groups:
            yield from _cluster(group, "  ")
        start, end = _last(drawn.steps), _first(drawn.after)
        yield f"  {start} -> {end} [ltail=cluster_{drawn.steps.key}, lhead=cluster_{drawn.after.key}];"
    yield "}"


def _inside(group: Group, margin: str) -> Iterator[str]:
    boxes = {box.key: box for box in group.boxes}
    for box in boxes.values():
        yield from _box(box, margin)
    for arrow in group.arrows:
        yield margin + _arrow(arrow, boxes)


def _cluster(group: Group, margin: str) -> Iterator[str]:
    yield f"{margin}subgraph cluster_{group.key} {{"
    yield f"{margin}  label={_label((group.title,))}; style=dashed;"
    yield from _inside(group, margin + "  ")
    yield f"{margin}}}"


def _box(box: Box, margin: str) -> Iterator[str]:
    node = f"{box.key} [{_attributes(box)}];"
    if not box.groups:
        yield margin + node
        return
    yield f"{margin}subgraph cluster_{box.key} {{"
    yield f'{margin}  label=""; style=solid;'
    yield f"{margin}  {node}"
    for group in box.groups:
        yield from (_cluster if group.title else _inside)(group, margin + "  ")
        for first in group.levels[0]:
            yield f"{margin}  {box.key} -> {first.key} [style=dotted, arrowhead=none];"
    yield f"{margin}}}"


def _attributes(box: Box) -> str:
    chosen = {"label": _label((box.title, *box.lines)), "tooltip": _quoted(box.path)}
    if box.critical:
        chosen["penwidth"] = _quoted("3")
    chosen |= {name: _quoted(value) for name, value in _LOOKS[box.look].items()}
    return ", ".join(f"{name}={value}" for name, value in chosen.items())


def _arrow(arrow: Arrow, boxes: dict[str, Box]) -> str:
    said = {}
    if arrow.label:
        said["label"] = _quoted(arrow.label)
    if arrow.implied:
        said["style"] = "dashed"
    start = boxes[arrow.start]
    if start.groups:
        said["ltail"] = f"cluster_{start.key}"
    if boxes[arrow.end].groups:
        said["lhead"] = f"cluster_{arrow.end}"
    attributes = f" [{', '.join(f'{name}={value}' for name, value in said.items())}]" if said else ""
    return f"{_lowest(start)} -> {arrow.end}{attributes};"


def _lowest(box: Box) -> str:
    """A node at the bottom of the box, so that what comes after a block is drawn below all of it."""
    return _last(box.groups[0]) if box.groups else box.key


def _last(group: Group) -> str:
    return _lowest(group.levels[-1][0])


def _first(group: Group) -> str:
    return group.levels[0][0].key


def _label(lines: tuple[str, ...]) -> str:
    return '"' + r"\n".join(_escaped(line) for line in lines) + '"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return " ".join(text.splitlines()).replace("\\", "\\\\").replace('"', '\\"')
