"""Driving one run to its end while signals and a person's answers come in.

Rule 1: the first SIGINT or SIGTERM cancels the run, and ``finally`` still happens; the second leaves at once.
Rule 2: leaving at once still ends what runs: everything is cancelled hard, the commands' process groups are
        killed, and whatever does not give way within LEAVE_SECONDS is left behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import trio

from treadle import RunState, open_engine
from treadle._cli import terminal
from treadle._cli.program import INTERRUPTED
from treadle.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle import Run, Workflow
    from treadle._cli.sources import Project
    from treadle._settings import Settings

LEAVE_SECONDS = 1.0

_SAID = {
    signal.SIGINT: "interrupted: cancelling the run; once more to leave at once",
    signal.SIGTERM: "terminated: cancelling the run (nothing could resume it); once more to leave at once",
}


@attrs.define(eq=False, repr=False)
class Ended:
    """How a run ended: its result, None if it was left at once; and whether an interrupt asked for that."""

    result: RunState | None = None
    interrupted: bool = False


async def drive(
    workflow: Workflow,
    inputs: Mapping[str, Any],
    project: Project,
    sinks: Sequence[Settings[Any]],
    asks: bool,
) -> Ended:
    """Run *workflow* to its end."""
    ended = Ended()
    deployment = project.deployment
    with (
        trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals,
        trio.CancelScope() as everything,
    ):
        async with open_engine(
            sinks=sinks,
            registry=project.registry,
            limits=deployment.limits,
            limiters=deployment.limiters,
            secrets=deployment.secrets,
        ) as engine:
            run = await engine.start(workflow, inputs=inputs)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_heed, signals, run, ended, everything)
                if asks:
                    from treadle._cli.ask import answer

                    nursery.start_soon(answer, run)
                ended.result = await run.wait()
                nursery.cancel_scope.cancel()
    return ended


async def _heed(signals: Any, run: Run, ended: Ended, everything: trio.CancelScope) -> None:
    """Cancel the run at the first signal; at the second, everything."""
    asked = False
    async for number in signals:
        if asked:
            ended.interrupted = True
            _leave()
            everything.cancel()
            return
        asked = True
        ended.interrupted = number == signal.SIGINT
        terminal.say(f"treadle: {_SAID[number]}")
        try:
            await run.cancel(reason="interrupted" if ended.interrupted else "terminated")
        except Refused as error:
            terminal.say(f"treadle: {error}; once more to leave at once")


def _leave() -> None:
    """End every command, and the process too if it takes long."""
    timer = threading.Timer(LEAVE_SECONDS, os._exit, args=(INTERRUPTED,))
    timer.daemon = True
    timer.start()
    for child in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # every command leads a group of its own


def _children() -> list[int]:
    """Ids of our child processes, where the system tells."""
    if sys.platform != "linux":
        return []
    found: list[int] = []
    with contextlib.suppress(OSError):
        for listed in Path("/proc/self/task").glob("*/children"):
            found += map(int, listed.read_text().split())
    return found
