"""Runs that steps have called, when a pause, a store or a lease fails them at the worst moment."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from tests.engine.kit import Ledger, Rig, statuses, to_end
from tests.engine.stores import OddStore, data_of, journal, told
from tests.engine.test_leases import killed

import treadle
from treadle import RunStatus
from treadle.errors import Fenced, StoreUnavailable
from treadle.plugin import RunFilter, RunInfo
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

CALLS = "steps: {call: {workflow: child}}"
FAILS = "steps: {w: {act: {takes: 2s, fails: 9}}}"
LONG = "steps: {w: {act: {takes: 100s}, repeatable: true}}"


class Family:
    """Callers, and the workflow ``child`` that they call."""

    def __init__(self, child: str) -> None:
        self.ledger = Ledger()
        self.registry = treadle.Registry.of(self.ledger)
        self._child = self.load(child, "child")

    def load(self, spec: str, name: str = "parent") -> treadle.Workflow:
        return treadle.loads(f"treadle: 1\nname: {name}\n{spec}", registry=self.registry)

    def engine(self, **settings: Any) -> Any:
        return treadle.open_engine(registry=self.registry, workflows=[self._child], **settings)


def child_of(engine: treadle.Engine) -> treadle.Run:
    (child,) = [run for run in engine.runs() if run.workflow == "child"]
    return child


async def stored_child(store: Any) -> RunInfo:
    """The only one there is."""
    (info,) = (await store.list(RunFilter(workflow="child"), limit=9)).runs
    found: RunInfo = info
    return found


async def elapsed(run: treadle.Run) -> float:
    """Seconds until the end of *run*."""
    since = trio.current_time()
    await to_end(run)
    return trio.current_time() - since


# --- what was called is paused on its way to a failure ---------------------------------------------


@pytest.mark.parametrize("store", [None, MemoryStore])
async def test_a_cancel_ends_a_called_run_that_is_paused_and_would_fail(
    store: Any, autojump_clock: trio.testing.MockClock
) -> None:
    family = Family(FAILS)
    async with family.engine(**{} if store is None else {"store": store()}) as engine:
        run = await engine.start(family.load(CALLS))
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(5)
        child = child_of(engine)
        assert (run.status, child.status) == ("paused", "paused")
        await run.cancel()
        assert await elapsed(run) < 1
        assert (run.status, child.status) == ("cancelled", "failed")


async def test_a_failure_beside_it_ends_a_called_run_that_is_paused_and_would_fail(
    autojump_clock: trio.testing.MockClock,
) -> None:
    family = Family(FAILS)
    async with family.engine() as engine:
        run = await engine.start(
            family.load("steps: {x: {act: {takes: 6s, fails: 9}}, call: {workflow: child}}")
        )
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(10_000)
        assert child_of(engine).status is RunStatus.FAILED
        await run.resume()
        assert await elapsed(run) < 1


# --- what was called waits for its turn ------------------------------------------------------------

QUEUES = "concurrency: one\nsteps: {w: {act: {name: child, takes: 2s}}}"
HOLDS = "concurrency: one\nsteps: {w: {act: {takes: 20s}}}"
STORES = pytest.mark.parametrize("store", [None, MemoryStore], ids=["volatile", "stored"])


@STORES
async def test_a_caller_is_paused_while_what_it_called_waits_for_its_turn(
    store: Any, autojump_clock: trio.testing.MockClock
) -> None:
    family = Family(QUEUES)
    async with family.engine(**{} if store is None else {"store": store()}) as engine:
        holder = await engine.start(family.load(HOLDS, "holder"))
        run = await engine.start(family.load(CALLS))
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(1)
        assert (run.status, child_of(engine).status) == ("paused", "pending")
        await to_end(holder)
        await trio.sleep(100)
        assert (run.status, child_of(engine).status) == ("paused", "paused")
        assert "child" not in family.ledger.names("start")
        await run.resume()
        assert (await to_end(run)).status == "completed"


@STORES
async def test_what_waits_for_its_turn_goes_on_with_its_caller(
    store: Any, autojump_clock: trio.testing.MockClock
) -> None:
    family = Family(QUEUES)
    async with family.engine(**{} if store is None else {"store": store()}) as engine:
        await engine.start(family.load(HOLDS, "holder"))
        run = await engine.start(family.load(CALLS))
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(1)
        await run.resume()
        await trio.sleep(1)
        assert run.status is RunStatus.RUNNING
        assert (await to_end(run)).status == "completed"
        assert "workflow.paused" not in [event.type async for event in child_of(engine).events()]


# --- the store is away ------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [5, 120])
async def test_a_caller_outlives_a_store_that_is_away(
    seconds: float, autojump_clock: trio.testing.MockClock
) -> None:
    family, store = Family(LONG), OddStore()
    async with family.engine(store=store) as engine:
        run = await engine.start(family.load(CALLS))
        await trio.sleep(1)
        gone = StoreUnavailable("away")
        store.out(gone)
        store.fails |= dict.fromkeys(("info", "load", "ask", "asked", "create", "admit"), gone)
        await trio.sleep(seconds)
        store.back()
        await trio.sleep(600)
        assert (await store.info(run.id)).status == "completed"
        assert (await stored_child(store)).status == "completed"


# --- a call is stopped while its run is being made --------------------------------------------------


class Late(OddStore):
    """A creation takes half a second, and happens whether or not it is still waited for, as in SQLite.

    Attributes:
      slow: creations do so from now on.
    """

    slow = False

    async def create(self, *args: Any, **more: Any) -> Any:
        if not self.slow:
            return await self.inner.create(*args, **more)
        done, answers = trio.Event(), []

        async def create() -> None:
            await trio.sleep(0.5)
            answers.append(await self.inner.create(*args, **more))
            done.set()

        await trio.lowlevel.checkpoint()
        trio.lowlevel.spawn_system_task(create)
        await done.wait()
        return answers[0]


async def test_a_call_that_is_stopped_while_its_run_is_created_leaves_none_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    family, store = Family(LONG), Late()
    beside = "x: {act: {takes: 1200ms, fails: 1}}, w: {wait: 1s}"
    async with family.engine(store=store) as engine:
        run = await engine.start(family.load(f"steps: {{{beside}, call: {{needs: w, workflow: child}}}}"))
        store.slow = True
        state = await to_end(run)
        assert statuses(state)["call"] == "cancelled"
        assert (await stored_child(store)).status == "cancelled"
        await trio.sleep(300)
        assert family.ledger.names("end") == []


async def test_a_run_that_sqlite_creates_late_is_cancelled_with_its_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from treadle._engine import call

    with closing(sqlite3.connect(tmp_path / "runs.db")) as other:
        begin, is_held = call.Call._started, trio.Event()

        async def begun_while_another_process_writes(self: call.Call) -> treadle.Run:
            other.execute("BEGIN IMMEDIATE")
            is_held.set()
            return await begin(self)

        monkeypatch.setattr(call.Call, "_started", begun_while_another_process_writes)
        family = Family("steps: {w: {wait: 1s}}")
        async with family.engine(store=f"sqlite:{tmp_path / 'runs.db'}", lease=2.0) as engine:
            run = await engine.start(family.load(CALLS))
            with trio.fail_after(20):
                await is_held.wait()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(run.cancel)
                    await trio.sleep(0.3)
                    other.rollback()
                assert (await run.wait()).status == "cancelled"
            assert (await stored_child(engine.store)).status == "cancelled"


# --- what was called is lost ------------------------------------------------------------------------


async def test_an_end_that_was_not_stored_is_none(autojump_clock: trio.testing.MockClock) -> None:
    child = "steps: {w: {act: {takes: 2s, output: {v: 1}}, repeatable: true}}"
    family, store = Family(f"{child}\noutputs: {{v: '${{{{ steps.w.output.v }}}}'}}"), OddStore()
    async with family.engine(store=store) as engine:
        run = await engine.start(family.load(CALLS))
        await trio.sleep(1.5)
        lost = child_of(engine).id
        store.answers[lost] = Fenced(lost, "other")
        await trio.sleep(0.6)
        store.answers.clear()
        state = await to_end(run)
        assert (await stored_child(store)).status == "completed"
    assert state.status is RunStatus.COMPLETED
    assert state.steps["call"].output == {"v": 1}


async def test_a_cancel_reaches_a_called_run_that_is_lost_at_that_moment(
    autojump_clock: trio.testing.MockClock,
) -> None:
    family, store = Family("concurrency: a\nsteps: {w: {act: {name: child, takes: 50s}}}"), OddStore()
    async with family.engine(store=store) as engine:
        await engine.start(family.load("concurrency: a\nsteps: {w: {act: {takes: 5s}}}", "holder"))
        await engine.start(family.load("steps: {c: {workflow: child}, x: {act: {takes: 2s, fails: 1}}}"))
        await trio.sleep(1.9)
        lost = child_of(engine).id  # waits for its turn
        store.answers[lost] = Fenced(lost, "other")
        await trio.sleep(0.5)
        store.answers.clear()
        await trio.sleep(500)
        assert (await stored_child(store)).status == "cancelled"
    assert "child" not in family.ledger.names("start")


# --- the process ends while a call is being stopped -------------------------------------------------


async def test_a_call_that_timed_out_before_a_crash_has_timed_out(
    autojump_clock: trio.testing.MockClock,
) -> None:
    family = Family(f"{LONG}\nfinally: {{f: {{act: {{takes: 2500ms}}, repeatable: true}}}}")
    store = MemoryStore()
    with trio.CancelScope() as process:
        async with family.engine(store=store) as engine:
            run = await engine.start(family.load("steps: {call: {workflow: child, timeout: 3s}}"))
            await trio.sleep(4)  # the child cleans up
            killed(Rig(engine, family.ledger, family.registry))
            process.cancel()
            await trio.sleep_forever()
    async with family.engine(store=store) as engine:
        await trio.sleep(300)
        state = (await engine.find(run.id)).state()
        assert state.steps["call"].error is not None
        assert state.steps["call"].error.name == "timeout"
        assert told(await journal(store, run.id)).count("step.stopping call") == 1


# --- secrets ----------------------------------------------------------------------------------------


async def test_the_reason_of_a_cancel_is_masked_before_it_is_handed_down(
    autojump_clock: trio.testing.MockClock,
) -> None:
    family, store = Family("steps: {w: {wait: 10s}}"), MemoryStore()
    async with family.engine(store=store, secrets={"TOKEN": "s3cr3t-canary"}) as engine:
        run = await engine.start(family.load(f"secrets: [TOKEN]\n{CALLS}"))
        await trio.sleep(1)
        await run.cancel("wrong token s3cr3t-canary")
        await to_end(run)
        child = (await stored_child(store)).id
        assert b"s3cr3t" not in b"".join(record.body for record in await store.load(child))
        (cancelled,) = data_of(await journal(store, child), "workflow.cancelled")
    assert "wrong token" in cancelled["reason"]
