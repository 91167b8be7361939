"""What is given to inputs of a workflow and parameters of a template, against their declarations.

Rule: only what can never fit is refused, and null where none is taken; the rest is judged at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from treadle._expr import Template
from treadle._expr.types import KINDS, NUMBER, TEXT, Type, can_be_equal, or_null, union
from treadle._inputs import WANTED
from treadle._model import Input
from treadle._plan.types import declared_type, nullable

if TYPE_CHECKING:
    from treadle._places import Place

__all__ = ["Misfit", "misfit_of"]


def misfit_of(found: Type, declared: Input, *, seconds: bool = False) -> Literal["kind", "null", ""]:
    """Why *found* can be no value for *declared*: its ``kind``, or that it may be ``null``.

    A duration is text with its unit; with *seconds*, also a number of them.
    """
    taken = _taken(declared, seconds)
    if found.kinds == KINDS or found.is_never:
        return ""
    if not found.kinds & taken.kinds:
        return "null" if found.kinds == {"null"} else "kind"
    if not can_be_equal(found, taken) and "null" not in found.kinds & taken.kinds:
        return "kind"
    if declared.items is not None and found.kinds == {"list"} and found.item is not None:
        return "kind" if misfit_of(found.item, declared.items, seconds=seconds) == "kind" else ""
    return "null" if "null" in found.kinds - taken.kinds else ""


def _taken(declared: Input, seconds: bool) -> Type:
    if declared.type != "duration" or declared.secret:
        return declared_type(declared)
    found = union((TEXT, NUMBER)) if seconds else TEXT
    return or_null(found) if nullable(declared) else found


@attrs.frozen(eq=False, repr=False)
class Misfit:
    """A *value* of the type *found* that does not fit *declared*, which messages call *named*."""

    declared: Input
    value: Any
    found: Type
    named: str

    def problem(self, why: str, place: Place) -> tuple[str, Place, str, str]:
        """As `Problems.add` takes it; *why* as of `misfit_of`."""
        source, takes = self._source, f"{self.named} takes {self._taken()}"
        if why == "null":
            is_null = "is" if self.found.kinds == {"null"} else "may be"
            fix = f"write default({source}, …) with what to use instead"
            return "TRD435", place, f"{source} {is_null} null, and {takes}", fix
        what = f"{source} is {self._given()}" if self._is_one else f"{source} makes {self._given()}"
        return "TRD438", place, f"{takes}, and {what}", self._remedy()

    @property
    def _is_one(self) -> bool:
        return isinstance(self.value, Template) and bool(self.value.whole)

    @property
    def _source(self) -> str:
        if not isinstance(self.value, Template):
            return "this"
        return self.value.expressions[0].source if self.value.whole else "text around ${{ }}"

    @property
    def _chosen(self) -> bool:
        return self.declared.enum is not None and self.declared.type not in ("list", "object", "duration")

    def _taken(self) -> str:
        declared = self.declared
        if declared.secret:
            return "the name of a secret"
        if self._chosen:
            return str(declared_type(declared))
        each = f", each item {WANTED[declared.items.type]}" if declared.items is not None else ""
        return f"{WANTED[declared.type]}{each}"

    def _given(self) -> str:
        found = self.found
        if found.kinds == {"list"} and found.item is not None and self.declared.items is not None:
            return f"a list, each item {found.item}"
        return str(found)

    def _remedy(self) -> str:
        kind, kinds = self.declared.type, self.found.kinds
        if self.declared.secret or not self._is_one:
            return ""
        if kind == "string" and not self._chosen and kinds <= {"number", "boolean"}:
            return f"write string({self._source})"
        if kind == "duration" and kinds == {"number"}:
            return f"add a unit: '${{{{ {self._source} }}}}s'"
        if kind == "list" and kinds == {"text"}:
            return f"write split({self._source}, ',') if it is a list in text"
        return ""
