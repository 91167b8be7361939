"""Runs that steps have called and that this engine cannot drive on: nobody waits for ever, or in silence."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.engine.kit import Ledger, statuses, to_end
from tests.engine.stores import data_of, journal

import treadle
from treadle import RunStatus
from treadle.errors import Refused
from treadle.plugin import RunFilter, StepType, hookimpl
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

CHILD = "steps: [{id: a, repeatable: true, act: {takes: 5s}}, {id: b, special: {name: b, takes: 5s}}]"
CALLS = "steps: {call: {workflow: child}, after: {needs: call, act: {}}}"


class Special:
    """A plugin that only one of the two processes has."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        (act,) = self._ledger.treadle_step_types()
        return [StepType(name="special", config=act.config, run=act.run, main="name")]


class Leaves(Exception):
    """A process is at its end."""


class Two:
    """A process that can drive caller and called run, and one that can drive the caller only."""

    def __init__(self, calls: str = CALLS) -> None:
        self.store = MemoryStore()
        self.ledger = Ledger()
        self._all = treadle.Registry.of(self.ledger, Special(self.ledger))
        self._lacking = treadle.Registry.of(self.ledger)
        self._calls = calls

    def _load(self, name: str, spec: str) -> treadle.Workflow:
        return treadle.loads(f"treadle: 1\nname: {name}\n{spec}", registry=self._all)

    def engine(self, *, lacking: bool) -> Any:
        return treadle.open_engine(
            store=self.store,
            registry=self._lacking if lacking else self._all,
            workflows=[self._load("child", CHILD)],
            recover=False,
        )

    async def started(self) -> None:
        """Begin both, in a process that has all plugins and then is no more."""
        try:
            async with self.engine(lacking=False) as engine:
                parent = await engine.start(self._load("parent", self._calls))
                await trio.sleep(1)
                self.parent = parent.id
                page = await self.store.list(RunFilter(parent=parent.id), limit=10)
                (self.child,) = [info.id for info in page.runs]
                raise Leaves  # noqa: TRY301  the engine is to be left by it
        except Leaves:
            return


@asynccontextmanager
async def left_with(two: Two) -> AsyncIterator[treadle.Run]:
    """The caller, driven by the process that lacks a plugin of what it called."""
    await two.started()
    async with two.engine(lacking=True) as engine:
        caller = await engine.resume_run(two.parent)
        await trio.sleep(2)
        yield caller


async def test_a_caller_asks_what_is_to_become_of_it(autojump_clock: object) -> None:
    two = Two()
    async with left_with(two) as caller:
        assert caller.status is RunStatus.WAITING
        assert caller.stands
        prompt = caller.questions["call"]
        assert prompt is not None
        assert f"run {two.child} cannot be driven here" in prompt
        assert "'special'" in prompt
        assert f"`treadle resume {two.child}`" in prompt
        await trio.sleep(10_000)
        assert len(data_of(await journal(two.store, two.parent), "step.waiting")) == 1


async def test_it_goes_on_by_itself_once_somebody_drives_what_it_called(autojump_clock: object) -> None:
    two = Two()
    async with left_with(two) as caller, two.engine(lacking=False) as other:
        called = await other.resume_run(two.child)
        await trio.sleep(3)
        assert (caller.status, caller.questions) == (RunStatus.RUNNING, {})
        assert (await to_end(caller)).status is RunStatus.COMPLETED
        assert called.status is RunStatus.COMPLETED


@pytest.mark.parametrize(
    ("decision", "status", "call"),
    [
        ("fail", "failed", "failed"),
        ("continue", "completed", "failed"),
        ("rollback", "rolled_back", "failed"),
        ("complete", "completed", "completed"),
    ],
)
async def test_a_person_decides_without_what_it_called(
    decision: str, status: str, call: str, autojump_clock: object
) -> None:
    two = Two()
    async with left_with(two) as caller:
        given = {"v": 1} if decision == "complete" else None
        await caller.resolve("call", decision, output=given, by="ann")
        state = await to_end(caller)
    step = state.steps["call"]
    assert (state.status, step.status, step.output) == (status, call, given)
    if decision != "complete":
        assert step.error is not None
        assert (step.error.name, step.error.data) == ("workflow.undriven", {"run": two.child})
        assert "it was decided by ann to go on without it" in step.error.message
    (resolved,) = data_of(await journal(two.store, two.parent), "step.resolved")
    assert (resolved["decision"], resolved["by"], resolved["who"]) == (decision, "person", "ann")


async def test_what_was_decided_about_does_not_go_on_beside_that(autojump_clock: object) -> None:
    two = Two()
    async with left_with(two) as caller:
        await caller.resolve("call", "fail")
        await to_end(caller)
    async with two.engine(lacking=False) as engine:
        called = await engine.resume_run(two.child)
        assert (await to_end(called)).status is RunStatus.CANCELLED
    assert two.ledger.names("end") == []


async def test_outputs_that_are_no_mapping_are_refused(autojump_clock: object) -> None:
    two = Two()
    async with left_with(two) as caller:
        with pytest.raises(Refused, match="its outputs by name"):
            await caller.resolve("call", "complete", output="text")
        with pytest.raises(Refused, match="retry is not one of complete, continue, fail, rollback"):
            await caller.resolve("call", "retry")


async def test_the_question_outlives_a_crash_and_so_does_its_answer(autojump_clock: object) -> None:
    two = Two()
    with suppress(Leaves):
        async with left_with(two) as caller:
            await caller.pause()
            raise Leaves
    async with two.engine(lacking=True) as engine:
        caller = await engine.resume_run(two.parent)
        await trio.sleep(1)
        assert list(caller.questions) == ["call"]
        await caller.resolve("call", "continue")
        await trio.sleep(1)
        assert caller.status is RunStatus.PAUSED
    async with two.engine(lacking=True) as engine:
        caller = await engine.resume_run(two.parent)
        await caller.resume()
        state = await to_end(caller)
    assert statuses(state) == {"call": "failed", "after": "completed"}
    assert len(data_of(await journal(two.store, two.parent), "step.waiting")) == 1


async def test_a_cancel_is_left_for_whoever_drives_it_and_the_caller_ends(autojump_clock: object) -> None:
    two = Two()
    async with left_with(two) as caller:
        since = trio.current_time()
        await caller.cancel("enough")
        assert (await to_end(caller)).status is RunStatus.CANCELLED
        assert trio.current_time() - since < 5
    async with two.engine(lacking=False) as engine:
        assert (await to_end(await engine.resume_run(two.child))).status is RunStatus.CANCELLED
