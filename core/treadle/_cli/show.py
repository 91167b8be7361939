"""``treadle show``: how a run stands, or how it ended, as a tree of its steps.

Rule: what is printed stays readable whatever the size of the run; ``--json`` has all of it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import click

from treadle import StepResult
from treadle._cli import terminal
from treadle._cli.history import Attempt, History, StepHistory, answers, asks
from treadle._cli.phrases import (
    MOST,
    cut,
    driver_line,
    error_text,
    lasted,
    local_time,
    rollback_lines,
    spaced,
)
from treadle._cli.queued import waits_for
from treadle._paths import around
from treadle.errors import printable
from treadle.events import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from treadle._kinds.store import RunInfo, StoreConnection

_MOST_ATTEMPTS = 5
_VALUE_CHARS = 80
_FINE = (StepStatus.COMPLETED, StepStatus.SKIPPED, StepStatus.PENDING)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(run: str, as_json: bool) -> int:
    """Show how a run stands: its steps with times, attempts, errors and outputs, and what it waits for.

    RUN is an id, the beginning of one, or last. Of large blocks and values only a part is shown; --json has
    everything.
    """
    from treadle._cli.stored import events_of, resolve_run, with_store

    async def shown(store: StoreConnection) -> int:
        info = await resolve_run(store, run)
        history = History.fold(await events_of(store, info))
        if as_json:
            terminal.out_json(history.state.to_data())
        else:
            now = time.time()
            for line in lines(info, history, now, await waits_for(store, info, now)):
                terminal.out(printable(line))
        return 0

    return with_store(shown)


def lines(info: RunInfo, history: History, now: float, queued: Sequence[str] = ()) -> Iterator[str]:
    """The run, for people; *queued* is for whom it waits."""
    yield from _head(info, history, now)
    yield from (f"  {line}" for line in queued)
    for title, nodes in _trees(history).items():
        if nodes:
            yield title
            yield from terminal.table(_rows(nodes, 0), indent="  ")
    yield from _questions(history)
    yield from rollback_lines(history.state.rollback)
    if history.state.outputs:
        yield "outputs"
        yield from (f"  {line}" for line in _values(history.state.outputs))


# --- the run ---------------------------------------------------------------------------------------


def _head(info: RunInfo, history: History, now: float) -> Iterator[str]:
    state = history.state
    yield f"run {info.id} of {info.workflow}: {spaced(state.status)}"
    if state.error is not None:
        yield f"  {_error(state.error.to_data(), None)}"
    if state.reason:
        yield f"  {state.reason}"
    if state.tolerated:
        yield f"  tolerated failures: {state.tolerated}"
    yield f"  {'; '.join(_when(info, now))}"
    if info.key is not None:
        yield f"  key: {info.key}"
    if state.parent is not None:
        yield f"  called by step {state.parent['step']} of run {state.parent['run']}"
    elif info.parent is not None:
        yield f"  made from run {info.parent}"
    for title, values in (("labels", info.labels), ("inputs", history.accepted.get("inputs"))):
        if values:
            yield f"  {title}: {', '.join(_values(values, '='))}"


def _when(info: RunInfo, now: float) -> Iterator[str]:
    if info.started_at is None:
        yield f"accepted {local_time(info.created_at)}, not started"
    else:
        yield f"started {local_time(info.started_at)}"
        if info.ended_at is not None:
            yield f"took {lasted(info.started_at, info.ended_at)}"
    if not info.status.ended:
        yield driver_line(info, now)


def _values(values: Mapping[str, Any], sign: str = ": ") -> Iterator[str]:
    """``name: value`` of each, cut where they are many or long."""
    for name in list(values)[:MOST]:
        yield f"{name}{sign}{_value(values[name])}"
    if len(values) > MOST:
        yield f"and {len(values) - MOST} more"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return cut(text, _VALUE_CHARS)


def _questions(history: History) -> Iterator[str]:
    questions = history.questions
    if questions:
        yield "waits for"
    for event in questions[:MOST]:
        yield f"  {cut(asks(event))}"
        yield from (f"    {command}" for command in answers(event))
    if len(questions) > MOST:
        yield f"  and {len(questions) - MOST} more"


# --- the tree --------------------------------------------------------------------------------------


@attrs.define
class _Node:
    """A step, with those inside it; *step* None where nothing of its own was recorded."""

    path: str
    name: str
    step: StepResult | None = None
    past: StepHistory | None = None
    inside: dict[str, _Node] = attrs.field(factory=dict)

    def order(self) -> tuple[int, int]:
        """Steps stand as they came, the elements of a foreach by their numbers."""
        return (len(self.name), int(self.name)) if self.name.isdecimal() else (0, 0)

    @property
    def quiet(self) -> bool:
        """Whether it may be left out where there are too many to show."""
        return self.step is not None and self.step.status in _FINE


def _trees(history: History) -> dict[str, Mapping[str, _Node]]:
    """The steps by their blocks: the workflow's own, and those of ``finally``."""
    nodes = {"": _Node("", "")}
    for path, step in history.state.steps.items():
        if path:
            node = _node(nodes, path)
            node.step, node.past = step, history.steps[path]
    steps = nodes[""].inside
    after = steps.get("finally")
    if after is None or after.step is not None:  # a step may be called like that, too
        return {"steps": steps}
    del steps["finally"]
    return {"steps": steps, "finally": after.inside}


