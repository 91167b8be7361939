"""Evaluation: simpleeval walks the tree, with our tables in place of its own.

Rule 1: only trees that `syntax.parse_tree` returned are evaluated, and only over plain data.
Rule 2: one evaluator per evaluation; it keeps state while it walks.
Rule 3: HANDLERS is every node there is. What simpleeval brings along for others is out of reach.
Rule 4: an attribute or an index is a look-up in a mapping or a list, by exact type, and never `getattr`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import simpleeval

from treadle._expr.builtins import BUILTINS
from treadle._expr.errors import Absent, Unusable
from treadle._expr.operators import OPERATORS, boolean
from treadle._expr.references import CONSTANTS, Link, literal_key, unchained
from treadle._expr.values import a_kind, bounded, copied, kind_of, text_key
from treadle._near import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from treadle._expr.functions import Functions


class Evaluator(simpleeval.EvalWithCompoundTypes):  # type: ignore[misc]  # simpleeval has no types
    """Evaluates one tree over one scope."""

    operators = OPERATORS

    def __init__(self, source: str, functions: Functions, scope: Mapping[str, Any], now: float) -> None:
        # Not super().__init__: it would build its tables anew for each evaluation.
        self.expr = source
        self.functions = functions
        self.names = scope
        self.now = now
        self.guarded = False

    def _eval(self, node: ast.expr) -> Any:
        return HANDLERS[type(node)](self, node)

    def evaluate_constant(self, node: ast.Constant) -> Any:
        return node.value

    def evaluate_name(self, node: ast.Name) -> Any:
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        return self._present(self._root(node, node), node)

    def evaluate_chain(self, node: Link) -> Any:
        """Follow a whole chain at once, so that what is absent is told by its whole name."""
        base, links = unchained(node)
        value = self._root(base, node) if isinstance(base, ast.Name) else self._eval(base)
        for link in links:
            key = literal_key(link)
            if key is None:
                assert isinstance(link, ast.Subscript)
                key = self._eval(link.slice)
            value = self._follow(value, key, link, node)
        return self._present(value, node)

    def _root(self, base: ast.Name, whole: ast.expr) -> Any:
        if base.id in CONSTANTS:
            return CONSTANTS[base.id]
        if base.id not in self.names:
            raise self._absent(whole, f"there is no name {base.id!r} here{_near(base.id, self.names)}")
        return self.names[base.id]

    def _follow(self, value: Any, key: Any, link: Link, whole: ast.expr) -> Any:
        kind = kind_of(value)
        if kind == "mapping":
            if text_key(key) in value:
                return value[key]
            raise self._absent(whole, self._no_such_key(value, key, link))
        if kind == "list" and type(key) is int:
            if -len(value) <= key < len(value):
                return value[key]
            raise self._absent(whole, f"{self.text(link.value)} has {len(value)} elements")
        if kind == "null":
            raise self._absent(whole, f"{self.text(link.value)} is null")
        hint = "; lists are indexed by integers, from 0" if kind == "list" else ""
        raise Unusable(f"{self.text(link)} looks into {a_kind(value)} by {a_kind(key)}{hint}")

    def _no_such_key(self, mapping: dict[str, Any], key: str, link: Link) -> str:
        if literal_key(link) is None:
            return f"{self.text(link.value)} has no such key"
        return f"{self.text(link.value)} has no {key!r}{_near(key, mapping)}"

    def _present(self, value: Any, node: ast.expr) -> Any:
        """*value*; within ``default(…)`` null counts as absent."""
        if value is None and self.guarded:
            raise self._absent(node, "it is null")
        return value

    def _absent(self, node: ast.expr, why: str) -> Absent:
        name = self.text(node)
        return Absent(f"{name} is absent: {why}; write default({name}, …) if it may be")

    def text(self, node: ast.expr) -> str:
        """*node* as it was written."""
        return ast.get_source_segment(self.expr, node) or ast.unparse(node)

    def evaluate_list(self, node: ast.List | ast.Tuple) -> list[Any]:
        return [self._eval(item) for item in node.elts]

    def evaluate_mapping(self, node: ast.Dict) -> dict[str, Any]:
        keys = [text_key(self._eval(key)) for key in node.keys if key is not None]
        return dict(zip(keys, map(self._eval, node.values), strict=True))

    def evaluate_logic(self, node: ast.BoolOp) -> bool:
        """``and`` and ``or``, up to the first value that decides."""
        decisive = isinstance(node.op, ast.Or)
        word = "'or'" if decisive else "'and'"
        for value in node.values:
            if boolean(self._eval(value), word) is decisive:
                return decisive
        return not decisive

    def evaluate_choice(self, node: ast.IfExp) -> Any:
        return self._eval(node.body if boolean(self._eval(node.test), "'if'") else node.orelse)

    def evaluate_call(self, node: ast.Call) -> Any:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name == "default":
            return self._present(self._default(*node.args), node)
        if name == "now":
            return self.now
        values = [self._eval(arg) for arg in node.args]
        return self._present(self._called(name, values), node)

    def _default(self, wanted: ast.expr, otherwise: ast.expr) -> Any:
        outer, self.guarded = self.guarded, True
        try:
            value = self._eval(wanted)
        except Absent:
            value = None
        finally:
            self.guarded = outer
        return self._eval(otherwise) if value is None else value

    def _called(self, name: str, values: list[Any]) -> Any:
        call = self.functions[name].call
        try:
            if name in BUILTINS:
                return bounded(call(*values))
            # a plugin's: it may not change what it is given, and may return anything
            return copied(call(*map(copied, values)))
        except Unusable:
            raise
        except Exception as exc:
            raise Unusable(f"{name}(…) failed: {str(exc) or type(exc).__name__}") from exc


def _near(name: str, known: Mapping[str, Any]) -> str:
    hint = did_you_mean(name, [key for key in known if type(key) is str][:1000])
    return f" ({hint})" if hint else ""


HANDLERS: dict[type[ast.AST], Callable[[Evaluator, Any], Any]] = {
    ast.Constant: Evaluator.evaluate_constant,
    ast.Name: Evaluator.evaluate_name,
    ast.Attribute: Evaluator.evaluate_chain,
    ast.Subscript: Evaluator.evaluate_chain,
    ast.List: Evaluator.evaluate_list,
    ast.Tuple: Evaluator.evaluate_list,
    ast.Dict: Evaluator.evaluate_mapping,
    ast.UnaryOp: Evaluator._eval_unaryop,
    ast.BinOp: Evaluator._eval_binop,
    ast.Compare: Evaluator._eval_compare,
    ast.BoolOp: Evaluator.evaluate_logic,
    ast.IfExp: Evaluator.evaluate_choice,
    ast.Call: Evaluator.evaluate_call,
}
