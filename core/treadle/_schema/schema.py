"""The JSON Schema of the language with all that is installed, for editors and generators of specs.

Rule 1: made from the same classes that structure specs, so a plugin gets its part without writing any.
Rule 2: every valid spec fits it. What JSON Schema cannot say (references, cycles, settings that depend on
        each other) is left to ``treadle validate``.
"""

from __future__ import annotations

import copy
import enum
import typing
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from treadle._expr import Expression
from treadle._kinds import Block, BlockForm, Fields, SecretMark, Unit, Words
from treadle._schema.describe import Setting, docs_of, is_mapping, settings_of
from treadle._schema.grammar import DEFINITIONS, DOCUMENT, STEP_KEYS, any_of, closed, ref
from treadle._settings.types import is_union, mark_of
from treadle._urls import Url

if TYPE_CHECKING:
    from treadle._registry import Registry

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PLAIN: Mapping[Any, Any] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Url: {"type": "string", "minLength": 1},
}


def spec_schema(registry: Registry) -> dict[str, Any]:
    """The schema of a whole spec, given what *registry* offers."""
    definitions = copy.deepcopy(DEFINITIONS)
    definitions["step"] = _step(registry)
    definitions["strategy"] = _one_of(registry.strategies.values(), "error strategy", templates=True)
    definitions["backoff"] = _one_of(registry.backoffs.values(), "backoff")
    return {"$schema": DIALECT, "title": "treadle workflow", **copy.deepcopy(DOCUMENT), "$defs": definitions}


def config_schema(config: type[Any], *, templates: bool = False) -> dict[str, Any]:
    """The schema of the attrs class *config*; with *templates*, values may be expressions in ``${{ }}``."""
    settings = settings_of(config)
    properties = {setting.name: _property(setting, templates=templates) for setting in settings}
    required = [setting.name for setting in settings if setting.required]
    described = {"description": text} if (text := docs_of(config).text) else {}
    return closed(properties, **({"required": required} if required else {}), **described)


# --- uses of plugins -------------------------------------------------------------------------------


def _step(registry: Registry) -> dict[str, Any]:
    """A step: the engine's keys and exactly one plugin, by its name or by ``uses``."""
    types = registry.step_types
    named = {name: _work(entry) for name, entry in types.items() if name not in STEP_KEYS}
    by_uses = [
        {
            "if": {"properties": {"uses": {"const": name}}, "required": ["uses"]},
            "then": {"properties": {"with": _work(entry)}},
        }
        for name, entry in types.items()
    ]
    return closed(
        {**STEP_KEYS, "uses": {"enum": sorted(types)}, "with": True, **named},
        oneOf=[{"required": [key]} for key in ("uses", *named)],
        dependentRequired={"with": ["uses"]},
        allOf=by_uses,
    )


def _work(entry: Any) -> dict[str, Any]:
    """What may stand after the name of a step type."""
    if entry.whole:
        (main,) = (setting for setting in settings_of(entry.config) if setting.name == entry.main)
        return _property(main, templates=True)
    return _settings(entry, templates=True)


def _settings(entry: Any, *, templates: bool) -> dict[str, Any]:
    """A mapping of settings or, where that is no mapping, the main setting alone."""
    whole = config_schema(entry.config, templates=templates)
    options = [whole]
    if entry.main is not None:
        (main,) = (setting for setting in settings_of(entry.config) if setting.name == entry.main)
        options.append({"allOf": [{"not": {"type": "object"}}, _property(main, templates=templates)]})
    if "required" not in whole:
        options.append({"type": "null"})
    return whole if len(options) == 1 else any_of(*options, title=entry.name)


def _one_of(entries: Iterable[Any], title: str, *, templates: bool = False) -> dict[str, Any]:
    """The name of one of *entries*, or a mapping from it to its settings."""
    offered = {entry.name: entry for entry in entries}
    settings = {name: _settings(entry, templates=templates) for name, entry in offered.items()}
    bare = sorted(
        name for name, entry in offered.items() if not any(s.required for s in settings_of(entry.config))
    )
    return any_of(
        {"enum": bare},
        {
            "type": "object",
            "properties": settings,
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
        title=title,
    )


# --- types -----------------------------------------------------------------------------------------


def _property(setting: Setting, *, templates: bool) -> dict[str, Any]:
    """The schema of one setting, with its doc and default."""
    schema = dict(type_schema(setting.annotation, templates=templates and _takes_templates(setting)))
    if setting.doc:
        schema["description"] = setting.doc
    if not setting.required and setting.default not in (None, [], {}):
        schema["default"] = setting.default
    return schema


def _takes_templates(setting: Setting) -> bool:
    return setting.metadata.get("treadle_templates", True) is not False


def type_schema(annotation: Any, *, templates: bool) -> dict[str, Any]:
    """The schema of a setting's type; with *templates*, each value in it may be an expression."""
    schema = _exact(annotation, templates)
    if not templates or schema == {} or _is_fixed(annotation) or schema.get("type") == "string":
        return schema
    return any_of(schema, ref("template"))


def _is_fixed(annotation: Any) -> bool:
    """Whether no expression in ``${{ }}`` can stand for the whole value."""
    return (
        annotation in (Expression, Block, Fields)
        or mark_of(annotation, BlockForm) is not None
        or is_union(annotation)
    )


def _exact(annotation: Any, templates: bool) -> dict[str, Any]:
    if isinstance(annotation, typing.TypeVar) or annotation is Any:
        return {}
    if annotation is Expression:
        return ref("condition")
    if annotation is Block:
        return ref("block")
    if annotation is Fields:
        return ref("inputs")
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    if is_union(annotation):
        return _union(annotation, templates)
    if typing.get_origin(annotation) is typing.Annotated:
        return _marked(annotation, templates)
    return _generic(annotation, templates)


def _union(annotation: Any, templates: bool) -> dict[str, Any]:
    options: list[dict[str, Any]] = []
    for argument in typing.get_args(annotation):
        option = type_schema(argument, templates=templates)
        options += [part for part in option.get("anyOf", [option]) if part not in options]
    return {} if {} in options else any_of(*options)


def _marked(annotation: Any, templates: bool) -> dict[str, Any]:
    if unit := mark_of(annotation, Unit):
        return ref(unit.kind)
    if mark_of(annotation, SecretMark):
        return ref("secretName")
    if mark_of(annotation, Words):
        word = {"type": ["string", "number", "boolean"]}
        return any_of({"type": "string", "minLength": 1}, {"type": "array", "minItems": 1, "items": word})
    if form := mark_of(annotation, BlockForm):
        steps = ref("list" if form.list_means == "sequence" else "together")
        forms = [steps, *([ref("graph")] if form.mapping else []), *([ref("step")] if form.body else [])]
        return any_of(*forms) if len(forms) > 1 else steps
    return _exact(annotation.__origin__, templates)


def _generic(annotation: Any, templates: bool) -> dict[str, Any]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return {"enum": list(arguments)}
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return {"enum": [member.value for member in annotation]}
    if isinstance(annotation, type) and attrs.has(annotation):
        return config_schema(annotation, templates=templates)
    if is_mapping(annotation):
        values = type_schema(arguments[-1], templates=templates) if arguments else {}
        return {"type": "object", "additionalProperties": values or True}
    if origin is not None and arguments and issubclass(origin, Iterable):
        return {"type": "array", "items": type_schema(arguments[0], templates=templates) or True}
    # a type that only the plugin's own structuring knows, as a time: text, or what that takes
    return {"type": "array"} if annotation in (list, tuple, set, frozenset) else {}
