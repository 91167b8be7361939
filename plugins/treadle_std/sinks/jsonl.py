"""Events as JSON, one a line, appended to a file.

Rule 1: a batch is one write, from a worker thread: a slow file system slows no run.
Rule 2: a line is whole or broken by a failed write, and the next line starts on its own.
Rule 3: only regular files: to write to a pipe may take for ever, and nothing can end a thread that waits.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs import validators as v

from treadle.events import Event
from treadle.plugin import Send, Sink, hookimpl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Jsonl:
    """Appends every event to a file, as one line of JSON.

    A file that does not exist is made with mode 0600. Several engines may append to one file. What is no
    regular file (a named pipe, a device) is refused.

    Args:
      path: the file; its directory must exist.
      format: ``treadle``, the envelope as the events reference has it, or ``cloudevents``, CloudEvents 1.0.
      live: also write what is not in the journal: output as it comes, heartbeats, log lines.

    Raises:
      ValueError: *path* is empty.
      OSError: when the engine opens, and the file cannot be.

    Example:
      ``sinks: [{jsonl: {path: events.jsonl, format: cloudevents}}]``
    """

    path: str = attrs.field(validator=v.min_len(1))
    format: Literal["treadle", "cloudevents"] = "treadle"
    live: bool = False


class _File:
    """An open file that lines are appended to."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._torn = False  # the last write failed, perhaps within a line

    def append(self, lines: bytes) -> None:
        """Write *lines* and hand them to the operating system. Blocks."""
        left = memoryview(b"\n" + lines if self._torn else lines)
        self._torn = True
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._torn = False


def encoded(events: Iterable[Event], config: Jsonl) -> bytes:
    """The lines for *events*; ASCII only, so that no character in one can end a line or break an encoding."""
    chosen = (event for event in events if config.live or event.seq is not None)
    shape = Event.to_cloudevent if config.format == "cloudevents" else Event.to_data
    return b"".join(json.dumps(shape(event), separators=(",", ":")).encode() + b"\n" for event in chosen)


def _opened(path: str) -> int:
    """A descriptor that appends to *path*. Raises OSError; blocks no longer than the file system does."""
    flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    refusal = OSError(errno.EINVAL, "is no regular file; jsonl appends to files only", path)
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as exc:
        raise refusal if exc.errno == errno.ENXIO else exc from None  # a pipe that nobody reads, or a socket
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise refusal
    return descriptor


@asynccontextmanager
async def open_jsonl(config: Jsonl) -> AsyncIterator[Send]:
    """Open the file; what is yielded appends a batch."""
    import trio

    limiter = trio.CapacityLimiter(1)
    descriptor = await trio.to_thread.run_sync(_opened, config.path, limiter=limiter)
    file = _File(descriptor)

    def write(events: Sequence[Event]) -> None:
        if lines := encoded(events, config):
            file.append(lines)

    async def send(events: Sequence[Event]) -> None:
        await trio.to_thread.run_sync(write, events, limiter=limiter)

    try:
        yield send
    finally:
        os.close(descriptor)


@hookimpl
def treadle_event_sinks() -> Iterable[Sink[Any]]:
    """``jsonl``."""
    return [Sink(name="jsonl", config=Jsonl, open=open_jsonl, main="path")]
