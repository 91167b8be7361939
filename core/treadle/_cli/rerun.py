"""``treadle rerun``: a new run under the spec and inputs of an old one, which reuses what stands of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs
import click

from treadle._cli import terminal
from treadle._cli.phrases import MOST
from treadle._cli.program import Complaint
from treadle._near import did_you_mean
from treadle.errors import GroupFull, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from treadle import Event
    from treadle._cli.sources import Project
    from treadle._kinds.store import RunInfo, StoreConnection
    from treadle._rerun import Closure


@click.command()
@click.argument("run_name", metavar="RUN")
@click.option(
    "--from",
    "chosen",
    multiple=True,
    metavar="STEP",
    help="This step, and all that needs it; may be repeated.",
)
@click.option("--failed", is_flag=True, help="What did not complete or was undone, and all that needs it.")
@click.option("--dry-run", is_flag=True, help="Only show what would run again.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--quiet", is_flag=True, help="Show no progress, only how it ended.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def rerun(
    run_name: str,
    chosen: tuple[str, ...],
    failed: bool,
    dry_run: bool,
    yes: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run again what an ended run did, or a part of it, as a new run.

    RUN is an id, the beginning of one, or last. The new run has the spec and the inputs of the old one,
    whatever has become of the file. With --from or --failed the recorded outputs of the other steps are
    reused; what did not complete, or was undone, runs again in any case. What will run is shown first; on a
    terminal you are asked. The exit codes are those of `treadle run`.
    """
    from treadle._cli.drive import driven
    from treadle._cli.sources import open_project
    from treadle._cli.stored import events_of, open_store, resolve_run

    project = open_project()
    for warning in project.warnings:
        terminal.say(str(warning))

    async def again() -> int:
        async with open_store(project) as store:
            info = await resolve_run(store, run_name)
            if not info.status.ended:
                raise Complaint(f"run {info.id} has not ended ({info.status}); see: treadle show {info.id}")
            old = _Old(info, await events_of(store, info), project)
            what = old.closure(chosen) if chosen or failed else None
            _show(old, what, data=as_json and dry_run)
            if dry_run or not (yes or _agreed()):
                return 0
            new = await old.again(store, what, chosen)
            terminal.say(printable(f"run {new} runs again what run {info.id} did"))

            from treadle._cli.resume import go_on

            return await go_on(new, store, project, quiet=quiet, as_json=as_json)

    return driven(again)


def _agreed() -> bool:
    return not terminal.interactive() or click.confirm("Run these steps again?", default=True, err=True)


class _Old:
    """The run that is run again. Raises SpecError where a plugin that its spec uses is no longer there."""

    def __init__(self, info: RunInfo, events: Sequence[Event], project: Project) -> None:
        from treadle import from_data

        name = f"the spec of run {info.id}"
        self.info = info
        self.events = events
        self.workflow = from_data(events[0].data["spec"], name=name, registry=project.registry)

    def closure(self, chosen: Sequence[str]) -> Closure:
        """What runs again."""
        from treadle._rerun import Fate, closure

        for path in chosen:
            self._check(path)
        what = closure(self.workflow.plan, self.events, frozenset(chosen))
        if all(verdict.fate is Fate.REUSED for verdict in what.verdicts.values()):
            raise Complaint(
                f"every step of run {self.info.id} completed; to run some of them again name them with"
                " --from, to run all of them again leave --failed out"
            )
        return what

    def _check(self, path: str) -> None:
        """Raises a Complaint where *path* names no step that can be chosen."""
        from treadle._rerun import work_paths

        known = work_paths(self.workflow.plan)
        recorded = {event.step for event in self.events if event.step}
        step = self.workflow.plan.resolve(path)
        if path in known or (path in recorded and step is not None and step.path in known):
            return
        if path.partition(".")[0] == "finally":
            raise Complaint(f"--from {path}: `finally` always runs; name a step before it")
        fix = did_you_mean(path, [*known, *recorded]) or f"see: treadle show {self.info.id}"
        raise Complaint(f"--from {path}: run {self.info.id} has no such step; {fix}")

    async def again(self, store: StoreConnection, what: Closure | None, chosen: Sequence[str]) -> str:
        """Make the new run; its id."""
        from treadle import RunState
        from treadle._engine.ids import new_id
        from treadle._records import encode
        from treadle._rerun import journal

        now, old = time.time(), self.info
        run = new_id(now)
        told: dict[str, Any] = {"rerun_of": old.id}
        if what is not None:
            told["from"] = list(chosen)
        correlation = run if old.correlation_id == old.id else old.correlation_id
        events = journal(
            self.workflow.plan, self.events, what, run=run, time=now, correlation_id=correlation, told=told
        )
        state = RunState.fold(events)
        info = attrs.evolve(
            old,
            id=run,
            status=state.status,
            correlation_id=correlation,
            key=None,
            fingerprint=None,
            parent=old.id,
            created_at=now,
            updated_at=now,
            started_at=state.started_at,
            ended_at=None,
            seq=len(events),
            owner=None,
            token=0,
            lease_until=0.0,
        )
        shared = events[0].data.get("concurrency") or {}
        at_once = {"limit": shared["limit"]} if shared.get("on_limit") == "reject" else {}
        try:
            await store.create(info, [encode(event, info.labels) for event in events], **at_once)
        except GroupFull as error:
            raise Complaint(f"run {old.id} is not run again: {error}; try when that has ended") from None
        return run


# --- what runs again, for people -------------------------------------------------------------------


def _show(old: _Old, what: Closure | None, *, data: bool) -> None:
    if data:
        terminal.out_json({"run": old.info.id, **_data(old, what)}, indent=None)
        return
    for line in _lines(old, what):
        terminal.say(printable(line))


def _data(old: _Old, what: Closure | None) -> Mapping[str, Any]:
    if what is None:
        return {"again": [step.path for step in _outermost(old)], "partly": [], "reused": []}
    from treadle._rerun import Fate

    return {
        "again": what.of(Fate.AGAIN),
        "partly": what.of(Fate.PARTLY),
        "reused": what.of(Fate.REUSED),
    }


def _outermost(old: _Old) -> Sequence[Any]:
    return old.workflow.plan.blocks[0].steps


def _lines(old: _Old, what: Closure | None) -> Iterator[str]:
    if what is None:
        yield f"every step of {old.info.workflow} runs again; no output of run {old.info.id} is reused"
        return
    from treadle._rerun import Fate

    again = [(path, verdict.why) for path, verdict in what.verdicts.items() if verdict.fate is Fate.AGAIN]
    yield "runs again"
    yield from terminal.table(again[:MOST], indent="  ")
    yield from _more(len(again))
    for title, fate in (
        ("entered again, since a part of it runs again", Fate.PARTLY),
        ("reused as recorded", Fate.REUSED),
    ):
        paths = what.of(fate)
        if paths:
            yield title
            yield from (f"  {path}" for path in paths[:MOST])
            yield from _more(len(paths))


def _more(count: int) -> Iterator[str]:
    if count > MOST:
        yield f"  and {count - MOST} more"
