"""What inference complains of, in the words that people read.

Rule 1: a message names the part as it was written, says what it is, and what was wanted.
Rule 2: a fix is something to write; where there is no single one, it shows the shape.
"""

from __future__ import annotations

import ast
import itertools
import re
from typing import TYPE_CHECKING

import attrs

from treadle._expr.references import literal_key, unchained
from treadle._expr.types import Type
from treadle._near import near_or_all, nearest
from treadle._values import Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_STAND_INS = {"boolean": "false", "number": "0", "text": "''", "list": "[]", "mapping": "{}"}
_LENGTHS = frozenset({"length", "len", "size", "count"})
_MANY_FIELDS = 12
_MANY_NAMES = 1000


@attrs.frozen(eq=False, repr=False)
class Complaint(Value):
    """One mistake in an expression, found before there are values.

    Attributes:
      code: as ``TRD431``.
      offset: of the part concerned, in characters from the start of the text that was parsed.
      message: what is wrong, one sentence without a full stop.
      fix: what to write instead; may be empty.
    """

    code: str
    offset: int
    message: str
    fix: str = ""


def with_default(text: str, type_: Type, stand_in: str = "") -> str:
    """The fix for what may not be there; *stand_in* is what is written for it, if the place says so."""
    kinds = type_.kinds - {"null"}
    instead = _STAND_INS[next(iter(kinds))] if len(kinds) == 1 else "…"
    return f"write default({text}, {stand_in or instead})"


def only_null(node: ast.expr, type_: Type) -> str:
    """The fix for *node*, which is always null, so that any stand-in for it would always be taken."""
    if not type_.unless:
        return "leave it out, as it is always null"
    base, links = unchained(node)
    keys = [literal_key(link) for link in links]
    named = isinstance(base, ast.Name) and base.id == "steps" and len(keys) == 3 and keys[1] == "output"
    return f"give {f'step {keys[0]!r}' if named else 'the step'} {type_.unless}"


def no_field(subject: str, type_: Type, key: str | int) -> tuple[str, str]:
    """Why *subject* has no *key*, and what to write."""
    if "mapping" in type_.kinds and isinstance(key, str):
        fields = [str(name) for name in type_.fields or ()]
        hint = near_or_all(key, fields) if len(fields) <= _MANY_FIELDS else _near(key, fields)
        return f"{subject} has no field {key!r}", hint
    if isinstance(key, int):
        hint = "a mapping is indexed by text" if "mapping" in type_.kinds else ""
        if type_.kinds == {"text"}:
            return f"{subject} is text and has no element [{key}]", f"write split({subject}, ',') for a list"
        return f"{subject} is {type_} and has no element [{key}]", hint
    return f"{subject} is {type_} and has no field {key!r}", _instead_of_field(subject, type_, key)


def _instead_of_field(subject: str, type_: Type, key: str) -> str:
    if key in _LENGTHS and type_.kinds <= {"text", "list"}:
        return f"write len({subject})"
    if type_.kinds == {"list"}:
        return f"write {subject}[0] for its first element"
    if type_.kinds == {"text"} and type_.choices is None:
        return f"write from_json({subject}).{key} if it is JSON"
    return ""


def _near(word: str, known: Iterable[str]) -> str:
    near = nearest(word, itertools.islice(known, _MANY_NAMES))
    return f"did you mean {near!r}?" if near else ""


def remedy(text: str, type_: Type, wanted: Collection[str]) -> str:
    """How to make of *text*, which is of *type_*, one of the kinds that are *wanted*."""
    for kind in sorted(type_.kinds):
        if found := _remedy(text, kind, wanted):
            return found
    return ""


