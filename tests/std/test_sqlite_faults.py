"""What a SQLite store does when the file, the disk or another process is in the way."""

import os
import sqlite3
import stat
import sys
import threading
from pathlib import Path

import attrs
import pytest
import trio
from tests.std.stored import Faulty, fault, filled, locked, opened, writer

from treadle.errors import StoreBroken, StoreError, StoreUnavailable
from treadle.events import RunStatus
from treadle.plugin import Record
from treadle.testing._stored import NOON, append, missing, records, run, with_blob
from treadle_std.stores._sqlite import faults, file, thread, writes
from treadle_std.stores._sqlite import store as store_module


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


async def seq_of(store, name="r0"):
    return (await store.info(name)).seq


def threads():
    return [each.name for each in threading.enumerate() if each.name.startswith("treadle sqlite")]


# --- locked ----------------------------------------------------------------------------------------


async def test_a_locked_file_is_waited_for_and_can_be_read_meanwhile(path):
    await filled(path)
    async with opened(path, lock_wait=20) as store:
        async with trio.open_nursery() as nursery:
            with locked(path):
                nursery.start_soon(store.append, [append("r0", after=0)])
                await trio.sleep(0.1)
                assert await seq_of(store) == 0
        assert await seq_of(store) == 1


async def test_a_locked_file_can_be_opened_and_read(path):
    await filled(path)
    with locked(path):
        async with opened(path) as store:
            assert await seq_of(store) == 0


async def test_a_file_that_stays_locked_is_unavailable_and_nothing_is_written(path):
    await filled(path)
    async with opened(path) as store:
        with locked(path):
            with pytest.raises(StoreUnavailable, match=r"runs.db is locked by another process; wait"):
                await store.append([append("r0", after=0)])
            with pytest.raises(StoreUnavailable, match="locked"):
                await store.create(run("new"), ())
        assert await seq_of(store) == 0
        assert await store.append([append("r0", after=0)]) == [None]


async def test_the_loop_goes_on_while_the_file_is_locked(path):
    await filled(path)
    gaps = []

    async def tick():
        before = trio.current_time()
        while True:
            await trio.sleep(0.005)
            gaps.append(trio.current_time() - before)
            before = trio.current_time()

    async with opened(path, lock_wait=0.6) as store, trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        with locked(path), pytest.raises(StoreUnavailable):
            await store.append([append("r0", after=0)])
        nursery.cancel_scope.cancel()
    assert len(gaps) > 20
    assert max(gaps) < 0.3  # the wait for the lock was twice that


