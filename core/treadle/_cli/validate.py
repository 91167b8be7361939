"""``treadle validate``: every problem of the given specs at once; nothing is run, trio not even imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from treadle._cli import terminal
from treadle._cli.program import WRONG
from treadle.errors import Problem, SpecError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle._cli.sources import Project


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def validate(files: tuple[str, ...], as_json: bool) -> int:
    """Check specs without running them.

    FILE is a path, - for standard input, or the name of a workflow of treadle.yaml. Every problem is
    shown with its place. The exit code is 2 if there is an error; warnings alone are fine.
    """
    from treadle._cli.sources import open_project

    project = open_project()
    found = {file: _problems(file, project) for file in files}
    everything = [*project.warnings, *(problem for problems in found.values() for problem in problems)]
    ok = not any(problem.severity == "error" for problem in everything)
    if as_json:
        terminal.out_json({"ok": ok, "problems": [problem_data(problem) for problem in everything]})
    else:
        _show(found, project)
    return 0 if ok else WRONG


def problem_data(problem: Problem) -> dict[str, Any]:
    """One problem as ``--json`` gives it."""
    names = ("file", "line", "column", "path", "code", "severity", "message", "fix")
    return {name: getattr(problem, name) for name in names}


def _problems(file: str, project: Project) -> Sequence[Problem]:
    from treadle import loads
    from treadle._cli.sources import read_source

    try:
        text, name = read_source(file, project)
        return loads(text, name=name, registry=project.registry).warnings
    except SpecError as error:
        return error.problems


def _show(found: Mapping[str, Sequence[Problem]], project: Project) -> None:
    for warning in project.warnings:
        terminal.out(str(warning))
    for file, problems in found.items():
        for problem in problems:
            terminal.out(str(problem))
        if not problems:
            terminal.out(printable(f"{file}: ok"))
