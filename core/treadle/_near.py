"""The known name that a wrong one is near to, as hints tell it.

Rule: a hint is the rest of a sentence, without a full stop; there is none where nothing is near.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_ELSEWHERE = {
    "depends_on": "needs",
    "after": "needs",
    "if": "when",
    "jobs": "steps",
    "tasks": "steps",
    "run": "command",
    "exec": "command",
    "bash": "shell",
    "sh": "shell",
    "script": "shell",
    "sleep": "wait",
    "loop": "foreach",
    "matrix": "foreach",
    "retries": "retry",
    "always": "finally",
    "variables": "vars",
    "environment": "env",
    "parameters": "inputs",
    "params": "inputs",
    "times": "attempts",
    "tries": "attempts",
    "max_attempts": "attempts",
    "when": "if",
    "ignore": "continue",
}
"""What other systems call a thing, and what it is called here."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of *known* that is near to *word*; None if none is."""
    import difflib  # only those who made a mistake pay for it

    known = list(known)
    if _ELSEWHERE.get(word) in known:
        return _ELSEWHERE[word]
    found = difflib.get_close_matches(word, known, n=1)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` where one of *known* is near to *word*; otherwise nothing."""
    near = nearest(word, known)
    return "" if near is None else f"did you mean {near!r}?"


def near_or_all(word: str, known: Iterable[str]) -> str:
    """As `did_you_mean`; where nothing is near, all that is known, if anything is."""
    return hint(nearest(word, known := list(known)), known)


def hint(near: str | None, known: Iterable[str]) -> str:
    """``did you mean …?`` of the one of *known* that is *near*; where none is, all of them."""
    if near is not None:
        return f"did you mean {near!r}?"
    return f"known here: {', '.join(known)}" if (known := sorted(known)) else ""
