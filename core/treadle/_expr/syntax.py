"""Text to a tree that the evaluator may be given: everything that can be refused early is refused here.

Rule 1: what is not on the list of ALLOWED nodes does not exist; new syntax in a new Python stays out.
Rule 2: no tree leaves here that is deeper than MAX_DEPTH, so evaluation cannot run out of stack.
Rule 3: names are ASCII, because Python folds look-alikes (as of full width) into plain letters.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from typing import TYPE_CHECKING

from treadle._expr.errors import ExpressionSyntaxError
from treadle._expr.hints import blanked, explained, filtered, method_call, refusal, unknown_function
from treadle._expr.operators import OPERATORS
from treadle._expr.patterns import compile_pattern
from treadle._expr.values import MAX_INTEGER, MIN_INTEGER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from treadle._expr.functions import Functions

MAX_CHARACTERS = 2_000
MAX_NODES = 200
MAX_DEPTH = 30

ALLOWED = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Tuple, ast.Dict),
    *(ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp),
)
_SPELLINGS = {True: "true", False: "false", None: "null"}
_CHECKED_LITERALS = frozenset({"duration", "parse_time"})


def parse_tree(source: str, functions: Functions) -> ast.expr:
    """The tree of *source*, which has no white space at its ends; columns count in `offset_of`.

    Raises:
      ExpressionSyntaxError: it is no expression, or one beyond the limits.
    """
    _check_characters(source)
    tree = _parse(source)
    checker = _Checker(source, functions)
    for count, (node, depth) in enumerate(_walk(tree), start=1):
        if count > MAX_NODES or depth > MAX_DEPTH:
            over = f"more than {MAX_NODES} parts" if count > MAX_NODES else f"more than {MAX_DEPTH} levels"
            raise checker.error(f"the expression has {over}", "put a part of it into vars", node)
        checker.check(node)
    return tree


def offset_of(source: str, node: ast.expr) -> int:
    """Where *node* begins, in characters; Python counts bytes."""
    return len(source.encode()[: node.col_offset].decode())


def _check_characters(source: str) -> None:
    if not source:
        raise ExpressionSyntaxError("the expression is empty", "write a value, as true")
    if len(source) > MAX_CHARACTERS:
        over = f"the expression has {len(source):,} characters, over the limit of {MAX_CHARACTERS:,}"
        raise ExpressionSyntaxError(over, "put a part of it into vars", MAX_CHARACTERS)
    blank = blanked(source)
    if found := re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", source):
        raise ExpressionSyntaxError(
            f"the character U+{ord(found[0]):04X} is not taken", "take it out", found.start()
        )
    if found := re.search(r"[^\x00-\x7f]", blank):
        fix = (
            "put it in quotes if it is text"
            if found[0] not in "\u2018\u2019\u201c\u201d"
            else "write ' or \""
        )
        raise ExpressionSyntaxError(
            f"the character {found[0]!r} is not taken outside of quotes", fix, found.start()
        )
    if (found := re.search(r"[#'\"]", blank)) and found[0] == "#":
        raise ExpressionSyntaxError("there are no comments in expressions", "take it out", found.start())


def _parse(source: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            # '\d' in quotes is what a pattern looks like, and means itself
            warnings.simplefilter("ignore")
            return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise explained(source, exc) from None


def _walk(tree: ast.expr) -> Iterator[tuple[ast.expr, int]]:
    """Every expression in *tree*, outer ones first, each with its level from 1; function names left out."""
    waiting: list[tuple[ast.expr, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        parts = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
        inner = [(part, depth + 1) for part in parts if isinstance(part, ast.expr)]
        waiting.extend(reversed(inner))


class _Checker:
    """Checks one node at a time of one expression; `error` tells where."""

    def __init__(self, source: str, functions: Functions) -> None:
        self.source = source
        self.functions = functions

    def error(self, message: str, fix: str, node: ast.expr) -> ExpressionSyntaxError:
        return ExpressionSyntaxError(message, fix, offset_of(self.source, node))

    def check(self, node: ast.expr) -> None:
        """Raise for *node* itself; its parts come on their own."""
        if not isinstance(node, ALLOWED):
            raise self.error(*refusal(node), node)
        match node:
            case ast.Constant():
                self._constant(node)
            case ast.Name(id=name) | ast.Attribute(attr=name) if name.startswith("_"):
                fix = f"write ['{name}']" if isinstance(node, ast.Attribute) else ""
                raise self.error(f"names do not begin with '_', as {name!r} does", fix, node)
            case ast.UnaryOp() | ast.BinOp():
                self._operators(node, [node.op])
            case ast.Compare(ops=ops):
                self._operators(node, ops)
            case ast.Dict(keys=keys) if None in keys:
                raise self.error("'**' before a value is not taken", "write the keys out", node)
            case ast.Call():
                self._call(node)

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if value is None or isinstance(value, bool):
            raise self.error(f"{value} is spelled otherwise", f"write {_SPELLINGS[value]}", node)
        if isinstance(value, int):
            # the one above the largest is let through for the sake of -9223372036854775808
            if value > -MIN_INTEGER:
                raise self.error("an integer goes beyond 64 bits", f"the largest is {MAX_INTEGER}", node)
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise self.error("a number is too large", "", node)
        elif not isinstance(value, str):
            raise self.error(
                f"{type(value).__name__} is no kind of value here", "write text, or a number", node
            )
        elif re.search("[\ud800-\udfff]", value):
            raise self.error("the text has half a character in it", "write the character itself", node)

    def _operators(self, node: ast.expr, operators: Sequence[ast.AST]) -> None:
        for operator in operators:
            if type(operator) not in OPERATORS:
                message, fix = refusal(operator)
                if isinstance(operator, ast.BitOr) and isinstance(node, ast.BinOp):
                    fix = filtered(self.source, node, self.functions) or fix
                raise self.error(message, fix, node)

    def _call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            raise self.error(*method_call(self.source, node.func, self.functions), node)
        if not isinstance(node.func, ast.Name):
            raise self.error("only functions can be called, by name", "", node)
        name = node.func.id
        if name not in self.functions:
            raise self.error(*unknown_function(name, self.functions), node)
        function = self.functions[name]
        if node.keywords:
            raise self.error(f"{name} takes its values by position", f"write {function.signature}", node)
        if any(isinstance(arg, ast.Starred) for arg in node.args):
            raise self.error("'*' before a value is not taken", f"write {function.signature}", node)
        if wrong := function.wrong_count(len(node.args)):
            raise self.error(f"{name} {wrong}", f"write {function.signature}", node)
        self._literal_arguments(name, node)

    def _literal_arguments(self, name: str, node: ast.Call) -> None:
        """What can be known of text in quotes: that it is a pattern, a duration or a time."""
        literal = node.args[-1] if node.args else None
        if not isinstance(literal, ast.Constant) or not isinstance(literal.value, str):
            return
        try:
            if name == "matches":
                compile_pattern(literal.value)
            elif name in _CHECKED_LITERALS:
                self.functions[name].call(literal.value)
        except ValueError as exc:
            raise self.error(str(exc), "", literal) from None
