"""Asking a person on the terminal what becomes of a step that waits.

Rule: nothing here runs in a thread. A terminal hands over whole lines, so waiting until it is readable is
enough, and a question that is settled meanwhile can simply be dropped.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import trio

from treadle import Run
from treadle._cli import terminal
from treadle._cli.requests import asker
from treadle._inputs import check_value, input_from_data, parse_input
from treadle.errors import RecordError, Refused, StoreError, printable
from treadle.events import SETTLINGS, Event, Resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle import Engine

ABSENT: Any = object()
"""For a field that is not filled in."""


_Key: TypeAlias = "tuple[str, str]"
"""A run's id, and the path of a step in it."""


@attrs.define
class _Open:
    """Questions that wait for an answer, oldest first.

    Attributes:
      followed: ids of the runs whose questions are put here.
    """

    events: dict[_Key, tuple[Run, Event]] = attrs.field(factory=dict)
    asking: _Key | None = None
    scope: trio.CancelScope | None = None
    changed: trio.Event = attrs.field(factory=trio.Event)
    followed: set[str] = attrs.field(factory=set)

    def add(self, run: Run, event: Event) -> None:
        if event.step is not None:
            self.events[run.id, event.step] = run, event
            self.changed.set()

    def drop(self, run: Run, path: str | None) -> None:
        """The question about *path* is settled; stop asking it."""
        key = run.id, path or ""
        self.events.pop(key, None)
        if path is not None and key == self.asking and self.scope is not None:
            self.scope.cancel()


async def answer(run: Run, engine: Engine | None, *, leaves: bool = False) -> None:
    """Put each question of *run*, and of runs it waits for, to the person here, one at a time, to its end.

    Returns as well once nobody will type any more; *leaves*: this program will not wait for others to answer.
    """
    waiting = _Open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_ask_all, run, waiting, _Lines(), leaves, nursery.cancel_scope)
        await _follow(run, engine, waiting, nursery)
        nursery.cancel_scope.cancel()


async def _follow(run: Run, engine: Engine | None, waiting: _Open, nursery: trio.Nursery) -> None:
    """Take up the questions of *run*, and follow each run for which it asks a person to see to that."""
    waiting.followed.add(run.id)
    async for event in run.events():
        if event.type in _ASKED:
            called = await _asking_itself(event, engine)
            if called is None:
                waiting.add(run, event)
            elif called.id not in waiting.followed:
                nursery.start_soon(_follow_called, called, engine, waiting, nursery)
        elif event.type == "step.resolved" or (event.step and event.type in SETTLINGS):
            waiting.drop(run, event.step)


async def _follow_called(run: Run, engine: Engine | None, waiting: _Open, nursery: trio.Nursery) -> None:
    with suppress(StoreError, RecordError):  # it is lost here, which its caller sees to, and asks again
        await _follow(run, engine, waiting, nursery)
    waiting.followed.discard(run.id)


_ASKED = ("step.waiting", "step.unknown")


async def _asking_itself(event: Event, engine: Engine | None) -> Run | None:
    """The called run that asks, where *event* only says that one does."""
    data = event.data
    if engine is None or data.get("for") != "workflow" or data.get("decisions"):
        return None
    return None if data.get("status") == "paused" else await engine.find(data["run"])


async def _ask_all(
    run: Run, waiting: _Open, lines: _Lines, leaves: bool, everything: trio.CancelScope
) -> None:
    while not lines.ended:
        if not waiting.events:
            waiting.changed = trio.Event()
            await waiting.changed.wait()
            continue
        waiting.asking, (asks, event) = next(iter(waiting.events.items()))
        with trio.CancelScope() as waiting.scope:
            if asks is not run:
                terminal.say(printable(f"run {asks.id} of {asks.workflow}:"))
            await _ask(asks, event.step or "", event, lines)
        waiting.events.pop(waiting.asking, None)
        waiting.asking = None
    then = "this leaves the run" if leaves else "what waits goes on at its timeout, Ctrl-C cancels the run"
    terminal.say(f"treadle: no more answers here; {then}")
    everything.cancel()


async def _ask(run: Run, path: str, event: Event, lines: _Lines) -> None:
    from treadle._cli.history import answers, asks

    terminal.say(printable(asks(event)))
    if event.data.get("for") == "signal":
        terminal.say(printable(f"  it is sent from another terminal: {answers(event)[0]}"))
        return
    if event.data.get("for") == "workflow" and not event.data.get("decisions"):
        terminal.say(printable(f"  it is answered from another terminal: {answers(event)[0]}"))
        return
    answered = _approval if event.data.get("for") == "approval" else _decision
    while not lines.ended:
        try:
            if await answered(run, path, event, lines):
                return
        except Refused as error:
            terminal.say(printable(str(error)))


async def _decision(run: Run, path: str, event: Event, lines: _Lines) -> bool:
    """Whether a decision was taken."""
    word = await _choice("decision", event.data.get("decisions") or list(Resolve), lines)
    if word is None:
        return False
    output = await _output(lines) if word == Resolve.COMPLETE else None
    await run.resolve(path, word, output=output, by=asker())
    return True


async def _approval(run: Run, path: str, event: Event, lines: _Lines) -> bool:
    """Whether it was approved or rejected."""
    word = await _choice("answer", ("approve", "reject"), lines)
    if word is None:
        return False
    if word == "reject":
        await run.reject(path, by=asker())
        return True
    fields = {}
    for name, declared in (event.data.get("fields") or {}).items():
        value = await _field(name, declared, lines)
        if value is not ABSENT:
            fields[name] = value
    if lines.ended:
        return False
    await run.approve(path, fields, by=asker())
    return True


async def _choice(what: str, words: Sequence[str], lines: _Lines) -> str | None:
    """One of *words*; None where nobody types any more."""
    allowed = ", ".join(words)
    while True:
        word = await lines.next(f"{what} ({allowed}): ")
        if word is None:
            return None
        fitting = [each for each in words if word and each.startswith(word.lower())]
        if len(fitting) == 1:
            return str(fitting[0])
        terminal.say(f"write one of: {allowed}; the first letters are enough")


async def _field(name: str, declared: Mapping[str, Any], lines: _Lines) -> Any:
    """What the person fills in; `ABSENT` for what is left to its default."""
    wanted = input_from_data(name, declared)
    if wanted.description:
        terminal.say(printable(f"  {wanted.description}"))
    optional = "" if wanted.required else f", empty for {json.dumps(wanted.default, ensure_ascii=False)}"
    while True:
        text = await lines.next(printable(f"{name} ({wanted.type}{optional}): "))
        if text is None or (not text and not wanted.required):
            return ABSENT
        try:
            value = parse_input(wanted, text)
        except ValueError as error:
            terminal.say(printable(str(error)))
            continue
        _, problems = check_value(wanted, value, name)
        if not problems:
            return value
        for problem in problems:
            terminal.say(str(problem))


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
