"""A cattrs converter that accepts data or refuses it, and never guesses.

Rule 1: 3 is no text, ``true`` no number, text no list of letters; a whole number is a number.
Rule 2: every list and mapping it makes is new; plain data handed in is never shared.
Rule 3: a union is decided by the kind of data, as JSON has kinds, never by trial where one member fits.
Rule 4: a field named like a Python keyword, as ``for_``, is ``for`` in specs.
"""

from __future__ import annotations

import difflib
import keyword
import types
from collections import abc
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from treadle._expr import Expression
from treadle._kinds import Block, Unit
from treadle._units import parse_duration, parse_size
from treadle._urls import Url, url_from

_LISTS: tuple[Any, ...] = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection)
_MAPPINGS: tuple[Any, ...] = (dict, abc.Mapping, abc.MutableMapping)
_FREE: tuple[Any, ...] = (Any, object)

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
}
"""The kinds of data, as messages call them."""


class Unfit(ValueError):
    """One value does not fit its type."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message, fix)
        self.message = message
        self.fix = fix


def fresh(value: Any) -> Any:
    """A copy of plain data that shares no list or mapping with it; tuples become lists."""
    kind = type(value)
    if kind is dict:
        return {key: fresh(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [fresh(item) for item in value]
    return value


def close(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` where one of *known* is near to *name*; otherwise all of them, or nothing."""
    known = [str(one) for one in known]
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(sorted(known))}" if known else ""


# --- types -----------------------------------------------------------------------------------------


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
    if get_origin(type_) is not Annotated:
        return None
    return next((mark.kind for mark in get_args(type_)[1:] if isinstance(mark, Unit)), None)


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
    return isinstance(type_, type) and attrs.has(type_) and type_ not in (Url, Block, Expression)


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


def chosen(type_: Any, value: Any) -> Any:
    """The member of a union that *value* is for, judged by its kind; of classes, by its keys.

    The union itself where no member takes that kind.
    """
    members = members_of(type_)
    if len(members) == 1:
        return members[0]
    kind = kind_of(value)
    fitting = [member for member in members if kind in takes(member)]
    fitting.sort(key=lambda member: takes(member)[0] != kind)  # int before float for a whole number
    if kind == "mapping" and len(fitting) > 1:
        fitting.sort(key=lambda member: -_shared_keys(member, value))
    return next((member for member in fitting if _fits(member, value)), fitting[0] if fitting else type_)


def _shared_keys(type_: Any, value: Mapping[str, Any]) -> float:
    if not is_config(type_):
        return 0.5  # a free mapping is meant when no class shares a key
    return len({key_of(field.alias) for field in attrs.fields(resolved(type_))} & value.keys())


def _fits(type_: Any, value: Any) -> bool:
    try:
        CONVERTER.structure(value, type_)
    except Exception:
        return False
    return True


def key_of(name: str) -> str:
    """The key that a spec writes for the field *name*."""
    bare = name[:-1]
    return bare if name.endswith("_") and keyword.iskeyword(bare) else name


def wanted(type_: Any) -> str:
    """What *type_* takes, as messages say it: ``a duration or a list``. That nothing will do is not said."""
    members = members_of(type_)
    said = dict.fromkeys(_wanted(member) for member in members if member is not types.NoneType)
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
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, int | float):
        return f"the number {value}"
    return ARTICLED.get(kind_of(value), f"a {type(value).__name__}")


# --- hooks -----------------------------------------------------------------------------------------


def mismatch(value: Any, type_: Any) -> Unfit:
    """The refusal of *value*, with what to write where that is plain."""
    fix = ""
    if "text" in [kind for member in members_of(type_) for kind in takes(member)]:
        if isinstance(value, bool | int | float):
            fix = f"quote it: '{str(value).lower()}'"
        elif isinstance(value, Mapping) and len(value) == 1:
            fix = "if the value holds a colon, quote it"
    return Unfit(f"expected {wanted(type_)}, got {shown(value)}", fix)


def _exactly(*classes: type) -> Callable[[Any, Any], Any]:
    def hook(value: Any, type_: Any) -> Any:
        if type(value) in classes:
            return value
        raise mismatch(value, type_)

    return hook


def _float(value: Any, type_: Any) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    raise mismatch(value, type_)


def _measured(value: Any, type_: Any) -> float | int:
    duration = unit_of(type_) == "duration"
    if isinstance(value, str):
        try:
            return parse_duration(value) if duration else parse_size(value)
        except ValueError as exc:
            raise Unfit(str(exc)) from exc
    if type(value) not in (int, float) or (type(value) is float and not duration):
        raise mismatch(value, type_)
    if duration:
        raise Unfit(f"{value} has no unit", f"add a unit: '{value}s', '{value}m' or '{value}h'")
    if value < 0:
        raise Unfit(f"a size cannot be negative, as {value} is")
    return int(value)


