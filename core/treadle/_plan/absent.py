"""How each step may have settled when another reads it, and so why it may have no output.

Rule 1: results are bits, as in `treadle._plan.blocks`; a step is looked at after all that it needs.
Rule 2: what cannot be known before the run (a strategy's settings) counts as what does no harm.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Never

from treadle._kinds import Ask, Tolerate
from treadle._plan.blocks import ACCEPTS, COMPLETED, FAILED, OMITTED, RESULTS, SKIPPED, TOLERATED, BlockPlan
from treadle._plan.strategies import InForce, lets_failure_be_seen, may_decide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from treadle._expr import Expression
    from treadle._expr.types import Type
    from treadle._model import StepSpec
    from treadle.errors import Problem

NOT_ENDED = 1 << 6
"""It may still be running: an ``at_least`` does not wait for all that it counts."""

ANY_RESULT = ACCEPTS["settled"]
_RAN = COMPLETED | FAILED | TOLERATED | SKIPPED
"""After these, what a step needed was satisfied."""

_MOST_FOLLOWED = 200
"""Of the steps before a reader; as many as anybody writes, and few enough for one who makes thousands."""
IN_FINALLY = "finally runs whatever became of the steps"

_REASONS = (
    (NOT_ENDED, "step {!r} may not have ended: at_least does not wait for it"),
    (SKIPPED, "step {!r} may be skipped"),
    (TOLERATED, "step {!r} may fail, which is tolerated"),
    (FAILED, "step {!r} may have failed"),
    (OMITTED, "step {!r} may be omitted"),
)


def why_absent(step_id: str, results: int) -> str:
    """Why a step that may have settled so may have no output; empty if it has one."""
    if not results & ~COMPLETED:
        return ""
    return next(
        (said for bit, said in _REASONS if results & bit), "step {!r} may have been cancelled"
    ).format(step_id)


def order_of(block: BlockPlan) -> Sequence[int]:
    """The steps of *block*, each after all that it needs; those in a circle last."""
    if block.spec.form == "sequence":
        return range(len(block.steps))
    order = [index for level in block.order for index in level]
    if len(order) < len(block.steps):
        order += sorted(set(range(len(block.steps))) - set(order))
    return order


def settled(blocks: Sequence[BlockPlan]) -> Settling:
    """How the steps of *blocks* may settle where nothing needs evaluating."""
    settling = Settling(blocks)
    for number, block in enumerate(blocks):
        for index in order_of(block):
            settling.settle(number, index)
    return settling


class Settling:
    """How steps may settle: by block and step.

    Attributes:
      seen: as another step of the block can find it.
      in_success: as it is when the block has completed.
      unreachable: steps that can never run, each with why; empty text where what it needs cannot either.
      warnings: what was seen beside.
    """

    def __init__(self, blocks: Sequence[BlockPlan]) -> None:
        self._blocks = blocks
        self.seen: list[list[int]] = [[COMPLETED] * len(block.steps) for block in blocks]
        self.in_success: list[list[int]] = [[COMPLETED] * len(block.steps) for block in blocks]
        self.unreachable: dict[tuple[int, int], str] = {}
        self.warnings: list[Problem] = []
        self._strategies: dict[int, tuple[int, bool]] = {}

    def settle(self, block: int, index: int) -> None:
        """Work out how a step may settle, after those that it needs."""
        plan = self._blocks[block]
        step, strategy = plan.steps[index], plan.strategies[index]
        failing, completes = self._failing(step, strategy)
        own = (COMPLETED if completes else 0) | failing & TOLERATED
        held = None if step.when is None or step.when.references else _truth(step.when)
        if held is False:
            own = failing = 0
        if (step.when is not None and held is not True) or "when" in step.partial:
            own |= SKIPPED
        self.seen[block][index] = own | failing | self._omitted(plan, index, self.seen[block])
        self.in_success[block][index] = own | self._omitted(plan, index, self.in_success[block])
        self._reach(block, index, held)

    def _failing(self, step: StepSpec, strategy: InForce) -> tuple[int, bool]:
        """The results of a failure, and whether the step may complete."""
        known = self._strategies.get(id(strategy))
        if known is None:
            decisions = may_decide(strategy) or ()
            tolerated = any(map(_tolerates, decisions))
            seen = (TOLERATED if tolerated else 0) | (FAILED if lets_failure_be_seen(strategy) else 0)
            known = self._strategies[id(strategy)] = seen, any(isinstance(one, Ask) for one in decisions)
        failing, asks = known
        if _own_settings_tolerate(step):
            failing |= TOLERATED
        if step.foreach is not None:
            failing &= ~TOLERATED  # it is the elements that are; then the list has nulls
        return failing, step.type.output is not Never or asks or bool(
            step.partial
        ) or step.foreach is not None

    def never_completes(self, block: int, index: int) -> None:
        """Note what is known of a step once all inside it has settled; a person may complete it still."""
        plan = self._blocks[block]
        if not any(isinstance(one, Ask) for one in may_decide(plan.strategies[index]) or ()):
            self.seen[block][index] &= ~COMPLETED
            self.in_success[block][index] &= ~COMPLETED

    @staticmethod
    def _omitted(plan: BlockPlan, index: int, results: list[int]) -> int:
        """`OMITTED` where a need may not be satisfied."""
        if any(results[need.step] & ~need.accepts for need in plan.needs[index]):
            return OMITTED
        group = plan.at_least[index]
        if group is not None and sum(results[one] == COMPLETED for one in group.steps) < group.count:
            return OMITTED
        return 0

    def _reach(self, block: int, index: int, held: bool | None) -> None:
        plan = self._blocks[block]
        why = "its `when` is never true" if held is False else None
        for need in plan.needs[index]:
            if (block, need.step) in self.unreachable and not self.seen[block][need.step] & need.accepts:
                why = why or ""
            elif not self.seen[block][need.step] & need.accepts and why is None:
                why = f"it needs {need.label}, which never {'happens' if need.result else 'completes'}"
        group = plan.at_least[index]
        if group is not None and why is None:
            can = sum(bool(self.seen[block][one] & COMPLETED) for one in group.steps)
            if can < group.count:
                why = f"it needs at least {group.count} to complete, and {can} can"
        if why is not None:
            self.unreachable[block, index] = why
            if held is not False:
                self.seen[block][index] = self.in_success[block][index] = OMITTED

    def for_reader(self, block: int, step: int, reader: int, facts: Mapping[Any, Type]) -> int:
        """How *step* may have settled when *reader*, of the same block, or what is inside it, reads it."""
        plan = self._blocks[block]
        accepts = accepted(plan, step, reader)
        results = self.seen[block][step] & accepts | accepts & NOT_ENDED
        if results & ~COMPLETED:
            results &= self._before(plan, step, reader, facts)
        return results & _known_results(plan, step, facts)

    def at_the_end(self, block: int, step: int, facts: Mapping[Any, Type]) -> int:
        """How *step* may have settled when its block has completed."""
        return self.in_success[block][step] & _known_results(self._blocks[block], step, facts)

    def _before(self, plan: BlockPlan, step: int, reader: int, facts: Mapping[Any, Type]) -> int:
        """The results of *step* after which those may have started that must have run before *reader*."""
        results, follow, seen = ANY_RESULT | NOT_ENDED, [reader], {reader}
        while follow and len(seen) < _MOST_FOLLOWED:
            one = follow.pop()
            for need in plan.needs[one]:
                can = self.seen[plan.spec.index][need.step] & need.accepts
                can &= _known_results(plan, need.step, facts)
                if need.step not in seen and not can & ~_RAN:
                    seen.add(need.step)
                    follow.append(need.step)
                    results &= accepted(plan, step, need.step) if need.step != step else results
        return results


def _truth(condition: Expression) -> bool | None:
    """What *condition*, which reads nothing, always comes to; None if that is not known."""
    from treadle._expr.infer import truth  # much to import; most specs have no such condition
    from treadle._expr.types import ANY

    return truth(condition, lambda _name: ANY)


def _known_results(plan: BlockPlan, step: int, facts: Mapping[Any, Type]) -> int:
    """How *step* may have settled by what is known of its status and its error."""
    results = ANY_RESULT | NOT_ENDED
    status = facts.get(("steps", plan.steps[step].id, "status"))
    if status is not None and status.choices is not None:
        results &= _by_status(status.choices)
    error = facts.get(("steps", plan.steps[step].id, "error"))
    if error is not None and error.kinds == {"null"}:
        results &= ~(FAILED | TOLERATED)
    return results


def tolerated(step: StepSpec, strategy: InForce) -> bool:
    """Whether a failure of *step*, or of one of its elements, may be tolerated with nothing for an output."""
    decisions = may_decide(strategy) or ()
    return any(map(_gives_nothing, decisions)) or _own_settings_tolerate(step)


def given_instead(strategy: InForce) -> Iterator[Any]:
    """The outputs that *strategy* gives to steps whose failures it tolerates."""
    for one in may_decide(strategy) or ():
        if isinstance(one, Tolerate) and one.output is not None:
            yield one.output


def _tolerates(decision: Any) -> bool:
    return isinstance(decision, Tolerate) or _gives_nothing(decision)


def _gives_nothing(decision: Any) -> bool:
    if isinstance(decision, Ask):
        return decision.on_timeout == "continue"
    return isinstance(decision, Tolerate) and decision.output is None


def _own_settings_tolerate(step: StepSpec) -> bool:
    if step.type.tolerates is None:
        return False
    config = step.settings.guess()
    try:
        return config is not None and step.type.tolerates(config)
    except Exception:  # a plugin's fault, which shows when it matters
        return False


def _by_status(choices: tuple[Any, ...]) -> int:
    bits = 0
    for status, bit in RESULTS.items():
        if str(status) in choices:
            bits |= bit | (TOLERATED if bit == FAILED else 0)
    return bits


def accepted(plan: BlockPlan, step: int, reader: int) -> int:
    """The results of *step* after which *reader* may start."""
    for need in plan.needs[reader]:
        if need.step == step:
            return need.accepts
    if plan.spec.form == "sequence":
        return ANY_RESULT if plan.spec.role == "finally" else ACCEPTS[None]
    group = plan.at_least[reader]
    if group is not None and step in group.steps:
        return COMPLETED if group.count == len(group.steps) else ANY_RESULT | NOT_ENDED
    return ANY_RESULT | NOT_ENDED


# --- conditions that hold --------------------------------------------------------------------------

_STABLE = frozenset({"inputs", "vars", "steps", "run"})
"""Names whose values do not change between one condition and the next."""


def conjuncts(expression: Expression) -> Iterator[str]:
    """The conditions that are all true where *expression* is, each in a form that can be compared."""
    if not all(reference.root in _STABLE for reference in expression.references):
        return
    from treadle._expr.narrowing import canonical  # as in `_truth`

    parts = [expression._tree]
    while parts:
        part = parts.pop()
        if isinstance(part, ast.BoolOp) and isinstance(part.op, ast.And):
            parts += part.values
        elif not _changes(part):
            yield canonical(part)


def always_the_same(expression: Expression) -> bool:
    """Whether the names of *expression* have one value in all of a run, wherever it is read."""
    return all(reference.root in _STABLE - {"steps"} for reference in expression.references)


def _changes(tree: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "now" for node in ast.walk(tree))


__all__ = [
    "ANY_RESULT",
    "IN_FINALLY",
    "NOT_ENDED",
    "Settling",
    "accepted",
    "always_the_same",
    "conjuncts",
    "given_instead",
    "order_of",
    "settled",
    "tolerated",
    "why_absent",
]
