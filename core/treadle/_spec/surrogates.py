r"""JSON's two escapes for one character, as ``\ud83d\ude00``, which the YAML parser refuses.

Rule: what the parser reads is as long as what was written, so that its positions are those of the document.
"""

from __future__ import annotations

import re

_PAIR = r"(?i)(?<!\\)((?:\\\\)*)\\u(d)([89ab][0-9a-f]{2})\\u(d)([c-f][0-9a-f]{2})"
_STAND_IN = r"(?i)\\u(e)([89ab][0-9a-f]{2})\\u(e)([c-f][0-9a-f]{2})"
_TAKEN = r"(?i)[\ue800-\uefff]|\\u(?:0000)?e[89a-f]"
_HIGH, _LOW = 0xE800, 0xEC00
_NEXT = {"d": "e", "D": "E", "e": "d", "E": "D"}


def with_stand_ins(text: str) -> tuple[str, bool]:
    """*text* with characters for private use in place of halves; and whether there are any, to be `joined`.

    Where it has such characters of its own, pairs become one escape each, and columns behind them are less.
    """
    if not re.search(_PAIR, text):
        return text, False
    if re.search(_TAKEN, text):
        return re.sub(_PAIR, _shorter, text), False
    return re.sub(_PAIR, _stand_in, text), True


def joined(text: str, *, escaped: bool) -> str:
    """What was meant by *text*; where it was not *escaped*, a backslash is one."""
    if escaped:
        return re.sub("[\ue800-\uebff][\uec00-\uefff]", _character, text)
    return re.sub(_STAND_IN, lambda found: _swapped("", *found.groups()), text)


def length_at(text: str, at: int) -> int:
    """How long the pair is that begins at *at* of *text*; 0 if none does."""
    found = re.compile(_PAIR).match(text, at)
    return 0 if found is None or found[1] else found.end() - at


def _stand_in(found: re.Match[str]) -> str:
    return _swapped(*found.groups())


def _swapped(before: str, first: str, high: str, second: str, low: str) -> str:
    return f"{before}\\u{_NEXT[first]}{high}\\u{_NEXT[second]}{low}"


def _character(found: re.Match[str]) -> str:
    high, low = map(ord, found[0])
    return chr(0x10000 + ((high - _HIGH) << 10) + (low - _LOW))


def _shorter(found: re.Match[str]) -> str:
    high, low = int(f"d{found[3]}", 16), int(f"d{found[5]}", 16)
    return f"{found[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"