def _instant(value: Any, type_: Any) -> datetime:
    if not isinstance(value, str):
        raise mismatch(value, type_)
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as exc:
        raise Unfit(f"{value!r} is not a time", "write it as '2030-01-31T12:00:00Z'") from exc
    if instant.tzinfo is None:
        raise Unfit(f"{value!r} has no time zone", f"add one: '{value}Z' or '{value}+01:00'")
    return instant


def _url(value: Any, type_: Any) -> Url:
    """Text that comes here was given by an expression; the loader makes a `Url` of what is written."""
    if isinstance(value, Url):
        return value
    if isinstance(value, str):
        return Url(value, host_written=False)
    raise mismatch(value, type_)


def written_url(text: str) -> Url:
    """The `Url` of constant text in a spec."""
    return url_from(text, text)


def _literal(value: Any, type_: Any) -> Any:
    for choice in get_args(type_):
        if choice == value and type(choice) is type(value):
            return choice
    raise _not_one_of(value, type_, [str(choice) for choice in get_args(type_)])


def _enum(value: Any, type_: Any) -> Any:
    for member in type_:
        if member.value == value and type(member.value) is type(value):
            return member
    raise _not_one_of(value, type_, [str(member.value) for member in type_])


def _not_one_of(value: Any, type_: Any, choices: list[str]) -> Unfit:
    refusal = mismatch(value, type_)
    fix = close(value, choices) if isinstance(value, str) else refusal.fix
    return Unfit(refusal.message, "" if fix.startswith("known") else fix)


def _list_hook(type_: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    make = get_origin(resolved(type_)) or resolved(type_)
    make = list if make in (abc.Sequence, abc.Iterable, abc.Collection) else make

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise mismatch(value, type_)
        wanted_types = item_types(type_, len(value))
        if len(wanted_types) != len(value):
            raise Unfit(f"expected a list of {len(wanted_types)}, got {len(value)} items")
        return make(converter.structure(item, t) for item, t in zip(value, wanted_types, strict=True))

    return hook


def _mapping_hook(type_: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    given = get_args(resolved(type_))
    key_type, item_type = given if len(given) == 2 else (str, Any)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, abc.Mapping):
            raise mismatch(value, type_)
        structured = converter.structure
        return {structured(key, key_type): structured(item, item_type) for key, item in value.items()}

    return hook


def _union_hook(type_: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _: Any) -> Any:
        member = chosen(type_, value)
        if is_union(member):
            raise mismatch(value, type_)
        return converter.structure(value, member)

    return hook


def _config_hook(cls: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    attrs.resolve_types(cls)
    names: Any = {field.name: override(rename=key_of(field.alias)) for field in attrs.fields(cls)}
    fill: Any = make_dict_structure_fn(
        cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=False, **names
    )

    def hook(value: Any, type_: Any) -> Any:
        if not isinstance(value, abc.Mapping):
            raise mismatch(value, type_)
        return fill(value, type_)

    return hook


def _converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=False)
    hooks = {
        str: _exactly(str),
        bool: _exactly(bool),
        int: _exactly(int),
        types.NoneType: _exactly(types.NoneType),
        float: _float,
        datetime: _instant,
        Url: _url,
        Block: _exactly(Block),
        Expression: _exactly(Expression),
    }
    factories: list[tuple[Callable[[Any], bool], Callable[..., Any]]] = [
        (is_config, _config_hook),
        (lambda t: resolved(t) is not t, lambda t, c: lambda value, _: c.structure(value, resolved(t))),
        (is_union, _union_hook),
        (lambda t: resolved(t) is t and is_list(t), _list_hook),
        (lambda t: resolved(t) is t and is_mapping(t), _mapping_hook),
    ]
    for predicate, factory in factories:
        made.register_structure_hook_factory(predicate, factory)
    made.register_structure_hook_func(lambda t: t in _FREE, lambda value, _: fresh(value))
    made.register_structure_hook_func(lambda t: get_origin(t) is Literal, _literal)
    made.register_structure_hook_func(lambda t: isinstance(t, type) and issubclass(t, Enum), _enum)
    made.register_structure_hook_func(lambda t: unit_of(t) is not None, _measured)
    for cls, hook in hooks.items():  # by class: cattrs has converting hooks for some, which these replace
        made.register_structure_hook(cls, hook)
    return made


CONVERTER = _converter()
"""Shared by all; config classes are compiled into it when first used, and it holds nothing else."""
