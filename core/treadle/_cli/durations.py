"""How long the steps of a workflow took in its last completed runs; looking makes no store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING

import attrs
import trio

from treadle import RunState
from treadle._cli import terminal
from treadle._cli.program import Complaint
from treadle._cli.stored import events_of, every_run, open_store
from treadle._kinds.store import RunFilter
from treadle._paths import around
from treadle.errors import PluginError, RecordError, StoreError
from treadle.events import RunStatus, StepStatus

if TYPE_CHECKING:
    from treadle._cli.sources import Project
    from treadle._kinds.store import StoreConnection
    from treadle._plan.plan import Plan

MOST_RUNS = 10
_MOST_EVENTS = 50_000  # of all runs together, so that a plan of a large workflow does not take minutes


@attrs.frozen(eq=False, repr=False)
class Past:
    """The median of the *seconds* each step took, by static path, over so many *runs*."""

    seconds: Mapping[str, float] = attrs.field(factory=dict)
    runs: int = 0


def past_durations(plan: Plan, project: Project) -> Past:
    """From the store of *project*; empty where there is none, or it cannot be read, which is said."""

    async def read() -> Past:
        async with open_store(project) as store:
            return await _read(plan, store)

    try:
        with terminal.logging_shown():
            return trio.run(read)
    except (StoreError, RecordError, PluginError) as error:
        terminal.say(f"treadle: durations of past runs are left out: {error}")
    except Complaint:  # there is no store
        pass
    return Past()


async def _read(plan: Plan, store: StoreConnection) -> Past:
    which = RunFilter(workflow=plan.spec.name, statuses=frozenset({RunStatus.COMPLETED}))
    took: dict[str, list[float]] = defaultdict(list)
    runs = events = 0
    for info in await every_run(store, which, at_most=MOST_RUNS):
        events += info.seq
        if runs and events > _MOST_EVENTS:
            break
        runs += 1
        for path, seconds in _took(plan, RunState.fold(await events_of(store, info))):
            took[path].append(seconds)
    return Past({path: median(each) for path, each in took.items()}, runs)


def _took(plan: Plan, state: RunState) -> list[tuple[str, float]]:
    """Static path and seconds of every step that completed; elements of a foreach are told by the whole."""
    found = []
    for path, result in state.steps.items():
        step = plan.resolve(path)
        if step is None or result.started_at is None or result.ended_at is None:
            continue
        last = path[len(around(path)) :].rpartition(".")[2]
        if result.status is StepStatus.COMPLETED and last.partition("#")[0] == step.id:
            found.append((step.path, max(0.0, result.ended_at - result.started_at)))
    return found
