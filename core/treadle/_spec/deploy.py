"""The deployment file ``treadle.yaml``.

Rule: the same reader and the same quality of problems as for specs; expressions have no place in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle._deployment import Deployment, Limits
from treadle._spec import fields
from treadle._spec.data import read_data
from treadle._spec.lower import read_settings
from treadle._spec.nodes import Node, join
from treadle._spec.plugins import read_plugin
from treadle._spec.reading import BROKEN, Plugins, Reading, got
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml
from treadle.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from treadle._settings import Settings
    from treadle.errors import Problem

FILE_NAME = "treadle.yaml"

_LATER = ("retention", "devices", "server", "worker")
_LATER_STORES = ("sqlite", "postgres")


def find_deployment(start: Path) -> Path | None:
    """The deployment file of *start* or the nearest folder above it; None if there is none."""
    start = start.resolve()
    candidates = (folder / FILE_NAME for folder in (start, *start.parents))
    return next((path for path in candidates if path.is_file()), None)


def load_deployment(
    text: str | bytes, *, name: str, registry: Plugins
) -> tuple[Deployment | None, list[Problem]]:
    """The deployment in *text*, which is called *name*; None where there are problems."""
    report = Report(name)
    root = read_yaml(text, report)
    deployment = None if root is None else _read(Reading(report, registry), root)
    problems = report.in_order()
    return (None if problems else deployment), problems


def sinks_from_data(uses: Any, *, registry: Plugins) -> tuple[Settings[Any], ...]:
    """Sinks as ``sinks`` of a deployment file names them, given as plain data. Raises SpecError."""
    report = Report(None)
    root = read_data(uses, report)
    found = {} if root is None else _READERS["sinks"](Reading(report, registry), root, "sinks")
    if problems := report.in_order():
        raise SpecError(problems)
    return tuple(found["sinks"])


def _read(r: Reading, root: Node) -> Deployment | None:
    if not root.is_mapping:
        r.problem(
            "TRD701",
            root,
            "",
            f"a deployment file is a mapping, got {got(root)}",
            "write limits: and the like",
        )
        return None
    found: dict[str, Any] = {}
    for key, node in root.items.items():
        if key in _LATER:
            r.report.later(root.key_mark(key), key, repr(key))
        elif key in _READERS:
            found.update(_READERS[key](r, node, key))
        else:
            r.unknown(root, "", key, _READERS, "TRD701")
    return None if r.report.problems else Deployment(**found)


@attrs.frozen
class _LimitsEntry:
    """Lets the settings of plugins be read for something that is none."""

    name: str = "limits"
    config: type[Limits] = Limits
    main: str | None = None


def _limits(r: Reading, node: Node, path: str) -> dict[str, Any]:
    settings = read_settings(r, _LimitsEntry(), node, path, templates=False)
    return {} if settings is None else {"limits": settings.constant}


def _limiters(r: Reading, node: Node, path: str) -> dict[str, Any]:
    found = {}
    for name, item in r.mapping(node, path, "limiters").items():
        wrong = fields.wrong_id(name)
        if wrong:
            r.report.add("TRD201", node.key_mark(name), join(path, name), *wrong)
        found[name] = fields.whole(r, item, join(path, name), 1)
    return {"limiters": found}


def _uses(kind: str, attribute: str) -> Callable[[Reading, Node, str], dict[str, Any]]:
    """A reader for a list of plugins of one kind."""

    def read(r: Reading, node: Node, path: str) -> dict[str, Any]:
        if not node.is_list:
            r.problem("TRD701", node, path, f"expected a list, got {got(node)}", "write - before each entry")
            return {}
        entries = getattr(r.registry, attribute)
        found: list[Settings[Any] | None] = [
            read_plugin(r, item, join(path, index), kind, entries, code="TRD702")
            for index, item in enumerate(node.items)
        ]
        return {path: tuple(one for one in found if one is not None)}

    return read


def _plugins(r: Reading, node: Node, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in r.mapping(node, path, "plugins").items():
        if key in ("disable", "require"):
            found[key] = _texts(r, item, join(path, key))
        else:
            r.unknown(node, path, key, ("disable", "require"), "TRD701")
    return found


def _workflows(r: Reading, node: Node, path: str) -> dict[str, Any]:
    return {path: _texts(r, node, path)}


def _texts(r: Reading, node: Node, path: str) -> tuple[str, ...]:
    """A list of texts."""
    if not node.is_list:
        r.problem("TRD701", node, path, f"expected a list, got {got(node)}", "write - before each entry")
        return ()
    found = [fields.text(r, item, join(path, index)) for index, item in enumerate(node.items)]
    return tuple(one for one in found if one is not BROKEN)


def _store(r: Reading, node: Node, path: str) -> dict[str, Any]:
    name = node.value if node.is_text else next(iter(node.items), None) if node.is_mapping else None
    if isinstance(name, str) and name.partition(":")[0] in _LATER_STORES:
        r.report.later(node.mark, path, f"the store {name.partition(':')[0]!r}")
    elif node.value != "memory":
        r.problem("TRD701", node, path, f"there is no store {got(node)}", "write store: memory")
    return {}


_READERS: dict[str, Callable[[Reading, Node, str], dict[str, Any]]] = {
    "store": _store,
    "sinks": _uses("sink", "sinks"),
    "workflows": _workflows,
    "limits": _limits,
    "limiters": _limiters,
    "secrets": _uses("secret provider", "secret_providers"),
    "plugins": _plugins,
}
