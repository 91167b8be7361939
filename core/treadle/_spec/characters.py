"""Where each character of a scalar stands in the text of a document.

Rule 1: looked for only when a problem is made, by reading the scalar once more beside its value.
Rule 2: what folds, escapes and indentation do to a text is done here as libyaml does it; where that cannot be
  followed, the place is the start of the scalar, never a wrong one.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

from treadle._spec.surrogates import length_at

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from treadle._places import Scalars

_BLANKS = " \t"
_BREAKS = "\n\r\x85\u2028\u2029"
_KEPT = "\u2028\u2029"
"""Line breaks that are never folded into a space."""

# Texts, compiled when first used: good documents need none of them.
_BREAK = r"\r\n|[\n\r\x85\u2028\u2029]"
_PROPERTIES = rf"(?:[&!][^\s,\[\]{{}}]*(?:[ \t]+(?:#[^{_BREAKS}]*)?|{_BREAK})*)*"
_BLOCK = rf"[|>](?P<signs>[-+]?[1-9]?[-+]?)[ \t]*(?:#[^{_BREAKS}]*)?(?:{_BREAK})"
_LEAD = r"[ ]*(?:[-?:][ \t]+)*"
_ESCAPED = {"x": 2, "u": 4, "U": 8}
"""How many digits follow these escapes."""


class Text:
    """The text of a document, in which the characters of its scalars can be found."""

    __slots__ = ("_known", "_lines", "_rest", "_scalar", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[int] = []
        self._scalar = -1  # where the scalar begins that was looked into last
        self._known = array("I")  # where its characters stand, as far as they were looked for
        self._rest: Iterator[int] = iter(())

    def position(self, line: int, column: int, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of the character *offset* of the scalar at *line* and *column*."""
        if not self._lines:
            self._lines = [0, *(found.end() for found in re.finditer(_BREAK, self._text))]
        start = self._lines[line - 1] + column - 1
        if start != self._scalar:
            self._scalar, self._known, self._rest = start, array("I"), characters(self._text, start)
        if offset >= len(self._known):
            self._known.extend(islice(self._rest, offset + 1 - len(self._known)))
        if offset >= len(self._known):
            return line, column
        at = self._known[offset]
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1


