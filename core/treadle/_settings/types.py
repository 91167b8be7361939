"""The types of settings: which kinds of data they take, and what they are called in messages.

Rule 1: data has the kinds that JSON has, `ARTICLED`; which of them a type takes is known without data.
Rule 2: annotations that mean something (a unit) are kept; aliases and all others are looked through.
Rule 3: a field is called what `key_of` says: one named like a Python keyword, as ``for_``, is ``for``.
"""

from __future__ import annotations

import functools
import types
from collections import abc
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from treadle._expr import Expression, scalar_text
from treadle._kinds import Block, BlockForm, Fields, Lazy, SecretMark, Unit, Words, key_of
from treadle._near import nearest
from treadle._urls import Url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

M = TypeVar("M")

_LISTS: tuple[Any, ...] = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection)
_MAPPINGS: tuple[Any, ...] = (dict, abc.Mapping, abc.MutableMapping)

ARTICLED = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
    "list": "a list",
    "mapping": "a mapping",
    "expression": "an expression",
    "block": "a block of steps",
    "fields": "a mapping of fields",
    "lazy": "any value",
}
"""The kinds of data, as messages call them."""


def resolved(type_: Any) -> Any:
    """*type_* without aliases and without annotations that mean nothing here."""
    while True:
        if hasattr(type_, "__supertype__"):
            type_ = type_.__supertype__
        elif type(type_).__name__ == "TypeAliasType":
            type_ = type_.__value__
        elif get_origin(type_) is Annotated and unit_of(type_) is None:
            type_ = get_args(type_)[0]
        else:
            return type_


def unit_of(type_: Any) -> str | None:
    """``duration`` or ``size`` for a number that is written with a unit."""
    unit = mark_of(type_, Unit)
    return None if unit is None else unit.kind


def mark_of(type_: Any, mark: type[M]) -> M | None:
    """The annotation of class *mark* on *type_* itself; what is inside a union is not looked at."""
    if get_origin(type_) is not Annotated:
        return None
    return next((one for one in get_args(type_)[1:] if isinstance(one, mark)), None)


@functools.lru_cache(maxsize=4096)
def is_special(type_: Any) -> bool:
    """Whether values of *type_* are more than plain data, so that they must be looked into."""
    if mark_of(type_, Words) or mark_of(type_, SecretMark):
        return True
    bare = resolved(type_)
    if bare in (Expression, Block, Fields, Lazy, Url) or is_config(bare):
        return True
    return any(is_special(part) for part in get_args(bare) if _hashable(part))


def _hashable(part: Any) -> bool:
    try:
        hash(part)
    except TypeError:
        return False
    return True


def members_of(type_: Any) -> tuple[Any, ...]:
    """The members of a union, with their annotations; of any other type, itself."""
    bare = resolved(type_)
    if is_union(bare):
        return tuple(member for part in get_args(bare) for member in members_of(part))
    return (type_,)


def is_union(type_: Any) -> bool:
    """Whether *type_* is a union, in either spelling."""
    return get_origin(type_) in (Union, types.UnionType)


def is_list(type_: Any) -> bool:
    """Whether *type_* is filled from a list."""
    type_ = resolved(type_)
    return type_ in _LISTS or get_origin(type_) in _LISTS


def is_mapping(type_: Any) -> bool:
    """Whether *type_* is filled from a mapping with any keys."""
    type_ = resolved(type_)
    return type_ in _MAPPINGS or get_origin(type_) in _MAPPINGS


def is_config(type_: Any) -> bool:
    """Whether *type_* is an attrs class to be filled from a mapping."""
    type_ = resolved(type_)
    special = (Url, Block, Fields, Lazy, Expression)
    return isinstance(type_, type) and attrs.has(type_) and type_ not in special


def item_types(type_: Any, count: int) -> tuple[Any, ...]:
    """The types of *count* items of a list type."""
    type_ = resolved(type_)
    given = get_args(type_) or (Any,)
    if (get_origin(type_) or type_) is tuple and len(given) > 1 and given[-1] is not Ellipsis:
        return given
    return (given[0],) * count


def value_type(type_: Any) -> Any:
    """The type of the values of a mapping type."""
    given = get_args(resolved(type_))
    return given[1] if len(given) == 2 else Any


def kind_of(value: Any) -> str:
    """Which kind of data *value* is: one of `ARTICLED`."""
    for kind, classes in _KINDS:
        if isinstance(value, classes):
            return kind
    return type(value).__name__


