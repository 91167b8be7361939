"""Processes to be killed, forked from one that has imported everything, which saves most of their start.

Rule 1: the parent never starts trio, a thread or a store; what a child has of it is imported modules.
Rule 2: a child that hangs is ended by its own alarm, and is told from one that was killed.

The parent reads orders as JSON, one a line, and answers each with the exit code of the process it forked:
0, or minus the signal that ended it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import trio
from tests.faults.life import Order, live

import treadle
import treadle_std.stores._sqlite.store  # noqa: F401  else each child imports it

if TYPE_CHECKING:
    from collections.abc import Iterator

LIFE_SECONDS = 20
"""After which a process that neither ended nor was killed is ended as hanging."""

ROOT = Path(__file__).parents[2]


class Forge:
    """A parent process: makes one child at a time."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def live(self, order: Order) -> int:
        """Have a process do *order*; its exit code, once it is over."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(attrs.asdict(order)) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def close(self) -> None:
        """End the parent."""
        with self._parent:
            assert self._parent.stdin is not None
            self._parent.stdin.close()


class Forges:
    """Several parents, so that as many processes can live at once."""

    def __init__(self, forges: list[Forge]) -> None:
        self._idle = list(forges)
        self.count = len(forges)

    async def live(self, order: Order) -> int:
        """Have a process do *order*; its exit code, once it is over."""
        forge = self._idle.pop()
        try:
            return await trio.to_thread.run_sync(forge.live, order)
        finally:
            self._idle.append(forge)


@contextmanager
def forges(count: int) -> Iterator[Forges]:
    """*count* parents, ended at the end."""
    opened = [Forge() for _ in range(count)]
    try:
        yield Forges(opened)
    finally:
        for forge in opened:
            forge.close()


def main() -> None:
    """Be a parent."""
    _warm_up()
    for line in sys.stdin:
        order = Order(**json.loads(line))
        child = os.fork()
        if child == 0:
            _be_born(order)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _warm_up() -> None:
    """Import what the children will need, and keep the collector from touching it in each of them."""
    assert treadle.Registry.installed()
    assert treadle.open_engine
    gc.collect()
    gc.freeze()


def _be_born(order: Order) -> None:
    """Be the child."""
    code = 1
    try:
        signal.setitimer(signal.ITIMER_REAL, order.kill_after or LIFE_SECONDS)  # no Python sees the alarm
        errors = os.open(order.errors(), os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(errors, 1)
        os.dup2(errors, 2)
        live(order)
        code = 0
    except BaseException:  # noqa: ASYNC103  trio is over in this process, and so is the process
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