class Spans:
    """A text, and where ``${{`` stands in it, looked for when that is first asked."""

    __slots__ = ("_starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """The places, in order."""
        if self._starts is None:
            self._starts = [found.start() for found in re.finditer(r"\$\{\{", self.text)]
        return self._starts


class Word:
    """A word that was taken out of a text with others: each of its spans stands as written in that text.

    Args:
      text: of the document.
      whole: the text that was split.
      word: the word.
      before: how many spans stand in the words before it.
    """

    __slots__ = ("_before", "_text", "_whole", "_word")

    def __init__(self, text: Scalars, whole: Spans, word: str, before: int) -> None:
        self._text = text
        self._whole = whole
        self._word = Spans(word)
        self._before = before

    @property
    def assembled(self) -> bool:
        """As `Place.assembled`, of the text that was split."""
        return getattr(self._text, "assembled", False)

    def position(self, line: int, column: int, offset: int) -> tuple[int, int]:
        """As that of `Text`, of the character *offset* of the word."""
        number = bisect_right(self._word.starts, offset) - 1
        if number < 0 or self._before + number >= len(self._whole.starts):
            return line, column
        begin, at = self._word.starts[number], self._whole.starts[self._before + number]
        if not self._whole.text.startswith(self._word.text[begin : offset + 1], at):
            return line, column
        return self._text.position(line, column, at + offset - begin)


def characters(text: str, start: int) -> Iterator[int]:
    """Where the characters of the scalar at *start* stand in *text*, and where it ends, or more than that."""
    properties = re.compile(_PROPERTIES).match(text, start)
    at = start if properties is None else properties.end()
    style = text[at : at + 1]
    if style in ("|", ">"):
        return _block(text, at)
    if style in ("'", '"'):
        return _flow(text, at + 1, style)
    return _flow(text, at, "")


def _flow(text: str, at: int, quote: str) -> Iterator[int]:
    """Of a scalar in quotes, or of a plain one: whoever asks does not ask beyond its end."""
    while at < len(text):
        char = text[at]
        if char in _BLANKS or char in _BREAKS:
            at = yield from _gap(text, at)
        elif char == "\\" and quote == '"' and text[at + 1 : at + 2] in _BREAKS:
            at = yield from _joined(text, at + 1)
        elif char == "\\" and quote == '"':
            yield at
            at += length_at(text, at) or 2 + _ESCAPED.get(text[at + 1 : at + 2], 0)
        elif char == quote and text[at + 1 : at + 2] == quote == "'":
            yield at
            at += 2
        else:
            yield at
            at += 1
            if char == quote:
                return
    yield at


def _gap(text: str, at: int) -> Generator[int, None, int]:
    """Blanks as they stand, or line breaks folded: one is a space, of more the first is left out."""
    end, breaks = _white(text, at)
    if not breaks:
        yield from range(at, end)
    elif len(breaks) == 1 or text[breaks[0]] in _KEPT:
        yield from breaks
    else:
        yield from breaks[1:]
    return end


def _joined(text: str, at: int) -> Generator[int, None, int]:
    """A line break behind a backslash, which is nothing, with the white space after it."""
    end, breaks = _white(text, at)
    yield from breaks[1:]
    return end


def _white(text: str, at: int) -> tuple[int, list[int]]:
    """Where the white space at *at* ends, and where line breaks stand in it."""
    found = re.compile(rf"(?:[ \t]|{_BREAK})*").match(text, at)
    end = at if found is None else found.end()
    return end, [one.start() for one in re.compile(_BREAK).finditer(text, at, end)]


# --- block scalars ---------------------------------------------------------------------------------


def _block(text: str, at: int) -> Iterator[int]:
    header = re.compile(_BLOCK).match(text, at)
    if header is None:
        return
    digits = header["signs"].strip("+-")
    indent = _outer(text, at) + int(digits) if digits else _indent(text, header.end())
    empty, at, within = _empty(text, header.end(), indent)
    folds = text[header.start()] == ">"
    last, blank = -1, False
    while within:
        begins_blank = text[at] in _BLANKS
        folded = folds and last >= 0 and text[last] not in _KEPT and not blank and not begins_blank
        if last >= 0 and not (folded and empty):
            yield last
        yield from empty
        blank = begins_blank
        end = _end_of_line(text, at)
        yield from range(at, end)
        last = end
        empty, at, within = _empty(text, _after_break(text, end), indent)
    if last >= 0:
        yield last
        yield from empty


def _empty(text: str, at: int, indent: int) -> tuple[list[int], int, bool]:
    """The breaks of empty lines at *at*, where the next line's content begins, and whether it has some."""
    breaks: list[int] = []
    while True:
        begin, at = at, _after_spaces(text, at, indent)
        if at == len(text) or text[at] not in _BREAKS:
            return breaks, at, at - begin == indent and at < len(text)
        breaks.append(at)
        at = _after_break(text, at)


def _indent(text: str, at: int) -> int:
    """How far the block whose first line begins at *at* is indented."""
    most = 0
    while True:
        begin, at = at, _after_spaces(text, at, len(text))
        most = max(most, at - begin)
        if at == len(text) or text[at] not in _BREAKS:
            return max(most, 1)
        at = _after_break(text, at)


def _outer(text: str, at: int) -> int:
    """The indentation of what the block scalar at *at* is in; only asked for where one says its own."""
    begin = max(text.rfind(sign, 0, at) for sign in _BREAKS) + 1
    lead = re.compile(_LEAD).match(text, begin, at)
    end = begin if lead is None else lead.end()
    if end < at and text[end] not in "&!":
        return end - begin
    return max(text.rfind(sign, begin, end) for sign in "-?:") - begin if end > begin else 0


def _after_spaces(text: str, at: int, most: int) -> int:
    end = min(at + most, len(text))
    while at < end and text[at] == " ":
        at += 1
    return at


def _after_break(text: str, at: int) -> int:
    return at + (2 if text.startswith("\r\n", at) else 1 if at < len(text) else 0)


def _end_of_line(text: str, at: int) -> int:
    found = re.compile(_BREAK).search(text, at)
    return len(text) if found is None else found.start()
