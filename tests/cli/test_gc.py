from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.cli import runs

from treadle.events import RunStatus
from treadle.plugin import RunFilter, RunInfo

if TYPE_CHECKING:
    from pathlib import Path

    from treadle.testing import MemoryStore

NOW = 1_800_000_000.0
DAY = 86_400.0


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """Ended runs d1, d2, … of so many days ago, every second one failed; and one of each active status."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    store = runs.in_use(monkeypatch)
    for days in range(1, 7):
        add(store, f"d{days}", RunStatus.FAILED if days % 2 else RunStatus.COMPLETED, days)
    for status in RunStatus:
        if not status.ended:
            add(store, f"x{status}", status, 50)
    return store


def add(store: MemoryStore, run: str, status: RunStatus, days: float, parent: str | None = None) -> None:
    moment = NOW - days * DAY
    ended = moment if status.ended else None
    info = RunInfo(
        id=run,
        workflow="demo",
        status=status,
        correlation_id=run,
        created_at=moment,
        started_at=moment,
        updated_at=moment,
        ended_at=ended,
        parent=parent,
    )
    trio.run(store.create, info, [])


def left(store: MemoryStore) -> list[str]:
    async def listed() -> list[str]:
        return [info.id for info in (await store.list(RunFilter(), limit=100)).runs]

    return [run for run in trio.run(listed) if run.startswith("d")]


def active(store: MemoryStore) -> int:
    async def listed() -> int:
        return sum(info.id.startswith("x") for info in (await store.list(RunFilter(), limit=100)).runs)

    return trio.run(listed)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--older-than", "4d"), ["d1", "d2", "d3", "d4"]),
        (("--older-than", "0s"), []),
        (("--keep", "2"), ["d1", "d2"]),
        (("--keep", "100"), ["d1", "d2", "d3", "d4", "d5", "d6"]),
        (("--keep", "0"), []),
        (("--older-than", "2d", "--keep", "4"), ["d1", "d2", "d3", "d4"]),
        (("--older-than", "4d", "--keep", "2"), ["d1", "d2", "d3", "d4"]),
        (("--keep", "1", "--status", "failed"), ["d1", "d2", "d4", "d6"]),
        (("--older-than", "0s", "--status", "completed"), ["d1", "d3", "d5"]),
        (("--older-than", "0s", "--status", "completed", "--status", "failed"), []),
    ],
)
def test_what_fits_every_condition_is_deleted_and_no_active_run_ever(
    treadle: Any, store: MemoryStore, options: tuple[str, ...], expected: list[str]
) -> None:
    before = active(store)
    code, out, err = treadle("gc", *options)
    assert (code, out) == (0, "")
    count = 6 - len(expected)
    assert err == f"deleted {count} run{'' if count == 1 else 's'}\n"
    assert left(store) == expected
    assert active(store) == before == 7


def test_a_dry_run_names_the_runs_and_deletes_none(treadle: Any, store: MemoryStore) -> None:
    code, out, err = treadle("gc", "--keep", "4", "--dry-run")
    assert (code, err) == (0, "would delete 2 runs\n")
    assert [line.split()[0] for line in out.splitlines()] == ["d5", "d6"]
    assert len(left(store)) == 6


def test_json_is_one_object(treadle: Any, store: MemoryStore) -> None:
    tried = json.loads(treadle("gc", "--keep", "5", "--dry-run", "--json").out)
    assert (tried["deleted"], [run["run"] for run in tried["runs"]]) == (False, ["d6"])
    done = json.loads(treadle("gc", "--keep", "5", "--json").out)
    assert (done["deleted"], [run["run"] for run in done["runs"]]) == (True, ["d6"])


def test_what_treadle_yaml_says_holds_where_nothing_else_is_said(
    treadle: Any, store: MemoryStore, folder: Path
) -> None:
    (folder / "treadle.yaml").write_text("retention: {older_than: 4d, keep: 1}\n")
    assert treadle("gc", "--dry-run").err == "would delete 2 runs\n"
    assert treadle("gc", "--keep", "5", "--dry-run").err == "would delete 1 run\n"
    assert treadle("gc", "--status", "failed").err == "deleted 1 run\n"
    assert left(store) == ["d1", "d2", "d3", "d4", "d6"]


def test_nothing_is_deleted_unless_something_says_what(treadle: Any, store: MemoryStore) -> None:
    for options in ((), ("--status", "failed"), ("--dry-run",)):
        code, out, err = treadle("gc", *options)
        assert (code, out) == (2, "")
        assert err == (
            "treadle: which runs may go? write --older-than 30d or --keep 100, or "
            "`retention: {older_than: 30d}` in treadle.yaml\n"
        )
    assert len(left(store)) == 6


@pytest.mark.parametrize(
    "options", [("--older-than", "30"), ("--keep", "-1"), ("--status", "running"), ("--status", "active")]
)
def test_wrong_options_delete_nothing(treadle: Any, store: MemoryStore, options: tuple[str, ...]) -> None:
    assert treadle("gc", *options).code == 2
    assert len(left(store)) == 6


def test_many_runs_are_deleted_a_few_at_a_time(
    treadle: Any, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from treadle._cli import gc

    monkeypatch.setattr(gc, "_AT_ONCE", 4)
    asked: list[int] = []
    forget = store.forget

    async def counted(wanted: Any) -> frozenset[str]:
        asked.append(len(wanted))
        return await forget(wanted)

    monkeypatch.setattr(store, "forget", counted)
    assert treadle("gc", "--keep", "0").err == "deleted 6 runs\n"
    assert asked == [4, 2]


def test_what_a_run_that_goes_on_has_called_stays(treadle: Any, store: MemoryStore) -> None:
    add(store, "d8", RunStatus.COMPLETED, 40, parent=f"x{RunStatus.RUNNING}")
    add(store, "d9", RunStatus.COMPLETED, 40, parent="d1")
    assert treadle("gc", "--older-than", "30d").code == 0
    assert "d8" in left(store)
    assert "d9" not in left(store)
