"""The types of operators, and of what functions want of the elements of lists.

Rule: an operator is known by what it takes; where both sides have few values, also by what it gives for each.
"""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr.complaints import Side, is_number, lists_joined, never_equal, none_in, remedy
from treadle._expr.errors import Unusable
from treadle._expr.operators import OPERATORS
from treadle._expr.references import CONSTANTS, Link
from treadle._expr.results import item_of
from treadle._expr.types import (
    BOOLEAN,
    INTEGER,
    KINDS,
    NEVER,
    NUMBER,
    TEXT,
    Type,
    can_be_equal,
    of_value,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from treadle._expr.infer import Inference
    from treadle._expr.narrowing import Facts

_BOOLEAN = frozenset({"boolean"})
_NUMBER = frozenset({"number"})
_TEXT = frozenset({"text"})
_ORDERED = frozenset({"number", "text"})
_CONTAINERS = frozenset({"list", "mapping", "text"})
_MANY_CASES = 64
_MANY_CHARACTERS = 200
_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.UAdd: "+",
    ast.USub: "-",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_ELEMENTS = {
    "sum": _NUMBER,
    "sort": _ORDERED,
    "min": _ORDERED,
    "max": _ORDERED,
    "join": frozenset({"text", "number", "boolean"}),
}
"""What the elements of the first list are to be."""


def booleans(type_: Type) -> frozenset[bool]:
    """The outcomes that a condition of *type_* may have."""
    if type_.kinds == {"boolean"} and type_.choices is not None:
        return frozenset(type_.choices)
    return frozenset({True, False})


def boolean_type(possible: Iterable[bool]) -> Type:
    """A boolean that is one of *possible*."""
    found = set(possible)
    return of_value(found.pop()) if len(found) == 1 else BOOLEAN


# --- operators on one and two values -----------------------------------------------------------------


def unary(walk: Inference, node: ast.UnaryOp, operand: Type) -> Type:
    """The type of ``not``, ``-`` and ``+``."""
    if isinstance(node.op, ast.Not):
        walk.require(node.operand, operand, _BOOLEAN, "'not' takes true or false")
        return boolean_type(not each for each in booleans(operand))
    walk.require(node.operand, operand, _NUMBER, f"'{_SYMBOLS[type(node.op)]}' takes a number")
    otherwise = INTEGER if operand.whole else NUMBER
    return _each(node.op, otherwise, operand)


def binary(walk: Inference, node: ast.BinOp, left: Type, right: Type) -> Type:
    """The type of arithmetic, and of ``+`` on texts."""
    symbol = _SYMBOLS[type(node.op)]
    whole = left.whole and right.whole and not isinstance(node.op, ast.Div)
    number = INTEGER if whole else NUMBER
    if not isinstance(node.op, ast.Add):
        for part, found in ((node.left, left), (node.right, right)):
            walk.require(part, found, _NUMBER, f"'{symbol}' takes two numbers")
        return _each(node.op, number, left, right)
    if left.kinds == right.kinds == {"list"}:
        fix = lists_joined(walk.text(node.left), walk.text(node.right))
        walk.complain("TRD431", node, "'+' takes two numbers or two texts, not lists", fix)
        return Type(kinds=frozenset({"list"}))
    common = _ordered_pair(walk, "'+' takes two numbers or two texts", node.left, left, node.right, right)
    if left.is_never or right.is_never:
        return NEVER
    return _each(node.op, union(number if kind == "number" else TEXT for kind in sorted(common)), left, right)


def _ordered_pair(
    walk: Inference, what: str, left_node: ast.expr, left: Type, right_node: ast.expr, right: Type
) -> frozenset[str]:
    """The kinds that two values may have which are both numbers or both texts; complain if they have none."""
    both_fit = [
        walk.require(left_node, left, _ORDERED, what),
        walk.require(right_node, right, _ORDERED, what),
    ]
    common = left.kinds & right.kinds & _ORDERED
    if common or not all(both_fit) or left.is_never or right.is_never:
        return common or _ORDERED
    one, other = walk.text(left_node), walk.text(right_node)
    message = f"{what}, but {_named(one, left)} and {_named(other, right)}"
    fix = _of_one_kind(what, (left_node, left), (right_node, right), walk)
    walk.complain("TRD431", left_node, message, fix)
    return _ORDERED


def _named(text: str, type_: Type) -> str:
    kinds = Type(kinds=type_.kinds)
    return f"{text} is {kinds}"


def _of_one_kind(
    what: str, left: tuple[ast.expr, Type], right: tuple[ast.expr, Type], walk: Inference
) -> str:
    """How to make two numbers, or two texts, of a number and a text."""
    number, text = (left, right) if "number" in left[1].kinds else (right, left)
    if what.startswith("'+'"):
        if isinstance(number[0], ast.Constant) and not isinstance(text[0], ast.Constant):
            return f"write int({walk.text(text[0])}) to add, or string({walk.text(number[0])}) to join"
        return f"write string({walk.text(number[0])})"
    constant = text[0]
    if isinstance(constant, ast.Constant) and is_number(constant.value):
        return f"write {constant.value!s} without quotes"
    return remedy(walk.text(text[0]), text[1], _NUMBER)


def _each(operator: ast.AST, otherwise: Type, *operands: Type) -> Type:
    """*otherwise*; where the operands have few values, the values that come of them."""
    if any(each.choices is None or each.kinds & {"list", "mapping"} for each in operands):
        return otherwise
    choices = [each.choices or () for each in operands]
    results: dict[Any, Any] = {}
    for count, values in enumerate(itertools.product(*choices)):
        if count >= _MANY_CASES:
            return otherwise
        try:
            value = OPERATORS[type(operator)](*values)
        except (Unusable, TypeError):
            continue
        if isinstance(value, str) and len(value) > _MANY_CHARACTERS:
            return otherwise
        results[type(value), value] = value
    if {type(value) for value in results.values()} <= {bool}:
        return boolean_type(results.values()) if results else otherwise
    found = union(of_value(value) for value in results.values())
    fractions = any("number" in each.kinds and not each.whole for each in operands)
    return attrs.evolve(found, whole=False) if fractions else found  # 1.0 is the choice 1, too


# --- comparisons --------------------------------------------------------------------------------------


def compare(walk: Inference, node: ast.Compare, given: Facts, guarded: bool) -> Type:
    """The type of one comparison, or of a chain of them."""
    nodes = [node.left, *node.comparators]
    types = [_compared_side(walk, each, nodes, given, guarded) for each in nodes]
    outcomes = [
        _compared(walk, operator, nodes[index : index + 2], types[index : index + 2], given, guarded)
        for index, operator in enumerate(node.ops)
    ]
    possible = {False} if any(False in each for each in outcomes) else set()
    if all(True in each for each in outcomes):
        possible.add(True)
    return boolean_type(possible)


def _compared_side(
    walk: Inference, node: ast.expr, nodes: list[ast.expr], given: Facts, guarded: bool
) -> Type:
    """The type of a side of a comparison: what is compared with null is null where it is absent."""
    if isinstance(node, Link) and any(isinstance(each, ast.Name) and each.id == "null" for each in nodes):
        walk.stand_in = "null"
    try:
        return walk.of(node, given, guarded)
    finally:
        walk.stand_in = ""


def _compared(
    walk: Inference,
    operator: ast.cmpop,
    nodes: list[ast.expr],
    types: list[Type],
    given: Facts,
    guarded: bool,
) -> frozenset[bool]:
    """The outcomes that one comparison may have."""
    (left_node, right_node), (left, right) = nodes, types
    if left.is_never or right.is_never:
        return booleans(BOOLEAN)
    if isinstance(operator, ast.Eq | ast.NotEq):
        return _sameness(walk, operator, nodes, types, given, guarded)
    if isinstance(operator, ast.In | ast.NotIn):
        return _membership(walk, operator, nodes, types, given, guarded)
    what = f"'{_SYMBOLS[type(operator)]}' compares two numbers or two texts"
    _ordered_pair(walk, what, left_node, left, right_node, right)
    return booleans(_each(operator, BOOLEAN, left, right))


def _sameness(
    walk: Inference,
    operator: ast.cmpop,
    nodes: list[ast.expr],
    types: list[Type],
    given: Facts,
    guarded: bool,
) -> frozenset[bool]:
    left, right = types
    negated = isinstance(operator, ast.NotEq)
    if not can_be_equal(left, right):
        careful = negated and any(each.kinds == {"null"} for each in types)  # `x != null` does no harm
        if not careful and _worth_telling(walk, nodes, types, given, guarded):
            declared = [walk.quietly(node, {}, guarded) for node in nodes] if given else types
            sides = [Side(node, walk.text(node), type_) for node, type_ in zip(nodes, declared, strict=True)]
            walk.complain("TRD433", nodes[0], *never_equal(*sides, negated=negated))
        return frozenset({negated})
    return booleans(_each(operator, BOOLEAN, left, right))


def _worth_telling(
    walk: Inference, nodes: list[ast.expr], types: list[Type], given: Facts, guarded: bool
) -> bool:
    """Whether a comparison that is never true is a mistake.

    It is none between constants, which is how something is switched off; nor where only the conditions around
    it say so, as for the second of two cases that say the same; nor of null where null counts as absent.
    """
    if guarded and any(each.kinds == {"null"} for each in types):
        return False
    if given:
        types = [walk.quietly(node, {}, guarded) for node in nodes]
        if can_be_equal(*types):
            return False
    constant = [each.choices is not None and len(each.choices) == 1 for each in types]
    written = [_is_literal(node) for node in nodes]
    alike = bool(types[0].kinds & types[1].kinds)
    return not all(written) and not (all(constant) and (alike or not any(written)))


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in CONSTANTS)


