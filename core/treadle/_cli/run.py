"""``treadle run``: one workflow, from its file to its exit code.

What needs trio is imported only once the spec and its inputs are known to be good.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import click

from treadle._cli import terminal
from treadle._cli.program import FAILED, INTERRUPTED, Complaint
from treadle.errors import SpecError
from treadle.events import RunStatus

if TYPE_CHECKING:
    from treadle import Workflow
    from treadle._cli.drive import Ended
    from treadle._cli.sources import Project
    from treadle._settings import Settings

DETACHED = "needs a store that outlives this process, which is not yet supported in this version"


@click.command()
@click.argument("source", metavar="FILE|NAME")
@click.option(
    "-i", "--input", "given", multiple=True, metavar="NAME=VALUE", help="One input; may be repeated."
)
@click.option("--inputs", "inputs_file", metavar="FILE", help="Inputs in YAML or JSON; -i goes before them.")
@click.option("--quiet", is_flag=True, help="Show no progress, only how it ended.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--key", metavar="KEY", help="Not yet supported in this version.")
@click.option("--detach", is_flag=True, help="Not yet supported in this version.")
def run(
    source: str,
    given: tuple[str, ...],
    inputs_file: str | None,
    quiet: bool,
    as_json: bool,
    key: str | None,
    detach: bool,
) -> int:
    """Run a workflow and wait for its end.

    The argument is a path, - for standard input, or the name of a workflow of treadle.yaml. Progress goes
    to standard error, outputs to standard output. Ctrl-C cancels the run, and `finally` still happens; a
    second one leaves at once.

    Exit codes: 0 completed; 1 failed, rolled back or cancelled by someone else; 2 the spec, inputs or
    usage are wrong; 4 a bug; 130 interrupted.
    """
    if key is not None or detach:
        raise Complaint(f"{'--detach' if detach else '--key'} {DETACHED}")
    from treadle import loads
    from treadle._cli.inputs import gather
    from treadle._cli.sources import open_project, read_source

    project = open_project()
    text, name = read_source(source, project)
    workflow = loads(text, name=name, registry=project.registry)
    for warning in (*project.warnings, *workflow.warnings):
        terminal.say(str(warning))
    inputs = gather(workflow.inputs, given, inputs_file, stdin_taken=source == "-")
    asks = _may_ask(workflow, stdin_taken="-" in (source, inputs_file))
    return _finish(_drive(workflow, inputs, project, quiet=quiet, asks=asks), as_json=as_json)


def _may_ask(workflow: Workflow, *, stdin_taken: bool) -> bool:
    """Whether a person will be asked here; raises SpecError where one would be needed and there is none."""
    from treadle._cli.people import may_ask, never_answered

    if terminal.interactive() and not stdin_taken:
        return may_ask(workflow)
    if problems := never_answered(workflow):
        raise SpecError(problems)
    return False


def _drive(workflow: Workflow, inputs: dict[str, Any], project: Project, *, quiet: bool, asks: bool) -> Ended:
    import trio

    from treadle._cli.drive import drive

    sinks = _sinks(project, quiet=quiet, asks=asks)
    gc.freeze()  # what starting up made stays to the end
    gc.enable()  # see `treadle._cli.main`
    with terminal.logging_shown():
        return trio.run(drive, workflow, inputs, project, sinks, asks)


def _sinks(project: Project, *, quiet: bool, asks: bool) -> list[Settings[Any]]:
    """The sinks of the deployment or, without any, the console; no console if *quiet*.

    A question and a live display would write over each other, so where a person *asks* the console is plain.
    """
    from treadle._settings import Settings
    from treadle._settings.structure import structure

    chosen = list(project.deployment.sinks or ())
    console = project.registry.sinks.get("console")
    if console is not None and project.deployment.sinks is None:
        config = structure({"style": "plain"} if asks else {}, console.config)
        chosen = [Settings(entry=console, constant=config)]
    return [sink for sink in chosen if not (quiet and sink.entry.name == "console")]


def _finish(ended: Ended, *, as_json: bool) -> int:
    """Print how the run ended; the exit code."""
    from treadle._cli.report import lines, outputs

    result = ended.result
    if result is None:
        terminal.say("treadle: left at once; nothing was cleaned up")
        return INTERRUPTED
    for line in lines(result):
        terminal.say(line)
    if as_json:
        terminal.out_json(result.to_data(), indent=None)
    else:
        for line in outputs(result):
            terminal.out(line)
    if result.status is RunStatus.COMPLETED:
        return 0
    return INTERRUPTED if ended.interrupted and result.status is RunStatus.CANCELLED else FAILED
