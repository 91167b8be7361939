"""What is asked, through the store, of the runs that this engine drives.

Rule 1: a request is applied, then durable, then answered: a crash in between leaves it to be applied again,
and the run knows by the request's id that it was.
Rule 2: requests of one run are taken in the order in which they were made. One about a step of a run that has
just been taken over waits until the step asks its question again.
Rule 3: without a change in the store nothing is read but the number that says so.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from treadle._engine import control
from treadle.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from treadle._engine.run import Run
    from treadle._engine.store_journal import StoreJournal
    from treadle._kinds.store import Request, StoreConnection

POLL_SECONDS = 0.2

SETTLING_SECONDS = 1.0
"""How long a run that was taken over may take until its steps ask their questions again."""

_log = logging.getLogger("treadle.store")


class Inbox:
    """Applies requests to runs, and answers them."""

    def __init__(self, store: StoreConnection, journal: StoreJournal) -> None:
        self._store = store
        self._journal = journal
        self._live: dict[str, Run] = {}
        self._ended: dict[str, Run] = {}
        self._settling: dict[str, float] = {}  # runs just taken over, and until when they may settle
        self._taken: set[str] = set()  # requests that are being answered
        self._seen: int | None = None
        self._anybody = trio.Event()
        self._closed = False

    # --- whose requests ---

    def add(self, run: Run) -> None:
        """Take requests of *run*, which is being driven from now on."""
        self._live[run.id] = run
        if run.past is not None:
            self._settling[run.id] = trio.current_time() + SETTLING_SECONDS
        self._anybody.set()

    def remove(self, run: Run) -> None:
        """*run* is not driven here any more; if it has ended, what is still asked of it is refused."""
        self._live.pop(run.id, None)
        self._settling.pop(run.id, None)
        if run.status.ended and run.lost is None:
            self._ended[run.id] = run

    def close(self) -> None:
        """Apply nothing any more: what is asked from now on is for whoever drives the runs next."""
        self._closed = True

    # --- looking ---

    async def watch(self) -> None:
        """Look five times a second while a run is driven here; until cancelled or the store is broken."""
        while self._journal.broken is None:
            if not self._live and not self._ended:
                self._anybody = trio.Event()
                await self._anybody.wait()
            await trio.sleep(POLL_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Take what has been asked since the last look."""
        try:
            await self._look()
        except StoreUnavailable:
            self._seen = None  # what could not be answered is found again
        except Exception as error:
            self._journal.break_down(error)

    async def _look(self) -> None:
        changes = await self._store.changes()
        if changes == self._seen and not self._settling:
            self._ended.clear()  # asked too late to be seen by anybody
            return
        ended = dict(self._ended)
        runs = ended | self._live
        asked = await self._store.requests(list(runs)) if runs else ()
        self._seen = changes
        await self.take(asked, runs)
        for run_id in ended:
            self._ended.pop(run_id, None)
        self._settled()

    def _settled(self) -> None:
        now = trio.current_time()
        self._settling = {run_id: until for run_id, until in self._settling.items() if until > now}

    async def asked(self, run_id: str) -> Sequence[Request]:
        """What has been asked of a run and has no answer."""
        return await self._store.requests([run_id])

    # --- answering ---

    async def take(self, asked: Iterable[Request], runs: Mapping[str, Run]) -> None:
        """Apply requests, then answer each once its effect is durable."""
        applied = list(self._applied(asked, runs))
        try:
            for run, request, answer in applied:
                await self._answer(run, request, answer)
        finally:
            self._taken.difference_update(request.id for _, request, _ in applied)

    async def take_first(self, run: Run, asked: Sequence[Request]) -> None:
        """Apply what was *asked* of a run while nobody drove it, as soon as it goes on."""
        try:
            await self.take(asked, {run.id: run})
        except StoreUnavailable:
            self._seen = None
        except Exception as error:
            self._journal.break_down(error)

    def _applied(
        self, asked: Iterable[Request], runs: Mapping[str, Run]
    ) -> Iterator[tuple[Run, Request, Mapping[str, Any]]]:
        waiting = set()
        for request in asked:
            run = runs[request.run]
            if request.id in self._taken or run.id in waiting or run.lost is not None:
                continue
            if self._closed and not run.status.ended:
                continue
            if self._is_early(run, request):
                waiting.add(run.id)
                continue
            self._taken.add(request.id)
            yield run, request, _apply(run, request)

    def _is_early(self, run: Run, request: Request) -> bool:
        if request.id in run.handled or self._settling.get(run.id, 0.0) <= trio.current_time():
            return False
        step = request.arguments.get("step")
        return step is not None and step not in run.questions

    async def _answer(self, run: Run, request: Request, answer: Mapping[str, Any]) -> None:
        try:
            await run.durable()
        except Exception:
            if run.lost is None:
                raise
            return  # whoever drives it now answers
        await self._store.answer(request.id, answer)


def _apply(run: Run, request: Request) -> Mapping[str, Any]:
    try:
        return control.apply(run, request)
    except Exception as error:  # whatever somebody wrote into the store must not end this engine
        _log.exception("request %s (%s) to run %s cannot be applied", request.id, request.command, run.id)
        why = f"it cannot be applied: {type(error).__name__}: {error}"
        return {"answer": "refused", "why": why, "state": str(run.status)}
