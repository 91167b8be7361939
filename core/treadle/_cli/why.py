"""``treadle why``: what was recorded about a step, or a run, that explains how it stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from treadle._cli import terminal
from treadle._cli.phrases import some
from treadle._cli.program import Complaint
from treadle.errors import SpecError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._cli.history import History
    from treadle._cli.reasons import Reasons
    from treadle._cli.sources import Project
    from treadle._kinds.store import StoreConnection
    from treadle._plan.plan import Plan


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("step", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def why(run: str, step: str | None, as_json: bool) -> int:
    """Explain how a step came to stand as it does, from what was recorded.

    What it needs and how that ended, its condition with the values it saw, its attempts and their errors,
    who decided what, and the failure where it all began. STEP is a path, as checks.unit or push.2; without
    one the run is explained. RUN is an id, the beginning of one, or last.
    """
    from treadle._cli.explained import of_run, of_step
    from treadle._cli.history import History
    from treadle._cli.queued import waits_for
    from treadle._cli.reasons import Reasons
    from treadle._cli.sources import open_project
    from treadle._cli.stored import events_of, resolve_run, with_store

    project = open_project()

    async def explained(store: StoreConnection) -> int:
        info = await resolve_run(store, run)
        history = History.fold(await events_of(store, info))
        reasons = Reasons(history, _plan(history, project) if step else None)
        if step:
            _check(reasons, step)
        about: Mapping[str, Any] = reasons.of_step(step) if step else reasons.of_run()
        if as_json:
            terminal.out_json(about)
        else:
            now = time.time()
            for line in of_step(about, history) if step else of_run(about, history, info, now):
                terminal.out(printable(line))
            for line in await waits_for(store, info, now):
                terminal.out(printable(f"  {line}"))
        return 0

    return with_store(explained, project)


def _plan(history: History, project: Project) -> Plan | None:
    """The plan of the spec that the run began with; None, and a word, if it cannot be compiled here."""
    from treadle import from_data

    try:
        return from_data(history.accepted["spec"], registry=project.registry).plan
    except SpecError as error:
        terminal.say(f"treadle: its needs are left out, for its spec has problems here: {error.problems[0]}")
        return None


def _check(reasons: Reasons, step: str) -> None:
    """Raise a `Complaint` unless *step* can be asked about."""
    from treadle._near import did_you_mean

    known = reasons.known()
    if step in known:
        if several := reasons.instances(step):
            raise Complaint(f"there are several {step!r}; write one of: {some(several)}")
        return
    raise Complaint(
        f"run {reasons.history.state.run} has no step {step!r}; "
        + (did_you_mean(step, known) or f"its steps: {some(known)}")
    )