async def test_a_new_file_that_is_locked_is_waited_for_and_then_unavailable(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        async with opened(path):
            pass
    db.close()
    await filled(path)
    assert threads() == []


# --- in the way ------------------------------------------------------------------------------------


async def test_a_full_disk_is_unavailable_until_there_is_room(path):
    class Small(Faulty):
        at_open = ("PRAGMA max_page_count = 60",)

    async with opened(path, Small) as store:
        await store.create(run("r0", owner="me"), ())
        await store.create(run("old", status=RunStatus.FAILED), [Record(1, 1, bytes(100_000))])
        with pytest.raises(StoreUnavailable, match="cannot grow: the disk is full; make room"):
            await store.create(run("large"), [Record(1, 1, bytes(100_000))])
        await missing(store, "large")
        assert await store.forget(["old"]) == {"old"}
        await store.create(run("large"), [Record(1, 1, bytes(100_000))])


async def test_a_file_that_cannot_be_written_is_unavailable(path):
    class ReadOnly(Faulty):
        at_open = ("PRAGMA query_only = ON",)

    await filled(path)
    async with opened(path, ReadOnly) as store:
        with pytest.raises(StoreUnavailable, match="is read-only; make the file and its directory writable"):
            await store.append([append("r0", after=0)])
        assert await seq_of(store) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not stop root")
async def test_a_file_without_permission_is_unavailable(path):
    await filled(path)
    path.chmod(0o400)
    with pytest.raises(StoreUnavailable, match="both must be writable for this user"):
        async with opened(path):
            pass


async def test_a_directory_that_is_missing_is_named(tmp_path):
    path = tmp_path / "gone" / "runs.db"
    with pytest.raises(StoreUnavailable, match=r"gone/runs.db cannot be opened: No such file .* must exist"):
        async with opened(path):
            pass
    assert not path.parent.exists()
    assert threads() == []


async def test_a_directory_in_place_of_the_file_is_unavailable(tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        async with opened(tmp_path):
            pass


def test_a_file_that_cannot_be_written_ahead_is_unavailable():
    db = sqlite3.connect(":memory:")
    with pytest.raises(StoreUnavailable, match=r"journal mode memory.*local disk"):
        file._write_ahead(db, "runs.db")
    db.close()


# --- broken ----------------------------------------------------------------------------------------


async def test_a_failed_sync_breaks_the_store_and_is_not_tried_again(path):
    class Disk(Faulty):
        pass

    await filled(path)
    async with opened(path, Disk) as store:
        assert await store.append([append("r0", after=0)]) == [None]
        assert await seq_of(store) == 1
        Disk.faults["COMMIT"] = sqlite3.SQLITE_IOERR_FSYNC
        with pytest.raises(StoreBroken, match="the last write may be lost; check the disk"):
            await store.append([append("r0", after=1)])
        Disk.faults.clear()
        tried = len(Disk.executed)
        for call in (
            lambda: store.append([append("r0", after=1)]),
            lambda: store.create(run("new"), ()),
            lambda: store.renew({"r0": 1}, until=NOON),
            lambda: store.info("r0"),
            store.changes,
        ):
            with pytest.raises(StoreBroken, match="the last write may be lost"):
                await call()
        assert len(Disk.executed) == tried
        assert Disk.closed == 2
    async with opened(path) as store:
        assert await seq_of(store) in (1, 2)


async def test_everyone_whose_write_was_in_the_failed_commit_learns_it(path):
    class Disk(Faulty):
        pass

    await filled(path, 30)
    told = []

    async def write(store, name):
        try:
            await store.append([append(name, after=0)])
        except StoreBroken as exc:
            told.append(exc)

    async with opened(path, Disk) as store:
        Disk.faults["COMMIT"] = sqlite3.SQLITE_IOERR_FSYNC
        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(write, store, f"r{number}")
    assert len(told) == 30
    assert len({id(error) for error in told}) == 30  # each its own, with its own traceback


async def test_what_is_no_database_is_broken(path):
    path.write_text("treadle: 1\nname: flow\n" * 500)
    before = path.read_bytes()
    with pytest.raises(StoreBroken, match=r"is not a SQLite database.*give another path"):
        async with opened(path):
            pass
    assert path.read_bytes() == before
    assert threads() == []


def overwrite(path, fraction=0.5):
    """Put rubbish over the middle of the file, page by page."""
    size = path.stat().st_size
    with path.open("r+b") as stream:
        for page in range(int(size * (1 - fraction) / 2), size - 4096, 4096):
            stream.seek(page - page % 4096)
            stream.write(b"\xa5" * 4096)


async def read_all(path, runs):
    async with opened(path) as store:
        for number in range(runs):
            await store.load(f"r{number}")


async def append_to_all(path, runs, *, after):
    async with opened(path) as store:
        for number in range(runs):
            await store.append([append(f"r{number}", after=after)])


async def test_a_damaged_file_is_broken_when_the_damage_is_met(path):
    await filled(path, 50, events=100)
    overwrite(path)
    with pytest.raises(StoreBroken, match=r"is damaged; copy the file away, then: sqlite3 COPY .recover"):
        await read_all(path, 50)
    with pytest.raises(StoreBroken, match="is damaged"):
        await append_to_all(path, 50, after=100)
    assert threads() == []


async def test_a_damaged_file_that_nobody_closed_is_broken_when_it_is_opened(path, tmp_path):
    await filled(path, 50, events=100)
    left = tmp_path / "left.db"
    async with opened(path) as store:
        await store.append([append("r0", after=100)])
        # What a process leaves that dies now: the file, and a log that is not empty.
        left.write_bytes(path.read_bytes())
        Path(f"{left}-wal").write_bytes(Path(f"{path}-wal").read_bytes())
    overwrite(left)
    with pytest.raises(StoreBroken, match=r"left.db is damaged"):
        async with opened(left):
            pass


async def test_a_sound_file_that_nobody_closed_is_opened_with_all_that_was_stored(path, tmp_path):
    left = tmp_path / "left.db"
    async with opened(path) as store:
        await store.create(run("r0", owner="me"), [with_blob(1, b"large")])
        await store.append([append("r0", after=1, count=3)])
        left.write_bytes(path.read_bytes())
        Path(f"{left}-wal").write_bytes(Path(f"{path}-wal").read_bytes())
    async with opened(left) as store:
        assert await store.load("r0") == [with_blob(1, b"large"), *records(2, 3)]


async def test_a_check_that_finds_damage_says_what(path):
    class Unsound(Faulty):
        def execute(self, statement, *args):
            if statement == "PRAGMA quick_check(3)":
                statement = "SELECT 'row 7 missing from index run_newest'"
            return super().execute(statement, *args)

    async with opened(path) as store:
        await store.create(run("r0"), ())
        with pytest.raises(StoreBroken, match=r"row 7 missing from index run_newest.*copy the file away"):
            async with opened(path, Unsound):
                pass


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (sqlite3.SQLITE_BUSY, StoreUnavailable, "locked"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreUnavailable, "locked"),
        (sqlite3.SQLITE_FULL, StoreUnavailable, "full"),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreUnavailable, "read-only"),
        (sqlite3.SQLITE_CANTOPEN, StoreUnavailable, "cannot be opened"),
        (sqlite3.SQLITE_NOMEM, StoreUnavailable, "no memory"),
        (sqlite3.SQLITE_IOERR_WRITE, StoreBroken, "check the disk"),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreBroken, "check the disk"),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreBroken, "is damaged"),
        (sqlite3.SQLITE_NOTADB, StoreBroken, "not a SQLite database"),
        (sqlite3.SQLITE_ERROR, StoreBroken, "does not work as it should"),
    ],
)
def test_each_error_of_sqlite_says_what_it_means_and_what_to_do(code, kind, said):
    error = faults.store_error(fault(code), "runs.db")
    assert type(error) is kind
    assert str(error).startswith("the store runs.db ")
    assert said in str(error)
    assert ";" in str(error)


