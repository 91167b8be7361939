"""A run as it stands in the store: one that another process drives, or nobody, or that has ended.

Rule: nothing here touches the run but by requests, which whoever drives it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.asking import ask
from treadle._engine.handle import Run
from treadle._engine.owner import is_driven
from treadle._engine.reading import read_on
from treadle._state import RunState
from treadle.errors import Refused
from treadle.events import SETTLINGS, RunStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from treadle._kinds.store import RunInfo, StoreConnection
    from treadle.events import Event

POLL_SECONDS = 0.1
"""How often the store is asked whether anything has changed."""


class StoredRun(Run):
    """A run that this engine does not drive.

    What it tells without waiting is as of the last time that the store was read: when it was got, and by
    everything here that waits. Commands are left in the store for whoever drives the run, and answered
    there; where nobody does, they take effect when the run goes on.
    """

    def __init__(self, store: StoreConnection, info: RunInfo, now: Callable[[], float]) -> None:
        self._store = store
        self._info = info
        self._now = now
        self._events: list[Event] = []
        self._changes: int | None = None

    @property
    def id(self) -> str:
        return self._info.id

    @property
    def workflow(self) -> str:
        return self._info.workflow

    @property
    def status(self) -> RunStatus:
        return self._info.status

    @property
    def driven_here(self) -> bool:
        return False

    @property
    def questions(self) -> dict[str, str | None]:
        open_: dict[str, str | None] = {}
        for event in self._events:
            if event.type in ("step.waiting", "step.unknown"):
                open_[event.step or ""] = event.data.get("prompt")
            elif event.type in ("step.resolved", *SETTLINGS):
                open_.pop(event.step or "", None)
        return open_

    @property
    def stands(self) -> bool:
        return self.status is RunStatus.WAITING

    @property
    def has_driver(self) -> bool:
        """Whether a process drives it."""
        return is_driven(self._info, self._now())

    def state(self) -> RunState:
        return RunState.fold(self._events)

    async def read(self) -> None:
        """Read what has happened since the last time; others may be reading meanwhile."""
        changes = await self._store.changes()
        info = await self._store.info(self.id)
        await read_on(self._store, info, self._events)
        self._info = info
        self._changes = changes

    async def _changed(self) -> None:
        """Wait until anything has changed in the store, and read on."""
        before = self._changes
        while self._changes == before and await self._store.changes() == before:  # noqa: ASYNC110  others write
            await trio.sleep(POLL_SECONDS)
        if self._changes == before:
            await self.read()

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        seen = after
        while True:
            while seen < len(self._events):
                seen += 1
                yield self._events[seen - 1]
            if self.status.ended and len(self._events) >= self._info.seq:
                return
            await self._changed()

    async def ended(self) -> None:
        while not self.status.ended:
            await self._changed()

    async def wait(self) -> RunState:
        await self.ended()
        return self.state()

    async def _command(self, name: str, arguments: Mapping[str, Any], by: str | None) -> None:
        await self.read()
        asker = by or "another process"
        reply = await ask(self._store, self._info, name, arguments, by=asker, now=self._now)
        await self.read()
        answer = reply.answer
        if answer is None and self.status.ended:  # just before it was asked
            raise Refused(name, str(self.status), "it has ended")
        if answer is not None and answer["answer"] == "refused":
            raise Refused(name, answer.get("state", str(self.status)), answer.get("why", "it was refused"))
