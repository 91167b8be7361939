"""Plain data made by a program, as the same tree that text gives, without positions.

Rule: a tree from data has passed everything that a tree from text has: limits, kinds and keys.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from treadle._model import MAX_DEPTH
from treadle._spec.nodes import LOST, MAX_NODES, Node, deceiving, join

if TYPE_CHECKING:
    from treadle._spec.report import Report


class _Stop(Exception):
    """The data is too much; the problem is reported."""


def read_data(data: Any, report: Report) -> Node | None:
    """The tree of *data*, which is not kept; None where it cannot be read, with problems in *report*."""
    try:
        return _Reader(report).node(data, "", 0)
    except _Stop:
        return None


class _Reader:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.count = 0
        self.above: set[int] = set()

    def fail(self, path: str, message: str, fix: str) -> None:
        self.report.add("TRD004", None, path, message, fix)
        raise _Stop

    def node(self, value: Any, path: str, depth: int) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            self.fail(path, f"there are more than {MAX_NODES:,} values", "split the document")
        if isinstance(value, Mapping) or type(value) in (list, tuple):
            return self.collection(value, path, depth)
        return self.scalar(value, path)

    def collection(self, value: Any, path: str, depth: int) -> Node:
        if id(value) in self.above:
            self.fail(path, "this value contains itself", "write it out")
        if depth >= MAX_DEPTH:
            self.fail(path, f"the document is nested more than {MAX_DEPTH} deep", "make it flatter")
        self.above.add(id(value))
        node = (
            self.mapping(value, path, depth) if isinstance(value, Mapping) else self.list(value, path, depth)
        )
        self.above.discard(id(value))
        return node

    def mapping(self, value: Mapping[Any, Any], path: str, depth: int) -> Node:
        items = {
            str(key): self.node(item, join(path, str(key)), depth + 1)
            for key, item in value.items()
            if self.good_key(key, path)
        }
        plain = {key: item.value for key, item in items.items()}
        dynamic = any(item.dynamic for item in items.values())
        lost = (LOST,) if len(items) < len(value) else ()
        return Node(plain, None, items, dict.fromkeys((*items, *lost)), dynamic=dynamic)

    def list(self, value: Any, path: str, depth: int) -> Node:
        items = [self.node(item, join(path, index), depth + 1) for index, item in enumerate(value)]
        return Node([item.value for item in items], None, items, dynamic=any(item.dynamic for item in items))

    def good_key(self, key: Any, path: str) -> bool:
        if not isinstance(key, str):
            self.report.add("TRD009", None, path, f"the key {key!r} is not text", "use text for keys")
        elif not _encodable(key) or deceiving(key):
            said = f"the key {key!r} holds control or bidirectional characters"
            self.report.add("TRD009", None, path, said, "remove them")
        else:
            return True
        return False

    def scalar(self, value: Any, path: str) -> Node:
        if value is None or isinstance(value, bool):
            return Node(value, None)
        if isinstance(value, str):
            return self.text(str.__str__(value), path)
        if isinstance(value, int) and -(2**63) <= value < 2**64:
            return Node(int(value), None)
        if isinstance(value, float) and math.isfinite(value):
            return Node(float(value), None)
        said = (
            f"{value!r}"[:60] if isinstance(value, int | float) else f"a value of type {type(value).__name__}"
        )
        message = f"{said} is no plain data"
        self.report.add(
            "TRD010", None, path, message, "use mappings, lists, text, finite numbers, booleans and None"
        )
        return Node(None, None).clipped()

    def text(self, value: str, path: str) -> Node:
        if not _encodable(value):
            self.report.add("TRD001", None, path, "the text holds half of a surrogate pair", "remove it")
            return Node("", None).clipped()
        return Node(value, None, quoted=True, dynamic="${{" in value)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeError:
        return False
    return True
