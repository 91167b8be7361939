"""``signal``: wait for something from outside, by name.

Rule: a signal is taken once. One that comes before a step waits for it is kept by the run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import (
    CONDITION,
    SEES_OUTPUT,
    Expr,
    Seconds,
    SignalWanted,
    Step,
    StepError,
    StepType,
    hookimpl,
)
from treadle_std.steps._branch import holds

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]{0,199}\Z"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Signal:
    """Waits for a signal, or takes the oldest that was sent before and no step has taken.

    The output is the signal's payload; null is no output: read it with ``default``.

    Args:
      name: letters, digits and ``_ . -``, a letter first.
      match: whether a signal of that name is the one: an expression that sees its payload as ``output``. A
        payload that it cannot judge is refused, so write ``default(…)`` around what may be missing.
      timeout: how long to wait, by the wall clock, also while nobody drives the run; for ever unless given.

    Raises:
      ValueError: *name* is none, or a timeout of nothing.

    Errors:
      ``timeout``, none came in time.

    Example:
      ``signal: {name: delivered, match: output.parcel == inputs.parcel, timeout: 2d}``
    """

    name: str
    match: Expr | None = attrs.field(default=None, metadata={**SEES_OUTPUT, **CONDITION})
    timeout: Seconds | None = None

    def __attrs_post_init__(self) -> None:
        if not re.match(_NAME, self.name):
            raise ValueError(
                f"{self.name!r} is no name of a signal: letters, digits and _ . -, a letter first"
            )
        if self.timeout is not None and self.timeout <= 0:
            raise ValueError("timeout must be more than 0")


async def signal(config: Signal, step: Step) -> Any:
    """Wait, and give the payload."""
    match = config.match
    answer = await step.wait_for(
        SignalWanted(
            name=config.name,
            match=None if match is None else lambda payload: holds(match, step, output=payload),
            timeout=config.timeout,
        )
    )
    if answer.timed_out:
        raise StepError("timeout", f"no signal {config.name!r} came for {step.path} in time")
    return answer.value


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``signal``."""
    return [StepType(name="signal", config=Signal, run=signal, main="name", repeatable=True, waits=True)]
