"""What the YAML parser cannot read, said so that the author of a spec sees what to change.

Rule: a row of `_REASONS` for each thing people do; the parser's own words only where none fits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from treadle._spec.report import Report


class _Position(NamedTuple):
    line: int
    column: int


_QUOTED_FIRST = r"""(?P<key>\s*(?:-\s+)*(?:[\w.-]+\s*:\s+))(?P<rest>(?P<quote>['"]).*?(?P=quote)\s*\S.*)$"""

_QUOTED_WITHIN = (
    r"""[{,]\s*(?P<key>[\w.-]+\s*:\s+)"""
    r"""(?P<rest>(?P<quote>['"])[^'"]*(?P=quote)\s*[^\s,}\]'"][^,{}]*?)\s*[,}]"""
)
"""As `_QUOTED_FIRST`, within braces."""

_BARE_TEMPLATE = r"""[\[{,:]\s*(?P<written>[^\s'"\[{,:]*\$\{\{.*?\}\}[^\s,\]}]*)"""
"""An expression in brackets, which YAML ends at its first brace; where there are several, the first."""

_TAB = ("a tab is used for indentation", "indent with spaces")

_REASONS = (
    ("tab character", *_TAB),
    ("unexpected end of stream", "a quote is opened and never closed", "close it"),
    ("unexpected document indicator", "a quote is opened and never closed", "close it"),
    (
        "mapping values are not allowed",
        "a colon stands where no new key can begin",
        "quote the value if the colon belongs to it, or check the indentation",
    ),
    (
        "block sequence entries are not allowed",
        "a list item begins where none can",
        "begin the list on a line of its own",
    ),
    ("expected ',' or ']'", "a list in [ ] is not closed, or lacks a comma", "add the ] or the comma"),
    ("expected ',' or '}'", "a mapping in { } is not closed, or lacks a comma", "add the } or the comma"),
    ("expected '-' indicator", "a key stands among list items", "check the indentation"),
    ("find expected ':'", "a key has no colon after it", "write a colon and a space after the key"),
    ("cannot start any token", "a value cannot begin with this character", "quote the value"),
    ("unknown escape", "this escape means nothing in double quotes", "use single quotes, or two backslashes"),
    ("invalid Unicode", "this escape is no character", "write the character itself"),
    ("expected node content", "a value is missing, or a bracket is too many", "check the brackets"),
    ("comment or line break", "text follows | or > on the same line", "begin it on the next line"),
    ("incompatible YAML", "the %YAML line names a version that cannot be read", "leave the line out"),
    ("find expected key", "this does not fit where it stands", "check the indentation, or quote the value"),
)  # fmt: skip


def explain(exc: Any, text: str, report: Report) -> None:
    """Report what the parser said of *text*, in words that help."""
    mark = getattr(exc, "problem_mark", None)
    if mark is None:
        report.add(
            "TRD002", _unacceptable(exc, text), "", "a control character stands in the text", "remove it"
        )
        return
    line = _line(text, mark.line)
    rewritten = _requoted(line)
    if rewritten is not None and "expected key" in exc.problem:
        said = "text follows a closing quote, so YAML cannot read the value"
        report.add("TRD002", mark, "", said, f"quote the whole value: {rewritten}")
        return
    if mark.index >= len(text.rstrip()) and "node content" in (exc.problem or ""):
        said, fix = "the text ends where a value is wanted", "write the value, and close what is open"
        report.add("TRD002", _end(text), "", said, fix)
        return
    said, fix = _reason(exc.problem or "")
    bare = re.search(_BARE_TEMPLATE, line)
    if bare is not None and " closed" in said:
        at = _Position(mark.line, bare.start("written"))
        quote = f"quote it: {quoted(bare['written'])}"
        report.add("TRD002", at, "", "${{ stands within brackets unquoted", quote)
        return
    if (within := re.search(_QUOTED_WITHIN, line)) is not None and " closed" in said:
        said = "text follows a closing quote, so YAML cannot read the value"
        rewritten = f"{within['key']}{quoted(within['rest'])}"
        report.add("TRD002", mark, "", said, f"quote the whole value: {rewritten}")
        return
    if line[mark.column : mark.column + 1] == "\t":
        said, fix = _TAB
    context = getattr(exc, "context_mark", None)
    opened = context is not None and (" closed" in said or " has no colon" in said)
    report.add("TRD002", context if opened else mark, "", said, fix)


def _reason(problem: str) -> tuple[str, str]:
    for words, said, fix in _REASONS:
        if words in problem:
            return said, fix
    return f"this is not YAML ({problem})", "check the line and the one before it"


def _unacceptable(exc: Any, text: str) -> _Position:
    """The position of a character that the reader refused; it counts from the start of the text."""
    before = text[: int(getattr(exc, "position", 0) or 0)]
    return _Position(before.count("\n"), len(before) - before.rfind("\n") - 1)


def _end(text: str) -> _Position:
    """The position after the last thing in *text*."""
    lines = text.rstrip().splitlines() or [""]
    return _Position(len(lines) - 1, len(lines[-1]))


def _line(text: str, number: int) -> str:
    lines = text.split("\n", number + 1)
    return lines[number] if number < len(lines) else ""


def _requoted(line: str) -> str | None:
    """``when: 'prod' == x`` as ``when: "'prod' == x"``; None if the line has another form."""
    match = re.match(_QUOTED_FIRST, line.rstrip())
    if match is None:
        return None
    return f"{match['key'].lstrip(' -')}{quoted(match['rest'])}"


def quoted(text: str) -> str:
    """*text* as one YAML scalar in quotes."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"
