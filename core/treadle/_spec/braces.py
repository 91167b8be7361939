"""Text with ``{{ inputs.x }}`` in it, where ``${{ inputs.x }}`` was meant most likely.

Rule 1: braces are the language of others too, so only what names something of this very spec is told of.
Rule 2: warnings, so that whoever writes for another program can turn them off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from treadle._spec.nodes import join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._places import Place
    from treadle._spec.nodes import Node
    from treadle._spec.report import Report
    from treadle.errors import Problem

_NAME = r"(?P<own>inputs|vars|steps|secrets|env|run)\.(?P<name>[A-Za-z_]\w*)|(?:item|index)\b"
_BRACES = rf"(?<!\$)\{{\{{\s*(?:{_NAME})[^{{}}]*\}}\}}"
_RUN = frozenset({"id", "workflow", "correlation_id", "started_at", "status", "error", "labels"})
_EVALUATED = ("vars", "env", "steps", "finally", "outputs")


def forgotten_signs(root: Node, report: Report) -> Iterator[Problem]:
    """A warning for each text of the document *root* that seems to lack its ``$``."""
    if not root.is_mapping:
        return
    declared = _declared(root)
    for key in _EVALUATED:
        if key in root.items:
            yield from _within(root.items[key], key, declared, report, repeated=False)


def _declared(root: Node) -> dict[str, frozenset[str]]:
    """What there is of each root, by name."""
    found = {key: _keys(root.items.get(key)) for key in ("inputs", "vars", "env")}
    secrets = root.items.get("secrets")
    names = secrets.value if secrets is not None and secrets.is_list else ()
    found["secrets"] = frozenset(each for each in names if isinstance(each, str))
    found["steps"] = frozenset(_ids(root.value.get("steps")))
    found["run"] = _RUN
    return found


def _keys(node: Node | None) -> frozenset[str]:
    return frozenset(node.items) if node is not None and node.is_mapping else frozenset()


def _ids(value: Any) -> Iterator[str]:
    """All keys and ids below *value*: the ids of steps are among them."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield from value
            if isinstance(value.get("id"), str):
                yield value["id"]
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _within(
    node: Node, path: str, declared: dict[str, frozenset[str]], report: Report, *, repeated: bool
) -> Iterator[Problem]:
    """Of *node* and all below it; *repeated* says whether it is done for each ``item`` of something."""
    if node.is_mapping:
        repeated = repeated or "foreach" in node.items
        for key, item in node.items.items():
            yield from _within(item, join(path, key), declared, report, repeated=repeated)
    elif node.is_list:
        for index, item in enumerate(node.items):
            yield from _within(item, join(path, index), declared, report, repeated=repeated)
    elif node.is_text and "{{" in node.value:
        for found in re.finditer(_BRACES, node.value):
            if repeated if found["own"] is None else found["name"] in declared[found["own"]]:
                yield _warning(report.place_of(node, path).inside(found.start()), found[0])


def _warning(place: Place, written: str) -> Problem:
    said = f"{written} stays as it is: an expression begins with a dollar sign"
    off = "if another program reads it, turn TRD906 off (--off, or `warnings` in treadle.yaml)"
    fix = f"write ${written}, or in a script take it from `env`; {off}"
    return place.problem("TRD906", said, fix, severity="warning")
