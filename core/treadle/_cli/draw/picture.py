"""What a picture of a plan shows: boxes with lines of text, groups of boxes, arrows between boxes.

Rule: text is one line and printable; keys are made here, so that no id can mean something in a format.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from treadle._units import format_duration
from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_CHARS = 60
"""Longer notes are cut in pictures; `treadle plan` without a format has them whole."""


@attrs.frozen(eq=False, repr=False)
class Marks:
    """What is told of steps beyond the plan itself, by path.

    Attributes:
      seconds: how long they took.
      critical: they are on the critical path.
      undone: the place of each in the rollback that is asked about, from 1.
      may_undo: they may be undone in it.
      fails: the step at which it happens.
      captions: whole sentences below the title.
    """

    seconds: Mapping[str, float] = attrs.field(factory=dict)
    critical: frozenset[str] = frozenset()
    undone: Mapping[str, int] = attrs.field(factory=dict)
    may_undo: frozenset[str] = frozenset()
    fails: str | None = None
    captions: Sequence[str] = ()


@attrs.frozen(eq=False, repr=False)
class Arrow:
    """From one box to another of the same group; *implied*: no key says so, a reference does."""

    start: str
    end: str
    label: str = ""
    implied: bool = False


@attrs.frozen(eq=False, repr=False)
class Group:
    """One block. *levels* are its boxes by the level they stand on."""

    key: str
    title: str
    levels: tuple[tuple[Box, ...], ...]
    arrows: tuple[Arrow, ...]

    @property
    def boxes(self) -> Iterator[Box]:
        """Every box of the group itself."""
        return itertools.chain.from_iterable(self.levels)


@attrs.frozen(eq=False, repr=False)
class Box:
    """One step. *look* is ``step``, ``fails``, ``undone`` or ``may_undo``."""

    key: str
    path: str
    title: str
    lines: tuple[str, ...]
    groups: tuple[Group, ...]
    look: str
    critical: bool


@attrs.frozen(eq=False, repr=False)
class Picture:
    """A whole plan."""

    title: str
    captions: tuple[str, ...]
    steps: Group
    after: Group | None

    @property
    def groups(self) -> tuple[Group, ...]:
        """``steps``, and ``finally`` where there is one."""
        return (self.steps,) if self.after is None else (self.steps, self.after)


def picture(about: Mapping[str, Any], marks: Marks) -> Picture:
    """The picture of a plan, as `outline.order` tells it."""
    drawing = _Drawing(marks)
    steps = drawing.group("steps" if about["finally"] else "", about["steps"])
    after = drawing.group("finally", about["finally"]) if about["finally"] else None
    captions = tuple(printable(caption) for caption in marks.captions)
    return Picture(f"workflow {printable(about['workflow'])}", captions, steps, after)


class _Drawing:
    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self.numbers = itertools.count(1)

    def group(self, title: str, steps: Sequence[Mapping[str, Any]]) -> Group:
        keys = {step["id"]: f"s{next(self.numbers)}" for step in steps}
        levels: dict[int, list[Box]] = {}
        for step in steps:
            levels.setdefault(step["level"], []).append(self.box(keys[step["id"]], step))
        arrows = tuple(arrow for step in steps for arrow in _arrows(step, keys))
        in_order = tuple(tuple(levels[level]) for level in sorted(levels))
        return Group(f"g{next(self.numbers)}", _line(title), in_order, arrows)

    def box(self, key: str, step: Mapping[str, Any]) -> Box:
        path, marks = step["path"], self.marks
        inner = step.get("blocks", ())
        groups = (self.group(each["name"] if len(inner) > 1 else "", each["steps"]) for each in inner)
        return Box(
            key=key,
            path=printable(path),
            title=_line(f"{step['name']} ({step['id']})" if step["name"] else step["id"]),
            lines=tuple(_line(line) for line in (step["type"], *self._told(path), *notes(step))),
            groups=tuple(groups),
            look=self._look(path),
            critical=path in marks.critical,
        )

    def _told(self, path: str) -> Iterator[str]:
        marks = self.marks
        if path in marks.seconds:
            yield f"usually {spent(marks.seconds[path])}{', critical' if path in marks.critical else ''}"
        if path == marks.fails:
            yield "fails here"
        if path in marks.undone:
            yield f"undone, number {marks.undone[path]}"
        if path in marks.may_undo:
            yield "undone if it has completed"

    def _look(self, path: str) -> str:
        marks = self.marks
        if path == marks.fails:
            return "fails"
        return "undone" if path in marks.undone else "may_undo" if path in marks.may_undo else "step"


def _arrows(step: Mapping[str, Any], keys: Mapping[str, str]) -> Iterator[Arrow]:
    end = keys[step["id"]]
    for need in step["needs"]:
        words = (need["result"] or "", f"reads {need['inferred']}" if need["inferred"] else "")
        label = _line(", ".join(word for word in words if word))
        yield Arrow(keys[need["id"]], end, label, implied=bool(need["inferred"]))
    if step["at_least"]:
        label = f"at least {step['at_least']['count']} of {len(step['at_least']['of'])}"
        for each in step["at_least"]["of"]:
            yield Arrow(keys[each], end, label)


def notes(step: Mapping[str, Any]) -> Iterator[str]:
    """What the keys of a step say, but for its needs; a note each."""
    for key in ("when", "foreach", "max_parallel", "repeat", "timeout", "deadline", "limit"):
        if step[key] is not None:
            yield f"{'repeat until' if key == 'repeat' else key} {step[key]}"
    if step["attempts"] > 1:
        yield f"up to {step['attempts']} attempts"
    if step["on_error"] != "fail_fast":
        yield f"on_error {step['on_error']}"
    if step["undo"]:
        yield "can be undone"


def spent(seconds: float) -> str:
    """A duration as exact as is of interest."""
    return format_duration(round(seconds, 0 if seconds >= 60 else 1 if seconds >= 1 else 3))


def _line(text: str) -> str:
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= LINE_CHARS else shown[: LINE_CHARS - 1] + "…"
