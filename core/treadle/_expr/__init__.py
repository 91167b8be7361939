"""Expressions, and text with expressions in it: parsed when a spec is loaded, evaluated over plain data.

The way of an expression: `_syntax` turns text into a tree and refuses what is not allowed (`_hints` says
what to write instead), `_references` lists what it reads, `_evaluator` gives its value by the tables
in `_operators`, `_builtins` and `_encodings`. `_values` says what plain data is, and how much of it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from treadle._expr import _encodings as _encodings  # adds its functions to the table
from treadle._expr import _functions
from treadle._expr._builtins import BUILTINS as _TABLE
from treadle._expr._errors import ExpressionError, ExpressionSyntaxError
from treadle._expr._expression import Expression, parse
from treadle._expr._functions import Function, Functions
from treadle._expr._patterns import compile_pattern
from treadle._expr._references import Reference
from treadle._expr._template import Template, parse_template

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BUILTINS",
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
]

BUILTINS: Functions = MappingProxyType(_TABLE)
"""The functions every expression may call, by name."""


def function_table(extra: Iterable[Function] = ()) -> Functions:
    """The built-in functions, and those that plugins add.

    Raises:
      ValueError: a name is taken, or is no plain word.
    """
    return _functions.function_table(BUILTINS, extra)
