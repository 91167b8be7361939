"""Time of runs in a warm process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

import treadle
from bench import bare, ours, shapes
from bench.measure import Line, Pairs, alone, paired
from bench.plugin import PROBE, REGISTRY, Counter

if TYPE_CHECKING:
    from collections.abc import Iterator


def start(quick: bool) -> Iterator[Line]:
    """From the call of `Engine.start` to the first step's work."""
    workflow = shapes.chain(1)
    taken = paired(
        lambda: bare.seconds(bare.fan, 1), lambda: _to_first_step(workflow), pairs=5 if quick else 51
    )
    raw, own = taken.medians()
    yield Line(
        work="start of a run, to its first step",
        reference=f"task {raw * 1e6:.0f} µs",
        ours=f"{own * 1e6:.0f} µs",
        value=own * 1e3,
        unit="ms",
        must=1,
    )


def _to_first_step(workflow: treadle.Workflow) -> float:
    async def timed() -> float:
        entered: list[float] = []
        async with treadle.open_engine(registry=REGISTRY, sinks=[Counter()]) as engine:
            await (await engine.start(workflow)).ended()  # the process is warm
            PROBE.entered = lambda: entered.append(time.perf_counter())
            began = time.perf_counter()
            await (await engine.start(workflow)).ended()
            PROBE.entered = None
        return entered[0] - began

    return trio.run(timed)


def chain(quick: bool) -> Iterator[Line]:
    """One step after another."""
    length, pairs = (100, 3) if quick else (1000, 25)
    workflow = shapes.chain(length)
    taken = paired(lambda: bare.seconds(bare.chain, length), lambda: ours.seconds(workflow), pairs=pairs)
    yield _per_step(f"chain of {length}", taken, length, must=5, want=2)


def chain_from_text(quick: bool) -> Iterator[Line]:
    """The same, with all that comes before."""
    length, times = (100, 2) if quick else (1000, 9)
    text = shapes.chain_text(length)

    def loaded_and_run() -> float:
        began = time.perf_counter()
        workflow = treadle.loads(text, registry=REGISTRY)
        return time.perf_counter() - began + ours.seconds(workflow)

    own = alone(loaded_and_run, times=times) / length * 1e6
    yield Line(
        work=f"chain of {length} from YAML, load and check included",
        ours=f"{own:.0f} µs a step",
        value=own,
        unit="µs",
        must=250,
        want=150,
    )


def fan(quick: bool) -> Iterator[Line]:
    """All at once, and one that waits for them; no timeouts."""
    width, pairs = (100, 3) if quick else (1000, 25)
    workflow = shapes.graph_workflow(shapes.fan(width), defaults={})
    taken = paired(lambda: bare.seconds(bare.fan, width), lambda: ours.seconds(workflow), pairs=pairs)
    yield _per_step(f"fan-out and join of {width}", taken, width, must=8, want=4)


def live(quick: bool) -> Iterator[Line]:
    """Many runs at once."""
    runs, length, pairs = (50, 10, 2) if quick else (1000, 10, 7)
    workflow = shapes.chain(length)
    taken = paired(
        lambda: bare.seconds(bare.live, runs, length), lambda: ours.seconds(workflow, runs=runs), pairs=pairs
    )
    yield _per_step(f"{runs} live runs of {length} steps", taken, runs * length, must=5, want=2.5)


def _per_step(work: str, taken: Pairs, steps: int, *, must: float, want: float) -> Line:
    raw, own = (median / steps * 1e6 for median in taken.medians())
    return Line(
        work=work,
        reference=f"{raw:.1f} µs a step",
        ours=f"{own:.1f} µs a step",
        value=taken.ratio,
        must=must,
        want=want,
    )
