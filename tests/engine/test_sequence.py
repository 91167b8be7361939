"""The simplest lives of a run."""

from __future__ import annotations

import trio
from tests.engine.kit import events, rig, statuses


async def test_a_list_runs_in_order(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, act: {takes: 1s}}, {id: b, act: {takes: 2s}}]")
    assert state.status == "completed"
    assert r.ledger.lines == [(0.0, "start", "a"), (1.0, "end", "a"), (1.0, "start", "b"), (3.0, "end", "b")]
    assert state.steps["b"].output == {"name": "b", "attempt": 1}
