"""Runs that share a concurrency key: who begins when, who is cancelled, who is refused."""

from __future__ import annotations

import sys
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from tests.engine.kit import Rig, events, rig, to_end
from tests.engine.stores import OddStore, data_of, journal
from tests.engine.test_leases import crashed
from tests.engine.test_owner import of_a_process_that_has_ended

import treadle
from treadle._records import encode
from treadle._rerun import closure
from treadle._rerun import journal as rerun_journal
from treadle.errors import StoreBroken, StoreUnavailable
from treadle.testing import MemoryStore


def without_a_store() -> dict[str, Any]:
    return {}


def on_a_store() -> dict[str, Any]:
    return {"store": MemoryStore()}


@pytest.fixture(params=[without_a_store, on_a_store], ids=["volatile", "stored"])
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What an engine is opened with."""
    given: dict[str, Any] = request.param()
    return given


def spec(terms: str = "one", *, takes: str = "10s", more: str = "") -> str:
    return f"concurrency: {terms}\n{more}steps: [{{id: a, act: {{takes: {takes}}}}}]\n"


def begun_at(state: treadle.RunState) -> float:
    assert state.started_at is not None
    return state.started_at


# --- queue -----------------------------------------------------------------------------------------


async def test_runs_that_share_a_key_begin_one_after_another_in_the_order_of_acceptance(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        runs = [await r.start(spec()) for _ in range(5)]
        states = [await to_end(run) for run in runs]
    begun = [round(begun_at(state) - begun_at(states[0])) for state in states]
    assert begun == [0, 10, 20, 30, 40]
    assert r.ledger.most_inside == 1


async def test_as_many_runs_as_the_limit_are_under_way(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        runs = [await r.start(spec("{key: k, limit: 3}")) for _ in range(7)]
        states = [await to_end(run) for run in runs]
    assert r.ledger.most_inside == 3
    assert [round((begun_at(state) - begun_at(states[0])) / 10) for state in states] == [0, 0, 0, 1, 1, 1, 2]


async def test_runs_of_other_keys_do_not_wait(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    text = spec("'deploy-${{ inputs.env }}'", more="inputs: {env: {type: string}}\n")
    async with rig(**place) as r:
        runs = [await r.start(text, inputs={"env": env}) for env in ("prod", "staging", "prod")]
        first, other, second = [await to_end(run) for run in runs]
    assert round(begun_at(other) - begun_at(first)) == 0
    assert round(begun_at(second) - begun_at(first)) == 10


async def test_workflows_share_a_key_and_without_one_it_is_the_workflows_name(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        runs = [await r.start(spec(terms)) for terms in ("{limit: 1}", "test")]
        first, second = [await to_end(run) for run in runs]
    assert round(begun_at(second) - begun_at(first)) == 10


async def test_a_run_that_waits_says_for_whom(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        first, second = await r.start(spec()), await r.start(spec())
        await to_end(second)
        told = data_of(await events(second), "workflow.queued")
        assert data_of(await events(first), "workflow.queued") == []
    assert told == [{"key": "one", "limit": 1, "on_limit": "queue", "behind": [first.id]}]


async def test_a_run_that_waits_can_be_cancelled_and_the_next_takes_its_turn(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        first, second, third = [await r.start(spec()) for _ in range(3)]
        await trio.sleep(1)
        await second.cancel("not needed")
        assert (await to_end(second)).status == "cancelled"
        assert first.status == "running"
        one, three = await to_end(first), await to_end(third)
    assert round(begun_at(three) - begun_at(one)) == 10
    assert second.state().started_at is None


async def test_a_paused_run_keeps_its_place(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        first, second = await r.start(spec()), await r.start(spec())
        await trio.sleep(1)
        await first.pause()
        await trio.sleep(100)
        assert (first.status, second.status) == ("paused", "pending")
        await first.resume()
        assert (await to_end(second)).status == "completed"


async def test_finally_and_rollback_keep_the_place(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    text = """
concurrency: one
on_error: rollback
steps:
  - {id: a, act: {}, undo: {act: {takes: 5s}}}
  - {id: b, act: {fails: 9}}
