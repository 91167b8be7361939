"""The names of errors that ``retry.on`` waits for, against those that there are.

Rule: step types may fail with names that nobody declares, so an unknown name is no error; one that is nearly
  that of an error which the language has, or which the steps of this spec declare, is most likely misspelt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._model import Spec, StepSpec
    from treadle._places import Place
    from treadle.errors import Problem

__all__ = ["misspelt_errors"]

_NAMES = frozenset(
    {
        *("cancelled", "crash", "engine", "expression", "failed", "output", "plugin", "python"),
        *("rejected", "repeat", "secret", "timeout", "undo", "python.ImportError"),
        *("decide", "decide.none", "decide.several"),
        *("exit", "exit.cwd", "exit.not_executable", "exit.not_found", "exit.not_started"),
        *("exit.signal", "exit.too_long"),
        *("http", "http.1xx", "http.2xx", "http.3xx", "http.4xx", "http.5xx", "http.connect"),
        *("http.protocol", "http.status"),
        *("workflow", "workflow.cancelled", "workflow.depth", "workflow.inputs", "workflow.invalid"),
        *("workflow.refused", "workflow.undriven", "workflow.unknown"),
    }
)
"""Those of the language; beside them ``exit.CODE``, ``http.CODE`` and ``python.CLASS``."""

_NUMBERED = r"(exit|http)\.\d+|python\..+"
_NEAR = 0.8
"""How near; a name of one's own that begins with one of the language, as ``output_bad``, is not."""


def misspelt_errors(spec: Spec) -> Iterator[Problem]:
    """A warning for each name of an error that seems to be another; once where ``defaults`` has it."""
    told: set[tuple[Any, ...]] = set()
    known: frozenset[str] | None = None
    for block in spec.blocks:
        for step in block.steps:
            for index, name in enumerate(step.retry.on if step.retry is not None else ()):
                if name in _NAMES or re.fullmatch(_NUMBERED, name):
                    continue
                if known is None:
                    known = _NAMES | {*_declared(spec)}
                problem = _warning(step, index, name, known)
                if problem is not None and (key := (problem.path, problem.line, problem.column)) not in told:
                    told.add(key)
                    yield problem


def _warning(step: StepSpec, index: int, name: str, known: frozenset[str]) -> Problem | None:
    if any(each == name or each.startswith(f"{name}.") for each in known):
        return None
    import difflib  # only those who made a mistake pay for it

    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=_NEAR)
    place = _place(step, index)
    if not near or place is None:
        return None
    said = f"no error is named {name!r}, so far as is known, and a retry waits for it"
    return place.problem("TRD905", said, f"did you mean {near[0]!r}?", severity="warning")


def _place(step: StepSpec, index: int) -> Place | None:
    keys = (f"retry.on[{index}]", "retry.on", "retry", "")
    return next((step.places[key] for key in keys if key in step.places), None)


def _declared(spec: Spec) -> Iterator[str]:
    """The names that the step types of *spec* declare, and those that it gives to failures itself."""
    for block in spec.blocks:
        for step in block.steps:
            yield from step.type.errors.values()
    yield from _texts(spec.data)


def _texts(value: Any) -> Iterator[str]:
    """Every text of plain data that stands elsewhere than in ``retry``."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            stack.extend(_without_retry(value))
        elif isinstance(value, list):
            stack.extend(value)


def _without_retry(value: Mapping[str, Any]) -> Iterator[Any]:
    return (item for key, item in value.items() if key != "retry")
