"""Plain data into the config classes of plugins; and if it does not fit, every reason why.

Rule 1: the converter of `treadle._settings.strict` only accepts or refuses. *Where* something does not fit is
  found by `faults`, which walks the same types, so that the usual case pays nothing for good messages.
Rule 2: what is known only at run time (`Template`, `Leaf`) is not judged; everything beside it is.
Rule 3: whatever code of a plugin raises here is a fault of the settings or of the plugin, never ours.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs

from treadle._expr import Template
from treadle._kinds import key_of
from treadle._near import hint, nearest
from treadle._settings.types import (
    is_config,
    is_list,
    is_mapping,
    item_types,
    value_type,
    wanted,
)
from treadle._settings.verbatim import verbatim

__all__ = [
    "Fault",
    "Field",
    "Leaf",
    "SettingsError",
    "dotted",
    "faults",
    "fields_of",
    "instance",
    "open_in",
    "said",
    "structure",
]

Path = tuple[str | int, ...]


class SettingsError(ValueError):
    """Settings do not fit their config class; one line that names the setting."""


class Leaf:
    """Stands in data for a value that is known only at run time; see `treadle._settings`."""

    __slots__ = ()


@attrs.frozen(eq=False, repr=False)
class Fault:
    """One thing in data that does not fit.

    Attributes:
      path: keys and indexes from the top of the data.
      message, fix: as of `treadle.errors.Problem`.
      sort: what is wrong: a ``value``, an unknown ``key``, a key ``missing`` from the mapping at *path*,
        what a ``check`` of the config class says, or the ``plugin`` itself.
    """

    path: Path
    message: str
    fix: str = ""
    sort: Literal["value", "key", "missing", "check", "plugin"] = "value"

    def __str__(self) -> str:
        text = f"{self.message}; {self.fix}" if self.fix else self.message
        return f"{dotted(self.path)}: {text}" if self.path else text


def structure(data: Any, cls: Any) -> Any:
    """An instance of the config class *cls*. Raises SettingsError with the first reason why not."""
    try:
        return instance(data, cls)
    except Exception as exc:
        first = next(faults(data, cls), None)
        raise SettingsError(str(first) if first else said(exc)) from exc


def instance(data: Any, cls: Any) -> Any:
    """As `structure`, but raises whatever the converter, or *cls*, raises."""
    made = verbatim(data, cls, fields_of(cls))
    if made is not None:
        return made
    from treadle._settings.strict import CONVERTER  # brings cattrs along, which plain settings do without

    return CONVERTER.structure(data, cls)


def dotted(path: Sequence[str | int]) -> str:
    """*path* as people read it: ``cases[0].when``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def said(exc: BaseException) -> str:
    """What an exception says, on one line."""
    return " ".join(str(exc.args[0] if exc.args else "").split()) or type(exc).__name__


def open_in(value: Any) -> bool:
    """Whether any part of *value* is known only at run time."""
    if isinstance(value, dict):
        return any(map(open_in, value.values()))
    if isinstance(value, list):
        return any(map(open_in, value))
    return isinstance(value, Template | Leaf)


@attrs.frozen(eq=False, repr=False)
class Field:
    """One field of a config class: the key a spec writes for it, and its type resolved."""

    key: str
    type: Any
    attribute: attrs.Attribute[Any]

    @property
    def required(self) -> bool:
        """Whether a spec must give it."""
        return self.attribute.default is attrs.NOTHING


def fields_of(cls: Any) -> Mapping[str, Field]:
    """The fields of a config class by key. Raises TypeError or NameError for a class that cannot be one."""
    return _fields_of(cls)


@functools.lru_cache(maxsize=4096)  # apart from `fields_of`: to mypy, a class is nothing that can be a key
def _fields_of(cls: Any) -> Mapping[str, Field]:
    if not is_config(cls):
        raise TypeError(f"its config {cls!r} is not an attrs class")
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = (attribute for attribute in attrs.fields(cls) if attribute.init)
    return {key_of(a.alias): Field(key_of(a.alias), hints.get(a.name, Any), a) for a in fields}


# --- faults ----------------------------------------------------------------------------------------


