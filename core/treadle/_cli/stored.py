"""The project's store, for commands that look at runs or steer them without an engine of their own.

Rule 1: looking never makes a store: where there is none yet, that is said.
Rule 2: a run is named by its id, by the beginning of either half of it, or as ``last``.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from treadle._cli import terminal
from treadle._cli.phrases import some
from treadle._cli.program import Complaint
from treadle._cli.sources import file_settings, open_project
from treadle._kinds.store import RunFilter, RunInfo, StoreConnection
from treadle._records import decode
from treadle.errors import NoSuchRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from treadle import Event
    from treadle._cli.sources import Project

LAST = "last"
"""Names the newest run; no id begins like that, for ids have no ``l``."""

_PAGE = 1_000


def with_store(work: Callable[[StoreConnection], Awaitable[int]], project: Project | None = None) -> int:
    """The exit code of *work*, called with the store of *project*, the one here unless given."""
    found = project or open_project()

    async def opened() -> int:
        async with open_store(found) as store:
            return await work(store)

    for warning in found.warnings:
        terminal.say(str(warning))
    with terminal.logging_shown():
        return trio.run(opened)


@asynccontextmanager
async def open_store(project: Project) -> AsyncIterator[StoreConnection]:
    """The store of *project*, open; a `Complaint` where it has none, or none yet."""
    settings = project.store
    if settings == "memory":
        raise Complaint(
            "no runs are kept here: treadle.yaml says `store: memory`; leave `store` out to keep them"
        )
    if (missing := _missing(settings.constant)) is not None:
        raise Complaint(f"no runs here yet: there is no {missing}; the first is made by: treadle run FILE")
    async with settings.entry.open(settings.constant) as store:
        yield store


def _missing(config: Any) -> Path | None:
    """The file that the store lives in, where there is none."""
    paths = (getattr(config, name) for name in file_settings(type(config)))
    return next((Path(path) for path in paths if path is not None and not Path(path).exists()), None)


# --- which run -------------------------------------------------------------------------------------


async def resolve_run(store: StoreConnection, text: str) -> RunInfo:
    """The run that *text* names. Raises `NoSuchRun`, or a `Complaint` where it may be several."""
    if text == LAST:
        page = await store.list(RunFilter(), limit=1)
        if not page.runs:
            raise Complaint("no runs here yet; the first is made by: treadle run FILE")
        return page.runs[0]
    with suppress(NoSuchRun):
        return await store.info(text)
    fitting = await _beginning_with(store, text)
    if not fitting:
        raise NoSuchRun(text)
    if len(fitting) > 1:
        ids = some([info.id for info in fitting])
        raise Complaint(f"{len(fitting)} runs begin with {text!r}; write more of it: {ids}")
    return fitting[0]


async def _beginning_with(store: StoreConnection, text: str) -> list[RunInfo]:
    """The runs of whose id either half, the moment or the random one, begins with *text*; newest first."""
    if not text:
        return []
    return [
        info
        for info in await every_run(store, RunFilter())
        if info.id.startswith(text) or info.id.partition("-")[2].startswith(text)
    ]


async def every_run(store: StoreConnection, which: RunFilter, *, at_most: int | None = None) -> list[RunInfo]:
    """The runs that fit, newest first."""
    found: list[RunInfo] = []
    after = None
    while at_most is None or len(found) < at_most:
        page = await store.list(which, limit=_PAGE, after=after)
        found += page.runs
        after = page.next
        if after is None:
            break
    return found[:at_most]


# --- what happened in it ---------------------------------------------------------------------------


async def events_of(
    store: StoreConnection, info: RunInfo, *, after: int = 0, limit: int | None = None
) -> list[Event]:
    """The events of a run from number *after* + 1; *limit* at most."""
    return [decode(record, info) for record in await store.load(info.id, after=after, limit=limit)]
