"""An expression: parsed once when a spec is loaded, evaluated over plain data any number of times."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr.errors import ExpressionError, ExpressionSyntaxError, Unusable
from treadle._expr.functions import Functions
from treadle._expr.references import Reference, references
from treadle._expr.values import checked

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen(eq=False, repr=False)
class Expression:
    """One expression, with the functions it was parsed with.

    Attributes:
      source: as written, on one line, without white space around it.
      references: what it reads, in the order of the text.
      offset: of its first character, from the start of the text that was parsed.
    """

    source: str
    references: tuple[Reference, ...]
    _tree: ast.expr
    _functions: Functions
    offset: int = 0

    def __copy__(self) -> Expression:
        return Expression(self.source, self.references, self._tree, self._functions, self.offset)

    def __repr__(self) -> str:
        return f"<Expression {self.source}>"

    @property
    def functions(self) -> Functions:
        """Those that it may call."""
        return self._functions

    def evaluate(self, scope: Mapping[str, Any], *, now: float) -> Any:
        """Its value: plain data, which may share parts with *scope*.

        Args:
          scope: the names it can see, with plain data; never changed.
          now: what ``now()`` gives, in seconds since the start of 1970, UTC.

        Raises:
          ExpressionError: it has no value over *scope*.
        """
        from treadle._expr.evaluator import Evaluator  # and simpleeval; checking a spec needs neither

        evaluator = Evaluator(self.source, self._functions, scope, now)
        try:
            return checked(evaluator.eval(self.source, previously_parsed=self._tree))
        except Unusable as exc:
            raise ExpressionError(str(exc), self.source, names_in(scope)) from exc
        except Exception as exc:
            why = f"evaluation broke off with {type(exc).__name__}"
            raise ExpressionError(why, self.source, names_in(scope)) from exc


def names_in(scope: Mapping[str, Any]) -> tuple[str, ...]:
    """The names an expression can see, sorted."""
    return tuple(sorted(map(str, scope)))


def parse(source: str, functions: Functions) -> Expression:
    """Parse a bare expression; line breaks in it count as spaces.

    Raises:
      ExpressionSyntaxError: it is no expression, or one beyond the limits.
    """
    return parse_at(source, 0, functions)


def parse_at(source: str, offset: int, functions: Functions) -> Expression:
    """Parse *source*, which stands at *offset* of the text that places are told in."""
    from treadle._expr.syntax import offset_of, parse_tree  # who runs a spec without expressions needs none

    offset += len(source) - len(source.lstrip())
    line = source.strip().translate(_SPACES)
    try:
        tree = parse_tree(line, functions)
    except ExpressionSyntaxError as exc:
        raise ExpressionSyntaxError(exc.message, exc.fix, exc.offset + offset) from None
    found = [attrs.evolve(each, offset=offset + offset_of(line, root)) for root, each in references(tree)]
    return Expression(line, tuple(found), tree, functions, offset)


_SPACES = str.maketrans("\n\r\t", "   ")
