"""Layered random graphs of many sizes: time a step must not grow with the graph."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

from bench import bare, ours, shapes
from bench.measure import Line, Measure, paired

if TYPE_CHECKING:
    from collections.abc import Iterator

    import treadle

SIZES = ((100, 25), (1_000, 15), (10_000, 5), (100_000, 3))
"""Steps, and pairs to measure."""

SMALL = 1_000
"""What the largest is compared with."""


def layered(quick: bool) -> Iterator[Line]:
    """Each size against graphlib and one nursery, then the largest against a small one."""
    workflows: dict[int, treadle.Workflow] = {}
    for size, pairs in SIZES[:2] if quick else SIZES:
        graph = shapes.layered(size)
        workflow = workflows[size] = shapes.graph_workflow(graph)
        taken = paired(_bare(graph), _ours(workflow), pairs=2 if quick else pairs)
        raw, own = (median / size * 1e6 for median in taken.medians())
        yield Line(
            work=f"layered graph of {size:,}",
            reference=f"{raw:.1f} µs a step",
            ours=f"{own:.1f} µs a step",
            value=taken.ratio,
            must=8,
            want=4,
        )
    small, *_, large = workflows
    if not quick:
        small = SMALL
    yield _memory(small, workflows[small])
    yield _growth(small, workflows[small], large, workflows[large], pairs=1 if quick else 3)


def _bare(graph: shapes.Graph) -> Measure:
    return lambda: bare.seconds(bare.graph, graph)


def _ours(workflow: treadle.Workflow) -> Measure:
    return lambda: ours.seconds(workflow)


def _growth(small: int, few: treadle.Workflow, large: int, many: treadle.Workflow, *, pairs: int) -> Line:
    """A step of the largest graph by one of a small one, measured side by side."""
    taken = paired(lambda: ours.seconds(few) / small, lambda: ours.seconds(many) / large, pairs=pairs)
    less, more = taken.medians()
    return Line(
        work=f"a step among {large:,}, by one among {small:,}",
        reference=f"{less * 1e6:.1f} µs",
        ours=f"{more * 1e6:.1f} µs",
        value=taken.ratio,
        must=1.5,
    )


def _memory(size: int, workflow: treadle.Workflow) -> Line:
    """The most that a run holds at a time, its journal included."""
    tracemalloc.start()
    ours.seconds(workflow)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Line(
        work=f"memory a step, layered graph of {size:,}",
        ours=f"{peak / size / 1000:.2f} kB",
        value=peak / size / 1000,
        unit="kB",
    )