def _membership(
    walk: Inference,
    operator: ast.cmpop,
    nodes: list[ast.expr],
    types: list[Type],
    given: Facts,
    guarded: bool,
) -> frozenset[bool]:
    item, container = types
    what = "'in' looks in a list, a mapping or text"
    if not walk.require(nodes[1], container, _CONTAINERS, what):
        return booleans(BOOLEAN)
    if container.kinds <= {"mapping", "text"}:
        what = "a mapping is asked for its keys, which are text" if "mapping" in container.kinds else ""
        walk.require(nodes[0], item, _TEXT, what or "text is searched for text")
        return booleans(BOOLEAN)
    inside = item_of(container)
    if container.kinds != {"list"} or inside.is_never or can_be_equal(item, inside):
        return booleans(BOOLEAN)
    negated = isinstance(operator, ast.NotIn)
    if _may_hold_nothing_like(walk, nodes, given, guarded):
        declared = [walk.quietly(node, {}, guarded) for node in nodes] if given else types
        left, right = (
            Side(node, walk.text(node), type_) for node, type_ in zip(nodes, declared, strict=True)
        )
        walk.complain("TRD433", nodes[0], *none_in(left, right, negated=negated))
    return frozenset({negated})


def _may_hold_nothing_like(walk: Inference, nodes: list[ast.expr], given: Facts, guarded: bool) -> bool:
    """Whether an item that is in no list is a mistake; the reasons are those of `_worth_telling`."""
    item, container = (walk.quietly(node, {}, guarded) for node in nodes)
    inside = item_of(container)
    written = isinstance(nodes[0], ast.Constant) and isinstance(nodes[1], ast.List | ast.Tuple)
    if can_be_equal(item, inside) or written:
        return False
    single = item.choices is not None and len(item.choices) == 1
    return not (single and item.kinds & inside.kinds)


