"""Many runs at once on SQLite, in a process of its own: ``python -m bench.crowd RUNS STEPS``."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import trio

import treadle
from bench import ours, shapes
from bench.plugin import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Sequence


class Pace:
    """A sink that notes what each step took: since its steps do nothing, all of that is treadle's own."""

    def __init__(self) -> None:
        self.completed = 0
        self.overheads: list[float] = []
        self._before: dict[str, float] = {}

    async def __call__(self, events: Sequence[treadle.Event]) -> None:
        """Note what each step took, from the run's start or the end of the step before."""
        for event in events:
            if event.type == "workflow.started":
                self._before[event.run] = event.time
            elif event.type == "step.completed":
                self.overheads.append(event.time - self._before[event.run])
                self._before[event.run] = event.time
            elif event.type == "workflow.completed":
                self.completed += 1


async def crowd(runs: int, steps: int, path: Path) -> dict[str, float]:
    """Start *runs* runs of *steps* steps, and wait for all of them."""
    pace = Pace()
    workflow = shapes.chain(steps)
    async with treadle.open_engine(
        store=f"sqlite:{path}",
        registry=REGISTRY,
        sinks=[pace],
        limits=treadle.Limits(runs=runs, finished=runs),
    ) as engine:
        began = time.perf_counter()
        await ours.together(engine, workflow, runs)
        took = time.perf_counter() - began
    overheads = sorted(pace.overheads)
    return {
        "completed": pace.completed,
        "seconds": took,
        "p50": overheads[len(overheads) // 2],
        "p99": overheads[len(overheads) * 99 // 100],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure once, and print it."""
    runs, steps = map(int, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        figures = trio.run(crowd, runs, steps, Path(folder, "runs.db"))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
