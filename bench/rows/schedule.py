"""Makespan: how well a task graph fills a bounded number of slots.

The graph is the tiled Cholesky factorisation, with work in proportion to its floating-point operations: the
usual example of a real task graph with wide and narrow places.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Mapping

from bench import ours, shapes
from bench.measure import Line, alone

SLOTS = 16

Tasks = Mapping[str, tuple[int, list[str]]]
"""Milliseconds of each task, and the tasks it needs."""


def makespan(quick: bool) -> Iterator[Line]:
    """The run's length against the ideal greedy schedule's."""
    tiles, unit = (4, 5) if quick else (9, 40)
    tasks = cholesky(tiles, unit)
    steps = {
        name: {"wait": f"{milliseconds}ms", "needs": needs} for name, (milliseconds, needs) in tasks.items()
    }
    workflow = shapes.workflow(steps, max_parallel=SLOTS)
    ideal = greedy(tasks, SLOTS)
    own = alone(lambda: ours.seconds(workflow), times=1 if quick else 3)
    yield Line(
        work=f"makespan of {len(tasks)} tasks in {SLOTS} slots",
        reference=f"{ideal:.3f} s",
        ours=f"{own:.3f} s",
        value=own / ideal,
        must=1.05,
        want=1.02,
    )


def cholesky(tiles: int, unit: int) -> Tasks:
    """The tasks of a factorisation of *tiles* by *tiles* tiles, of which the shortest takes *unit* ms."""
    tasks: dict[str, tuple[int, list[str]]] = {}
    written: dict[tuple[int, int], str] = {}  # tile → the task that wrote it last

    def task(name: str, weight: int, tile: tuple[int, int], *reads: tuple[int, int]) -> None:
        needs = [written[one] for one in (tile, *reads) if one in written]
        tasks[name] = weight * unit, list(dict.fromkeys(needs))
        written[tile] = name

    for k in range(tiles):
        task(f"factor_{k}", 1, (k, k))
        for i in range(k + 1, tiles):
            task(f"solve_{i}_{k}", 3, (i, k), (k, k))
        for i in range(k + 1, tiles):
            for j in range(k + 1, i + 1):
                task(f"update_{i}_{j}_{k}", 3 if i == j else 6, (i, j), (i, k), (j, k))
    return tasks


def greedy(tasks: Tasks, slots: int) -> float:
    """Seconds that *tasks* take if whatever is ready starts as soon as a slot is free, first ready first."""
    waits = {name: len(needs) for name, (_, needs) in tasks.items()}
    after: dict[str, list[str]] = {name: [] for name in tasks}
    for name, (_, needs) in tasks.items():
        for need in needs:
            after[need].append(name)
    ready = deque(name for name, count in waits.items() if not count)
    running: list[tuple[int, int, str]] = []
    now = started = 0
    while ready or running:
        while ready and len(running) < slots:
            name = ready.popleft()
            started += 1
            heapq.heappush(running, (now + tasks[name][0], started, name))
        now, _, done = heapq.heappop(running)
        for name in after[done]:
            waits[name] -= 1
            if not waits[name]:
                ready.append(name)
    return now / 1000
