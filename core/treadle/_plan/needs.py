"""Who needs whom: written needs, the order of lists, and needs that references imply.

Rule 1: a written need overrules the one its references would imply; ids in an ``at_least`` imply nothing.
Rule 2: a reference inside a nested block makes the step that encloses it, in the block where the id is
        found, need that id; references in ``finally`` imply nothing.
Rule 3: a need that can never be satisfied, or that closes a circle, is an error here, never a hang later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from treadle._expr import Reference
from treadle._plan.blocks import ACCEPTS, USUAL, WANTED, AtLeastPlan, BlockPlan, NeedPlan
from treadle._plan.cycles import find_cycles
from treadle._plan.problems import Problems, listed
from treadle._plan.reads import Read, expressions_of
from treadle._plan.strategies import InForce, lets_failure_be_seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._model import BlockSpec, Need, Spec, StepSpec
    from treadle._places import Place
    from treadle._plan.lexical import Scopes

_SETTLED = ACCEPTS["settled"]
_LABELS = {
    "completed": "{} to have completed",
    "failed": "{} to have failed",
    "skipped": "{} to have been skipped",
    "settled": "{} to have settled",
}


@attrs.define(eq=False, repr=False)
class _Implied:
    """What the references of one step to another imply, and the first that implies the most."""

    accepts: int
    reference: Reference
    read: Read

    def meet(self, accepts: int, reference: Reference, read: Read) -> None:
        if accepts != self.accepts and accepts == USUAL:
            self.accepts, self.reference, self.read = accepts, reference, read

    @property
    def source(self) -> str:
        return f"{self.reference} in {self.read.place.path or self.read.kind}"

    @property
    def found_at(self) -> str:
        return f"{self.source}{_position(self.read.place.inside(self.reference.offset))}"


_ImpliedBy = dict[int, dict[int, dict[int, _Implied]]]
"""By block, by step that needs, by step needed."""


def resolve_needs(
    spec: Spec, scopes: Scopes, in_force: list[list[InForce]], problems: Problems
) -> list[BlockPlan]:
    """The compiled blocks. Problems of needs go to *problems*; those of references are `check_names`'s."""
    implied = _implied_needs(spec, scopes)
    return [
        _Resolver(block, scopes, in_force[block.index], problems).compiled(implied.get(block.index, {}))
        for block in spec.blocks
    ]


def _implied_needs(spec: Spec, scopes: Scopes) -> _ImpliedBy:
    implied: _ImpliedBy = {}
    for block in spec.blocks:
        for index, step in enumerate(block.steps):
            for read in expressions_of(step):
                for reference in read.references:
                    if reference.root == "steps" and reference.keys:
                        _imply(implied, spec, scopes, (block.index, index), read, reference)
    return implied


def _imply(
    implied: _ImpliedBy, spec: Spec, scopes: Scopes, reader: tuple[int, int], read: Read, reference: Reference
) -> None:
    seen = scopes.find(*reader, str(reference.keys[0]))
    if seen is None or seen.reader is None or seen.reader == seen.step:
        return
    block = spec.blocks[seen.block]
    if block.form != "graph" or block.role == "finally":
        return
    accepts = _SETTLED if reference.keys[1:2] in (("status",), ("error",)) else USUAL
    mine = implied.setdefault(seen.block, {}).setdefault(seen.reader, {})
    if seen.step in mine:
        mine[seen.step].meet(accepts, reference, read)
    else:
        mine[seen.step] = _Implied(accepts, reference, read)


