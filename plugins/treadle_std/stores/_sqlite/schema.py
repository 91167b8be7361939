"""The tables, and how a file of an earlier version gets them.

Rule 1: a migration that was released never changes; a new schema is one more entry of `MIGRATIONS`.
Rule 2: `PRAGMA user_version` counts the migrations done; all that are missing are done in one transaction.
Rule 3: the schema is private: other programs read journals through treadle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.errors import StoreUnavailable

if TYPE_CHECKING:
    import sqlite3

APPLICATION = 0x7472646C
"""``trdl``, in the header of every file of ours (``PRAGMA application_id``)."""

_FIRST = (
    """
    CREATE TABLE run (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      workflow TEXT NOT NULL,
      status TEXT NOT NULL,
      ended INTEGER NOT NULL,
      correlation_id TEXT NOT NULL,
      labels TEXT NOT NULL,
      key TEXT,
      fingerprint TEXT,
      parent TEXT,
      created_at REAL NOT NULL,
      updated_at REAL NOT NULL,
      started_at REAL,
      ended_at REAL,
      seq INTEGER NOT NULL,
      owner TEXT,
      token INTEGER NOT NULL,
      lease_until REAL NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX run_key ON run (workflow, key) WHERE key IS NOT NULL",
    "CREATE INDEX run_newest ON run (created_at, id)",
    "CREATE INDEX run_of_workflow ON run (workflow, created_at, id)",
    "CREATE INDEX run_in_status ON run (status, created_at, id)",
    "CREATE INDEX run_open ON run (created_at, id) WHERE ended = 0",
    "CREATE INDEX run_child ON run (parent, created_at, id) WHERE parent IS NOT NULL",
    """
    CREATE TABLE label (
      name TEXT NOT NULL,
      text TEXT NOT NULL,
      run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
      PRIMARY KEY (name, text, run)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX label_of_run ON label (run)",
    """
    CREATE TABLE event (
      run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
      seq INTEGER NOT NULL,
      version INTEGER NOT NULL,
      body BLOB NOT NULL,
      blob TEXT,
      PRIMARY KEY (run, seq)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX event_with_blob ON event (blob) WHERE blob IS NOT NULL",
    "CREATE TABLE blob (hash TEXT PRIMARY KEY NOT NULL, body BLOB NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE request (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
      command TEXT NOT NULL,
      arguments TEXT NOT NULL,
      by TEXT NOT NULL,
      time REAL NOT NULL,
      answer TEXT
    )
    """,
    "CREATE INDEX request_of_run ON request (run)",
    "CREATE INDEX request_open ON request (number) WHERE answer IS NULL",
)

_GROUPS = (
    "ALTER TABLE run ADD COLUMN group_key TEXT",
    "ALTER TABLE run ADD COLUMN admitted INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX run_in_group ON run (group_key, number) WHERE group_key IS NOT NULL AND ended = 0",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _GROUPS)
"""By the version they start from, the statements that lead to the next."""


def migrate(db: sqlite3.Connection, path: str) -> None:
    """Bring the file to the present schema; a file that has it already is only read.

    Raises:
      StoreUnavailable: the file belongs to a newer treadle, or to another program.
    """
    if _version(db, path) == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    with db:  # commits, or rolls back
        for statements in MIGRATIONS[_version(db, path) :]:  # again: another process may have been faster
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(db: sqlite3.Connection, path: str) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise StoreUnavailable(f"{path} is the database of another program; give another path for the store")
    if version > len(MIGRATIONS):
        raise StoreUnavailable(
            f"the store {path} has schema {version} and this treadle knows {len(MIGRATIONS)} at most; "
            "install a newer treadle, or give another path"
        )
    return int(version)
