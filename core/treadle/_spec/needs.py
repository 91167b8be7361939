"""``needs`` in all its forms. Whether the ids exist is for the plan to say."""

from __future__ import annotations

from typing import get_args

from treadle._model import AtLeast, Need, NeedResult
from treadle._near import near_or_all
from treadle._spec import fields
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got

_RESULTS: tuple[str, ...] = get_args(NeedResult)


def read_needs(r: Reading, node: Node, path: str) -> tuple[tuple[Need, ...], AtLeast | None]:
    """The needs of a step: an id, ids, ids with results, or so many of some."""
    if node.is_mapping and ("at_least" in node.items or "of" in node.items):
        return (), _at_least(r, node, path)
    if node.is_mapping:
        return _with_results(r, node, path), None
    if not node.is_list and not node.is_text:
        fix = "write an id, a list of ids, or {id: result}"
        r.problem("TRD311", node, path, f"expected the steps to wait for, got {got(node)}", fix)
        return (), None
    return _ids(r, node, path), None


def _ids(r: Reading, node: Node, path: str) -> tuple[Need, ...]:
    named = fields.names(r, node, path, "an id")
    return tuple(Need(name, None, r.report.place(item.mark, path)) for name, item in named)


def _with_results(r: Reading, node: Node, path: str) -> tuple[Need, ...]:
    needs = []
    for name, item in node.items.items():
        at = join(path, name)
        if item.value not in _RESULTS:
            fix = near_or_all(item.value, _RESULTS) if item.is_text else f"write one of {', '.join(_RESULTS)}"
            r.problem("TRD311", item, at, f"a step cannot end as {got(item)}", fix)
        result = item.value if item.value in _RESULTS else None
        needs.append(Need(name, result, r.report.place(node.key_mark(name), at)))
    return tuple(needs)


def _at_least(r: Reading, node: Node, path: str) -> AtLeast | None:
    for key in node.items:
        if key not in ("at_least", "of"):
            fix = "leave it out; ids with results cannot be mixed with at_least"
            r.report.add("TRD311", node.key_mark(key), join(path, key), f"unknown key {key!r}", fix)
    for key, other in (("at_least", "of"), ("of", "at_least")):
        if key not in node.items:
            fix = "write needs: {at_least: 2, of: [a, b, c]}"
            r.problem("TRD103", node, path, f"{other!r} is given without {key!r}", fix)
            return None
    count_node = node.items["at_least"]
    count = fields.whole(r, count_node, join(path, "at_least"), 1)
    of = node.items["of"]
    ids = tuple(name for name, _ in fields.names(r, of, join(path, "of"), "an id"))
    if not ids:
        if of.items == []:
            r.problem("TRD104", of, join(path, "of"), "no steps are named", "write their ids, as [a, b, c]")
        return None
    if count is BROKEN:
        count = 1
    elif count > len(ids):
        said = f"at least {count} of {len(ids)} steps can never have completed"
        r.problem("TRD104", count_node, join(path, "at_least"), said, f"write at most {len(ids)}")
    return AtLeast(count, ids, r.report.place(node.mark, path))
