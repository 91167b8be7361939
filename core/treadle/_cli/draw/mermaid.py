"""A picture as a Mermaid flowchart, which GitHub, GitLab and many editors draw.

Rule: all text stands in double quotes, and whatever could mean something there is written as an entity.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._cli.draw.picture import Arrow, Box, Group, Picture

_SPECIAL = re.compile(r"""["#&;<>`%{}\[\]()|\\*]|[^\S ]""")
_CLASSES = (
    "classDef critical stroke-width:3px",
    "classDef fails stroke:#cf222e,stroke-width:3px",
    "classDef undone stroke:#bc4c00,stroke-dasharray:6 3",
    "classDef may_undo stroke:#bc4c00,stroke-dasharray:2 3",
)


def mermaid(drawn: Picture) -> Iterator[str]:
    """The lines of a flowchart."""
    yield "flowchart TD"
    yield f"  accTitle: {_plain(drawn.title)}"
    for caption in drawn.captions:
        yield f"  %% {_plain(caption)}"
    marked: dict[str, list[str]] = {}
    if drawn.after is None:
        yield from _inside(drawn.steps, "  ", marked)
    else:
        for group in drawn.groups:
            yield from _subgraph(group, "  ", marked)
        yield f"  {drawn.steps.key} --> {drawn.after.key}"
    if marked:
        yield from (f"  {line}" for line in _CLASSES)
        yield from (f"  class {','.join(keys)} {name}" for name, keys in marked.items())


def _inside(group: Group, margin: str, marked: dict[str, list[str]]) -> Iterator[str]:
    for box in group.boxes:
        yield from _box(box, margin, marked)
    for arrow in group.arrows:
        yield margin + _arrow(arrow)


def _subgraph(group: Group, margin: str, marked: dict[str, list[str]]) -> Iterator[str]:
    yield f'{margin}subgraph {group.key}["{_quoted(group.title) or " "}"]'
    yield from _inside(group, margin + "  ", marked)
    yield f"{margin}end"


def _box(box: Box, margin: str, marked: dict[str, list[str]]) -> Iterator[str]:
    if box.critical:
        marked.setdefault("critical", []).append(box.key)
    if box.look != "step":
        marked.setdefault(box.look, []).append(box.key)
    label = "<br/>".join(_quoted(line) for line in (box.title, *box.lines))
    if not box.groups:
        yield f'{margin}{box.key}["{label}"]'
        return
    yield f'{margin}subgraph {box.key}["{label}"]'
    for group in box.groups:
        yield from (_subgraph if group.title else _inside)(group, margin + "  ", marked)
    yield f"{margin}end"


def _arrow(arrow: Arrow) -> str:
    line = "-.->" if arrow.implied else "-->"
    label = f'|"{_quoted(arrow.label)}"|' if arrow.label else ""
    return f"{arrow.start} {line}{label} {arrow.end}"


def _quoted(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text)


def _plain(text: str) -> str:
    """For lines that take no quotes: what could end one, or mean something, is left out."""
    return re.sub(r"[^\w .,:()/+-]|\s", lambda found: " " if found[0].isspace() else "", text)
