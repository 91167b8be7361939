"""Plain data as YAML in a random style, with the line of every part.

Rule: what is written reads back as the same data; which quotes and brackets stand around it is chance.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    import random

Place = tuple[str | int, ...]
"""Where a part is: the keys and indexes that lead to it."""

_PLAIN = re.compile(r"[A-Za-z_./][\w ./()+*$=<>-]*[\w)]|[A-Za-z_]")
_WORDS = re.compile(r"(?i)(true|false|null|nan|inf|yes|no|on|off|~)\Z")


@attrs.define
class Text:
    """Lines of YAML, and the number of the one that each part begins on, from 1."""

    lines: list[str]
    line_of: dict[Place, int]

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


def written(tree: dict[str, Any], rng: random.Random) -> Text:
    """*tree* as one document."""
    text = Text([], {})
    _mapping(text, tree, (), "", rng)
    return text


def _mapping(text: Text, tree: dict[str, Any], place: Place, margin: str, rng: random.Random) -> None:
    for key, item in tree.items():
        _entry(text, f"{margin}{_key(key)}:", item, (*place, key), margin + "  ", rng)


def _sequence(text: Text, items: list[Any], place: Place, margin: str, rng: random.Random) -> None:
    for index, item in enumerate(items):
        at = (*place, index)
        if isinstance(item, dict) and item and _flows(item, rng):
            text.line_of[at] = len(text.lines) + 1
            _inner(text, item, at)
            text.lines.append(f"{margin}- {flow(item, rng)}")
        elif isinstance(item, dict) and item:
            text.line_of[at] = len(text.lines) + 1
            begin = len(text.lines)
            _mapping(text, item, at, margin + "  ", rng)
            text.lines[begin] = f"{margin}- {text.lines[begin].lstrip()}"
        else:
            _entry(text, f"{margin}-", item, at, margin + "  ", rng)


def _entry(text: Text, head: str, item: Any, place: Place, margin: str, rng: random.Random) -> None:
    text.line_of[place] = len(text.lines) + 1
    if isinstance(item, str) and "\n" in item:
        text.lines += [f"{head} |", *(margin + line for line in item.removesuffix("\n").split("\n"))]
    elif not isinstance(item, dict | list) or not item or _flows(item, rng):
        _inner(text, item, place)
        text.lines.append(f"{head} {flow(item, rng)}".rstrip() if item is not None else f"{head} null")
    else:
        text.lines.append(head)
        write = _mapping if isinstance(item, dict) else _sequence
        write(text, item, place, margin, rng)  # type: ignore[arg-type]


def _inner(text: Text, item: Any, place: Place) -> None:
    """All within a part that is written on one line begin on that line."""
    parts = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    for key, inner in parts:
        text.line_of[*place, key] = text.line_of[place]
        _inner(text, inner, (*place, key))


def _flows(item: Any, rng: random.Random) -> bool:
    shown = json.dumps(item)
    return len(shown) < 70 and "\\n" not in shown and rng.random() < 0.4


def flow(item: Any, rng: random.Random) -> str:
    """One line of YAML."""
    if isinstance(item, dict):
        return "{" + ", ".join(f"{_key(key)}: {flow(each, rng)}" for key, each in item.items()) + "}"
    if isinstance(item, list):
        return "[" + ", ".join(flow(each, rng) for each in item) + "]"
    return _scalar(item, rng) if isinstance(item, str) else json.dumps(item)


def _scalar(item: str, rng: random.Random) -> str:
    if rng.random() < 0.6 and _PLAIN.fullmatch(item) and not _WORDS.match(item):
        return item
    if rng.random() < 0.5 and item.isprintable():
        return "'" + item.replace("'", "''") + "'"
    return json.dumps(item)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][\w.-]*", key) and not _WORDS.match(key) else json.dumps(key)
