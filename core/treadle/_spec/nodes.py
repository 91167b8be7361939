"""A document as a tree that remembers where everything stands.

Rule 1: `Node.value` is the plain data of the whole subtree; no pass makes it again.
Rule 2: `Node.dynamic` says whether any text in the subtree holds ``${{``; what holds none need not be walked.
Rule 3: aliases share nodes, so a node is never changed once it is complete.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import ClassVar

    from treadle._places import Scalars
    from treadle._spec.report import Mark

MAX_NODES = 2_000_000
MAX_ALIASED = 100_000
MAX_BYTES = 16 * 1024 * 1024

_DECEIVING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
"""Characters that change the direction of text around them."""


LOST = "\0"
"""Stands among `Node.keys` for what was refused when the document was read. No key can be it."""


class Node:
    """One value in a document.

    Attributes:
      value: its plain data.
      items: the nodes of a list in order, or of a mapping by key; None for a scalar.
      keys: where the keys of a mapping stand.
      mark: where it begins; None in generated documents.
      source: the text of an unquoted scalar as written (``1.10`` for the number 1.1).
      quoted: it is a scalar in quotes.
      dynamic: some text in it holds ``${{``.
    """

    __slots__ = ("dynamic", "items", "keys", "mark", "quoted", "source", "value")

    scalars: ClassVar[Scalars | None] = None  # what finds its characters, where that is not the document

    def __init__(
        self,
        value: Any,
        mark: Mark | None,
        items: Any = None,
        keys: dict[str, Mark | None] | None = None,
        source: str | None = None,
        quoted: bool = False,
        dynamic: bool = False,
    ) -> None:
        self.value = value
        self.mark = mark
        self.items = items
        self.keys = keys
        self.source = source
        self.quoted = quoted
        self.dynamic = dynamic

    @property
    def partial(self) -> bool:
        """Whether it is not all that was written: it, or a key of it, was refused, which is reported."""
        return self.keys is not None and LOST in self.keys

    def clipped(self) -> Node:
        """This node as one of which a part was refused."""
        keys = {**(self.keys or {}), LOST: self.mark}
        return Node(self.value, self.mark, self.items, keys, self.source, self.quoted, self.dynamic)

    @property
    def is_mapping(self) -> bool:
        return type(self.items) is dict

    @property
    def is_list(self) -> bool:
        return type(self.items) is list

    @property
    def is_text(self) -> bool:
        return type(self.value) is str

    def key_mark(self, key: str) -> Mark | None:
        """Where *key* of this mapping stands; where the mapping begins, if it has no such key."""
        return (self.keys or {}).get(key, self.mark)

    def at(self, path: tuple[str | int, ...]) -> Node:
        """The node at *path* below this one, or the last one on the way to it."""
        node = self
        for part in path:
            node = node.below(part) or node
        return node

    def below(self, part: str | int) -> Node | None:
        """The node of a key or an index of this one; None if it has no such part."""
        if self.is_list and isinstance(part, int):
            return self.items[part] if part < len(self.items) else None
        return self.items.get(part) if self.is_mapping else None


class WordNode(Node):
    """A word of a text that was split; *scalars* finds its characters, *mark* is that of the text."""

    __slots__ = ("scalars",)

    def __init__(self, word: str, mark: Mark | None, scalars: Scalars | None) -> None:
        super().__init__(word, mark, quoted=True, dynamic="${{" in word)
        self.scalars = scalars  # type: ignore[misc]


class ElsewhereNode(Node):
    """A node whose characters are of another file, or put together; *scalars* finds them."""

    __slots__ = ("scalars",)

    def __init__(self, *parts: Any, scalars: Scalars | None, **named: Any) -> None:
        super().__init__(*parts, **named)
        self.scalars = scalars  # type: ignore[misc]


def join(path: str, part: str | int) -> str:
    """*path* with one step more: ``steps.build``, ``steps[0]``."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if path else part


def deceiving(text: str) -> bool:
    """Whether *text* holds control or bidirectional characters, which have no place in a key or a name."""
    if text.isascii():
        return not text.isprintable()
    return any(c in _DECEIVING or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)
