"""Journals move runs and steps along the tables of transitions, and along each of their rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from tests.engine.kit import events, rig, to_end
from tests.engine.stores import journal
from tests.simulation.workflows import commands, execute, workflows

import treadle
from treadle._state import RUN_TRANSITIONS, STEP_TRANSITIONS
from treadle.events import SETTLINGS, StepStatus
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from tests.simulation.people import Command

Move = tuple[str, str, str]
Act = tuple[float, Callable[[treadle.Run], Awaitable[None]]]


def moves(told: Sequence[treadle.Event]) -> Iterator[Move]:
    """Each change of status that *told* makes: before, event, after."""
    state = treadle.RunState()
    for event in told:
        run, path = state.status, event.step or ""
        step = state.steps[path].status if path in state.steps else StepStatus.PENDING
        state.apply(event)
        if state.status is not run:
            yield f"run {run}", event.type, str(state.status)
        if path in state.steps and state.steps[path].status is not step:
            yield f"step {step}", event.type, str(state.steps[path].status)


TABLE = {
    (f"{what} {before}", kind, str(after))
    for what, rows in (("run", RUN_TRANSITIONS), ("step", STEP_TRANSITIONS))
    for before, row in rows.items()
    for kind, after in row.items()
}
CORRECTIONS = {("run waiting", kind, "running") for kind in SETTLINGS}
"""A run that was said to wait, though in the same instant something of it went on."""


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)
@given(workflows(), commands)
def test_no_run_leaves_the_tables(spec: Mapping[str, Any], given: Sequence[Command]) -> None:
    assert set(moves(execute(spec, given).journal)) <= TABLE | CORRECTIONS


# --- every row ---

ACT = "{id: a, act: {takes: 2s}}"
FAILS = "{id: a, act: {takes: 2s, fails: 9}}"
ASKS = "{id: a, act: {fails: 1}, on_error: escalate}"
UNDO = "undo: {act: {}}"


def _pause(run: treadle.Run) -> Awaitable[None]:
    return run.pause()


def _resume(run: treadle.Run) -> Awaitable[None]:
    return run.resume()


def _cancel(run: treadle.Run) -> Awaitable[None]:
    return run.cancel()


def _cancel_and_roll_back(run: treadle.Run) -> Awaitable[None]:
    return run.cancel(rollback=True)


def _as(decision: str) -> Callable[[treadle.Run], Awaitable[None]]:
    return lambda run: run.resolve("a", decision)


ODD = """
inputs: {n: {type: object, default: {of: 1}}}
steps: [{id: a, foreach: "${{ inputs.n.of }}", act: {}, on_error: escalate}]
"""

LIVES: Sequence[tuple[str, Sequence[Act]]] = [
    (f"steps: [{ACT}, {{id: b, when: false, act: {{}}}}]", [(1, _pause), (3, _resume)]),
    (f"steps: [{ACT}]", [(0, _cancel)]),
    (f"steps: [{ACT}]", [(1, _pause), (1, _resume)]),
    (f"steps: [{ACT}]", [(1, _pause), (1, _cancel)]),
    (f"steps: [{ACT}, {{id: b, act: {{}}}}]", [(1, _pause), (3, _cancel_and_roll_back)]),
    (f"on_error: rollback\nsteps: [{FAILS}, {{id: b, act: {{}}}}]", [(1, _pause)]),
    (f"steps: [{{id: b, act: {{}}, undo: {{act: {{fails: 1}}}}}}, {FAILS}]\non_error: rollback", []),
    (f"steps: [{FAILS}]", []),
    (f"steps: [{ASKS}]", [(1, _pause), (2, _resume), (3, _as("complete"))]),
    (f"steps: [{ASKS}]", [(1, _as("fail"))]),
    (f"steps: [{ASKS}]", [(1, _cancel)]),
    ("steps: [{id: a, approval: Ship?}]", [(1, _cancel)]),
    ("steps: {a: {act: {fails: 1}, on_error: escalate}, b: {act: {takes: 1s, fails: 1}}}", []),
    (ODD, [(1, _as("fail"))]),
    ("steps: [{id: a, retry: 2, act: {fails: 1}}]", [(0.5, _cancel)]),
]  # fmt: skip


async def _lived(spec: str, acts: Sequence[Act]) -> list[treadle.Event]:
    start = trio.current_time()
    async with rig() as r:
        run = await r.start(spec)
        for moment, act in acts:
            await trio.sleep_until(start + moment)
            await act(run)
        await to_end(run)
        return await events(run)


async def _left_and_taken_up(spec: str) -> list[treadle.Event]:
    """The journal of a run that was left at once while `a` was in flight, twice, and then answered."""
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        run = await r.start(spec)
        await trio.sleep(1)
        await r.engine.suspend(grace=0)
    for _ in range(2):
        async with rig(store=store, recover=False) as r:
            again = await r.engine.resume_run(run.id)
            await trio.sleep(1)
    async with rig(store=store, recover=False) as r:
        again = await r.engine.resume_run(run.id)
        await again.resolve("a", "complete")
        await to_end(again)
    return await journal(store, run.id)


async def test_every_row_of_the_tables_is_taken_by_some_run(autojump_clock: trio.testing.MockClock) -> None:
    seen = set(moves(await _left_and_taken_up(f"steps: [{ACT}]")))
    for spec, acts in LIVES:
        seen |= set(moves(await _lived(spec, acts)))
    assert TABLE - seen == set()
    assert seen - TABLE <= CORRECTIONS
