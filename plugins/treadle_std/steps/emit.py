"""``emit``: add an event of one's own to the run.

Rule: the engine's own event names, everything at or below ``workflow`` and ``step``, stay the engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from treadle.plugin import NO_SECRETS, Step, StepType, hookimpl
from treadle_std.steps._names import dotted_name


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Emit:
    """Adds an event to the run, which every sink gets. The output is the event as given.

    An emit that a crash interrupted is made again, so an event may come twice, under two attempts.

    Args:
      name: the event's dotted name, as ``image.published``; not ``workflow`` or ``step`` or below.
      data: plain data without secrets; empty unless given.

    Raises:
      ValueError: *name* is malformed or the engine's.

    Errors:
      ``output``, the data is no plain data or too large, or events come faster than they can be stored.

    Example:
      ``emit: {name: image.published, data: {tag: "${{ inputs.version }}"}}``
    """

    name: str = attrs.field(metadata=NO_SECRETS, validator=dotted_name)
    data: Mapping[str, Any] = attrs.field(factory=dict, metadata=NO_SECRETS)

    def __attrs_post_init__(self) -> None:
        first = self.name.partition(".")[0]
        if first in ("workflow", "step"):
            raise ValueError(
                f"events below {first!r} are the engine's; choose another name than {self.name!r}"
            )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Emitted:
    """What ``emit`` gives: the event.

    Attributes:
      name: its name.
      data: its data.

    Example:
      ``{name: image.published, data: {tag: "1.2.0"}}``
    """

    name: str
    data: Mapping[str, Any]


async def emit(config: Emit, step: Step) -> Emitted:
    """Emit one event."""
    step.emit(config.name, config.data)
    return Emitted(name=config.name, data=config.data)


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``emit``."""
    return [StepType(name="emit", config=Emit, output=Emitted, run=emit, main="name", repeatable=True)]
