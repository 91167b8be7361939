"""The tokens of a text with their places, and the comments between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)
_HEADER_COMMENT = re.compile(r"[|>][-+0-9]*[ \t]+(#.*)")
_COMMENT = re.compile(r"#.*")


def scan(text: str) -> list[Any]:
    """PyYAML's tokens of *text*. Raises `yaml.YAMLError`."""
    return list(yaml.scan(text, _LOADER))


def is_block_scalar(token: Any) -> bool:
    """Whether a token is text after ``|`` or ``>``."""
    return type(token) is yaml.ScalarToken and token.style in ("|", ">")


def comments_in(text: str) -> list[str]:
    """Every comment, without what is blank at its end: between tokens there is nothing else but blanks."""
    tokens: Sequence[Any] = scan(text)
    found: list[str] = []
    end = 0
    for token in tokens:
        found += _COMMENT.findall(text[end : token.start_mark.index])
        if is_block_scalar(token):
            header = _HEADER_COMMENT.match(text, token.start_mark.index)
            found += [header[1]] if header else []
        end = max(end, token.end_mark.index)
    return [comment.rstrip() for comment in (*found, *_COMMENT.findall(text[end:]))]
