"""Events to sinks, each behind a queue of its own.

Rule 1: `publish` never waits: a sink that is slow, stuck or broken touches no run and no other sink.
Rule 2: a sink's queue holds at most `QUEUE` events. What does not fit is not lost: the queue remembers where
each run went on without it, and reads that from the run's journal once there is room. Only what is
live, or belongs to a run that has been forgotten meanwhile, is dropped; that is counted and logged.
Rule 3: within a run, a sink gets events in order and without a gap, unless rule 2 counted one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import trio

from treadle.errors import EngineFault
from treadle.events import Event

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from treadle._kinds import Send

QUEUE = 10_000
"""Events a sink may be behind before they are read from the journal again."""

BATCH = 500
"""Events handed to a sink at once, at most."""

_log = logging.getLogger("treadle.sinks")

History = Callable[[str], Sequence[Event] | None]
"""From a run's id to its journaled events; None if the run has been forgotten."""


class SinkQueue:
    """What one sink has still to be given."""

    def __init__(self, name: str, history: History) -> None:
        self.name = name
        self.lost = 0
        self._send: Send | None = None
        self._history = history
        self._queue: deque[Event] = deque()
        self._behind: dict[str, tuple[int, int]] = {}  # by run: first and last seq that did not fit
        self._failures = 0
        self._wake = trio.Event()
        self._closing = False
        self._over = False

    async def serve(
        self, opening: AbstractAsyncContextManager[Send], *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Open the sink, give it what comes, close it. What it raises before it is open is the caller's."""
        try:
            async with opening as self._send:
                task_status.started()
                await self.deliver()
        except Exception:
            if self._send is None:
                raise
            _log.exception("sink %s broke and gets no more events; its runs go on", self.name)
        finally:
            self._over = True

    def publish(self, event: Event) -> None:
        """Queue *event*; where there is no room, remember only that it is missing."""
        if self._over:
            self.lost += 1
        elif event.run in self._behind and event.seq is not None:
            self._behind[event.run] = (self._behind[event.run][0], event.seq)
        elif len(self._queue) < QUEUE:
            self._queue.append(event)
        elif event.seq is not None:
            self._behind[event.run] = (event.seq, event.seq)
        else:
            self.lost += 1
        self._wake.set()

    async def deliver(self) -> None:
        """Give the sink what comes, until `close` and nothing is left."""
        while True:
            batch = self._next()
            if batch:
                await self._give(batch)
            elif self._closing:
                return
            else:
                self._wake = trio.Event()
                await self._wake.wait()

    def close(self) -> None:
        """Nothing more will be published."""
        self._closing = True
        self._wake.set()

    @property
    def left(self) -> int:
        """Events not yet given."""
        return len(self._queue) + sum(last - first + 1 for first, last in self._behind.values())

    def _next(self) -> list[Event]:
        if self._queue:
            return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        while self._behind:
            if batch := self._reread(next(iter(self._behind))):
                return batch
        return []

    def _reread(self, run: str) -> list[Event]:
        first, last = self._behind.pop(run)
        history = self._history(run)
        if history is None:
            self.lost += last - first + 1
            _log.warning(
                "sink %s was too slow: %d events of run %s are lost to it", self.name, last - first + 1, run
            )
            return []
        batch = list(history[first - 1 : min(last, first - 1 + BATCH)])
        if first - 1 + len(batch) < last:
            self._behind[run] = (first + len(batch), last)
        return batch

    async def _give(self, batch: list[Event]) -> None:
        if self._send is None:
            raise EngineFault("a sink was given events before it was open")
        try:
            await self._send(batch)
        except Exception:
            self._failures += 1
            self.lost += len(batch)
            if self._failures in (1, 10, 100) or not self._failures % 1000:
                _log.exception("sink %s failed (%d times so far); its runs go on", self.name, self._failures)


class Bus:
    """All sinks of an engine."""

    def __init__(self) -> None:
        self._queues: list[SinkQueue] = []

    @property
    def silent(self) -> bool:
        """Whether there is no sink."""
        return not self._queues

    def add(self, queue: SinkQueue) -> None:
        """Publish to *queue* as well."""
        self._queues.append(queue)

    def publish(self, event: Event) -> None:
        """Hand *event* to every sink's queue."""
        for queue in self._queues:
            queue.publish(event)

    def close(self) -> None:
        """Let every queue run dry."""
        for queue in self._queues:
            queue.close()

    def unfinished(self) -> list[tuple[str, int]]:
        """Sinks that have events left, and how many."""
        return [(queue.name, queue.left) for queue in self._queues if queue.left]
