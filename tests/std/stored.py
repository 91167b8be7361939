"""What tests of SQLite stores share: a connection whose faults the test decides, and a writing process."""

import sqlite3
import subprocess
import sys
from contextlib import contextmanager

from treadle.testing._stored import append, run
from treadle_std.stores._sqlite.store import open_store


class Faulty(sqlite3.Connection):
    """A connection class; `made` has what was executed, `faults` what to raise at which statement.

    Subclass it in the test, so that each has its own.
    """

    executed: list[str]
    faults: dict[str, int]
    at_open: tuple[str, ...] = ()

    def __init_subclass__(cls):
        cls.executed, cls.faults, cls.closed = [], {}, 0

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for statement in self.at_open:
            super().execute(statement)

    def execute(self, statement, *args):
        self.executed.append(statement)
        if statement in self.faults:
            raise fault(self.faults[statement])
        return super().execute(statement, *args)

    def close(self):
        type(self).closed += 1
        super().close()


def fault(code):
    """The error that SQLite's module raises for an extended result code."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    return error


def opened(path, factory=sqlite3.Connection, *, lock_wait=0.2):
    return open_store(str(path), lock_wait, factory)


async def filled(path, runs=1, *, events=0):
    """Make a store with runs r0, r1, … of so many events each, and close it."""
    async with opened(path) as store:
        for number in range(runs):
            await store.create(run(f"r{number}", owner="me", labels={"n": str(number)}), ())
            if events:
                await store.append([append(f"r{number}", after=0, count=events)])


@contextmanager
def locked(path):
    """Another connection keeps everyone from writing."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        yield db
    finally:
        db.close()


WRITER = """
import sys, trio
from treadle.testing._stored import append, run
from treadle_std.stores._sqlite.store import open_store

async def main(path, name, count):
    async with open_store(path, 20.0) as store:
        await store.create(run(name, owner=name), ())
        for seq in range(count):
            assert await store.append([append(name, after=seq)]) == [None]
            print(seq + 1, flush=True)

trio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


def writer(path, name, count):
    """A process that makes a run, appends events one by one, and prints the number of each that is stored."""
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
