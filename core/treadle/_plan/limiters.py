"""Named limiters in steps around each other: an inner step must not wait for what an outer one holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle._model import Spec
    from treadle._plan.lexical import Scopes
    from treadle._plan.problems import Problems


def check_limiters(spec: Spec, scopes: Scopes, problems: Problems) -> None:
    """Refuse a limiter inside itself: with as many runs as it has places, all of them would wait for ever."""
    held: list[frozenset[str]] = [frozenset()] * len(spec.blocks)
    for index in scopes.order:
        for step in spec.blocks[index].steps:
            if step.limit is not None and step.limit in held[index]:
                problems.add(
                    "TRD338",
                    step.places.get("limit") or spec.blocks[index].place,
                    f"a step around this one holds the limiter {step.limit!r} already, and both would wait",
                    "leave one of the two out",
                )
            if step.undo is not None:
                held[step.undo.index] = held[index]
            for inner in step.blocks:
                held[inner.index] = held[index] | {step.limit} if step.limit else held[index]
