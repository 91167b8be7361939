"""Where the values of a step's keys stand, for `StepSpec.places`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._kinds import calls
from treadle._places import Place
from treadle._spec.nodes import join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._spec.defaults import Defaults
    from treadle._spec.nodes import Node
    from treadle._spec.report import Report
    from treadle._spec.work import Work
    from treadle._spec.written import Written


def step_places(report: Report, one: Written, defaults: Defaults) -> dict[str, Place]:
    """Where each key's value stands; ``""`` is the step, ``env.NAME`` each variable.

    Texts with ``${{`` in a list or mapping under ``foreach`` have places of their own, as ``foreach[0]``.
    """
    file, path = report.file, one.path
    items = one.node.items
    if one.node.mark is None:
        places = {key: Place(f"{path}.{key}", file) for key in items}
    elif report.scattered:
        places = {key: report.place_of(item, f"{path}.{key}") for key, item in items.items()}
    else:
        places = {
            key: Place(
                f"{path}.{key}",
                file,
                item.mark.line + 1,
                item.mark.column + 1,
                report.text if item.items is None else None,
            )
            for key, item in items.items()
        }
    places[""] = report.place(one.place.mark, path)
    for prefix, env in (("defaults", defaults.written("env")), (path, items.get("env"))):
        if env is not None and env.is_mapping:
            for name, item in env.items.items():
                places[f"env.{name}"] = report.place_of(item, f"{prefix}.env.{name}")
    if "foreach" in items:
        places.update(places_within(report, items["foreach"], "foreach", f"{path}.foreach"))
    for key, inner in (("retry", "if"), ("retry", "on"), ("repeat", "until")):
        if key in items or (key == "retry" and defaults.retry):
            _inside(report, places, one, defaults, key, inner)
    return places


def places_within(report: Report, node: Node, key: str, path: str) -> Iterator[tuple[str, Place]]:
    """Where the texts with ``${{`` in the list or mapping *node* stand, by *key* and what follows it."""
    if not node.dynamic or node.items is None:
        return
    parts = node.items.items() if node.is_mapping else enumerate(node.items)
    for part, item in parts:
        inner, at = join(key, part), join(path, part)
        if item.items is not None:
            yield from places_within(report, item, inner, at)
        elif item.dynamic:
            yield inner, report.place_of(item, at)


def call_places(report: Report, work: Work) -> Iterator[tuple[str, Place]]:
    """Where a step that calls a workflow says so: ``with.inputs.NAME`` each value, with ``.key`` its key."""
    if work.type is None or not calls(work.type.config) or not work.node.is_mapping:
        return
    for key, node in work.node.items.items():
        path = join(work.path, key)
        yield f"with.{key}", report.place_of(node, path)
        for name, item in node.items.items() if node.is_mapping else ():
            yield f"with.{key}.{name}.key", report.place(node.key_mark(name), join(path, name))
            yield from _items(report, item, f"with.{key}.{name}", join(path, name))


def _items(report: Report, node: Node, key: str, path: str) -> Iterator[tuple[str, Place]]:
    yield key, report.place_of(node, path)
    for index, item in enumerate(node.items if node.is_list else ()):
        yield from _items(report, item, join(key, index), join(path, index))


def _inside(
    report: Report, places: dict[str, Place], one: Written, defaults: Defaults, key: str, inner: str
) -> None:
    """Where *inner* of *key* stands, and each item of it; its own before that of ``defaults``."""
    for prefix, node in (("defaults", defaults.written(key)), (one.path, one.node.items.get(key))):
        if node is not None and node.is_mapping and inner in node.items:
            path = f"{prefix}.{key}.{inner}"
            for hidden in [each for each in places if each.startswith(f"{key}.{inner}")]:
                del places[hidden]
            places.update(_items(report, node.items[inner], f"{key}.{inner}", path))
