"""The same work in treadle: an open engine with one sink, its journal in memory unless it is durable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

import treadle
from bench.plugin import REGISTRY, Counter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def seconds(workflow: treadle.Workflow, *, runs: int = 1) -> float:
    """What *runs* runs at once take, from the start of the first to the end of the last."""

    async def timed() -> float:
        async with treadle.open_engine(registry=REGISTRY, sinks=[Counter()]) as engine:
            began = time.perf_counter()
            started = [await engine.start(workflow) for _ in range(runs)]
            for run in started:
                await run.ended()
            took = time.perf_counter() - began
            completed(started)
            return took

    return trio.run(timed)


def durable_seconds(workflow: treadle.Workflow, path: Path, *, runs: int = 1) -> float:
    """The same with SQLite in a new file, the runs started together."""

    async def timed() -> float:
        async with treadle.open_engine(
            store=f"sqlite:{path}", registry=REGISTRY, sinks=[Counter()]
        ) as engine:
            began = time.perf_counter()
            started = await together(engine, workflow, runs)
            took = time.perf_counter() - began
            completed(started)
            return took

    return trio.run(timed)


async def together(engine: treadle.Engine, workflow: treadle.Workflow, runs: int) -> list[treadle.Run]:
    """*runs* runs, started at the same time and ended; a store can then take them in together."""
    started: list[treadle.Run] = []

    async def run() -> None:
        started.append(await engine.start(workflow))
        await started[-1].ended()

    async with trio.open_nursery() as nursery:
        for _ in range(runs):
            nursery.start_soon(run)
    return started


def completed(runs: Sequence[treadle.Run]) -> None:
    """A figure of a run that failed would mean nothing."""
    for run in runs:
        if run.status is not treadle.RunStatus.COMPLETED:
            raise RuntimeError(f"{run.id} is {run.status}: {run.state().error}")