# --- one caller and the others ---------------------------------------------------------------------


async def together(path, calls):
    """Run *calls* while the file is locked at first, so that most of them become one transaction."""
    async with trio.open_nursery() as nursery:
        with locked(path):
            for call, *arguments in calls:
                nursery.start_soon(call, *arguments)
            await trio.sleep(0.05)


async def test_what_one_caller_cannot_store_costs_no_other(path):
    await filled(path, 20)
    answers = {}

    async def write(store, number):
        item = append(f"r{number}", after=0)
        if number % 5 == 0:
            item = attrs.evolve(item, records=[Record(1, 1, object())])
        (answers[number],) = await store.append([item])

    async with opened(path, lock_wait=20) as store:
        await together(path, [(write, store, number) for number in range(20)])
        seqs = [await seq_of(store, f"r{number}") for number in range(20)]
    assert seqs == [0 if number % 5 == 0 else 1 for number in range(20)]
    assert {number for number, answer in answers.items() if answer is not None} == {0, 5, 10, 15}
    assert all(type(answers[number]) is StoreError for number in (0, 5, 10, 15))
    assert "it cannot be stored" in str(answers[5])


async def test_what_waits_together_is_committed_together(path):
    class Counted(Faulty):
        pass

    await filled(path, 50)
    async with opened(path, Counted, lock_wait=20) as store:
        Counted.executed.clear()
        await together(path, [(store.append, [append(f"r{number}", after=0)]) for number in range(50)])
        commits = Counted.executed.count("COMMIT")
        assert [await seq_of(store, f"r{number}") for number in range(50)] == [1] * 50
    assert commits <= 2


