"""Wrong specs, and every word that is said about them.

The cases are in ``problems/``, a file a part of the language: a title, the document, and what it gets.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from treadle import SpecError, loads
from treadle._plan import CODES as PLAN_CODES
from treadle._registry import Registry
from treadle._spec import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle.errors import Problem

CASE = re.compile(r"^== (?P<title>.*)\n(?P<text>(?s:.*?))^--\n(?P<said>(?:.+\n)+)", re.MULTILINE)


def cases() -> Iterator[object]:
    for path in sorted(Path(__file__).with_name("problems").glob("*.txt")):
        for case in CASE.finditer(path.read_text()):
            name = f"{path.stem}: {case['title']}"
            yield pytest.param(case["text"], case["said"].splitlines(), id=name)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.of()


def problems_of(text: str, registry: Registry) -> tuple[Problem, ...]:
    """All that is wrong with a spec, whichever part finds it."""
    with pytest.raises(SpecError) as caught:
        loads(text, name="f.yaml", registry=registry)
    return caught.value.problems


@pytest.mark.parametrize(("text", "expected"), list(cases()))
def test_a_wrong_spec_gets_every_problem_with_its_place(
    text: str, expected: list[str], registry: Registry
) -> None:
    problems = problems_of(text, registry)
    assert [str(problem).removeprefix("f.yaml:") for problem in problems] == expected
    assert {problem.code for problem in problems} <= CODES.keys() | PLAN_CODES.keys()


def test_there_are_more_than_a_hundred_cases() -> None:
    assert len(list(cases())) > 100


def test_problems_of_all_parts_are_reported_at_once(registry: Registry) -> None:
    text = "treadle: 2\nname: X\ninputs: {a: {type: nope}}\nsteps: {a: {set: {}, retrys: 1}}\nfinally: {}\n"
    problems = problems_of(text, registry)
    assert [(problem.line, problem.code) for problem in problems] == [
        (1, "TRD105"),
        (2, "TRD201"),
        (3, "TRD604"),
        (4, "TRD101"),
        (5, "TRD107"),
    ]


def test_an_id_has_a_longest_length(registry: Registry) -> None:
    text = f"treadle: 1\nname: x\nsteps: {{{'a' * 200}: {{set: {{}}}}, {'b' * 201}: {{set: {{}}}}}}\n"
    problems = problems_of(text, registry)
    assert [problem.message for problem in problems] == ["an id has at most 200 characters"]
