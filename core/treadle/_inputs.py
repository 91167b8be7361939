"""The inputs of a run against what the workflow declares.

Rule 1: nothing is converted but durations, from text with a unit to seconds; 3 is no text and 1 no truth.
Rule 2: every problem at once; the values come back whole and in the order of the declarations.
Rule 3: `min` and `max` bound numbers and durations by value, text and lists by length, mappings by size.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from treadle._expr import compile_pattern
from treadle._model import MAX_DEPTH, Input
from treadle._near import did_you_mean, near_or_all
from treadle._settings.types import shown
from treadle._settings.verbatim import fresh
from treadle._units import format_duration, parse_duration
from treadle.errors import Problem

WANTED = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "duration": "a duration as 30s",
    "list": "a list",
    "object": "a mapping",
}
"""What each type takes, as messages say it."""

MISSING = "TRD602"
"""The code of the problem that a required value is not given."""

_NONE = {"input": "the workflow declares no inputs", "field": "the approval asks for no fields"}


def check_inputs(
    declared: Mapping[str, Input], given: Mapping[str, Any], what: str = "input"
) -> tuple[dict[str, Any], list[Problem]]:
    """The values of all declared inputs, defaults filled in, and everything that is wrong with *given*.

    Durations come back in seconds. With problems, the values are not complete. *what* messages call them.
    """
    problems = [_unknown(name, declared, what) for name in given if name not in declared]
    values: dict[str, Any] = {}
    for name, item in declared.items():
        if name in given and not (given[name] is None and not item.required and item.default is None):
            value, wrong = check_value(item, given[name], f"{what}s.{name}")
            problems += wrong
            values[name] = value
        elif item.required:
            fix = f"give {WANTED[item.type]}" if not item.secret else "give the name of a secret"
            said = f"the {what} {name!r} is missing"
            problems.append(Problem(said, f"{what}s.{name}", fix, code=MISSING))
        else:
            values[name] = fresh(item.default)
    return values, problems


def parse_input(declared: Input, text: str) -> Any:
    """*text* from a command line as a value for `check_inputs`. Raises ValueError with what to write.

    Lists and mappings are JSON. Durations stay text.
    """
    parse = _FROM_TEXT.get(declared.type)
    return text if parse is None or declared.secret else parse(text)


def check_value(declared: Input, value: Any, path: str) -> tuple[Any, list[Problem]]:
    """*value* as the run will see it, and what is wrong with it."""
    problems = [Problem(said, at, fix, code="TRD603") for at, said, fix in _wrong(declared, value, path)]
    return (None if problems else _converted(declared, value)), problems


def _unknown(name: Any, declared: Mapping[str, Input], what: str) -> Problem:
    fix = near_or_all(str(name), declared) or _NONE[what]
    return Problem(f"there is no {what} {name!r}", f"{what}s.{name}", fix, code="TRD601")


def _converted(declared: Input, value: Any) -> Any:
    if declared.type == "duration":
        return parse_duration(value)
    if declared.type == "list" and declared.items is not None:
        return [_converted(declared.items, item) for item in value]
    return fresh(value)


# --- declarations as plain data --------------------------------------------------------------------


def input_data(declared: Input) -> dict[str, Any]:
    """A declaration as plain data, without its name and without what is as usual, but for its type."""
    data = {
        field.name: value
        for field in attrs.fields(Input)
        if field.name != "name" and (value := getattr(declared, field.name)) != field.default
    }
    data["type"] = declared.type
    if declared.items is not None:
        data["items"] = input_data(declared.items)
    if declared.enum is not None:
        data["enum"] = list(declared.enum)
    return data


def input_from_data(name: str, data: Mapping[str, Any]) -> Input:
    """The inverse of `input_data`."""
    given = dict(data)
    if given.get("items") is not None:
        given["items"] = input_from_data(name, given["items"])
    if given.get("enum") is not None:
        given["enum"] = tuple(given["enum"])
    return Input(name=name, **given)


# --- what is wrong ---------------------------------------------------------------------------------

Wrong = Iterator[tuple[str, str, str]]
"""Path, message and fix of each thing."""


def _wrong(declared: Input, value: Any, path: str) -> Wrong:
    if declared.secret:
        if not isinstance(value, str) or not value.isidentifier():
            yield (
                path,
                f"expected the name of a secret, got {shown(value)}",
                "the value itself is never given here",
            )
        return
    if not _is(declared.type, value):
        fix = "add a unit: " + f"'{value}s'" if declared.type == "duration" and _is("number", value) else ""
        yield path, f"expected {WANTED[declared.type]}, got {shown(value)}", fix
        return
    unreadable = _why_no_duration(value) if declared.type == "duration" else None
    if unreadable:
        yield path, unreadable, ""
        return
    yield from _wrong_parts(declared, value, path)
    yield from _out_of_range(declared, value, path)
    yield from _not_chosen(declared, value, path)
    if declared.pattern is not None and not compile_pattern(declared.pattern).fullmatch(value):
        yield (
            path,
            f"{shown(value)} does not match the pattern {declared.pattern}",
            "the whole text must match",
        )


def _is(kind: str, value: Any) -> bool:
    return bool(_CHECKS[kind](value))


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "duration": lambda value: isinstance(value, str),
    "list": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping) and all(isinstance(key, str) for key in value),
}


def _why_no_duration(value: str) -> str | None:
    try:
        parse_duration(value)
    except ValueError as exc:
        return str(exc)
    return None


def _wrong_parts(declared: Input, value: Any, path: str) -> Wrong:
    if declared.type == "list" and declared.items is not None:
        for index, item in enumerate(value):
            yield from _wrong(declared.items, item, f"{path}[{index}]")
    elif declared.type in ("list", "object"):
        yield from _not_plain(value, path, 0)


def _not_plain(value: Any, path: str, depth: int) -> Wrong:
    """What in *value* no journal can hold."""
    if depth > MAX_DEPTH:
        yield path, f"the value is nested more than {MAX_DEPTH} deep", "make it flatter"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield path, f"the key {key!r} is not text", "use text for keys"
            yield from _not_plain(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _not_plain(item, f"{path}[{index}]", depth + 1)
    elif not (value is None or isinstance(value, str | bool) or _is_number(value)):
        yield (
            path,
            f"{shown(value)} is no plain data",
            "use mappings, lists, text, numbers, booleans and null",
        )


def _out_of_range(declared: Input, value: Any, path: str) -> Wrong:
    measured = _measure(declared.type, value)
    what, show = _SIZES.get(declared.type, ("", _number))
    if declared.type == "duration":
        show = format_duration
    if declared.min is not None and measured < declared.min:
        yield path, f"expected at least {show(declared.min)}{what}, got {show(measured)}", ""
    if declared.max is not None and measured > declared.max:
        yield path, f"expected at most {show(declared.max)}{what}, got {show(measured)}", ""


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_SIZES: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "string": (" characters", _number),
    "list": (" items", _number),
    "object": (" entries", _number),
}


def _measure(kind: str, value: Any) -> float:
    if kind == "duration":
        return parse_duration(value)
    return len(value) if kind in _SIZES else value


def _not_chosen(declared: Input, value: Any, path: str) -> Wrong:
    if declared.enum is None:
        return
    if declared.type == "duration":
        value = parse_duration(value)
    if not any(
        choice == value and isinstance(choice, bool) is isinstance(value, bool) for choice in declared.enum
    ):
        choices = ", ".join(map(_choice, declared.enum))
        fix = did_you_mean(value, map(str, declared.enum)) if isinstance(value, str) else ""
        yield path, f"expected one of {choices}, got {shown(value)}", fix


def _choice(value: Any) -> str:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else shown(value)


# --- from a command line ---------------------------------------------------------------------------


def _parse_integer(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number") from None
    if "_" in text:
        raise ValueError(f"{text!r} is no whole number")
    return number


def _parse_number(text: str) -> int | float:
    try:
        return _parse_integer(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not math.isfinite(number) or "_" in text:
        raise ValueError(f"{text!r} is no number")
    return number


def _parse_boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _parse_json(kind: type, wanted: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, kind):
            return value
        raise ValueError(f"{text[:60]!r} is no {wanted} in JSON")

    return parse


_FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "integer": _parse_integer,
    "number": _parse_number,
    "boolean": _parse_boolean,
    "list": _parse_json(list, "list, as '[1, 2]',"),
    "object": _parse_json(dict, """mapping, as '{"a": 1}',"""),
}
