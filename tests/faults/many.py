"""Many runs at once on SQLite: ``python -m tests.faults.many COUNT FOLDER``.

What they took is written to standard output as JSON.
"""

from __future__ import annotations

import itertools
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from tests.faults.history import journal_of
from tests.faults.life import store_in

import treadle
from treadle.plugin import RunFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle.plugin import StoreConnection

STEPS = 5

SAMPLE = 500
"""Runs whose journals are read for the times of their steps."""

SPEC = {
    "treadle": 1,
    "name": "many",
    "steps": [{"id": f"s{number}", "set": {"n": number}} for number in range(STEPS)],
}


async def drive(count: int, place: str) -> dict[str, Any]:
    """Run them all; what it took."""
    workflow = treadle.from_data(SPEC)
    async with store_in(place) as store:
        began = time.perf_counter()
        async with (
            treadle.open_engine(store=store, recover=False, limits=treadle.Limits(runs=count)) as engine,
            trio.open_nursery() as nursery,
        ):
            for number in range(count):
                nursery.start_soon(_one, engine, workflow, f"run-{number}")
        took = time.perf_counter() - began
        statuses, overheads = await _read(store)
    return {
        "runs": count,
        "statuses": statuses,
        "seconds": round(took, 2),
        "steps_per_second": round(count * STEPS / took),
        "step_overhead_ms": {
            "median": round(statistics.median(overheads) * 1000, 2),
            "p99": round(statistics.quantiles(overheads, n=100)[98] * 1000, 2),
        },
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


async def _one(engine: treadle.Engine, workflow: treadle.Workflow, key: str) -> None:
    run = await engine.start(workflow, key=key)
    await run.wait()


async def _read(store: StoreConnection) -> tuple[dict[str, int], list[float]]:
    """The count of runs by status, from the store; and the times from one step's end to the next one's."""
    statuses: dict[str, int] = {}
    overheads: list[float] = []
    after = None
    while True:
        page = await store.list(RunFilter(), limit=1000, after=after)
        for info in page.runs:
            statuses[str(info.status)] = statuses.get(str(info.status), 0) + 1
            if len(overheads) < SAMPLE * (STEPS - 1):
                overheads += _between(
                    [event.time for event in await journal_of(store, info) if event.type == "step.completed"]
                )
        after = page.next
        if after is None:
            return statuses, overheads


def _between(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    print(json.dumps(trio.run(drive, int(sys.argv[1]), sys.argv[2])))
