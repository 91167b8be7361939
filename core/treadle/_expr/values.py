"""Plain data: its kinds, its bounds, when two values are the same, and how one reads as text.

Rule 1: kinds go by exact type, so nothing of a foreign object is ever called.
Rule 2: booleans are not numbers: ``true == 1`` is false, ``true + 1`` an error.
Rule 3: every walk counts what it visits, shared parts each time, so data that shares
  itself (``[x, x]`` over and over) runs into a bound and not into the end of memory.
"""

from __future__ import annotations

import math
from typing import Any

from treadle._expr.errors import Unusable

MAX_TEXT = 2**20
"""Characters in a text that an expression makes, or hands to a function."""

MAX_ITEMS = 100_000
"""Entries of a list or mapping that an expression makes."""

MAX_NODES = 1_000_000
"""Values within a value, shared ones counted each time."""

MAX_TOTAL_TEXT = 16 * 2**20
"""Characters in all texts within a value."""

MAX_DEPTH = 100
"""Levels of lists and mappings within a value."""

MAX_INTEGER = 2**63 - 1
MIN_INTEGER = -(2**63)

_KINDS: dict[type, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "list",
    dict: "mapping",
}
_WITH_ARTICLE = {"text": "text", "null": "null"}


def kind_of(value: Any) -> str:
    """``text``, ``number``, ``boolean``, ``null``, ``list`` or ``mapping``.

    Raises:
      Unusable: *value* is not plain data.
    """
    kind = _KINDS.get(type(value))
    if kind is None:
        raise Unusable(f"a value is not plain data but a Python {type(value).__name__}")
    return kind


def a_kind(value: Any) -> str:
    """The kind for a sentence: ``a number``, ``text``."""
    kind = kind_of(value)
    return _WITH_ARTICLE.get(kind, f"a {kind}")


def bounded_integer(value: int) -> int:
    """*value*, if it fits 64 bits with a sign."""
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise Unusable("an integer goes beyond 64 bits")
    return value


def bounded_number(value: float) -> float:
    """*value*, if it is an integer of 64 bits or a finite float."""
    if type(value) is int:
        return bounded_integer(value)
    if not math.isfinite(value):
        raise Unusable("a number is too large, or not a number")
    return value


def short_enough(length: int) -> None:
    """Refuse a text that is too long for an expression to make or work on."""
    if length > MAX_TEXT:
        raise Unusable(f"text of {length:,} characters is over the limit of {MAX_TEXT:,}")


def few_enough(count: int) -> None:
    """Refuse a list or mapping that is too long for an expression to make."""
    if count > MAX_ITEMS:
        raise Unusable(f"{count:,} items are over the limit of {MAX_ITEMS:,}")


def bounded(value: Any) -> Any:
    """*value*, if its outermost level is within bounds; constant time."""
    kind = kind_of(value)
    if kind == "number":
        return bounded_number(value)
    if kind == "text":
        short_enough(len(value))
    elif kind in {"list", "mapping"}:
        few_enough(len(value))
    return value


def checked(value: Any, *, max_nodes: int = MAX_NODES, max_text: int = MAX_TOTAL_TEXT) -> Any:
    """*value* itself, if all of it is plain data within bounds.

    Raises:
      Unusable: it is not; or nested too deep, too many values, too much text.
    """
    kind = kind_of(value)
    if kind not in {"list", "mapping"}:
        return bounded_number(value) if kind == "number" else value
    nodes = text = depth = 0
    level: list[Any] = [value]
    while level:
        depth += 1
        nodes += len(level)
        inner: list[Any] = []
        for each in level:
            found = type(each)  # what long values mostly hold is judged here, for speed
            if found is list:
                inner.extend(each)
            elif found is not int or not MIN_INTEGER <= each <= MAX_INTEGER:
                text += _examine(each, inner)
            if nodes + len(inner) > max_nodes:
                raise Unusable(f"a value holds more than {max_nodes:,} values")
        if text > max_text or depth > MAX_DEPTH:
            what = f"{max_text:,} characters" if text > max_text else f"{MAX_DEPTH} levels"
            raise Unusable(f"a value holds more than {what}")
        level = inner
    return value


def _examine(value: Any, inner: list[Any]) -> int:
    """The characters in *value* itself; its parts are added to *inner*."""
    kind = kind_of(value)
    if kind == "text":
        return len(value)
    if kind == "number":
        bounded_number(value)
    elif kind == "list":
        inner.extend(value)
    elif kind == "mapping":
        inner.extend(value.values())
        return sum(len(text_key(key)) for key in value)
    return 0


def text_key(key: Any) -> str:
    """*key*, if a mapping may have it."""
    if type(key) is not str:
        raise Unusable(f"keys of mappings are text, not {a_kind(key)}; write string(…) around it")
    return key


def copied(value: Any) -> Any:
    """A fresh copy of plain data, tuples as lists; the same bounds and errors as `checked`."""
    return checked(_copy(value, [MAX_NODES], 0))


def _copy(value: Any, left: list[int], depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth > MAX_DEPTH:
        raise Unusable(f"a value holds more than {MAX_NODES:,} values or {MAX_DEPTH} levels")
    if type(value) in {list, tuple}:
        return [_copy(item, left, depth + 1) for item in value]
    if type(value) is dict:
        return {key: _copy(item, left, depth + 1) for key, item in value.items()}
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal: of one kind, numbers by value, lists and mappings by content."""
    kind = kind_of(one)
    if kind != kind_of(other):
        return False
    if kind in {"list", "mapping"}:
        return len(one) == len(other) and (one is other or identity(one) == identity(other))
    return bool(one == other)


def identity(value: Any) -> Any:
    """Something hashable that is equal for two values exactly if they are the `same`."""
    checked(value, max_nodes=MAX_ITEMS)
    return _identity(value)


def _identity(value: Any) -> Any:
    kind = kind_of(value)
    if kind == "list":
        return (kind, *map(_identity, value))
    if kind == "mapping":
        return (kind, frozenset((key, _identity(item)) for key, item in value.items()))
    return (kind, value)


def scalar_text(value: float) -> str:
    """A number or a boolean as text: ``1.5``, ``true``."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def as_text(value: Any) -> str:
    """How text, a number or a boolean reads within text.

    Raises:
      Unusable: it is a list, a mapping or null; the message says what to write.
    """
    kind = kind_of(value)
    if kind == "text":
        return str(value)
    if kind == "boolean":
        return scalar_text(value)
    if kind == "number":
        return scalar_text(bounded_number(value))
    remedy = (
        "default(x, y) gives it another value"
        if kind == "null"
        else "json(x) or join(x, ', ') makes text of it"
    )
    raise Unusable(f"{a_kind(value)} cannot stand in text; {remedy}")
