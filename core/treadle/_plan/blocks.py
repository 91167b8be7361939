"""A block as the frontier reads it: steps by index, and what each needs.

Rule 1: immutable, and shared by every run of the plan.
Rule 2: how a step settled is one bit, and what a need accepts is a set of them; see `ACCEPTS`.
Rule 3: `needs` and `dependents` say the same thing from both ends; `at_least` and `watchers` likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from treadle._kinds import Strategy
from treadle._model import BlockSpec, StepSpec
from treadle._settings import Settings
from treadle.events import StepStatus

COMPLETED, SKIPPED, TOLERATED, FAILED, OMITTED, CANCELLED = (1 << bit for bit in range(6))
"""How a step settled. `TOLERATED` is a failure that its strategy lets pass."""

RESULTS: Mapping[StepStatus, int] = {
    StepStatus.COMPLETED: COMPLETED,
    StepStatus.SKIPPED: SKIPPED,
    StepStatus.FAILED: FAILED,
    StepStatus.OMITTED: OMITTED,
    StepStatus.CANCELLED: CANCELLED,
}
"""The same by status, but for `TOLERATED`."""

USUAL = COMPLETED | SKIPPED | TOLERATED
"""What a need accepts that names no result."""

ACCEPTS: Mapping[str | None, int] = {
    None: USUAL,
    "completed": COMPLETED,
    "failed": FAILED | TOLERATED,
    "skipped": SKIPPED,
    "settled": COMPLETED | SKIPPED | TOLERATED | FAILED | OMITTED | CANCELLED,
}
"""By the result that ``needs`` names, the results that satisfy it."""

WANTED: Mapping[int, str] = {ACCEPTS[result]: result for result in ACCEPTS if result is not None}


@attrs.frozen(eq=False, repr=False)
class NeedPlan:
    """One step that must settle first.

    Attributes:
      step: its index in the block.
      accepts: the results that satisfy the need, as bits.
      label: for reasons, as ``build`` or ``build to have failed``.
      source: the reference it was inferred from, as ``steps.build.output in when``; None where it
        is written, or stands in the order of a list.
    """

    step: int
    accepts: int
    label: str
    source: str | None = None

    @property
    def inferred(self) -> bool:
        """Whether a reference implies the need, rather than ``needs`` or the order of a list."""
        return self.source is not None

    @property
    def result(self) -> str | None:
        """The result that ``needs`` would name; None is the usual."""
        return WANTED.get(self.accepts)


@attrs.frozen(eq=False, repr=False)
class AtLeastPlan:
    """``at_least: count`` of the steps with these indexes must complete."""

    count: int
    steps: tuple[int, ...]


@attrs.frozen(eq=False, repr=False)
class BlockPlan:
    """One compiled block.

    Attributes:
      spec: as written; its `steps` have the indexes used everywhere here.
      needs: per step, what must settle first; empty for those that may start at once.
      at_least: per step; None for most.
      dependents: per step, those with a need on it, ascending.
      watchers: per step, those whose `at_least` counts it; empty where the block has no `at_least`.
      need_counts: per step, the length of its `needs`.
      strategies: per step, the one in force: its own, inherited, or the default.
    """

    spec: BlockSpec
    needs: tuple[tuple[NeedPlan, ...], ...]
    at_least: tuple[AtLeastPlan | None, ...]
    dependents: tuple[tuple[int, ...], ...]
    watchers: tuple[tuple[int, ...], ...]
    need_counts: tuple[int, ...]
    strategies: tuple[Settings[Strategy[Any]], ...]
    index_of: Mapping[str, int]

    @classmethod
    def build(
        cls,
        spec: BlockSpec,
        needs: list[tuple[NeedPlan, ...]],
        at_least: list[AtLeastPlan | None],
        strategies: list[Settings[Strategy[Any]]],
        index_of: Mapping[str, int],
    ) -> BlockPlan:
        """The block, with what follows from its needs filled in."""
        after: list[list[int]] = [[] for _ in needs]
        for index, mine in enumerate(needs):
            for need in mine:
                after[need.step].append(index)
        return cls(
            spec=spec,
            needs=tuple(needs),
            at_least=tuple(at_least),
            dependents=tuple(map(tuple, after)),
            watchers=_watchers(at_least),
            need_counts=tuple(map(len, needs)),
            strategies=tuple(strategies),
            index_of=index_of,
        )

    @property
    def steps(self) -> tuple[StepSpec, ...]:
        """The steps as written, by index."""
        return self.spec.steps

    @property
    def order(self) -> list[list[int]]:
        """The steps by level: each level needs only levels before it; ascending within one.

        A step with an `at_least` stands below all that it counts.
        """
        waits = [
            count + (len(group.steps) if group else 0)
            for count, group in zip(self.need_counts, self.at_least, strict=True)
        ]
        level = [index for index, count in enumerate(waits) if not count]
        levels = []
        while level:
            levels.append(level)
            level = self._released_by(level, waits)
        return levels

    def _released_by(self, level: list[int], waits: list[int]) -> list[int]:
        released = []
        for index in level:
            for after in (*self.dependents[index], *(self.watchers[index] if self.watchers else ())):
                waits[after] -= 1
                if not waits[after]:
                    released.append(after)
        return sorted(released)


def _watchers(at_least: list[AtLeastPlan | None]) -> tuple[tuple[int, ...], ...]:
    if not any(at_least):
        return ()
    watchers: list[list[int]] = [[] for _ in at_least]
    for index, group in enumerate(at_least):
        for step in group.steps if group else ():
            watchers[step].append(index)
    return tuple(map(tuple, watchers))
