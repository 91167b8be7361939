"""``decide``: the values of the rules whose conditions hold.

Rule: nothing of a rule that is not chosen is evaluated but its condition; which one was is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs
from attrs import validators as v

from treadle.plugin import (
    CONDITION,
    NO_SECRETS,
    Expr,
    Lazy,
    OneOf,
    Step,
    StepError,
    StepType,
    hookimpl,
    rules,
)
from treadle_std.steps._branch import holds

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Rule:
    """One rule.

    Args:
      when: an expression that gives true or false.
      then: any value, which the step gives if *when* is true; evaluated only then.
    """

    when: Expr = attrs.field(metadata=CONDITION)
    then: Lazy = attrs.field(metadata=NO_SECRETS)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Decide:
    """Gives the value of the rule that holds.

    The output is that value; with ``collect`` it is a list, empty if no rule holds and there is no
    *otherwise*. A single value that is null is no output: read it with ``default``.

    Args:
      rules: a table, in order; at least one.
      hit: which rules count: ``first``, the first that holds; ``unique``, the only one that
        holds; ``collect``, all that hold, as a list.
      otherwise: the value if no rule holds.

    Errors:
      ``decide.none``, no rule holds and there is no *otherwise*; ``decide.several``, more than one holds with
      ``unique``; their numbers, from 0, are its data; ``expression``, a condition is neither true nor false.

    Example:
      ``decide: {rules: [{when: inputs.n > 9, then: big}], otherwise: small}``
    """

    rules: tuple[Rule, ...] = attrs.field(
        validator=v.min_len(1), metadata=rules("when", otherwise="otherwise", hit="hit", must_hold=True)
    )
    hit: Literal["first", "unique", "collect"] = "first"
    otherwise: Lazy | None = attrs.field(default=None, metadata=NO_SECRETS)


async def decide(config: Decide, step: Step) -> Any:
    """Find the rules that hold, record which, give their values."""
    chosen: list[int] = []
    for index, rule in enumerate(config.rules):
        if holds(rule.when, step):
            chosen.append(index)
            if config.hit == "first":
                break
    if config.hit == "unique" and len(chosen) > 1:
        which = " and ".join(str(index + 1) for index in chosen)
        raise StepError("decide.several", f"rules {which} hold, and `hit: unique` takes one", data=chosen)
    if config.hit == "collect":
        return _collected(config, chosen, step)
    return _single(config, chosen, step)


def _single(config: Decide, chosen: list[int], step: Step) -> Any:
    if chosen:
        step.decide(f"rules.{chosen[0]}")
        return step.evaluate(config.rules[chosen[0]].then)
    if config.otherwise is None:
        raise StepError("decide.none", "no rule holds, and there is no `otherwise`")
    step.decide("otherwise")
    return step.evaluate(config.otherwise)


def _collected(config: Decide, chosen: list[int], step: Step) -> list[Any]:
    if not chosen and config.otherwise is not None:
        step.decide("otherwise")
        return [step.evaluate(config.otherwise)]
    step.decide(",".join(f"rules.{index}" for index in chosen) or None)
    return [step.evaluate(config.rules[index].then) for index in chosen]


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``decide``."""
    return [
        StepType(
            name="decide",
            config=Decide,
            output=Annotated[Any, OneOf("rules", "otherwise", listed=("hit", "collect"))],
            run=decide,
            main="rules",
            repeatable=True,
        )
    ]
