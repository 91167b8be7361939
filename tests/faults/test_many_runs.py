"""Many durable runs at once: all of them complete. What it took is printed, and asserted nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.faults.forge import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "count",
    [300, pytest.param(1_000, marks=pytest.mark.nightly), pytest.param(10_000, marks=pytest.mark.nightly)],
)
def test_many_runs_at_once_all_complete(count: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.many", str(count), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["statuses"] == {"completed": count}
