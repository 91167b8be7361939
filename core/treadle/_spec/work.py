"""The one plugin of a step: found among its keys, with its settings.

Rule: a step has exactly one. A name that the language knows but this version does not is one, and refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from treadle._near import did_you_mean, near_or_all
from treadle._spec.keys import STEP_KEYS
from treadle._spec.nodes import Node, join
from treadle._spec.reading import Reading, got

if TYPE_CHECKING:
    from collections.abc import Iterable

    from treadle._kinds import StepType

LATER_KEYS = frozenset({"breakpoint"})
TEMPLATE = "template"
"""What a step uses a template by; none is left when the steps are read, but for those that are unknown."""


class Work(NamedTuple):
    """A step's plugin: *type* None where it cannot be used, which is reported."""

    name: str
    type: StepType[Any] | None
    node: Node
    path: str


@attrs.define(eq=False, repr=False)
class Named:
    """What the keys of a step name: plugins, and keys that mean nothing."""

    work: list[Work]
    unknown: list[str]


def is_body(r: Reading, node: Node) -> bool:
    """Whether a mapping under ``undo`` is one step, not a graph of them."""
    known = r.registry.step_types
    return any(
        key in ("uses", TEMPLATE) or key in known or ("step type", key) in r.registry.clashes
        for key in node.items
    )


def other_key(r: Reading, node: Node, key: str, path: str, named: Named) -> None:
    """One key of a step that the engine does not have."""
    item = node.items[key]
    found = r.registry.step_types.get(key)
    if found is not None:
        named.work.append(Work(key, found, item, join(path, key)))
    elif ("step type", key) in r.registry.clashes:
        _absent(r, node, key, path)
        named.work.append(Work(key, None, item, path))
    elif key == TEMPLATE:
        if not r.expanded:
            r.problem("TRD341", item, join(path, key), *unknown_template(_template_name(item), ()))
        named.work.append(Work(key, None, item, path))
    elif key in LATER_KEYS:
        r.report.later(node.key_mark(key), join(path, key), f"{key!r}")
    elif not key.startswith("x-"):
        named.unknown.append(key)


def unknown_template(name: str, known: Iterable[str]) -> tuple[str, str]:
    """That there is no template *name*, and what to do."""
    fix = near_or_all(name, known) or "declare it under templates, or import a file that does"
    return f"there is no template {name!r}", fix


def _template_name(node: Node) -> str:
    name = node.below("name") or node
    return name.value if name.is_text else ""


def the_work(r: Reading, node: Node, place: Node, path: str, named: Named) -> Work | None:
    """The one plugin among what was named; None, with problems, if there is none or more."""
    if "uses" in node.items:
        used = _used(r, node, path)
        if used is not None:
            named.work.insert(0, used)
    elif "with" in node.items:
        fix = "write uses: NAME beside it"
        r.problem("TRD106", node.items["with"], join(path, "with"), "'with' is given without 'uses'", fix)
    _report_unknown(r, node, path, named)
    if len(named.work) == 1:
        return named.work[0]
    if named.work:
        names = " and ".join(work.name for work in named.work)
        r.problem(
            "TRD203", place, path, f"the step has {len(named.work)} plugins: {names}", "write a step for each"
        )
    elif not named.unknown and "uses" not in node.items and not node.partial:
        keys = ", ".join(node.items)
        has = f"it has only {keys}" if keys else "it is empty"
        r.problem(
            "TRD203", place, path, f"the step has no plugin: {has}", "add its work, as command: make test"
        )
    return None


def _report_unknown(r: Reading, node: Node, path: str, named: Named) -> None:
    """Keys that mean nothing: a plugin that is not there, if there is no other; otherwise a wrong key."""
    known = [*STEP_KEYS, *r.registry.step_types]
    for key in named.unknown:
        near = did_you_mean(key, known)
        if named.work or len(named.unknown) > 1 or "uses" in node.items or near:
            fix = near or near_or_all(key, STEP_KEYS)
            r.report.add("TRD101", node.key_mark(key), join(path, key), f"unknown key {key!r}", fix)
        elif _holds_a_step(r, node.items[key]):
            said = f"{key!r} stands where a step's work does, and holds a step itself"
            fix = f"take the dash away, or write - id: {key} and the rest below it"
            r.report.add("TRD204", node.key_mark(key), join(path, key), said, fix)
        else:
            _absent(r, node, key, path)


def _holds_a_step(r: Reading, item: Node) -> bool:
    """Whether a key that means nothing is an id, with a step below it."""
    return item.is_mapping and any(key in r.registry.step_types for key in item.items)


def _used(r: Reading, node: Node, path: str) -> Work | None:
    """``uses: NAME`` with ``with: {…}``."""
    item, at = node.items["uses"], join(path, "uses")
    if not item.is_text:
        r.problem(
            "TRD102", item, at, f"expected the name of a step type, got {got(item)}", "write it as text"
        )
        return None
    settings = node.items.get("with") or Node(None, item.mark)
    found = r.registry.step_types.get(item.value)
    if found is None and item.value == TEMPLATE:
        if not r.expanded:
            r.problem("TRD341", settings, join(path, "with"), *unknown_template(_template_name(settings), ()))
    elif found is None:
        r.problem("TRD204", item, at, *r.missing("step type", item.value))
    return Work(item.value, found, settings, join(path, "with") if "with" in node.items else at)


def _absent(r: Reading, node: Node, key: str, path: str) -> None:
    r.report.add("TRD204", node.key_mark(key), join(path, key), *r.missing("step type", key))
