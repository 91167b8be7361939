"""How the tests of a store come by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from treadle._kinds.store import StoreConnection


class Opening:
    """What an author says of a store, for the tests of all parts of the contract."""

    def open(self) -> AbstractAsyncContextManager[StoreConnection]:
        """Open a store that nobody has used; called once a test."""
        raise NotImplementedError

    def reopen(self) -> AbstractAsyncContextManager[StoreConnection]:
        """Open the same store once more, while it is open or after it was closed."""
        pytest.skip("this store cannot be opened twice")
