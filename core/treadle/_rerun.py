"""Which steps of a run run again in a new one, and what the new journal takes over from the old.

Rule 1: a step runs again if it is chosen, if it did not complete or was undone, or if what it needs runs
        again. A skip stands, and so does an omission that follows from needs which stand.
Rule 2: a block or foreach of which only a part runs again is entered again: its start is taken over, and the
        events of what stands inside it. One that had several attempts or rounds runs again as a whole.
Rule 3: events taken over keep their order and say which they were. Undos, ``finally`` and what steps emitted
        are not taken over.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from treadle._paths import inside_of, join
from treadle._plan.blocks import COMPLETED, OMITTED, RESULTS
from treadle._plan.plan import Plan
from treadle._state import RunState
from treadle.events import Event, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from treadle._model import StepSpec
    from treadle._plan.blocks import BlockPlan
    from treadle._state import StepResult


class Fate(enum.Enum):
    """What becomes of a step in the new run."""

    REUSED = "reused"
    PARTLY = "partly"
    AGAIN = "again"


@attrs.frozen
class Verdict:
    """The fate of one step, and why, where it runs again."""

    fate: Fate
    why: str = ""


@attrs.frozen(eq=False, repr=False)
class Closure:
    """What runs again, and what stands.

    Attributes:
      verdicts: by path, in the order of the plan; of a step that stands or runs again as a whole, the steps
        inside it are left out.
    """

    verdicts: Mapping[str, Verdict]

    def of(self, fate: Fate) -> list[str]:
        """The paths with this fate."""
        return [path for path, verdict in self.verdicts.items() if verdict.fate is fate]


def closure(plan: Plan, events: Sequence[Event], chosen: frozenset[str] = frozenset()) -> Closure:
    """What runs again of the run with these *events*, if the steps at the *chosen* paths do.

    A path without elements and rounds means all of them.
    """
    walk = _Walk(plan, events, chosen)
    walk.block(plan.blocks[0], "")
    return Closure(walk.verdicts)


def work_paths(plan: Plan) -> frozenset[str]:
    """The paths, without elements and rounds, of all steps but those of undos and ``finally``."""
    found: set[str] = set()
    blocks = [plan.blocks[0]]
    while blocks:
        for step in blocks.pop().steps:
            found.add(step.path)
            blocks += (plan.blocks[block.index] for block in step.blocks)
    return frozenset(found)


def taken_over(plan: Plan, events: Sequence[Event], what: Closure) -> Iterator[Event]:
    """The events of *events* that the new journal begins with, after its own first two, in their order."""
    standing = _Standing(plan, what)
    return (event for event in events if standing.takes(event))


def journal(
    plan: Plan,
    events: Sequence[Event],
    what: Closure | None,
    *,
    run: str,
    time: float,
    correlation_id: str,
    told: Mapping[str, Any],
) -> list[Event]:
    """The first events of the new run; recovering it runs the rest.

    Args:
      what: None where everything runs again.
      time: of all these events, seconds since 1970 UTC.
      told: added to the data of ``workflow.accepted``: the run it comes from, and what was chosen.
    """
    accepted = events[0]
    first = {name: value for name, value in accepted.data.items() if name not in _OWN}
    new = [attrs.evolve(accepted, data={**first, **told})]
    if what is not None:
        new += [event for event in events if event.type == "workflow.started"][:1]
        new += map(_reused, taken_over(plan, events, what))
    return [
        attrs.evolve(event, run=run, seq=seq, time=time, correlation_id=correlation_id)
        for seq, event in enumerate(new, start=1)
    ]


def _reused(event: Event) -> Event:
    """*event* as the new journal has it, where the number of the command behind a signal names another."""
    data = {**event.data, "reused": event.seq}
    if event.type == "step.resolved":
        data.pop("signal", None)
    return attrs.evolve(event, data=data)


_OWN = frozenset({"key", "parent", "rerun_of", "from"})
"""What ``workflow.accepted`` tells of one run only."""


# --- what runs again -------------------------------------------------------------------------------


class _Walk:
    """Goes over the plan, with what the old run came to."""

    def __init__(self, plan: Plan, events: Sequence[Event], chosen: frozenset[str]) -> None:
        self.verdicts: dict[str, Verdict] = {}
        self._plan = plan
        self._chosen = chosen
        self._steps = RunState.fold(events).steps
        self._undone = {event.step for event in events if event.type == "step.undoing"}
        self._elements = {
            event.step: len(event.data["items"]) for event in events if event.type == "step.expanded"
        }

    def block(self, block: BlockPlan, prefix: str) -> list[Fate]:
        """Judge the steps of *block*; the fate of each."""
        fates = [Fate.REUSED] * len(block.steps)
        for index in (index for level in block.order for index in level):
            spec = block.steps[index]
            path = join(prefix, spec.id)
            if again := self._needs_again(block, index, fates):
                verdict = Verdict(Fate.AGAIN, f"needs {again}")
            elif self._omitted_for_good(block, index, prefix):
                verdict = Verdict(Fate.REUSED)
            else:
                verdict = self._judged(spec, path)
            fates[index] = verdict.fate
            self._enter(path, verdict)
        return fates

    def _needs_again(self, block: BlockPlan, index: int, fates: Sequence[Fate]) -> str | None:
        """The first step that this one needs, and that does not simply stand."""
        group = block.at_least[index]
        for before in (*(need.step for need in block.needs[index]), *(group.steps if group else ())):
            if fates[before] is not Fate.REUSED:
                return block.steps[before].id
        return None

    def _omitted_for_good(self, block: BlockPlan, index: int, prefix: str) -> bool:
        """Whether a step would be omitted again, since its needs, all of which stand, are not satisfied."""

        def result(step: int) -> int:
            found = self._steps.get(join(prefix, block.steps[step].id))
            return RESULTS.get(found.status, 0) if found is not None else 0

        if result(index) != OMITTED:
            return False
        group = block.at_least[index]
        if group and sum(result(step) == COMPLETED for step in group.steps) < group.count:
            return True
        return any(not result(need.step) & need.accepts for need in block.needs[index])

    def _judged(self, spec: StepSpec, path: str, *, element: bool = False) -> Verdict:
        """What becomes of a step, or of an element of it, whose needs stand."""
        if path in self._chosen or (spec.path in self._chosen and not element):
            return Verdict(Fate.AGAIN, "chosen")
        result = self._steps.get(path)
        if result is None:
            return Verdict(Fate.AGAIN, "never started")
        if path in self._undone:
            return Verdict(Fate.AGAIN, "undone")
        whole = element or spec.foreach is None
        fates = self._inside(spec, path, result) if whole else self._of_elements(spec, path)
        return self._from_inside(spec, path, result, fates)

    def _from_inside(self, spec: StepSpec, path: str, result: StepResult, fates: list[Fate]) -> Verdict:
        stands = result.status in _STANDS
        if stands and all(fate is Fate.REUSED for fate in fates) and not self._round_undone(spec, path):
            return Verdict(Fate.REUSED)
        why = "" if stands else str(result.status)
        once = result.attempts == 1 and spec.repeat is None
        if once and any(fate is not Fate.AGAIN for fate in fates):
            return Verdict(Fate.PARTLY, why)
        return Verdict(Fate.AGAIN, why or "a part of it runs again")

    def _round_undone(self, spec: StepSpec, path: str) -> bool:
        """Whether anything in any round of a repeated step was undone."""
        if spec.repeat is None:
            return False
        return any(step and step.startswith((f"{path}.", f"{path}#")) for step in self._undone)

    def _inside(self, spec: StepSpec, path: str, result: StepResult) -> list[Fate]:
        """The fates of the steps in the blocks that the latest attempt ran; empty where it ran none."""
        prefix = inside_of(path, result.attempts)
        return [
            fate
            for block in self._ran([self._plan.blocks[each.index] for each in spec.blocks], prefix)
            for fate in self.block(block, prefix)
        ]

    def _ran(self, blocks: Sequence[BlockPlan], prefix: str) -> Sequence[BlockPlan]:
        """Those of *blocks* that were run: of a block that was, every step has settled."""

        def settled(block: BlockPlan) -> list[bool]:
            return [f"{prefix}.{step.id}" in self._steps for step in block.steps]

        return [block for block in blocks if all(settled(block))] or [
            block for block in blocks if any(settled(block))
        ]

    def _of_elements(self, spec: StepSpec, path: str) -> list[Fate]:
        result = self._steps[path]
        prefix = inside_of(path, result.attempts)
        fates = []
        for number in range(self._elements.get(path, 0)):
            verdict = self._judged(spec, f"{prefix}.{number}", element=True)
            fates.append(verdict.fate)
            self._enter(f"{prefix}.{number}", verdict)
        return fates

    def _enter(self, path: str, verdict: Verdict) -> None:
        """Note *verdict* before those inside it, which are left out unless it is `PARTLY`."""
        inside = list(self._entered_inside(path))
        kept = {each: self.verdicts.pop(each) for each in inside}
        self.verdicts[path] = verdict
        if verdict.fate is Fate.PARTLY:
            self.verdicts.update(reversed(list(kept.items())))

    def _entered_inside(self, path: str) -> Iterator[str]:
        """What was entered last, and lies in *path*: newest first."""
        for each in reversed(self.verdicts):
            if not each.startswith((f"{path}.", f"{path}#")):
                return
            yield each


_STANDS = (StepStatus.COMPLETED, StepStatus.SKIPPED)


# --- what is taken over ----------------------------------------------------------------------------


@attrs.frozen(eq=False, repr=False)
class _Standing:
    """Tells which events belong to what stands."""

    plan: Plan
    what: Closure

    def takes(self, event: Event) -> bool:
        """Whether *event* is taken over."""
        path = event.step
        if path is None or not event.type.startswith("step.") or event.type in _UNDO:
            return False
        fate = self._fate(path)
        if fate is Fate.PARTLY:
            return event.type in _BEGINS
        return fate is Fate.REUSED and self._is_work(path)

    def _fate(self, path: str) -> Fate | None:
        """That of the step at *path*, or of the one that stands, or runs again, around it."""
        verdicts = self.what.verdicts
        for index, sign in enumerate(path):
            if sign in ".#" and (around := verdicts.get(path[:index])) and around.fate is not Fate.PARTLY:
                return around.fate
        own = verdicts.get(path)
        return None if own is None else own.fate

    def _is_work(self, path: str) -> bool:
        """Whether the step at *path* is none of an undo or of ``finally``."""
        step = self.plan.resolve(path)
        return step is not None and step.path in self._work

    @cached_property
    def _work(self) -> frozenset[str]:
        return work_paths(self.plan)


_UNDO = frozenset({"step.undoing", "step.undone", "step.undo_failed"})

_BEGINS = frozenset({"step.decided", "step.expanded", "step.started"})
"""What is taken over of a step that is entered again."""
