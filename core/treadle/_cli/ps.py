"""``treadle ps``: the runs of the project's store, newest first. No journal is read for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from treadle._cli import terminal
from treadle._cli.phrases import driver, lasted, local_time, spaced
from treadle._cli.program import Complaint
from treadle._cli.queued import is_queued
from treadle._units import parse_duration
from treadle.errors import printable
from treadle.events import RunStatus, iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._kinds.store import Page, RunFilter, RunInfo, StoreConnection

ACTIVE = "active"
"""Stands for every status that is no end."""


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """For options: seconds, from a duration with its unit."""
    if value is None:
        return None
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


@click.command()
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([ACTIVE, *map(str, RunStatus)]),
    metavar="STATUS",
    help="Only runs with it; may be repeated; active is every status that is no end.",
)
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=TEXT", help="Only runs with it; may be repeated."
)
@click.option("--parent", metavar="RUN", help="Only runs that steps of this one called, or made from it.")
@click.option("--roots", is_flag=True, help="Only runs that no step of another run called.")
@click.option("--since", metavar="DURATION", callback=duration, help="Only runs not older than this, as 2h.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="So many at most."
)
@click.option("--after", metavar="CURSOR", help="Go on where the list before ended.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def ps(
    statuses: tuple[str, ...],
    workflow: str | None,
    labels: tuple[str, ...],
    parent: str | None,
    roots: bool,
    since: float | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> int:
    """List runs, newest first.

    The last column says which process drives a run. One that nobody drives, since its process has died or
    was stopped, goes on with `treadle resume`.
    """
    from treadle._cli.stored import with_store
    from treadle._kinds.store import RunFilter

    if roots and parent is not None:
        raise Complaint("--roots and --parent exclude each other: choose one")
    now = time.time()
    which = RunFilter(
        statuses=_statuses(statuses),
        parent=parent,
        workflow=workflow,
        labels=_labels(labels),
        created_after=None if since is None else now - since,
    )

    async def listed(store: StoreConnection) -> int:
        page = await (_roots if roots else _any)(store, which, limit, after)
        if as_json:
            runs = [run_data(info, now) for info in page.runs]
            terminal.out_json({"runs": runs, "next": page.next})
        else:
            _show(page, now, filtered=roots or which != RunFilter())
        return 0

    return with_store(listed)


async def _any(store: StoreConnection, which: RunFilter, limit: int, after: str | None) -> Page:
    return await store.list(which, limit=limit, after=after)


async def _roots(store: StoreConnection, which: RunFilter, limit: int, after: str | None) -> Page:
    """The runs of a page that no step called; asked for anew until there are as many as wanted."""
    from treadle._kinds.store import Page

    found: list[RunInfo] = []
    while True:
        page = await store.list(which, limit=limit - len(found), after=after)
        found += [info for info in page.runs if info.parent is None]
        after = page.next
        if after is None or len(found) == limit:
            return Page(found, after)


def _statuses(wanted: tuple[str, ...]) -> frozenset[RunStatus]:
    found = {RunStatus(each) for each in wanted if each != ACTIVE}
    if ACTIVE in wanted:
        found |= {status for status in RunStatus if not status.ended}
    return frozenset(found)


def _labels(given: tuple[str, ...]) -> Mapping[str, str]:
    for each in given:
        if "=" not in each:
            raise Complaint(f"--label {each!r} names no text; write --label NAME=TEXT")
    return {name: text for name, _, text in (each.partition("=") for each in given)}


# --- for programs ----------------------------------------------------------------------------------


def run_data(info: RunInfo, now: float) -> dict[str, Any]:
    """What is known of a run without its journal, as ``--json`` gives it; `driver` None: nobody drives it."""
    return {
        "run": info.id,
        "workflow": info.workflow,
        "status": str(info.status),
        "created_at": iso_time(info.created_at),
        "started_at": None if info.started_at is None else iso_time(info.started_at),
        "ended_at": None if info.ended_at is None else iso_time(info.ended_at),
        "updated_at": iso_time(info.updated_at),
        "events": info.seq,
        "driver": info.owner if info.held(now) else None,
        "key": info.key,
        "parent": info.parent,
        "group": info.group,
        "queued": is_queued(info),
        "correlation_id": info.correlation_id,
        "labels": dict(info.labels),
    }


# --- for people ------------------------------------------------------------------------------------


def _show(page: Page, now: float, *, filtered: bool) -> None:
    if not page.runs:
        terminal.say(f"no {'such ' if filtered else ''}runs")
        return
    heading = ("RUN", "WORKFLOW", "STATUS", "STARTED", "DURATION", "DRIVEN BY")
    rows = [heading, *(tuple(_row(info, now)) for info in page.runs)]
    if any(info.parent is not None for info in page.runs):
        parents = ("PARENT", *(info.parent or "-" for info in page.runs))
        rows = [(*row, parent) for row, parent in zip(rows, parents, strict=True)]
    for line in terminal.table(rows):
        terminal.out(printable(line))
    if page.next is not None:
        terminal.say(printable(f"there are more: repeat this with --after {page.next}"))


def _row(info: RunInfo, now: float) -> Iterator[str]:
    yield info.id
    yield info.workflow
    yield "queued" if is_queued(info) and info.started_at is None else spaced(info.status)
    yield "-" if info.started_at is None else local_time(info.started_at)
    yield "-" if info.started_at is None else lasted(info.started_at, info.ended_at or _as_of(info, now))
    yield _driven_by(info, now)


def _as_of(info: RunInfo, now: float) -> float:
    """The latest moment at which a run that has not ended is known to have gone on."""
    return now if info.held(now) else info.updated_at


def _driven_by(info: RunInfo, now: float) -> str:
    """Who drives a run at *now*, or how it goes on; ``-`` where it has ended."""
    if info.status.ended:
        return "-"
    return driver(info, now) or f"nobody: treadle resume {info.id}"
