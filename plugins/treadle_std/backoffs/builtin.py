"""The six standard backoffs: how long to wait before each further attempt.

Rule 1: every wait is between 0 and *max*, for any number of attempts and any random source.
Rule 2: nothing here sleeps or reads a clock; the same random source gives the same waits.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs import validators as v

from treadle.plugin import Backoff, Seconds, hookimpl

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

Jitter = Literal["none", "full", "equal"]


def jittered(wait: float, jitter: Jitter, rng: random.Random) -> float:
    """*wait* in seconds, of which all (``full``), half (``equal``) or nothing (``none``) is drawn anew."""
    if jitter == "full":
        return wait * rng.random()
    if jitter == "equal":
        return wait / 2 + wait / 2 * rng.random()
    return wait


def _at_most(ceiling: float | None, setting: str, wait: float) -> None:
    if ceiling is not None and ceiling < wait:
        raise ValueError(f"max ({ceiling:g} s) is below {setting} ({wait:g} s); raise max or lower {setting}")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Fixed:
    """The same wait each time.

    Args:
      delay: each wait, in seconds.
      max: ceiling in seconds; none unless given.
      jitter: ``none``; ``equal``, half of each wait is drawn at random; ``full``, all of it is.

    Raises:
      ValueError: *max* is below *delay*.

    Example:
      ``backoff: {fixed: 5s}``
    """

    delay: Seconds = attrs.field(default=1.0, validator=v.ge(0))
    max: Seconds | None = None
    jitter: Jitter = "none"

    def __attrs_post_init__(self) -> None:
        _at_most(self.max, "delay", self.delay)


def fixed(config: Fixed, rng: random.Random) -> Iterator[float]:
    """*delay*, *delay*, *delay*, …"""
    while True:
        yield jittered(config.delay, config.jitter, rng)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Linear:
    """Each wait is *step* longer than the one before, up to *max*.

    Args:
      step: the first wait and the growth, in seconds.
      max: ceiling in seconds.
      jitter: ``none``; ``equal``, half of each wait is drawn at random; ``full``, all of it is.

    Raises:
      ValueError: *max* is below *step*.

    Example:
      ``backoff: {linear: 2s}``
    """

    step: Seconds = attrs.field(default=1.0, validator=v.ge(0))
    max: Seconds = 60.0
    jitter: Jitter = "none"

    def __attrs_post_init__(self) -> None:
        _at_most(self.max, "step", self.step)


def linear(config: Linear, rng: random.Random) -> Iterator[float]:
    """*step*, 2 *step*, 3 *step*, …"""
    waits = (min(config.step * attempt, config.max) for attempt in itertools.count(1))
    yield from (jittered(wait, config.jitter, rng) for wait in waits)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Exponential:
    """Each wait is *factor* times the one before, up to *max*.

    Args:
      initial: the first wait, in seconds.
      factor: growth per attempt; from 1 to 1000.
      max: ceiling in seconds.
      jitter: ``none``; ``equal``, half of each wait is drawn at random; ``full``, all of
        it is, which spreads a herd best.

    Raises:
      ValueError: *factor* is out of its range, or *max* is below *initial*.

    Example:
      ``backoff: {exponential: {initial: 200ms, max: 10s, jitter: full}}``
    """

    initial: Seconds = attrs.field(default=1.0, validator=v.ge(0))
    factor: float = attrs.field(default=2.0, validator=[v.ge(1), v.le(1000)])
    max: Seconds = 60.0
    jitter: Jitter = "none"

    def __attrs_post_init__(self) -> None:
        _at_most(self.max, "initial", self.initial)


def exponential(config: Exponential, rng: random.Random) -> Iterator[float]:
    """*initial*, *initial* · *factor*, *initial* · *factor*², …"""
    wait = config.initial
    while True:
        yield jittered(wait, config.jitter, rng)
        wait = min(wait * config.factor, config.max)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Random:
    """Each wait is drawn evenly between *min* and *max*.

    Args:
      min: floor in seconds, before *jitter*.
      max: ceiling in seconds.
      jitter: ``none``; ``equal`` draws half of the wait again, ``full`` all of it; it may go below *min*.

    Raises:
      ValueError: *max* is below *min*.

    Example:
      ``backoff: {random: {min: 1s, max: 10s}}``
    """

    min: Seconds = attrs.field(default=0.0, validator=v.ge(0))
    max: Seconds = 60.0
    jitter: Jitter = "none"

    def __attrs_post_init__(self) -> None:
        _at_most(self.max, "min", self.min)


def uniform(config: Random, rng: random.Random) -> Iterator[float]:
    """Draws between *min* and *max*."""
    while True:
        yield jittered(_between(config.min, config.max, rng), config.jitter, rng)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Fibonacci:
    """Each wait is the sum of the two before, up to *max*: gentler than ``exponential``.

    Args:
      initial: the first and the second wait, in seconds.
      max: ceiling in seconds.
      jitter: ``none``; ``equal``, half of each wait is drawn at random; ``full``, all of it is.

    Raises:
      ValueError: *max* is below *initial*.

    Example:
      ``backoff: {fibonacci: 1s}``
    """

    initial: Seconds = attrs.field(default=1.0, validator=v.ge(0))
    max: Seconds = 60.0
    jitter: Jitter = "none"

    def __attrs_post_init__(self) -> None:
        _at_most(self.max, "initial", self.initial)


def fibonacci(config: Fibonacci, rng: random.Random) -> Iterator[float]:
    """*initial* times 1, 1, 2, 3, 5, 8, …"""
    wait, following = config.initial, config.initial
    while True:
        yield jittered(wait, config.jitter, rng)
        wait, following = following, min(wait + following, config.max)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Decorrelated:
    """Each wait is drawn between *initial* and three times the one before, up to *max*.

    Grows like ``exponential``, but callers that failed together drift apart at once.

    Args:
      initial: floor in seconds, before *jitter*.
      max: ceiling in seconds.
      jitter: ``none``; ``equal`` draws half of the wait again, ``full`` all of it; it may go below *initial*.

    Raises:
      ValueError: *max* is below *initial*.

    Example:
      ``backoff: {decorrelated: {initial: 500ms, max: 30s}}``
    """

    initial: Seconds = attrs.field(default=1.0, validator=v.ge(0))
    max: Seconds = 60.0
    jitter: Jitter = "none"

    def __attrs_post_init__(self) -> None:
        _at_most(self.max, "initial", self.initial)


def decorrelated(config: Decorrelated, rng: random.Random) -> Iterator[float]:
    """Draws between *initial* and three times the draw before."""
    wait = config.initial
    while True:
        wait = _between(config.initial, min(wait * 3, config.max), rng)
        yield jittered(wait, config.jitter, rng)


def _between(low: float, high: float, rng: random.Random) -> float:
    # `Random.uniform` may round past its upper end, which would break rule 1.
    return min(low + (high - low) * rng.random(), high)


@hookimpl
def treadle_backoffs() -> Iterable[Backoff[Any]]:
    """The backoffs of the language."""
    return [
        Backoff(name="fixed", config=Fixed, delays=fixed, main="delay"),
        Backoff(name="linear", config=Linear, delays=linear, main="step"),
        Backoff(name="exponential", config=Exponential, delays=exponential, main="initial"),
        Backoff(name="random", config=Random, delays=uniform, main="max"),
        Backoff(name="fibonacci", config=Fibonacci, delays=fibonacci, main="initial"),
        Backoff(name="decorrelated", config=Decorrelated, delays=decorrelated, main="initial"),
    ]
