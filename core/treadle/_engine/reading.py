"""Reading journals from a store, a part at a time.

Rule: what is read at once is bounded, so that decoding a long journal does not hold up everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._records import decode
from treadle.errors import RecordError

if TYPE_CHECKING:
    from treadle._kinds.store import RunInfo, StoreConnection
    from treadle.events import Event

CHUNK = 500
"""Records read and decoded at once."""


async def read_on(store: StoreConnection, info: RunInfo, events: list[Event]) -> None:
    """Add to *events*, all there were of a run, those that have come; others may be adding meanwhile.

    Raises RecordError.
    """
    before = len(events)
    while records := await store.load(info.id, after=before, limit=CHUNK):
        for record in records:
            if record.seq == len(events) + 1:
                events.append(decode(record, info))
        if len(events) == before:
            found = f"event {records[0].seq} where event {before + 1} is to be"
            raise RecordError(f"the journal of run {info.id} has {found}; restore the store from a copy")
        before = len(events)
