"""The store ``memory``: the entry for what core has itself."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import Store, hookimpl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from treadle.plugin import StoreConnection


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Memory:
    """Keeps journals in memory: they end with the process.

    Nothing can be resumed, and no other process can steer a run.

    Example:
      ``store: memory``
    """


@asynccontextmanager
async def open_memory(config: Memory) -> AsyncIterator[StoreConnection]:
    """A new store, empty."""
    from treadle.testing import MemoryStore

    yield MemoryStore()


@hookimpl
def treadle_stores() -> Iterable[Store[Any]]:
    """``memory``."""
    return [Store(name="memory", config=Memory, open=open_memory)]
