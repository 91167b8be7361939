"""Asking a person on the terminal what becomes of a step that waits.

Rule: nothing here runs in a thread. A terminal hands over whole lines, so waiting until it is readable is
enough, and a question that is settled meanwhile can simply be dropped.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import attrs
import trio

from treadle._cli import terminal
from treadle.errors import Refused, printable
from treadle.events import ENDS, Event, Resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from treadle import Run


@attrs.define
class _Open:
    """Questions that wait for an answer, oldest first."""

    events: dict[str, Event] = attrs.field(factory=dict)
    asking: str | None = None
    scope: trio.CancelScope | None = None
    changed: trio.Event = attrs.field(factory=trio.Event)

    def add(self, event: Event) -> None:
        if event.step is not None:
            self.events[event.step] = event
            self.changed.set()

    def drop(self, path: str | None) -> None:
        """The question about *path* is settled; stop asking it."""
        self.events.pop(path or "", None)
        if path is not None and path == self.asking and self.scope is not None:
            self.scope.cancel()


async def answer(run: Run) -> None:
    """Ask for each decision that *run* waits for, one at a time, until the run ends."""
    waiting = _Open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_ask_all, run, waiting, _Lines())
        async for event in run.events():
            if event.type == "step.waiting":
                waiting.add(event)
            elif event.type == "step.resolved" or (event.step and event.type.startswith(_SETTLED)):
                waiting.drop(event.step)
            elif event.type in ENDS:
                nursery.cancel_scope.cancel()


_SETTLED = ("step.completed", "step.failed", "step.cancelled")


async def _ask_all(run: Run, waiting: _Open, lines: _Lines) -> None:
    while not lines.ended:
        if not waiting.events:
            waiting.changed = trio.Event()
            await waiting.changed.wait()
            continue
        waiting.asking, event = next(iter(waiting.events.items()))
        with trio.CancelScope() as waiting.scope:
            await _ask(run, waiting.asking, event, lines)
        waiting.events.pop(waiting.asking, None)
        waiting.asking = None
    terminal.say("treadle: no more answers here; what waits goes on at its timeout, Ctrl-C cancels the run")


async def _ask(run: Run, path: str, event: Event, lines: _Lines) -> None:
    for line in _question(path, event):
        terminal.say(printable(line))
    while True:
        decision = await _decision(lines, event.data.get("decisions") or list(Resolve))
        if decision is None:
            return
        output = await _output(lines) if decision is Resolve.COMPLETE else None
        try:
            await run.resolve(path, decision, output=output)
        except Refused as error:
            terminal.say(printable(str(error)))
        else:
            return


def _question(path: str, event: Event) -> Iterator[str]:
    yield f"step {path} waits for a decision"
    error = event.data.get("error")
    if isinstance(error, dict):
        yield f"  it failed: {error.get('name')}: {error.get('message')}"
    if event.data.get("prompt"):
        yield f"  {event.data['prompt']}"


async def _decision(lines: _Lines, allowed: Sequence[str]) -> Resolve | None:
    words = ", ".join(allowed)
    while True:
        word = await lines.next(f"decision ({words}): ")
        if word is None:
            return None
        fitting = [each for each in allowed if word and each.startswith(word.lower())]
        if len(fitting) == 1:
            return Resolve(fitting[0])
        terminal.say(f"write one of: {words}; the first letters are enough")


async def _output(lines: _Lines) -> Any:
    while True:
        text = await lines.next("its output, as JSON (empty for null): ")
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            terminal.say(f"that is not JSON: {error}")


class _Lines:
    """Lines that a person types."""

    def __init__(self) -> None:
        self.ended = False
        self._typed = b""
        self._lines: deque[str] = deque()

    async def next(self, prompt: str) -> str | None:
        """The next line after *prompt*; None once there will be no more."""
        terminal.prompt(prompt)
        while not self._lines and not self.ended:
            await trio.lowlevel.wait_readable(sys.stdin.fileno())
            self._read()
        return self._lines.popleft() if self._lines else None

    def _read(self) -> None:
        chunk = os.read(sys.stdin.fileno(), 65536)
        self.ended = not chunk
        *lines, self._typed = (self._typed + chunk).split(b"\n")
        self._lines.extend(line.decode(errors="replace").strip() for line in lines)
