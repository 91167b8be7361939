"""The contract of stores, kept by the one in memory."""

from contextlib import nullcontext

import pytest

from treadle.events import RunStatus
from treadle.testing import MemoryStore, StoreContract
from treadle.testing import _stored as given


class TestMemoryStore(StoreContract):
    @pytest.fixture(autouse=True)
    def place(self):
        self.store = MemoryStore()

    def open(self):
        return nullcontext(self.store)

    reopen = open


async def test_equal_blobs_are_kept_once_and_no_longer_than_needed():
    store = MemoryStore()
    for name in "ab":
        await store.create(given.run(name, status=RunStatus.FAILED), [given.with_blob(1, bytes(9))])
    (first,), (second,) = await store.load("a"), await store.load("b")
    assert first.blob is second.blob
    del first, second
    await store.forget(["a", "b"])
    assert len(store._blobs) == 0
