"""What a rollback would take back, told from the plan alone.

Rule 1: what a failed step waited for is told apart from what ran beside it, which may have completed.
Rule 2: a completed step's own undo replaces those inside it; inside one that did not complete, each its own.
Rule 3: paths are put together only when looked at: for each of 10,000 steps they would be 50 million.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import attrs

from treadle._kinds import Ask, Decision, Rollback, Tolerate
from treadle._plan.strategies import may_decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._model import StepSpec
    from treadle._plan.blocks import BlockPlan
    from treadle._plan.plan import Plan

# --- at each step ----------------------------------------------------------------------------------


@attrs.frozen(eq=False, repr=False)
class Chosen:
    """Steps of one block whose undos are owed, newest first, and then those of the blocks around it.

    Attributes:
      bits: which steps, by rank: their place in an order in which the block can run.
      owes: per rank, the paths that are undone.
      sizes: by number of those paths, the ranks that have so many, as bits.
    """

    bits: int = 0
    owes: Sequence[tuple[str, ...]] = ()
    sizes: Mapping[int, int] = attrs.field(factory=dict)
    outside: Chosen | None = None

    def __len__(self) -> int:
        here = sum(size * (self.bits & ranks).bit_count() for size, ranks in self.sizes.items())
        return here + (len(self.outside) if self.outside is not None else 0)

    def __iter__(self) -> Iterator[str]:
        bits = self.bits
        while bits:
            rank = bits.bit_length() - 1
            yield from self.owes[rank]
            bits ^= 1 << rank
        if self.outside is not None:
            yield from self.outside


@attrs.frozen(eq=False, repr=False)
class Owed:
    """What is taken back when a step fails.

    Attributes:
      itself: its own path, where it is undone although it did not complete.
      inside: what may have completed in its blocks and elements before it failed.
      before: what it waited for.
      beside: what may have completed beside it, in whatever order.
    """

    itself: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    before: Chosen = attrs.field(factory=Chosen)
    beside: Chosen = attrs.field(factory=Chosen)

    def __bool__(self) -> bool:
        return bool(self.itself or self.inside) or len(self.before) > 0 or len(self.beside) > 0

    @property
    def undoes(self) -> list[str]:
        """What is taken back for certain, as far as it completed, newest first."""
        return [*self.itself, *self.before]

    @property
    def may_undo(self) -> list[str]:
        """What may have completed, and then is taken back too, in the reverse order of completion."""
        return [*self.inside, *self.beside]


def owed_at_each(plan: Plan) -> Iterator[tuple[str, Owed]]:
    """Each step under ``steps``, with what a rollback of the whole run would take back if it failed."""
    return _at_each(plan, plan.blocks[0], Owed())


def rollbacks(plan: Plan) -> dict[str, dict[str, list[str]]]:
    """By the path of the step that fails: ``undoes``, newest first, as far as completed, and ``may_undo``.

    Steps at which nothing would be undone are left out.
    """
    return {
        path: {"undoes": owed.undoes, "may_undo": owed.may_undo} for path, owed in owed_at_each(plan) if owed
    }


def undone_with(plan: Plan, step: StepSpec) -> tuple[str, ...]:
    """The paths that are undone to take back a completed *step*: its own undo replaces those inside it."""
    return (step.path,) if step.undo is not None else _undone_in(plan, step)


def _undone_in(plan: Plan, step: StepSpec) -> tuple[str, ...]:
    """The same for its blocks alone."""
    return tuple(
        path
        for inner in step.blocks
        for level in reversed(plan.blocks[inner.index].order)
        for index in reversed(level)
        for path in undone_with(plan, plan.blocks[inner.index].steps[index])
    )


def _at_each(plan: Plan, block: BlockPlan, outside: Owed) -> Iterator[tuple[str, Owed]]:
    """Each step of *block* and of the blocks inside, in an order in which they can run."""
    for step, owed in _in_block(plan, block, outside):
        yield step.path, owed
        around = _for_blocks_of(plan, step, owed)
        for inner in step.blocks:
            yield from _at_each(plan, plan.blocks[inner.index], around)


def _for_blocks_of(plan: Plan, step: StepSpec, owed: Owed) -> Owed:
    """What is owed around the steps inside *step*: the same as for it, and other elements of its foreach."""
    elements = undone_with(plan, step) if step.foreach is not None else ()
    beside = Chosen(1, (elements,), {len(elements): 1}, owed.beside) if elements else owed.beside
    return Owed(before=owed.before, beside=beside)


def _in_block(plan: Plan, block: BlockPlan, outside: Owed) -> Iterator[tuple[StepSpec, Owed]]:
    order = [index for level in block.order for index in level]
    rank = {index: place for place, index in enumerate(order)}
    owes = [undone_with(plan, block.steps[index]) for index in order]
    sizes: dict[int, int] = defaultdict(int)
    for place, paths in enumerate(owes):
        sizes[len(paths)] |= 1 << place
    undoable = (1 << len(order)) - 1 & ~sizes.pop(0, 0)
    needed = _needed(block)
    above, below = _reach(order, needed, rank), _reach(order[::-1], _needing(needed), rank)
    for place, index in enumerate(order):
        step = block.steps[index]
        before = undoable & above[index]
        beside = undoable & ~above[index] & ~below[index] & ~(1 << place)
        mine = (step.path,) if step.undo is not None else ()
        attempted = step.undo_after == "attempted"
        elements = mine if step.foreach is not None and not attempted else ()
        yield (
            step,
            Owed(
                mine if attempted else (),
                (*elements, *_undone_in(plan, step)) if not (mine and attempted) else (),
                Chosen(before, owes, sizes, outside.before),
                Chosen(beside, owes, sizes, outside.beside),
            ),
        )


def _needed(block: BlockPlan) -> list[list[int]]:
    """Per step, the steps it waits for."""
    return [
        [*(need.step for need in needs), *(group.steps if group else ())]
        for needs, group in zip(block.needs, block.at_least, strict=True)
    ]


def _needing(needed: Sequence[Sequence[int]]) -> list[list[int]]:
    """Per step, the steps that wait for it."""
    after: list[list[int]] = [[] for _ in needed]
    for index, mine in enumerate(needed):
        for each in mine:
            after[each].append(index)
    return after


def _reach(order: Sequence[int], next_to: Sequence[Sequence[int]], rank: Mapping[int, int]) -> list[int]:
    """Per step, the ranks of all that *next_to* leads to, as bits; *order* has those first."""
    reach = [0] * len(order)
    for index in order:
        for each in next_to[index]:
            reach[index] |= reach[each] | 1 << rank[each]
    return reach


# --- at one step -----------------------------------------------------------------------------------


@attrs.frozen(eq=False, repr=False)
class Preview:
    """A rollback at one step.

    Attributes:
      step: path of the step that fails.
      asked_by: path of the step whose strategy asks for it, which is *step* or around it; None: none does.
      scope: whether the run is taken back, or the block that *asked_by* stands in.
      tolerated: path of the step at which the failure is tolerated, so that it goes no further.
      person: path of the step at which a person is asked, and may choose a rollback.
      undoes: paths, newest first, as far as they completed.
      may_undo: paths that may have completed beside it; all are undone in the reverse order of completion.
    """

    step: str
    asked_by: str | None
    scope: Literal["run", "block"]
    undoes: tuple[str, ...]
    may_undo: tuple[str, ...]
    tolerated: str | None = None
    person: str | None = None


def preview(plan: Plan, path: str) -> Preview | None:
    """What a rollback at the step of that static path takes back; None: it is no step under ``steps``."""
    around = _around(plan, path)
    if not around or any(block.spec.role in ("undo", "finally") for block, _ in around):
        return None
    asked_by, scope, tolerated, person = _who_asks(around)
    owed = around_it = Owed()
    for block, index in around:
        if scope == "block" and _inside(block, around, asked_by):
            around_it = Owed()  # what is around the block stays
        chosen = block.steps[index]
        owed = next(found for step, found in _in_block(plan, block, around_it) if step is chosen)
        around_it = _for_blocks_of(plan, chosen, owed)
    return Preview(path, asked_by, scope, tuple(owed.undoes), tuple(owed.may_undo), tolerated, person)


def _around(plan: Plan, path: str) -> list[tuple[BlockPlan, int]]:
    """The step of that path and those it lies in, outermost first, each with its block; empty: none."""
    step = plan.paths.get(path)
    where = {id(each): (block, index) for block in plan.blocks for index, each in enumerate(block.steps)}
    found = []
    while step is not None:
        block, index = where[id(step)]
        found.append((block, index))
        step = block.spec.owner
    return found[::-1]


def _who_asks(
    around: Sequence[tuple[BlockPlan, int]],
) -> tuple[str | None, Literal["run", "block"], str | None, str | None]:
    """How the failure bubbles: whose strategy rolls back, with its scope; who tolerates it; who asks."""
    for block, index in reversed(around):
        path = block.steps[index].path
        decisions: Sequence[Decision] = may_decide(block.strategies[index]) or ()
        for decision in decisions:
            if isinstance(decision, Rollback):
                return path, decision.scope, None, None
        if any(isinstance(decision, Ask) for decision in decisions):
            return None, "run", None, path
        if any(isinstance(decision, Tolerate) for decision in decisions):
            return None, "run", path, None
    return None, "run", None, None


def _inside(block: BlockPlan, around: Sequence[tuple[BlockPlan, int]], asked_by: str | None) -> bool:
    """Whether *block* is the one that the step at *asked_by* stands in."""
    return any(each is block and each.steps[index].path == asked_by for each, index in around)
