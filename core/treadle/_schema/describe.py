"""What a config or output class says about itself: its fields, their types, units, defaults and docs.

`treadle plugins show`, the JSON Schema and the reference pages are all made from this, so that they cannot
disagree. Docs of fields come from the ``Args:`` or ``Attributes:`` section of the class's docstring.
"""

from __future__ import annotations

import datetime
import enum
import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from treadle._expr import Expression
from treadle._kinds import Block, BlockForm, Fields, Lazy, SecretMark, Unit, Words, key_of
from treadle._settings.types import is_union, mark_of
from treadle._units import format_duration, format_size
from treadle._urls import Url

__all__ = ["Docs", "Setting", "docs_of", "settings_of", "type_text"]

M = typing.TypeVar("M")

_HEADING = re.compile(r"^(Args|Attributes|Raises|Errors|Returns|Example|Examples)::?\s*$")
_FIELD = re.compile(r"^(?P<names>\w+(?:, \w+)*):\s+(?P<text>.*)$")

_PLAIN: Mapping[Any, str] = {
    Any: "any value",
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    datetime.datetime: "time with zone",
    Expression: "expression",
    Block: "block",
    Fields: "declared fields",
    Lazy: "any value",
    Url: "URL",
}


@attrs.frozen(kw_only=True)
class Setting:
    """One setting of a plugin, or one field of its output.

    Attributes:
      name: as a spec writes it: without the underscore that keeps it from being a Python keyword.
      annotation: its resolved type.
      type: that type in words, with the unit.
      default: plain data as a spec would write it; meaningless where *required*.
      doc: its line in the docstring; may be empty.
      metadata: of the attrs field.
    """

    name: str
    annotation: Any
    type: str
    required: bool
    default: Any = None
    doc: str = ""
    metadata: Mapping[Any, Any] = attrs.field(factory=dict)


@attrs.frozen
class Docs:
    """A docstring in parts: what comes before the first section, the fields' docs, and the other sections."""

    text: str
    fields: Mapping[str, str]
    sections: Mapping[str, str]


def settings_of(config: type[Any]) -> tuple[Setting, ...]:
    """The fields of the attrs class *config* that a spec can set, in their order."""
    docs = docs_of(config).fields
    hints = typing.get_type_hints(config, include_extras=True)
    return tuple(_setting(field, hints[field.name], docs) for field in attrs.fields(config) if field.init)


def _setting(field: attrs.Attribute[Any], annotation: Any, docs: Mapping[str, str]) -> Setting:
    name = key_of(field.alias or field.name)
    required = field.default is attrs.NOTHING
    return Setting(
        name=name,
        annotation=annotation,
        type=type_text(annotation),
        required=required,
        default=None if required else as_written(field.default, annotation),
        doc=docs.get(field.name) or docs.get(name, ""),
        metadata=field.metadata,
    )


def as_written(default: Any, annotation: Any) -> Any:
    """A value of a setting, or a default, as a spec would write it."""
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # attrs types it as a function
        default = default.factory() if not default.takes_self else None
    unit = mark_in(annotation, Unit)
    if unit is not None and isinstance(default, (int, float)):
        return format_duration(float(default)) if unit.kind == "duration" else format_size(int(default))
    if isinstance(default, enum.Enum):
        return default.value
    if attrs.has(type(default)):
        return attrs.asdict(default)
    if isinstance(default, (tuple, list, set, frozenset)):
        return list(default)
    return dict(default) if isinstance(default, Mapping) else default


# --- types in words --------------------------------------------------------------------------------


def mark_in(annotation: Any, mark: type[M]) -> M | None:
    """As `mark_of`, also where it is on one side of a union."""
    if is_union(annotation):
        return next((found for arg in typing.get_args(annotation) if (found := mark_in(arg, mark))), None)
    return mark_of(annotation, mark)


def type_text(annotation: Any) -> str:
    """A type in the words of the language: ``duration``, ``list of text``, ``none or full``."""
    if isinstance(annotation, typing.TypeVar | str):
        return "any value"
    if typing.get_origin(annotation) is typing.Annotated:
        return _marked_text(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if is_union(annotation):
        return " or ".join(dict.fromkeys(type_text(arg) for arg in typing.get_args(annotation)))
    return _generic_text(annotation)


def _marked_text(annotation: Any) -> str:
    if unit := mark_of(annotation, Unit):
        return str(unit.kind)
    if mark_of(annotation, SecretMark):
        return "name of a secret"
    if mark_of(annotation, Words):
        return "words or list of text"
    if (form := mark_of(annotation, BlockForm)) and form.body:
        return "one step or a block"
    return type_text(annotation.__origin__)


def _generic_text(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join("null" if value is None else str(value) for value in arguments)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return " or ".join(str(member.value) for member in annotation)
    if isinstance(annotation, type) and attrs.has(annotation):
        return "{" + ", ".join(setting.name for setting in settings_of(annotation)) + "}"
    if is_mapping(annotation):
        return f"mapping of {type_text(arguments[-1])}" if arguments else "mapping"
    return f"list of {type_text(arguments[0])}" if arguments else "list"


def is_mapping(annotation: Any) -> bool:
    """Whether *annotation* is a mapping type, with or without arguments."""
    origin = typing.get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Mapping)


# --- docstrings ------------------------------------------------------------------------------------


def docs_of(documented: Any) -> Docs:
    """The docstring of *documented* in its parts; all empty where there is none."""
    # attrs writes a signature where there is no docstring, and a class inherits its parent's
    written = documented.__dict__.get("__doc__") if isinstance(documented, type) else documented.__doc__
    lines = inspect.cleandoc(written or "").splitlines()
    fields: dict[str, str] = {}
    sections: dict[str, str] = {}
    text = ""
    for heading, body in _parts(lines):
        if heading in ("Args", "Attributes"):
            fields.update(_field_docs(body))
        elif heading:
            sections[heading] = inspect.cleandoc("\n".join(["", *body])).strip()
        else:
            text = "\n".join(body).strip()
    return Docs(text, fields, sections)


def _parts(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    heading, body = "", list[str]()
    for line in lines:
        if match := _HEADING.match(line):
            yield heading, body
            heading, body = match[1], []
        else:
            body.append(line)
    yield heading, body


def _field_docs(lines: list[str]) -> dict[str, str]:
    """``name: text`` entries, indented; what is indented further goes on with the entry before."""
    docs: dict[str, str] = {}
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    names: list[str] = []
    for line in lines:
        match = _FIELD.match(line[margin:])
        if match:
            names = match["names"].split(", ")
            docs.update(dict.fromkeys(names, match["text"]))
        elif line.strip():
            docs.update({name: f"{docs[name]} {line.strip()}" for name in names})
    return docs
