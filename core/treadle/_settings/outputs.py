"""What is known of a step's output by what its type declares: annotations and marks as a `Type`.

Rule 1: what an annotation does not say, or says in a way that is not known here, is `ANY`.
Rule 2: marks are answered by the settings of the one use; what depends on none of them is made once.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Never, TypeVar, get_args, get_origin

import attrs

from treadle._expr import Template
from treadle._expr.types import (
    ANY,
    BOOLEAN,
    INTEGER,
    KINDS,
    NEVER,
    NULL,
    NUMBER,
    TEXT,
    Type,
    list_of,
    mapping_of,
    of_value,
    or_null,
    union,
)
from treadle._kinds import Block, Fields, FieldsOf, Lazy, OneOf, OnlyIf, OutputsOf, Unit, ValueOf, key_of
from treadle._settings.settings import Settings
from treadle._settings.structure import Leaf
from treadle._settings.types import is_list, is_mapping, is_union, resolved

__all__ = ["Answers", "output_type", "setting", "widened"]

Part = TypeVar("Part", Block, Lazy)

_MARKS = (ValueOf, OneOf, OutputsOf, FieldsOf, OnlyIf)
_PLAIN: Mapping[Any, Type] = {
    Any: ANY,
    object: ANY,
    str: TEXT,
    int: INTEGER,
    float: NUMBER,
    bool: BOOLEAN,
    None: NULL,
    types.NoneType: NULL,
    Never: NEVER,
}


@attrs.frozen(eq=False, repr=False)
class Answers:
    """What the marks of an output ask about the settings of one use.

    Attributes:
      template: the type of what a template of the settings gives.
      block: the type of what a block of the settings gives.
      fields: the type of what a person fills in.
    """

    settings: Settings[Any]
    template: Callable[[Template], Type]
    block: Callable[[Block], Type]
    fields: Callable[[Fields], Type]


def output_type(declared: Any, answers: Answers) -> Type:
    """The type of what a step gives whose type declares *declared* as its output."""
    if not _marked(declared):
        return _unmarked(declared)
    asked = _conditions(declared)
    if asked is not None:
        given = tuple(setting(answers.settings, field) for field in asked)
        if all(isinstance(one, str | int | float | bool | None) for one in given):
            return _by_choice(declared, asked, given)
    return _type(declared, answers)


class _Unknown:
    """Stands for a setting whose value is known only at run time."""


UNKNOWN: Any = _Unknown()


def setting(settings: Settings[Any], field: str) -> Any:
    """What *settings* have in *field*: data with templates and blocks; `UNKNOWN` if it is an expression."""
    if settings.constant is not None:
        return getattr(settings.constant, field, None)
    if isinstance(settings.tree, Mapping) and key_of(field) in settings.tree:
        found = settings.tree[key_of(field)]
        return UNKNOWN if isinstance(found, Template | Leaf) else found
    default: Any = getattr(attrs.fields_dict(settings.entry.config).get(field), "default", None)
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # attrs types it as a function
        return UNKNOWN if default.takes_self else default.factory()
    return default


# --- annotations -----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _unmarked(declared: Any) -> Type:
    return _type(declared, None)


@functools.lru_cache(maxsize=1024)
def _by_choice(declared: Any, asked: tuple[str, ...], given: tuple[Any, ...]) -> Type:
    return _type(declared, dict(zip(asked, given, strict=True)))


_Asked = Answers | Mapping[str, Any] | None


def _type(declared: Any, answers: _Asked) -> Type:
    mark = _mark_of(declared)
    if mark is not None:
        return _answered(mark, get_args(declared)[0], answers)
    if get_origin(declared) is Annotated:
        unit = any(isinstance(one, Unit) for one in get_args(declared)[1:])
        return NUMBER if unit else _type(get_args(declared)[0], answers)
    declared = resolved(declared)
    if is_union(declared):
        return union(_type(member, answers) for member in get_args(declared))
    if get_origin(declared) is Literal:
        return union(map(of_value, get_args(declared)))
    if isinstance(declared, type) and issubclass(declared, Enum):
        return union(of_value(member.value) for member in declared)
    if is_list(declared):
        return list_of(_item(declared, answers))
    if is_mapping(declared):
        return mapping_of()
    if isinstance(declared, type) and attrs.has(declared):
        fields = {key_of(name): _type(hint, answers) for name, hint in _hints(declared)}
        return NEVER if any(each.is_never for each in fields.values()) else mapping_of(fields)
    try:
        return _PLAIN.get(declared, ANY)
    except TypeError:  # no annotation that can be looked up
        return ANY


def _item(declared: Any, answers: _Asked) -> Type | None:
    given = [part for part in get_args(declared) if part is not Ellipsis]
    return union(_type(part, answers) for part in given) if given else None


def _hints(cls: Any) -> Iterator[tuple[str, Any]]:
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except Exception:  # names that do not exist at run time
        hints = {}
    for field in attrs.fields(cls):
        yield field.name, hints.get(field.name, Any)


# --- marks -----------------------------------------------------------------------------------------


def _mark_of(declared: Any) -> Any:
    if get_origin(declared) is not Annotated:
        return None
    return next((one for one in get_args(declared)[1:] if isinstance(one, _MARKS)), None)


@functools.lru_cache(maxsize=1024)
def _marked(declared: Any) -> bool:
    return bool(_marks_in(declared))


@functools.lru_cache(maxsize=1024)
def _conditions(declared: Any) -> tuple[str, ...] | None:
    """The settings asked about, where every mark in *declared* is an `OnlyIf`; else None."""
    marks = _marks_in(declared)
    if not all(isinstance(mark, OnlyIf) for mark in marks):
        return None
    return tuple(dict.fromkeys(mark.field for mark in marks))


def _marks_in(declared: Any) -> list[Any]:
    mark = _mark_of(declared)
    found = [] if mark is None else [mark]
    bare = resolved(get_args(declared)[0] if get_origin(declared) is Annotated else declared)
    if isinstance(bare, type) and attrs.has(bare):
        parts: list[Any] = [hint for _, hint in _hints(bare)]
    else:
        parts = [part for part in get_args(bare) if get_origin(bare) is not Literal]
    return found + [inner for part in parts for inner in _marks_in(part)]


def _answered(mark: Any, inner: Any, answers: _Asked) -> Type:
    if isinstance(mark, OnlyIf):
        return _only_if(mark, inner, answers)
    if not isinstance(answers, Answers):
        return _type(inner, answers)
    if isinstance(mark, OutputsOf):
        return _outputs_of(mark, answers)
    if isinstance(mark, OneOf):
        return _one_of(mark, answers)
    found = _raw(answers.settings, mark.field)
    if isinstance(mark, FieldsOf):
        return answers.fields(found) if isinstance(found, Fields) else mapping_of({})
    return attrs.evolve(_value(found, answers), written=False)  # these are what the step is said to give


def _only_if(mark: OnlyIf, inner: Any, answers: _Asked) -> Type:
    found = _type(inner, answers)
    if isinstance(answers, Answers):
        given = setting(answers.settings, mark.field)
    else:
        given = UNKNOWN if answers is None else answers[mark.field]
    if given is UNKNOWN:
        return or_null(found)
    if given not in mark.values:
        *others, last = map(str, mark.values)
        wanted = f"{', '.join(others)} or {last}" if others else last
        return attrs.evolve(NULL, unless=f"{key_of(mark.field)}: {wanted}")
    return found if found.is_any else found.without_null()


def _outputs_of(mark: OutputsOf, answers: Answers) -> Type:
    """What the block gives that ran; null where none may have."""
    found = []
    for field in mark.fields:
        given = _raw(answers.settings, field)
        if given is None or given is UNKNOWN:
            found.append(NULL)
        found += map(answers.block, blocks_in(given))
    return union(found, lacking=True) if found else NULL


def _one_of(mark: OneOf, answers: Answers) -> Type:
    """The value of one of several lazy settings; or a list of them."""
    given = [_raw(answers.settings, field) for field in mark.fields]
    if UNKNOWN in given:
        return ANY
    trees = [lazy.tree for each in given for lazy in lazies_in(each)]
    found = union(_value(tree, answers) for tree in trees)
    listed = setting(answers.settings, mark.listed[0]) if mark.listed is not None else None
    if listed is UNKNOWN:
        return ANY
    if mark.listed is not None and listed == mark.listed[1]:
        return list_of(found)
    null = None in trees or ("null" in found.kinds and found.kinds != KINDS)
    return found.missing("it may be null, which is no output") if null else found


def lazies_in(value: Any) -> Iterator[Lazy]:
    """The lazy values in a setting."""
    yield from _instances(Lazy, value)


def blocks_in(value: Any) -> Iterator[Block]:
    """The blocks in a setting."""
    yield from _instances(Block, value)


def _instances(cls: type[Part], value: Any) -> Iterator[Part]:
    if isinstance(value, cls):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _instances(cls, item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _instances(cls, item)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from _instances(cls, getattr(value, field.name))


def _raw(settings: Settings[Any], field: str) -> Any:
    """As `setting`, with a template left as it is."""
    if settings.constant is None and isinstance(settings.tree, Mapping):
        return settings.tree.get(key_of(field), setting(settings, field))
    return setting(settings, field)


def _value(value: Any, answers: Answers) -> Type:
    """The type of data with templates; of what is written as it is, its kind and not its value."""
    if isinstance(value, Template):
        found = answers.template(value)
        return found if value.references else widened(found)
    if isinstance(value, Mapping):
        return mapping_of({key: _value(item, answers) for key, item in value.items()}, written=True)
    if isinstance(value, list | tuple):
        return list_of(union(_value(item, answers) for item in value) if value else None)
    if isinstance(value, str | int | float):
        return widened(of_value(value))
    return ANY


def widened(type_: Type) -> Type:
    """The kinds of *type_*, without its values: what is written stands for all that may be written there."""
    if type_.is_never or type_.kinds == {"null"}:
        return ANY
    fields = type_.fields
    return attrs.evolve(
        type_,
        choices=None,
        whole=False,
        item=None if type_.item is None or type_.item.is_never else widened(type_.item),
        fields=None if fields is None else {key: widened(item) for key, item in fields.items()},
    )
