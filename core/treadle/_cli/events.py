"""``treadle events``: the journal of a run, an event as JSON a line, to its end if asked to follow it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import attrs
import click

from treadle._cli import terminal
from treadle._cli.program import INTERRUPTED
from treadle._kinds.store import RunInfo, StoreConnection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle import Event

POLL_SECONDS = 0.2

_PAGE = 1_000  # events in memory at once


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--follow", "-f", is_flag=True, help="Wait for more, until the run ends.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="Only events after number N.")
@click.option(
    "--type", "types", multiple=True, metavar="TYPE", help="Only this type, as step.failed; may be repeated."
)
def events(run: str, follow: bool, after: int, types: tuple[str, ...]) -> int:
    """Print a run's events, a line of JSON each.

    RUN is an id, the beginning of one, or last. With --follow the command ends with the run; Ctrl-C ends
    it earlier and leaves the run alone.
    """
    from treadle._cli.phrases import driver
    from treadle._cli.stored import resolve_run, with_store

    async def printed(store: StoreConnection) -> int:
        info = await resolve_run(store, run)
        reading = _Reading(store, info, after, frozenset(types))
        if follow and not info.status.ended and driver(info, time.time()) is None:
            terminal.say(f"treadle: nobody drives this run; it goes on with: treadle resume {info.id}")
        await (reading.follow() if follow else reading.print_new())
        return 0

    try:
        return with_store(printed)
    except KeyboardInterrupt:
        return INTERRUPTED


@attrs.define
class _Reading:
    """How far a run's events have been printed, and which are.

    Attributes:
      read: whether anybody still reads what is printed.
    """

    store: StoreConnection
    info: RunInfo
    seq: int
    types: frozenset[str]
    read: bool = True

    async def follow(self) -> None:
        """Print what there is and what comes, until the run has ended or nobody reads it any more."""
        import trio

        seen = None
        while self.read:
            changes = await self.store.changes()
            if changes != seen:
                seen = changes
                # asked for before the events, so that the last of them cannot come in between
                self.info = await self.store.info(self.info.id)
                await self.print_new()
                if self.info.status.ended:
                    return
            await trio.sleep(POLL_SECONDS)

    async def print_new(self) -> None:
        """Print the events that have come."""
        from treadle._cli.stored import events_of

        while self.read:
            page = await events_of(self.store, self.info, after=self.seq, limit=_PAGE)
            self._print(page)
            if len(page) < _PAGE:
                return

    def _print(self, page: Sequence[Event]) -> None:
        for event in page:
            self.seq = event.seq or self.seq
            if self.types and event.type not in self.types:
                continue
            if not terminal.out(json.dumps(event.to_data(), ensure_ascii=False, default=str)):
                self.read = False
                return
