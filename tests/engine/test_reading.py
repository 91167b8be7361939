"""Journals are read a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.kit import rig, to_end

from treadle._engine import reading
from treadle._engine.reading import read_on
from treadle.errors import RecordError
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from treadle import Event

STEPS = "steps: [{act: {}}, {act: {}}, {act: {}}]"


async def stored() -> tuple[MemoryStore, str]:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start(STEPS)
        await to_end(run)
    return store, run.id


async def test_a_journal_of_several_parts_is_read_whole(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 2)
    store, run = await stored()
    info = await store.info(run)
    events: list[Event] = []
    await read_on(store, info, events)
    assert [event.seq for event in events] == list(range(1, info.seq + 1))


async def test_a_journal_with_a_gap_is_damaged_and_not_read_for_ever(autojump_clock: object) -> None:
    store, run = await stored()

    class Gap:
        async def load(self, run: str, *, after: int, limit: int) -> Any:
            return [record for record in await store.load(run, after=after, limit=limit) if record.seq != 3]

    with pytest.raises(RecordError, match="has event 4 where event 3 is to be"):
        await read_on(Gap(), await store.info(run), [])  # type: ignore[arg-type]
