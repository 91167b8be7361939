"""A person at another terminal: sees the journal and the ledger, and asks what there is to ask.

Rule: about a step whose outcome nobody knows, the person looks at what it did, and tells the truth: complete
if the work was done, retry if it was not.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio
from tests.faults.history import journal_of, runs_in
from tests.faults.shapes import Wish

from treadle.plugin import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.ledger import Ledger, Line
    from tests.faults.shapes import Shape

    from treadle import Event
    from treadle.plugin import StoreConnection

LOOK_SECONDS = 0.02
"""How often a person looks."""


class Person:
    """Who answers for the runs in *store*. `asked` has every request by its id."""

    def __init__(self, shape: Shape, store: StoreConnection, ledger: Ledger) -> None:
        self._shape = shape
        self._store = store
        self._ledger = ledger
        self._seen: tuple[int, int] | None = None
        self.asked: dict[str, Wish] = {}

    async def attend(self) -> None:
        """Look, and ask, until cancelled."""
        while True:
            size = self._ledger.path.stat().st_size if self._ledger.path.exists() else 0
            now = (await self._store.changes(), size)
            if now != self._seen:
                await self._look()
                self._seen = now
            await trio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        for info in await runs_in(self._store):
            if info.status.ended:
                continue
            journal, ledger = await journal_of(self._store, info), self._ledger.lines()
            for wish in (*self._shape.wishes(journal, ledger), *about_unknown_steps(journal, ledger)):
                if wish.id not in self.asked:
                    self.asked[wish.id] = wish
                    await self._store.ask(
                        Request(
                            id=wish.id,
                            run=info.id,
                            command=wish.command,
                            arguments=wish.arguments,
                            by="a person",
                            time=time.time(),
                        )
                    )


def about_unknown_steps(journal: Sequence[Event], ledger: Sequence[Line]) -> Iterator[Wish]:
    """The truth about each attempt that was lost."""
    for event in journal:
        if event.type == "step.unknown":
            done = [
                line
                for line in ledger
                if (line.path, line.attempt, line.what) == (event.step, event.attempt, "end")
            ]
            told = {"step": event.step, "decision": "complete" if done else "retry"}
            if done:
                told["output"] = done[0].output
            yield Wish(f"unknown-{event.seq}", "resolve", told)
