"""The declarations under ``inputs``.

Rule: a default, a choice and a bound must themselves be inputs that would be accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import attrs

from treadle._expr import compile_pattern
from treadle._inputs import check_value
from treadle._model import Input, InputType
from treadle._near import near_or_all
from treadle._spec import fields
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: tuple[str, ...] = get_args(InputType)
_KEYS = ("type", "required", "default", "enum", "pattern", "min", "max", "items", "secret", "description")


def read_inputs(r: Reading, node: Node, path: str) -> Any:
    """The declared inputs by name; the fields of an approval are declared alike."""
    if not node.is_mapping:
        return r.no_mapping(node, path, path.rpartition(".")[2])
    found = {}
    for name, item in node.items.items():
        at = join(path, name)
        if name.startswith("x-"):
            continue
        wrong = fields.wrong_id(name)
        if wrong:
            r.report.add("TRD201", node.key_mark(name), at, *wrong)
        found[name] = _input(r, item, at, name)
    return found


def _input(r: Reading, node: Node, path: str, name: str) -> Input:
    """One declaration; a text alone is its type."""
    if node.is_text:
        return Input(name=name, type=_type(r, node, path))
    entries = r.mapping(node, path, "an input")
    for key in entries:
        if key not in _KEYS:
            r.unknown(node, path, key, _KEYS)
    kind: Any = _type(r, entries["type"], join(path, "type")) if "type" in entries else "string"
    declared = Input(name=name, type=kind, **_plain_keys(r, entries, path, name, kind))
    return _with_values(r, declared, entries, path)


def _type(r: Reading, node: Node, path: str) -> Any:
    if node.value in _TYPES:
        return node.value
    fix = near_or_all(node.value, _TYPES) if node.is_text else f"write one of {', '.join(_TYPES)}"
    r.problem("TRD604", node, path, f"there is no type {got(node)}", fix)
    return "string"


def _plain_keys(r: Reading, entries: Mapping[str, Node], path: str, name: str, kind: str) -> dict[str, Any]:
    """What stands for itself, without a look at values."""
    found: dict[str, Any] = {}
    for key, read in (("secret", fields.boolean), ("description", fields.text)):
        if key in entries:
            found[key] = _known(read(r, entries[key], join(path, key)))
    if "items" in entries:
        if kind == "list":
            found["items"] = _input(r, entries["items"], join(path, "items"), name)
        else:
            _senseless(r, entries["items"], join(path, "items"), "items make", kind)
    if "pattern" in entries:
        found["pattern"] = _pattern(r, entries["pattern"], join(path, "pattern"), kind)
    for key in ("min", "max"):
        if key in entries:
            found[key] = _bound(r, entries[key], join(path, key), kind)
    if found.get("secret") and kind != "string":
        r.problem("TRD604", entries["secret"], join(path, "secret"), "a secret is text", "leave its type out")
    return {key: value for key, value in found.items() if value is not None}


def _known(value: Any) -> Any:
    return None if value is BROKEN else value


def _pattern(r: Reading, node: Node, path: str, kind: str) -> str | None:
    pattern = _known(fields.text(r, node, path))
    if pattern is None:
        return None
    if kind != "string":
        _senseless(r, node, path, "a pattern makes", kind)
        return None
    try:
        compile_pattern(pattern)
    except ValueError as exc:
        r.problem("TRD604", node, path, str(exc))
        return None
    return str(pattern)


def _senseless(r: Reading, node: Node, path: str, what: str, kind: str) -> None:
    r.problem("TRD604", node, path, f"{what} no sense for an input of type {kind}", "leave it out")


def _bound(r: Reading, node: Node, path: str, kind: str) -> float | None:
    """``min`` or ``max``: a duration for durations, otherwise a number."""
    if kind == "boolean":
        _senseless(r, node, path, "a bound makes", kind)
        return None
    if kind == "duration":
        seconds: float | None = _known(fields.duration(r, node, path, zero=True))
        return seconds
    if type(node.value) not in (int, float):
        r.problem("TRD604", node, path, f"expected a number, got {got(node)}")
        return None
    number: float = node.value
    return number


def _with_values(r: Reading, declared: Input, entries: Mapping[str, Node], path: str) -> Input:
    """*declared* with its choices and default, each checked as an input would be."""
    if declared.min is not None and declared.max is not None and declared.min > declared.max:
        r.problem("TRD604", entries["max"], join(path, "max"), "max is below min", "swap them")
        declared = attrs.evolve(declared, min=None, max=None)
    if "enum" in entries:
        declared = attrs.evolve(declared, enum=_choices(r, declared, entries["enum"], join(path, "enum")))
    required = True
    if "default" in entries:
        default = _value(r, declared, entries["default"], join(path, "default"))
        declared = attrs.evolve(declared, default=default)
        refused = default is None and entries["default"].value is not None
        required = refused  # which says nothing of null
    if "required" in entries:
        asked = fields.boolean(r, entries["required"], join(path, "required"))
        if asked is True and "default" in entries:
            fix = "leave one of them out"
            r.problem(
                "TRD106", entries["required"], join(path, "required"), "a required input has no default", fix
            )
        required = asked is True
    return attrs.evolve(declared, required=required)


def _choices(r: Reading, declared: Input, node: Node, path: str) -> tuple[Any, ...] | None:
    if not node.is_list or not node.items:
        r.problem("TRD604", node, path, f"expected a list of choices, got {got(node)}")
        return None
    return tuple(_value(r, declared, item, join(path, index)) for index, item in enumerate(node.items))


def _value(r: Reading, declared: Input, node: Node, path: str) -> Any:
    """A value in a declaration. A null default of an input that is not required is no value."""
    if node.value is None and path.endswith("default"):
        return None
    if node.dynamic:
        fields.constant_only(r, node, path)
        return None
    value, problems = check_value(declared, node.value, path)
    for problem in problems:
        message, fix = problem.message, problem.fix
        if node.source and not node.is_text:
            message = message.replace(f"the number {node.value}", node.source)
            fix = f"quote it: '{node.source}'" if declared.type == "string" else fix
        fix = fix or _unquoted(declared.type, node.value)
        r.report.add("TRD604", node.mark, problem.path, message, fix)
    return value


_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false", "true": "true", "false": "false"}


def _unquoted(kind: str, value: Any) -> str:
    """What to write for text that another kind of value was meant by."""
    if not isinstance(value, str):
        return ""
    if kind == "boolean" and value.lower() in _BOOLEANS:
        return f"write {_BOOLEANS[value.lower()]}"
    if kind == "integer" and value.isdigit():
        return f"write {value}"
    if kind == "number" and value.replace(".", "", 1).isdigit():
        return f"write {value}"
    return ""
