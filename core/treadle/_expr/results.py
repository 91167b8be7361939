"""What the functions of expressions take, and the types of what they give.

Rule 1: what a built-in takes is said by its row in `builtins`; here is only what it gives.
Rule 2: of a plugin's function only its annotations are known, and only those of plain data count.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from treadle._expr.builtins import BUILTINS, TAKES
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
    union,
)

if typing.TYPE_CHECKING:
    from treadle._expr.functions import Function

Given = Sequence[Type]
_MANY_FIELDS = 50
_SCALARS: dict[Any, Type] = {
    str: TEXT,
    int: INTEGER,
    float: NUMBER,
    bool: BOOLEAN,
    None: NULL,
    type(None): NULL,
    list: list_of(),
    dict: mapping_of(),
    tuple: list_of(),
}


def takes(function: Function) -> Callable[[int], frozenset[str]]:
    """The kinds that *function* takes at an index."""
    return _built_in_kinds(function.name) if _built_in(function) else _annotated_kinds(function)


def gives(function: Function, given: Given) -> Type:
    """The type of the value of *function*, called with values of the types *given*."""
    if not _built_in(function):
        return _annotated(function)[1]
    found = _GIVES[function.name]
    return found if isinstance(found, Type) else found(given)


def item_of(type_: Type) -> Type:
    """What is known of the elements of the lists of *type_*."""
    return ANY if type_.item is None else type_.item.present()


def value_of(type_: Type) -> Type:
    """What is known of any value of the mappings of *type_*."""
    if type_.fields is None or type_.open or len(type_.fields) > _MANY_FIELDS:
        return ANY
    return union(each.present() for each in type_.fields.values())


def _built_in(function: Function) -> bool:
    return BUILTINS.get(function.name) is function


# --- built-in functions ----------------------------------------------------------------------------


@functools.cache
def _built_in_kinds(name: str) -> Callable[[int], frozenset[str]]:
    first, rest = TAKES[name]
    kinds = tuple(map(_kinds, first))
    others = _kinds(rest)
    return lambda index: kinds[index] if index < len(kinds) else others


def _kinds(words: str) -> frozenset[str]:
    if words == "any":
        return KINDS
    return frozenset("number" if word == "integer" else word for word in words.split("|"))


def _extreme(given: Given) -> Type:
    if len(given) > 1:
        return _ordered(union(given))
    (only,) = given
    of_lists = item_of(only) if "list" in only.kinds else NEVER
    return _ordered(union([of_lists, only.only("number", "text")]))


def _ordered(type_: Type) -> Type:
    return type_.only("number", "text").present()


def _total(given: Given) -> Type:
    items = item_of(given[0])
    return INTEGER if items.is_never or items.only("number").whole else NUMBER


def _rounded(given: Given) -> Type:
    return INTEGER if len(given) == 1 or given[0].whole else NUMBER


def _same_items(given: Given) -> Type:
    return list_of(item_of(given[0]))


def _flat(given: Given) -> Type:
    items = item_of(given[0])
    inner = item_of(items) if "list" in items.kinds else NEVER
    return list_of(union([inner, items.only(*(KINDS - {"list"}))]))


def _tuples(given: Given) -> Type:
    """Lists of one element of each list; of any kind where only some have nulls, as the place tells which."""
    items = [item_of(each) for each in given]
    nullable = {"null" in each.kinds for each in items}
    return list_of(list_of(union(items) if len(nullable) == 1 else ANY))


_GIVES: dict[str, Type | Callable[[Given], Type]] = {
    "min": _extreme,
    "max": _extreme,
    "sum": _total,
    "round": _rounded,
    "abs": lambda given: INTEGER if given[0].whole else NUMBER,
    "int": INTEGER,
    "float": NUMBER,
    "string": TEXT,
    "lower": TEXT,
    "upper": TEXT,
    "trim": TEXT,
    "split": list_of(TEXT),
    "join": TEXT,
    "replace": TEXT,
    "starts_with": BOOLEAN,
    "ends_with": BOOLEAN,
    "contains": BOOLEAN,
    "matches": BOOLEAN,
    "len": INTEGER,
    "keys": list_of(TEXT),
    "values": lambda given: list_of(value_of(given[0])),
    "sort": lambda given: list_of(_ordered(item_of(given[0]))),
    "unique": _same_items,
    "flatten": _flat,
    "range": list_of(INTEGER),
    "product": _tuples,
    "zip": _tuples,
    "now": NUMBER,
    "json": TEXT,
    "from_json": ANY,
    "base64": TEXT,
    "sha256": TEXT,
    "url_encode": TEXT,
    "duration": NUMBER,
    "parse_time": NUMBER,
    "format_time": TEXT,
}

# --- functions of plugins --------------------------------------------------------------------------


def _annotated_kinds(function: Function) -> Callable[[int], frozenset[str]]:
    first, rest = _annotated(function)[0]
    return lambda index: first[index] if index < len(first) else rest


@functools.lru_cache(maxsize=1000)
def _annotated(function: Function) -> tuple[tuple[tuple[frozenset[str], ...], frozenset[str]], Type]:
    """The kinds that the parameters of *function* take, those of all after them, and what it returns."""
    import inspect

    try:
        parameters = list(inspect.signature(function.call).parameters.values())
        hints = typing.get_type_hints(function.call)
    except Exception:  # a plugin's annotations may name anything: then nothing is known
        return ((), KINDS), ANY
    many = [each for each in parameters if each.kind is each.VAR_POSITIONAL]
    first = [each for each in parameters if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}]
    kinds = tuple(_of_annotation(hints.get(each.name, Any)).kinds for each in first)
    rest = _of_annotation(hints.get(many[0].name, Any)).kinds if many else KINDS
    return (kinds, rest), _of_annotation(hints.get("return", Any))


def _of_annotation(hint: Any) -> Type:
    """The type that an annotation of plain data means; `ANY` for every other."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _of_annotation(parts[0])
    if origin in {typing.Union, types.UnionType}:
        return union(map(_of_annotation, parts))
    if origin is typing.Literal:
        return union(map(of_value, parts)) if all(type(each) in _SCALARS for each in parts) else ANY
    if origin in {list, Sequence}:
        return list_of(_of_annotation(parts[0]))
    if origin is tuple:
        return list_of()
    if origin in {dict, Mapping}:
        return mapping_of()
    try:
        return _SCALARS.get(hint, ANY)
    except TypeError:  # an annotation that cannot be hashed
        return ANY
