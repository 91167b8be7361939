"""Driving one run to its end while signals and a person's answers come in.

Rule 1: the first SIGINT, SIGTERM or SIGHUP cancels the run, and ``finally`` still happens; the second leaves
        at once, also while sinks open or are given what is left for them.
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

from treadle import Run, RunState, open_engine
from treadle._cli import terminal
from treadle._cli.program import INTERRUPTED
from treadle.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle import Workflow
    from treadle._cli.sources import Project
    from treadle._settings import Settings

LEAVE_SECONDS = 1.0

_SAID = {
    signal.SIGINT: "interrupted: cancelling the run; once more to leave at once",
    signal.SIGTERM: "terminated: cancelling the run (nothing could resume it); once more to leave at once",
    signal.SIGHUP: "the terminal is gone: cancelling the run (nothing could resume it)",
}


@attrs.define(eq=False, repr=False)
class Ended:
    """How a run ended: its result, None if it was left at once; and whether an interrupt asked for that."""

    result: RunState | None = None
    interrupted: bool = False


@attrs.define(eq=False, repr=False)
class _Drive:
    """What signals act on: the run once it has been started, and everything but the heeding of signals."""

    ended: Ended
    everything: trio.CancelScope
    run: Run | None = None


async def drive(
    workflow: Workflow,
    inputs: Mapping[str, Any],
    project: Project,
    sinks: Sequence[Settings[Any]],
    asks: bool,
) -> Ended:
    """Run *workflow* to its end. Raises what opening the engine or starting the run raises."""
    error: Exception | None = None
    driven = _Drive(Ended(), trio.CancelScope())
    with trio.open_signal_receiver(*_heard()) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed, signals, driven)
            try:
                with driven.everything:
                    await _run(driven, workflow, inputs, project, sinks, asks)
            except Exception as raised:  # raised again outside the nursery, which would wrap it
                error = raised
            nursery.cancel_scope.cancel()
    if error is not None:
        raise error
    return driven.ended


def _heard() -> list[signal.Signals]:
    """The signals to heed. Who started us with SIGHUP ignored, as ``nohup`` does, wants us to outlive it."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in _SAID if not (ignored and number is signal.SIGHUP)]


async def _run(
    driven: _Drive,
    workflow: Workflow,
    inputs: Mapping[str, Any],
    project: Project,
    sinks: Sequence[Settings[Any]],
    asks: bool,
) -> None:
    deployment = project.deployment
    async with open_engine(
        sinks=sinks,
        registry=project.registry,
        limits=deployment.limits,
        limiters=deployment.limiters,
        secrets=deployment.secrets,
    ) as engine:
        driven.run = run = await engine.start(workflow, inputs=inputs)
        async with trio.open_nursery() as nursery:
            if asks:
                from treadle._cli.ask import answer

                nursery.start_soon(answer, run)
            driven.ended.result = await run.wait()
            nursery.cancel_scope.cancel()


async def _heed(signals: Any, driven: _Drive) -> None:
    """Cancel the run at the first signal; everything at the second, or where there is no run yet."""
    asked = False
    async for number in signals:
        if asked:
            driven.ended.interrupted = True
            _leave()
            driven.everything.cancel()
            return
        asked = True
        driven.ended.interrupted = number == signal.SIGINT
        terminal.say(f"treadle: {_SAID[number]}")
        if driven.run is None:
            driven.everything.cancel()
            continue
        try:
            await driven.run.cancel(reason="interrupted" if driven.ended.interrupted else "terminated")
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
