"""What the paths of a run mean in its spec, for the oracle: plain data, read with nothing of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BLOCKS = ("parallel", "sequence", "steps")


def cleaning(path: str) -> bool:
    parts = path.split(".")
    return parts[0] == "finally" or "undo" in parts


def without_round(path: str) -> str:
    head, _, last = path.rpartition(".")
    return f"{head}.{last.partition('#')[0]}" if head else last.partition("#")[0]


def ids_of(block: Any) -> list[str]:
    return list(block) if isinstance(block, Mapping) else [step["id"] for step in block]


def children_of(step: Mapping[str, Any]) -> Any:
    return next((step[key] for key in BLOCKS if key in step), None)


def step_in(block: Any, step_id: str) -> Mapping[str, Any] | None:
    if isinstance(block, Mapping):
        found: Mapping[str, Any] | None = block.get(step_id)
        return found
    return next((step for step in block or () if step["id"] == step_id), None)


def step_at(spec: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    """The step that *path* means; an element's is its foreach step."""
    if not path or cleaning(path):
        return None
    step: Mapping[str, Any] | None = {"steps": spec["steps"]}
    for part in path.split("."):
        if step is None:
            return None
        name = part.partition("#")[0]
        if not name.isdecimal():
            step = step_in(children_of(step), name)
    return step


def needs_of(spec: Mapping[str, Any], block: str, step_id: str) -> list[str]:
    """The ids a step needs in its block, all with the usual meaning."""
    if step_id.partition("#")[0].isdecimal():
        return []
    around = {"steps": spec["steps"]} if not block else step_at(spec, block)
    children = children_of(around or {})
    if isinstance(children, Mapping):
        return list(children[step_id].get("needs", ()))
    ids = ids_of(children)
    return [] if "parallel" in (around or {}) else ids[max(ids.index(step_id) - 1, 0) : ids.index(step_id)]


def is_element(path: str) -> bool:
    return path.rpartition(".")[2].partition("#")[0].isdecimal()


def works(spec: Mapping[str, Any], path: str) -> bool:
    """Whether the step at *path* does something itself; those that clean up do."""
    parts = path.split(".")
    if "undo" in parts or parts[0] == "finally":
        return True
    step = step_at(spec, path)
    if step is None or not any(kind in step for kind in ("act", "wait")):
        return False
    return "foreach" not in step or is_element(path)


def is_repeatable(spec: Mapping[str, Any], path: str) -> bool:
    """Whether an attempt at *path* that a crash interrupts may simply be made again."""
    if "undo" in (parts := path.split(".")):
        step = step_at(spec, ".".join(parts[: parts.index("undo")])) or {}
        again: bool = step["undo"].get("repeatable", True)
        return again
    step = step_in(spec["finally"], parts[1]) if parts[0] == "finally" else step_at(spec, path)
    return bool(step and step.get("repeatable", False))


def is_leaf(spec: Mapping[str, Any], path: str) -> bool:
    step = step_at(spec, path)
    if step is None or "act" not in step:
        return False
    return "foreach" not in step or is_element(path)


def seconds_of(text: str) -> float:
    return float(text.removesuffix("s"))