class _Resolver:
    """Compiles the needs of one block."""

    def __init__(self, block: BlockSpec, scopes: Scopes, in_force: list[InForce], problems: Problems) -> None:
        self.block = block
        self.steps = block.steps
        self.index_of = scopes.index_of[block.index]
        self.scopes = scopes
        self.in_force = in_force
        self.problems = problems
        self._shared: dict[tuple[int, int], NeedPlan] = {}

    def compiled(self, implied: Mapping[int, Mapping[int, _Implied]]) -> BlockPlan:
        if self.block.form == "sequence":
            accepts = _SETTLED if self.block.role == "finally" else USUAL
            needs: list[tuple[NeedPlan, ...]] = [()]
            needs += [(self._need(index, accepts),) for index in range(len(self.steps) - 1)]
            at_least: list[AtLeastPlan | None] = [None] * len(self.steps)
        else:
            at_least = [self._at_least(i, step) for i, step in enumerate(self.steps)]
            needs = [
                tuple(self._needs_of(i, step, at_least[i], implied.get(i, {})))
                for i, step in enumerate(self.steps)
            ]
            self._check_cycles(needs, at_least, implied)
        return BlockPlan.build(self.block, needs, at_least, self.in_force, self.index_of)

    def _need(self, step: int, accepts: int) -> NeedPlan:
        need = self._shared.get((step, accepts))
        if need is None:
            label = _LABELS.get(WANTED.get(accepts, ""), "{}").format(self.steps[step].id)
            need = self._shared[step, accepts] = NeedPlan(step, accepts, label)
        return need

    def _needs_of(
        self, index: int, step: StepSpec, group: AtLeastPlan | None, implied: Mapping[int, _Implied]
    ) -> Iterator[NeedPlan]:
        written = set()
        for need in step.needs:
            found = self._look_up(need.id, index, need.place)
            if found is not None:
                written.add(found)
                self._check_result(need, found)
                yield self._need(found, ACCEPTS[need.result])
        if group is not None:
            written.update(group.steps)
        for found, reason in implied.items():
            if found not in written:
                label = self._need(found, reason.accepts).label
                yield NeedPlan(found, reason.accepts, label, reason.source)

    def _at_least(self, index: int, step: StepSpec) -> AtLeastPlan | None:
        group = step.at_least
        if group is None:
            return None
        found = [self._look_up(wanted, index, group.place) for wanted in group.ids]
        known = tuple(one for one in found if one is not None)
        return AtLeastPlan(group.count, known) if len(known) == len(found) else None

    def _look_up(self, wanted: str, index: int, place: Place) -> int | None:
        """The index of the step *wanted*; None, and a problem, if the step *index* cannot need it."""
        found = self.index_of.get(wanted)
        if found is None:
            self._unknown(wanted, place)
        elif found == index:
            self.problems.add("TRD332", place, f"step {wanted!r} needs itself", "remove it from needs")
            return None
        return found

    def _unknown(self, wanted: str, place: Place) -> None:
        if self.block.partial:
            return
        where = self.scopes.anywhere.get(wanted)
        if where is None:
            near = self.problems.near(wanted, self.index_of, listed("steps here", self.index_of))
            self.problems.add("TRD331", place, f"there is no step {wanted!r} to need", near)
            return
        said, fix = f"step {wanted!r} stands in another block and cannot be needed", self._instead(wanted)
        self.problems.add("TRD333", place, said, fix)

    def _instead(self, wanted: str) -> str:
        """What to write for a need on a step of another block."""
        block = self.scopes.anywhere[wanted][0]
        way = self.scopes.way_to(wanted, self.block.index)
        if way and way[0].id in self.index_of:
            return f"need {way[0].id!r}, the step of this block that has it inside"
        if self.scopes.outermost(self.block.index).role == "finally":
            return "leave it out: finally starts when all the steps have ended"
        if self.scopes.outermost(block).role == "finally":
            return "leave it out: finally starts only after these steps"
        if not way:
            return "leave it out: an undo runs only when its step is taken back"
        around = self.scopes.step_beside(way[0], self.block.index)
        if around is None or around is way[0]:
            return "leave it out: blocks of one step do not wait for each other"
        return f"need {way[0].id!r} in {around.id!r}, the step around this block"

    def _check_result(self, need: Need, found: int) -> None:
        if need.result == "failed" and not lets_failure_be_seen(self.in_force[found]):
            strategy = self.in_force[found].entry.name
            self.problems.add(
                "TRD334",
                need.place,
                f"nothing starts after {need.id!r} failed: its strategy is {strategy}",
                f"give {need.id!r} `on_error: fail_late` or `on_error: continue`",
            )
        elif need.result == "skipped" and self._never_skipped(self.steps[found]):
            self.problems.add(
                "TRD335",
                need.place,
                f"{need.id!r} has no `when`, so it is never skipped",
                f"give {need.id!r} a `when`, or need another result",
            )

    @staticmethod
    def _never_skipped(step: StepSpec) -> bool:
        return step.when is None and "when" not in step.partial

    def _check_cycles(
        self,
        needs: list[tuple[NeedPlan, ...]],
        at_least: list[AtLeastPlan | None],
        implied: Mapping[int, Mapping[int, _Implied]],
    ) -> None:
        graph = [
            [need.step for need in mine] + list(group.steps if group else ())
            for mine, group in zip(needs, at_least, strict=True)
        ]
        for cycle in find_cycles(graph):
            first = self.steps[cycle[0]]
            said = [self._with_position(step) for step in cycle]
            ids = [one.id for one in self.steps]
            sources = [
                f"{ids[step]} needs {ids[after]} because of {implied[step][after].found_at}"
                for step, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True)
                for need in needs[step]
                if need.step == after and need.inferred
            ]
            self.problems.add(
                "TRD336",
                first.places.get("needs") or first.places.get("") or self.block.place,
                f"these steps wait for each other: {' needs '.join([*said, first.id])}",
                "; ".join([*sources, "remove one of these needs"]),
            )

    def _with_position(self, index: int) -> str:
        step = self.steps[index]
        place = step.places.get("")
        return step.id if place is None else f"{step.id}{_position(place)}"


def _position(place: Place) -> str:
    return "" if place.line is None else f" ({place.line}:{place.column})"
