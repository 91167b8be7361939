"""The operators of expressions, as the table that the evaluator is given.

Rule 1: an operator takes the kinds its row says and nothing else; there is no coercion but integer to float.
Rule 2: integers stay within 64 bits and floats finite; what leaves them is an error, not another type.
Rule 3: this is one of two tables that say which operators exist; `syntax` refuses the others when
  the spec is loaded, with a hint, so that a run never meets them.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from treadle._expr.errors import Unusable
from treadle._expr.values import a_kind, bounded_number, identity, kind_of, same, short_enough, text_key

Operator = Callable[..., Any]


def add(left: Any, right: Any) -> Any:
    """``+``: adds numbers, joins texts."""
    kinds = kind_of(left), kind_of(right)
    if kinds == ("number", "number"):
        return bounded_number(left + right)
    if kinds != ("text", "text"):
        hint = "; string(…) makes text of a number" if set(kinds) == {"text", "number"} else ""
        raise Unusable(f"'+' takes two numbers or two texts, not {a_kind(left)} and {a_kind(right)}{hint}")
    short_enough(len(left) + len(right))
    return left + right


def _arithmetic(symbol: str, work: Operator) -> Operator:
    def calculate(left: Any, right: Any) -> Any:
        if kind_of(left) != "number" or kind_of(right) != "number":
            raise Unusable(f"{symbol!r} takes two numbers, not {a_kind(left)} and {a_kind(right)}")
        try:
            return bounded_number(work(left, right))
        except ZeroDivisionError:
            raise Unusable(f"{symbol!r} by zero") from None
        except OverflowError:
            raise Unusable(f"the result of {symbol!r} is too large") from None

    return calculate


def _sign(symbol: str, work: Operator) -> Operator:
    def calculate(value: Any) -> Any:
        if kind_of(value) != "number":
            raise Unusable(f"{symbol!r} takes a number, not {a_kind(value)}")
        return bounded_number(work(value))

    return calculate


def _order(symbol: str, work: Operator) -> Operator:
    def compare(left: Any, right: Any) -> bool:
        if kind_of(left) != kind_of(right) or kind_of(left) not in {"number", "text"}:
            raise Unusable(
                f"{symbol!r} compares two numbers or two texts, not {a_kind(left)} and {a_kind(right)}"
            )
        return bool(work(left, right))

    return compare


def contains(container: Any, item: Any) -> bool:
    """Whether *item* is an element of a list, a key of a mapping, or a part of a text."""
    kind = kind_of(container)
    if kind == "mapping":
        return text_key(item) in container
    if kind == "list":
        wanted = identity(item)
        return any(kind_of(each) == kind_of(item) and identity(each) == wanted for each in container)
    if kind != "text" or kind_of(item) != "text":
        raise Unusable(
            f"'in' looks in a list, a mapping or a text, not for {a_kind(item)} in {a_kind(container)}"
        )
    return item in container


def boolean(value: Any, where: str) -> bool:
    """*value*, if it is a boolean; there is no truth in other values."""
    if kind_of(value) != "boolean":
        raise Unusable(
            f"{where} takes true or false, not {a_kind(value)}; write a comparison, or default(x, y)"
        )
    return bool(value)


OPERATORS: dict[type[ast.AST], Operator] = {
    ast.Add: add,
    ast.Sub: _arithmetic("-", operator.sub),
    ast.Mult: _arithmetic("*", operator.mul),
    ast.Div: _arithmetic("/", operator.truediv),
    ast.FloorDiv: _arithmetic("//", operator.floordiv),
    ast.Mod: _arithmetic("%", operator.mod),
    ast.UAdd: _sign("+", operator.pos),
    ast.USub: _sign("-", operator.neg),
    ast.Not: lambda value: not boolean(value, "'not'"),
    ast.Eq: same,
    ast.NotEq: lambda left, right: not same(left, right),
    ast.Lt: _order("<", operator.lt),
    ast.LtE: _order("<=", operator.le),
    ast.Gt: _order(">", operator.gt),
    ast.GtE: _order(">=", operator.ge),
    ast.In: lambda item, container: contains(container, item),
    ast.NotIn: lambda item, container: not contains(container, item),
}
