"""The references: the same shapes of work in raw trio, as one would write them without an engine."""

from __future__ import annotations

import time
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.shapes import Graph


async def nothing() -> None:
    """A step: it lets others run once, as trio asks of every async function and as treadle does."""
    await trio.lowlevel.checkpoint()


async def chain(length: int) -> None:
    """A nursery and a task a step."""
    for _ in range(length):
        async with trio.open_nursery() as nursery:  # noqa: ASYNC112  a nursery a step is what is measured
            nursery.start_soon(nothing)


async def fan(width: int) -> None:
    """One nursery, a task a step."""
    async with trio.open_nursery() as nursery:
        for _ in range(width):
            nursery.start_soon(nothing)


async def live(runs: int, length: int) -> None:
    """Many chains at once."""
    async with trio.open_nursery() as nursery:
        for _ in range(runs):
            nursery.start_soon(chain, length)


async def graph(shape: Graph) -> None:
    """graphlib says what is ready; one nursery, a task a node."""
    sorter = TopologicalSorter(shape)
    sorter.prepare()
    async with trio.open_nursery() as nursery:

        async def step(node: int) -> None:
            await nothing()
            sorter.done(node)
            start()

        def start() -> None:
            for node in sorter.get_ready():
                nursery.start_soon(step, node)

        start()


async def waiting() -> None:
    """A task that holds a nursery with one sleeping task."""
    async with trio.open_nursery() as nursery:  # noqa: ASYNC112  the same
        nursery.start_soon(trio.sleep, 3600)


async def limited(at_once: int, count: int, work: Callable[[int], Awaitable[object]]) -> None:
    """*work* for each number below *count*, at most *at_once* at a time."""
    slots = trio.CapacityLimiter(at_once)

    async def one(number: int) -> None:
        async with slots:
            await work(number)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)


def seconds(work: Callable[..., Awaitable[object]], *args: object) -> float:
    """What *work* takes inside a trio that is running already."""

    async def timed() -> float:
        began = time.perf_counter()
        await work(*args)
        return time.perf_counter() - began

    return trio.run(timed)
