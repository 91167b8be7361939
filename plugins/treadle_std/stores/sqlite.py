"""The store ``sqlite``: journals in one file, safe against crashes, shared by the processes of one machine.

Rule: this module is imported by every command; what opens a store is imported when one is opened.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
from attrs import validators as v

from treadle.plugin import FILE_PATH, Seconds, Store, hookimpl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from treadle.plugin import StoreConnection


def _not_in_memory(config: Sqlite, field: attrs.Attribute[str], path: str) -> None:
    if path == ":memory:" or path.startswith("file:"):
        raise ValueError(f"{path!r} is no path of a file; for journals in memory use the store memory")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Sqlite:
    """Keeps journals in a SQLite file, which any process of this machine can open at the same time.

    What a run did is on disk before it goes on (WAL, ``synchronous=FULL``), so that it survives a crash of
    the process and of the machine. A new file has mode 0600; a directory ``.treadle`` is made if it is
    missing, any other must exist. The file must be on a local disk, not on a network share.

    Args:
      path: the file; in ``treadle.yaml`` relative to that file.
      lock_wait: how long a write waits while another process keeps the file locked.

    Raises:
      ValueError: *path* is empty or no path of a file, or *lock_wait* is negative.

    Example:
      ``store: {sqlite: .treadle/treadle.db}``
    """

    path: str = attrs.field(
        default=".treadle/treadle.db", validator=[v.min_len(1), _not_in_memory], metadata=FILE_PATH
    )
    lock_wait: Seconds = attrs.field(default=5.0, validator=v.ge(0))


@asynccontextmanager
async def open_sqlite(config: Sqlite) -> AsyncIterator[StoreConnection]:
    """Open the file, and bring it to the present schema."""
    from treadle_std.stores._sqlite.store import open_store

    async with open_store(config.path, config.lock_wait) as store:
        yield store


@hookimpl
def treadle_stores() -> Iterable[Store[Any]]:
    """``sqlite``."""
    return [Store(name="sqlite", config=Sqlite, open=open_sqlite, main="path")]
