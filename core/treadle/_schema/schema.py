"""The JSON Schema of the language with all that is installed, for editors and generators of specs.

Rule 1: made from the same classes that structure specs, so a plugin gets its part without writing any.
Rule 2: it means the same in drafts 7 and 2020-12: editors know the one or the other.
Rule 3: every valid spec fits it. What JSON Schema cannot say (references, cycles, settings that depend on
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
from treadle._kinds import Block, BlockForm, Fields, Lazy, SecretMark, Unit, Words
from treadle._schema.describe import Setting, docs_of, is_mapping, settings_of
from treadle._schema.grammar import DEFINITIONS, DOCUMENT, STEP_KEYS, TEMPLATE, any_of, closed, ref
from treadle._settings.types import is_union, mark_of
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml
from treadle._urls import Url

if TYPE_CHECKING:
    from treadle._registry import Registry

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE_NAME = "template"

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
    for name, entry in registry.step_types.items():
        definitions[_work_of(name)] = {**_work(entry), **shown(entry)}
    definitions["step"] = _step(registry)
    definitions["strategy"] = one_of(registry.strategies.values(), "error strategy", templates=True)
    definitions["backoff"] = one_of(registry.backoffs.values(), "backoff")
    return finished({"title": "treadle workflow", **copy.deepcopy(DOCUMENT), "$defs": definitions})


def finished(schema: dict[str, Any]) -> dict[str, Any]:
    """A whole *schema*: with its dialect, and with its docs as plain text and, for VS Code, in Markdown."""
    return {"$schema": DIALECT, **_told_twice(schema)}


def _told_twice(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_told_twice(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: part if name in _DATA else _told_twice(part) for name, part in schema.items()}
    text = schema.get("description")
    if isinstance(text, str) and "`" in text:
        told |= {"description": text.replace("`", ""), "markdownDescription": text}
    return told


_DATA = frozenset({"examples", "enum", "const"})
"""Keys of a schema that hold values, not schemas."""


def config_schema(config: type[Any], *, templates: bool = False) -> dict[str, Any]:
    """The schema of the attrs class *config*; with *templates*, values may be expressions in ``${{ }}``."""
    settings = settings_of(config)
    properties = {setting.name: _property(setting, templates=templates) for setting in settings}
    required = [setting.name for setting in settings if setting.required]
    described = {"description": text} if (text := _markdown(docs_of(config).text)) else {}
    return closed(properties, **({"required": required} if required else {}), **described)


# --- uses of plugins -------------------------------------------------------------------------------


def _step(registry: Registry) -> dict[str, Any]:
    """A step: the engine's keys and exactly one plugin, by its name or by ``uses``."""
    types = registry.step_types
    named = {name: ref(_work_of(name)) for name in types if name not in STEP_KEYS}
    works: dict[str, Any] = {name: ref(_work_of(name)) for name in types}
    if TEMPLATE_NAME not in types:
        named[TEMPLATE_NAME] = works[TEMPLATE_NAME] = TEMPLATE
    uses = {
        "enum": sorted(works),
        "title": "plugin",
        "description": "The step's plugin, where its name is a key of steps too; its settings are in `with`.",
    }
    settings = {"title": "settings", "description": "The settings of the plugin that `uses` names."}
    return closed(
        {**STEP_KEYS, "uses": uses, "with": settings, **named},
        oneOf=[{"required": [key]} for key in ("uses", *named)],
        allOf=[_WITH_USES, _REPEAT_ENDS, *(_by_uses(name, work) for name, work in works.items())],
    )


# Draft 7 has no dependentRequired, and 2020-12 no dependencies; editors know the one or the other
_WITH_USES = {"if": {"required": ["with"]}, "then": {"required": ["uses"]}}

_REPEAT_ENDS = {
    "if": {"properties": {"repeat": {"not": {"required": ["times"]}}}, "required": ["repeat"]},
    "then": {"required": ["deadline"]},
}


def _by_uses(name: str, work: dict[str, Any]) -> dict[str, Any]:
    return {
        "if": {"properties": {"uses": {"const": name}}, "required": ["uses"]},
        "then": {"properties": {"with": work}},
    }


def _work_of(name: str) -> str:
    """What the definition of the settings of a step type is called."""
    return f"work.{name}"


def shown(entry: Any) -> dict[str, Any]:
    """What an editor shows of a plugin: its name, what it does, an example."""
    docs = docs_of(entry.config)
    about: dict[str, Any] = {"title": entry.name}
    if docs.text:
        about["description"] = _markdown(docs.text)
    example = _example(docs.sections.get("Example", ""), entry.name)
    return about if example is None else {**about, "examples": [example]}


def _example(text: str, name: str) -> Any:
    """The settings in an example of the docstring, as ``wait: 5m``; None if there is none."""
    node = read_yaml(text.strip("`"), Report("example")) if text else None
    if node is None or not isinstance(node.value, dict):
        return None
    return node.value.get(name)


def _markdown(text: str) -> str:
    """*text* of a docstring, as editors show it."""
    return text.replace("``", "`")


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
        alone = type_schema(main.annotation, templates=templates and _takes_templates(main))
        options.append({"allOf": [{"not": {"type": "object"}}, alone]})
    if "required" not in whole:
        options.append({"type": "null"})
    return whole if len(options) == 1 else any_of(*options, title=entry.name)


def one_of(entries: Iterable[Any], title: str, *, templates: bool = False) -> dict[str, Any]:
    """The name of one of *entries*, or a mapping from it to its settings."""
    offered = {entry.name: entry for entry in entries}
    settings = {
        name: {**_settings(entry, templates=templates), **shown(entry)} for name, entry in offered.items()
    }
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
    schema["title"] = f"{setting.name}: {setting.type}"
    if setting.doc:
        schema["description"] = _markdown(setting.doc)
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
        annotation in (Expression, Block, Fields, Lazy)
        or mark_of(annotation, BlockForm) is not None
        or is_union(annotation)
    )


def _exact(annotation: Any, templates: bool) -> dict[str, Any]:
    if isinstance(annotation, typing.TypeVar) or annotation in (Any, Lazy):
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
