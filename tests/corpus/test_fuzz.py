"""Hostile documents and expressions: refused in time, within bounds, with a place, and touching nothing.

The normal run takes a sample, the same each time; ``-m nightly`` takes them all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
AT_MOST_MB = {"documents": 200, "expressions": 200}
GROWS_MB = {"documents": 150, "expressions": 32}
"""For documents, what one may take on top of the program; for expressions, what all of a process may."""


def judged(kind: str, start: int, stop: int) -> dict[str, Any]:
    """What a process of its own says of these seeds; it is killed if it does not come to an end."""
    command = [sys.executable, "-m", "tests.corpus.fuzz", kind, str(start), str(stop)]
    limit = 60 + (stop - start) * (0.5 if kind == "documents" else 0.05)
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    assert ended.returncode == 0, ended.stderr
    tally: dict[str, Any] = json.loads(ended.stdout)
    return tally


def check(kind: str, start: int, stop: int) -> None:
    tally = judged(kind, start, stop)
    assert tally["failures"] == []
    assert tally["count"] == stop - start
    assert tally["peak_mb"] < AT_MOST_MB[kind]
    assert tally["grown_mb"] < GROWS_MB[kind]
    assert 0.02 < tally["good"] / tally["count"] < 0.9, "the generator makes too little of one kind"


@pytest.mark.parametrize(("kind", "count"), [("documents", 300), ("expressions", 5_000)])
def test_a_sample_is_handled_rightly(kind: str, count: int) -> None:
    check(kind, 0, count)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(20))
def test_a_hundred_thousand_documents_are_handled_rightly(part: int) -> None:
    check("documents", part * 5_000, (part + 1) * 5_000)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(20))
def test_a_million_expressions_are_handled_rightly(part: int) -> None:
    check("expressions", part * 50_000, (part + 1) * 50_000)
