"""Where the values of a step's keys stand, for `StepSpec.places`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._places import Place

if TYPE_CHECKING:
    from treadle._spec.defaults import Defaults
    from treadle._spec.report import Report
    from treadle._spec.written import Written


def step_places(report: Report, one: Written, defaults: Defaults) -> dict[str, Place]:
    """Where each key's value stands; ``""`` is the step, and ``env.NAME`` each variable."""
    file, path = report.file, one.path
    items = one.node.items
    if one.node.mark is None:
        places = {key: Place(f"{path}.{key}", file) for key in items}
    else:
        places = {
            key: Place(f"{path}.{key}", file, item.mark.line + 1, item.mark.column + 1)
            for key, item in items.items()
        }
    places[""] = report.place(one.place.mark, path)
    for prefix, env in (("defaults", defaults.written("env")), (path, items.get("env"))):
        if env is not None and env.is_mapping:
            for name, item in env.items.items():
                places[f"env.{name}"] = report.place(item.mark, f"{prefix}.env.{name}")
    for key, inner in (("retry", "if"), ("repeat", "until")):
        if key in items or (key == "retry" and defaults.retry):
            _inside(report, places, one, defaults, key, inner)
    return places


def _inside(
    report: Report, places: dict[str, Place], one: Written, defaults: Defaults, key: str, inner: str
) -> None:
    """Where the expression *inner* of *key* stands; its own before that of ``defaults``."""
    for prefix, node in (("defaults", defaults.written(key)), (one.path, one.node.items.get(key))):
        if node is not None and node.is_mapping and inner in node.items:
            path = f"{prefix}.{key}.{inner}"
            places[f"{key}.{inner}"] = report.place(node.items[inner].mark, path)
