"""Events for a person at a terminal, on standard error: a live tree, or plain lines.

Rule 1: the terminal is written to in a worker thread: one that is stuck holds no run.
Rule 2: rich is imported only where there is a live tree.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, TextIO

import attrs

from treadle.plugin import Send, Sink, hookimpl
from treadle_std.sinks._story import Story

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from treadle.events import Event
    from treadle_std.sinks._live import Display
    from treadle_std.sinks._tree import Tree

_DRAW_EVERY = 0.2  # seconds
_KEPT_ABOVE = frozenset({"step.failed", "step.tolerated", "step.undo_failed"})
"""What stays on the terminal above a live tree, besides the lines of the runs themselves."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConsoleSink:
    """Shows on standard error what runs do.

    Colour is left out where ``NO_COLOR`` is set.

    Args:
      style: ``live``, a tree of what goes on, with progress; ``plain``, a line for each thing that
        happens, with the last output of what failed; ``auto``, ``live`` on a terminal that can show it,
        else ``plain``.

    Example:
      ``sinks: [{console: plain}]``
    """

    style: Literal["auto", "live", "plain"] = "auto"


def is_live(config: ConsoleSink, stream: TextIO) -> bool:
    """Whether to draw a tree on *stream*."""
    if config.style != "auto":
        return config.style == "live"
    able = os.environ.get("TERM", "") not in ("", "dumb")
    unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
    return stream.isatty() and able and unicode


@asynccontextmanager
async def open_console(config: ConsoleSink) -> AsyncIterator[Send]:
    """What is yielded shows a batch."""
    opened = _live if is_live(config, sys.stderr) else _plain
    async with opened(sys.stderr) as send:
        yield send


@asynccontextmanager
async def _plain(stream: TextIO) -> AsyncIterator[Send]:
    import trio

    limiter = trio.CapacityLimiter(1)
    story = Story()

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    async def send(events: Sequence[Event]) -> None:
        text = "".join(f"{line}\n" for event in events for line in story.lines(event))
        if text:
            shown = text.encode(stream.encoding or "utf-8", "backslashreplace").decode(
                stream.encoding or "utf-8"
            )
            await trio.to_thread.run_sync(write, shown, limiter=limiter)

    yield send


@asynccontextmanager
async def _live(stream: TextIO) -> AsyncIterator[Send]:
    import trio

    from treadle_std.sinks._live import Display
    from treadle_std.sinks._tree import Tree

    screen = _Screen(Tree(), Display(stream))
    # A nursery around the yield is sound here: this is entered and left by one task, as a context manager.
    async with trio.open_nursery() as drawing:
        drawing.start_soon(screen.keep_drawing, name="console sink")
        try:
            yield screen.send
        finally:
            drawing.cancel_scope.cancel()  # the console closes
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await screen.close()


class _Screen:
    """The tree, the lines that are still to be printed above it, and the display of both."""

    def __init__(self, tree: Tree, display: Display) -> None:
        import trio

        self._tree = tree
        self._display = display
        self._story = Story()
        self._lines: list[Any] = []
        self._changed = False
        self._limiter = trio.CapacityLimiter(1)

    async def send(self, events: Sequence[Event]) -> None:
        """Take in a batch. It is drawn with the next tick; at once if a person is asked or a run ended."""
        was_waiting = self._tree.waiting
        ended = False
        for event in events:
            self._tree.apply(event)
            lines = list(self._story.lines(event))
            if event.type in _KEPT_ABOVE:
                self._lines += lines
            ended |= self._show_ended(lines)
        self._changed = True
        if ended or self._tree.waiting is not was_waiting:
            await self._draw()

    def _show_ended(self, lines: Sequence[str]) -> bool:
        """Print the last tree of each run that has just ended, then *lines*."""
        from treadle_std.sinks._live import drawn
        from treadle_std.sinks._tree import rows_of

        ended = self._tree.take_ended()
        for run in ended:
            self._lines += [drawn(row, time.time()) for row in rows_of(run)]
            self._lines += lines
        return bool(ended)

    async def keep_drawing(self) -> None:
        """Draw now and then, as long as there is something to see."""
        import trio

        while True:
            await trio.sleep(_DRAW_EVERY)
            if self._changed or self._tree.rows(1):
                await self._draw()

    async def _draw(self) -> None:
        from treadle_std.sinks._live import drawn

        self._changed = False
        lines, self._lines = self._lines, []
        # While a person is asked, the terminal is theirs.
        rows = [] if self._tree.waiting else self._tree.rows(self._display.height)
        now = time.time()
        await self._in_thread(self._display.draw, lines, [drawn(row, now) for row in rows])

    async def close(self) -> None:
        """Print what is left, and leave the terminal as it was."""
        await self._in_thread(self._display.draw, self._lines, [])

    async def _in_thread(self, work: Callable[..., None], *args: Any) -> None:
        import trio

        await trio.to_thread.run_sync(work, *args, limiter=self._limiter)


@hookimpl
def treadle_event_sinks() -> Iterable[Sink[Any]]:
    """``console``."""
    return [Sink(name="console", config=ConsoleSink, open=open_console, main="style")]
