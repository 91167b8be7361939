"""Requests to runs, given from a terminal: who asks, and how the answer is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from treadle._cli import terminal
from treadle._cli.phrases import driver, spaced
from treadle._cli.program import BROKEN, WRONG
from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._kinds.store import RunInfo, StoreConnection

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
    from treadle._engine import asking

    reply = await asking.ask(
        store, info, command, arguments, by=asker(), now=time.time, patience=ANSWER_SECONDS
    )
    if reply.answer is not None:
        return reply.answer
    pending = {"answer": PENDING, "state": str(reply.info.status)}
    return {**pending, "driver": driver(reply.info, time.time())} if reply.late else pending


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
