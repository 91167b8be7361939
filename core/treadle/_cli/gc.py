"""``treadle gc``: deletes runs that ended long ago. A run that has not ended is never deleted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs
import click

from treadle._cli import terminal
from treadle._cli.phrases import counted, local_time
from treadle._cli.program import Complaint
from treadle._cli.ps import duration, run_data
from treadle._kinds.store import RunFilter
from treadle.errors import printable
from treadle.events import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle._deployment import Retention
    from treadle._kinds.store import RunInfo, StoreConnection

_ENDS = [str(status) for status in RunStatus if status.ended]
_AT_ONCE = 200  # runs deleted in one go, so that no transaction gets long


@click.command()
@click.option(
    "--older-than", metavar="DURATION", callback=duration, help="Only runs that ended so long ago, as 30d."
)
@click.option(
    "--keep", type=click.IntRange(0), metavar="N", help="Not the newest N of them, whatever their age."
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_ENDS),
    metavar="STATUS",
    help="Only runs that ended so; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Say which runs would be deleted, and delete none.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def gc(
    older_than: float | None, keep: int | None, statuses: tuple[str, ...], dry_run: bool, as_json: bool
) -> int:
    """Delete runs that have ended, with their journals.

    All conditions hold together. Without --older-than and --keep those of `retention` in treadle.yaml are
    taken. A run that has not ended is never deleted, nor one that such a run has called.
    """
    from treadle._cli.sources import open_project
    from treadle._cli.stored import with_store

    project = open_project()
    bounds = _bounds(older_than, keep, project.deployment.retention)
    which = RunFilter(
        statuses=frozenset(map(RunStatus, statuses or _ENDS)),
        ended_before=None if bounds.older_than is None else time.time() - bounds.older_than,
    )

    async def collected(store: StoreConnection) -> int:
        chosen = await _chosen(store, which, bounds.keep or 0)
        gone = chosen if dry_run else await _forget(store, chosen)
        _tell(gone, dry_run=dry_run, as_json=as_json)
        return 0

    return with_store(collected, project)


def _bounds(older_than: float | None, keep: int | None, retention: Retention) -> Retention:
    if older_than is not None or keep is not None:
        return attrs.evolve(retention, older_than=older_than, keep=keep)
    if retention.older_than is None and retention.keep is None:
        raise Complaint(
            "which runs may go? write --older-than 30d or --keep 100, or `retention: {older_than: 30d}` "
            "in treadle.yaml"
        )
    return retention


async def _chosen(store: StoreConnection, which: RunFilter, keep: int) -> list[RunInfo]:
    """The runs to delete, newest first: those that fit, but for the newest *keep* that ended so.

    Those stay that were called by a run that goes on: it may yet have to look what came of them.
    """
    from treadle._cli.stored import every_run

    newest = await every_run(store, attrs.evolve(which, ended_before=None), at_most=keep)
    spared = {info.id for info in newest}
    fitting = await every_run(store, which)
    callers = set()
    if any(info.parent for info in fitting):
        going_on = frozenset(RunStatus) - frozenset(map(RunStatus, _ENDS))
        callers = {info.id for info in await every_run(store, RunFilter(statuses=going_on))}
    return [info for info in fitting if info.id not in spared and info.parent not in callers]


async def _forget(store: StoreConnection, chosen: Sequence[RunInfo]) -> list[RunInfo]:
    """Delete *chosen*; those that were there to be deleted."""
    gone: set[str] = set()
    for start in range(0, len(chosen), _AT_ONCE):
        gone |= await store.forget([info.id for info in chosen[start : start + _AT_ONCE]])
    return [info for info in chosen if info.id in gone]


def _tell(gone: Sequence[RunInfo], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        now = time.time()
        terminal.out_json({"deleted": not dry_run, "runs": [run_data(info, now) for info in gone]})
        return
    if dry_run:
        rows = ((info.id, info.workflow, str(info.status), local_time(info.ended_at or 0.0)) for info in gone)
        for line in terminal.table(rows):
            terminal.out(printable(line))
    runs = counted(len(gone), "run")
    terminal.say(f"would delete {runs}" if dry_run else f"deleted {runs}")
