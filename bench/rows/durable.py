"""Runs whose journals are on disk before they go on: SQLite, ``synchronous=FULL``.

The budgets are shares of the rate that SQLite alone has: a share of 35 % is 2.86 times its time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import trio

import treadle
from bench import bare_store, ours, shapes
from bench.measure import Line, Pairs, alone, paired
from bench.plugin import PROBE, REGISTRY, Counter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def chain(quick: bool) -> Iterator[Line]:
    """One run, one step after another, against one commit a step."""
    length, pairs = (50, 2) if quick else (1000, 15)
    workflow = shapes.chain(length)
    with _new_files() as new:
        taken = paired(
            lambda: bare_store.chain(new(), length),
            lambda: ours.durable_seconds(workflow, new()),
            pairs=pairs,
        )
    yield _share(f"durable chain of {length}", taken, length, must=0.35, want=0.6)


def live(quick: bool) -> Iterator[Line]:
    """A hundred runs at once, against as many tasks that share one writer thread."""
    runs, length, pairs = (10, 5, 2) if quick else (100, 50, 9)
    workflow = shapes.chain(length)
    with _new_files() as new:
        taken = paired(
            lambda: bare_store.live(new(), runs, length),
            lambda: ours.durable_seconds(workflow, new(), runs=runs),
            pairs=pairs,
        )
    yield _share(f"durable, {runs} live runs of {length} steps", taken, runs * length, must=0.1, want=0.25)


def start(quick: bool) -> Iterator[Line]:
    """From the call of `Engine.start` to the first step's work, in a warm process."""
    workflow = shapes.chain(1)
    with _new_files() as new:
        own = alone(lambda: _to_first_step(workflow, new()), times=3 if quick else 31)
    yield Line(
        work="durable start of a run, to its first step",
        ours=f"{own * 1e3:.2f} ms",
        value=own * 1e3,
        unit="ms",
        must=10,
    )


def crowds(quick: bool) -> Iterator[Line]:
    """Very many runs at once, each in a process of its own: figures, without a budget."""
    steps = 5
    for runs in (20,) if quick else (1_000, 10_000):
        done = subprocess.run(
            (sys.executable, "-m", "bench.crowd", str(runs), str(steps)), check=True, capture_output=True
        )
        figures = json.loads(done.stdout)
        work = f"{runs:,} durable runs of {steps} steps"
        yield Line(
            work=f"{work}: runs that did not complete",
            ours=f"{figures['completed']} completed",
            value=runs - figures["completed"],
            unit="runs",
            must=0,
        )
        each = figures["seconds"] / runs / steps
        yield Line(work=f"{work}: time a step", ours=f"{1 / each:,.0f} steps/s", value=each * 1e6, unit="µs")
        yield Line(
            work=f"{work}: overhead of a step, 99th percentile",
            ours=f"median {figures['p50'] * 1e3:.0f} ms",
            value=figures["p99"] * 1e3,
            unit="ms",
        )
        megabytes = figures["megabytes"]
        yield Line(work=f"{work}: memory", ours=f"{megabytes:.0f} MB", value=megabytes, unit="MB")


def _to_first_step(workflow: treadle.Workflow, path: Path) -> float:
    async def timed() -> float:
        entered: list[float] = []
        async with treadle.open_engine(
            store=f"sqlite:{path}", registry=REGISTRY, sinks=[Counter()]
        ) as engine:
            await (await engine.start(workflow)).ended()  # the process is warm
            PROBE.entered = lambda: entered.append(time.perf_counter())
            began = time.perf_counter()
            await (await engine.start(workflow)).ended()
            PROBE.entered = None
        return entered[0] - began

    return trio.run(timed)


def _share(work: str, taken: Pairs, steps: int, *, must: float, want: float) -> Line:
    """A line for a budget that is a share of the reference's rate."""
    raw, own = (steps / median for median in taken.medians())
    return Line(
        work=f"{work}: {1 / taken.ratio:.0%} of the rate",
        reference=f"{raw:,.0f} steps/s",
        ours=f"{own:,.0f} steps/s",
        value=taken.ratio,
        must=round(1 / must, 2),
        want=round(1 / want, 2),
    )


@contextmanager
def _new_files() -> Iterator[Callable[[], Path]]:
    """Gives the path of a new file at each call."""
    numbers = count()
    with tempfile.TemporaryDirectory() as folder:
        yield lambda: Path(folder, f"{next(numbers)}.db")
