"""``wait``: let time pass, for a duration or until a moment.

Rule: ``for`` counts on the engine's clock, ``until`` is read off the wall, also after the machine slept.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
from attrs import validators as v

from treadle.plugin import Seconds, Step, StepType, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOOK_EVERY = 30.0  # seconds; a wall clock that is set, or a machine that slept, is noticed within this


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Wait:
    """Does nothing for a while.

    Args:
      for: how long; it counts also while the run is paused or down.
      until: a moment with its zone, as ``2030-01-31T09:00:00+01:00``, by the wall clock; one that
        has passed waits for nothing.

    Raises:
      ValueError: both or neither are given, or *until* has no zone.

    Errors:
      none of its own.

    Example:
      ``wait: 5m``
    """

    for_: Seconds | None = attrs.field(default=None, validator=v.optional(v.ge(0)))
    until: datetime | None = None

    def __attrs_post_init__(self) -> None:
        if (self.for_ is None) == (self.until is None):
            raise ValueError("write either for (a duration) or until (a time with its zone)")
        if self.until is not None and self.until.tzinfo is None:
            raise ValueError("until has no zone; add one, as Z or +01:00")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Waited:
    """What ``wait`` gives.

    Attributes:
      waited: seconds that passed; 0 for a moment that had.

    Example:
      ``{waited: 300.02}``
    """

    waited: float


async def wait(config: Wait, step: Step) -> Waited:
    """Sleep for *for*, or until the wall clock shows *until*."""
    import trio

    start = trio.current_time()
    passed = max(0.0, step.now() - step.started_at)  # before a crash, if the wait goes on after one
    if config.until is None:
        await trio.sleep(max(0.0, (config.for_ or 0.0) - passed))
    else:
        await _sleep_until(config.until.timestamp(), step)
    return Waited(waited=passed + trio.current_time() - start)


async def _sleep_until(moment: float, step: Step) -> None:
    """Sleep until the wall clock shows *moment*; nothing tells of one that was set, so it is looked at."""
    import trio

    left = moment - step.now()
    while left > 0:
        await trio.sleep(min(left, _LOOK_EVERY))
        left = moment - step.now()


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``wait``."""
    return [
        StepType(name="wait", config=Wait, output=Waited, run=wait, main="for", repeatable=True, waits=True)
    ]
