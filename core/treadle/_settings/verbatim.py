"""Settings that a config class takes as they are written, for which no converter is needed.

Rule 1: what is made here is what the converter of `treadle._settings.strict` would make. Whatever is not
  plainly right is left to that, which knows why; so most specs never import cattrs.
Rule 2: every list and mapping that is made is new; plain data handed in is never shared.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

from treadle._settings.types import is_mapping, members_of, resolved

if TYPE_CHECKING:
    from treadle._settings.structure import Field

__all__ = ["FREE", "fresh", "verbatim"]

FREE: tuple[Any, ...] = (Any, object)
"""The types that take everything."""

_EXACT = frozenset({str, bool, int, types.NoneType})
"""The types that take values of their own class, and nothing else."""


def fresh(value: Any) -> Any:
    """A copy of plain data that shares no list or mapping with it; tuples become lists."""
    kind = type(value)
    if kind is dict:
        return {key: fresh(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [fresh(item) for item in value]
    return value


def verbatim(data: Any, cls: Any, fields: Mapping[str, Field]) -> Any | None:
    """An instance of the config class *cls*; None where only the converter can tell whether *data* fits."""
    if type(data) is not dict or not fields.keys() >= data.keys():
        return None
    if not all(_taken(value, fields[key].type) for key, value in data.items()):
        return None
    try:
        return cls(**{str(fields[key].attribute.alias): fresh(value) for key, value in data.items()})
    except Exception:  # the converter meets it as well, and its callers report it
        return None


def _taken(value: Any, type_: Any) -> bool:
    """Whether *type_* takes *value* as it is, for certain."""
    bare = resolved(type_)
    if bare in FREE:
        return True
    if is_mapping(bare):
        return type(value) is dict and _of_anything(bare) and all(type(key) is str for key in value)
    members = members_of(bare)
    return type(value) in members and _EXACT.issuperset(members)


def _of_anything(mapping: Any) -> bool:
    """Whether *mapping* is one of texts to values of any kind."""
    arguments = get_args(mapping)
    plain = get_origin(mapping) in (dict, Mapping)
    return plain and len(arguments) == 2 and arguments[0] is str and arguments[1] in FREE
