"""The type at the end of a chain such as ``steps.build.output.stdout``, field by field.

Rule: what may be missing on the way is told once, at the first key where it may, by the name of the whole.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import attrs

from treadle._expr.complaints import no_field, only_null, with_default
from treadle._expr.references import CONSTANTS, Link, literal_key
from treadle._expr.results import item_of, value_of
from treadle._expr.syntax import offset_of
from treadle._expr.types import ANY, KINDS, NEVER, Type, union

if TYPE_CHECKING:
    from collections.abc import Callable

    from treadle._expr.infer import Inference
    from treadle._expr.narrowing import Facts

Path = tuple[str | int, ...]


_SETTLED = frozenset({"status", "error"})


@attrs.frozen(eq=False)
class _Missing:
    """Why there may be nothing: at `offset` of the expression; a stand-in cures it if there is no `fix`."""

    code: str
    offset: int
    message: str
    fix: str = ""


def followed(
    walk: Inference, base: ast.expr, links: list[Link], whole: ast.expr, given: Facts, guarded: bool
) -> Type:
    """The type of *whole*, which is *base* with *links* after it."""
    found, path = _start(walk, base, given, guarded)
    missing = None if guarded else _absence(walk, base, found, path, given)
    for link in links:
        if not guarded and missing is None:
            missing = _null(walk, link, found)
        before = found.without_null()
        key = literal_key(link)
        if key is None:
            assert isinstance(link, ast.Subscript)
            index = walk.of(link.slice, given, guarded)
            path, after = None, _indexed(walk, link, before, index)
        else:
            path = None if path is None else (*path, key)
            after = _field(walk, link, before, key, guarded)
        if after is None:
            return ANY
        found = given.get(path, after) if path is not None else after
        if not guarded and missing is None:
            missing = _absence(walk, link, found, path, given)
    if missing is not None:
        fix = missing.fix or with_default(walk.text(whole), found, walk.stand_in)
        walk.complain_at(missing.code, missing.offset, missing.message, fix)
        return ANY
    found = found.present()
    return found.without_null() if guarded else found


def type_of_path(path: Path, names: Callable[[str], Type], given: Facts) -> Type:
    """The type at the end of a path of literal keys; `ANY` where nothing is known of it."""
    return _at(path, names, given) or ANY


def type_at(walk: Inference, path: Path, given: Facts) -> Type | None:
    """As `type_of_path`; None where nothing is known."""
    return _at(path, walk.names, given)


def _at(path: Path, names: Callable[[str], Type], given: Facts) -> Type | None:
    found = given.get(path[:1]) or names(str(path[0]))
    for end, key in enumerate(path[1:], start=2):
        if isinstance(key, str):
            field = found.fields.get(key) if found.fields is not None else None
        else:
            field = found.item
        known = given.get(path[:end], field)
        if known is None:
            return None
        found = known
    return found


def _start(walk: Inference, base: ast.expr, given: Facts, guarded: bool) -> tuple[Type, Path | None]:
    if isinstance(base, ast.Name) and base.id not in CONSTANTS:
        path = (base.id,)
        return given.get(path) or walk.names(base.id), path
    return walk.of(base, given, guarded), None


def _absence(
    walk: Inference, node: ast.expr, found: Type, path: Path | None, given: Facts
) -> _Missing | None:
    if not found.absent or walk.instead or _depends(path, given) or _there_now(walk, path, given):
        return None
    message = f"{walk.text(node)} may be absent: {found.absent}"
    return _Missing("TRD434", _place(walk, node), message)


def _there_now(walk: Inference, path: Path | None, given: Facts) -> bool:
    """Whether something is there because of what is *given*, for those names of which that can be asked."""
    under: Callable[[Facts], Callable[[str], Type]] | None = getattr(walk.names, "under", None)
    if under is None or not given or path is None:
        return False
    found = _at(path, under(given), {})
    return found is not None and not found.absent


def _depends(path: Path | None, given: Facts) -> bool:
    """Whether it was asked how another step settled: this one may be there because of just that."""
    return (
        path is not None
        and path[0] == "steps"
        and any(
            len(known) == 3 and known[0] == "steps" and known[1:2] != path[1:2] and known[2] in _SETTLED
            for known in given
        )
    )


def _null(walk: Inference, link: Link, found: Type) -> _Missing | None:
    if "null" not in found.kinds or found.kinds == KINDS:
        return None
    always = found.kinds == {"null"}
    message = f"{walk.text(link.value)} {'is' if always else 'may be'} null, and null has no fields"
    return _Missing("TRD435", _place(walk, link), message, only_null(link.value, found) if always else "")


def _place(walk: Inference, node: ast.expr) -> int:
    """Where the last key of a chain stands."""
    if isinstance(node, ast.Attribute):
        assert node.end_col_offset is not None
        return len(walk.source.encode()[: node.end_col_offset].decode()) - len(node.attr)
    return offset_of(walk.source, node.slice if isinstance(node, ast.Subscript) else node)


def _field(walk: Inference, link: Link, found: Type, key: str | int, guarded: bool) -> Type | None:
    """The type of a literal *key* of *found*; None if it certainly has none, which is told.

    What is written may be given that key by whoever changes the spec, which is what ``default`` provides for.
    """
    if found.is_never:
        return NEVER
    if isinstance(key, int):
        if "list" in found.kinds:
            return item_of(found)
    elif "mapping" in found.kinds:
        field = found.fields.get(key) if found.fields is not None else None
        if field is not None:
            return field
        if found.fields is None or found.open or (guarded and found.written):
            return ANY
    walk.complain_at("TRD430", _place(walk, link), *no_field(walk.text(link.value), found, key))
    return None


def _indexed(walk: Inference, link: ast.Subscript, found: Type, index: Type) -> Type | None:
    """The type of an element of *found* that is told by a value of the type *index*."""
    if found.is_never or index.is_never:
        return NEVER
    if not found.kinds & {"list", "mapping"}:
        message = f"{walk.text(link.value)} is {found} and has no elements"
        walk.complain_at("TRD430", _place(walk, link), message)
        return None
    wanted = {kind for kind, of in (("text", "mapping"), ("number", "list")) if of in found.kinds}
    what = f"{walk.text(link.value)} is indexed by {Type(kinds=frozenset(wanted))}"
    if not walk.require(link.slice, index, frozenset(wanted), what):
        return None
    results = []
    if "list" in found.kinds and "number" in index.kinds:
        results.append(item_of(found))
    if "mapping" in found.kinds and "text" in index.kinds:
        results.append(_any_field(found, index))
    return union(results)


def _any_field(found: Type, index: Type) -> Type:
    if found.fields is None or found.open or index.choices is None:
        return value_of(found)
    fields = [found.fields.get(each) for each in index.choices if isinstance(each, str)]
    known = [each.present() for each in fields if each is not None]
    return union(known) if known else ANY
