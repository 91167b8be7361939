"""Mistakes in the writing: what YAML cannot read, or nobody should write."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tests.corpus.written import Text as Written

# --- text ------------------------------------------------------------------------------------------

TextMistake = Callable[[Written, random.Random], int | None]
"""Changes the lines, and says which one is wrong."""

IN_TEXT: dict[str, tuple[str, TextMistake]] = {}


def _in_lines(code: str, name: str) -> Callable[[TextMistake], TextMistake]:
    def keep(mistake: TextMistake) -> TextMistake:
        IN_TEXT[name] = (code, mistake)
        return mistake

    return keep


def _line_like(pattern: str, text: Written, rng: random.Random) -> int | None:
    """The index of a line that matches and does not stand in a block of text."""
    begins = set(text.line_of.values())
    found = [n for n, line in enumerate(text.lines) if n + 1 in begins and re.fullmatch(pattern, line)]
    return rng.choice(found) if found else None


@_in_lines("TRD008", "a key that stands twice")
def _(text: Written, rng: random.Random) -> int | None:
    at = _line_like(r"\w+: .+", text, rng)
    if at is None or text.lines[at].endswith("|"):
        return None
    text.lines.append(text.lines[at])
    return len(text.lines)


@_in_lines("TRD002", "a tab for blanks")
def _(text: Written, rng: random.Random) -> int | None:
    at = _line_like(r" +\w+: .+", text, rng)
    if at is None:
        return None
    text.lines[at] = "\t" + text.lines[at].lstrip()
    return at + 1


@_in_lines("TRD002", "a line that stands out by one blank")
def _(text: Written, rng: random.Random) -> int | None:
    at = _line_like(r"\w+: [^|]+", text, rng)
    if not at:
        return None
    text.lines[at] = " " + text.lines[at]
    return at + 1


def _appended(code: str, name: str, *lines: str, at: int = -1) -> None:
    """These lines come last; one of them is wrong."""

    def mistake(text: Written, rng: random.Random) -> int | None:
        text.lines += lines
        return len(text.lines) - len(lines) + 1 + at % len(lines)

    _in_lines(code, name)(mistake)


_appended("TRD002", "a quote that is not closed", "x-a: 'open", at=0)
_appended("TRD002", "a bracket that is not closed", "x-a: [open, and", "x-b: more", at=0)
_appended("TRD006", "an alias of nothing", "x-a: *nothing")
_appended("TRD007", "a merge key", "x-a: &a {b: 1}", "x-c: {<<: *a}")
_appended("TRD005", "a tag of another language", "x-a: !!python/name:os.system x")
_appended("TRD010", "a number that is none", "x-a: .nan")
_appended("TRD009", "a key that is a list", "[a, b]: 1")
_appended("TRD003", "a second document", "---", "treadle: 1", at=0)
