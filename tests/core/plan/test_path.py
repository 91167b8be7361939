"""The critical path."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle import from_data, loads
from treadle._plan.path import critical_path
from treadle._plan.plan import Plan


def plan_of(steps: str) -> Plan:
    return loads(f"treadle: 1\nname: x\nsteps:\n{steps}").plan


def test_the_longest_way_wins_and_unknown_steps_take_nothing() -> None:
    plan = plan_of("""
  a: {wait: 0s}
  b: {wait: 0s}
  c: {needs: [a, b], wait: 0s}
  d: {needs: c, wait: 0s}
""")
    found = critical_path(plan, {"a": 1.0, "b": 5.0, "d": 2.0})
    assert found is not None
    assert (found.seconds, found.steps) == (7.0, ("b", "c", "d"))


def test_nothing_known_is_no_path() -> None:
    assert critical_path(plan_of("  a: {wait: 0s}"), {}) is None
    assert critical_path(plan_of("  a: {wait: 0s}"), {"other": 3.0}) is None


def test_at_least_waits_for_the_last_of_those_it_needs() -> None:
    plan = plan_of("""
  a: {wait: 0s}
  b: {wait: 0s}
  c: {wait: 0s}
  d: {needs: {at_least: 2, of: [a, b, c]}, wait: 0s}
""")
    found = critical_path(plan, {"a": 1, "b": 2, "c": 3, "d": 10})
    assert found is not None
    assert (found.seconds, found.steps) == (12.0, ("b", "d"))


def test_a_block_is_as_long_as_it_was_and_else_as_what_is_inside() -> None:
    plan = plan_of("""
  - id: block
    parallel: {x: {wait: 0s}, y: {wait: 0s}}
  - {id: end, wait: 0s}
""")
    inside = critical_path(plan, {"block.x": 1, "block.y": 2, "end": 1})
    measured = critical_path(plan, {"block": 9, "block.x": 1, "block.y": 2, "end": 1})
    assert inside is not None
    assert measured is not None
    assert (inside.seconds, measured.seconds) == (3.0, 10.0)
    assert inside.steps == measured.steps == ("block", "block.y", "end")


@given(st.integers(1, 30), st.integers())
def test_no_way_through_a_plan_is_longer_than_the_critical_path(size: int, seed: int) -> None:
    rng = random.Random(seed)
    needs = {n: [m for m in range(n) if rng.random() < 0.3] for n in range(size)}
    steps = {
        f"s{n}": {"wait": "0s", **({"needs": [f"s{m}" for m in before]} if before else {})}
        for n, before in needs.items()
    }
    seconds = {f"s{n}": float(rng.randrange(100)) for n in range(size)}
    plan = from_data({"treadle": 1, "name": "x", "steps": steps}).plan
    finish: dict[int, float] = {}
    for n, before in needs.items():
        finish[n] = max((finish[m] for m in before), default=0.0) + seconds[f"s{n}"]
    found = critical_path(plan, seconds)
    assert found is not None
    assert found.seconds == pytest.approx(max(finish.values()))
    assert sum(seconds[path] for path in found.steps) == pytest.approx(found.seconds)
