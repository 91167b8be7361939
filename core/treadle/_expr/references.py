"""Which values an expression reads, so that a plan can be checked before it runs.

A chain such as ``steps.build.output['code']`` is one reference: a root, and the literal keys after it.
"""

from __future__ import annotations

import ast
from typing import Any

import attrs

from treadle._values import Value

CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
"""The names that are values by themselves."""


@attrs.frozen(eq=False, repr=False)
class Reference(Value):
    """One place where an expression reads something.

    Attributes:
      root: ``steps``, ``inputs``, …
      keys: the literal attributes and indexes after it, up to the first index that is none.
      guarded: it stands in the first value of ``default(…)``, so it may be absent.
      offset: of its root, in characters from the start of the text that was parsed.
      dynamic: an index that is not literal follows *keys*, as in ``steps[item].output``.
    """

    root: str
    keys: tuple[str | int, ...] = ()
    guarded: bool = False
    offset: int = 0
    dynamic: bool = False

    def __str__(self) -> str:
        after = (
            f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]" for key in self.keys
        )
        return self.root + "".join(after) + ("[…]" if self.dynamic else "")


Link = ast.Attribute | ast.Subscript


def unchained(node: ast.expr) -> tuple[ast.expr, list[Link]]:
    """What a chain of attributes and indexes starts from, and its links in the order they are followed."""
    links: list[Link] = []
    while isinstance(node, Link):
        links.append(node)
        node = node.value
    links.reverse()
    return node, links


def literal_key(link: Link) -> str | int | None:
    """The key a link follows, if the text says it; None if it is to be evaluated."""
    if isinstance(link, ast.Attribute):
        return link.attr
    match link.slice:
        case ast.Constant(value=str() | int() as key):
            return key
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as key)):
            return -key
    return None


def references(tree: ast.expr) -> list[tuple[ast.Name, Reference]]:
    """The references in *tree*, in the order of the text, with offsets left at 0."""
    found: list[tuple[ast.Name, Reference]] = []
    _collect(tree, guarded=False, found=found)
    found.sort(key=lambda pair: pair[0].col_offset)
    return found


def _collect(node: ast.expr, *, guarded: bool, found: list[tuple[ast.Name, Reference]]) -> None:
    base, links = unchained(node)
    if isinstance(base, ast.Name) and base.id not in CONSTANTS:
        found.append((base, _reference(base, links, guarded)))
    else:
        for child, child_guarded in _children(base, guarded):
            _collect(child, guarded=child_guarded, found=found)
    for link in links:
        if isinstance(link, ast.Subscript):
            _collect(link.slice, guarded=guarded, found=found)


def _reference(root: ast.Name, links: list[Link], guarded: bool) -> Reference:
    keys: list[str | int] = []
    for link in links:
        key = literal_key(link)
        if key is None:
            return Reference(root.id, tuple(keys), guarded, dynamic=True)
        keys.append(key)
    return Reference(root.id, tuple(keys), guarded)


def _children(node: ast.expr, guarded: bool) -> list[tuple[ast.expr, bool]]:
    """The parts of *node* that are evaluated, each with whether it is guarded; not the name of a function."""
    if isinstance(node, ast.Call):
        default = isinstance(node.func, ast.Name) and node.func.id == "default"
        return [(arg, guarded or (default and index == 0)) for index, arg in enumerate(node.args)]
    return [(child, guarded) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
