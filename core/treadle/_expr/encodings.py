"""The fixed table of functions: JSON, encodings, and times.

Rule 1: a time is a number, seconds since the start of 1970 in UTC; zones exist only in texts.
Rule 2: what a format writes is a row of DIRECTIVES, so it does not depend on the machine's language.
"""

from __future__ import annotations

import base64
import datetime
import functools
import json
import re
import urllib.parse
from typing import TYPE_CHECKING, Any

from treadle._expr.builtins import builtin
from treadle._expr.errors import Unusable
from treadle._expr.values import MAX_TEXT, checked
from treadle._units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MAX_FORMAT = 200

# --- JSON and encodings ----------------------------------------------------------------------------


@builtin("json(x)")
def _json(value: Any) -> str:
    """The value as JSON on one line."""
    checked(value, max_text=MAX_TEXT)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@builtin("from_json(text)", "text")
def _from_json(text: str) -> Any:
    """The value that JSON text means."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as exc:
        raise Unusable(f"from_json: this is not JSON, at character {exc.pos}: {exc.msg}") from None
    except RecursionError:
        raise Unusable("from_json: this is nested too deep") from None
    except ValueError:  # thousands of digits, or NaN
        raise Unusable("from_json: this has a number that is none, or is too large") from None
    if "\\u" in text:
        _utf8("from_json", json.dumps(value, ensure_ascii=False))
    return checked(value)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _utf8(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unusable(f"{name}: the text has half a character, as \\ud800, in it") from None


@builtin("base64(text)", "text")
def _base64(text: str) -> str:
    """The UTF-8 bytes of the text in base 64."""
    return base64.b64encode(_utf8("base64", text)).decode("ascii")


@builtin("sha256(text)", "text")
def _sha256(text: str) -> str:
    """The SHA-256 of the UTF-8 bytes of the text, in hexadecimal."""
    import hashlib  # 2 ms, and few specs need it

    return hashlib.sha256(_utf8("sha256", text)).hexdigest()


@builtin("url_encode(text)", "text")
def _url_encode(text: str) -> str:
    """The text as it may stand in any part of a URL: all but letters, digits and ``-._~`` as ``%XX``."""
    return urllib.parse.quote(_utf8("url_encode", text), safe="")


# --- times -----------------------------------------------------------------------------------------


@builtin("duration(text)", "text")
def _duration(text: str) -> float:
    """The seconds of a duration, as ``duration('1h30m')``."""
    try:
        return parse_duration(text)
    except ValueError:
        raise Unusable("duration takes text as '30s', '1h30m' or 'PT1H30M'; this text is not") from None


@builtin("parse_time(text)", "text")
def _parse_time(text: str) -> float:
    """The seconds since 1970 of a time in ISO 8601 with its zone, as ``2030-01-31T12:00:00Z``."""
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise Unusable("parse_time takes text as '2030-01-31T12:00:00Z'; this text is not") from None
    if time.tzinfo is None:
        raise Unusable("parse_time takes a time with its zone; add Z, or an offset as +01:00")
    return (time - _EPOCH).total_seconds()


@builtin("format_time(seconds, format, zone)", "number", "text", "text")
def _format_time(seconds: float, form: str = "iso", zone: str = "UTC") -> str:
    """A time as text: ISO 8601, or by a format of as ``%Y-%m-%d``; in UTC or a named zone."""
    try:
        time = (_EPOCH + datetime.timedelta(seconds=seconds)).astimezone(_zone(zone))
    except OverflowError:
        raise Unusable("format_time takes seconds since 1970 that lie in the years 1 to 9999") from None
    if form == "iso":
        return time.isoformat(timespec="milliseconds" if time.microsecond else "seconds").replace(
            "+00:00", "Z"
        )
    if len(form) > _MAX_FORMAT:
        raise Unusable(f"format_time takes a format of at most {_MAX_FORMAT} characters")
    return re.sub("%(.?)", functools.partial(_directive, time), form, flags=re.DOTALL)


def _zone(name: str) -> datetime.tzinfo:
    if name == "UTC":
        return datetime.UTC
    import zoneinfo  # 2 ms, and few specs need it

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Unusable("format_time: there is no such time zone; write one as 'Europe/Zurich'") from None


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)

DIRECTIVES: dict[str, Callable[[datetime.datetime], str]] = {
    "Y": lambda time: f"{time.year:04}",
    "m": lambda time: f"{time.month:02}",
    "d": lambda time: f"{time.day:02}",
    "H": lambda time: f"{time.hour:02}",
    "I": lambda time: f"{(time.hour - 1) % 12 + 1:02}",
    "M": lambda time: f"{time.minute:02}",
    "S": lambda time: f"{time.second:02}",
    "f": lambda time: f"{time.microsecond:06}",
    "p": lambda time: "AM" if time.hour < 12 else "PM",
    "y": lambda time: f"{time.year % 100:02}",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "a": lambda time: _DAYS[time.weekday()][:3],
    "A": lambda time: _DAYS[time.weekday()],
    "b": lambda time: _MONTHS[time.month - 1][:3],
    "B": lambda time: _MONTHS[time.month - 1],
    "u": lambda time: str(time.isoweekday()),
    "G": lambda time: f"{time.isocalendar().year:04}",
    "V": lambda time: f"{time.isocalendar().week:02}",
    "z": lambda time: time.isoformat()[-6:].replace(":", "") if time.utcoffset() else "+0000",
    "%": lambda time: "%",
}
"""What may follow ``%`` in a format; names of days and months are English."""


def _directive(time: datetime.datetime, found: re.Match[str]) -> str:
    write = DIRECTIVES.get(found[1])
    if write is None:
        raise Unusable(
            "format_time: the format has a '%' that means nothing; it knows %" + " %".join(DIRECTIVES)
        )
    return write(time)
