"""Steps that need each other in a circle.

Rule 1: every cycle reported is one: each step in it needs the next, and the last needs the first.
Rule 2: iterative and linear; cycles reported share no step, so one mistake is not reported twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def find_cycles(needs: Sequence[Sequence[int]]) -> list[list[int]]:
    """Cycles of the graph in which step *i* needs the steps ``needs[i]``, each from its lowest step on.

    There is one at least in every part of the graph that cannot be put in order; none if it is acyclic.
    """
    stuck = _cannot_be_ordered(needs)
    walk_of = [0] * len(needs)  # the walk that came by, from 1
    cycles = []
    for walk, start in enumerate((step for step, is_stuck in enumerate(stuck) if is_stuck), start=1):
        trail = []
        step = start
        while not walk_of[step]:
            walk_of[step] = walk
            trail.append(step)
            step = next(need for need in needs[step] if stuck[need])
        if walk_of[step] == walk:
            cycles.append(_from_lowest(trail[trail.index(step) :]))
    return cycles


def _cannot_be_ordered(needs: Sequence[Sequence[int]]) -> bytearray:
    """1 for each step that is in a cycle or needs, at some remove, a step that is."""
    waits = [len(mine) for mine in needs]
    if all(need < step for step, mine in enumerate(needs) for need in mine):
        return bytearray(len(needs))  # in order as written, as most are
    after: list[list[int]] = [[] for _ in needs]
    for step, mine in enumerate(needs):
        for need in mine:
            after[need].append(step)
    free = [step for step, count in enumerate(waits) if not count]
    for step in free:  # grows while it is walked
        for dependent in after[step]:
            waits[dependent] -= 1
            if not waits[dependent]:
                free.append(dependent)
    return bytearray(map(bool, waits))


def _from_lowest(cycle: list[int]) -> list[int]:
    at = cycle.index(min(cycle))
    return cycle[at:] + cycle[:at]
