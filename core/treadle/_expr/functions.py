"""What a function of expressions is, and the table an expression is parsed with.

Rule 1: the built-in names are reserved; no plugin changes what one means.
Rule 2: a function is pure: plain data in, plain data out, nothing else read or written.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from treadle._expr.references import CONSTANTS


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Function:
    """A pure function for expressions.

    Attributes:
      name: what an expression writes: a plain word.
      call: plain data in, plain data out; a ValueError or TypeError it raises fails the expression.
        Its parameters are given by position. Lists and mappings it is handed are copies.
      signature: for people, as ``slug(text)``.
      doc: one sentence.
    """

    name: str
    call: Callable[..., Any]
    signature: str
    doc: str

    def wrong_count(self, count: int) -> str:
        """What is wrong with a call of *count* values, as ``takes 2 values, not 1``; empty if nothing is."""
        least, most = _arity(self.call)
        if least <= count and (most is None or count <= most):
            return ""
        takes = f"at least {least}" if most is None else f"{least} to {most}"
        takes = str(least) if least == most else takes
        return f"takes {takes} value{'' if takes.endswith(' 1') or takes == '1' else 's'}, not {count}"


Functions = Mapping[str, Function]
"""The functions an expression may call, by name."""


def _arity(call: Callable[..., Any]) -> tuple[int, int | None]:
    """The fewest and the most positional values *call* takes; None where there is no most."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):  # some callables written in C do not say
        return 0, None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        most = None
    else:
        most = sum(p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD} for p in parameters)
    least = sum(
        p.default is p.empty and p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD} for p in parameters
    )
    return least, most


def function_table(builtins: Functions, extra: Iterable[Function]) -> Functions:
    """*builtins* and *extra* in one table.

    Raises:
      ValueError: one of *extra* has the name of another, of a built-in, or of a word of the language.
    """
    table = dict(builtins)
    for function in extra:
        name = function.name
        if not (name.isascii() and name.isidentifier()) or name in CONSTANTS:
            raise ValueError(f"{name!r} cannot be the name of a function; write a plain word as slug")
        if name in table:
            raise ValueError(f"there is already a function {name!r}; give this one another name")
        table[name] = function
    return MappingProxyType(table)