def _remedy(text: str, kind: str, wanted: Collection[str]) -> str:
    if "text" in wanted and kind in {"number", "boolean"}:
        return f"write string({text})"
    if "text" in wanted and kind in {"list", "mapping"} and "list" not in wanted:
        return f"write join({text}, ', ')" if kind == "list" else f"write json({text})"
    if "number" in wanted and kind == "text":
        # what is written as a duration is none of the numbers that `float` reads
        return f"write duration({text})" if is_duration(text) else f"write float({text})"
    if "boolean" in wanted:
        return {
            "text": f"write a comparison, as {text} == '…'",
            "number": f"write a comparison, as {text} > 0",
        }.get(kind, f"write a comparison, as len({text}) > 0")
    if "list" in wanted and kind == "text":
        return f"write split({text}, ',')"
    return ""


def is_duration(text: str) -> bool:
    """Whether *text* is a literal as ``'5m'``: digits with a unit."""
    return re.fullmatch(r"""(["'])(\d+(\.\d+)?(ms|[smhdw]))+\1""", text) is not None


def lists_joined(left: str, right: str) -> str:
    """The fix for ``+`` between lists."""
    return f"write flatten([{left}, {right}]) to join lists"


@attrs.frozen(eq=False)
class Side:
    """One side of a comparison."""

    node: ast.expr
    text: str
    type: Type

    @property
    def constant(self) -> bool:
        """Whether it is written out."""
        return isinstance(self.node, ast.Constant)


def never_equal(left: Side, right: Side, *, negated: bool) -> tuple[str, str]:
    """Why two sides are never the same, and what to write."""
    outcome = "always true" if negated else "never true"
    symbol = "!=" if negated else "=="
    if right.type.kinds == {"null"} or left.type.kinds == {"null"}:
        other = left if right.type.kinds == {"null"} else right
        return f"{other.text} is never null, so this is {outcome}", "leave the comparison out"
    if left.constant and not right.constant:
        left, right = right, left
    if left.type.kinds & right.type.kinds and left.type.choices and right.type.choices:
        near = _near(str(right.type.choices[0]), map(str, left.type.choices))
        return f"{left.text} is never {right.type}, so this is {outcome}", near or f"it is {left.type}"
    shown = f"{right.text} is {_kinds(right.type)}"
    message = f"{left.text} is {_kinds(left.type)}, and {shown}, so '{symbol}' is {outcome}"
    return message, _same_kind(left, right, symbol)


def _kinds(type_: Type) -> str:
    return str(attrs.evolve(type_, choices=None))


def _same_kind(left: Side, right: Side, symbol: str) -> str:
    """How to compare what is of two kinds: *right* is the constant, if one is."""
    if not right.constant:
        if {left.type.kinds, right.type.kinds} == {frozenset({"text"}), frozenset({"number"})}:
            number = left if left.type.kinds == {"number"} else right
            return f"write string({number.text})"
        return ""
    assert isinstance(right.node, ast.Constant)
    word = right.node.value
    if left.type.kinds == {"boolean"} and word in ("true", "false", "True", "False", "yes", "no"):
        wanted = (word in ("true", "True", "yes")) is (symbol == "==")
        plain = "true" if word in ("true", "True", "yes") else "false"
        return f"write {left.text if wanted else f'not {left.text}'}, or {symbol} {plain} without quotes"
    if left.type.kinds - {"null"} == {"number"} and is_number(word):
        return f"write {word!s} without quotes"
    if left.type.kinds - {"null"} == {"text"} and right.type.kinds == {"number"}:
        return f"write '{right.text}' in quotes"
    return ""


def is_number(word: object) -> bool:
    """Whether *word* is text that spells a number."""
    return isinstance(word, str) and word.removeprefix("-").replace(".", "", 1).isdecimal() and word.isascii()


def none_in(item: Side, container: Side, *, negated: bool) -> tuple[str, str]:
    """Why no element of *container* is ever *item*, and what to write."""
    outcome = "always true" if negated else "never true"
    inside = container.type.item
    assert inside is not None
    message = f"no element of {container.text} can be {item.text}, which is {item.type}, so this is {outcome}"
    if item.type.choices and inside.choices:
        found = (_near(str(each), map(str, item.type.choices)) for each in inside.choices)
        return message, next(filter(None, found), "")
    return message, ""
