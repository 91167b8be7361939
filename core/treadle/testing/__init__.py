"""What plugin authors import in their tests.

Rule 1: nothing here needs an engine; a plugin is called directly and what it did is looked at.
Rule 2: what `FakeStep` takes, a real step takes; where the two differ, `FakeStep` is stricter.
"""

from __future__ import annotations

from treadle.testing._step import FakeStep, block, expression

__all__ = ["FakeStep", "block", "expression"]
