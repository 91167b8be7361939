"""``treadle plan``: what a run would do, in which order, and what a rollback would undo; nothing is run."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from treadle._cli import terminal
from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._cli.draw.picture import Marks
    from treadle._cli.sources import Project
    from treadle._plan.path import CriticalPath
    from treadle._plan.plan import Plan
    from treadle._plan.preview import Preview

FORMATS = ("text", "mermaid", "dot", "svg")


@click.command()
@click.argument("file")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="What to draw."
)
@click.option("-o", "--output", metavar="FILE", help="Write it there instead of to standard output.")
@click.option("--rollback-at", metavar="STEP", help="Tell what a rollback undoes if this step fails.")
@click.option("--no-history", is_flag=True, help="Leave out what past runs tell of durations.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(
    file: str, form: str, output: str | None, rollback_at: str | None, no_history: bool, as_json: bool
) -> int:
    """Show the order of a workflow's steps.

    With it: the needs that references imply, conditions, the critical path where past runs tell how long
    steps take, and what a rollback at each step would undo. Nothing is run. FILE is a path, - for standard
    input, or the name of a workflow of treadle.yaml.
    """
    from treadle import loads
    from treadle._cli.sources import open_project, read_source

    if as_json and form != "text":
        raise click.UsageError("--json and --format exclude each other: choose one")
    project = open_project()
    text, name = read_source(file, project)
    workflow = loads(
        text,
        name=name,
        registry=project.registry,
        root=project.root_for(name),
        workflows=project.listed,
    )
    for warning in (*project.warnings, *project.worth_saying(workflow.warnings)):
        terminal.say(str(warning))
    asked = None if rollback_at is None else _preview(workflow.plan, rollback_at)
    longest, marks = _marks(workflow.plan, asked, None if no_history else project)
    if as_json:
        lines = iter([_json(workflow.plan, asked, longest, marks)])
    else:
        lines = _drawn(workflow.plan, form, asked, marks)
    return _write(lines, output)


def _preview(found: Plan, path: str) -> Preview:
    from treadle._cli.program import Complaint
    from treadle._near import did_you_mean
    from treadle._plan.preview import preview

    told = preview(found, path)
    if told is not None:
        return told
    if path in found.paths:
        raise Complaint(f"no rollback begins at {path!r}: it belongs to an undo, or to finally")
    hint = did_you_mean(path, found.paths) or "paths of steps are what treadle plan shows, as checks.unit"
    raise Complaint(f"there is no step {path!r}; {hint}")


def _marks(found: Plan, asked: Preview | None, project: Project | None) -> tuple[CriticalPath | None, Marks]:
    """What is told of steps beyond the plan: durations from the store of *project*, and the rollback."""
    from treadle._cli.draw.picture import Marks
    from treadle._cli.draw.text import who_asks

    captions: list[str] = []
    seconds: Mapping[str, float] = {}
    longest = None
    if project is not None:
        seconds, longest = _history(found, project, captions)
    if asked is not None:
        captions.append(f"rollback at {asked.step}: {who_asks(asked)}")
    return longest, Marks(
        seconds=seconds,
        critical=frozenset(longest.steps if longest is not None else ()),
        undone={path: number for number, path in enumerate(asked.undoes, start=1)} if asked else {},
        may_undo=frozenset(asked.may_undo if asked else ()),
        fails=asked.step if asked else None,
        captions=captions,
    )


def _history(
    found: Plan, project: Project, captions: list[str]
) -> tuple[Mapping[str, float], CriticalPath | None]:
    if not _has_store(project):
        return {}, None  # without importing trio, which is most of what a plan costs
    from treadle._cli.draw.picture import spent
    from treadle._cli.durations import past_durations
    from treadle._cli.phrases import counted, some
    from treadle._plan.path import critical_path

    past = past_durations(found, project)
    longest = critical_path(found, past.seconds)
    if longest is not None:
        runs = "last completed run" if past.runs == 1 else f"last {counted(past.runs, 'completed run')}"
        way = some([path.replace("\n", " ") for path in longest.steps])
        captions.append(f"critical path, by the {runs}: {spent(longest.seconds)}: {way}")
    return past.seconds, longest


def _has_store(project: Project) -> bool:
    from treadle._cli.sources import file_settings
    from treadle.errors import PluginError

    try:
        settings = project.store
    except PluginError:
        return False
    if settings == "memory":
        return False
    files = (getattr(settings.constant, name) for name in file_settings(type(settings.constant)))
    return all(Path(each).exists() for each in files if each is not None)


def _drawn(found: Plan, form: str, asked: Preview | None, marks: Marks) -> Iterator[str]:
    from treadle._cli.outline import order

    about = order(found)
    if form == "text":
        return _text(found, about, asked, marks)
    from treadle._cli.draw.dot import dot
    from treadle._cli.draw.mermaid import mermaid
    from treadle._cli.draw.picture import picture
    from treadle._cli.draw.svg import svg

    draw = {"mermaid": mermaid, "dot": dot, "svg": svg}[form]
    return draw(picture(about, marks))


def _text(found: Plan, about: Mapping[str, Any], asked: Preview | None, marks: Marks) -> Iterator[str]:
    from treadle._cli.draw import text
    from treadle._plan.preview import owed_at_each

    undone = text.rollback_lines(owed_at_each(found)) if asked is None else text.preview_lines(asked)
    for line in itertools.chain(text.order_lines(about, marks), marks.captions, undone):
        yield printable(line)


def _json(found: Plan, asked: Preview | None, longest: CriticalPath | None, marks: Marks) -> str:
    import json

    from treadle._cli.outline import outline

    about = outline(found)
    about["durations"] = dict(marks.seconds)
    about["critical_path"] = (
        None if longest is None else {"seconds": longest.seconds, "steps": list(longest.steps)}
    )
    if asked is not None:
        names = ("step", "asked_by", "scope", "undoes", "may_undo", "tolerated", "person")
        about["rollback_at"] = {name: getattr(asked, name) for name in names}
    return json.dumps(about, indent=2, ensure_ascii=False, default=str)


def _write(lines: Iterator[str], output: str | None) -> int:
    text = "\n".join(lines)
    if output is None:
        terminal.out(text)
        return 0
    from treadle._cli.program import Complaint

    try:
        Path(output).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Complaint(f"{output} cannot be written: {error.strerror or error}") from None
    return 0
