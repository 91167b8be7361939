"""Readers for the values that the language itself has: names, text, numbers, durations, environments.

Rule: they judge form only. Whether a name exists is for those who know the names.
"""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING, Any

from treadle._expr import Template, scalar_text
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got
from treadle._units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
_WORKFLOW = re.compile(r"[a-z][a-z0-9_-]*\Z")
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*\Z"  # these two are compiled when first used
_ERROR = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*\Z"
_RESERVED = frozenset({"at_least", "of"})
_LONGEST_NAME = 200


def wrong_id(text: str) -> tuple[str, str] | None:
    """Why *text* cannot be an id, and what to write; None if it can."""
    if not _ID.match(text):
        near = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_")
        fix = f"write {near}" if _ID.match(near) else "begin with a letter"
        return f"{text!r} is no id: small letters, digits and _, a letter first", fix
    if keyword.iskeyword(text) or text in _RESERVED:
        return f"{text!r} is a reserved word and no id", f"write {text}_step, or another name"
    if len(text) > _LONGEST_NAME:
        return f"an id has at most {_LONGEST_NAME} characters", "write a shorter one"
    return None


def identifier(r: Reading, node: Node, path: str) -> Any:
    """An id."""
    if not node.is_text:
        return r.problem("TRD201", node, path, f"an id is text, got {got(node)}", _quote(node))
    wrong = wrong_id(node.value)
    return r.problem("TRD201", node, path, *wrong) if wrong else node.value


def workflow_name(r: Reading, node: Node, path: str) -> Any:
    """The name of a workflow: an id that may hold ``-``."""
    if not node.is_text:
        return r.problem("TRD201", node, path, f"a name is text, got {got(node)}", _quote(node))
    if not _WORKFLOW.match(node.value) or len(node.value) > _LONGEST_NAME:
        said = f"{node.value!r} is no workflow name: small letters, digits, _ and -, a letter first"
        return r.problem("TRD201", node, path, said, "write one as nightly-build")
    return node.value


def text(r: Reading, node: Node, path: str) -> Any:
    """Text without expressions."""
    if not node.is_text:
        return r.problem("TRD102", node, path, f"expected text, got {got(node)}", _quote(node))
    if node.dynamic:
        return constant_only(r, node, path)
    return node.value


def constant_only(r: Reading, node: Node, path: str) -> Any:
    """The problem of an expression where none is evaluated."""
    return r.problem("TRD403", node, path, "an expression has no value here", "write the value itself")


def boolean(r: Reading, node: Node, path: str) -> Any:
    """``true`` or ``false``."""
    if isinstance(node.value, bool):
        return node.value
    return r.problem("TRD102", node, path, f"expected true or false, got {got(node)}")


def whole(r: Reading, node: Node, path: str, least: int) -> Any:
    """A whole number of at least *least*."""
    if type(node.value) is not int:
        fix = "leave the quotes out" if node.quoted and str(node.value).isdigit() else ""
        return r.problem("TRD102", node, path, f"expected a whole number, got {got(node)}", fix)
    if node.value < least:
        return r.problem("TRD104", node, path, f"expected at least {least}, got {node.value}")
    return node.value


def bound(r: Reading, node: Node, path: str) -> Any:
    """A number of at least 1, or a whole ``${{ }}`` that will give one."""
    if node.is_text and node.dynamic:
        found = r.template(node, path)
        if isinstance(found, Template) and not found.whole:
            said = "text around ${{ }} makes text, and a number is wanted"
            return r.problem("TRD402", node, path, said, "write one ${{ }} and nothing else")
        return found
    return whole(r, node, path, 1)


def duration(r: Reading, node: Node, path: str, *, zero: bool = False) -> Any:
    """A duration in seconds; 0 only where *zero*."""
    if type(node.value) in (int, float):
        number = node.source or node.value
        fix = f"add one, as {number}s or {number}m"
        return r.problem("TRD102", node, path, f"the duration {number} has no unit", fix)
    if not node.is_text:
        return r.problem(
            "TRD102", node, path, f"expected a duration, got {got(node)}", "write one as 30s or 1h30m"
        )
    if node.dynamic:
        return constant_only(r, node, path)
    try:
        seconds = parse_duration(node.value)
    except ValueError as exc:
        return r.problem("TRD102", node, path, str(exc))
    if seconds == 0 and not zero:
        return r.problem(
            "TRD104", node, path, "a duration of nothing makes no sense here", "write more than 0"
        )
    return seconds


