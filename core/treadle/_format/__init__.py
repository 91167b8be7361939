"""The text of a YAML document, laid out in one way: for ``treadle fmt``.

tokens ── what the scanner sees, with places; comments     quotes ── which quotes a value needs
lines ─── what each line of the text is                    layout ── the lines, indented anew

Rule 1: a value is never changed, nor a comment, nor the order of anything; `_check` proves it for each text.
Rule 2: what is laid out once stays as it is.
Rule 3: whatever the scanner takes is taken; nothing here reads the language of treadle.
"""

from __future__ import annotations

import json
from collections import Counter

import yaml

from treadle._format.layout import laid_out
from treadle._format.quotes import requoted
from treadle._format.tokens import comments_in, scan
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml

__all__ = ["NotKept", "formatted"]

_MOST_PASSES = 4


class NotKept(Exception):
    """The text cannot be laid out without changing what it says: a bug here, which this keeps from files."""


def formatted(text: str) -> str:
    """*text*, which `read_yaml` has accepted, laid out. Raises `NotKept`."""
    before = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    after = before
    for _ in range(_MOST_PASSES):
        try:
            once = _once(after)
        except yaml.YAMLError:  # JSON has escapes that YAML lacks, which `read_yaml` reads all the same
            return text
        if once == after:
            break
        after = once
    else:
        raise NotKept("it does not come to rest")
    if after != text:
        _check(text, before, after)
    return after


def _once(text: str) -> str:
    requoted_text = requoted(text, scan(text))
    return laid_out(requoted_text, scan(requoted_text))


def _check(text: str, unified: str, after: str) -> None:
    """Compare with *text* itself; with *unified*, which has its line ends changed, where places count."""
    if _data(text) != _data(after):
        raise NotKept("a value would change")
    if Counter(comments_in(unified)) != Counter(comments_in(after)):
        raise NotKept("a comment would change")


def _data(text: str) -> str:
    """What *text* says, as JSON, with keys in order and the kinds of values told apart."""
    report = Report(None)
    node = read_yaml(text, report)
    if node is None or report.problems:
        raise NotKept("it would not be read any more")
    return json.dumps(node.value, ensure_ascii=True)
