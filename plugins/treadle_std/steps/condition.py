"""``condition``: one of two blocks.

Rule: which branch is taken is recorded before it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import attrs

from treadle.plugin import (
    CONDITION,
    Block,
    Expr,
    OutputsOf,
    Step,
    StepType,
    hookimpl,
    where,
    where_not,
)
from treadle_std.steps._branch import holds


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Condition:
    """Runs *then* if *if* is true, else *else*.

    Args:
      if: an expression that gives true or false.
      then: a block.
      else: a block; nothing unless given.

    Errors:
      ``expression``, *if* is neither true nor false; or that of the first step inside that failed.

    Example:
      ``condition: {if: inputs.env == 'prod', then: [{command: ./ship}], else: [{command: ./dry-run}]}``
    """

    if_: Expr = attrs.field(metadata=CONDITION)
    then: Block = attrs.field(metadata=where("if_"))
    else_: Block | None = attrs.field(default=None, metadata=where_not("if_"))


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Taken:
    """What ``condition`` gives.

    Attributes:
      result: what *if* was.
      output: of the block that ran, by the ids of its steps; null if none ran.

    Example:
      ``{result: true, output: {ship: {image: "app:1.2.0"}}}``
    """

    result: bool
    output: Annotated[Mapping[str, Any] | None, OutputsOf("then", "else_")] = None


async def condition(config: Condition, step: Step) -> Taken:
    """Evaluate, record the branch, run it."""
    result = holds(config.if_, step)
    block = config.then if result else config.else_
    if block is None:
        step.decide(None)
        return Taken(result=result)
    step.decide("then" if result else "else")
    return Taken(result=result, output=(await step.run_block(block)).result())


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``condition``."""
    return [StepType(name="condition", config=Condition, output=Taken, run=condition, repeatable=True)]
