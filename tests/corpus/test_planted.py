"""What a newcomer gets wrong, and every word that is said about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import treadle

if TYPE_CHECKING:
    from collections.abc import Iterator

_CASE = re.compile(r"^== (?P<title>.*)\n(?P<text>(?s:.*?))^--\n(?P<said>(?:.+\n)+)", re.MULTILINE)
REGISTRY = treadle.Registry.of()


def cases() -> Iterator[tuple[str, str, list[str]]]:
    for case in _CASE.finditer(Path(__file__).with_name("planted.txt").read_text()):
        yield case["title"], case["text"], case["said"].splitlines()


@pytest.mark.parametrize(("text", "said"), [pytest.param(*case[1:], id=case[0]) for case in cases()])
def test_a_planted_mistake_gets_just_these_words(text: str, said: list[str]) -> None:
    try:
        problems = treadle.loads(text, name="flow.yaml", registry=REGISTRY).warnings
    except treadle.SpecError as error:
        problems = error.problems
    assert list(map(str, problems)) == said


def test_there_are_at_least_sixty() -> None:
    assert len(list(cases())) >= 60
    assert len({title for title, _, _ in cases()}) == len(list(cases()))
