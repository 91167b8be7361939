"""A run and those that it calls, when their process dies at any moment: one child an attempt, and all end.

Rule: after the death nothing more reaches the store; the next process has that store and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from tests.engine.kit import Ledger
from tests.engine.stores import OddStore, journal

import treadle
from treadle.errors import StoreUnavailable
from treadle.plugin import RunFilter
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from treadle.plugin import RunInfo

CHILDREN = {
    "works": "steps: [{id: a, repeatable: true, act: {takes: 2s}},"
    " {id: b, repeatable: true, act: {takes: 2s}}]"
    "\nfinally: {f: {act: {takes: 1s}, repeatable: true}}",
    "breaks": "steps: {w: {act: {name: shaky, takes: 1s, fails: 1}, repeatable: true}}",
    "nested": "steps: {inner: {workflow: works}}",
    "quick": "steps: {a: {set: {x: 1}}}",
}

PARENTS = {
    "one": "{call: {workflow: works}}",
    "two at once": "{call: {workflow: works}, other: {workflow: quick}}",
    "tried again": "{call: {workflow: breaks, retry: 2}}",
    "in three generations": "{call: {workflow: nested}}",
    "timed out": "{call: {workflow: works, timeout: 3s, on_error: continue}}",
    "detached": "{call: {workflow: {name: quick, detach: true}}}",
    "one after the other": "{a: {workflow: quick}, b: {needs: a, workflow: quick}}",
    "of elements": "{call: {foreach: [1, 2], workflow: quick}}",
}


HANGS_AFTER = 1_000.0
"""Virtual seconds of one process; all that is done here takes far less."""


class Death(trio.abc.Instrument):
    """Ends a process at its step number *at*, as trio counts them; *gently*: it suspends its runs."""

    def __init__(self, store: OddStore, at: int, *, gently: bool) -> None:
        self.scope = trio.CancelScope()
        self.work = trio.CancelScope()
        self.dead = False
        self._gently = gently
        self._store = store
        self._left = at

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._left -= 1
        if self._left == 0:
            self.dead = True
            if self._gently:
                self.work.cancel()
                return
            gone = StoreUnavailable("the process is dead")
            self._store.out(gone)
            for name in ("create", "info", "load", "ask", "asked"):
                self._store.fails[name] = gone
            self.scope.cancel()


class Family:
    """A parent and its children in a store that outlives processes."""

    def __init__(self, steps: str, *commands: tuple[float, str]) -> None:
        self.inner = MemoryStore()
        self.ledger = Ledger()
        self.registry = treadle.Registry.of(self.ledger)
        self.parent = self._load("parent", f"steps: {steps}")
        self.children = [self._load(name, spec) for name, spec in CHILDREN.items()]
        self.commands = commands
        self.run = ""

    def _load(self, name: str, spec: str) -> treadle.Workflow:
        return treadle.loads(f"treadle: 1\nname: {name}\n{spec}", registry=self.registry)

    def process(self, dies_at: int = 0, *, gently: bool = False) -> bool:
        """One process, that drives what there is until it ends or dies; whether it died."""
        store = OddStore(self.inner)
        death = Death(store, dies_at, gently=gently)
        began = self._now

        async def live() -> None:
            with death.scope, trio.fail_after(HANGS_AFTER):
                async with treadle.open_engine(
                    store=store, registry=self.registry, seed=1, workflows=self.children
                ) as engine:
                    with death.work:
                        await self._drive(engine)

        clock = trio.testing.MockClock(autojump_threshold=0)
        clock.jump(began)
        try:
            trio.run(live, clock=clock, instruments=[death])
        except (StoreUnavailable, treadle.StoreError):
            assert death.dead
        self._now = clock.current_time() + 1  # seeded ids hold the time
        return death.dead

    _now = 0.0

    async def _drive(self, engine: treadle.Engine) -> None:
        if not self.run:
            run = await engine.start(self.parent, key="the one")
            self.run = run.id
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._give_all, engine)
            await self._all_ended()
            nursery.cancel_scope.cancel()

    async def _give_all(self, engine: treadle.Engine) -> None:
        for moment, command in self.commands:
            await trio.sleep_until(moment)
            await self._give(engine, command)

    async def _give(self, engine: treadle.Engine, command: str) -> None:
        try:
            await getattr(await engine.find(self.run), command)()
        except treadle.Refused:
            return

    async def _all_ended(self) -> None:
        while any(not info.status.ended for info in await self.infos()):  # noqa: ASYNC110  nobody tells
            await trio.sleep(1)

    async def infos(self) -> list[RunInfo]:
        return list((await self.inner.list(RunFilter(), limit=1000)).runs)

    def journals(self) -> Mapping[str, list[treadle.Event]]:
        async def read() -> dict[str, list[treadle.Event]]:
            return {info.id: await journal(self.inner, info.id) for info in await self.infos()}

        return trio.run(read)


def check(family: Family) -> None:
    """What holds of every family, whatever happened to its processes."""
    journals = family.journals()
    told = {}
    for run, events in journals.items():
        state = treadle.RunState.fold(events)
        assert state.status.ended, (run, [event.type for event in events])
        refused = [event for event in events if event.data.get("error", {}).get("name") == "workflow.refused"]
        assert not refused, "an engine that is left fails no step"
        calls = [event for event in events if event.type == "step.called"]
        keys = [(event.step, event.attempt) for event in calls]
        assert len(keys) == len(set(keys)), "an attempt called twice"
        told.update({event.data["run"]: (run, event.step, event.attempt) for event in calls})
    for run, events in journals.items():
        parent = events[0].data.get("parent")
        if parent is None:
            assert run == family.run
            continue
        assert told[run] == (parent["run"], parent["step"], parent["attempt"])
        if not parent["detached"]:
            _ended_before(events, journals[parent["run"]], parent)


def _ended_before(child: list[treadle.Event], caller: list[treadle.Event], parent: Mapping[str, Any]) -> None:
    """The attempt that called ended after what it called."""
    ends = [
        event.time
        for event in caller
        if event.step == parent["step"]
        and event.attempt == parent["attempt"]
        and event.type in ("step.completed", "step.failed", "step.cancelled", "step.retrying")
    ]
    assert ends
    assert child[-1].time <= ends[0]


def killed_everywhere(make: Callable[[], Family], *, stride: int = 1, gently: bool = False) -> int:
    """Kill the first process of a family at every step of its scheduler; how often that was done."""
    at = 1
    while True:
        family = make()
        died = family.process(dies_at=at, gently=gently)
        if died:
            assert not family.process()
        check(family)
        if not died:
            return at
        at += stride


@pytest.mark.parametrize("steps", PARENTS.values(), ids=PARENTS)
def test_one_child_an_attempt_wherever_the_process_dies(steps: str) -> None:
    assert killed_everywhere(lambda: Family(steps), stride=5) > 20


@pytest.mark.parametrize("steps", PARENTS.values(), ids=PARENTS)
def test_one_child_an_attempt_wherever_the_process_is_told_to_leave(steps: str) -> None:
    def family() -> Family:
        return Family(steps)

    assert killed_everywhere(family, stride=5, gently=True) > 20


@pytest.mark.parametrize("moment", [0.5, 2.0, 4.5])
def test_a_cancel_is_carried_through_wherever_the_process_dies(moment: float) -> None:
    steps = PARENTS["in three generations"]
    assert killed_everywhere(lambda: Family(steps, (moment, "cancel")), stride=5) > 20


@pytest.mark.parametrize("steps", ["one", "in three generations", "timed out"])
def test_a_pause_ends_with_its_resumption_wherever_the_process_dies(steps: str) -> None:
    def family() -> Family:
        return Family(PARENTS[steps], (1.0, "pause"), (40.0, "resume"))

    assert killed_everywhere(family, stride=11) > 20
