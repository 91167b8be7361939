"""The same work in treadle: an open engine with one sink, its journal in memory unless said otherwise."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

import treadle
from bench.plugin import REGISTRY, Counter

if TYPE_CHECKING:
    from collections.abc import Sequence


def seconds(workflow: treadle.Workflow, *, runs: int = 1, store: str = "memory") -> float:
    """What *runs* runs at once take, from the start of the first to the end of the last."""

    async def timed() -> float:
        async with treadle.open_engine(store=store, registry=REGISTRY, sinks=[Counter()]) as engine:
            began = time.perf_counter()
            started = [await engine.start(workflow) for _ in range(runs)]
            for run in started:
                await run.ended()
            took = time.perf_counter() - began
            completed(started)
            return took

    return trio.run(timed)


def completed(runs: Sequence[treadle.Run]) -> None:
    """A figure of a run that failed would mean nothing."""
    for run in runs:
        if run.status is not treadle.RunStatus.COMPLETED:
            raise RuntimeError(f"{run.id} is {run.status}: {run.state().error}")
