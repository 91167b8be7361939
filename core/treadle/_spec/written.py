"""The steps of a block as they are written, with their ids, before any of them is read.

Rule: nothing of a step is judged here but its id, so that all ids of a block are known to each of its steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from treadle._spec.fields import identifier, wrong_id
from treadle._spec.keys import STEP_KEYS
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got
from treadle._spec.work import TEMPLATE

if TYPE_CHECKING:
    from treadle._kinds import BlockForm

_MAX_STEPS = 100_000


class Written(NamedTuple):
    """A step of a block before it is read: its id, where that stands, its node, and its document path."""

    id: str
    place: Node
    node: Node
    path: str
    made_up: bool


def form_of(r: Reading, node: Node, path: str, form: BlockForm) -> str | None:
    """How the block at *node* runs; None, with a problem, if it is no block."""
    code, said, fix = "", "", ""
    if node.is_mapping and not form.mapping:
        code, said = "TRD102", "expected a list of steps, got a mapping"
        fix = "write - before each step, or parallel for a graph"
    elif node.items is None:
        code, said = "TRD102", f"expected steps, got {got(node)}"
        fix = "write a mapping of ids to steps, or a list of steps"
    elif not node.items or (node.is_mapping and all(key.startswith("x-") for key in node.items)):
        code, said, fix = "TRD107", "there are no steps", "write at least one"
    elif len(node.items) > _MAX_STEPS:
        code, said, fix = "TRD004", f"there are more than {_MAX_STEPS:,} steps", "split the workflow"
    if code:
        r.problem(code, node, path, said, fix)
        return None
    return "graph" if node.is_mapping else form.list_means


def steps_in(r: Reading, node: Node, path: str, graph: bool) -> list[Written]:
    """The steps of a block with their ids, before any is read."""
    if graph:
        return [
            _of_mapping(r, node, key, item, join(path, key))
            for key, item in node.items.items()
            if not key.startswith("x-")
        ]
    return [_of_list(r, item, join(path, index), index + 1) for index, item in enumerate(node.items)]


def _of_mapping(r: Reading, node: Node, key: str, item: Node, path: str) -> Written:
    place = Node(key, node.key_mark(key))
    wrong = wrong_id(key)
    if wrong:
        r.problem("TRD201", place, path, *wrong)
        r.refused.add(key)
    return Written(key, place, item, path, made_up=False)


def _of_list(r: Reading, node: Node, path: str, number: int) -> Written:
    if node.is_mapping and "id" in node.items:
        place = node.items["id"]
        known = identifier(r, place, join(path, "id")) is not BROKEN
        if known or place.is_text:
            if not known:
                r.refused.add(place.value)
            return Written(place.value, place, node, path, made_up=False)
    return Written(made_up_id(node, number), node, node, path, made_up=True)


def made_up_id(node: Node, number: int) -> str:
    """The id of the list step *node*, by its position from 1, where it is given none."""
    return f"{_type_name(node)}_{number}"


def _type_name(node: Node) -> str:
    """What the made-up id of a list step begins with: its plugin, ``_`` for dots."""
    if not node.is_mapping:
        return "step"
    if "uses" in node.items:
        name = node.items["uses"].value
    else:
        name = next((key for key in node.items if key not in STEP_KEYS and not key.startswith("x-")), None)
    if name == TEMPLATE:
        return "steps"  # which it becomes
    return name.replace(".", "_") if isinstance(name, str) and name else "step"
