"""``treadle run --detach``: accept a run, and have it driven by a process of its own in the background.

Rule: the run is in the store before anything else happens, so that it is never lost: whatever becomes of this
process or of the other, `treadle resume` goes on with it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import trio

from treadle import open_engine
from treadle._cli import terminal
from treadle._cli.drive import driven
from treadle._cli.program import BROKEN, Complaint
from treadle._engine.owner import is_driven
from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from treadle import Workflow
    from treadle._cli.sources import Project
    from treadle._kinds.store import RunInfo, StoreConnection

BEGIN_SECONDS = 10.0
"""How long the other process may take until it drives the run."""

POLL_SECONDS = 0.05
LAST_LINES = 10


def detached(
    workflow: Workflow, inputs: Mapping[str, Any], key: str | None, project: Project, *, as_json: bool
) -> int:
    """Accept a run of *workflow*, start what drives it, and print its id; the exit code."""
    if project.store == "memory":
        raise Complaint("--detach needs a store that outlives this process; leave `store: memory` out")

    async def accepted() -> int:
        deployment = project.deployment
        async with open_engine(
            store=project.store,
            recover=False,
            registry=project.registry,
            limits=deployment.limits,
            limiters=deployment.limiters,
        ) as engine:
            run = await engine.accept(workflow, inputs, key=key)
            info = await engine.store.info(run.id)
            log = None
            if not info.status.ended and not is_driven(info, time.time()):
                log = log_of(project, info.id)
                info = await _started(engine.store, info, log)
            return _told(info, log, as_json=as_json)

    return driven(accepted)


def log_of(project: Project, run_id: str) -> Path:
    """Where the process in the background writes what it says."""
    return project.folder / ".treadle" / "logs" / f"{run_id}.log"


async def _started(store: StoreConnection, info: RunInfo, log: Path) -> RunInfo:
    """Start the process that drives the run; its info once it does, or once it is clear that it does not."""
    process = _background(info.id, log)
    with trio.move_on_after(BEGIN_SECONDS):
        while process.poll() is None and not info.status.ended and not is_driven(info, time.time()):
            await trio.sleep(POLL_SECONDS)
            info = await store.info(info.id)
    if process.returncode is None:
        process.returncode = 0  # it is left to itself, and nobody here waits for it
    return await store.info(info.id)


def _background(run_id: str, log: Path) -> subprocess.Popen[bytes]:
    """A process that drives the run: in a session of its own, so that no terminal's end reaches it."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log.touch(mode=0o600)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "treadle", "resume", "--stay", run_id],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _told(info: RunInfo, log: Path | None, *, as_json: bool) -> int:
    going = info.status.ended or is_driven(info, time.time())
    shown = None if log is None else str(log)
    if as_json:
        told = {"run": info.id, "workflow": info.workflow, "status": str(info.status), "log": shown}
        terminal.out_json(told, indent=None)
    else:
        terminal.out(info.id)
    if going:
        terminal.say(printable(f"treadle: see: treadle events {info.id} --follow"))
        return 0
    for line in _end_of(log):
        terminal.say(printable(f"  | {line}"))
    terminal.say(
        printable(
            f"treadle: run {info.id} is accepted, and the process that was to drive it did not begin"
            f" (log: {shown}); go on with: treadle resume {info.id}"
        )
    )
    return BROKEN


def _end_of(log: Path | None) -> list[str]:
    try:
        return [] if log is None else log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    except OSError:
        return []
