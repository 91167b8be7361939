"""Two processes on one store: one is stopped past its lease, and wakes up when the other has its run."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from tests.faults.forge import ROOT
from tests.faults.history import Snapshot, look
from tests.faults.laws import Seen, judge
from tests.faults.life import ledger_in, store_in
from tests.faults.rival import TAKEN_OVER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_SECONDS = 20


@contextmanager
def rival(role: str, place: Path, first: str) -> Iterator[subprocess.Popen[str]]:
    """A process; ended by force if it is still there at the end, stopped or not."""
    command = [sys.executable, "-m", "tests.faults.rival", role, str(place), first]
    with subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


async def begun(place: Path, path: str) -> None:
    while not ledger_in(place).count("begin", path):  # noqa: ASYNC110  another process tells nobody
        await trio.sleep(0.02)


async def over(process: subprocess.Popen[str]) -> int:
    while (code := process.poll()) is None:  # noqa: ASYNC110  trio does not own the process
        await trio.sleep(0.02)
    return code


@pytest.mark.parametrize(
    "first",
    [
        pytest.param("60s", id="while its step goes on"),
        pytest.param("1s", id="with a step that has ended meanwhile"),
    ],
)
async def test_a_process_that_slept_past_its_lease_writes_nothing_more(first: str, tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    with trio.fail_after(PATIENCE_SECONDS), rival("starts", tmp_path, first) as sleeper:
        await begun(tmp_path, "hold")
        sleeper.send_signal(signal.SIGSTOP)
        with rival("recovers", tmp_path, first) as other:
            assert await over(other) == 0
        async with store_in(tmp_path) as store:
            taken_over = await look(store, ledger, "stopped")
            sleeper.send_signal(signal.SIGCONT)
            assert await over(sleeper) == TAKEN_OVER
            after = await look(store, ledger, None)
        assert sleeper.stderr is not None
        assert "has been taken over" in sleeper.stderr.read()
    assert after.journal == taken_over.journal
    assert judge(Seen([after], None)) == []
    # a step whose time is over as well: the two are seen in the same turn, in any order
    assert _late(after, taken_over, sleeper.pid) <= {"cancelled", *(["end"] if first == "1s" else [])}
    assert [line.pid == sleeper.pid for line in after.ledger if line.what == "begin"] == [
        True,
        True,
        False,
        False,
    ]


def _late(after: Snapshot, before: Snapshot, pid: int) -> set[str]:
    """What the process *pid* still did: a step whose work was over cannot know that it was too late."""
    new = after.ledger[len(before.ledger) :]
    assert {line.pid for line in new} <= {pid}
    return {line.what for line in new}