async def test_more_callers_than_the_queue_holds_all_get_their_answer(path, monkeypatch):
    monkeypatch.setattr(thread, "CALLS", 3)
    monkeypatch.setattr(thread, "PARTS", 2)
    await filled(path, 30)
    async with opened(path, lock_wait=20) as store:
        await together(path, [(store.append, [append(f"r{number}", after=0)]) for number in range(30)])
        assert [await seq_of(store, f"r{number}") for number in range(30)] == [1] * 30


async def test_a_fault_that_nobody_foresaw_is_told_to_its_callers(path):
    class Odd(Faulty):
        def execute(self, statement, *args):
            if statement == "BEGIN IMMEDIATE" and "odd" in self.faults:
                raise MemoryError("no memory for a statement")
            return super().execute(statement, *args)

    await filled(path)
    async with opened(path, Odd) as store:
        Odd.faults["odd"] = 0
        with pytest.raises(MemoryError):
            await store.create(run("new"), ())
        Odd.faults.clear()
        assert await store.append([append("r0", after=0)]) == [None]


async def test_a_fault_that_nobody_foresaw_while_it_opens_is_told(path):
    class Odd(Faulty):
        def __init__(self, *args, **kwargs):
            raise RuntimeError("no connection")

    with pytest.raises(RuntimeError, match="no connection"):
        async with opened(path, Odd):
            pass
    assert threads() == []


async def test_a_disk_that_fails_while_rows_are_told_apart_breaks_the_store(path):
    class Disk(Faulty):
        def execute(self, statement, *args):
            if self.executed.count("SAVEPOINT part") == 2:
                self.faults[writes._WRITER] = sqlite3.SQLITE_IOERR_READ
            return super().execute(statement, *args)

    await filled(path, 2)
    bad = attrs.evolve(append("r0", after=0), records=[Record(1, 1, object())])
    async with opened(path, Disk) as store:
        with pytest.raises(StoreBroken, match="check the disk"):
            await store.append([bad, append("r1", after=0)])
    async with opened(path) as store:
        assert [await seq_of(store, name) for name in ("r0", "r1")] == [0, 0]


async def test_a_connection_that_cannot_be_closed_is_told_of(path, caplog):
    class Stuck(Faulty):
        def close(self):
            super().close()
            raise sqlite3.OperationalError("unable to close")

    async with opened(path, Stuck) as store:
        await store.create(run("r0"), ())
    assert "runs.db could not be closed properly" in caplog.text
    assert threads() == []


# --- leaving ---------------------------------------------------------------------------------------


async def test_writes_whose_callers_were_cancelled_are_done_before_the_store_is_closed(path):
    await filled(path, 3)
    with locked(path) as other:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_unlock_soon, other)
            async with opened(path, lock_wait=20) as store, trio.open_nursery() as callers:
                for number in range(3):
                    callers.start_soon(store.append, [append(f"r{number}", after=0)])
                    await trio.sleep(0.02)
                callers.cancel_scope.cancel()
    async with opened(path) as store:
        assert [await seq_of(store, f"r{number}") for number in range(3)] == [1] * 3
    assert threads() == []


async def _unlock_soon(other):
    await trio.sleep(0.2)
    other.rollback()


async def test_a_store_that_is_left_by_a_cancellation_is_closed(path):
    with trio.CancelScope() as scope:
        async with opened(path) as store:
            await store.create(run("r0"), ())
            scope.cancel()
            await store.info("r0")
    assert scope.cancelled_caught
    assert threads() == []
    assert [each.name for each in path.parent.iterdir()] == ["runs.db"]  # the log went into the file


