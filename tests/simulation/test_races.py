"""Four commands in every order, at every moment of a few workflows, with and without a crash in between."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation.crashes import Death
from tests.simulation.oracle import judge
from tests.simulation.workflows import crashed, execute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.simulation.people import Command

ORDERS = tuple(itertools.permutations(("pause", "resume", "cancel", "resolve")))
MOMENTS = tuple(half / 2 for half in range(12))
GAPS = (0.0, 0.5, 2.0)
"""Seconds between two commands."""

DECISIONS = ("retry", "complete", "continue", "fail", "rollback")

ASKS = {"escalate": {"timeout": "30s", "on_timeout": "fail"}}
WORKFLOWS: Mapping[str, Mapping[str, Any]] = {
    "an escalation beside work": {
        "steps": {
            "a0": {"act": {"takes": "1s", "fails": 1}, "on_error": ASKS, "undo": {"act": {"takes": "1s"}}},
            "b0": {"act": {"takes": "3s"}, "undo": {"act": {"takes": "1s"}}},
            "c0": {"needs": ["a0", "b0"], "act": {"takes": "1s"}},
        },
        "finally": [{"id": "tidy", "act": {"takes": "1s"}}],
    },
    "an approval that gates a rollback": {
        "on_error": "rollback",
        "steps": [
            {"id": "a0", "act": {"takes": "1s"}, "undo": {"act": {"takes": "2s"}}},
            {"id": "b0", "approval": {"prompt": "go?", "timeout": "20s", "on_timeout": "rollback"}},
            {"id": "c0", "act": {"takes": "1s", "fails": 9}},
        ],
    },
    "a foreach of retried blocks": {
        "steps": {
            "a0": {
                "foreach": [0, 1, 2],
                "max_parallel": 2,
                "retry": {"attempts": 2, "backoff": {"fixed": "1s"}},
                "on_error": ASKS,
                "steps": [
                    {"id": "x0", "act": {"takes": "1s"}, "undo": {"act": {"takes": "1s"}}},
                    {"id": "y0", "act": {"takes": "0s", "fails": 3}},
                ],
            },
            "b0": {"needs": ["a0"], "act": {"takes": "1s"}},
        },
        "finally": [{"id": "tidy", "act": {"takes": "1s"}}],
    },
    "a run out of time": {
        "timeout": "3s",
        "on_error": ASKS,
        "steps": {
            "a0": {"act": {"takes": "2s"}, "repeatable": True, "undo": {"act": {"takes": "1s"}}},
            "b0": {"needs": ["a0"], "wait": "4s"},
        },
    },
}


def races() -> Iterator[list[Command]]:
    decisions = itertools.cycle(DECISIONS)
    for order, moment, gap in itertools.product(ORDERS, MOMENTS, GAPS):
        yield [(moment + gap * place, command, next(decisions)) for place, command in enumerate(order)]


RACES = list(races())
SAMPLE = 17
"""Of so many races one is run in the normal tests."""


def broken_by(spec: Mapping[str, Any], given: Sequence[Command], seed: int) -> Iterator[str]:
    dice = random.Random(f"{given}{seed}")
    for problem in judge(execute(spec, given, seed)):
        yield f"{given}, seed {seed}: {problem}"
    steps = [dice.randint(5, 90) for _ in range(dice.randint(1, 2))]
    deaths = [Death(steps=count, down=dice.choice((0.0, 1.5))) for count in steps]
    lag = dice.choice((None, 0.25))
    for problem in judge(crashed(spec, given, deaths, lag, seed)):
        yield f"{given}, {deaths}, lag {lag}, seed {seed}: {problem}"


def sample(name: str) -> Sequence[list[Command]]:
    """Some races, others for each workflow."""
    return RACES[list(WORKFLOWS).index(name) :: SAMPLE]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_commands_that_race_break_no_law(name: str) -> None:
    assert [problem for given in sample(name) for problem in broken_by(WORKFLOWS[name], given, 1)] == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize("seed", range(1, 9))
def test_commands_that_race_break_no_law_whatever_the_order_of_tasks(name: str, seed: int) -> None:
    assert [problem for given in RACES for problem in broken_by(WORKFLOWS[name], given, seed)] == []
