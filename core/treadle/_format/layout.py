"""The lines of a text, each at its new column, with no blanks at their ends and few blank lines.

Rule: comments stand with what they stood with: at the column of what follows, or of what is open around them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._format.lines import Line, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BLANKS = " \t"


def laid_out(text: str, tokens: Sequence[Any]) -> str:
    """*text* laid out, with a line break at its end."""
    lines = read_lines(text, tokens)
    _place_comments(lines)
    return "".join(_written(lines))


def _written(lines: Sequence[Line]) -> Iterator[str]:
    blank = begun = False
    for line in lines:
        if line.kind == "gone":
            continue
        if line.blank and line.kind in (None, "rest"):
            blank = True
            continue
        if blank and begun:
            yield "\n"
        blank, begun = False, True
        yield _line(line) + (line.end or "\n")


def _line(line: Line) -> str:
    if line.kind == "literal":
        if line.blank and len(line.text) <= line.old:
            return ""
        return " " * line.new + line.text[line.old :]
    if line.kind in ("rest", "folded", "text"):
        shown = _shifted(line)
    else:
        shown = " " * line.new + _squeezed(line).lstrip(_BLANKS)
    return shown if line.open_quote else shown.rstrip(_BLANKS)


def _shifted(line: Line) -> str:
    after = line.text.lstrip(" ")
    if after.startswith("\t") or not after:
        return line.text
    return " " * max(line.indent + line.new, line.least) + after


def _squeezed(line: Line) -> str:
    text = line.text
    for column, extra in reversed(line.squeezed):
        text = text[:column] + text[column + extra :]
    return text


# --- comments --------------------------------------------------------------------------------------


def _place_comments(lines: Sequence[Line]) -> None:
    """Give each comment that has a line of its own the column of what it belongs to."""
    following: Line | None = None
    after: list[Line | None] = []
    for line in reversed(lines):
        after.append(following)
        if line.kind == "code":
            following = line
    previous: Line | None = None
    for line, code in zip(lines, reversed(after), strict=True):
        if line.kind is None and not line.blank:
            line.new = _column(len(line.text) - len(line.text.lstrip(_BLANKS)), previous, code)
        elif line.kind not in (None, "gone"):
            previous = line


def _column(column: int, previous: Line | None, code: Line | None) -> int:
    open_there = previous.around if previous is not None else ()
    if code is not None and code.old == column:
        return code.new
    for level in open_there:
        if level.old == column:
            return level.new
    innermost = open_there[-1].old if open_there else -1
    if code is not None and column > innermost and code.old > innermost:
        return code.new
    outside = [level for level in open_there if level.old < column]
    return outside[-1].new if outside else code.new if code is not None else 0
