"""What a store and a ledger hold of a run, read from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from tests.faults.ledger import Line

from treadle import RunState
from treadle._records import decode
from treadle.events import Event
from treadle.plugin import RunFilter, RunInfo

if TYPE_CHECKING:
    from tests.faults.ledger import Ledger

    from treadle.plugin import StoreConnection


@attrs.frozen
class Snapshot:
    """A run at one moment, after a process that drove it was over.

    Attributes:
      killed: at which point it was, as its trace says; None if it ended by itself.
      infos: what the store knows of each run; there should be one, or none yet.
    """

    killed: str | None
    infos: Sequence[RunInfo]
    journal: Sequence[Event]
    ledger: Sequence[Line]

    @property
    def state(self) -> RunState:
        return RunState.fold(self.journal)


async def runs_in(store: StoreConnection) -> Sequence[RunInfo]:
    return (await store.list(RunFilter(), limit=100)).runs


async def journal_of(store: StoreConnection, info: RunInfo) -> list[Event]:
    return [decode(record, info) for record in await store.load(info.id)]


async def look(store: StoreConnection, ledger: Ledger, killed: str | None) -> Snapshot:
    """How things stand now."""
    infos = await runs_in(store)
    journal = await journal_of(store, infos[0]) if infos else []
    return Snapshot(killed, infos, journal, ledger.lines())
