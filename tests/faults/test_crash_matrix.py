"""Runs whose process is killed at every point at which a kill could leave something behind.

The normal run takes a sample, the same each time; ``-m nightly`` takes every point, and kills the process
that goes on as well.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.faults.forge import Forges, forges
from tests.faults.matrix import Death, die_at_each, spread, undisturbed
from tests.faults.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SAMPLE = 7
"""Points of each shape in the normal run; every third is followed by a kill of the next process."""

MOMENTS = 25
"""Pairs of random moments for each shape, the same in every nightly run; what is done then is not."""

AT_ONCE = 4
"""Runs at once: much of a run's time goes by waiting."""


@pytest.fixture(scope="module")
def parents() -> Iterator[Forges]:
    with forges(AT_ONCE) as opened:
        yield opened


def second_kill(first: int) -> int:
    """A point early in the life of the next process, another one for each *first*."""
    return 1 + first * 7 % 12


def survived(deaths: Sequence[Death]) -> None:
    """Fail with all there is to see of those that went wrong, rather than with a line of this file."""
    print(f"{len(deaths)} runs, {sum(death.deaths for death in deaths)} processes killed")
    wrong = [death for death in deaths if death.problems]
    if wrong:
        said = "\n\n".join(death.report() for death in wrong)
        pytest.fail(f"{len(wrong)} of {len(deaths)} runs did not survive\n{said}", pytrace=False)


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_run_survives_a_kill_of_its_process(shape: str, parents: Forges) -> None:
    reference = await undisturbed(parents, shape)
    points = spread(SAMPLE, len(reference.reached[0]))
    kills = [
        (point, second_kill(point)) if index % 3 == 1 else (point,) for index, point in enumerate(points)
    ]
    deaths = await die_at_each(parents, shape, kills, reference.seen.last.state)
    survived(deaths)
    assert sum(death.deaths for death in deaths) >= len(points) - 1


@pytest.mark.nightly
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_run_survives_a_kill_at_any_point_and_another_while_it_recovers(
    shape: str, parents: Forges
) -> None:
    reference = await undisturbed(parents, shape)
    end = reference.seen.last.state
    points = range(1, len(reference.reached[0]) + 1)
    once = await die_at_each(parents, shape, [(point,) for point in points], end)
    survived(once)
    again = [
        (death.kills[0], 1 + death.kills[0] * 7 % len(death.reached[1]))
        for death in once
        if death.deaths == 1
    ]
    twice = await die_at_each(parents, shape, again, end)
    survived(twice)
    assert sum(death.deaths for death in (*once, *twice)) >= 2 * len(points)


@pytest.mark.nightly
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_run_survives_two_kills_in_the_middle_of_anything(shape: str, parents: Forges) -> None:
    reference = await undisturbed(parents, shape)
    end = reference.seen.last.state
    rng = random.Random(shape)
    moments = [(rng.uniform(0.01, 0.5), rng.uniform(0.01, 0.5)) for _ in range(MOMENTS)]
    deaths = await die_at_each(parents, shape, moments, end)
    survived(deaths)