# --- functions ----------------------------------------------------------------------------------------


def check_call(walk: Inference, node: ast.Call, types: list[Type]) -> None:
    """Complain of what the kinds of the values alone do not say."""
    assert isinstance(node.func, ast.Name)
    name = node.func.id
    wanted = _ELEMENTS.get(name)
    if name == "contains":
        container, item = types
        if container.kinds <= {"mapping", "text"} and not container.is_never:
            walk.require(node.args[1], item, _TEXT, f"{name}(x, item) looks for text here", "TRD437")
    elif name in {"min", "max"} and len(types) > 1:
        _check_several(walk, node, types)
    elif wanted is not None:
        _check_elements(walk, node, types[0], wanted)


def _check_several(walk: Inference, node: ast.Call, types: list[Type]) -> None:
    assert isinstance(node.func, ast.Name)
    what = f"{node.func.id}(a, b, …) takes numbers or texts"
    fits = [
        walk.require(arg, type_, _ORDERED, what, "TRD437")
        for arg, type_ in zip(node.args, types, strict=True)
    ]
    common = _ORDERED.intersection(*(each.kinds for each in types if not each.is_never))
    if all(fits) and not common:
        walk.complain("TRD437", node, f"{what}, not some of each", "write values of one kind")


def _check_elements(walk: Inference, node: ast.Call, found: Type, wanted: frozenset[str]) -> None:
    """Complain of a list none of whose elements will do."""
    assert isinstance(node.func, ast.Name)
    name, arg = node.func.id, node.args[0]
    what = f"{name}(list) takes a list"
    if name in {"min", "max"} and not walk.require(arg, found, wanted | {"list"}, what, "TRD437"):
        return
    items = item_of(found)
    if found.kinds != {"list"} or items.is_never or items.kinds == KINDS or items.kinds & wanted:
        return
    shown = f"the elements of {walk.text(arg)} are {_plural(items)}"
    message = f"{name}(list) takes a list of {_plural(Type(kinds=wanted))}, and {shown}"
    walk.complain("TRD437", arg, message)


_PLURALS = {
    "null": "null",
    "boolean": "booleans",
    "number": "numbers",
    "text": "texts",
    "list": "lists",
    "mapping": "mappings",
}


def _plural(type_: Type) -> str:
    return " or ".join(word for kind, word in _PLURALS.items() if kind in type_.kinds)
