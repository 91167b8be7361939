"""A run that waits for its turn, as `ps`, `show` and `why` tell it; and one that is refused."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.cli import runs

from treadle._records import encode
from treadle.events import Event, RunStatus
from treadle.plugin import RunInfo
from treadle_std.stores.sqlite import Sqlite, open_sqlite

if TYPE_CHECKING:
    from pathlib import Path

    from treadle.plugin import StoreConnection
    from treadle.testing import MemoryStore

NOW = 1_800_000_000.0


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.setattr(time, "time", lambda: NOW)
    return runs.in_use(monkeypatch)


def accepted(store: StoreConnection, run: str, **more: Any) -> None:
    trio.run(partial(create, store, run, **more))


async def create(store: StoreConnection, run: str, *, limit: int | None = None, held: bool = True) -> None:
    """A pending run of the group *deploy*; with *limit* it has its place."""
    info = RunInfo(
        id=run,
        workflow="demo",
        status=RunStatus.PENDING,
        correlation_id=run,
        created_at=NOW - 60,
        updated_at=NOW - 60,
        owner="web1:4711:x7" if held else None,
        lease_until=NOW + 5,
        group="deploy",
    )
    spec = {"treadle": 1, "name": "demo", "steps": [{"set": {}}]}
    told = {"spec": spec, "hash": "", "inputs": {}}
    event = Event(run, "demo", 1, NOW - 60, "workflow.accepted", None, None, run, {}, told)
    await store.create(info, [encode(event, {})], limit=limit)


def test_a_run_that_waits_is_queued_and_says_for_whom(treadle: Any, store: MemoryStore) -> None:
    accepted(store, "0a-1", limit=1)
    accepted(store, "0b-2")
    rows = {line.split()[0]: line.split()[2] for line in treadle("ps").out.splitlines()[1:]}
    assert rows == {"0a-1": "pending", "0b-2": "queued"}
    for command in ("show", "why"):
        out = treadle(command, "0b-2").out
        assert "  waits for run 0a-1 (concurrency key 'deploy')\n" in out
        assert "concurrency" not in treadle(command, "0a-1").out


def test_it_is_told_how_the_run_goes_on_for_which_it_waits(treadle: Any, store: MemoryStore) -> None:
    accepted(store, "0a-1", limit=1, held=False)
    accepted(store, "0b-2")
    assert "    nobody drives run 0a-1: treadle resume 0a-1\n" in treadle("show", "0b-2").out


def test_a_run_that_only_waits_for_its_turn_says_that(treadle: Any, store: MemoryStore) -> None:
    accepted(store, "0b-2")
    assert "waits for its turn (concurrency key 'deploy')" in treadle("show", "0b-2").out


def test_programs_are_told_the_group(treadle: Any, store: MemoryStore) -> None:
    accepted(store, "0a-1", limit=1)
    accepted(store, "0b-2")
    told = {
        one["run"]: (one["group"], one["queued"]) for one in json.loads(treadle("ps", "--json").out)["runs"]
    }
    assert told == {"0a-1": ("deploy", False), "0b-2": ("deploy", True)}


def test_a_run_that_its_group_rejects_is_a_mistake_of_whoever_starts_it(treadle: Any, tmp_path: Path) -> None:
    async def taken() -> None:
        async with open_sqlite(Sqlite(path=str(tmp_path / "runs.db"))) as stored:
            await create(stored, "0a-1", limit=1)

    trio.run(taken)
    (tmp_path / "treadle.yaml").write_text("store: {sqlite: runs.db}\n")
    spec = tmp_path / "flow.yaml"
    spec.write_text(
        "treadle: 1\nname: demo\nconcurrency: {key: deploy, on_limit: reject}\nsteps: [{set: {}}]\n"
    )
    code, _, err = treadle("run", str(spec))
    assert code == 2
    assert err.strip() == (
        "treadle: cannot start: run 0a-1 has the concurrency key 'deploy', whose limit rejects another;"
        " start it again when that has ended (state: new)"
    )
