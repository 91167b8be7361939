"""A request to a run, left in the store for whoever drives it, and its answer.

Rule 1: nobody but its driver touches the run; a request that is written is kept, whatever becomes of us.
Rule 2: waiting for the answer ends when it is there, or when nobody drives the run any more: then the request
        stays, and takes effect when the run goes on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from treadle._cli import terminal
from treadle._cli.phrases import driver, spaced
from treadle._cli.program import BROKEN, WRONG
from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._kinds.store import Request, RunInfo, StoreConnection

POLL_SECONDS = 0.05
"""How often the store is asked whether anything has changed."""

LOOK_SECONDS = 0.5
"""How often it is looked whether the run still has a driver, although nothing has changed."""

ANSWER_SECONDS = 30.0
"""A driver that has not answered for so long is not waited for any more."""

PENDING = "pending"
"""The answer of a request that has none yet."""


def asker() -> str:
    """Who asks, for the journal: ``user@host``."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no such user in the system's list, as in some containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


async def ask(
    store: StoreConnection, info: RunInfo, command: str, arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Leave a request for whoever drives the run; ``{answer, why, state}`` once there is an answer.

    ``answer`` is `PENDING` where nobody drives the run, or whoever does has not answered in time.
    """
    import uuid

    from treadle._kinds.store import Request

    if info.status.ended:
        return _left(info)
    request = Request(
        id=str(uuid.uuid4()),
        run=info.id,
        command=command,
        arguments=dict(arguments),
        by=asker(),
        time=time.time(),
    )
    await store.ask(request)
    return await _answer(store, request)


async def _answer(store: StoreConnection, request: Request) -> Mapping[str, Any]:
    import trio

    from treadle._engine.owner import is_driven

    seen, looked, until = None, -LOOK_SECONDS, trio.current_time() + ANSWER_SECONDS
    while True:
        changes, now = await store.changes(), trio.current_time()
        if changes != seen or now - looked >= LOOK_SECONDS:
            seen, looked = changes, now
            info = await store.info(request.run)  # before the answer, which may come with the end of driving
            known = await store.asked(request.id)
            if known is not None and known.answer is not None:
                return known.answer
            if not is_driven(info, time.time()):
                return _left(info)
            if now >= until:
                return {"answer": PENDING, "state": str(info.status), "driver": driver(info, time.time())}
        await trio.sleep(POLL_SECONDS)


def _left(info: RunInfo) -> Mapping[str, Any]:
    """The answer where nobody drives the run: it may have ended just before it was asked."""
    if info.status.ended:
        return {"answer": "refused", "why": "it has ended", "state": str(info.status)}
    return {"answer": PENDING, "state": str(info.status)}


def show_answer(info: RunInfo, command: str, answer: Mapping[str, Any], *, as_json: bool) -> int:
    """Tell how the run answered; the exit code."""
    if as_json:
        told = {name: answer.get(name) for name in ("answer", "why", "state")}
        terminal.out_json({"run": info.id, "command": command, **told}, indent=None)
    terminal.say(printable(f"treadle: {_told(info, command, answer)}"))
    if answer["answer"] == "refused":
        return WRONG
    return BROKEN if answer.get("driver") else 0


def _told(info: RunInfo, command: str, answer: Mapping[str, Any]) -> str:
    state = spaced(answer.get("state", info.status))
    match answer["answer"]:
        case "accepted":
            return f"{command} accepted; run {info.id} is {state}"
        case "refused":
            return f"run {info.id} refused to {command}: {answer.get('why')} (state: {state})"
    if who := answer.get("driver"):
        return (
            f"run {info.id} is driven by {who}, which has not answered within {ANSWER_SECONDS:g} s;"
            f" the request to {command} is kept and takes effect once it does; see: treadle show {info.id}"
        )
    return (
        f"nobody drives run {info.id} now ({state}); the request to {command} is kept and takes"
        f" effect when the run goes on: treadle resume {info.id}"
    )