def error_names(r: Reading, node: Node, path: str) -> Any:
    """Names of errors: a list, or one alone."""
    nodes = node.items if node.is_list else [node]
    paths = [join(path, index) for index in range(len(nodes))] if node.is_list else [path]
    names = [_error_name(r, item, at) for item, at in zip(nodes, paths, strict=True)]
    return BROKEN if BROKEN in names else tuple(names)


def _error_name(r: Reading, node: Node, path: str) -> Any:
    if not node.is_text:
        return r.problem(
            "TRD102", node, path, f"expected the name of an error, got {got(node)}", _quote(node)
        )
    if not re.match(_ERROR, node.value):
        said = f"{node.value!r} is no name of an error"
        return r.problem("TRD201", node, path, said, "write one as timeout, exit.3 or http.5xx")
    return node.value


def text_map(r: Reading, node: Node, path: str) -> Mapping[str, str]:
    """A mapping of names to text, as ``labels``. Its keys are free, so ``x-…`` is a key like any other."""
    entries = r.mapping(node, path, "this")
    return {key: text(r, item, join(path, key)) for key, item in entries.items()}


def environment(r: Reading, node: Node, path: str) -> Any:
    """Environment variables: text or templates. Numbers and booleans become the text they are written as."""
    if not node.is_mapping:
        return r.no_mapping(node, path, "env")
    found = {}
    for name, item in node.items.items():
        at = join(path, name)
        if name.startswith("x-"):
            continue
        if not re.match(_VARIABLE, name):
            said = f"{name!r} is no name of an environment variable"
            r.report.add("TRD201", node.key_mark(name), at, said, "use letters, digits and _")
        found[name] = _variable(r, item, at)
    return found


def _variable(r: Reading, node: Node, path: str) -> Any:
    value = node.value
    if isinstance(value, bool):
        return scalar_text(value)
    if isinstance(value, int | float):
        return node.source or scalar_text(value)
    if not isinstance(value, str):
        fix = "" if value is not None else 'write "" for an empty one'
        return r.problem("TRD102", node, path, f"expected text, got {got(node)}", fix)
    if "\0" in value:
        return r.problem("TRD102", node, path, "the text holds a zero character", "remove it")
    return r.template(node, path) if node.dynamic else value


def values(r: Reading, node: Node, path: str) -> Any:
    """Named plain data with templates, as ``vars`` and ``outputs``."""
    if not node.is_mapping:
        return r.no_mapping(node, path, "this")
    found = {}
    for name, item in node.items.items():
        at = join(path, name)
        if name.startswith("x-"):
            continue
        wrong = wrong_id(name)
        if wrong:
            r.report.add("TRD201", node.key_mark(name), at, *wrong)
        found[name] = r.value(item, at)
    return found


def names(r: Reading, node: Node, path: str, what: str) -> list[tuple[str, Node]]:
    """A list of names, each with its node; one alone counts as a list. Repeated ones are problems."""
    nodes = node.items if node.is_list else [node]
    found: dict[str, Node] = {}
    for index, item in enumerate(nodes):
        at = join(path, index) if node.is_list else path
        if not item.is_text or not re.match(_VARIABLE, item.value):
            r.problem("TRD201", item, at, f"expected {what}, got {got(item)}", _quote(item))
        elif item.value in found:
            r.problem(
                "TRD312" if what == "an id" else "TRD106",
                item,
                at,
                f"{item.value!r} is named twice",
                "keep one",
            )
        else:
            found[item.value] = item
    return list(found.items())


def _quote(node: Node) -> str:
    """The fix for a scalar that YAML did not take for text."""
    return f"quote it: '{node.source}'" if node.source and not node.is_text else ""
