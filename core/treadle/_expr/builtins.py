"""The fixed table of functions: numbers, texts, lists and mappings.

Rule 1: what a function takes is said once, in its row: `builtin` names the kinds, and checks them.
Rule 2: the size of a result is known to be within bounds before it is made.
Rule 3: nothing here changes a value it was given; results may share parts with them.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from treadle._expr.errors import Unusable
from treadle._expr.functions import Function
from treadle._expr.operators import contains as _contains
from treadle._expr.patterns import compile_pattern
from treadle._expr.values import (
    MAX_ITEMS,
    a_kind,
    as_text,
    bounded_integer,
    bounded_number,
    few_enough,
    identity,
    kind_of,
    short_enough,
)

BUILTINS: dict[str, Function] = {}
"""Every built-in function by name; `treadle._expr` freezes it once all modules have added theirs."""

TAKES: dict[str, tuple[tuple[str, ...], str]] = {}
"""The kinds of what each takes in order, and of all after them, as `builtin` is told them."""

F = TypeVar("F", bound=Callable[..., Any])
_ORDINALS = ("first", "second", "third")


def builtin(signature: str, *kinds: str, rest: str = "any") -> Callable[[F], F]:
    """Add a function to the table; *kinds* are those of its values in order, *rest* of all after them.

    A kind is one of `kind_of`, ``integer``, ``any``, or several with ``|`` between them.
    The docstring is what people read.
    """

    def add(call: F) -> F:
        name = signature.partition("(")[0]

        @functools.wraps(call)
        def call_checked(*values: Any) -> Any:
            for index, value in enumerate(values):
                _require(value, kinds[index] if index < len(kinds) else rest, signature, index)
            return call(*values)

        doc = (call.__doc__ or "").strip()
        TAKES[name] = kinds, rest
        BUILTINS[name] = Function(name=name, call=call_checked, signature=signature, doc=doc)
        return call

    return add


def _require(value: Any, wanted: str, signature: str, index: int) -> None:
    kind = kind_of(value)
    integer = wanted == "integer" and type(value) is int
    if not (integer or wanted == "any" or kind in wanted.split("|")):
        where = _ORDINALS[index] if index < len(_ORDINALS) else f"{index + 1}th"
        expected = wanted.replace("|", " or ")
        given = "a fraction" if kind == "number" and wanted == "integer" else a_kind(value)
        raise Unusable(f"the {where} value of {signature} is to be {expected}, not {given}")
    if kind == "text":
        short_enough(len(value))


def _all_of_one_kind(items: list[Any], name: str, kinds: tuple[str, ...]) -> list[Any]:
    found = {kind_of(item) for item in items}
    if len(found) > 1 or not found <= set(kinds):
        raise Unusable(
            f"{name} takes {' or '.join(f'{kind}s' for kind in kinds)}, not {' and '.join(sorted(found))}"
        )
    return items


# --- numbers ---------------------------------------------------------------------------------------


def _extreme(name: str, pick: Callable[[list[Any]], Any], values: tuple[Any, ...]) -> Any:
    items = list(values[0] if len(values) == 1 and kind_of(values[0]) == "list" else values)
    if not items:
        raise Unusable(f"{name} of an empty list; test len(x) first")
    return pick(_all_of_one_kind(items, name, ("number", "text")))


@builtin("min(list) or min(a, b, …)")
def _min(first: Any, *others: Any) -> Any:
    """The least of numbers or of texts."""
    return _extreme("min", min, (first, *others))


@builtin("max(list) or max(a, b, …)")
def _max(first: Any, *others: Any) -> Any:
    """The greatest of numbers or of texts."""
    return _extreme("max", max, (first, *others))


@builtin("sum(list)", "list")
def _sum(numbers: list[Any]) -> Any:
    """The sum of a list of numbers; 0 of an empty one."""
    return bounded_number(sum(_all_of_one_kind(numbers, "sum", ("number",))))


@builtin("round(number, digits)", "number", "integer")
def _round(number: Any, digits: int | None = None) -> Any:
    """The nearest integer, or the nearest number with so many digits, 0 to 15; halves go to the even one."""
    if digits is None:
        return bounded_integer(round(number))
    if not 0 <= digits <= 15:
        raise Unusable("round takes 0 to 15 digits")
    return round(number, digits)


@builtin("abs(number)", "number")
def _abs(number: Any) -> Any:
    """The number without its sign."""
    return bounded_number(abs(number))


@builtin("int(x)", "number|text")
def _int(value: Any) -> int:
    """The integer that text spells in decimal, or a number without its fraction."""
    if kind_of(value) == "number":
        return bounded_integer(math.trunc(value))
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,30}\s*", value):
        raise Unusable("int takes text that is an integer in decimal digits; this text is not")
    return bounded_integer(int(value))


@builtin("float(x)", "number|text")
def _float(value: Any) -> Any:
    """The number that text spells, or a number as one with a fraction."""
    if kind_of(value) == "text" and not re.fullmatch(
        r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", value
    ):
        raise Unusable("float takes text that is a number, as 1.5 or 2e3; this text is not")
    return bounded_number(float(value))


# --- texts -----------------------------------------------------------------------------------------


@builtin("string(x)", "text|number|boolean")
def _string(value: Any) -> str:
    """A number or a boolean as text, as it would stand in text."""
    return as_text(value)


@builtin("lower(text)", "text")
def _lower(text: str) -> str:
    """The text in lower case."""
    return text.lower()


@builtin("upper(text)", "text")
def _upper(text: str) -> str:
    """The text in upper case."""
    return text.upper()


@builtin("trim(text)", "text")
def _trim(text: str) -> str:
    """The text without white space at its ends."""
    return text.strip()


@builtin("split(text, separator)", "text", "text")
def _split(text: str, separator: str | None = None) -> list[str]:
    """The parts between separators; without a separator, the words."""
    if separator == "":
        raise Unusable("split takes a separator that is not empty; leave it out to get the words")
    parts = text.split(separator, MAX_ITEMS)
    few_enough(len(parts))
    return parts


@builtin("join(list, separator)", "list", "text")
def _join(items: list[Any], separator: str = "") -> str:
    """One text of texts, numbers and booleans, with the separator between them."""
    few_enough(len(items))
    texts = [as_text(item) for item in items]
    short_enough(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
    return separator.join(texts)


@builtin("replace(text, old, new)", "text", "text", "text")
def _replace(text: str, old: str, new: str) -> str:
    """The text with *new* for every *old*."""
    if not old:
        raise Unusable("replace takes an old text that is not empty")
    short_enough(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


@builtin("starts_with(text, prefix)", "text", "text")
def _starts_with(text: str, prefix: str) -> bool:
    """Whether the text begins with the prefix."""
    return text.startswith(prefix)


@builtin("ends_with(text, suffix)", "text", "text")
def _ends_with(text: str, suffix: str) -> bool:
    """Whether the text ends with the suffix."""
    return text.endswith(suffix)


@builtin("contains(x, item)", "text|list|mapping", "any")
def _contains_item(container: Any, item: Any) -> bool:
    """Whether a text has the part, a list the element, a mapping the key; the same as ``item in x``."""
    return _contains(container, item)


@builtin("matches(text, pattern)", "text", "text")
def _matches(text: str, pattern: str) -> bool:
    """Whether the whole text matches the pattern, in RE2 syntax."""
    return compile_pattern(pattern).fullmatch(text) is not None


# --- lists and mappings ----------------------------------------------------------------------------


@builtin("len(x)", "text|list|mapping")
def _len(value: Any) -> int:
    """How many characters, elements or keys there are."""
    return len(value)


@builtin("keys(mapping)", "mapping")
def _keys(mapping: dict[str, Any]) -> list[str]:
    """The keys, in order."""
    few_enough(len(mapping))
    return list(mapping)


@builtin("values(mapping)", "mapping")
def _values(mapping: dict[str, Any]) -> list[Any]:
    """The values, in the order of the keys."""
    few_enough(len(mapping))
    return list(mapping.values())


@builtin("sort(list)", "list")
def _sort(items: list[Any]) -> list[Any]:
    """The numbers or the texts of a list, least first."""
    few_enough(len(items))
    return sorted(_all_of_one_kind(items, "sort", ("number", "text")))


@builtin("unique(list)", "list")
def _unique(items: list[Any]) -> list[Any]:
    """The elements without those that came before."""
    few_enough(len(items))
    found: dict[Any, Any] = {}
    for key, item in zip(identity(items)[1:], items, strict=True):
        found.setdefault(key, item)
    return list(found.values())


@builtin("flatten(list)", "list")
def _flatten(items: list[Any]) -> list[Any]:
    """One list of the elements of those elements that are lists, and of the others; one level."""
    few_enough(sum(len(item) if kind_of(item) == "list" else 1 for item in items))
    return [part for item in items for part in (item if kind_of(item) == "list" else [item])]


@builtin("range(stop) or range(start, stop, step)", "integer", "integer", "integer")
def _range(start: int, stop: int | None = None, step: int = 1) -> list[int]:
    """The integers from start (or 0) to below stop."""
    if step == 0:
        raise Unusable("range takes a step that is not 0")
    first, last = (0, start) if stop is None else (start, stop)
    numbers = list(itertools.islice(range(first, last, step), MAX_ITEMS + 1))
    few_enough(len(numbers))
    return numbers


@builtin("product(list, list, …)", "list", rest="list")
def _product(first: list[Any], *others: list[Any]) -> list[list[Any]]:
    """Every combination of one element of each list, as lists; the last list turns fastest."""
    lists = (first, *others)
    few_enough(math.prod(map(len, lists)) * len(lists))
    return [list(each) for each in itertools.product(*lists)]


@builtin("zip(list, list, …)", "list", rest="list")
def _zip(first: list[Any], *others: list[Any]) -> list[list[Any]]:
    """The first elements of all lists, the second, and so on; the lists are equally long."""
    if any(len(other) != len(first) for other in others):
        raise Unusable(
            "zip takes lists of one length; these are " + ", ".join(str(len(x)) for x in (first, *others))
        )
    few_enough(len(first) * (1 + len(others)))
    return [list(each) for each in zip(first, *others, strict=True)]


# --- forms: the evaluator knows them by name; the rows are for people, and for counting values ---------


@builtin("default(x, y)")
def _default(x: Any, y: Any) -> Any:
    """The value of x, or y where anything in x is absent or null; y is evaluated only then."""
    raise NotImplementedError


@builtin("now()")
def _now() -> float:
    """The time in seconds since the start of 1970, UTC; the same throughout an attempt."""
    raise NotImplementedError
