"""Layered random graphs of many sizes: time a step must not grow with the graph."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

from bench import bare, ours, shapes
from bench.measure import Line, paired

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = ((100, 25), (1_000, 15), (10_000, 5), (100_000, 3))
"""Steps, and pairs to measure."""


def layered(quick: bool) -> Iterator[Line]:
    """Each size against graphlib and one nursery, then the largest against a thousand."""
    a_step: dict[int, float] = {}
    for size, pairs in SIZES[:2] if quick else SIZES:
        graph = shapes.layered(size)
        workflow = shapes.graph_workflow(graph)
        taken = paired(
            lambda graph=graph: bare.seconds(bare.graph, graph),  # type: ignore[misc]
            lambda workflow=workflow: ours.seconds(workflow),  # type: ignore[misc]
            pairs=2 if quick else pairs,
        )
        raw, own = (median / size * 1e6 for median in taken.medians())
        a_step[size] = own
        yield Line(
            work=f"layered graph of {size:,}",
            reference=f"{raw:.1f} µs a step",
            ours=f"{own:.1f} µs a step",
            value=taken.ratio,
            must=8,
            want=4,
        )
        if size == SIZES[1][0]:
            yield _memory(size, lambda workflow=workflow: ours.seconds(workflow))
    largest = max(a_step)
    if largest == SIZES[-1][0]:
        yield Line(
            work=f"a step among {largest:,}, by one among 1,000",
            reference=f"{a_step[1_000]:.1f} µs",
            ours=f"{a_step[largest]:.1f} µs",
            value=a_step[largest] / a_step[1_000],
            must=1.5,
        )


def _memory(size: int, run: object) -> Line:
    """The most that a run holds at a time, its journal included."""
    assert callable(run)
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Line(
        work=f"memory a step, layered graph of {size:,}",
        ours=f"{peak / size / 1000:.2f} kB",
        value=peak / size / 1000,
        unit="kB",
    )
