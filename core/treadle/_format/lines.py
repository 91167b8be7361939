"""What each line of a text is, by its tokens: of which collection, of which text, within which brackets.

Rule: a line is what the scanner takes for one, so its numbers are those of the marks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import attrs
import yaml

from treadle._format.tokens import is_block_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 2
"""Spaces that a collection stands further in than the one around it."""

_FLOW_STARTS = (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)
_FLOW_ENDS = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_BLOCK_STARTS = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken)
_OF_COLLECTION = (yaml.KeyToken, yaml.ValueToken, yaml.BlockEntryToken)
_OF_DOCUMENT = (yaml.DirectiveToken, yaml.DocumentStartToken, yaml.DocumentEndToken)
_BETWEEN = (yaml.StreamStartToken, yaml.StreamEndToken, yaml.BlockEndToken, *_BLOCK_STARTS)
_LINE = re.compile("([^\n\x85\u2028\u2029]*)([\n\x85\u2028\u2029]|$)")
_HEADER = re.compile(r"[|>][-+0-9]*")
_DIGIT = re.compile("[1-9]")
_FAR = 1 << 30

Kind = Literal["code", "rest", "folded", "text", "literal", "gone"]


@attrs.frozen(eq=False, repr=False)
class Level:
    """A collection in block style: its column now and as it is to be.

    A list may stand as far out as the key it belongs to; it is *loose* then, for the scanner does not tell
    where it begins and ends.
    """

    kind: Literal["mapping", "list", "loose"]
    old: int
    new: int


@attrs.define(eq=False, repr=False)
class Line:
    """One line.

    Attributes:
      text: without what breaks the line, which is *end*.
      kind: ``code`` begins something; ``rest`` goes on within brackets, ``folded`` with an unquoted value,
        ``text`` with a quoted one; ``literal`` is inside ``|`` or ``>``; ``gone`` is left out; None is blank
        or a comment.
      old, new: columns of its first token; of a ``literal``, of the whole; else only their difference counts.
      least: the column it may not be left of.
      open_quote: it ends within quotes, where blanks may mean something.
      squeezed: columns at which so many blanks are too many.
      around: the collections that are open where it ends; kept only where a comment may follow.
    """

    text: str
    end: str
    kind: Kind | None = None
    old: int = 0
    new: int = 0
    least: int = 0
    open_quote: bool = False
    squeezed: list[tuple[int, int]] = attrs.field(factory=list)
    around: tuple[Level, ...] = ()

    @property
    def blank(self) -> bool:
        """Whether there is nothing to be seen."""
        return not self.text.strip(" \t")

    @property
    def indent(self) -> int:
        """How many spaces it begins with."""
        return len(self.text) - len(self.text.lstrip(" "))


def read_lines(text: str, tokens: Sequence[Any]) -> list[Line]:
    """The lines of *text*."""
    lines = [Line(found[1], found[2]) for found in _LINE.finditer(text)]
    while lines and not lines[-1].text and not lines[-1].end:
        lines.pop()
    _Reading(lines).read(tokens)
    return lines


class _Reading:
    """Tells the lines by going through the tokens once."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.levels: list[Level] = []
        self.brackets: list[Any] = []
        self.told = -1  # the last line that a token has been on
        self.begun = False  # there has been a token besides that of the stream

    def read(self, tokens: Sequence[Any]) -> None:
        for token, after in zip(tokens, (*tokens[1:], None), strict=True):
            self.collections(token)
            if isinstance(token, _BETWEEN):
                continue
            if token.start_mark.line > self.told:
                self.begin(token)
            if not self.brackets:
                self.squeeze(token, after)
            if is_block_scalar(token):
                self.told = self.literal(token)
            else:
                self.several(token)
                self.told = max(self.told, token.end_mark.line)
            self.bracket(token)
            self.remember()
            self.begun = True

    def inner(self) -> int:
        """The column of what is inside the innermost collection."""
        return self.levels[-1].new + STEP if self.levels else 0

    def collections(self, token: Any) -> None:
        kind = type(token)
        loose = bool(self.levels) and self.levels[-1].kind == "loose"
        if self.brackets:
            return
        if kind in _BLOCK_STARTS:
            name: Any = "mapping" if kind is yaml.BlockMappingStartToken else "list"
            self.levels.append(Level(name, token.start_mark.column, self.inner()))
        elif kind is yaml.BlockEntryToken and self.levels[-1].kind == "mapping":
            self.levels.append(Level("loose", token.start_mark.column, self.inner()))
        elif kind in (yaml.KeyToken, yaml.ValueToken, yaml.BlockEndToken):
            if loose:
                self.levels.pop()
            if kind is yaml.BlockEndToken:
                self.levels.pop()

    def begin(self, token: Any) -> None:
        """*token* is the first on its line."""
        line = self.lines[token.start_mark.line]
        if self.brackets:
            return  # told when the last bracket is closed
        line.kind = "code"
        line.old = token.start_mark.column
        if isinstance(token, _OF_COLLECTION):
            line.new = self.levels[-1].new
        elif not isinstance(token, _OF_DOCUMENT):
            line.new = self.inner()
        elif type(token) is yaml.DocumentStartToken and not self.begun and line.text.strip() == "---":
            line.kind = "gone"

    def squeeze(self, token: Any, after: Any) -> None:
        """One blank between ``-``, ``?`` or ``:`` at the beginning and what follows it."""
        mark, end = token.start_mark, token.end_mark
        explicit = isinstance(token, _OF_COLLECTION) and end.column > mark.column
        if not explicit or after is None or after.start_mark.line != end.line:
            return
        own = self.levels[-1].old if self.levels else -1
        if mark.column == own:
            extra = after.start_mark.column - end.column - 1
            if extra > 0:
                self.lines[end.line].squeezed.append((end.column + 1, extra))

    def moved(self, mark: Any) -> int:
        """By how much what stands at *mark* moves to the right."""
        line: Line = self.lines[mark.line]
        column: int = mark.column
        return line.new - line.old - sum(extra for at, extra in line.squeezed if at < column)

    def several(self, token: Any) -> None:
        """A value over several lines."""
        first, last = token.start_mark.line, token.end_mark.line
        if type(token) is not yaml.ScalarToken or first == last:
            return
        moved = self.moved(token.start_mark) if not self.brackets else self.moved(self.brackets[0])
        for line in self.lines[first + 1 : last + 1]:
            line.kind = "folded" if token.plain else "text"
            line.new, line.least = moved, self.inner()
        if not token.plain:
            for line in self.lines[first:last]:
                line.open_quote = True

    def bracket(self, token: Any) -> None:
        if isinstance(token, _FLOW_STARTS):
            self.brackets.append(token.start_mark)
        elif isinstance(token, _FLOW_ENDS):
            first = self.brackets.pop()
            if not self.brackets:
                self.closed(first, token.end_mark)

    def closed(self, first: Any, last: Any) -> None:
        """The outermost brackets are closed: what has not been told of the lines between belongs to them."""
        moved = self.moved(first)
        for line in self.lines[first.line + 1 : last.line + 1]:
            if line.kind is None:
                line.kind = "rest"
                line.new, line.least = moved, self.levels[-1].new if self.levels else 0

    def literal(self, token: Any) -> int:
        """The lines of text after ``|`` or ``>``; the number of the last."""
        at: int = token.start_mark.line
        header = _HEADER.match(self.lines[at].text, token.start_mark.column)
        digit, keep = (_DIGIT.search(header[0]), "+" in header[0]) if header else (None, False)
        base = self.levels[-1] if self.levels else Level("mapping", 0, -STEP)
        below = range(at + 1, len(self.lines))  # no slice: there may be a text at every other line
        first = next((self.lines[number] for number in below if not self.lines[number].blank), None)
        if digit:
            old, new = base.old + int(digit[0]), base.new + int(digit[0])
        elif first is not None and not self.levels:  # the document is this text alone
            old = new = first.indent
        elif first is not None and first.indent > base.old:
            old, new = first.indent, base.new + STEP
        else:  # there is nothing but blank lines
            old, new = _FAR, 0
        last = at
        for number in below:
            line = self.lines[number]
            if not line.blank and line.indent < old:
                break
            unfinished = not line.end and len(line.text) <= old
            if not line.blank or len(line.text) > old or (keep and not unfinished):
                last = number
        for line in self.lines[at + 1 : last + 1]:
            line.kind, line.old, line.new = "literal", old, new
        if last > at and not self.lines[last].end:
            self.end_without_break(self.lines[at], header)
        return last

    @staticmethod
    def end_without_break(line: Line, header: Any) -> None:
        """The text ends with the file, without a line break: it has to say so, for the file will get one."""
        written = header[0].replace("+", "").replace("-", "") + "-"
        line.text = line.text[: header.start()] + written + line.text[header.end() :]

    def remember(self) -> None:
        """Which collections are open, where the next line is no code."""
        if self.told + 1 < len(self.lines) and not self.brackets:
            following = self.lines[self.told + 1]
            if following.blank or following.text.lstrip().startswith("#"):
                self.lines[self.told].around = tuple(self.levels)
