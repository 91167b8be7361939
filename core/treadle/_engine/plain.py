"""What a step returned, as plain data: fresh, bounded, and nothing but JSON's types."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Any

import attrs

from treadle._kinds import key_of
from treadle._model import MAX_DEPTH


class NotPlain(ValueError):
    """A value that no journal can hold; the message says which part of it, and why."""


def to_plain(value: Any, limit: int) -> Any:
    """A copy of *value* made of dicts, lists, text, numbers, booleans and None.

    attrs objects become mappings of their fields (``if_`` is ``if``). Raises `NotPlain` for anything else,
    for numbers JSON does not have, and for more than about *limit* bytes.
    """
    copied, left = _copy(value, limit, 0, "")
    if left < 0:
        raise NotPlain(f"it is larger than {limit} bytes")
    return copied


def _copy(value: Any, left: int, depth: int, path: str) -> tuple[Any, int]:
    if value is None or value is True or value is False:
        return value, left - 4
    kind = type(value)
    if kind is str:
        return value, left - 2 - (len(value) if value.isascii() else _encoded_size(value, path))
    if kind is int:
        if not -(2**63) <= value < 2**64:
            raise NotPlain(f"{path or 'it'} is a whole number of more than 64 bits")
        return value, left - 8
    if kind is float:
        if not math.isfinite(value):
            raise NotPlain(f"{path or 'it'} is {value}, which JSON does not have")
        return value, left - 8
    return _copy_rare(value, left, depth, path)


def _encoded_size(text: str, path: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise NotPlain(
            f"{path or 'it'} holds half a character (a lone surrogate), which no UTF-8 has"
        ) from None


def _copy_rare(value: Any, left: int, depth: int, path: str) -> tuple[Any, int]:
    if depth >= MAX_DEPTH:
        raise NotPlain(f"it is nested more than {MAX_DEPTH} deep")
    if isinstance(value, enum.Enum):
        return _copy(value.value, left, depth + 1, path)
    if isinstance(value, str | int | float):
        plain = next(base for base in (str, int, float) if isinstance(value, base))
        return _copy(plain(value), left, depth + 1, path)
    if attrs.has(type(value)):
        value = {key_of(field.name): getattr(value, field.name) for field in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return _copy_mapping(value, left, depth, path)
    if isinstance(value, list | tuple):
        items = []
        for index, item in enumerate(value):
            copied, left = _copy(item, left - 1, depth + 1, f"{path}[{index}]")
            if left < 0:
                break
            items.append(copied)
        return items, left
    where = f"{path} is" if path else "it is"
    raise NotPlain(
        f"{where} of type {type(value).__name__}; return text, numbers, booleans, lists and mappings"
    )


def _copy_mapping(value: Mapping[Any, Any], left: int, depth: int, path: str) -> tuple[dict[str, Any], int]:
    copied: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise NotPlain(f"a key of {path or 'it'} is {key!r}, not text")
        copied[key], left = _copy(item, left - len(key) - 3, depth + 1, f"{path}.{key}" if path else key)
        if left < 0:
            break
    return copied, left
