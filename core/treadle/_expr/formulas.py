"""A condition as a formula over comparisons of names with constants, for those who compare conditions.

Rule: what is no such comparison is `UNKNOWN`; a formula with it still holds: that part may be anything.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr.chains import Path
from treadle._expr.narrowing import path_of
from treadle._expr.operators import OPERATORS
from treadle._expr.references import CONSTANTS
from treadle._expr.values import kind_of, same

if TYPE_CHECKING:
    from treadle._expr.expression import Expression


@attrs.frozen(eq=False)
class Test:
    """What is at *path* compared with *values*: with one, or with several for ``in``."""

    __test__ = False  # pytest takes it for a class of tests otherwise

    path: Path
    operator: str
    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool | None:
        """Whether it is true of *value*; None where the comparison fails."""
        if self.operator == "in":
            return any(same(value, each) for each in self.values)
        kinds = {kind_of(value), kind_of(self.values[0])}
        if len(kinds) > 1 or not kinds <= {"number", "text"}:
            return None
        return bool(_ORDERS[self.operator](value, self.values[0]))


@attrs.frozen(eq=False)
class Fixed:
    """Always true, or always false."""

    value: bool


@attrs.frozen(eq=False)
class Not:
    """True where *part* is false."""

    part: Formula


@attrs.frozen(eq=False)
class Several:
    """All of *parts*, or any of them."""

    parts: tuple[Formula, ...]
    all: bool


@attrs.frozen(eq=False)
class Unknown:
    """Nothing is known."""


Formula = Test | Fixed | Not | Several | Unknown

UNKNOWN = Unknown()
_ORDERS = {
    "<": OPERATORS[ast.Lt],
    "<=": OPERATORS[ast.LtE],
    ">": OPERATORS[ast.Gt],
    ">=": OPERATORS[ast.GtE],
}
_SYMBOLS: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NO_CONSTANT = object()


def formula(expression: Expression) -> Formula:
    """The formula of *expression*."""
    return _formula(expression._tree)


def _formula(node: ast.expr) -> Formula:
    if isinstance(node, ast.BoolOp):
        return Several(tuple(map(_formula, node.values)), all=isinstance(node.op, ast.And))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return Not(_formula(node.operand))
    if isinstance(node, ast.Compare):
        nodes = [node.left, *node.comparators]
        pairs = [_compared(op, *nodes[index : index + 2]) for index, op in enumerate(node.ops)]
        return pairs[0] if len(pairs) == 1 else Several(tuple(pairs), all=True)
    constant = _constant(node)
    if isinstance(constant, bool):
        return Fixed(constant)
    path = path_of(node)
    return Test(path, "in", (True,)) if path else UNKNOWN


def _compared(operator: ast.cmpop, left: ast.expr, right: ast.expr) -> Formula:
    if isinstance(operator, ast.NotEq):
        return Not(_compared(ast.Eq(), left, right))
    if isinstance(operator, ast.NotIn):
        return Not(_compared(ast.In(), left, right))
    if isinstance(operator, ast.In):
        path, values = path_of(left), _constants(right)
        return Test(path, "in", values) if path and values is not None else UNKNOWN
    symbol = _SYMBOLS.get(type(operator), "in")
    for one, other, written in ((left, right, symbol), (right, left, _MIRRORED.get(symbol, symbol))):
        path, constant = path_of(one), _constant(other)
        if path and constant is not _NO_CONSTANT:
            return Test(path, written, (constant,))
    return UNKNOWN


def _constant(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in CONSTANTS:
            return CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    return _NO_CONSTANT


def _constants(node: ast.expr) -> tuple[Any, ...] | None:
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    found = tuple(map(_constant, node.elts))
    return None if _NO_CONSTANT in found else found
