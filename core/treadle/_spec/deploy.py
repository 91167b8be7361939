"""The deployment file ``treadle.yaml``.

Rule: the same reader and the same quality of problems as for specs; expressions have no place in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle._deployment import Deployment, Limits, Retention
from treadle._near import did_you_mean
from treadle._plan import CODES as OF_PLANS
from treadle._spec import fields
from treadle._spec.codes import CODES, not_to_be_off
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

    from treadle._places import Place
    from treadle._settings import Settings
    from treadle.errors import Problem

MEMORY = "memory"

_LATER = ("devices", "server", "worker")


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


def store_from_data(use: Any, *, registry: Plugins) -> Settings[Any]:
    """A store as ``store`` of a deployment file names it, given as plain data. Raises SpecError."""
    report = Report(None)
    root = read_data(use, report)
    found = (
        None
        if root is None
        else read_plugin(Reading(report, registry), root, "store", "store", registry.stores, code="TRD702")
    )
    problems = report.in_order()
    if problems or found is None:
        raise SpecError(problems)
    return found


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
            r.unknown(root, "", key, _READERS)
    return None if r.report.problems else Deployment(**found, places=_places(r, root))


def _places(r: Reading, root: Node) -> dict[str, Place]:
    """Where each value stands that a key of the file, or one below it, is given."""
    found: dict[str, Place] = {}
    for key, node in root.items.items():
        found[key] = r.report.place_of(node, key)
        for name, item in node.items.items() if node.is_mapping else ():
            found[join(key, name)] = r.report.place_of(item, join(key, name))
    return found


@attrs.frozen
class _Entry:
    """Lets the settings of plugins be read for something that is none."""

    name: str
    config: type[Any]
    main: str | None = None


def _settings(config: type[Any]) -> Callable[[Reading, Node, str], dict[str, Any]]:
    """A reader for a mapping of settings."""

    def read(r: Reading, node: Node, path: str) -> dict[str, Any]:
        settings = read_settings(r, _Entry(path, config), node, path, templates=False)
        return {} if settings is None else {path: settings.constant}

    return read


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
            r.unknown(node, path, key, ("disable", "require"))
        if key == "disable":
            _judge_disabled(r, item, join(path, key))
    return found


def _judge_disabled(r: Reading, node: Node, path: str) -> None:
    """What is disabled is the name of an entry point or of a distribution: one that is there."""
    there = {name for each in r.registry.plugins for name in (each.name, each.distribution) if name}
    for index, item in enumerate(node.items if node.is_list else ()):
        if item.is_text and item.value not in there:
            offering = [
                each.name for each in r.registry.plugins if item.value in (name for _, name in each.offers)
            ]
            fix = did_you_mean(item.value, there) or "leave it out; `treadle plugins` lists what is installed"
            if offering:
                fix = f"write {min(offering)}, which offers it"
            said = f"the plugin {item.value!r} is not installed here, so it cannot be disabled"
            r.problem("TRD702", item, join(path, index), said, fix)


def _warnings(r: Reading, node: Node, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in r.mapping(node, path, "warnings").items():
        if key == "off":
            found[key] = frozenset(_texts(r, item, join(path, key)))
            _judge_codes(r, item, join(path, key))
        else:
            r.unknown(node, path, key, ("off",))
    return found


def _judge_codes(r: Reading, node: Node, path: str) -> None:
    known = {**CODES, **OF_PLANS}
    for index, item in enumerate(node.items if node.is_list else ()):
        if item.is_text and (wrong := not_to_be_off(item.value, known)):
            r.problem("TRD701", item, join(path, index), *wrong)


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
    if node.value == MEMORY:
        return {path: MEMORY}
    name, colon, main = node.value.partition(":") if node.is_text else ("", "", "")
    if colon and name in r.registry.stores:  # as Python and other programs write it
        r.problem("TRD701", node, path, f"{node.value!r} is no name", f"write {{{name}: {main.strip()}}}")
        return {}
    found = read_plugin(r, node, path, "store", r.registry.stores, code="TRD702")
    return {} if found is None else {path: found}


_READERS: dict[str, Callable[[Reading, Node, str], dict[str, Any]]] = {
    "store": _store,
    "sinks": _uses("sink", "sinks"),
    "workflows": _workflows,
    "limits": _settings(Limits),
    "retention": _settings(Retention),
    "limiters": _limiters,
    "secrets": _uses("secret provider", "secret_providers"),
    "plugins": _plugins,
    "warnings": _warnings,
}
