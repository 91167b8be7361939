"""What an unquoted scalar means: YAML 1.2's core schema, and nothing of YAML 1.1.

Rule: ``on``, ``no``, ``12:30`` and ``010`` are text. Only what JSON has can come out.
"""

from __future__ import annotations

import math
import re
from typing import Any

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_OTHER_BASE = r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z"  # these three are compiled when first used
_FLOAT = r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"
_NOT_FINITE = r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"

_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMERIC = frozenset("0123456789+-.")

_TAGGED = {
    "tag:yaml.org,2002:int": (int,),
    "tag:yaml.org,2002:float": (float, int),
    "tag:yaml.org,2002:bool": (bool,),
    "tag:yaml.org,2002:null": (type(None),),
}
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")


class NotJson(ValueError):
    """A number that plain data cannot hold."""


class UnknownTag(ValueError):
    """A tag that the core schema does not have, or that does not fit its value."""


def resolve(text: str) -> Any:
    """The value of an unquoted scalar. Raises NotJson for infinities, NaN and numbers of over 64 bits."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INTEGER.match(text):
        return _bounded(text, 10)
    if re.match(_OTHER_BASE, text):
        return _bounded(text[2:], 8 if text[1] == "o" else 16)
    if re.match(_FLOAT, text):
        number = float(text)
        if not math.isfinite(number):
            raise NotJson(f"{text} is too large a number")
        return number
    if re.match(_NOT_FINITE, text):
        raise NotJson(f"{text} is no number that JSON has")
    return text


def resolve_tagged(text: str, tag: str) -> Any:
    """The value of a scalar with a tag. Raises UnknownTag."""
    if tag in _TEXT_TAGS:
        return text
    wanted = _TAGGED.get(tag)
    if wanted is None:
        raise UnknownTag(f"the tag {short(tag)} means nothing here")
    value = resolve(text)
    if type(value) not in wanted:
        raise UnknownTag(f"{text!r} does not fit its tag {short(tag)}")
    return float(value) if wanted[0] is float else value


def short(tag: str) -> str:
    """*tag* as it is usually written."""
    return tag.replace("tag:yaml.org,2002:", "!!")


def _bounded(digits: str, base: int) -> int:
    if len(digits) <= 66:  # 64 bits in base 8 are 22 digits, so nothing longer can fit
        number = int(digits, base)
        if -(2**63) <= number < 2**64:
            return number
    raise NotJson(f"{digits[:20]}{'…' if len(digits) > 20 else ''} is a number of more than 64 bits")