def _node(nodes: dict[str, _Node], path: str) -> _Node:
    """The node of *path*, made with those around it if it is not there yet."""
    missing = [path]
    while missing[-1] not in nodes:
        missing.append(around(missing[-1]))
    parent = nodes[missing.pop()]
    for each in reversed(missing):
        name = each[len(parent.path) :].lstrip(".")
        parent.inside[name] = nodes[each] = parent = _Node(each, name)
    return parent


def _rows(nodes: Mapping[str, _Node], depth: int) -> Iterator[tuple[str, str, str, str]]:
    chosen, left = _chosen(sorted(nodes.values(), key=_Node.order))
    margin = "  " * depth
    for node in chosen:
        status, took = _standing(node.step)
        yield margin + node.name, status, took, "; ".join(_notes(node))
        earlier = node.past.attempts[:-1] if node.past else []
        yield from (_attempt(attempt, margin) for attempt in earlier[-_MOST_ATTEMPTS:])
        yield from _rows(node.inside, depth + 1)
    if left:
        counted = Counter(_standing(node.step)[0] or "not recorded" for node in left)
        yield f"{margin}and {len(left)} more", ", ".join(f"{n} {each}" for each, n in counted.items()), "", ""


def _chosen(nodes: list[_Node]) -> tuple[list[_Node], list[_Node]]:
    """The nodes to show, in order, and the others; what went well is left out first."""
    if len(nodes) <= MOST:
        return nodes, []
    shown = {id(node) for node in sorted(nodes, key=lambda node: node.quiet)[:MOST]}
    return [node for node in nodes if id(node) in shown], [node for node in nodes if id(node) not in shown]


def _standing(step: StepResult | None) -> tuple[str, str]:
    """A step's status and how long it took, as far as these are known."""
    if step is None:
        return "", ""
    status = "tolerated" if step.tolerated else str(step.status)
    if step.started_at is None or step.ended_at is None:
        return status, ""
    return status, lasted(step.started_at, step.ended_at)


def _notes(node: _Node) -> Iterator[str]:
    step, past = node.step, node.past
    if step is None or past is None:
        return
    if past.items is not None:
        yield f"{len(past.items)} elements"
    if past.called is not None:
        yield f"{past.called.data.get('workflow')} as run {past.called.data.get('run')}"
    if past.branch is not None:
        yield f"took {past.branch}"
    if step.attempts > 1:
        yield f"{step.attempts} attempts"
    if step.error is not None:
        yield _error(step.error.to_data(), node.path)
    if step.reason:
        yield cut(step.reason)
    if past.undo is not None:
        yield _UNDO[past.undo.type]
    if step.output is not None and not (past.settled and past.settled.data.get("derived")):
        yield f"output {_value(step.output)}"


_UNDO = {"step.undoing": "being undone", "step.undone": "undone", "step.undo_failed": "undo failed"}


def _attempt(attempt: Attempt, margin: str) -> tuple[str, str, str, str]:
    known = attempt.ended_at is not None and not attempt.lost  # nobody saw a crash happen
    took = lasted(attempt.started_at, attempt.ended_at or 0.0) if known else ""
    error = "" if attempt.error is None else _error(attempt.error, None)
    status = "crashed" if attempt.lost else "failed" if error else "ended"
    return f"{margin}  attempt {attempt.number}", status, took, error


def _error(error: Mapping[str, Any], path: str | None) -> str:
    """``name: message``, and where it came from if that is not *path*."""
    origin = error.get("path")
    at = f" (at {origin})" if origin and origin != path else ""
    return error_text(error) + at
