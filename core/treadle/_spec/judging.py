"""Keys of a step that do not go together, judged once all of them have been read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._settings.structure import fields_of
from treadle._spec.nodes import Node, join

if TYPE_CHECKING:
    from treadle._kinds import Block, StepType
    from treadle._spec.keys import Draft
    from treadle._spec.reading import Reading
    from treadle._spec.written import Written


def judge_form(r: Reading, node: Node, path: str, form: str, draft: Draft) -> None:
    """``id`` is for lists, ``needs`` for mappings; a step that is written alone, as an undo, has neither."""
    if form == "graph" or (form == "body" and "id" in node.items):
        graph, body = "a step of a mapping has its key for an id", f"{_alone(path)} has no id"
        _report(r, "TRD313", node, path, "id", graph if form == "graph" else body, "leave it out")
    if form != "graph" and "needs" in node.items:
        reasons = {
            "sequence": ("steps in a list run in order, so they have no needs", "write a mapping of steps"),
            "together": ("these steps all start at once, so they have no needs", "write a mapping of steps"),
            "body": (f"{_alone(path)} has no needs", "leave it out"),
        }
        _report(r, "TRD313", node, path, "needs", *reasons[form])
        draft["needs"], draft["at_least"] = (), None


def _alone(path: str) -> str:
    key = path.rpartition(".")[2]
    return f"the step of {'an' if key[0] in 'aeiou' else 'a'} {key}"


def judge_waiting(r: Reading, one: Written, entry: StepType[Any]) -> None:
    """A step type that waits, and has a setting for how long, takes no ``timeout`` of the engine's."""
    if "timeout" in one.node.items and entry.waits and "timeout" in fields_of(entry.config):
        said = f"{entry.name} has a timeout of its own, by the wall clock"
        fix = f"write it there: {entry.name}: {{timeout: …}}"
        _report(r, "TRD106", one.node, one.path, "timeout", said, fix)


def judge_keys(r: Reading, one: Written, draft: Draft, blocks: tuple[Block, ...] | None) -> None:
    """Keys that do not go together; *blocks* None are not known."""
    node, path = one.node, one.path
    endless = "repeat" in draft and draft["repeat"].times is None and "deadline" not in node.items
    if endless and draft.get("partial", frozenset()) <= node.items.keys():  # else a misspelt key could end it
        fix = "write times in it, or deadline beside it"
        _report(r, "TRD106", node, path, "repeat", "nothing ends this repeat", fix)
    if "max_parallel" in draft and "foreach" not in node.items and blocks is not None and len(blocks) != 1:
        fix = "add foreach, or leave it out"
        _report(r, "TRD106", node, path, "max_parallel", "there is nothing to bound here", fix)
    if "undo_after" in draft and "undo" not in node.items:
        _report(r, "TRD106", node, path, "undo_after", "'undo_after' is given without 'undo'", "add undo")
    if draft.get("undo") is not None and any("undo" in block.ids for block in blocks or ()):
        said = "the id 'undo' in this step is also the path of its own undo"
        _report(r, "TRD202", node, path, "undo", said, "rename the inner step")


def _report(r: Reading, code: str, node: Node, path: str, key: str, message: str, fix: str) -> None:
    r.report.add(code, node.key_mark(key), join(path, key), message, fix)
