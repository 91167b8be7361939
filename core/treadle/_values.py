"""What classes of plain values share: they are equal, and shown, by their fields.

attrs can write these methods for each class instead, but compiles them whenever the program starts: that is
half the time it takes to make a class, and there are a hundred.
"""

from __future__ import annotations

from typing import Any

import attrs


class Value:
    """The base of attrs classes made with ``eq=False, repr=False`` that are values all the same."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self is other or _fields(self) == _fields(other)

    def __hash__(self) -> int:
        return hash(_fields(self))

    def __repr__(self) -> str:
        shown = [each.name for each in _attributes(self) if each.repr]
        told = (f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({', '.join(told)})"


def _attributes(value: Any) -> tuple[attrs.Attribute[Any], ...]:
    found: tuple[attrs.Attribute[Any], ...] = attrs.fields(type(value))
    return found


def _fields(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, each.name) for each in _attributes(value) if each.eq)
