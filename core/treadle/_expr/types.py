"""What is known of a value before there is one: its kinds, its fields, and whether it may be missing.

Rule 1: a type never says less than can happen: what is not known is `ANY`, and nobody complains about that.
Rule 2: kinds are those of `values.kind_of`; a union is one type with the kinds of both, and no list of cases.
Rule 3: immutable and shared; `fields` may be any mapping, also one that makes its types when asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from treadle._expr.values import identity
from treadle._values import Value

KINDS = frozenset({"null", "boolean", "number", "text", "list", "mapping"})
_MANY_CHOICES = 50
_NAMES = {
    "null": "null",
    "boolean": "true or false",
    "number": "a number",
    "text": "text",
    "list": "a list",
    "mapping": "a mapping",
}


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Type(Value):
    """The values that something may have.

    Attributes:
      kinds: of its values; empty where there can be none at all, as after a step that always fails.
      whole: its numbers are integers.
      choices: all values it can have, where these are known; None otherwise. Never lists or mappings.
      item: of the elements of its lists; None where nothing is known of them.
      fields: of its mappings, by key; None where nothing is known of them. A field that some of the mappings
        lack is `ANY`, or `absent` where it is certain that nothing tells these mappings apart.
      open: its mappings may have keys that *fields* does not tell.
      written: its mappings stand in the spec as they are, which anybody may give more keys.
      absent: why there may be no value, as ``step 'a' may be skipped``; empty where there always is one.
      unless: what to give the step for there to be something else than null, as ``parse: json``.
    """

    kinds: frozenset[str] = KINDS
    whole: bool = False
    choices: tuple[Any, ...] | None = None
    item: Type | None = None
    fields: Mapping[str, Type] | None = None
    open: bool = True
    written: bool = False
    absent: str = ""
    unless: str = ""

    @property
    def is_any(self) -> bool:
        """Whether nothing at all is known, but perhaps that it may be absent."""
        return self.kinds == KINDS and self.choices is None and self.item is None and self.fields is None

    @property
    def is_never(self) -> bool:
        """Whether there is no value it could have."""
        return not self.kinds

    def only(self, *kinds: str) -> Type:
        """The values of *kinds* among these."""
        left = self.kinds.intersection(kinds)
        if left == self.kinds:
            return self
        choices = self.choices
        if choices is not None:
            choices = tuple(each for each in choices if _kind(each) in left)
        return Type(
            kinds=left,
            whole=self.whole and "number" in left,
            choices=choices,
            item=self.item if "list" in left else None,
            fields=self.fields if "mapping" in left else None,
            open=self.open or "mapping" not in left,
            written=self.written and "mapping" in left,
            absent=self.absent,
            unless=self.unless if left == {"null"} else "",
        )

    def without_null(self) -> Type:
        """The values but null."""
        return self.only(*(KINDS - {"null"}))

    def present(self) -> Type:
        """The same, known to be there."""
        return attrs.evolve(self, absent="") if self.absent else self

    def missing(self, why: str) -> Type:
        """The same, which may not be there because *why*; a reason that it has stays."""
        return self if self.absent else attrs.evolve(self, absent=why)

    def __str__(self) -> str:
        """For a sentence: ``a number``, ``text or null``, ``one of 'prod', 'test'``."""
        if self.choices is not None and self.choices and self.kinds <= {"text", "number"}:
            shown = ", ".join(repr(each) for each in self.choices[:6])
            more = ", …" if len(self.choices) > 6 else ""
            return repr(self.choices[0]) if len(self.choices) == 1 else f"one of {shown}{more}"
        if self.kinds == KINDS:
            return "any value"
        names = [name for kind, name in _NAMES.items() if kind in self.kinds and kind != "null"]
        if "null" in self.kinds:
            names.append("null")
        return " or ".join(names) or "no value"


ANY = Type()
NEVER = Type(kinds=frozenset())
NULL = Type(kinds=frozenset({"null"}))
BOOLEAN = Type(kinds=frozenset({"boolean"}))
NUMBER = Type(kinds=frozenset({"number"}))
INTEGER = Type(kinds=frozenset({"number"}), whole=True)
TEXT = Type(kinds=frozenset({"text"}))


def list_of(item: Type | None = None) -> Type:
    """A list with such elements."""
    return Type(kinds=frozenset({"list"}), item=item)


def mapping_of(
    fields: Mapping[str, Type] | None = None, *, open: bool = False, written: bool = False
) -> Type:
    """A mapping with *fields*; None for any."""
    return Type(kinds=frozenset({"mapping"}), fields=fields, open=open or fields is None, written=written)


def of_value(value: Any) -> Type:
    """The type that has this plain value alone, with what is known of its parts."""
    if isinstance(value, dict):
        return mapping_of({key: of_value(item) for key, item in value.items()}, written=True)
    if isinstance(value, list | tuple):
        return list_of(union(map(of_value, value)) if value else NEVER)
    if not isinstance(value, str | int | float | None):
        return ANY  # what stands in for a value that could not be read
    return Type(kinds=frozenset({_kind(value)}), whole=type(value) is int, choices=(value,))


def union(types: Iterable[Type], *, lacking: bool = False) -> Type:
    """The values of all of *types*; `NEVER` of none.

    Args:
      lacking: a field that only some of the mappings have is told to be absent; otherwise whoever reads it
        may well know which mapping there is.
    """
    found = NEVER
    for each in types:
        found = _either(found, each, lacking)
    return found


def or_null(type_: Type) -> Type:
    """Its values, and null."""
    return _either(type_, NULL)


def can_be_equal(one: Type, other: Type) -> bool:
    """Whether some value of *one* is a value of *other*, as far as is known."""
    kinds = one.kinds & other.kinds
    if not kinds:
        return False
    if one.choices is not None and other.choices is not None:
        return bool({identity(each) for each in one.choices} & {identity(each) for each in other.choices})
    return True


def _either(one: Type, other: Type, lacking: bool = False) -> Type:
    if one.is_never:
        return other if not one.absent else other.missing(one.absent)
    if other.is_never:
        return one if not other.absent else one.missing(other.absent)
    return Type(
        kinds=one.kinds | other.kinds,
        whole=_agreed(one, other, "number", one.whole, other.whole) is True,
        choices=_choices(one, other),
        item=_items(one, other),
        **_fields(one, other, lacking),
        written=one.written or other.written,
        absent=one.absent or other.absent,
        unless=one.unless if one.unless == other.unless else "",
    )


def _agreed(one: Type, other: Type, kind: str, mine: Any, theirs: Any) -> Any:
    """What both say of *kind*, or the one that has it; None where they differ."""
    if kind not in one.kinds:
        return theirs
    if kind not in other.kinds:
        return mine
    return mine if mine == theirs else None


def _choices(one: Type, other: Type) -> tuple[Any, ...] | None:
    if one.choices is None or other.choices is None:
        return None
    found = {identity(each): each for each in (*one.choices, *other.choices)}
    return tuple(found.values()) if len(found) <= _MANY_CHOICES else None


def _items(one: Type, other: Type) -> Type | None:
    if "list" not in one.kinds or "list" not in other.kinds:
        return one.item if "list" in one.kinds else other.item
    if one.item is None or other.item is None:
        return None
    return _either(one.item, other.item)


def _fields(one: Type, other: Type, lacking: bool) -> dict[str, Any]:
    if "mapping" not in one.kinds or "mapping" not in other.kinds:
        has = one if "mapping" in one.kinds else other
        return {"fields": has.fields, "open": has.open}
    if one.fields is None or other.fields is None:
        return {"fields": None, "open": True}
    both: dict[str, Type] = {}
    for key in dict.fromkeys((*one.fields, *other.fields)):
        mine, theirs = one.fields.get(key), other.fields.get(key)
        if mine and theirs:
            both[key] = _either(mine, theirs, lacking)
        else:
            both[key] = _half(key, mine or theirs, one, other) if lacking else ANY
    return {"fields": both, "open": one.open or other.open}


def _half(key: str, found: Type | None, one: Type, other: Type) -> Type:
    """The type of a field that one of two mappings tells of."""
    assert found is not None
    lacks = other if one.fields is not None and key in one.fields else one
    return (ANY if lacks.open else found).missing(f"{key!r} may not be there")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) else "mapping"
