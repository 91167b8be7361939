"""Plain data as YAML that reads back as the same data, in its order, with one way of writing for each value.

Rule: text stands plain only where every reader of YAML 1.1 and 1.2 takes it for that text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from treadle._spec.scalars import NotJson, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = r"[A-Za-z_/.$][\w/.$()=+-]*(?: [\w/.$()=+<>-]+)*\Z"
_DURATION = r"[0-9]+(?:ms|[smhdw])\Z"
_DOUBTFUL = r"(?i)(?:y|n|yes|no|on|off|true|false|null|\.nan|[-+]?\.inf)\Z"
_STEP = "  "


def dump(data: Any) -> str:
    """*data*, a mapping or list, as a document; keys are text, and numbers finite."""
    return "\n".join(_lines(data, "")) + "\n"


def _lines(data: Any, margin: str) -> Iterator[str]:
    """The lines of a list or mapping that is not empty."""
    if isinstance(data, list):
        for item in data:
            yield from _item(item, margin)
        return
    for key, value in data.items():
        name = f"{margin}{_text(key)}:"
        if _is_nested(value):
            yield name
            yield from _lines(value, margin + _STEP)
        else:
            yield from _scalar(value, name, margin)


def _item(item: Any, margin: str) -> Iterator[str]:
    if not _is_nested(item):
        yield from _scalar(item, f"{margin}-", margin)
        return
    first, *others = _lines(item, margin + _STEP)
    yield f"{margin}- {first[len(margin) + 2 :]}"
    yield from others


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict) and bool(value)


def _scalar(value: Any, before: str, margin: str) -> Iterator[str]:
    """The lines of a value that is no list or mapping, or an empty one."""
    if isinstance(value, str) and _is_block(value):
        sign = "|" if value.endswith("\n") else "|-"
        yield f"{before} {sign}"
        for line in value.removesuffix("\n").split("\n"):
            yield f"{margin}{_STEP}{line}" if line else ""
    else:
        yield f"{before} {_text(value) if isinstance(value, str) else json.dumps(value)}"


def _is_block(text: str) -> bool:
    """Whether *text* can stand in lines as it is: more than one, none of them strange at its ends."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and bool(lines[0])
        and bool(lines[-1])
        and not lines[0].startswith(" ")
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _text(text: str) -> str:
    plain = re.match(_PLAIN, text, re.ASCII) or re.match(_DURATION, text)
    if plain and not re.match(_DOUBTFUL, text) and _is_text(text):
        return text
    if text.isprintable() and "'" not in text and ("\\" in text or '"' in text):
        return f"'{text}'"
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else _escaped(one) for one in quoted)


def _is_text(text: str) -> bool:
    try:
        return isinstance(resolve(text), str)
    except NotJson:
        return False


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
