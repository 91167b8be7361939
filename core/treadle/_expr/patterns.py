"""Patterns in RE2 syntax: matched in time linear in the text, compiled within bounded memory.

re2 is imported when the first pattern is met; most specs have none.
"""

from __future__ import annotations

import functools
from typing import Any

MAX_PATTERN = 1_000
"""Characters in a pattern."""


@functools.lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """A compiled RE2 pattern, whose ``fullmatch(text)`` is the whole match that specs mean.

    Raises:
      ValueError: *pattern* is not RE2 syntax, or is too long or too large.
    """
    import re2

    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"a pattern of {len(pattern):,} characters is over the limit of {MAX_PATTERN:,}")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except (re2.error, UnicodeEncodeError) as exc:
        why = exc.args[0] if isinstance(exc, re2.error) else "half a character"
        said = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        raise ValueError(f"this is no pattern in RE2 syntax: {said}") from None
