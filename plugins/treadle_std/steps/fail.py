"""``fail``: fail on purpose, with an error of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

import attrs

from treadle.plugin import Step, StepError, StepType, hookimpl
from treadle_std.steps._names import dotted_name

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Fail:
    """Fails, always, and so has no output.

    Args:
      message: one sentence for a person.
      name: the error's dotted name, which ``retry.on`` matches and ``steps.ID.error.name`` gives.

    Raises:
      ValueError: *name* is malformed.

    Errors:
      the one that *name* says.

    Example:
      ``fail: {message: "no image for ${{ inputs.version }}", name: image.missing}``
    """

    message: str
    name: str = attrs.field(default="failed", validator=dotted_name)


async def fail(config: Fail, _step: Step) -> None:
    """Raise the error."""
    raise StepError(config.name, config.message)


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``fail``."""
    return [StepType(name="fail", config=Fail, output=Never, run=fail, main="message", repeatable=True)]
