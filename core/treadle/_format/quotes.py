"""Quotes: none where a value needs none, else double ones, single ones around quotes and backslashes.

Rule 1: a value that YAML 1.1 or YAML 1.2 would not read as the same text keeps quotes, for other tools;
so does one with a sign that means something elsewhere in YAML, for readers, unless it stands in ``${{ }}``.
Rule 2: what is written with escapes, over several lines, with a tag or in JSON stays as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from treadle._spec.scalars import NotJson, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN_FIRST = re.compile(r"[\w./$]")
_MEANS = re.compile(r"[\"'\\`#&*!|<>%@,\[\]{}:]")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
_AFTER = re.compile(r"[ \t]*(?:$|:(?:\s|$))|[ \t]+#", re.MULTILINE)
_AFTER_IN_FLOW = re.compile(r"[ \t]*(?:$|[,\]}]|:(?:\s|$))|[ \t]+#", re.MULTILINE)
_FLOW_STARTS = (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)
_FLOW_ENDS = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_RESOLVERS: Any = yaml.SafeLoader.yaml_implicit_resolvers
_LONGEST = 100
"""A longer value keeps its quotes: one sees where it ends."""


def requoted(text: str, tokens: Sequence[Any]) -> str:
    """*text* with the quotes its values need. It has as many lines as before."""
    if _is_json(tokens):
        return text
    parts: list[str] = []
    done = depth = 0
    before: Any = None
    for token in tokens:
        if isinstance(token, _FLOW_STARTS):
            depth += 1
        elif isinstance(token, _FLOW_ENDS):
            depth -= 1
        elif _is_quoted(token) and type(before) is not yaml.TagToken:
            start, end = token.start_mark.index, token.end_mark.index
            parts += (text[done:start], _written(text, start, end, token, flow=depth > 0))
            done = end
        before = token
    return "".join((*parts, text[done:]))


def _is_json(tokens: Sequence[Any]) -> bool:
    starts = (each for each in tokens if type(each) is not yaml.StreamStartToken)
    return isinstance(next(starts, None), _FLOW_STARTS)


def _is_quoted(token: Any) -> bool:
    return (
        type(token) is yaml.ScalarToken
        and token.style in ("'", '"')
        and token.start_mark.line == token.end_mark.line
    )


def _written(text: str, start: int, end: int, token: Any, *, flow: bool) -> str:
    """The value of *token* as it is to be written."""
    value, now = token.value, text[start:end]
    if not value.isprintable() or (token.style == '"' and re.search(r'(?<!\\)(?:\\\\)*\\[^"\\]', now)):
        return now
    if _stands_free(text, start, end, flow=flow) and _needs_none(value, flow=flow):
        return str(value)
    if '"' not in value and "\\" not in value:
        return f'"{value}"'
    return now if "'" in value else f"'{value}'"


def _stands_free(text: str, start: int, end: int, *, flow: bool) -> bool:
    """Whether what is around the quotes would not run into a value without them."""
    before = text[start - 1] if start else "\n"
    after = (_AFTER_IN_FLOW if flow else _AFTER).match(text, end)
    return (before in " \n" or (flow and before in "[{,")) and after is not None


def _needs_none(value: str, *, flow: bool) -> bool:
    if not _PLAIN_FIRST.match(value) or not re.search(r"\w", value) or len(value) > _LONGEST:
        return False
    if value[-1] in " :" or ": " in value or " #" in value:
        return False
    if _MEANS.search(value if flow else _EXPRESSION.sub("", value)):
        return False
    if value.lower() in ("y", "n"):
        return False
    resolvers = (*_RESOLVERS.get(value[0], ()), *_RESOLVERS.get(None, ()))
    if any(pattern.match(value) for _, pattern in resolvers):
        return False
    try:
        return isinstance(resolve(value), str)
    except NotJson:
        return False
