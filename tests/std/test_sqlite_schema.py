"""The file of a SQLite store: its schema, those of earlier versions, and those it does not know."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.std.stored import opened

from treadle.errors import NoSuchRun, StoreUnavailable
from treadle.events import RunStatus
from treadle.plugin import RunFilter
from treadle.testing._stored import NOON, append, records, request, run, with_blob
from treadle_std.stores._sqlite import schema
from treadle_std.stores.memory import Memory, open_memory
from treadle_std.stores.sqlite import Sqlite, open_sqlite, treadle_stores

RELEASED = sorted((Path(__file__).parent / "schemas").glob("v*.sql"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def of_release(path, script):
    """The file as the version of *script* left it."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script.read_text())


def tables(path):
    with closing(sqlite3.connect(path)) as db:
        return sorted(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall())


def pragma(path, name):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"PRAGMA {name}").fetchone()[0]


# --- migrations ------------------------------------------------------------------------------------


def test_every_schema_was_released_with_a_script_to_test_from():
    assert [script.stem for script in RELEASED] == [
        f"v{number + 1}" for number in range(len(schema.MIGRATIONS))
    ]


@pytest.mark.parametrize("script", RELEASED, ids=lambda script: script.stem)
async def test_a_file_of_every_release_is_migrated_and_keeps_what_it_holds(path, script):
    of_release(path, script)
    async with opened(path) as store:
        assert await store.load("ended") == [with_blob(1, b"large"), *records(2, 3)]
        ended, open_ = await store.info("ended"), await store.info("open")
        assert (ended.status, ended.ended_at, ended.key) == (RunStatus.COMPLETED, NOON + 9, "k")
        assert (open_.owner, open_.token, open_.labels) == ("me", 2, {"team": "ops"})
        assert [info.id for info in (await store.list(RunFilter(), limit=9)).runs] == ["open", "ended"]
        assert [info.id for info in (await store.list(RunFilter(labels={"team": "ops"}), limit=9)).runs] == [
            "open"
        ]
        assert await store.requests(["open"]) == [request("q1", "open", arguments={"reason": "late"})]
        assert await store.append([append("open", after=1, token=2)]) == [None]
        assert await store.forget(["ended", "open"]) == {"ended"}


async def test_the_last_release_has_the_schema_of_a_new_file(path, tmp_path):
    async with opened(path):
        pass
    released = tmp_path / "released.db"
    of_release(released, RELEASED[-1])
    assert tables(path) == tables(released), "a released schema was changed: add a migration and its script"
    assert pragma(path, "user_version") == pragma(released, "user_version") == len(schema.MIGRATIONS)
    assert pragma(path, "application_id") == pragma(released, "application_id") == schema.APPLICATION


async def test_a_migration_is_done_once_and_the_version_before_refuses_its_file(path, monkeypatch):
    of_release(path, RELEASED[-1])
    known = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, ("ALTER TABLE run ADD COLUMN extra TEXT",)))
    for _ in range(2):
        async with opened(path) as store:
            assert (await store.info("ended")).seq == 4
    assert pragma(path, "user_version") == len(known) + 1
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    with pytest.raises(StoreUnavailable, match=r"has schema 3 and this treadle knows 2 .* install a newer"):
        async with opened(path):
            pass


async def test_a_migration_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    of_release(path, RELEASED[-1])
    before = tables(path)
    broken = ("CREATE TABLE extra (x)", "CREATE TABLE run (x)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(Exception, match="table run already exists"):
        async with opened(path):
            pass
    assert tables(path) == before
    assert pragma(path, "user_version") == len(schema.MIGRATIONS) - 1


@pytest.mark.parametrize(
    "script",
    ["CREATE TABLE other (x)", "PRAGMA user_version = 3", "PRAGMA application_id = 7"],
)
async def test_the_database_of_another_program_is_left_alone(path, script):
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)
    before = tables(path)
    with pytest.raises(StoreUnavailable, match="is the database of another program; give another path"):
        async with opened(path):
            pass
    assert tables(path) == before


# --- settings --------------------------------------------------------------------------------------


async def test_a_store_is_opened_by_its_entry(path):
    (entry,) = treadle_stores()
    assert (entry.name, entry.main) == ("sqlite", "path")
    async with entry.open(Sqlite(path=str(path))) as store:
        await store.create(run("a"), records(1, 1))
    async with open_sqlite(Sqlite(path=str(path))) as store:
        assert await store.load("a") == records(1, 1)


@pytest.mark.parametrize("path", [":memory:", "file:runs.db?mode=ro"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match="is no path of a file; for journals in memory use the store memory"):
        Sqlite(path=path)


@pytest.mark.parametrize("settings", [{"path": ""}, {"lock_wait": -1.0}])
def test_settings_out_of_their_range_are_refused(settings):
    with pytest.raises(ValueError, match=r"path|lock_wait"):
        Sqlite(**settings)


async def test_each_store_in_memory_is_its_own():
    async with open_memory(Memory()) as one, open_memory(Memory()) as other:
        await one.create(run("a"), ())
        with pytest.raises(NoSuchRun):
            await other.info("a")


# --- what is kept ----------------------------------------------------------------------------------


def rows(path, table):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


async def test_equal_blobs_are_kept_once_and_go_with_the_last_run_that_refers_to_them(path):
    async with opened(path) as store:
        for name in "abc":
            ended = run(name, status=RunStatus.FAILED)
            await store.create(ended, [with_blob(1, b"shared"), with_blob(2, name.encode())])
        assert rows(path, "blob") == 4
        await store.forget(["a", "b"])
        assert rows(path, "blob") == 2
        await store.forget(["c"])
        assert rows(path, "blob") == 0


async def test_nothing_of_a_forgotten_run_is_left_in_the_file(path):
    async with opened(path) as store:
        await store.create(run("a", status=RunStatus.FAILED, labels={"x": "y"}), [with_blob(1, b"b")])
        await store.ask(request("q1", "a"))
        await store.forget(["a"])
        assert {name: rows(path, name) for name in ("run", "event", "blob", "label", "request")} == {
            "run": 0,
            "event": 0,
            "blob": 0,
            "label": 0,
            "request": 0,
        }


@pytest.mark.parametrize(
    ("which", "index"),
    [
        (RunFilter(), "run_newest"),
        (RunFilter(workflow="flow"), "run_of_workflow"),
        (RunFilter(statuses=frozenset({RunStatus.FAILED})), "run_in_status"),
        (RunFilter(lapsed_at=NOON), "run_open"),
        (RunFilter(parent="p"), "run_child"),
        (RunFilter(workflow="flow", key="k"), "run_key"),
        (RunFilter(labels={"x": "y"}), "label USING PRIMARY KEY"),
    ],
)
async def test_lists_use_an_index(path, which, index):
    from treadle_std.stores._sqlite import reads

    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        asked = []
        db.set_trace_callback(asked.append)
        reads.list_runs(db, which, 20, None)
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()]
    assert any(index in line for line in plan), plan
