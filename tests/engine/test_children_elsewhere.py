"""Runs that steps have called, driven by another process than their callers."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import trio
from tests.engine.kit import Ledger, to_end

import treadle
from treadle import RunStatus
from treadle.plugin import RunFilter
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TWO = "steps: [{id: a, repeatable: true, act: {takes: 5s}}, {id: b, act: {takes: 5s}}]"
ASKS = "steps: [{id: ok, approval: {prompt: 'go?'}}, {id: after, act: {takes: 5s}}]"


class Leaves(Exception):
    """A process is at its end."""


class Two:
    """Two engines on one store, of which one drives the caller and the other what that called."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.ledger = Ledger()
        self.registry = treadle.Registry.of(self.ledger)
        self.elsewhere = trio.CancelScope()
        self.is_driven = trio.Event()

    def load(self, name: str, spec: str) -> treadle.Workflow:
        return treadle.loads(f"treadle: 1\nname: {name}\n{spec}", registry=self.registry)

    def engine(self, child: str) -> object:
        return treadle.open_engine(
            store=self.store, registry=self.registry, workflows=[self.load("child", child)], recover=False
        )

    async def started(self, child: str) -> None:
        """Begin both, in a process that then is no more."""
        try:
            async with self.engine(child) as engine:  # type: ignore[attr-defined]
                parent = await engine.start(self.load("parent", "steps: {call: {workflow: child}}"))
                await trio.sleep(1)
                self.parent = parent.id
                page = await self.store.list(RunFilter(parent=parent.id), limit=10)
                (self.child,) = [info.id for info in page.runs]
                raise Leaves  # noqa: TRY301  the engine is to be left by it
        except Leaves:
            return

    async def drive_the_child(self, child: str) -> None:
        with self.elsewhere:
            async with self.engine(child) as engine:  # type: ignore[attr-defined]
                self.called = await engine.resume_run(self.child)
                self.is_driven.set()
                await trio.sleep_forever()


@asynccontextmanager
async def apart(child: str) -> AsyncIterator[tuple[Two, treadle.Run, treadle.Run]]:
    """A caller that is driven here, and what it called, driven elsewhere."""
    two = Two()
    await two.started(child)
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        nursery.start_soon(two.drive_the_child, child)
        await two.is_driven.wait()
        here = await stack.enter_async_context(two.engine(child))  # type: ignore[arg-type]
        caller = await here.resume_run(two.parent)
        yield two, caller, two.called
        two.elsewhere.cancel()


async def test_a_caller_waits_for_what_another_process_drives(autojump_clock: object) -> None:
    async with apart(TWO) as (_, caller, called):
        assert (await to_end(caller)).status is RunStatus.COMPLETED
        assert called.status is RunStatus.COMPLETED


async def test_a_cancel_reaches_another_process(autojump_clock: object) -> None:
    async with apart(TWO) as (_, caller, called):
        await trio.sleep(1)
        await caller.cancel("enough")
        assert (await to_end(caller)).status is RunStatus.CANCELLED
        assert called.status is RunStatus.CANCELLED
        assert called.state().reason == "the run was cancelled (enough)"


async def test_a_pause_reaches_another_process(autojump_clock: object) -> None:
    async with apart(TWO) as (_, caller, called):
        await trio.sleep(1)
        await caller.pause()
        await trio.sleep(8)
        assert (caller.status, called.status) == ("paused", "paused")
        await caller.resume()
        assert (await to_end(caller)).status is RunStatus.COMPLETED


async def test_a_question_in_another_process_has_the_caller_wait(autojump_clock: object) -> None:
    async with apart(ASKS) as (_, caller, called):
        await trio.sleep(1)
        assert (caller.status, called.status) == ("waiting", "waiting")
        await called.approve("ok")
        await trio.sleep(2)
        assert caller.status is RunStatus.RUNNING
        assert (await to_end(caller)).status is RunStatus.COMPLETED


async def test_a_caller_takes_over_what_the_other_process_left(autojump_clock: object) -> None:
    async with apart(TWO) as (two, caller, called):
        await trio.sleep(1)
        two.elsewhere.cancel()
        assert (await to_end(caller)).status is RunStatus.COMPLETED
        assert called.status is not RunStatus.COMPLETED  # it was left there


async def test_what_waits_for_a_person_is_found_waiting_after_a_crash(autojump_clock: object) -> None:
    two = Two()
    await two.started(ASKS)
    async with two.engine(ASKS) as engine:  # type: ignore[attr-defined]
        caller = await engine.resume_run(two.parent)
        await trio.sleep(1)
        called = await engine.find(two.child)
        assert called.driven_here
        assert (caller.status, called.status) == ("waiting", "waiting")
        await called.approve("ok")
        assert (await to_end(caller)).status is RunStatus.COMPLETED


async def test_suspended_together_they_go_on_together(autojump_clock: object) -> None:
    two = Two()
    await two.started(TWO)
    async with two.engine(TWO) as engine:  # type: ignore[attr-defined]
        await engine.resume_run(two.parent)
        await trio.sleep(1)
    async with two.engine(TWO) as engine:  # type: ignore[attr-defined]
        assert (await to_end(await engine.resume_run(two.parent))).status is RunStatus.COMPLETED
        assert (await engine.find(two.child)).status is RunStatus.COMPLETED
