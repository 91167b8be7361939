"""``switch``: the first of several blocks whose condition holds.

Rule: conditions are evaluated in order, and none after the first that holds; the branch is recorded before
it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import attrs
from attrs import validators as v

from treadle.plugin import CONDITION, Block, Expr, OutputsOf, Step, StepType, hookimpl, rules, where
from treadle_std.steps._branch import holds


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Case:
    """One case.

    Args:
      when: an expression that gives true or false.
      steps: the block to run if it is true.
    """

    when: Expr = attrs.field(metadata=CONDITION)
    steps: Block = attrs.field(metadata=where("when"))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Switch:
    """Runs the block of the first case that holds.

    Args:
      cases: tried in order; at least one.
      default: the block to run if none holds; nothing unless given.

    Errors:
      ``expression``, a condition is neither true nor false; or that of the first step inside that failed.

    Example:
      ``switch: {cases: [{when: inputs.n > 9, steps: [{command: ./big}]}], default: [{command: ./small}]}``
    """

    cases: tuple[Case, ...] = attrs.field(validator=v.min_len(1), metadata=rules("when", otherwise="default"))
    default: Block | None = None


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Taken:
    """What ``switch`` gives.

    Attributes:
      case: index of the case that held, from 0; null if none did.
      output: of the block that ran, by the ids of its steps; null if none ran.

    Example:
      ``{case: 0, output: {ship: {image: "app:1.2.0"}}}``
    """

    case: int | None
    output: Annotated[Mapping[str, Any] | None, OutputsOf("cases", "default")] = None


async def switch(config: Switch, step: Step) -> Taken:
    """Find the case, record the branch, run it."""
    chosen = next((i for i, case in enumerate(config.cases) if holds(case.when, step)), None)
    block = config.default if chosen is None else config.cases[chosen].steps
    if block is None:
        step.decide(None)
        return Taken(case=None)
    step.decide("default" if chosen is None else f"cases.{chosen}")
    return Taken(case=chosen, output=(await step.run_block(block)).result())


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``switch``."""
    return [StepType(name="switch", config=Switch, output=Taken, run=switch, main="cases", repeatable=True)]
