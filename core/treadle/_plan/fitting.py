"""Whether what a template makes fits the place where it stands.

Rule: only what can never fit is refused, and null where none is taken; the rest is judged at run time.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from treadle._expr.complaints import only_null
from treadle._expr.types import INTEGER, TEXT, Type, list_of
from treadle._settings.fits import WORD, misfit
from treadle._settings.types import members_of, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._expr import Template
    from treadle._places import Place
    from treadle._plan.reads import Read

__all__ = ["unfit"]

_SCALAR = "text, a number, or true or false"
_WANTED: Mapping[str, tuple[Any, str]] = {
    "foreach": (list[Any] | dict[str, Any], "a list or a mapping"),
    "max_parallel": (int, "a whole number"),
    "workflow max_parallel": (int, "a whole number"),
    "concurrency": (WORD, _SCALAR),
    "env": (WORD, _SCALAR),
    "workflow env": (WORD, _SCALAR),
}
"""By the kind of a read: what its value must fit, and what that is called."""


def unfit(read: Read, template: Template, found: Type) -> Iterator[tuple[str, Place, str, str]]:
    """What is wrong with *found* where it is read, as `Problems.add` takes it; nothing if it fits."""
    annotation, said = _WANTED.get(read.kind, (read.wanted, ""))
    if annotation is Any or (read.kind == "foreach" and not _is_all(read, template)):
        return
    why = misfit(found, annotation)
    if not why:
        return
    key = read.place.path.rpartition(".")[2] or read.kind
    takes = f"{key} takes {said or wanted(annotation)}"
    source = template.expressions[0].source if template.whole else "text around ${{ }}"
    if why == "null":
        always = found.kinds == {"null"}
        message = f"{source} {'is' if always else 'may be'} null, and {takes}"
        fix = (
            only_null(template.expressions[0]._tree, found)
            if always
            else f"write default({source}, …) with what to use instead"
        )
        yield "TRD435", read.place, message, fix
    else:
        what = f"{source} is {found}" if template.whole else f"{source} makes text"
        yield "TRD438", read.place, f"{takes}, and {what}", _remedy(source, found, annotation)


def _is_all(read: Read, template: Template) -> bool:
    """Whether a template of a foreach is all of it, and no element."""
    return read.place.path.endswith("foreach")


def _remedy(source: str, found: Type, annotation: Any) -> str:
    if datetime in members_of(annotation) and found.kinds - {"null"} == {"number"}:
        return f"write format_time({source}) if it is seconds since 1970"
    if misfit(TEXT, annotation) == "" and found.kinds <= {"number", "boolean"}:
        return f"write string({source})"
    if misfit(list_of(), annotation) == "" and found.kinds == {"text"}:
        return f"write split({source}, ',') if it is a list in text"
    if misfit(list_of(), annotation) == "" and found.kinds - {"null"} == {"number"}:
        return f"write range({source}) to count from 0"
    free_text = found.kinds == {"text"} and not found.choices and "${{" not in source
    if misfit(INTEGER, annotation) == "" and free_text:
        return f"write int({source}) if it is a number in text"
    if misfit(TEXT, annotation) == "" and found.kinds == {"mapping"} and "stdout" in (found.fields or ()):
        return f"write {source}.stdout"
    return ""
