"""The type of an expression's value, and what cannot be right about it, before there is a value.

Rule 1: it goes by what `evaluator` does: kinds, order, and the guard within ``default(…)``.
Rule 2: a complaint is certain. Where some value of a type would do, only null and absence are told.
Rule 3: one complaint for each chain, and none about what follows from it: its type is `ANY` from there on.
Rule 4: each part is visited once for its type and once for each condition it stands in, so that what takes
  long to read does not take longer to check.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from treadle._expr import chains, operations
from treadle._expr.complaints import Complaint, only_null, remedy, with_default
from treadle._expr.narrowing import Facts, both
from treadle._expr.references import CONSTANTS, Link, unchained
from treadle._expr.results import gives, takes
from treadle._expr.syntax import offset_of
from treadle._expr.types import (
    KINDS,
    TEXT,
    Type,
    list_of,
    mapping_of,
    of_value,
    union,
)

if TYPE_CHECKING:
    from treadle._expr.chains import Path
    from treadle._expr.expression import Expression
    from treadle._expr.functions import Function
    from treadle._expr.template import Template

__all__ = [
    "Complaint",
    "Facts",
    "Names",
    "infer",
    "infer_condition",
    "infer_template",
    "proven",
    "refuted",
    "truth",
    "type_of_path",
]

Names = Callable[[str], Type]
"""The type of a root name; `ANY` for one that is not known."""

_CONSTANT_TYPES = {name: of_value(value) for name, value in CONSTANTS.items()}
_BOOLEAN = frozenset({"boolean"})
_IN_TEXT = frozenset({"text", "number", "boolean"})
_ORDINALS = ("first", "second", "third")


def infer(expression: Expression, names: Names, given: Facts | None = None) -> tuple[Type, list[Complaint]]:
    """The type of the value of *expression*, and what is certainly wrong with it.

    Args:
      expression: one that was parsed.
      names: gives the type of a root name. A value that somebody may edit to switch something on or off,
        as one of ``vars``, is better typed without its one choice.
      given: what is known of paths, as `proven` tells it.
    """
    inference = Inference(expression, names)
    found = inference.of(expression._tree, given or {})
    return found, inference.complaints


def infer_condition(
    expression: Expression, names: Names, given: Facts | None = None
) -> tuple[Type, list[Complaint]]:
    """As `infer`, for an expression that has to be true or false."""
    inference = Inference(expression, names)
    tree = expression._tree
    found = inference.of(tree, given or {})
    if not inference.complaints:
        inference.require(tree, found, _BOOLEAN, "a condition is true or false", "TRD432")
    return found, inference.complaints


def infer_template(
    template: Template, names: Names, given: Facts | None = None
) -> tuple[Type, list[Complaint]]:
    """The type of what *template* gives; within text each part has to be text, a number or a boolean."""
    if template.whole:
        return infer(template.expressions[0], names, given)
    complaints: list[Complaint] = []
    for expression in template.expressions:
        inference = Inference(expression, names)
        found = inference.of(expression._tree, given or {})
        what = "only text, numbers, true and false can stand within text"
        if not inference.complaints:
            inference.require(expression._tree, found, _IN_TEXT, what, "TRD436")
        complaints += inference.complaints
    return TEXT, complaints


def proven(expression: Expression, names: Names, given: Facts | None = None) -> Facts:
    """What is known where *expression* is true, with what is *given*."""
    return both(Inference(expression, names), expression._tree, given or {})[True]


def refuted(expression: Expression, names: Names, given: Facts | None = None) -> Facts:
    """What is known where *expression* is false, with what is *given*."""
    return both(Inference(expression, names), expression._tree, given or {})[False]


def type_of_path(path: Path, names: Names, given: Facts | None = None) -> Type:
    """The type of what literal keys lead to, as ``('inputs', 'env')``."""
    return chains.type_of_path(path, names, given or {})


def truth(expression: Expression, names: Names, given: Facts | None = None) -> bool | None:
    """The value of a condition that has always the same; None of any other."""
    found, _ = infer(expression, names, given)
    if found.kinds == {"boolean"} and found.choices is not None and len(found.choices) == 1:
        return bool(found.choices[0])
    return None


class Inference:
    """One walk over one expression."""

    def __init__(self, expression: Expression, names: Names) -> None:
        self.source = expression.source
        self.functions = expression._functions
        self.base = expression.offset
        self.names = names
        self.complaints: list[Complaint] = []
        # within how many values that are wanted only where others are absent, and may be there because of it
        self.instead = 0
        # what a chain would stand in with, where the place says so
        self.stand_in = ""

    def of(self, node: ast.expr, given: Facts, guarded: bool = False) -> Type:
        """The type of *node* where *given* is known; *guarded* within the first value of ``default(…)``."""
        return _RULES[type(node)](self, node, given, guarded)

    def quietly(self, node: ast.expr, given: Facts, guarded: bool = False) -> Type:
        """As `of`, without complaints."""
        complaints, self.complaints = self.complaints, []
        try:
            return self.of(node, given, guarded)
        finally:
            self.complaints = complaints

    def text(self, node: ast.expr) -> str:
        """*node* as it was written."""
        return ast.get_source_segment(self.source, node) or ast.unparse(node)

    def complain(self, code: str, node: ast.expr, message: str, fix: str = "") -> None:
        """Complain of *node*."""
        self.complain_at(code, offset_of(self.source, node), message, fix)

    def complain_at(self, code: str, offset: int, message: str, fix: str = "") -> None:
        """Complain of what stands at *offset* of the expression."""
        self.complaints.append(Complaint(code, self.base + offset, message, fix))

    def require(
        self, node: ast.expr, found: Type, kinds: frozenset[str], what: str, code: str = "TRD431"
    ) -> bool:
        """Whether *found*, the type of *node*, may be one of *kinds*; if not, complain."""
        if found.is_never or found.kinds == KINDS or found.kinds <= kinds:
            return True
        if "null" in found.kinds and (found.kinds & kinds or found.kinds == {"null"}):
            text = self.text(node)
            if isinstance(node, ast.Name) and node.id in CONSTANTS:
                self.complain(code, node, f"{what}, not null")
                return False
            always = found.kinds == {"null"}
            fix = only_null(node, found) if always else with_default(text, Type(kinds=found.kinds & kinds))
            self.complain("TRD435", node, f"{text} {'is' if always else 'may be'} null, and {what}", fix)
            return False
        if not found.kinds & kinds:
            text = self.text(node)
            is_what = f"not {found}" if text == str(found) else f"but {text} is {found}"
            self.complain(code, node, f"{what}, {is_what}", remedy(text, found, kinds))
            return False
        return True

    # --- one rule for each node ---------------------------------------------------------------------

    def _constant(self, node: ast.Constant, given: Facts, guarded: bool) -> Type:
        return of_value(node.value)

    def _name(self, node: ast.Name, given: Facts, guarded: bool) -> Type:
        if node.id in CONSTANTS:
            return _CONSTANT_TYPES[node.id]
        return chains.followed(self, node, [], node, given, guarded)

    def _chain(self, node: Link, given: Facts, guarded: bool) -> Type:
        base, links = unchained(node)
        return chains.followed(self, base, links, node, given, guarded)

    def _list(self, node: ast.List | ast.Tuple, given: Facts, guarded: bool) -> Type:
        return list_of(union([self.of(item, given, guarded) for item in node.elts]))

    def _mapping(self, node: ast.Dict, given: Facts, guarded: bool) -> Type:
        fields: dict[str, Type] | None = {}
        for key, value in zip(node.keys, node.values, strict=True):
            assert key is not None
            key_type = self.of(key, given, guarded)
            self.require(key, key_type, frozenset({"text"}), "keys of mappings are text")
            value_type = self.of(value, given, guarded)
            if fields is not None and isinstance(key, ast.Constant) and isinstance(key.value, str):
                fields[key.value] = value_type
            else:
                fields = None
        return mapping_of(fields, written=True)

    def _logic(self, node: ast.BoolOp, given: Facts, guarded: bool) -> Type:
        decisive = isinstance(node.op, ast.Or)
        what = f"{'or' if decisive else 'and'!r} takes true or false"
        found: list[frozenset[bool]] = []
        for index, value in enumerate(node.values):
            type_ = self.of(value, given, guarded)
            self.require(value, type_, _BOOLEAN, what)
            found.append(operations.booleans(type_))
            if index + 1 < len(node.values):
                given = both(self, value, given)[not decisive]
        possible = {decisive} if any(decisive in each for each in found) else set()
        if all((not decisive) in each for each in found):
            possible.add(not decisive)
        return operations.boolean_type(possible)

    def _choice(self, node: ast.IfExp, given: Facts, guarded: bool) -> Type:
        test = self.of(node.test, given, guarded)
        self.require(node.test, test, _BOOLEAN, "what follows 'if' is true or false", "TRD432")
        if_false, if_true = both(self, node.test, given)
        body, orelse = self.of(node.body, if_true, guarded), self.of(node.orelse, if_false, guarded)
        possible = operations.booleans(test)
        return union(each for each, when in ((body, True), (orelse, False)) if when in possible)

    def _unary(self, node: ast.UnaryOp, given: Facts, guarded: bool) -> Type:
        return operations.unary(self, node, self.of(node.operand, given, guarded))

    def _binary(self, node: ast.BinOp, given: Facts, guarded: bool) -> Type:
        left, right = self.of(node.left, given, guarded), self.of(node.right, given, guarded)
        return operations.binary(self, node, left, right)

    def _compare(self, node: ast.Compare, given: Facts, guarded: bool) -> Type:
        return operations.compare(self, node, given, guarded)

    def _call(self, node: ast.Call, given: Facts, guarded: bool) -> Type:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name == "default":
            wanted = self.of(node.args[0], given, True).without_null()
            self.instead += 1
            found = union([wanted, self.of(node.args[1], given, guarded)])
            self.instead -= 1
        else:
            found = self._called(node, [self.of(arg, given, guarded) for arg in node.args])
        return found.without_null() if guarded else found

    def _called(self, node: ast.Call, types: list[Type]) -> Type:
        assert isinstance(node.func, ast.Name)
        function = self.functions[node.func.id]
        kinds = takes(function)
        fits = [
            self.require(arg, type_, kinds(index), self._wants(function, index, len(types)), "TRD437")
            for index, (arg, type_) in enumerate(zip(node.args, types, strict=True))
        ]
        if all(fits):
            operations.check_call(self, node, types)
        return gives(function, types)

    def _wants(self, function: Function, index: int, count: int) -> str:
        wanted = Type(kinds=takes(function)(index))
        if count == 1:
            return f"{function.signature} takes {wanted}"
        where = _ORDINALS[index] if index < len(_ORDINALS) else f"{index + 1}th"
        return f"the {where} value of {function.signature} is {wanted}"


_RULES: dict[type[ast.AST], Callable[[Inference, Any, Facts, bool], Type]] = {
    ast.Constant: Inference._constant,
    ast.Name: Inference._name,
    ast.Attribute: Inference._chain,
    ast.Subscript: Inference._chain,
    ast.List: Inference._list,
    ast.Tuple: Inference._list,
    ast.Dict: Inference._mapping,
    ast.UnaryOp: Inference._unary,
    ast.BinOp: Inference._binary,
    ast.Compare: Inference._compare,
    ast.BoolOp: Inference._logic,
    ast.IfExp: Inference._choice,
    ast.Call: Inference._call,
}
