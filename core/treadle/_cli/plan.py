"""``treadle plan``: what a run would do, in which order, and what a rollback would undo; nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from treadle._cli import terminal
from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SHOWN = 8
"""So many paths of a rollback are named on a line; ``--json`` has them all."""


@click.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(file: str, as_json: bool) -> int:
    """Show the order of a workflow's steps.

    With it: the needs that references imply, conditions, and what a rollback at each step would undo.
    Nothing is run. FILE is a path, - for standard input, or the name of a workflow of treadle.yaml.
    """
    from treadle import loads
    from treadle._cli.outline import outline
    from treadle._cli.sources import open_project, read_source

    project = open_project()
    text, name = read_source(file, project)
    workflow = loads(text, name=name, registry=project.registry)
    for warning in (*project.warnings, *workflow.warnings):
        terminal.say(str(warning))
    about = outline(workflow.plan)
    if as_json:
        terminal.out_json(about)
    else:
        for line in _lines(about):
            terminal.out(printable(line))
    return 0


def _lines(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"workflow {about['workflow']}"
    yield from terminal.table(_rows(about["steps"], ""), indent="  ")
    if about["finally"]:
        yield "finally"
        yield from terminal.table(_rows(about["finally"], ""), indent="  ")
    if about["rollback"]:
        yield "a rollback at … undoes, as far as it completed, newest first"
        yield from terminal.table(
            ((path, _undoes(owed)) for path, owed in about["rollback"].items()), indent="  "
        )


def _rows(steps: Sequence[Mapping[str, Any]], margin: str) -> Iterator[tuple[str, str, str]]:
    """A row for each step: level and id, type, notes; those of blocks inside are indented below it."""
    for step in steps:
        yield f"{margin}{step['level']:>2} {step['id']}", step["type"], "; ".join(_notes(step))
        for block in step.get("blocks", ()):
            if block["name"] and len(step["blocks"]) > 1:
                yield f"{margin}   {block['name']}:", "", ""
            yield from _rows(block["steps"], margin + "   ")


def _notes(step: Mapping[str, Any]) -> Iterator[str]:
    if step["needs"] or step["at_least"]:
        yield "needs " + ", ".join(_needs(step))
    for key in ("when", "foreach", "max_parallel", "repeat", "timeout", "deadline", "limit"):
        if step[key] is not None:
            yield f"{'repeat until' if key == 'repeat' else key} {step[key]}"
    if step["attempts"] > 1:
        yield f"up to {step['attempts']} attempts"
    if step["on_error"] != "fail_fast":
        yield f"on_error {step['on_error']}"
    if step["undo"]:
        yield "can be undone"


def _needs(step: Mapping[str, Any]) -> Iterator[str]:
    for need in step["needs"]:
        result = f" {need['result']}" if need["result"] else ""
        inferred = f" (inferred from {need['inferred']})" if need["inferred"] else ""
        yield f"{need['id']}{result}{inferred}"
    if step["at_least"]:
        yield f"at least {step['at_least']['count']} of {', '.join(step['at_least']['of'])}"


def _undoes(owed: Mapping[str, Sequence[str]]) -> str:
    parts = [_names(owed["undoes"])] if owed["undoes"] else []
    if owed["may_undo"]:
        parts.append(f"beside it: {_names(owed['may_undo'])}")
    return "; ".join(parts)


def _names(paths: Sequence[str]) -> str:
    more = f", and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
