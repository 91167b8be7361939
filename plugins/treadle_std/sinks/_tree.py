"""What is going on in some runs, as a tree that stays small however many steps there are.

Rule 1: a settled step keeps no children. Of a block's settled children the newest `KEPT` stay in the tree,
        the others are only counted.
Rule 2: `rows` walks no further than the rows it gives.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

import attrs

from treadle.events import ENDS, Event
from treadle_std.sinks._story import short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEPT = 5

_ROUND = re.compile(r"#\d+(?=\.)")

STATUS: Mapping[str, str] = {
    "step.started": "running",
    "step.expanded": "running",
    "step.retrying": "retrying",
    "step.waiting": "waiting",
    "step.unknown": "waiting",
    "step.resolved": "running",
    "step.completed": "completed",
    "step.failed": "failed",
    "step.tolerated": "tolerated",
    "step.skipped": "skipped",
    "step.omitted": "omitted",
    "step.cancelled": "cancelled",
    "step.undoing": "undoing",
    "step.undone": "undone",
    "step.undo_failed": "failed",
}
"""From event types to what a step is shown as."""

OPEN = frozenset({"running", "retrying", "waiting", "undoing"})


@attrs.define
class Node:
    """A run or a step.

    Attributes:
      since, until: seconds since 1970; *until* None while it is open.
      total: how many children there will be, where that is known.
      open: the children that have not settled, by name.
      recent: the newest settled ones, oldest first.
      gone: the other settled ones, by status.
      note: the newest log line, or how far a heartbeat says it is.
    """

    name: str
    status: str
    since: float
    until: float | None = None
    attempt: int = 1
    total: int | None = None
    note: str = ""
    open: dict[str, Node] = attrs.field(factory=dict)
    recent: dict[str, Node] = attrs.field(factory=dict)
    gone: Counter[str] = attrs.field(factory=Counter)

    @property
    def settled(self) -> int:
        """How many children have settled."""
        return len(self.recent) + self.gone.total()

    def settle(self, child: Node) -> None:
        """*child* is no longer open."""
        self.open.pop(child.name, None)
        self.recent[child.name] = child
        if len(self.recent) > KEPT:
            oldest = self.recent.pop(next(iter(self.recent)))
            self.gone[oldest.status] += 1

    def reopen(self, child: Node) -> None:
        """*child*, settled before, is open again: another round of a block, or it is being undone."""
        del self.recent[child.name]
        self.open[child.name] = child
        child.until = None


@attrs.frozen
class Row:
    """One line of the tree: a node, or a count of what is left out (then *node* is None)."""

    depth: int
    node: Node | None
    text: str = ""


class Tree:
    """The runs in progress; a run that has ended leaves with the next `take_ended`."""

    def __init__(self) -> None:
        self._runs: dict[str, Node] = {}
        self._ended: list[Node] = []
        self._waiting: set[tuple[str, str]] = set()

    @property
    def waiting(self) -> bool:
        """Whether a person is being asked."""
        return bool(self._waiting)

    def apply(self, event: Event) -> None:
        """Take in one event."""
        run = self._runs.get(event.run)
        if run is None:
            run = self._runs[event.run] = Node(short(event.workflow), "running", event.time)
        if event.step is not None:
            self._apply_to_step(run, event, event.step)
        elif event.type in ENDS:
            run.status, run.until = event.type.partition(".")[2], event.time
            self._ended.append(self._runs.pop(event.run))
            self._waiting = {key for key in self._waiting if key[0] != event.run}

    def _apply_to_step(self, run: Node, event: Event, step: str) -> None:
        key = (event.run, step)
        if event.type in ("step.waiting", "step.unknown") and event.data.get("for") not in (
            "signal",
            "workflow",
        ):
            self._waiting.add(key)
        else:
            self._waiting.discard(key)
        parent, name = _place(run, step)
        status = STATUS.get(event.type)
        node = parent.open.get(name) or parent.recent.get(name)
        if node is None:
            if status is None:
                return
            node = parent.open[name] = Node(name, status, event.time)
        _note(node, event)
        if status is not None:
            _become(parent, node, status, event.time)

    def take_ended(self) -> list[Node]:
        """The runs that have ended since the last time."""
        ended, self._ended = self._ended, []
        return ended

    def rows(self, at_most: int) -> list[Row]:
        """The tree from the top, open steps first; no more than *at_most* rows."""
        walk = itertools.chain.from_iterable(rows_of(node) for node in self._runs.values())
        return list(itertools.islice(walk, at_most))


def rows_of(node: Node, depth: int = 0) -> Iterator[Row]:
    """*node* and what is below it: what has settled, with the rest of it counted, then what is open."""
    yield Row(depth, node)
    if node.gone:
        yield Row(depth + 1, None, ", ".join(f"{n} more {status}" for status, n in node.gone.items()))
    for child in itertools.chain(node.recent.values(), node.open.values()):
        yield from rows_of(child, depth + 1)


def _place(run: Node, step: str) -> tuple[Node, str]:
    """The nearest open node above *step*, and the step's name below it."""
    *above, name = _ROUND.sub("", step).split(".")
    node = run
    for index, part in enumerate(above):
        below = node.open.get(part)
        if below is None:
            return node, ".".join((*above[index:], name))
        node = below
    return node, name


def _note(node: Node, event: Event) -> None:
    node.attempt = event.attempt or node.attempt
    if event.type == "step.log":
        node.note = short(event.data.get("message", ""))
    elif event.type == "step.heartbeat" and event.data.get("data") is not None:
        node.note = short(event.data["data"])
    elif event.type == "step.expanded":
        node.total = len(event.data.get("items") or ())


def _become(parent: Node, node: Node, status: str, now: float) -> None:
    node.status = status
    if status in OPEN:
        if node.until is not None:
            parent.reopen(node)
    elif node.until is None:
        node.until = now
        node.note = ""
        node.open.clear()
        node.recent.clear()
        node.gone.clear()
        parent.settle(node)
