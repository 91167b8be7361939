"""``treadle validate``: every problem of the given specs at once; nothing is run, trio not even imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from treadle._cli import terminal
from treadle._cli.program import WRONG, Complaint
from treadle.errors import Problem, SpecError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from treadle._cli.sources import Project

Found = dict[str, "Sequence[Problem]"]
"""By what was given or found: the problems of it."""


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--sarif", "as_sarif", is_flag=True, help="Print one SARIF 2.1.0 log, as code hosts read it.")
@click.option(
    "--off", multiple=True, metavar="CODE", help="Leave out warnings of this code; may be repeated."
)
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
def validate(
    files: tuple[str, ...], as_json: bool, as_sarif: bool, off: tuple[str, ...], strict: bool
) -> int:
    """Check specs without running them.

    FILE is a path, a folder in which every spec is checked, - for standard input, or the name of a
    workflow of treadle.yaml; without any, all workflows of treadle.yaml are checked. Every problem is
    shown with its place. The exit code is 2 if there is an error; warnings alone are fine.
    """
    if as_json and as_sarif:
        raise Complaint("--json and --sarif are two forms of the same; leave one of them out")
    from treadle._cli.codes import codes_off
    from treadle._cli.sources import open_project

    unwanted = codes_off(off)
    try:
        project = open_project()
    except SpecError as error:
        if not (as_json or as_sarif):
            raise
        found: Found = {"treadle.yaml": error.problems}
    else:
        found = {"treadle.yaml": project.warnings} if project.warnings else {}
        given = [*_sources(files, project)]
        found |= {file: project.worth_saying(_problems(file, given, project)) for file in given}
    found = {file: list(_as_asked(problems, unwanted, strict)) for file, problems in found.items()}
    return _told(found, as_json=as_json, as_sarif=as_sarif)


def problem_data(problem: Problem) -> dict[str, Any]:
    """One problem as ``--json`` gives it."""
    names = ("file", "line", "column", "path", "code", "severity", "message", "fix")
    return {name: getattr(problem, name) for name in names}


def _sources(files: Sequence[str], project: Project) -> Iterator[str]:
    """What to check, with the specs of a folder in its place; each once."""
    from treadle._cli.sources import specs_in, workflow_files

    if not files:
        given = [*workflow_files(project)]
        if not given:
            raise Complaint("no FILE is given, and no treadle.yaml names workflows; give the path of a spec")
    else:
        given = [source for file in files for source in (specs_in(file) or [file])]
    yield from dict.fromkeys(given)


def _problems(file: str, given: Sequence[str], project: Project) -> Sequence[Problem]:
    """What is wrong with *file*, one of those that are *given*."""
    from treadle import loads
    from treadle._cli.sources import read_source

    if Path(file).is_dir():
        said = "there is no spec in this folder"
        return [Problem(message=said, fix="give the path of one", file=file, code="TRD090")]
    try:
        text, name = read_source(file, project)
        root = project.root_for(name)
        workflows = project.listed or project.beside(file, given)
        return loads(text, name=name, registry=project.registry, root=root, workflows=workflows).warnings
    except SpecError as error:
        return error.problems


def _as_asked(problems: Iterable[Problem], off: frozenset[str], strict: bool) -> Iterator[Problem]:
    """*problems* without the warnings that are turned off; the others are errors if *strict*."""
    for problem in problems:
        if problem.severity == "error":
            yield problem
        elif problem.code not in off:
            yield attrs.evolve(problem, severity="error") if strict else problem


def _told(found: Mapping[str, Sequence[Problem]], *, as_json: bool, as_sarif: bool) -> int:
    everything = [problem for problems in found.values() for problem in problems]
    ok = not any(problem.severity == "error" for problem in everything)
    if as_json:
        terminal.out_json({"ok": ok, "problems": [problem_data(problem) for problem in everything]})
    elif as_sarif:
        from treadle._cli.sarif import sarif

        terminal.out_json(sarif(everything))
    else:
        _show(found)
    return 0 if ok else WRONG


def _show(found: Mapping[str, Sequence[Problem]]) -> None:
    for file, problems in found.items():
        for problem in problems:
            terminal.out(str(problem))
        if not problems:
            terminal.out(printable(f"{file}: ok"))
