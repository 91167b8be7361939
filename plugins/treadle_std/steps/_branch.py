"""What ``condition``, ``switch`` and ``signal`` share: an expression that holds or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle.plugin import StepError

if TYPE_CHECKING:
    from treadle.plugin import Expr, Step


def holds(when: Expr, step: Step, **names: Any) -> bool:
    """The value of *when*. Raises StepError ``expression`` where it is neither true nor false."""
    value = step.evaluate(when, **names)
    if not isinstance(value, bool):
        raise StepError("expression", f"`{when.source}` must be true or false and gives {value!r:.80}")
    return value
