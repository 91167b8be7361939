"""The keys of a step that are the engine's own, one reader each.

Rule 1: `STEP_KEYS` is all there is; what a key is called, who reads it and where it goes stands there.
Rule 2: a reader sees its own value only. How keys go together is judged when all have been read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from treadle._expr import Template
from treadle._model import Repeat, Retry
from treadle._settings import Settings
from treadle._spec import fields, standins
from treadle._spec.needs import read_needs
from treadle._spec.nodes import Node, join
from treadle._spec.plugins import read_named, read_plugin
from treadle._spec.reading import BROKEN, Reading, got

Draft = dict[str, Any]
"""What has been read of a step: arguments of `StepSpec`, and under ``retry`` a mapping of `Retry`'s."""

Reader = Callable[[Reading, Node, str, Draft], None]

_RETRY = ("attempts", "backoff", "on", "if", "max_time")
_DELAY = r"\d+(\.\d+)?(ms|s|m|h|d)\Z"
_REPEAT = ("until", "every", "times")


def _simple(attribute: str, read: Callable[[Reading, Node, str], Any]) -> Reader:
    def reader(r: Reading, node: Node, path: str, draft: Draft) -> None:
        value = read(r, node, path)
        if value is not BROKEN:
            draft[attribute] = value

    return reader


def _needs(r: Reading, node: Node, path: str, draft: Draft) -> None:
    draft["needs"], draft["at_least"] = read_needs(r, node, path)


def _when(r: Reading, node: Node, path: str) -> Any:
    return r.condition(node, path, "when")


def _foreach(r: Reading, node: Node, path: str) -> Any:
    """A list or mapping, written out or given by one ``${{ }}``."""
    if node.items is None and not (node.is_text and node.dynamic):
        fix = "write [a, b], {a: 1}, or one ${{ }} that gives such"
        return r.problem("TRD102", node, path, f"expected a list or a mapping, got {got(node)}", fix)
    value = r.value(node, path)
    if isinstance(value, Template) and not value.whole:
        said = "text around ${{ }} makes text, and a list or mapping is wanted"
        return r.problem("TRD402", node, path, said, "write one ${{ }} and nothing else")
    return value


def read_retry(r: Reading, node: Node, path: str) -> Any:
    """``retry`` as a mapping of the arguments of `Retry`; a number is its attempts."""
    if not node.is_mapping:
        attempts = fields.whole(r, node, path, 1)
        return BROKEN if attempts is BROKEN else {"attempts": attempts}
    found: Draft = {}
    for key, item in node.items.items():
        at = join(path, key)
        reader = _RETRY_KEYS.get(key)
        if reader is not None:
            reader(r, item, at, found)
        elif r.unknown(node, path, key, _RETRY) == "attempts":
            found.setdefault("attempts", 1)  # it is misspelt, not missing
    return found


def _backoff(r: Reading, node: Node, path: str) -> Any:
    if node.is_text and "fixed" in r.registry.backoffs and re.match(_DELAY, node.value):
        said = f"expected the name of a backoff, got {got(node)}"
        r.problem("TRD102", node, path, said, f"write {{fixed: {node.value}}} for the same delay each time")
        return standins.BACKOFF
    return read_plugin(r, node, path, "backoff", r.registry.backoffs) or standins.BACKOFF


_RETRY_KEYS: Mapping[str, Reader] = {
    "attempts": _simple("attempts", lambda r, node, path: fields.whole(r, node, path, 1)),
    "backoff": _simple("backoff", _backoff),
    "on": _simple("on", fields.error_names),
    "if": _simple("condition", lambda r, node, path: r.condition(node, path, "if")),
    "max_time": _simple("max_time", fields.duration),
}


def finish_retry(r: Reading, found: Draft, node: Node, path: str) -> Retry:
    """The `Retry` of what was read and merged; exponential backoff unless said."""
    if "attempts" not in found:
        if not (node.is_mapping and "attempts" in node.items):
            fix = "write how many attempts there are, the first one counted, as attempts: 3"
            r.problem("TRD103", node, path, "'attempts' is missing", fix)
        found = {**found, "attempts": 1}
    if "backoff" not in found:
        found = {**found, "backoff": _usual_backoff(r, node, path)}
    return Retry(**found)


def _usual_backoff(r: Reading, node: Node, path: str) -> Settings[Any]:
    entry = r.registry.backoffs.get("exponential")
    if entry is None:
        message, fix = r.missing("backoff", "exponential")
        r.problem("TRD204", node, path, message, fix or "name a backoff")
        return standins.BACKOFF
    return Settings(entry, entry.config())


def _repeat(r: Reading, node: Node, path: str) -> Any:
    entries = r.mapping(node, path, "repeat")
    misspelt = {r.unknown(node, path, key, _REPEAT) for key in entries if key not in _REPEAT}
    if "until" not in entries:
        if node.is_mapping and "until" not in misspelt:
            r.problem(
                "TRD103", node, path, "'until' is missing", "write when to stop, as until: output.ready"
            )
        return BROKEN
    until = r.condition(entries["until"], join(path, "until"), "until")
    found: Draft = {"until": until}
    if "every" in entries:
        found["every"] = fields.duration(r, entries["every"], join(path, "every"), zero=True)
    if "times" in entries:
        found["times"] = fields.whole(r, entries["times"], join(path, "times"), 1)
    if until is BROKEN:
        return BROKEN
    known = {key: value for key, value in found.items() if value is not BROKEN}
    return Repeat(**({"times": 1} if len(known) < len(found) else {}) | known)


def read_strategy(r: Reading, node: Node, path: str) -> Settings[Any]:
    """The error strategy that ``on_error`` names; spoiled settings or a stand-in where it cannot be used."""
    found = read_named(r, node, path, "error strategy", r.registry.strategies, templates=True)
    return found or standins.STRATEGY


def _undo_after(r: Reading, node: Node, path: str) -> Any:
    if node.value in ("completed", "attempted"):
        return node.value
    return r.problem("TRD102", node, path, f"expected 'completed' or 'attempted', got {got(node)}")


STEP_KEYS: Mapping[str, Reader | None] = {
    "id": None,
    "name": _simple("title", fields.text),
    "needs": _needs,
    "when": _simple("when", _when),
    "deadline": _simple("deadline", fields.duration),
    "foreach": _simple("foreach", _foreach),
    "max_parallel": _simple("max_parallel", fields.bound),
    "on_error": _simple("on_error", read_strategy),
    "repeat": _simple("repeat", _repeat),
    "retry": _simple("retry", read_retry),
    "limit": _simple("limit", fields.identifier),
    "timeout": _simple("timeout", fields.duration),
    "undo": None,
    "undo_after": _simple("undo_after", _undo_after),
    "repeatable": _simple("repeatable", fields.boolean),
    "env": _simple("env", fields.environment),
    "labels": _simple("labels", fields.text_map),
    "uses": None,
    "with": None,
}
"""Every key of a step and its reader; those without one are read with the step as a whole."""
