"""Expressions, and text with expressions in it: parsed when a spec is loaded, evaluated over plain data.

The way of an expression: `syntax` turns text into a tree and refuses what is not allowed (`hints` says
what to write instead), `references` lists what it reads, `evaluator` gives its value by the tables
in `operators`, `builtins` and `encodings`. `values` says what plain data is, and how much of it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from treadle._expr import encodings as _encodings  # noqa: F401  adds its functions to the table
from treadle._expr import functions as _functions
from treadle._expr.builtins import BUILTINS as _TABLE
from treadle._expr.errors import ExpressionError, ExpressionSyntaxError
from treadle._expr.expression import Expression, parse
from treadle._expr.functions import Function, Functions
from treadle._expr.patterns import compile_pattern
from treadle._expr.references import CONSTANTS, Reference
from treadle._expr.template import Template, parse_template
from treadle._expr.values import scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BUILTINS",
    "CONSTANTS",
    "Expression",
    "ExpressionError",
    "ExpressionSyntaxError",
    "Function",
    "Functions",
    "Reference",
    "Template",
    "compile_pattern",
    "function_table",
    "parse",
    "parse_template",
    "scalar_text",
]

BUILTINS: Functions = MappingProxyType(_TABLE)
"""The functions every expression may call, by name."""


def function_table(extra: Iterable[Function] = ()) -> Functions:
    """The built-in functions, and those that plugins add.

    Raises:
      ValueError: a name is taken, or is no plain word.
    """
    return _functions.function_table(BUILTINS, extra)