finally: [{act: {takes: 7s}}]
"""
    async with rig(**place) as r:
        first, second = await r.start(text), await r.start(spec())
        one, two = await to_end(first), await to_end(second)
    assert one.status == "rolled_back"
    assert round(begun_at(two) - begun_at(one)) == 12


async def test_a_run_that_waits_takes_none_of_the_runs_that_may_be_under_way(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place, limits=treadle.Limits(runs=2)) as r:
        runs = [await r.start(spec()) for _ in range(3)]
        other = await to_end(await r.start("steps: [{act: {takes: 1s}}]"))
        assert round(begun_at(other) - begun_at(runs[0].state())) == 0
        for run in runs:
            await to_end(run)


async def test_leaving_an_engine_leaves_nobody_waiting(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    with trio.fail_after(60):
        async with rig(**place) as r:
            runs = [await r.start(spec(takes="1h")) for _ in range(3)]
            await trio.sleep(1)
    ends = {"cancelled"} if not place else {"running", "pending"}
    assert {str(run.status) for run in runs[1:]} <= ends


async def test_a_thousand_runs_of_one_key_take_their_turns(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    workflow_text = spec("{key: k, limit: 10}", takes="1s")
    async with rig(**place) as r:
        workflow = r.load(workflow_text)
        runs = [await r.engine.start(workflow) for _ in range(300)]
        for run in runs:
            assert (await to_end(run)).status == "completed"
    assert r.ledger.most_inside == 10


# --- reject ----------------------------------------------------------------------------------------


async def test_of_many_that_start_at_once_one_is_accepted(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    accepted: list[treadle.Run] = []
    refused: list[treadle.Refused] = []

    async with rig(**place) as r:

        async def start() -> None:
            try:
                accepted.append(await r.start(spec("{key: k, on_limit: reject}")))
            except treadle.Refused as error:
                refused.append(error)

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(start)
        assert (len(accepted), len(refused)) == (1, 19)
        assert {f"run {accepted[0].id} has the concurrency key 'k'" in str(error) for error in refused} == {
            True
        }
        await to_end(accepted[0])
        await to_end(await r.start(spec("{key: k, on_limit: reject}")))


async def test_a_run_that_is_refused_leaves_nothing(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        first = await r.start(spec("{key: k, on_limit: reject}"))
        with pytest.raises(treadle.Refused):
            await r.start(spec("{key: k, on_limit: reject}"), key="again")
        assert repr(store) == "<MemoryStore of 1 runs>"
        await to_end(first)
        assert (await to_end(await r.start(spec("{key: k, on_limit: reject}"), key="again"))).status == (
            "completed"
        )


async def test_the_key_of_a_run_that_is_there_is_answered_before_its_group_is_asked(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        text = spec("{key: k, on_limit: reject}")
        first = await r.start(text, key="nightly")
        assert (await r.start(text, key="nightly")).id == first.id
        await to_end(first)


# --- cancel_running --------------------------------------------------------------------------------


async def test_a_newer_run_cancels_the_one_that_runs_and_those_that_wait(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    text = spec("{key: k, on_limit: cancel_running}")
    async with rig(**place) as r:
        older = [await r.start(spec("k")), await r.start(spec("k"))]
        await trio.sleep(1)
        newest = await r.start(text)
        for run in older:
            state = await to_end(run)
            assert state.status == "cancelled"
            assert state.reason == f"run {newest.id} has taken over the concurrency key 'k'"
        assert (await to_end(newest)).status == "completed"
        told = data_of(await events(older[0]), "workflow.command")
    assert [one["by"] for one in told] == [f"concurrency: run {newest.id}"]


async def test_a_newer_run_begins_when_what_it_cancels_has_cleaned_up(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        old = await r.start(spec("k", more="finally: [{act: {takes: 20s}}]\n"))
        await trio.sleep(1)
        new = await r.start(spec("{key: k, on_limit: cancel_running}"))
        before, after = await to_end(old), await to_end(new)
    assert before.ended_at is not None
    assert 0 <= begun_at(after) - before.ended_at < 1
    assert r.ledger.most_inside == 1


async def test_of_many_that_replace_each_other_the_last_is_done(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        runs = [await r.start(spec("{key: k, on_limit: cancel_running}")) for _ in range(10)]
        ends = [str((await to_end(run)).status) for run in runs]
    assert ends == ["cancelled"] * 9 + ["completed"]


# --- the key ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "given", "message"),
    [
        ("'${{ inputs.x }}'", "", "its concurrency key is '', and must be text of 1 to 200 characters"),
        ("'${{ inputs.x }}'", "x" * 201, "its concurrency key is str of 203, and must be text"),
        ("'${{ int(inputs.x) }}'", "a", "its concurrency key has no value"),
    ],
)
async def test_a_key_without_a_value_is_refused(
    key: str, given: str, message: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        with pytest.raises(treadle.Refused, match="concurrency key") as error:
            await r.start(spec(key, more="inputs: {x: {type: string}}\n"), inputs={"x": given})
    assert message in str(error.value)


async def test_a_number_makes_a_key(place: dict[str, Any], autojump_clock: trio.testing.MockClock) -> None:
    text = spec("'${{ inputs.n }}'", more="inputs: {n: {type: integer}}\n")
    async with rig(**place) as r:
        runs = [await r.start(text, inputs={"n": 7}), await r.start(spec("'7'"))]
        first, second = [await to_end(run) for run in runs]
    assert round(begun_at(second) - begun_at(first)) == 10


# --- several processes -----------------------------------------------------------------------------


async def test_two_engines_on_one_store_share_the_group(autojump_clock: trio.testing.MockClock) -> None:
    store = MemoryStore()
    async with rig(store=store) as one, rig(store=store, seed=None) as two:
        first, second, third = await one.start(spec()), await two.start(spec()), await one.start(spec())
        states = [await to_end(run) for run in (first, second, third)]
    begun = [begun_at(state) - begun_at(states[0]) for state in states]
    assert begun == [0, pytest.approx(10, abs=0.5), pytest.approx(20, abs=1)]


async def test_a_run_in_another_engine_is_cancelled_by_a_newer_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as one, rig(store=store, seed=None) as two:
        old = await one.start(spec("k"))
        await trio.sleep(1)
        new = await two.start(spec("{key: k, on_limit: cancel_running}"))
        assert (await to_end(old)).status == "cancelled"
        assert (await to_end(new)).status == "completed"


async def test_a_crashed_run_keeps_its_place_until_it_has_been_recovered_and_has_ended(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    text = "concurrency: one\nsteps: [{id: a, repeatable: true, act: {takes: 10s}}]\n"
    held = await crashed(store, text, after=5, recover=False, seed=None)
    async with rig(store=store, recover=False) as r:
        waiting = await r.start(spec())
        await trio.sleep(500)
        assert waiting.status == "pending"
        goes_on = await r.engine.resume_run(held)
        first, second = await to_end(goes_on), await to_end(waiting)
        assert first.ended_at is not None
        assert begun_at(second) >= first.ended_at


async def test_a_run_that_waited_when_its_process_died_blocks_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        first = await r.start(spec(takes="100s"))
        dead = await crashed(store, spec(), after=5, recover=False, seed=None)
        await trio.sleep(20)
        third = await r.start(spec())
        one, three = await to_end(first), await to_end(third)
        assert round(begun_at(three) - begun_at(one)) == 100
        late = await to_end(await r.engine.resume_run(dead))
        assert late.status == "completed"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can tell")
async def test_a_run_that_waited_blocks_nobody_once_its_process_is_known_to_be_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        first = await r.start(spec(takes="20s"))
        dead = await crashed(store, spec(), after=5, recover=False, seed=None)
        now = r.engine._surroundings.now()
        await store.claim(dead, of_a_process_that_has_ended(), now=now + 100, until=now + 1_000)
        third = await r.start(spec())
        one, three = await to_end(first), await to_end(third)
        assert one.ended_at is not None
        assert begun_at(three) - one.ended_at < 2
        late = await to_end(await r.engine.resume_run(dead))
        assert late.status == "completed"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can tell")
async def test_a_run_that_has_begun_keeps_its_place_although_its_process_is_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        begun = await crashed(store, spec(), after=5, recover=False, seed=None)
        now = r.engine._surroundings.now()
        await store.claim(begun, of_a_process_that_has_ended(), now=now + 100, until=now + 1_000)
        waits = await r.start(spec())
        await trio.sleep(2_000)
        assert waits.status == "pending"


async def test_a_run_that_waited_waits_again_where_it_is_taken_over(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        first = await r.start(spec(takes="100s"))
        dead = await crashed(store, spec(), after=5, recover=False, seed=None)
        await trio.sleep(20)
        again = await r.engine.resume_run(dead)
        third = await r.start(spec())
        states = [await to_end(run) for run in (first, again, third)]
    begun = [round(begun_at(state) - begun_at(states[0])) for state in states]
    assert begun == [0, 100, 110]


async def test_recovery_reaches_the_run_for_which_all_others_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    text = "concurrency: one\nsteps: [{id: a, repeatable: true, act: {takes: 10s}}]\n"
    ids = [await crashed(store, text, after=0.5, recover=False, seed=None) for _ in range(6)]
    async with rig(store=store, limits=treadle.Limits(runs=2)) as r:
        with trio.fail_after(1000):
            for one in ids:
                assert (await (await r.engine.find(one)).wait()).status == "completed"
    assert r.ledger.most_inside == 1


async def test_a_store_that_is_away_for_a_while_only_delays(autojump_clock: trio.testing.MockClock) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        store.fails["admit"] = StoreUnavailable("away")
        run = await r.start(spec())
        await trio.sleep(3)
        assert run.status == "pending"
        store.back()
        assert (await to_end(run)).status == "completed"
    assert data_of(await journal(store, run.id), "workflow.queued") == []


async def test_a_run_that_takes_over_asks_again_when_the_store_is_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        old = await r.start(spec("k", takes="1h"))
        await trio.sleep(1)
        store.fails["ask"] = StoreUnavailable("away")
        new = await r.start(spec("{key: k, on_limit: cancel_running}"))
        await trio.sleep(3)
        assert old.status == "running"
        store.back()
        await trio.sleep(1)
        assert old.status == "cancelled"
        assert (await to_end(new)).status == "completed"


async def test_a_store_that_breaks_under_a_run_that_takes_over_is_said_to_be_broken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()

    async def until_it_breaks() -> None:
        async with rig(store=store) as r:
            await r.start(spec("k", takes="1h"))
            await trio.sleep(1)
            store.fails["ask"] = ValueError("damaged")
            await r.start(spec("{key: k, on_limit: cancel_running}"))
            await trio.sleep(3)

    with pytest.raises(StoreBroken):
        await until_it_breaks()


async def test_a_store_that_has_no_groups_is_not_asked_for_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = OddStore()
    async with rig(store=store) as r:
        await r.run("steps: [{act: {}}]")
    assert "admit" not in store.called


async def test_a_run_that_nobody_drove_for_a_while_does_not_cancel_newer_ones(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store, recover=False) as r:
        await r.start(spec("k", more="finally: [{act: {takes: 20s}}]\n"))
        await trio.sleep(1)
        takes_over = spec("{key: k, on_limit: cancel_running}")
        old = await crashed(store, takes_over, after=2, recover=False, seed=None)
        await trio.sleep(40)
        new = await r.start(spec("k", takes="100s"))
        await trio.sleep(5)
        late = await r.engine.resume_run(old)
        assert (await to_end(new)).status == "completed"
        assert (await to_end(late)).status == "completed"


async def test_a_rerun_that_is_cancelled_while_it_waits_cleans_up_when_it_is_its_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    text = """
concurrency: k
steps: [{id: a, act: {takes: 5s}}, {id: b, act: {takes: 5s, fails: 1}}]
finally: [{act: {takes: 3s}}]
"""
    store = MemoryStore()
    async with rig(store=store) as r:
        failed = await to_end(await r.start(text))
        holder = await r.start(text)
        await _add_rerun(store, failed.run, r.load(text), now=r.engine._surroundings.now())
        rerun = await r.engine.resume_run("rerun")
        await trio.sleep(1)
        await rerun.cancel()
        assert (await to_end(rerun)).status == "cancelled"
        assert holder.status == "completed"
    assert r.ledger.most_inside == 1


async def _add_rerun(store: MemoryStore, of: str, workflow: treadle.Workflow, *, now: float) -> None:
    """Put in the store, and let nobody drive, a run that goes over again what failed in run *of*."""
    past, info = await journal(store, of), await store.info(of)
    again = rerun_journal(
        workflow.plan,
        past,
        closure(workflow.plan, past),
        run="rerun",
        time=now,
        correlation_id="c",
        told={"rerun_of": of},
    )
    status = treadle.RunState.fold(again).status
    changed = attrs.evolve(
        info, id="rerun", status=status, parent=of, created_at=now, ended_at=None, owner=None, lease_until=0.0
    )
    await store.create(
        attrs.evolve(changed, seq=len(again), token=0, admitted=False),
        [encode(event, info.labels) for event in again],
    )


# --- runs that runs call ---------------------------------------------------------------------------


class _Called:
    """One workflow by every name: it shares a key with whoever calls it."""

    def __init__(self, r: Rig) -> None:
        self._rig = r

    def names(self) -> list[str]:
        return ["shares"]

    def named(self, name: str) -> treadle.Workflow:
        return self._rig.load(spec("one", takes="1s"))

    def at(self, file: str, caller: Any) -> treadle.Workflow:
        raise LookupError("there are no files here")


@pytest.mark.parametrize(("detach", "ends"), [(False, "failed"), (True, "completed")])
async def test_a_run_cannot_wait_for_one_that_waits_for_it(
    place: dict[str, Any], detach: bool, ends: str, autojump_clock: trio.testing.MockClock
) -> None:
    call = f"steps: [{{id: c, workflow: {{name: shares, detach: {str(detach).lower()}}}}}]\n"
    async with rig(**place) as r:
        r.engine._catalogue = _Called(r)
        state = await to_end(await r.start("concurrency: one\n" + call))
        assert state.status == ends
        error = state.steps["c"].error
        if not detach:
            assert error is not None
            assert error.name == "workflow.refused"
            assert "which waits for it, has the concurrency key 'one' itself" in error.message
            return
        (called,) = [run for run in r.engine.runs() if run.id != state.run]
        assert (await to_end(called)).status == "completed"


async def test_a_called_run_waits_for_others_with_its_key(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place) as r:
        r.engine._catalogue = _Called(r)
        before = await r.start(spec())
        state = await to_end(await r.start("steps: [{id: c, workflow: shares}]"))
        assert state.status == "completed"
        assert round((state.ended_at or 0) - begun_at(before.state())) == 11


async def test_a_run_that_waits_for_its_turn_is_not_kept_from_it_by_its_caller(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(**place, limits=treadle.Limits(runs=1)) as r:
        r.engine._catalogue = _Called(r)
        caller = await r.start("steps: [{id: w, wait: 2s}, {id: c, workflow: shares}]")
        await trio.sleep(1)
        before = await r.start(spec())  # has the place, and needs one of `limits.runs`
        await trio.sleep(100)
        assert caller.status.ended
        assert (await to_end(caller)).status == "completed"
        assert (await to_end(before)).status == "completed"


async def test_a_caller_makes_room_for_one_run_however_many_it_called_wait(
    place: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    calls = "steps: {c1: {workflow: shares}, c2: {workflow: shares}, c3: {workflow: shares}}"
    async with rig(**place, limits=treadle.Limits(runs=2)) as r:
        r.engine._catalogue = _Called(r)
        await r.start(spec(takes="20s"))
        caller = await r.start(calls)
        await trio.sleep(1)
        for others in ("while", "after"):
            r.ledger.most_inside = 0
            runs = [await r.start("steps: [{act: {takes: 2s}}]") for _ in range(4)]
            for run in runs:
                await to_end(run)
            assert r.ledger.most_inside == 2, others
            await to_end(caller)
