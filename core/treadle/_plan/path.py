"""The critical path of a plan: the steps that its duration depends on, where it is known how long steps take.

Rule 1: a step that is not known to take any time takes none, but for that of the blocks inside it.
Rule 2: nothing waits but for needs: `max_parallel` and limiters are left out of account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._plan.blocks import BlockPlan
    from treadle._plan.plan import Plan


@attrs.frozen(eq=False, repr=False)
class CriticalPath:
    """The longest way through a plan.

    Attributes:
      seconds: expected from the start to the end, ``finally`` included.
      steps: static paths in order; after a block comes the longest way inside it.
    """

    seconds: float
    steps: tuple[str, ...]


def critical_path(plan: Plan, seconds: Mapping[str, float]) -> CriticalPath | None:
    """The critical path if steps take as many *seconds*, by static path; None where nothing is known."""
    if not any(path in seconds for path in plan.paths):
        return None
    whole = _through(plan, plan.blocks[0], seconds)
    if plan.spec.finally_ is not None:
        after = _through(plan, plan.blocks[plan.spec.finally_.index], seconds)
        whole = CriticalPath(whole.seconds + after.seconds, whole.steps + after.steps)
    return whole


def _through(plan: Plan, block: BlockPlan, seconds: Mapping[str, float]) -> CriticalPath:
    """The longest way through *block*."""
    finish = [0.0] * len(block.steps)
    inside: list[tuple[str, ...]] = [()] * len(block.steps)
    before: list[int | None] = [None] * len(block.steps)
    last: int | None = None
    for level in block.order:
        for index in level:
            step = block.steps[index]
            inner = [_through(plan, plan.blocks[each.index], seconds) for each in step.blocks]
            longest = max(inner, key=lambda way: way.seconds, default=None)
            if longest is not None:
                inside[index] = longest.steps
            start, before[index] = _start(block, index, finish)
            own = seconds.get(step.path, longest.seconds if longest is not None else 0.0)
            finish[index] = start + own
            if last is None or finish[index] >= finish[last]:
                last = index
    return CriticalPath(finish[last] if last is not None else 0.0, _back(block, last, before, inside))


def _start(block: BlockPlan, index: int, finish: list[float]) -> tuple[float, int | None]:
    """When the step can start, and the step it waited for last."""
    waits = [(finish[need.step], need.step) for need in block.needs[index]]
    group = block.at_least[index]
    if group is not None:
        waits.append(sorted((finish[each], each) for each in group.steps)[group.count - 1])
    return max(waits, default=(0.0, None), key=lambda wait: wait[0])


def _back(
    block: BlockPlan, last: int | None, before: list[int | None], inside: list[tuple[str, ...]]
) -> tuple[str, ...]:
    """The paths from the first step to *last*."""
    ways = []
    while last is not None:
        ways.append((block.steps[last].path, *inside[last]))
        last = before[last]
    return tuple(path for way in reversed(ways) for path in way)
