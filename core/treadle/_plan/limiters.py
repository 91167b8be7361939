"""Named limiters in steps around each other: who holds one must not wait for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle._model import Spec
    from treadle._plan.lexical import Scopes
    from treadle._plan.problems import Problems


def check_limiters(spec: Spec, scopes: Scopes, problems: Problems) -> None:
    """Refuse a limiter inside a step that holds one.

    Such steps, of one run or of several, can wait for each other for ever, and no order of names could
    prevent that across workflows.
    """
    held: list[str | None] = [None] * len(spec.blocks)
    for index in scopes.order:
        for step in spec.blocks[index].steps:
            if step.limit is not None and held[index]:
                problems.add(
                    "TRD338",
                    step.places.get("limit") or spec.blocks[index].place,
                    f"this step would wait for {step.limit!r} while one around it holds {held[index]!r}",
                    "leave one of the two out, so that nothing waits for ever",
                )
            if step.undo is not None:
                held[step.undo.index] = held[index]
            for inner in step.blocks:
                held[inner.index] = step.limit or held[index]