async def test_a_store_that_is_cancelled_while_it_opens_is_closed(path):
    await filled(path)
    with trio.CancelScope() as scope:
        scope.cancel()
        async with opened(path):
            pytest.fail("it was opened")
    assert scope.cancelled_caught
    assert threads() == []


async def test_closing_does_not_wait_for_a_disk_for_ever(path, monkeypatch, caplog):
    await filled(path)
    monkeypatch.setattr(store_module, "CLOSE_SECONDS", 0.05)
    go_on = threading.Event()

    class Stuck(Faulty):
        def execute(self, statement, *args):
            if statement == "COMMIT":
                go_on.wait(20)
            return super().execute(statement, *args)

    with trio.fail_after(10), trio.CancelScope() as scope:
        async with opened(path, Stuck, lock_wait=0) as store, trio.open_nursery() as nursery:
            nursery.start_soon(store.append, [append("r0", after=0)])
            await trio.sleep(0.05)
            scope.cancel()
    assert "treadle sqlite writer still waits for the disk" in caplog.text
    go_on.set()
    for each in threading.enumerate():
        if each.name.startswith("treadle sqlite"):
            each.join(10)
    async with opened(path) as store:
        assert await seq_of(store) == 1


# --- processes -------------------------------------------------------------------------------------


async def test_only_its_owner_can_read_what_is_stored(path):
    async with opened(path) as store:
        await store.create(run("r0"), records(1, 1))
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == {"runs.db": 0o600, "runs.db-wal": 0o600, "runs.db-shm": 0o600}


async def test_the_folder_of_the_program_is_made_and_kept_out_of_git(tmp_path):
    folder = tmp_path / ".treadle"
    async with opened(folder / "treadle.db"):
        pass
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"


async def test_processes_that_open_a_new_file_at_once_all_write_to_it(path):
    writers = [writer(path, f"r{number}", 20) for number in range(4)]
    for process in writers:
        await trio.to_thread.run_sync(process.communicate)
        assert process.returncode == 0
    async with opened(path) as store:
        assert [await seq_of(store, f"r{number}") for number in range(4)] == [20] * 4


async def test_another_process_changes_the_number(path):
    async with opened(path) as store:
        before = await store.changes()
        assert await store.changes() == before
        with writer(path, "r0", 1) as process:
            await trio.to_thread.run_sync(process.communicate)
        assert await store.changes() != before


async def test_what_was_stored_when_the_process_was_killed_is_there(path):
    process = writer(path, "r0", 1_000_000)
    stored = 0
    with process:
        while stored < 50:
            stored = int(await trio.to_thread.run_sync(process.stdout.readline))
        process.kill()
        rest = (await trio.to_thread.run_sync(process.stdout.read)).split()
    stored = int(rest[-1]) if rest else stored
    async with opened(path) as store:
        seq = await seq_of(store)
        assert seq in (stored, stored + 1)
        assert await store.load("r0") == records(1, seq)
        assert await store.append([append("r0", after=seq)]) == [None]


async def test_a_second_store_of_a_process_leaves_the_locks_of_the_first_in_place(path):
    async with opened(path) as store:
        await store.create(run("r0"), records(1, 1))
        async with opened(path):
            pass
        await trio.run_process([sys.executable, "-c", _OPEN_AND_CLOSE, str(path)])
        assert Path(f"{path}-wal").exists()
        await store.create(run("r1"), records(1, 1))
    async with opened(path) as store:
        assert await seq_of(store, "r1") == 1


_OPEN_AND_CLOSE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("SELECT count(*) FROM run").fetchone()
db.close()
"""


async def test_a_store_that_was_closed_says_so(path):
    async with opened(path) as store:
        await store.create(run("r0"), records(1, 1))
    for call in (store.info("r0"), store.create(run("r1"), records(1, 1))):
        with trio.fail_after(5), pytest.raises(StoreBroken, match="has been closed; open it again"):
            await call
    assert threads() == []
