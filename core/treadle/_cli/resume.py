"""``treadle resume``: a paused run goes on; one that nobody drives is taken over and driven here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from treadle._cli import terminal
from treadle.events import RunStatus

if TYPE_CHECKING:
    from treadle import Engine, Run
    from treadle._cli.sources import Project
    from treadle._kinds.store import StoreConnection


@click.command()
@click.argument("run_name", metavar="RUN")
@click.option("--quiet", is_flag=True, help="Show no progress, only how it ended.")
@click.option("--json", "as_json", is_flag=True, help="Print the result, or the answer, as one JSON object.")
@click.option("--stay", is_flag=True, hidden=True, help="Drive it also while it is paused or waits.")
def resume(run_name: str, quiet: bool, as_json: bool, stay: bool) -> int:
    """Go on with a run.

    RUN is an id, the beginning of one, or last. If another process drives the run, it is asked to go on
    after a pause. If none does, since it died, was stopped or left, the run is taken over and driven here
    as by `treadle run`: with the same signals, questions and exit codes, and under the spec it began with.
    """
    from treadle._cli.drive import driven
    from treadle._cli.requests import ask, show_answer
    from treadle._cli.sources import open_project
    from treadle._cli.stored import open_store, resolve_run
    from treadle._engine.owner import is_driven

    project = open_project()
    for warning in project.warnings:
        terminal.say(str(warning))

    async def resumed() -> int:
        async with open_store(project) as store:
            info = await resolve_run(store, run_name)
            if info.status.ended or is_driven(info, time.time()):
                answer = await ask(store, info, "resume", {})
                return show_answer(info, "resume", answer, as_json=as_json)
            return await go_on(info.id, store, project, quiet=quiet, as_json=as_json, stays=stay)

    return driven(resumed)


async def go_on(
    run_id: str,
    store: StoreConnection,
    project: Project,
    *,
    quiet: bool,
    as_json: bool,
    stays: bool = False,
) -> int:
    """Take a run over and drive it here; the exit code."""
    from treadle._cli.drive import drive, sinks
    from treadle._cli.report import conclude
    from treadle._cli.requests import asker

    async def begin(engine: Engine) -> Run:
        run = await engine.resume_run(run_id)
        if not stays:
            await engine.take_requests()  # a pause that was asked for before comes first
            if run.status in (RunStatus.PAUSING, RunStatus.PAUSED):
                await run.resume(by=asker())
        return run

    asks = terminal.interactive() and not stays
    chosen = sinks(project, quiet=quiet, asks=asks)
    ended = await drive(begin, project, chosen, store=store, asks=asks, stays=stays)
    return conclude(ended, as_json=as_json)
