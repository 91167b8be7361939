import itertools
import math
import random
import re
import statistics

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle_std.backoffs import builtin
from treadle_std.backoffs.builtin import (
    Decorrelated,
    Exponential,
    Fibonacci,
    Fixed,
    Linear,
    Random,
    jittered,
)

ENTRIES = {entry.config: entry for entry in builtin.treadle_backoffs()}
FIRST = {
    Fixed: "delay",
    Linear: "step",
    Exponential: "initial",
    Random: "min",
    Fibonacci: "initial",
    Decorrelated: "initial",
}
CENTURY = 100 * 366 * 86_400.0
"""Seconds; the longest duration a spec can say."""

JITTERS = ("none", "full", "equal")


@st.composite
def configs(draw):
    kind = draw(st.sampled_from(list(FIRST)))
    first = draw(st.floats(0, CENTURY))
    given = {
        FIRST[kind]: first,
        "max": draw(st.floats(first, CENTURY)),
        "jitter": draw(st.sampled_from(JITTERS)),
    }
    if kind is Exponential:
        given["factor"] = draw(st.floats(1, 1000))
    return kind(**given)


def waits(config, count, seed=0):
    delays = ENTRIES[type(config)].delays(config, random.Random(seed))
    return list(itertools.islice(delays, count))


@given(configs(), st.integers())
@settings(max_examples=150, deadline=None)
def test_a_wait_is_never_negative_nor_over_the_ceiling(config, seed):
    assert all(0 <= wait <= config.max for wait in waits(config, 2_000, seed))


@given(configs(), st.integers())
@settings(max_examples=50, deadline=None)
def test_the_same_random_source_gives_the_same_waits(config, seed):
    assert waits(config, 30, seed) == waits(config, 30, seed)


@given(configs(), st.integers())
@settings(max_examples=100, deadline=None)
def test_jitter_only_shortens_and_equal_keeps_half(config, seed):
    if isinstance(config, Random | Decorrelated):
        return  # they draw for themselves
    plain = waits(attrs.evolve(config, jitter="none"), 30)
    for wait, full in zip(waits(config, 30, seed), plain, strict=True):
        assert wait <= full
        if config.jitter == "equal":
            assert wait >= full / 2


@given(configs())
@settings(max_examples=100, deadline=None)
def test_without_jitter_waits_never_shrink(config):
    if isinstance(config, Random | Decorrelated):
        return
    plain = waits(attrs.evolve(config, jitter="none"), 200)
    assert plain == sorted(plain)


@given(st.floats(0, CENTURY), st.floats(0, CENTURY), st.integers())
@settings(max_examples=100, deadline=None)
def test_drawn_waits_keep_to_their_floor(low, extra, seed):
    for config in (Random(min=low, max=low + extra), Decorrelated(initial=low, max=low + extra)):
        assert all(low <= wait for wait in waits(config, 50, seed))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Fixed(delay=5.0), [5, 5, 5, 5, 5, 5]),
        (Linear(step=2.0, max=7.0), [2, 4, 6, 7, 7, 7]),
        (Exponential(), [1, 2, 4, 8, 16, 32]),
        (Exponential(initial=0.2, max=1.0), [0.2, 0.4, 0.8, 1, 1, 1]),
        (Exponential(initial=3.0, factor=1.0), [3, 3, 3, 3, 3, 3]),
        (Exponential(initial=0.0), [0, 0, 0, 0, 0, 0]),
        (Fibonacci(initial=2.0, max=9.0), [2, 2, 4, 6, 9, 9]),
        (Random(min=3.0, max=3.0), [3, 3, 3, 3, 3, 3]),
        (Decorrelated(initial=3.0, max=3.0), [3, 3, 3, 3, 3, 3]),
    ],
)
def test_each_backoff_waits_as_its_page_says(config, expected):
    assert waits(config, 6) == pytest.approx(expected)


def test_decorrelated_draws_up_to_three_times_the_wait_before():
    drawn = waits(Decorrelated(initial=1.0, max=1e6), 10)
    for before, wait in itertools.pairwise([1.0, *drawn]):
        assert 1.0 <= wait <= 3 * before


@pytest.mark.parametrize(("jitter", "mean"), [("none", 10.0), ("full", 5.0), ("equal", 7.5)])
def test_jitter_spreads_evenly(jitter, mean):
    rng = random.Random(1)
    drawn = [jittered(10.0, jitter, rng) for _ in range(5_000)]
    assert statistics.fmean(drawn) == pytest.approx(mean, abs=0.2)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Fixed, r"max (1 s) is below delay (2 s); raise max or lower delay"),
        (Linear, r"max (1 s) is below step (2 s); raise max or lower step"),
        (Exponential, r"max (1 s) is below initial (2 s); raise max or lower initial"),
        (Random, r"max (1 s) is below min (2 s); raise max or lower min"),
        (Fibonacci, r"max (1 s) is below initial (2 s); raise max or lower initial"),
        (Decorrelated, r"max (1 s) is below initial (2 s); raise max or lower initial"),
    ],
)
def test_a_ceiling_below_the_first_wait_is_refused(kind, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        kind(**{FIRST[kind]: 2.0, "max": 1.0})


@pytest.mark.parametrize("kind", FIRST)
def test_a_negative_wait_is_refused(kind):
    with pytest.raises(ValueError, match="must be >= 0"):
        kind(**{FIRST[kind]: -1.0})


@pytest.mark.parametrize("factor", [0.5, 1001, math.inf, math.nan])
def test_a_factor_out_of_range_is_refused(factor):
    with pytest.raises(ValueError, match="'factor' must be"):
        Exponential(factor=factor)


def test_the_main_setting_of_each_is_one_it_has():
    assert {entry.name: entry.main for entry in ENTRIES.values()} == {
        "fixed": "delay",
        "linear": "step",
        "exponential": "initial",
        "random": "max",
        "fibonacci": "initial",
        "decorrelated": "initial",
    }
