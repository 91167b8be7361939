"""Expressions written into expressions, as a template's parameters are replaced by what they are given.

Rule: what is replaced is a part of the parsed tree; text in quotes that looks like it stays.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle._expr.references import literal_key, unchained
from treadle._expr.syntax import offset_of
from treadle._expr.values import scalar_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from treadle._expr.expression import Expression
    from treadle._expr.references import Link


class Use(NamedTuple):
    """One place where an expression reads something of a root name.

    Attributes:
      key: the first key after the root; None if there is none, or none that is literal text.
      start, end: the root with that key, in characters of the expression's source.
      keys: the literal keys after it.
      chain_end: where the last of them ends.
    """

    key: str | None
    start: int
    end: int
    keys: tuple[str | int, ...]
    chain_end: int


def uses_of(expression: Expression, root: str) -> list[Use]:
    """Where *expression* reads something of *root*, in the order of the text."""
    if not any(reference.root == root for reference in expression.references):
        return []
    found = [_use(expression.source, links) for links in _chains(expression._tree, root)]
    return sorted(found, key=lambda use: use.start)


def _chains(node: ast.expr, root: str) -> Iterator[tuple[ast.Name, list[Link]]]:
    """The names *root* that are evaluated in *node*, with the links after them."""
    waiting = [node]
    while waiting:
        base, links = unchained(waiting.pop())
        waiting += [link.slice for link in links if isinstance(link, ast.Subscript)]
        if not isinstance(base, ast.Name):
            parts = base.args if isinstance(base, ast.Call) else ast.iter_child_nodes(base)
            waiting += [part for part in parts if isinstance(part, ast.expr)]
        elif base.id == root:
            yield base, links


def _use(source: str, chain: tuple[ast.Name, list[Link]]) -> Use:
    base, links = chain
    key = literal_key(links[0]) if links else None
    start = offset_of(source, base)
    if not isinstance(key, str):
        end = _end_of(source, base)
        return Use(None, start, end, (), end)
    keys: list[str | int] = []
    last: ast.expr = links[0]
    for link in links[1:]:
        inner = literal_key(link)
        if inner is None:
            break
        keys.append(inner)
        last = link
    return Use(key, start, _end_of(source, links[0]), tuple(keys), _end_of(source, last))


def _end_of(source: str, node: ast.expr) -> int:
    return len(source.encode()[: node.end_col_offset].decode())


def spliced(
    expression: Expression, uses: list[Use], put: Callable[[Use], str]
) -> Iterator[tuple[str, int, bool]]:
    """The source of *expression* with what *put* gives in the place of each of *uses*.

    Part by part: its text, where it begins in the source, or is read there, and whether it was put in.
    """
    at = 0
    for use in uses:
        yield expression.source[at : use.start], at, False
        yield put(use), use.start, True
        at = use.end
    yield expression.source[at:], at, False


def literal(value: Any) -> str:
    """A scalar of plain data as an expression that gives it."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return repr(value)
    text = scalar_text(value)
    return f"({text})" if text.startswith("-") else text
