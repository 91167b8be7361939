"""Memory of runs that wait, as Python's allocator counts it: the same figures on every machine."""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

import trio
import trio.testing

import treadle
from bench import bare, shapes
from bench.measure import Line, paired
from bench.plugin import REGISTRY, Counter


def waiting(quick: bool) -> Iterator[Line]:
    """Runs whose one step waits."""
    count, pairs = (100, 1) if quick else (1000, 3)
    workflow = shapes.workflow([{"wait": "1h"}])
    taken = paired(lambda: _traced(_raw, count), lambda: _traced(_own(workflow), count), pairs=pairs)
    raw, own = (median / count for median in taken.medians())
    yield Line(
        work="memory of a waiting run",
        reference=f"{raw / 1000:.1f} kB",
        ours=f"{own / 1000:.1f} kB",
        value=taken.ratio,
        must=3,
        want=2,
    )


Begin = Callable[[trio.Nursery, int], Awaitable[None]]
"""Starts so many waiting things, the same way for one as for many."""


async def _raw(nursery: trio.Nursery, count: int) -> None:
    for _ in range(count):
        nursery.start_soon(bare.waiting)


def _own(workflow: treadle.Workflow) -> Begin:
    engines: list[treadle.Engine] = []

    async def opened(*, task_status: trio.TaskStatus[treadle.Engine]) -> None:
        async with treadle.open_engine(registry=REGISTRY, sinks=[Counter()]) as engine:
            task_status.started(engine)
            await trio.sleep_forever()

    async def begin(nursery: trio.Nursery, count: int) -> None:
        if not engines:
            engines.append(await nursery.start(opened))
        for _ in range(count):
            await engines[0].start(workflow)

    return begin


def _traced(begin: Begin, count: int) -> float:
    """Bytes that *count* waiting things hold, beyond what the first one brought with it."""

    async def traced() -> float:
        async with trio.open_nursery() as nursery:
            await begin(nursery, 1)
            await trio.testing.wait_all_tasks_blocked()
            tracemalloc.start()
            await begin(nursery, count)
            await trio.testing.wait_all_tasks_blocked()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            nursery.cancel_scope.cancel(reason="measured")
        return held

    return trio.run(traced)
