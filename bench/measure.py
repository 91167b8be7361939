"""How a row is measured: pairs of a reference and ours, and the median of their ratios.

Rule 1: both halves of a pair run one right after the other, the reference first, so that a machine that
        slows down slows both.
Rule 2: before each half garbage is collected and what is left is frozen: neither half pays for what the other
        left behind. While a half runs, the cyclic collector is on with its usual thresholds, as it would be.
Rule 3: a row is judged by its median: one pair that was disturbed does not count.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

Measure = Callable[[], float]
"""Does the work once and gives what it took: seconds, or bytes."""


@attrs.frozen(kw_only=True)
class Line:
    """One line of the table.

    Attributes:
      value: what is judged, in *unit*; the smaller the better.
      reference, ours: what was measured, for people.
      must, want: bounds of *value*; None where there is none.
    """

    work: str
    reference: str = ""
    ours: str
    value: float
    unit: str = "x"
    must: float | None = None
    want: float | None = None

    @property
    def verdict(self) -> str:
        """``MISSED``; ``must``: that held, the wish did not; ``want``; or nothing where there is no bound."""
        if self.must is not None and self.value > self.must:
            return "MISSED"
        if self.want is not None:
            return "want" if self.value <= self.want else "must"
        return "" if self.must is None else "must"


@attrs.frozen
class Pairs:
    """What both halves of each pair took."""

    reference: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of ours by reference."""
        return statistics.median(ours / ref for ref, ours in zip(self.reference, self.ours, strict=True))

    @property
    def beyond(self) -> float:
        """The median of what ours took more than the reference."""
        return statistics.median(ours - ref for ref, ours in zip(self.reference, self.ours, strict=True))

    def medians(self) -> tuple[float, float]:
        """Of the reference, and of ours."""
        return statistics.median(self.reference), statistics.median(self.ours)


def paired(reference: Measure, ours: Measure, *, pairs: int) -> Pairs:
    """Measure *pairs* pairs, after one that is thrown away."""
    taken = []
    for _ in range(pairs + 1):
        first = _clean(reference)
        taken.append((first, _clean(ours)))
    return Pairs(*zip(*taken[1:], strict=True))


def alone(ours: Measure, *, times: int) -> float:
    """The median of *times* measurements, after one that is thrown away."""
    return statistics.median([_clean(ours) for _ in range(times + 1)][1:])


def _clean(measure: Measure) -> float:
    with _garbage_collected():
        return measure()


@contextmanager
def _garbage_collected() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
