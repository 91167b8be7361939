"""One mistake in a valid spec: it is found in its line and called by its name, and nothing else is."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.corpus import mistakes, mistakes_in_expressions, mistakes_in_reuse  # noqa: F401  they fill MISTAKES
from tests.corpus.mistakes_in_text import IN_TEXT
from tests.corpus.planting import MISTAKES
from tests.corpus.valid import valid_spec
from tests.corpus.written import written

import treadle

if TYPE_CHECKING:
    from treadle.errors import Problem

REGISTRY = treadle.Registry.of()
SPECS = [
    path
    for path in sorted((Path(__file__).parents[2] / "specs").rglob("*.yaml"))
    if "\nsteps:" in path.read_text() and "\nimports:" not in path.read_text()
]
TIMES = 8
"""How often each mistake is made, each time in another spec."""


@pytest.fixture(scope="module")
def trees() -> list[dict[str, object]]:
    """The specs of the project and as many generated ones as make them one in ten."""
    own = [json.loads(json.dumps(treadle.load(path, registry=REGISTRY).spec.data)) for path in SPECS]
    return own + [valid_spec(seed) for seed in range(9 * len(own))]


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        return treadle.loads(text, name="f.yaml", registry=REGISTRY).warnings
    except treadle.SpecError as error:
        return error.problems


def check(text: str, line: int, code: str) -> None:
    problems = [each for each in problems_of(text) if each.severity == "error" or each.code == code]
    assert {(line, code)} == {(each.line, each.code) for each in problems}, (
        f"wanted {code} in line {line}, got\n" + "\n".join(map(str, problems)) + "\n" + text
    )
    assert all(each.message for each in problems)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_found_in_its_line(name: str, trees: list[dict[str, object]]) -> None:
    code, mistake = MISTAKES[name]
    made = 0
    for seed in range(TIMES * 20):
        rng = random.Random(f"{name} {seed}")
        tree = copy.deepcopy(rng.choice(trees))
        place = mistake(tree, rng)
        if place is None:
            continue
        text = written(tree, rng)
        check(str(text), text.line_of[place], code)
        made += 1
        if made == TIMES:
            return
    pytest.fail(f"made only {made} times")


@pytest.mark.parametrize("name", IN_TEXT)
def test_a_mistake_in_the_writing_is_found_in_its_line(name: str, trees: list[dict[str, object]]) -> None:
    code, mistake = IN_TEXT[name]
    for seed in range(TIMES):
        rng = random.Random(f"{name} {seed}")
        text = written(rng.choice(trees), rng)
        line = mistake(text, rng)
        if line is not None:
            check(str(text), line, code)


def test_there_are_many_mistakes_of_many_kinds() -> None:
    assert len(MISTAKES) + len(IN_TEXT) >= 80
    assert (len(MISTAKES) + len(IN_TEXT)) * TIMES >= 600