_KINDS: tuple[tuple[str, Any], ...] = (
    ("null", types.NoneType),
    ("boolean", bool),
    ("integer", int),
    ("number", float),
    ("text", str | Url),
    ("list", list | tuple),
    ("mapping", abc.Mapping),
    ("expression", Expression),
    ("block", Block),
    ("fields", Fields),
    ("lazy", Lazy),
)

_TAKES: dict[Any, tuple[str, ...]] = {
    Any: tuple(ARTICLED),
    object: tuple(ARTICLED),
    None: ("null",),
    types.NoneType: ("null",),
    str: ("text",),
    Url: ("text",),
    datetime: ("text",),
    bool: ("boolean",),
    int: ("integer",),
    float: ("number", "integer"),
    Expression: ("expression",),
    Block: ("block",),
    Fields: ("fields",),
    Lazy: ("lazy",),
}


def takes(type_: Any) -> tuple[str, ...]:
    """The kinds of data that may fit a type that is no union."""
    if unit_of(type_):
        return ("text", "integer", "number")
    type_ = resolved(type_)
    if get_origin(type_) is Literal:
        return tuple({kind_of(value) for value in get_args(type_)})
    if isinstance(type_, type) and issubclass(type_, Enum):
        return tuple({kind_of(member.value) for member in type_})
    if is_list(type_):
        return ("list",)
    if is_mapping(type_) or is_config(type_):
        return ("mapping",)
    return _TAKES.get(type_, ())


def member_for(type_: Any, written: Any) -> Any:
    """The member of a union that data as it was *written* is for; any other type as it is."""
    members = members_of(type_)
    if len(members) == 1:
        marked = mark_of(type_, Words) or mark_of(type_, SecretMark) or mark_of(type_, BlockForm)
        return type_ if marked else members[0]
    fitting = [member for member in members if _written_for(member, written)]
    if isinstance(written, abc.Mapping) and len(fitting) > 1:
        fitting.sort(key=lambda member: -shared_keys(member, written))
    return fitting[0] if fitting else members[0]


def _written_for(type_: Any, written: Any) -> bool:
    kind, bare = kind_of(written), resolved(type_)
    if bare is Expression:
        return kind in ("text", "boolean")
    if bare is Block:
        return kind in ("list", "mapping")
    if bare is Fields:
        return kind == "mapping"
    if bare is Lazy:
        return True
    if mark_of(type_, Words):
        return kind in ("text", "list")
    return kind in takes(type_)


# --- names and words -------------------------------------------------------------------------------


def wanted(type_: Any) -> str:
    """What *type_* takes, as messages say it: ``a duration or a list``. That nothing will do is not said."""
    members = members_of(type_)
    said = list(dict.fromkeys(_wanted(member) for member in members if member is not types.NoneType))
    if "a number" in said and "a whole number" in said:
        said.remove("a whole number")
    if len(said) > 2:
        said = [", ".join([*said[:-1], ""]).rstrip() + f" or {said[-1]}"]
    return " or ".join(said) or "nothing"


def _wanted(type_: Any) -> str:
    unit = unit_of(type_)
    if unit:
        return f"a {unit}"
    type_ = resolved(type_)
    if get_origin(type_) is Literal:
        return _one_of(get_args(type_))
    if isinstance(type_, type) and issubclass(type_, Enum):
        return _one_of(member.value for member in type_)
    named = {Url: "a URL", datetime: "a time", Any: "anything", object: "anything"}
    kinds = takes(type_)
    return named.get(type_) or (ARTICLED[kinds[0]] if kinds else str(type_))


def _one_of(values: Iterable[Any]) -> str:
    said = [shown(value) for value in values]
    return said[0] if len(said) == 1 else f"one of {', '.join(said)}"


def shown(value: Any) -> str:
    """A piece of data as messages show it: scalars as written, the rest by kind."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return scalar_text(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, int | float):
        return f"the number {value}"
    return ARTICLED.get(kind_of(value), f"a {type(value).__name__}")


def shared_keys(type_: Any, value: Mapping[str, Any]) -> float:
    """How many keys of *value* a class has; one that is nearly a key of it counts half."""
    if not is_config(type_):
        return 0.4  # a free mapping is meant where no class has such keys
    keys = [key_of(field.alias) for field in attrs.fields(resolved(type_))]
    near = (key for key in value if key not in keys and nearest(str(key), keys))
    return len(value.keys() & keys) + 0.5 * sum(1 for _ in near)
