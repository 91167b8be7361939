"""What is left of runs that called others, or were called, when one of the two is lost or ended too soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.engine.kit import Ledger, to_end
from tests.engine.stores import OddStore, data_of, journal

import treadle
from treadle._records import encode
from treadle.errors import Fenced
from treadle.events import Event, RunStatus
from treadle.plugin import Append, RunFilter
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKS = "steps: {w: {repeatable: true, act: {name: child, takes: 50s}}}"


class Leaves(Exception):
    """A process is at its end."""


class Place:
    """Workflows that call each other by name, and engines for them on one store."""

    def __init__(self, store: Any, called: Mapping[str, str]) -> None:
        self.store = store
        self.ledger = Ledger()
        self._registry = treadle.Registry.of(self.ledger)
        self._called = [self.load(spec, name) for name, spec in called.items()]

    def load(self, spec: str, name: str = "parent") -> treadle.Workflow:
        return treadle.loads(f"treadle: 1\nname: {name}\n{spec}", registry=self._registry)

    def engine(self, **settings: Any) -> Any:
        return treadle.open_engine(
            store=self.store, registry=self._registry, workflows=self._called, **settings
        )


async def only(store: Any, workflow: str) -> str:
    """The id of the only run of *workflow*."""
    (info,) = (await store.list(RunFilter(workflow=workflow), limit=9)).runs
    found: str = info.id
    return found


# --- callers that have ended ------------------------------------------------------------------------


async def ended_without(store: MemoryStore, run_id: str) -> None:
    """Have a run end in the store, as a process may do that knows nothing of what it called."""
    events = await journal(store, run_id)
    info = await store.claim(run_id, "other", now=1e12, until=1e12)
    assert info is not None
    last = events[-1]
    assert last.seq is not None
    end = Event(
        run_id,
        last.workflow,
        last.seq + 1,
        last.time,
        "workflow.cancelled",
        None,
        None,
        last.correlation_id,
        last.labels,
        {"reason": None, "tolerated": 0},
    )
    append = Append(
        run=run_id,
        token=info.token,
        after=last.seq,
        records=[encode(end, last.labels)],
        status=RunStatus.CANCELLED,
        time=last.time,
        ended_at=last.time,
    )
    assert list(await store.append([append])) == [None]


async def crashed_family(place: Place, calls: str) -> tuple[str, str]:
    """The ids of a caller, and of the run that it called, whose process is no more."""
    try:
        async with place.engine() as engine:
            parent = await engine.start(place.load(calls))
            await trio.sleep(5)
            child = await only(place.store, "child")
            raise Leaves  # noqa: TRY301  the engine is to be left by it
    except Leaves:
        return parent.id, child


@pytest.mark.parametrize("forgotten", [False, True], ids=["kept", "forgotten"])
async def test_a_run_whose_caller_has_ended_without_it_is_cancelled_when_it_is_found(
    forgotten: bool, autojump_clock: object
) -> None:
    place = Place(MemoryStore(), {"child": WORKS})
    parent, child = await crashed_family(place, "steps: {call: {workflow: child}}")
    await ended_without(place.store, parent)
    if forgotten:
        await place.store.forget([parent])
    async with place.engine():
        await trio.sleep(5)
        assert (await place.store.info(child)).status == "cancelled"
        (told,) = data_of(await journal(place.store, child), "workflow.cancelled")
    assert told["reason"] == f"run {parent}, which called it, has ended without it"
    assert place.ledger.names("end") == []


async def test_a_detached_run_outlives_its_caller(autojump_clock: object) -> None:
    place = Place(MemoryStore(), {"child": WORKS})
    parent, child = await crashed_family(place, "steps: {call: {workflow: {name: child, detach: true}}}")
    assert (await place.store.info(parent)).status.ended
    async with place.engine() as engine:
        await trio.sleep(1)
        assert (await to_end(await engine.find(child))).status == "completed"


async def test_a_run_whose_caller_goes_on_is_left_in_peace(autojump_clock: object) -> None:
    place = Place(MemoryStore(), {"child": WORKS})
    parent, child = await crashed_family(place, "steps: {call: {workflow: child}}")
    async with place.engine(recover=False) as engine:
        assert (await to_end(await engine.resume_run(child))).status == "completed"
        assert (await to_end(await engine.resume_run(parent))).status == "completed"


# --- shares in `limits.runs` ------------------------------------------------------------------------

QUEUES = {
    "middle": "steps: {call: {workflow: last}}",
    "last": "concurrency: one\nsteps: {w: {wait: 1s}}",
}
HOLDS = "concurrency: one\nsteps: {w: {act: {takes: 1000s}}}"
OTHER = "steps: {w: {act: {takes: 2s}}}"


async def lends(place: Place, engine: treadle.Engine) -> treadle.Run:
    """A run that is lost here, while what it called waits for its turn, and is driven by its share."""
    await engine.start(place.load(HOLDS, "holder"))
    run = await engine.start(place.load("steps: {call: {workflow: middle}, w: {wait: 3s}}"))
    await trio.sleep(1)
    place.store.answers[run.id] = Fenced(run.id, "other")
    await trio.sleep(4)
    place.store.answers.clear()
    assert [each.workflow for each in engine.runs(status="pending")] == ["last"]
    return run


async def test_a_share_that_was_lent_is_not_lent_when_its_run_is_lost(autojump_clock: object) -> None:
    place = Place(OddStore(), QUEUES)
    async with place.engine(recover=False, limits=treadle.Limits(runs=2)) as engine:
        await lends(place, engine)
        for run in [await engine.start(place.load(OTHER, "other")) for _ in range(4)]:
            await to_end(run)
        assert place.ledger.most_inside == 2


async def test_a_run_that_is_taken_over_lends_its_share_again(autojump_clock: object) -> None:
    place = Place(OddStore(), QUEUES)
    async with place.engine(recover=False, limits=treadle.Limits(runs=2)) as engine:
        lost = await lends(place, engine)
        run = await engine.resume_run(lost.id)
        await trio.sleep(1)
        since = trio.current_time()
        for other in [await engine.start(place.load(OTHER, "other")) for _ in range(4)]:
            await to_end(other)
        assert trio.current_time() - since == pytest.approx(8, abs=0.5)
        assert place.ledger.most_inside == 2
        assert (await to_end(run)).status == "completed"


# --- keys ---------------------------------------------------------------------------------------------


async def test_a_call_that_wants_the_key_of_a_run_driven_elsewhere_that_waits_for_it_is_refused(
    autojump_clock: object,
) -> None:
    called = {
        "child": "steps: [{id: w, wait: 10s}, {id: call, workflow: last}]",
        "last": "concurrency: one\nsteps: {w: {wait: 1s}}",
    }
    place = Place(MemoryStore(), called)
    parent, child = await crashed_family(place, "concurrency: one\nsteps: {call: {workflow: child}}")
    async with place.engine(recover=False) as here, place.engine(recover=False) as elsewhere:
        middle = await here.resume_run(child)
        await elsewhere.resume_run(parent)
        error = (await to_end(middle)).steps["call"].error
    assert error is not None
    assert error.name == "workflow.refused"
    assert f"run {parent}, which waits for it, has the concurrency key 'one' itself" in error.message
