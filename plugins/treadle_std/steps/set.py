"""``set``: give values a name, for the steps after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import attrs

from treadle.plugin import NO_SECRETS, Step, StepType, ValueOf, hookimpl


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Set:
    """Gives values to the steps after it, which read them as ``steps.ID.output.NAME``.

    The output is the values as given, null among them. They may not hold secrets.

    Args:
      values: by name; all of what stands under ``set``.

    Errors:
      ``expression``, a value cannot be had.

    Example:
      ``set: {tag: "v${{ inputs.version }}"}``
    """

    values: Mapping[str, Any] = attrs.field(metadata=NO_SECRETS)


async def set_values(config: Set, _step: Step) -> Mapping[str, Any]:
    """The values are the output."""
    return config.values


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``set``."""
    return [
        StepType(
            name="set",
            config=Set,
            output=Annotated[Any, ValueOf("values")],
            run=set_values,
            main="values",
            whole=True,
            repeatable=True,
        )
    ]
