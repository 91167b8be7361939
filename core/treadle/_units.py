"""Durations and sizes: text with a unit in specs, seconds and bytes in code.

Rule 1: a duration without a unit is an error, never a guess.
Rule 2: what `format_duration` writes reads back the same, to the millisecond; `format_size` exactly.
Rule 3: sums are made in decimal, so ``0.1s`` is the float 0.1 and nothing near it.
"""

from __future__ import annotations

import functools
import math
import re
from decimal import Decimal

from treadle._near import did_you_mean

MAX_SECONDS = 100 * 365 * 86400
"""The longest duration: a hundred years of 365 days."""

MAX_BYTES = 2**63 - 1

_MAX_TEXT = 100
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_SECONDS: dict[str, Decimal | int] = {
    "w": 604_800,
    "d": 86_400,
    "h": 3_600,
    "m": 60,
    "s": 1,
    "ms": Decimal("0.001"),
}
# Texts, compiled when first used: many processes use none of them.
_SHORT = "".join(f"(?:{_NUMBER}{unit})?" for unit in _SECONDS)
_ISO = f"P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
_BARE = r"[0-9]+(?:\.[0-9]+)?"

_BINARY = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_DECIMAL = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES = {"": 1, "B": 1} | _BINARY | _DECIMAL
_SIZE = _NUMBER + r" ?([A-Za-z]*)"


def parse_duration(text: str) -> float:
    """Seconds, from ``250ms``, ``30s``, ``1.5h``, ``1h30m``, ``2d``, ``1w`` or ISO 8601 as ``PT1H30M``.

    Raises:
      ValueError: no unit, an unknown unit, units out of order, negative, or over a hundred years.
    """
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise ValueError(f"a duration of {len(text)} characters is too long; write it as 1h30m")
    found = re.fullmatch(_SHORT, text) or re.fullmatch(_ISO, text)
    if found is None or found.lastindex is None:
        raise ValueError(_not_a_duration(text))
    units = zip(found.groups(), _SECONDS.values(), strict=False)
    seconds = sum((Decimal(number) * unit for number, unit in units if number is not None), Decimal(0))
    if seconds > MAX_SECONDS:
        raise ValueError(f"{text!r} is longer than 100 years, the most there is")
    return float(seconds)


def _not_a_duration(text: str) -> str:
    if re.fullmatch(_BARE, text):
        return f"{text!r} has no unit; add one, as {text}s or {text}m"
    if text.startswith("-"):
        return f"{text!r} is negative; durations are not"
    return f"{text!r} is not a duration; write it as 250ms, 30s, 5m, 1h30m, 2d or PT1H30M, largest unit first"


@functools.lru_cache(maxsize=256)  # each attempt that has a timeout asks
def format_duration(seconds: float) -> str:
    """The duration as a spec writes it, exact to the millisecond: ``1h30m``, ``1.5s``, ``250ms``, ``0s``.

    Raises:
      ValueError: *seconds* is negative, or not finite.
    """
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"a duration is finite and not negative, but this is {seconds}")
    milliseconds = round(seconds * 1000)
    weeks, rest = divmod(milliseconds, 604_800_000)
    if weeks and not rest:
        return f"{weeks}w"
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        count, milliseconds = divmod(milliseconds, size)
        parts.append(f"{count}{unit}" if count else "")
    return "".join(parts) + _format_seconds(milliseconds) or "0s"


def _format_seconds(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    if not whole:
        return f"{rest}ms" if rest else ""
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".") + "s" if rest else f"{whole}s"


def parse_size(value: str | int) -> int:
    """Bytes, from a number of them or text as ``512``, ``64KiB``, ``1.5MiB``, ``2GB``.

    Raises:
      ValueError: not a number, an unknown unit, negative, a part of a byte, or 2**63 and more.
    """
    text = str(value).strip()
    found = re.fullmatch(_SIZE, text) if len(text) <= _MAX_TEXT and not isinstance(value, bool) else None
    if found is None:
        raise ValueError(f"{text[:_MAX_TEXT]!r} is not a size; write it as 512, 64KiB or 1MiB")
    number, unit = found.groups()
    if unit not in _SIZES:
        raise ValueError(f"{text!r} has the unknown unit {unit!r}; {_near_unit(unit)}")
    size = Decimal(number) * _SIZES[unit]
    if size != int(size):
        raise ValueError(f"{text!r} is not a whole number of bytes")
    if size > MAX_BYTES:
        raise ValueError(f"{text!r} is more than the largest size, {MAX_BYTES} bytes")
    return int(size)


def _near_unit(unit: str) -> str:
    by_lower = {known.lower(): known for known in _SIZES if known}
    guess = by_lower.get(unit.lower()) or by_lower.get(unit.lower() + "ib")
    if guess:
        return f"did you mean {guess!r}?"
    return did_you_mean(unit, by_lower.values()) or f"write one of {', '.join(sorted(by_lower.values()))}"


def format_size(size: int) -> str:
    """The size as a spec writes it, exact: ``64KiB``, ``5MB``, ``513B``.

    Raises:
      ValueError: *size* is negative.
    """
    if size < 0:
        raise ValueError(f"a size is not negative, but this is {size}")
    for units in (_BINARY, _DECIMAL):
        for unit, factor in reversed(units.items()):
            if size and size % factor == 0:
                return f"{size // factor}{unit}"
    return f"{size}B"
