"""How much a tree of nodes is, where templates share its parts: counted as if each were written out.

Rule: each node is looked at once, however often it is shared, so that what grows without end is seen at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from treadle._spec.nodes import Node


class Measure(NamedTuple):
    """So many nodes, and so many levels of lists and mappings."""

    nodes: int
    levels: int


class Measures:
    """The measures of nodes, remembered with the nodes, so that their ids stay theirs."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Node, Measure]] = {}

    def of(self, node: Node) -> Measure:
        """That of *node* with all below it; trees are bounded in depth when they are read."""
        if node.items is None:
            return Measure(1, 0)
        known = self._known.get(id(node))
        if known is not None:
            return known[1]
        nodes, levels = 1, 0
        for item in node.items.values() if node.is_mapping else node.items:
            below = self.of(item)
            nodes += below.nodes
            levels = max(levels, below.levels)
        found = Measure(nodes, levels + 1)
        self._known[id(node)] = node, found
        return found
