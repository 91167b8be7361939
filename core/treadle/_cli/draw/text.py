"""A plan as lines for a terminal."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from treadle._cli.draw.picture import Marks, notes, spent
from treadle._cli.terminal import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from treadle._plan.preview import Owed, Preview

_SHOWN = 8
"""So many paths of a rollback are named on a line; ``--json`` has them all."""


_ON_LIMIT = {
    "queue": "one more waits",
    "cancel_running": "one more cancels those that run",
    "reject": "one more is refused",
}
"""What becomes of a run that is one too many."""


def order_lines(about: Mapping[str, Any], marks: Marks) -> Iterator[str]:
    """The steps by level; those of blocks inside are indented below their own."""
    yield f"workflow {about['workflow']}"
    if (shared := about.get("concurrency")) is not None:
        runs = "one run" if shared["limit"] == 1 else f"{shared['limit']} runs"
        yield f"  at most {runs} of {shared['key']} at a time; {_ON_LIMIT[shared['on_limit']]}"
    yield from table(_rows(about["steps"], "", marks), indent="  ")
    if about["finally"]:
        yield "finally"
        yield from table(_rows(about["finally"], "", marks), indent="  ")


def rollback_lines(owed_at: Iterable[tuple[str, Owed]]) -> Iterator[str]:
    """What a rollback at each step takes back; nothing where no step has an undo."""
    rows = [(path, _undoes(owed)) for path, owed in owed_at if owed]
    if rows:
        yield "a rollback at … undoes, as far as it completed, newest first"
        yield from table(rows, indent="  ")


def preview_lines(found: Preview) -> Iterator[str]:
    """A rollback at one step."""
    if not found.undoes and not found.may_undo:
        yield f"a rollback at {found.step} undoes nothing"
    else:
        yield f"a rollback at {found.step} undoes, as far as it completed, newest first"
        yield from (f"  {number} {path}" for number, path in enumerate(found.undoes, start=1))
    if found.may_undo:
        yield "and what has completed of these, all in the reverse order of completion"
        yield from (f"  - {path}" for path in found.may_undo)


def who_asks(found: Preview) -> str:
    """How it comes to the rollback, or why it does not."""
    if found.asked_by is not None:
        what = "the run" if found.scope == "run" else "the block it stands in"
        return f"on_error of {found.asked_by} takes back {what}"
    if found.person is not None:
        return f"on_error of {found.person} asks a person, who can choose a rollback"
    if found.tolerated is not None:
        return f"on_error of {found.tolerated} tolerates the failure: only treadle cancel --rollback undoes"
    return "no on_error asks for it when this step fails: only treadle cancel --rollback undoes"


def _rows(steps: Sequence[Mapping[str, Any]], margin: str, marks: Marks) -> Iterator[tuple[str, str, str]]:
    """A row for each step: level and id, type, notes; those of blocks inside are indented below it."""
    for step in steps:
        said = "; ".join((*_needed(step), *notes(step), *_took(step["path"], marks)))
        yield f"{margin}{step['level']:>2} {step['id']}", step["type"], said
        for block in step.get("blocks", ()):
            if block["name"] and len(step["blocks"]) > 1:
                yield f"{margin}   {block['name']}:", "", ""
            yield from _rows(block["steps"], margin + "   ", marks)


def _needed(step: Mapping[str, Any]) -> Iterator[str]:
    if step["needs"] or step["at_least"]:
        yield "needs " + ", ".join(_needs(step))


def _took(path: str, marks: Marks) -> Iterator[str]:
    if path in marks.seconds:
        yield f"usually {spent(marks.seconds[path])}{', critical' if path in marks.critical else ''}"


def _needs(step: Mapping[str, Any]) -> Iterator[str]:
    for need in step["needs"]:
        result = f" {need['result']}" if need["result"] else ""
        inferred = f" (inferred from {need['inferred']})" if need["inferred"] else ""
        yield f"{need['id']}{result}{inferred}"
    if step["at_least"]:
        yield f"at least {step['at_least']['count']} of {', '.join(step['at_least']['of'])}"


def _undoes(owed: Owed) -> str:
    certain = len(owed.itself) + len(owed.before)
    parts = [_names(itertools.chain(owed.itself, owed.before), certain)] if certain else []
    if owed.inside:
        parts.append(f"inside it: {_names(owed.inside, len(owed.inside))}")
    if len(owed.beside):
        parts.append(f"beside it: {_names(owed.beside, len(owed.beside))}")
    return "; ".join(parts)


def _names(paths: Iterable[str], count: int) -> str:
    more = f", and {count - _SHOWN} more" if count > _SHOWN else ""
    return ", ".join(itertools.islice(paths, _SHOWN)) + more
