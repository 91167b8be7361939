"""Engines on a SQLite file, in real time: what virtual time cannot show."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
import trio
from tests.engine.kit import rig
from tests.engine.stores import journal, told

import treadle
from treadle.errors import StoreError
from treadle.plugin import RunFilter

if TYPE_CHECKING:
    from pathlib import Path

CHAIN = "steps: [{id: a, act: {}}, {id: b, act: {}}, {id: c, act: {}}]"
LONG = "steps: [{id: a, repeatable: true, act: {takes: 60s}}]"


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'runs.db'}"


async def test_many_runs_at_once_complete_and_their_journals_are_whole(store: str) -> None:
    async with rig(store=store) as r:
        runs = [await r.start(CHAIN) for _ in range(100)]
        for run in runs:
            assert (await run.wait()).status == "completed"
    async with rig(store=store) as r:
        page = await r.engine.store.list(RunFilter(), limit=1000)
        assert {info.id for info in page.runs} == {run.id for run in runs}
        stored = await journal(r.engine.store, runs[7].id)
        assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
        assert told(stored)[-1] == "workflow.completed"


async def test_a_command_of_another_engine_is_answered_within_half_a_second(store: str) -> None:
    async with rig(store=store) as one, rig(store=store, recover=False) as two:
        run = await one.start(LONG)
        there = await two.engine.find(run.id)
        began = trio.current_time()
        await there.cancel("not needed")
        assert trio.current_time() - began < 0.5
        assert (await there.wait()).status == "cancelled"
        assert run.status == "cancelled"


async def test_two_engines_on_one_file_never_drive_the_same_run(store: str) -> None:
    async with rig(store=store) as one, rig(store=store) as two:
        runs = [await r.start(LONG) for r in (one, two)]
        await trio.sleep(0.3)
        assert [len(r.engine.runs()) for r in (one, two)] == [1, 1]
        with pytest.raises(treadle.Refused, match="is driven by"):
            await two.engine.resume_run(runs[0].id)
        await one.engine.suspend(grace=0)
        again = await two.engine.resume_run(runs[0].id)
        for run in (again, runs[1]):
            await run.cancel()
        assert (await again.wait()).status == "cancelled"


async def test_a_file_locked_by_somebody_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    async with rig(store={"sqlite": {"path": str(path), "lock_wait": "100ms"}}) as r:
        run = await r.start("steps: [{id: a, act: {takes: 50ms}}, {id: b, act: {}}]")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await trio.sleep(0.5)
        assert r.ledger.names("start") in (["a"], [])
        other.execute("ROLLBACK")
        other.close()
        assert (await run.wait()).status == "completed"


async def test_a_store_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"runs\.db"):
        async with rig(store=f"sqlite:{tmp_path / 'no' / 'folder' / 'runs.db'}"):
            pass
