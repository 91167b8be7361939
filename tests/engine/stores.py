"""Stores that misbehave, and what a store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from treadle._records import decode
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle import Event
    from treadle.plugin import Append, RunInfo


class OddStore:
    """A memory store, with calls that take their time, fail or hang as told.

    Attributes:
      takes: seconds that an append takes.
      fails: by the name of a call, what it raises.
      hangs: calls that never return.
      answers: by run, what an append answers for it.
      batches: every append that was made, in order.
      called: how often each call was made.
    """

    def __init__(self, inner: MemoryStore | None = None) -> None:
        self.inner = inner or MemoryStore()
        self.takes = 0.0
        self.fails: dict[str, Exception] = {}
        self.hangs: set[str] = set()
        self.answers: dict[str, Exception] = {}
        self.batches: list[Sequence[Append]] = []
        self.called: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **more: Any) -> Any:
            self.called[name] = self.called.get(name, 0) + 1
            if name in self.hangs:
                await trio.sleep_forever()
            if (error := self.fails.get(name)) is not None:
                await trio.lowlevel.checkpoint()
                raise error
            return await getattr(self.inner, name)(*args, **more)

        return call

    async def append(self, batch: Sequence[Append]) -> Sequence[Exception | None]:
        await trio.sleep(self.takes)
        if "append" in self.fails:
            raise self.fails["append"]
        refused = [self.answers.get(one.run) for one in batch]
        fine = [one for one, why in zip(batch, refused, strict=True) if why is None]
        self.batches.append(fine)
        answers = iter(await self.inner.append(fine))
        return [why or next(answers) for why in refused]

    def out(self, error: Exception) -> None:
        """Nothing works from now on."""
        for name in ("append", "renew", "release", "changes", "requests", "list", "claim", "answer"):
            self.fails[name] = error

    def back(self) -> None:
        """All is well again."""
        self.fails.clear()


async def journal(store: Any, run_id: str) -> list[Event]:
    """What the store holds of a run."""
    info: RunInfo = await store.info(run_id)
    return [decode(record, info) for record in await store.load(run_id)]


def told(events: Sequence[Event]) -> list[str]:
    """Types, with the path where there is one."""
    return [event.type if event.step is None else f"{event.type} {event.step}" for event in events]


def data_of(events: Sequence[Event], type_: str) -> list[Mapping[str, Any]]:
    return [event.data for event in events if event.type == type_]
