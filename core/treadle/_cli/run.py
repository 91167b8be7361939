"""``treadle run``: one workflow, from its file to its exit code.

What needs trio is imported only once the spec and its inputs are known to be good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from treadle._cli import terminal
from treadle._cli.program import Complaint
from treadle.errors import SpecError

if TYPE_CHECKING:
    from treadle import Engine, Run, Workflow
    from treadle._cli.drive import Ended
    from treadle._cli.sources import Project


@click.command()
@click.argument("source", metavar="FILE|NAME")
@click.option(
    "-i", "--input", "given", multiple=True, metavar="NAME=VALUE", help="One input; may be repeated."
)
@click.option("--inputs", "inputs_file", metavar="FILE", help="Inputs in YAML or JSON; -i goes before them.")
@click.option("--quiet", is_flag=True, help="Show no progress, only how it ended.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--key", metavar="KEY", help="At most one run of the workflow has it: this call joins that.")
@click.option("--detach", is_flag=True, help="Print the run's id, and drive it in the background.")
def run(
    source: str,
    given: tuple[str, ...],
    inputs_file: str | None,
    quiet: bool,
    as_json: bool,
    key: str | None,
    detach: bool,
) -> int:
    """Run a workflow until it ends, or until it waits for somebody who is not here.

    The argument is a path, - for standard input, or the name of a workflow of treadle.yaml. Progress goes
    to standard error, outputs to standard output. Ctrl-C cancels the run, and `finally` still happens.
    SIGTERM suspends it: `treadle resume` goes on. A second signal leaves at once. On a terminal you are
    asked what the run asks; elsewhere it is left once nothing else can go on.

    Exit codes: 0 completed; 1 failed, rolled back or cancelled by someone else; 2 the spec, inputs or
    usage are wrong; 3 it waits for a person, is paused or suspended; 4 treadle, a plugin or the store
    failed; 130 interrupted.
    """
    from treadle import loads
    from treadle._cli.inputs import gather
    from treadle._cli.sources import open_project, read_source

    project = open_project()
    text, name = read_source(source, project)
    workflow = loads(
        text,
        name=name,
        registry=project.registry,
        root=project.root_for(name),
        workflows=project.listed,
    )
    for warning in (*project.warnings, *project.worth_saying(workflow.warnings)):
        terminal.say(str(warning))
    inputs = gather(workflow.inputs, given, inputs_file, stdin_taken=source == "-")
    if detach:
        from treadle._cli.detach import detached

        return detached(workflow, inputs, key, project, as_json=as_json)
    asks = _asks(workflow, project, stdin_taken="-" in (source, inputs_file))

    from treadle._cli.report import conclude

    return conclude(_drive(workflow, inputs, key, project, quiet=quiet, asks=asks), as_json=as_json)


def _asks(workflow: Workflow, project: Project, *, stdin_taken: bool) -> bool:
    """Whether a person will be asked here; raises SpecError where one would be needed for ever."""
    from treadle._cli.people import may_ask, never_answered

    if terminal.interactive() and not stdin_taken:
        return may_ask(workflow, lambda: project.catalogue)
    if project.store == "memory" and (problems := never_answered(workflow, lambda: project.catalogue)):
        raise SpecError(problems)
    return False


def _drive(
    workflow: Workflow, inputs: dict[str, Any], key: str | None, project: Project, *, quiet: bool, asks: bool
) -> Ended:
    from treadle._cli.drive import drive, driven, sinks

    async def begin(engine: Engine) -> Run | Ended:
        if key is None:
            return await engine.start(workflow, inputs)
        from treadle._cli.keyed import joined

        return await joined(engine, workflow, inputs, key)

    if key is not None and project.store == "memory":
        raise Complaint("--key means nothing with `store: memory`: no run is kept; leave one of the two out")
    chosen = sinks(project, quiet=quiet, asks=asks)
    return driven(lambda: drive(begin, project, chosen, asks=asks))
