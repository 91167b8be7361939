"""A run as it stands in the store: one that another process drives, or nobody, or that has ended.

Rule: nothing here touches the run but by requests, which whoever drives it answers.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.handle import Run
from treadle._engine.owner import is_driven
from treadle._kinds.store import Request
from treadle._records import decode
from treadle._state import RunState
from treadle.errors import Refused
from treadle.events import SETTLINGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from treadle._kinds.store import RunInfo, StoreConnection
    from treadle.events import Event, Resolve, RunStatus

POLL_SECONDS = 0.1
"""How often the store is asked whether anything has changed."""

CHUNK = 500
"""Records read and decoded at once, so that a long journal does not hold up everything else."""


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

    def state(self) -> RunState:
        return RunState.fold(self._events)

    async def read(self) -> None:
        """Read what has happened since the last time; others may be reading meanwhile."""
        changes = await self._store.changes()
        info = await self._store.info(self.id)
        while records := await self._store.load(self.id, after=len(self._events), limit=CHUNK):
            for record in records:
                if record.seq == len(self._events) + 1:
                    self._events.append(decode(record, info))
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

    # --- commands ---

    async def pause(self, *, by: str | None = None) -> None:
        await self._ask("pause", {}, by)

    async def resume(self, *, by: str | None = None) -> None:
        await self._ask("resume", {}, by)

    async def cancel(
        self, reason: str | None = None, *, rollback: bool = False, by: str | None = None
    ) -> None:
        await self._ask("cancel", {"reason": reason, "rollback": rollback}, by)

    async def resolve(
        self, path: str, decision: Resolve | str, *, output: Any = None, by: str | None = None
    ) -> None:
        given = {} if output is None else {"output": output}
        await self._ask("resolve", {"step": path, "decision": str(decision), **given}, by)

    async def approve(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        comment: str | None = None,
        by: str | None = None,
    ) -> None:
        await self._ask("approve", {"step": path, "fields": dict(fields or {}), "comment": comment}, by)

    async def reject(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        comment: str | None = None,
        by: str | None = None,
    ) -> None:
        await self._ask("reject", {"step": path, "fields": dict(fields or {}), "comment": comment}, by)

    async def signal(self, name: str, payload: Any = None, *, by: str | None = None) -> None:
        await self._ask("signal", {"name": name, "payload": payload}, by)

    async def _ask(self, command: str, arguments: Mapping[str, Any], by: str | None) -> None:
        await self.read()
        if self.status.ended:
            raise Refused(command, str(self.status), "it has ended")
        request = Request(
            id=uuid.uuid4().hex,
            run=self.id,
            command=command,
            arguments=dict(arguments),
            by=by or "another process",
            time=self._now(),
        )
        await self._store.ask(request)
        answer = await self._answer(request.id)
        await self.read()
        if answer is None and self.status.ended:  # just before it was asked
            raise Refused(command, str(self.status), "it has ended")
        if answer is not None and answer["answer"] == "refused":
            raise Refused(command, answer.get("state", str(self.status)), answer.get("why", "it was refused"))

    async def _answer(self, request: str) -> Mapping[str, Any] | None:
        """The answer, once it is there; None where nobody drives the run, so that there will be none now."""
        while True:
            changes = await self._store.changes()
            asked = await self._store.asked(request)
            if asked is None or asked.answer is not None:
                return None if asked is None else asked.answer
            if not is_driven(await self._store.info(self.id), self._now()):
                return None
            with trio.move_on_after(1.0):  # somebody may die without a change
                while await self._store.changes() == changes:  # noqa: ASYNC110  others write
                    await trio.sleep(POLL_SECONDS)
