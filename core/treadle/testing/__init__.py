"""What plugin authors import in their tests.

Rule 1: nothing here needs an engine; a plugin is called directly and what it did is looked at.
Rule 2: what `FakeStep` takes, a real step takes; where the two differ, `FakeStep` is stricter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle.testing._step import FakeStep, block, expression

if TYPE_CHECKING:
    from treadle._engine.memory import MemoryStore
    from treadle.testing._store import StoreContract

__all__ = ["FakeStep", "MemoryStore", "StoreContract", "block", "expression"]


def __getattr__(name: str) -> Any:
    """What brings the engine or pytest along, imported when first used."""
    match name:
        case "MemoryStore":
            from treadle._engine.memory import MemoryStore

            return MemoryStore
        case "StoreContract":
            import pytest

            pytest.register_assert_rewrite("treadle.testing._store")  # or a failed assert would say nothing
            from treadle.testing._store import StoreContract

            return StoreContract
        case _:
            raise AttributeError(f"module 'treadle.testing' has no attribute {name!r}")
