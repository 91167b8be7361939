"""The store that a project's commands find, and how a run in it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.cli import runs

from treadle._cli import stored
from treadle._cli.sources import open_project
from treadle._cli.stored import every_run, resolve_run
from treadle.errors import NoSuchRun, PluginError
from treadle.events import RunStatus
from treadle.plugin import RunFilter, RunInfo
from treadle_std.stores.sqlite import Sqlite, open_sqlite

if TYPE_CHECKING:
    from pathlib import Path

    from treadle.testing import MemoryStore


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    return runs.in_use(monkeypatch)


def run_of(run: str, created_at: float = 1.0) -> RunInfo:
    return RunInfo(
        id=run, workflow="demo", status=RunStatus.PENDING, correlation_id=run, created_at=created_at
    )


def add(store: MemoryStore, run: str, created_at: float = 1.0) -> None:
    trio.run(store.create, run_of(run, created_at), [])


def stored_in(path: Path, *infos: RunInfo) -> None:
    async def fill() -> None:
        async with open_sqlite(Sqlite(path=str(path))) as store:
            for info in infos:
                await store.create(info, [])

    trio.run(fill)


# --- which store -----------------------------------------------------------------------------------


def test_without_a_word_it_is_a_file_under_the_working_directory(treadle: Any, folder: Path) -> None:
    stored_in(folder / ".treadle" / "treadle.db", run_of("0a-1"))
    assert "0a-1" in treadle("ps").out


@pytest.mark.parametrize("written", ["limits: {}", "store: sqlite", "store: {sqlite: .treadle/treadle.db}"])
def test_the_file_stands_beside_treadle_yaml_wherever_below_it_one_is(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    (folder / "treadle.yaml").write_text(f"{written}\n")
    stored_in(folder / ".treadle" / "treadle.db", run_of("0a-1"))
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert "0a-1" in treadle("ps").out


def test_an_absolute_path_stays_what_it_is(folder: Path) -> None:
    (folder / "treadle.yaml").write_text("store: {sqlite: {path: /var/runs.db, lock_wait: 2s}}\n")
    store = open_project().store
    assert store != "memory"
    assert (store.constant.path, store.constant.lock_wait) == ("/var/runs.db", 2.0)


def test_a_project_without_sqlite_says_what_to_do(folder: Path) -> None:
    (folder / "treadle.yaml").write_text("plugins: {disable: [sqlite]}\n")
    with pytest.raises(PluginError, match=r"or write `store: memory` in treadle\.yaml"):
        _ = open_project().store


def test_a_file_that_is_no_store_is_a_fault_of_the_store(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("store: {sqlite: runs.db}\n")
    (folder / "runs.db").write_text("this is no database, and long enough to be none\n" * 100)
    code, out, err = treadle("ps")
    assert (code, out) == (4, "")
    assert err.startswith("treadle: ")
    assert "runs.db" in err
    assert "bug" not in err


@pytest.mark.parametrize(
    "command", [["ps"], ["show", "x"], ["events", "x"], ["why", "x"], ["gc", "--keep", "1"]]
)
def test_where_nothing_ran_yet_that_is_said_and_no_store_is_made(
    treadle: Any, folder: Path, command: list[str]
) -> None:
    code, out, err = treadle(*command)
    assert (code, out) == (2, "")
    assert err.startswith("treadle: no runs here yet: there is no ")
    assert list(folder.iterdir()) == []


def test_a_project_that_keeps_no_runs_says_so(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("store: memory\n")
    assert treadle("ps") == (
        2,
        "",
        "treadle: no runs are kept here: treadle.yaml says `store: memory`; leave `store` out to keep them\n",
    )


# --- naming a run ----------------------------------------------------------------------------------


def resolved(store: MemoryStore, text: str) -> str:
    async def look() -> RunInfo:
        return await resolve_run(store, text)

    return trio.run(look).id


def test_a_run_is_named_by_its_id_the_beginning_of_either_half_or_as_the_last(store: MemoryStore) -> None:
    add(store, "1kd0a-aaaa", 1.0)
    add(store, "1kd0b-bbbb", 2.0)
    assert resolved(store, "1kd0a-aaaa") == "1kd0a-aaaa"
    assert resolved(store, "1kd0a") == "1kd0a-aaaa"
    assert resolved(store, "bb") == "1kd0b-bbbb"
    assert resolved(store, "last") == "1kd0b-bbbb"


def test_an_id_that_another_begins_with_names_its_own_run(store: MemoryStore) -> None:
    add(store, "1k-1")
    add(store, "1k-11")
    assert resolved(store, "1k-1") == "1k-1"


def test_what_names_several_runs_or_none_is_refused(treadle: Any, store: MemoryStore) -> None:
    for number in range(10):
        add(store, f"1k{number}-x")
    code, _, err = treadle("show", "1k")
    assert code == 2
    assert err.startswith("treadle: 10 runs begin with '1k'; write more of it: 1k9-x, ")
    assert err.endswith(" and 2 more\n")
    assert treadle("show", "zz") == (
        2,
        "",
        "treadle: there is no run 'zz' in this store; see: treadle ps\n",
    )
    with pytest.raises(NoSuchRun):
        resolved(store, "")


def test_there_is_no_last_run_before_the_first(treadle: Any, store: MemoryStore) -> None:
    code, _, err = treadle("show", "last")
    assert code == 2
    assert err.startswith("treadle: no runs here yet")


def test_every_run_is_found_page_by_page(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        add(store, f"0{number}-x", number)
    monkeypatch.setattr(stored, "_PAGE", 3)

    async def listed(at_most: int | None) -> list[str]:
        return [info.id[:2] for info in await every_run(store, RunFilter(), at_most=at_most)]

    assert trio.run(listed, None) == ["06", "05", "04", "03", "02", "01", "00"]
    assert trio.run(listed, 4) == ["06", "05", "04", "03"]
