"""A cattrs converter that accepts data or refuses it, and never guesses.

Rule 1: 3 is no text, ``true`` no number, text no list of letters; a whole number is a number.
Rule 2: every list and mapping it makes is new; plain data handed in is never shared.
Rule 3: a union is decided by the kind of data, never by trial where one member fits.
"""

from __future__ import annotations

import types
from collections import abc
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from treadle._expr import Expression
from treadle._kinds import Block, Fields, Lazy, key_of
from treadle._near import did_you_mean
from treadle._settings.types import (
    is_config,
    is_list,
    is_mapping,
    is_union,
    item_types,
    kind_of,
    members_of,
    resolved,
    shared_keys,
    shown,
    takes,
    unit_of,
    wanted,
)
from treadle._settings.verbatim import FREE, fresh
from treadle._units import parse_duration, parse_size
from treadle._urls import Url


class Unfit(ValueError):
    """One value does not fit its type."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message, fix)
        self.message = message
        self.fix = fix


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
        fitting.sort(key=lambda member: -shared_keys(member, value))
    return next((member for member in fitting if _fits(member, value)), fitting[0] if fitting else type_)


def _fits(type_: Any, value: Any) -> bool:
    try:
        CONVERTER.structure(value, type_)
    except Exception:
        return False
    return True


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


def _is_literal(type_: Any) -> bool:
    return get_origin(type_) is Literal


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
    return Unfit(refusal.message, did_you_mean(value, choices) if isinstance(value, str) else refusal.fix)


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
        Fields: _exactly(Fields),
        Lazy: _exactly(Lazy),
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
    made.register_structure_hook_func(lambda t: t in FREE, lambda value, _: fresh(value))
    made.register_structure_hook_func(_is_literal, _literal)
    made.register_structure_hook_func(lambda t: isinstance(t, type) and issubclass(t, Enum), _enum)
    made.register_structure_hook_func(lambda t: unit_of(t) is not None, _measured)
    for cls, hook in hooks.items():  # by class: cattrs has converting hooks for some, which these replace
        made.register_structure_hook(cls, hook)
    return made


CONVERTER = _converter()
"""Shared by all; config classes are compiled into it when first used, and it holds nothing else."""
