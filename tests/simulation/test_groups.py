"""Runs that share keys, in processes that come, are killed and come again: whatever happens, the limit holds.

A world is drawn from a seed: when which process starts which run, and when processes die. Its store is then
looked at: who was under way when, and what became of everybody.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
import trio.testing
from tests.engine.kit import rig
from tests.engine.stores import journal
from tests.engine.test_leases import killed

import treadle
from treadle.errors import Refused
from treadle.events import ENDS
from treadle.plugin import RunFilter
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle import Event

LEASE_SECONDS = 5.0
HANGS_AFTER = 5_000.0

SPEC = """
inputs: {{key: {{type: string}}, takes: {{type: duration}}}}
concurrency: {{key: "${{{{ inputs.key }}}}", limit: {limit}, on_limit: {on_limit}}}
steps:
  - {{id: w, repeatable: true, act: {{takes: "${{{{ inputs.takes }}}}"}}}}
finally: [{{repeatable: true, act: {{takes: 1s}}}}]
"""


@attrs.define
class World:
    """What is drawn, and the store."""

    draw: random.Random
    limit: int
    store: MemoryStore = attrs.field(factory=MemoryStore)
    refused: int = 0

    async def process(self, *, dies: bool) -> None:
        """One process: it starts runs now and then, and is killed, or stays until nothing is left to do."""
        with trio.CancelScope() as life:
            async with rig(store=self.store, seed=None, lease=LEASE_SECONDS) as r:
                for _ in range(self.draw.randrange(1, 5)):
                    await trio.sleep(self.draw.uniform(0, 10))
                    await self._start(r)
                if not dies:
                    await self._until_all_ended()
                    return
                await trio.sleep(self.draw.uniform(0, 20))
                killed(r)
                life.cancel()
                await trio.sleep_forever()

    async def _start(self, r: Any) -> None:
        on_limit = self.draw.choice(["queue", "queue", "queue", "cancel_running", "reject"])
        inputs = {"key": self.draw.choice("ab"), "takes": f"{self.draw.randrange(1, 15)}s"}
        try:
            run = await r.start(SPEC.format(limit=self.limit, on_limit=on_limit), inputs=inputs)
        except Refused:
            self.refused += 1
            return
        if self.draw.random() < 0.2:
            await trio.sleep(self.draw.uniform(0, 10))
            if not run.status.ended:
                await _whatever(run.cancel)

    async def _until_all_ended(self) -> None:
        while not all(info.status.ended for info in (await self.store.list(RunFilter(), limit=500)).runs):  # noqa: ASYNC110  as others see it
            await trio.sleep(1)


async def _whatever(command: Any) -> None:
    try:
        await command()
    except Refused:
        return


async def lived(world: World) -> None:
    with trio.fail_after(HANGS_AFTER):
        async with trio.open_nursery() as processes:
            for _ in range(3):
                processes.start_soon(lambda: world.process(dies=True))
                await trio.sleep(world.draw.uniform(0, 10))
            processes.start_soon(lambda: world.process(dies=False))


def span(events: Sequence[Event]) -> tuple[float, float] | None:
    """From when to when a run was under way."""
    begun = [event.time for event in events if event.type == "workflow.started"]
    ends = [event.time for event in events if event.type in ENDS]
    return (begun[0], ends[0]) if begun else None


def most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    changes = sorted([(begun, 1) for begun, _ in spans] + [(ended, -1) for _, ended in spans])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


@pytest.mark.parametrize("seed", range(40))
async def test_the_limit_holds_and_everybody_comes_to_an_end(
    seed: int, autojump_clock: trio.testing.MockClock
) -> None:
    draw = random.Random(seed)
    world = World(draw, limit=draw.choice([1, 1, 2, 3]))
    await lived(world)
    spans: dict[str, list[tuple[float, float]]] = {}
    for info in (await world.store.list(RunFilter(), limit=500)).runs:
        events = await journal(world.store, info.id)
        assert info.status.ended
        assert sum(event.type in ENDS for event in events) == 1
        assert (span(events) is None) == (not info.admitted) or info.status == treadle.RunStatus.CANCELLED
        if (found := span(events)) is not None:
            spans.setdefault(str(info.group), []).append(found)
    for found in spans.values():
        assert most_at_once(found) <= world.limit
