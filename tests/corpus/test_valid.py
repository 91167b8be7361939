"""No false alarms: neither in the specs of the project nor in any number of generated ones."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.corpus.valid import BLOCKS, LEAVES, valid_spec
from tests.corpus.written import written

import treadle
from treadle._spec.keys import STEP_KEYS

REGISTRY = treadle.Registry.of()
SPECS = [
    path
    for path in sorted((Path(__file__).parents[2] / "specs").rglob("*.yaml"))
    if "\nsteps:" in path.read_text()
]
MANY = 300


def spec_text(seed: int) -> str:
    return str(written(valid_spec(seed), random.Random(seed)))


def check(text: str, name: str) -> None:
    """Neither an error nor a warning."""
    try:
        said = treadle.loads(text, name=name, registry=REGISTRY).warnings
    except treadle.SpecError as error:
        said = error.problems
    assert said == (), "\n".join(map(str, said))


@pytest.mark.parametrize("seed", range(MANY))
def test_a_generated_spec_draws_no_problem(seed: int) -> None:
    check(spec_text(seed), str(seed))


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(10))
def test_many_generated_specs_draw_no_problem(part: int) -> None:
    for seed in range(part * 1000, (part + 1) * 1000):
        check(spec_text(seed), str(seed))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_of_the_project_draws_no_error(path: Path) -> None:
    treadle.load(path, registry=REGISTRY)


def test_the_generated_specs_use_every_step_type_and_every_key() -> None:
    text = "".join(spec_text(seed) for seed in range(MANY))
    assert [name for name in (*LEAVES, *BLOCKS, *STEP_KEYS) if f"{name}:" not in text] == []
    assert REGISTRY.step_types.keys() - LEAVES.keys() - BLOCKS.keys() - {"fail"} == set()


def test_what_is_written_reads_back_as_it_was() -> None:
    for seed in range(50):
        tree = valid_spec(seed)
        if "templates" not in tree:
            assert treadle.loads(spec_text(seed), registry=REGISTRY).spec.data == tree
