"""Which steps a step sees by name: its siblings, and the steps of the blocks around it.

Rule 1: an id does not repeat one that is visible, so a name means one step; the search goes outwards.
Rule 2: ``finally`` sees the workflow's steps; an undo sees what its step sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

import attrs

from treadle._model import BlockSpec, Spec, StepSpec


class Sighting(NamedTuple):
    """A step found by its id.

    Attributes:
      block, step: its indexes.
      reader: index, in the same block, of the step that reads it or has the reader inside it;
        None where ``finally`` reads the workflow's steps.
    """

    block: int
    step: int
    reader: int | None


@attrs.frozen(eq=False, repr=False)
class Scopes:
    """The blocks of a spec by how they enclose each other.

    Attributes:
      index_of: per block, its steps by id.
      parents: per block, where its step stands, as block and index; ``finally`` stands beside the
        steps, as ``(0, None)``; None for ``steps``.
      order: block indexes, each after the one that encloses it.
    """

    spec: Spec
    index_of: tuple[Mapping[str, int], ...]
    parents: tuple[tuple[int, int | None] | None, ...]
    order: tuple[int, ...]

    @classmethod
    def of(cls, spec: Spec) -> Scopes:
        """The scopes of *spec*."""
        parents: list[tuple[int, int | None] | None] = [None] * len(spec.blocks)
        order = [0]
        if spec.finally_ is not None:
            parents[spec.finally_.index] = (0, None)
            order.append(spec.finally_.index)
        for block in order:  # grows while it is walked
            for index, step in enumerate(spec.blocks[block].steps):
                if step.blocks or step.undo is not None:
                    for inner in blocks_of(step):
                        parents[inner] = (block, index)
                        order.append(inner)
        return cls(spec, tuple(map(_by_id, spec.blocks)), tuple(parents), tuple(order))

    def find(self, block: int, step: int, wanted: str) -> Sighting | None:
        """The step *wanted* as seen by the step with these indexes; None if it sees none of that id."""
        reader: int | None = step
        while True:
            found = self.index_of[block].get(wanted)
            if found is not None:
                return Sighting(block, found, reader)
            parent = self.parents[block]
            if parent is None:
                return None
            block, reader = parent

    def visible(self, block: int) -> Iterator[str]:
        """The ids that a step of *block* sees, inner ones first."""
        for level in self.enclosing(block):
            yield from self.index_of[level]

    def enclosing(self, block: int) -> Iterator[int]:
        """*block* and those around it, inner ones first."""
        parent: tuple[int, int | None] | None = (block, None)
        while parent is not None:
            yield parent[0]
            parent = self.parents[parent[0]]

    def outermost(self, block: int) -> BlockSpec:
        """The workflow's block around *block*: its ``steps`` or its ``finally``."""
        around = (self.spec.blocks[level] for level in self.enclosing(block))
        return next(one for one in around if one.role in ("steps", "finally"))

    def step_beside(self, step: StepSpec, block: int) -> StepSpec | None:
        """The step with *block* inside it that stands in the same block as *step*; None if there is none."""
        levels = (self.parents[level] for level in self.enclosing(block))
        around = ((self.spec.blocks[at[0]].steps, at[1]) for at in levels if at is not None)
        beside = (steps[index] for steps, index in around if index is not None and step in steps)
        return next(beside, None)

    @cached_property
    def anywhere(self) -> Mapping[str, tuple[int, int]]:
        """The first step of each id, wherever it stands, as block and index."""
        steps: dict[str, tuple[int, int]] = {}
        for block in self.order:
            for wanted, index in self.index_of[block].items():
                steps.setdefault(wanted, (block, index))
        return steps

    def way_to(self, wanted: str, block: int) -> list[StepSpec]:
        """From a step that *block* sees, inwards to a step *wanted* that it does not; empty if none."""
        levels = set(self.enclosing(block))
        target: tuple[int, int | None] | None = self.anywhere.get(wanted)
        way: list[StepSpec] = []
        while target is not None and target[1] is not None:
            if self.spec.blocks[target[0]].role == "undo":
                return []  # what an undo did is no part of a step's output
            way.append(self.spec.blocks[target[0]].steps[target[1]])
            if target[0] in levels:
                return way[::-1]
            target = self.parents[target[0]]
        return []


def _by_id(block: BlockSpec) -> Mapping[str, int]:
    index_of = {step.id: index for index, step in enumerate(block.steps)}
    if len(index_of) < len(block.steps):  # a problem, reported already; the first of an id is meant
        for index, step in reversed(list(enumerate(block.steps))):
            index_of[step.id] = index
    return index_of


def blocks_of(step: StepSpec) -> Iterator[int]:
    """The indexes of the blocks inside *step*, its undo last."""
    for block in step.blocks:
        yield block.index
    if step.undo is not None:
        yield step.undo.index


def in_cleanup(block: BlockSpec) -> bool:
    """Whether *block* is an undo or ``finally``, which nothing interrupts."""
    return block.role in ("undo", "finally")
