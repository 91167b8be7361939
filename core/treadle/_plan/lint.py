"""What may run but looks wrong: warnings, where there is no error.

Rule: a warning can be turned off, so it may be wrong now and then; an error never may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from treadle._plan.failures import misspelt_errors
from treadle._plan.reads import expressions_of, expressions_of_workflow

if TYPE_CHECKING:
    from treadle._model import Spec
    from treadle._places import Place
    from treadle._plan.absent import Settling
    from treadle._plan.blocks import BlockPlan
    from treadle.errors import Problem

__all__ = ["warnings_of"]


def warnings_of(spec: Spec, blocks: list[BlockPlan], settling: Settling) -> list[Problem]:
    """The warnings of a spec without errors, in the order of the text."""
    found = [
        *spec.warnings,
        *_unconnected(blocks[0]),
        *_unused(spec),
        *_unreachable(blocks, settling),
        *misspelt_errors(spec),
        *settling.warnings,
    ]
    return sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0))


def _unconnected(block: BlockPlan) -> Iterator[Problem]:
    """The warning for a mapping whose author may have expected its steps to run in order."""
    spec = block.spec
    connected = any(block.need_counts) or bool(block.watchers)
    if spec.form == "graph" and len(spec.steps) >= 3 and not connected:
        yield _warning(
            spec.place,
            "TRD901",
            f"these {len(spec.steps)} steps all start at once: none needs or reads another",
            "write them as a list to run them in order, add `needs`, or put them in `parallel`",
        )


def _unreachable(blocks: list[BlockPlan], settling: Settling) -> Iterator[Problem]:
    for (block, index), why in settling.unreachable.items():
        step = blocks[block].steps[index]
        if why:  # else it is told of what it needs
            place = step.places.get("when" if step.when is not None and "`when`" in why else "")
            if place is not None and place.assembled:
                continue  # what a template is given switches its step off
            yield _warning(
                place or blocks[block].spec.place,
                "TRD903",
                f"step {step.id!r} can never run: {why}",
                "remove the step, or change what keeps it from running",
            )


# --- what nobody reads -----------------------------------------------------------------------------


def _unused(spec: Spec) -> Iterator[Problem]:
    used = _used(spec)
    for name in spec.inputs:
        if not _reads(used, "inputs", name):
            place = _place(spec, f"inputs.{name}", "inputs")
            yield _warning(place, "TRD902", f"input {name!r} is read nowhere", "remove it, or read it")
    for name in spec.vars:
        if not _reads(used, "vars", name):
            place = _place(spec, f"vars.{name}", "vars")
            yield _warning(place, "TRD904", f"variable {name!r} is read nowhere", "remove it, or read it")
    yield from _unused_secrets(spec, used)


def _unused_secrets(spec: Spec, used: Iterable[tuple[str, Any]]) -> Iterator[Problem]:
    if any(declared.holds_secret for declared in spec.inputs.values()):
        return  # which secrets are read is known only when these are given
    unused = [name for name in sorted(spec.secrets) if not _reads(used, "secrets", name)]
    if unused:
        named = set(_texts({key: value for key, value in spec.data.items() if key != "secrets"}))
        for name in unused:
            if name not in named:
                fix = "remove it from `secrets`, or use it"
                place = _place(spec, f"secrets.{name}", "secrets")
                yield _warning(place, "TRD904", f"secret {name!r} is used nowhere", fix)


def _used(spec: Spec) -> set[tuple[str, Any]]:
    """Every name that is read, with what is read of it; None for all of it."""
    used: set[tuple[str, Any]] = set()
    reads = [*expressions_of_workflow(spec)]
    for block in spec.blocks:
        for step in block.steps:
            reads += expressions_of(step)
    for read in reads:
        used.update(
            (reference.root, reference.keys[0] if reference.keys else None) for reference in read.references
        )
    return used


def _reads(used: Iterable[tuple[str, Any]], root: str, name: str) -> bool:
    return (root, name) in used or (root, None) in used


def _texts(value: Any) -> Iterator[str]:
    """Every text in plain data; of ``${{ secrets.NAME }}``, the name."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value.strip().removeprefix("${{").removesuffix("}}").strip().removeprefix("secrets.")
        elif isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list | tuple):
            stack.extend(value)


def _place(spec: Spec, *keys: str) -> Place:
    return next(
        (spec.places[key] for key in keys if key in spec.places), spec.places.get("") or spec.blocks[0].place
    )


def _warning(place: Place, code: str, message: str, fix: str) -> Problem:
    return place.problem(code, message, fix, severity="warning")
