"""What a condition says of the values it reads, where it is true and where it is false.

Rule 1: what is known of a path is known of that path alone; a longer one has its own entry, or none.
Rule 2: a condition that was evaluated had values for all it reads, so what it reads is there.
Rule 3: each part of a condition is visited once, for both outcomes together: a condition in a condition in
  a condition would take time without bounds otherwise.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr.chains import Path, type_at
from treadle._expr.errors import Unusable
from treadle._expr.operators import OPERATORS
from treadle._expr.references import CONSTANTS, literal_key, unchained
from treadle._expr.types import ANY, NULL, Type, can_be_equal, of_value, union
from treadle._expr.values import identity

if TYPE_CHECKING:
    from treadle._expr.infer import Inference

Facts = Mapping[Path, Type]
"""What is known of the values at some paths, as of ``('inputs', 'env')``."""

Both = tuple[Facts, Facts]
"""What is known where a condition is false, and where it is true; indexed by the outcome."""

_DEPENDS_ON_STATUS = {"completed": "output", "failed": "error"}
"""What there is for certain at a step with a status."""


CONDITION = ""
"""The root of the paths under which conditions themselves are known, by how they are written."""


_HOLDS = of_value(True)
_TURNED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_OPPOSITES: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def both(walk: Inference, node: ast.expr, given: Facts) -> Both:
    """What is known where *node* is false and where it is true, with what is *given* before."""
    if_false, if_true = _both(walk, node, given)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return if_false, if_true
    said, opposite = (CONDITION, canonical(node)), (CONDITION, canonical(ast.UnaryOp(ast.Not(), node)))
    return {**if_false, opposite: _HOLDS}, {**if_true, said: _HOLDS}


def canonical(node: ast.expr) -> str:
    """How a condition is written, without regard to its sides' order: ``2 < x`` for ``x > 2``."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = node.operand
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
            return canonical(inner.operand)
        if isinstance(inner, ast.Compare) and len(inner.ops) == 1 and type(inner.ops[0]) in _OPPOSITES:
            return _comparison(_OPPOSITES[type(inner.ops[0])](), inner.left, inner.comparators[0])
        return f"not {canonical(inner)}"
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _comparison(node.ops[0], node.left, node.comparators[0])
    return ast.dump(node)


def _comparison(operator: ast.cmpop, left: ast.expr, right: ast.expr) -> str:
    if type(operator) in _TURNED:
        operator, left, right = _TURNED[type(operator)](), right, left
    sides = [ast.dump(left), ast.dump(right)]
    if isinstance(operator, ast.Eq | ast.NotEq):
        sides.sort()
    return f"{type(operator).__name__}({', '.join(sides)})"


def _both(walk: Inference, node: ast.expr, given: Facts) -> Both:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        if_false, if_true = both(walk, node.operand, given)
        return if_true, if_false
    if isinstance(node, ast.BoolOp):
        return _logic(walk, node, given)
    if isinstance(node, ast.Compare):
        return _compared(walk, node, given)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "contains":
        return _inside(walk, node.args[1], node.args[0], given)
    return _equal(walk, node, of_value(True), given)


def _logic(walk: Inference, node: ast.BoolOp, given: Facts) -> Both:
    decisive = isinstance(node.op, ast.Or)
    decided: list[Facts] = []
    for value in node.values:
        outcomes = both(walk, value, given)
        decided.append(outcomes[decisive])
        given = outcomes[not decisive]
    either = _either(decided)
    return (given, either) if decisive else (either, given)


def _either(cases: list[Facts]) -> Facts:
    """What is known in each of *cases*."""
    first, *others = cases
    return {
        path: union([known, *(each[path] for each in others)])
        for path, known in first.items()
        if all(path in each for each in others)
    }


def _compared(walk: Inference, node: ast.Compare, given: Facts) -> Both:
    if len(node.ops) > 1:
        return given, given
    (operator,), left, (right,) = node.ops, node.left, node.comparators
    if isinstance(operator, ast.Eq | ast.NotEq):
        outcomes = _same(walk, left, right, given)
    elif isinstance(operator, ast.In | ast.NotIn):
        outcomes = _inside(walk, left, right, given)
    else:
        return _ordered(walk, operator, (left, right), given)
    return outcomes if isinstance(operator, ast.Eq | ast.In) else (outcomes[1], outcomes[0])


def _ordered(walk: Inference, operator: ast.cmpop, sides: tuple[ast.expr, ast.expr], given: Facts) -> Both:
    """What is known where ``default(…) > 3`` is not what it is of the stand-in: there is a value."""
    outcomes = [given, given]
    for index, side in enumerate(sides):
        target = _target(side)
        path, stand_in = target or ((), None)
        if stand_in is None:
            continue
        types = [_plain(walk, stand_in, given), _plain(walk, sides[1 - index], given)]
        values = [each.choices[0] for each in types if each is not None and each.choices and _single(each)]
        if len(values) < 2:
            continue
        try:
            instead = OPERATORS[type(operator)](*(values if index == 0 else reversed(values)))
        except Unusable:
            continue
        known = (type_at(walk, path, given) or ANY).present().without_null()
        outcomes[not instead] = _with(walk, path, known, outcomes[not instead])
    return outcomes[False], outcomes[True]


