"""What an expression can see from where it stands in a run.

Rule 1: names are lexical: a step sees its siblings and the steps of enclosing blocks, nothing else.
Rule 2: only what an expression refers to is gathered; nothing is copied, and nothing may change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._frontier import ABSENT, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._plan.blocks import BlockPlan


class Scope:
    """One level of names: the outcomes of a block in flight, or names that a step adds for what is inside.

    Attributes:
      outer: the enclosing level.
      block, outcomes: the block's plan and its outcomes by index; None where the level only has names.
      names: as ``item``, ``index``, ``previous``, ``output``.
    """

    __slots__ = ("block", "names", "outcomes", "outer")

    def __init__(
        self,
        outer: Scope | None,
        *,
        block: BlockPlan | None = None,
        outcomes: list[Outcome | None] | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.outer = outer
        self.block = block
        self.outcomes = outcomes
        self.names = names

    def name(self, name: str) -> Any:
        """The value of a name that some level adds; `ABSENT` if none does."""
        level: Scope | None = self
        while level is not None:
            if level.names is not None and name in level.names:
                return level.names[name]
            level = level.outer
        return ABSENT

    def step(self, step_id: str) -> Outcome | None:
        """The newest outcome of a visible step; None while it has none."""
        level: Scope | None = self
        while level is not None:
            if level.block is not None and level.outcomes is not None:
                index = level.block.index_of.get(step_id)
                if index is not None:
                    return level.outcomes[index]
            level = level.outer
        return None


def outcome_names(outcome: Outcome | None) -> dict[str, Any]:
    """What ``steps.ID`` gives: its ``status``, ``attempts`` and ``error`` or null, and ``output`` if any."""
    if outcome is None:
        return {}
    error = None if outcome.error is None else error_names(outcome.error)
    names: dict[str, Any] = {"status": str(outcome.status), "attempts": outcome.attempts, "error": error}
    if outcome.output is not ABSENT:
        names["output"] = outcome.output
    return names


def error_names(error: Any) -> dict[str, Any]:
    """What ``error`` gives: ``name``, ``message``, ``data``, and ``path`` of what failed inside, or null."""
    return {"name": error.name, "message": error.message, "data": error.data, "path": error.path}
