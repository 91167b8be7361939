"""What every store must do, as tests that its author subclasses: one module a part of the contract.

Rule 1: tests see a store as an engine does: by the calls of `StoreConnection` alone.
Rule 2: they bring their own times, so a store that reads a clock fails them.
"""

from __future__ import annotations

import pytest

from treadle.testing._store.forgetting import ForgettingContract
from treadle.testing._store.groups import GroupContract
from treadle.testing._store.journals import JournalContract
from treadle.testing._store.leases import LeaseContract
from treadle.testing._store.lists import ListContract
from treadle.testing._store.requests import RequestContract
from treadle.testing._store.together import TogetherContract

__all__ = ["StoreContract"]


class StoreContract(
    JournalContract,
    ListContract,
    LeaseContract,
    RequestContract,
    ForgettingContract,
    TogetherContract,
    GroupContract,
):
    """Subclass it in a test module, say how to open the store, and run pytest.

    ::

        class TestMyStore(StoreContract):
            @pytest.fixture(autouse=True)
            def place(self, tmp_path):
                self.path = tmp_path / "runs"

            def open(self):
                return open_my_store(MyStore(path=str(self.path)))

            reopen = open
    """

    pytestmark = pytest.mark.trio
