"""Whether what an expression gives can fit the setting it is put into, as far as is known before the run.

Rule: only what can never fit is refused, and null where none is taken; the rest is judged at run time.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, get_args, get_origin

from treadle._expr.types import KINDS, Type, can_be_equal, of_value, union
from treadle._settings.types import members_of, resolved, takes

WORD = str | int | float | bool
"""What can be put into text: a word of a command, an environment variable."""

_KIND = {"integer": "number", "number": "number"}


def misfit(found: Type, wanted: Any) -> Literal["kind", "null", ""]:
    """Why *found* does not fit the annotation *wanted*: its ``kind``, or that it may be ``null``."""
    if found.kinds == KINDS or found.is_never:
        return ""
    kinds, choices = _taken(wanted)
    if not found.kinds & kinds:
        return "null" if found.kinds == {"null"} else "kind"
    if choices is not None and found.choices is not None and not can_be_equal(found, choices):
        return "kind"
    return "null" if "null" in found.kinds and "null" not in kinds else ""


@functools.lru_cache(maxsize=1024)
def _taken(wanted: Any) -> tuple[frozenset[str], Type | None]:
    """The kinds that fit, and the values where these alone do."""
    kinds: set[str] = set()
    choices: list[Type] | None = []
    for member in members_of(wanted):
        taken = takes(member)
        if not taken:
            return KINDS, None
        kinds.update(_KIND.get(kind, kind) for kind in taken)
        bare = resolved(member)
        if get_origin(bare) is Literal and choices is not None:
            choices += map(of_value, get_args(bare))
        else:
            choices = None
    return frozenset(kinds) & KINDS or KINDS, union(choices) if choices else None