def _same(walk: Inference, left: ast.expr, right: ast.expr, given: Facts) -> Both:
    unequal, equal = given, given
    for one, other in ((left, right), (right, left)):
        type_ = _plain(walk, other, given)
        if type_ is not None:
            unequal = _equal(walk, one, type_, unequal)[False]
            equal = _equal(walk, one, type_, equal)[True]
    return unequal, equal


def _equal(walk: Inference, node: ast.expr, other: Type, given: Facts) -> Both:
    """What is known where *node* is not, and where it is, the same as a value of the type *other*."""
    target = _target(node)
    if target is None:
        return given, given
    path, stand_in = target
    known = type_at(walk, path, given) or ANY
    if stand_in is None:
        present = known.present()
        apart, alike = _minus(present, other), _meet(present, other)
        return _with(walk, path, apart, given), _with(walk, path, alike, given)
    instead = _plain(walk, stand_in, given) or ANY
    unequal = equal = given
    known = known.present().without_null()
    if not can_be_equal(instead, other):
        equal = _with(walk, path, _meet(known, other), given)
    elif _single(instead) and _single(other):
        unequal = _with(walk, path, _minus(known, other), given)
    return unequal, equal


def _inside(walk: Inference, item: ast.expr, container: ast.expr, given: Facts) -> Both:
    """What is known where *item* is not, and where it is, in *container*."""
    if isinstance(item, ast.Constant) and isinstance(item.value, str):
        if isinstance(container, ast.Call) and isinstance(container.func, ast.Name):
            if container.func.id != "keys":
                return given, given
            container = container.args[0]
        path = path_of(container)
        known = path and type_at(walk, path, given)
        if not path or not known or known.kinds != {"mapping"}:
            return given, given
        field = type_at(walk, (*path, item.value), given) or ANY
        return given, _with(walk, (*path, item.value), field.present(), given)
    if not isinstance(container, ast.List | ast.Tuple):
        return given, given
    elements = [_plain(walk, each, given) for each in container.elts]
    known_elements = [each for each in elements if each is not None]
    if len(known_elements) < len(elements) or not elements:
        return given, given
    inside = _equal(walk, item, union(known_elements), given)[True]
    outside = given
    for element in known_elements:
        outside = _equal(walk, item, element, outside)[False]
    return outside, inside


# --- paths, and types of what is short ---------------------------------------------------------------


def path_of(node: ast.expr) -> Path | None:
    """The literal keys that *node* follows, from its root; None if it is no such chain."""
    base, links = unchained(node)
    if not isinstance(base, ast.Name) or base.id in CONSTANTS:
        return None
    keys = [literal_key(link) for link in links]
    return None if None in keys else (base.id, *(key for key in keys if key is not None))


def _target(node: ast.expr) -> tuple[Path, ast.expr | None] | None:
    """The path that a side of a comparison reads, and what ``default(…)`` gives instead."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "default":
        path = path_of(node.args[0])
        return None if path is None else (path, node.args[1])
    path = path_of(node)
    return None if path is None else (path, None)


def _plain(walk: Inference, node: ast.expr, given: Facts) -> Type | None:
    """The type of a constant or of a chain; None of anything longer."""
    if isinstance(node, ast.Constant):
        return of_value(node.value)
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        return of_value(CONSTANTS[node.id])
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return walk.quietly(node, given)
    path = path_of(node)
    found = type_at(walk, path, given) if path else None
    return found.present() if found else None


# --- types with more known of them -------------------------------------------------------------------


def _with(walk: Inference, path: Path, known: Type, given: Facts) -> Facts:
    """*given*, and that the value at *path* is of the type *known*, and so there with all it stands in."""
    facts = dict(given)
    for end in range(1, len(path)):
        above = type_at(walk, path[:end], given)
        if above is not None and (above.absent or "null" in above.kinds):
            facts[path[:end]] = above.present().without_null()
    facts[path] = known
    if path[-1] == "status" and known.choices and all(each in _DEPENDS_ON_STATUS for each in known.choices):
        for field in {_DEPENDS_ON_STATUS[each] for each in known.choices}:
            beside = type_at(walk, (*path[:-1], field), given)
            if beside is not None:
                beside = beside.present()
                facts[*path[:-1], field] = beside.without_null() if field == "error" else beside
    return facts


def _single(type_: Type) -> bool:
    return type_.choices is not None and len(type_.choices) == 1


def _meet(one: Type, other: Type) -> Type:
    """The values of *one* that may be values of *other*."""
    if other.is_any:
        return one
    choices = one.choices
    if other.choices is not None:
        known = None if choices is None else {identity(each) for each in choices}
        choices = tuple(each for each in other.choices if known is None or identity(each) in known)
    return _consistent(attrs.evolve(one, choices=choices).only(*other.kinds))


def _minus(one: Type, other: Type) -> Type:
    """The values of *one* that are not the one value of *other*."""
    if other.kinds == NULL.kinds:
        return one.without_null()
    if not _single(other) or other.choices is None:
        return one
    choices: tuple[Any, ...] | None = one.choices
    if choices is None and one.kinds == {"boolean"}:
        choices = (False, True)
    if choices is None:
        return one
    out = identity(other.choices[0])
    return _consistent(attrs.evolve(one, choices=tuple(each for each in choices if identity(each) != out)))


def _consistent(type_: Type) -> Type:
    """The same, with the kinds that its choices have."""
    if type_.choices is None:
        return type_
    kinds: frozenset[str] = frozenset().union(*(of_value(each).kinds for each in type_.choices))
    return attrs.evolve(type_, kinds=type_.kinds & kinds)