def faults(data: Any, type_: Any, path: Path = ()) -> Iterator[Fault]:
    """Every reason why *data* does not fit *type_*."""
    if isinstance(data, Template | Leaf):
        return
    from treadle._settings.strict import chosen  # see `instance`

    type_ = chosen(type_, data)
    inner = _inner_faults(data, type_, path)
    first = next(inner, None)
    if first is not None:
        yield first
        yield from inner
    elif not open_in(data):
        yield from _refusal(data, type_, path)


def _inner_faults(data: Any, type_: Any, path: Path) -> Iterator[Fault]:
    """What is wrong with the parts of *data*."""
    if isinstance(data, list | tuple) and is_list(type_):
        for index, item_type in enumerate(item_types(type_, len(data))[: len(data)]):
            yield from faults(data[index], item_type, (*path, index))
    elif isinstance(data, Mapping) and is_mapping(type_):
        for key, value in data.items():
            yield from faults(value, value_type(type_), (*path, key))
    elif isinstance(data, Mapping) and is_config(type_):
        fields = fields_of(type_)
        yield from _key_faults(data, fields, path)
        for key in data.keys() & fields.keys():
            yield from _field_faults(data[key], fields[key], (*path, key))


def _key_faults(data: Mapping[str, Any], fields: Mapping[str, Field], path: Path) -> Iterator[Fault]:
    misspelt = set()
    for key in data:
        if key not in fields:
            misspelt.add(near := nearest(key, fields))
            fix = hint(near, fields) or "it takes none"
            yield Fault((*path, key), f"unknown setting {key!r}", fix, "key")
    for key, field in fields.items():
        if field.required and key not in data and key not in misspelt:
            yield Fault(path, f"{key!r} is missing", f"add {key}: {wanted(field.type)}", "missing")


def _field_faults(data: Any, field: Field, path: Path) -> Iterator[Fault]:
    inner = faults(data, field.type, path)
    first = next(inner, None)
    if first is not None:
        yield first
        yield from inner
    elif not open_in(data):
        yield from _validator_fault(data, field, path)


def _validator_fault(data: Any, field: Field, path: Path) -> Iterator[Fault]:
    """What the field's own validator says. It is asked without an instance, which few of them look at."""
    attribute = field.attribute
    if attribute.validator is None or attribute.converter is not None:
        return
    from treadle._settings.strict import CONVERTER  # see `instance`

    try:
        attribute.validator(None, attribute, CONVERTER.structure(data, field.type))
    except (ValueError, TypeError) as exc:
        yield Fault(path, _judged(exc).replace(f"'{attribute.name}'", repr(field.key)), sort="check")
    except Exception:
        return  # one that needs the instance is asked again when the whole config is built


def _refusal(data: Any, type_: Any, path: Path) -> Iterator[Fault]:
    """What the converter, or the config class itself, has against *data* as a whole."""
    from treadle._settings.strict import CONVERTER, Unfit  # see `instance`

    try:
        CONVERTER.structure(data, type_)
    except Unfit as exc:
        yield Fault(path, exc.message, exc.fix)
    except (ValueError, TypeError) as exc:
        yield Fault(path, _judged(exc), sort="check")
    except Exception as exc:
        yield Fault(path, f"its plugin failed with {type(exc).__name__}: {said(exc)}", sort="plugin")


# As texts, compiled when first used: only a setting that is refused needs them.
_MEASURED = r"(?P<length>Length of )?'(?P<name>\w+)' must be (?P<how>[<>]=?) (?P<bound>\S+): (?P<given>.+)"
_HOW = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_PATTERN = "must match regex"


def _judged(exc: BaseException) -> str:
    """What a validator says; those that come with attrs speak code, which is put into words here."""
    text = said(exc)
    if found := re.fullmatch(_MEASURED, text):
        name, how, bound = repr(found["name"]), _HOW[found["how"]], found["bound"]
        if not found["length"]:
            return f"{name} must be {how} {bound}, and is {found['given']}"
        if (how, bound) == ("at least", "1"):
            return f"{name} is empty; give at least one"
        return f"{name} must have a length of {how} {bound}, and has {found['given']}"
    if _PATTERN in text and len(exc.args) == 4:  # the text, the attribute, its pattern, and the value
        _, attribute, pattern, value = exc.args
        return f"{attribute.name!r} cannot be {value!r}: it must match {pattern.pattern}"
    return text
