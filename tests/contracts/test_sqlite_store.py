"""The contract of stores, kept by SQLite."""

import pytest

from treadle.testing import StoreContract
from treadle_std.stores.sqlite import Sqlite, open_sqlite


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.path = tmp_path / "runs.db"

    def open(self):
        return open_sqlite(Sqlite(path=str(self.path)))

    reopen = open
