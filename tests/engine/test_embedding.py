"""Engines inside programs: whose tasks, whose exceptions, whose end."""

from __future__ import annotations

import logging
import signal

import pytest
import trio
from tests.engine.kit import Ledger, rig

import treadle

SLOW = "steps: [{id: a, act: {name: NAME, takes: 9s}}]"


async def test_two_engines_in_one_process_share_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with rig(limiters={"db": 1}) as one, rig(limiters={"db": 1}) as two:
        spec = "steps: [{id: a, limit: db, act: {takes: 2s}}]"
        first, second = await one.start(spec), await two.start(spec)
        await first.wait()
        await second.wait()
        assert [run.id for run in one.engine.runs()] == [first.id]
        with pytest.raises(KeyError):
            one.engine.run("unknown")
    assert trio.current_time() == 2


async def test_an_engine_lives_in_a_task_of_the_callers_nursery(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def serve(*, task_status: trio.TaskStatus[treadle.Engine]) -> None:
        async with rig() as r:
            task_status.started(r.engine)
            await trio.sleep_forever()

    before = trio.lowlevel.current_statistics().tasks_living
    async with trio.open_nursery() as nursery:
        engine = await nursery.start(serve)
        workflow = treadle.loads(
            "treadle: 1\nname: w\nsteps: [act: {takes: 3s}]", registry=treadle.Registry.of(Ledger())
        )
        run = await engine.start(workflow)
        assert (await run.wait()).status == "completed"
        nursery.cancel_scope.cancel()
    assert trio.lowlevel.current_statistics().tasks_living == before
    assert trio.current_time() == 3


async def test_leaving_an_engine_cancels_what_still_runs_and_waits_for_its_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(
            "steps: [act: {takes: 9s, cleanup: 2s}]\nfinally: [{id: tidy, act: {name: tidy, takes: 1s}}]"
        )
        pausing = await r.start(SLOW)
        await trio.sleep(1)
        await pausing.pause()
    assert run.status == "cancelled"
    assert run.state().reason == "the engine was closed"
    assert pausing.status == "cancelled"
    assert r.ledger.spans()["tidy"] == ["3-4"]


async def test_leaving_an_engine_waits_for_a_rollback_that_cannot_be_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: rollback
steps: [{id: a, act: {}, undo: {act: {takes: 7s}}}, {id: bad, act: {fails: 1}}]
""")
        await trio.sleep(1)
    assert (run.status, trio.current_time()) == ("rolled_back", 7)


class Odd(Exception):
    """An exception of the embedding program."""


@pytest.mark.parametrize("error", [Odd("no"), KeyboardInterrupt(), ExceptionGroup("several", [Odd("no")])])
async def test_an_exception_that_leaves_an_engine_comes_out_as_it_is_and_ends_its_runs(
    error: BaseException, autojump_clock: trio.testing.MockClock
) -> None:
    async def leave() -> None:
        async with rig() as r:
            await r.start("steps: [act: {takes: 9s}]\nfinally: [{id: tidy, act: {name: tidy}}]")
            ledgers.append(r.ledger)
            await trio.sleep(1)
            raise error

    ledgers: list[Ledger] = []
    before = trio.lowlevel.current_statistics().tasks_living
    with pytest.raises(type(error)) as raised:
        await leave()
    assert raised.value is error
    assert trio.lowlevel.current_statistics().tasks_living == before
    assert ledgers[0].inside == 0
    assert "tidy" not in ledgers[0].names("start")


async def test_wrong_inputs_come_out_of_treadle_run_unwrapped() -> None:
    workflow = treadle.loads(
        "treadle: 1\nname: w\ninputs: {n: {type: integer, required: true}}\nsteps: [act: {}]",
        registry=treadle.Registry.of(Ledger()),
    )
    with pytest.raises(treadle.InputError, match="n"):
        await treadle.run(workflow, {"n": "many"})


async def test_treadle_run_gives_the_result(autojump_clock: trio.testing.MockClock) -> None:
    workflow = treadle.loads(
        "treadle: 1\nname: w\nsteps: [{id: a, act: {output: 5}}]\noutputs: {five: '${{ steps.a.output }}'}",
        registry=treadle.Registry.of(Ledger()),
    )
    result = await treadle.run(workflow, seed=1)
    assert (result.status, result.outputs) == ("completed", {"five": 5})


async def test_runs_beyond_the_limit_are_pending_until_one_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(limits=treadle.Limits(runs=2)) as r:
        runs = []
        for number in range(3):
            runs.append(await r.start(f"steps: [act: {{name: r{number}, takes: 2s}}]"))
            await trio.lowlevel.checkpoint()
        await trio.sleep(1)
        assert [str(run.status) for run in runs] == ["running", "running", "pending"]
        await runs[2].wait()
    assert r.ledger.spans()["r2"] == ["2-4"]


async def test_a_pending_run_that_is_cancelled_never_starts(autojump_clock: trio.testing.MockClock) -> None:
    async with rig(limits=treadle.Limits(runs=1)) as r:
        await r.start(SLOW)
        await trio.sleep(1)
        pending = await r.start("steps: [act: {name: pending}]\nfinally: [act: {name: tidy}]")
        await trio.sleep(1)
        await pending.pause()
        await pending.cancel("not needed")
        state = await pending.wait()
        seen = [event.type async for event in pending.events()]
    assert (state.status, state.reason) == ("cancelled", "not needed")
    assert seen == ["workflow.accepted", "workflow.command", "workflow.command", "workflow.cancelled"]
    assert not {"pending", "tidy"} & set(r.ledger.names("start"))


async def test_only_the_latest_finished_runs_are_kept(autojump_clock: trio.testing.MockClock) -> None:
    async with rig(limits=treadle.Limits(finished=2)) as r:
        slow = await r.start("steps: [act: {takes: 9s}]")
        runs = []
        for _ in range(4):
            runs.append(await r.start("steps: [act: {}]"))
            await runs[-1].wait()
        await trio.sleep(1)
        assert [run.id for run in r.engine.runs()] == [slow.id, runs[2].id, runs[3].id]
        with pytest.raises(KeyError):
            r.engine.run(runs[0].id)
        assert runs[0].state().status == "completed"


async def test_runs_are_listed_by_status_and_workflow(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        done = await r.start("steps: [act: {}]")
        await done.wait()
        going = await r.start({"name": "other", "steps": [{"act": {"takes": "9s"}}]})
        await trio.sleep(1)
        engine = r.engine
        assert engine.runs(status="running") == [going]
        assert engine.runs(status=treadle.RunStatus.COMPLETED) == [done]
        assert engine.runs(workflow="other") == [going]
        assert engine.runs(status="failed") == []
        with pytest.raises(ValueError, match="nonsense"):
            engine.runs(status="nonsense")


async def test_an_engine_that_is_closing_takes_no_more_runs(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        await r.start("steps: [act: {takes: 9s, cleanup: 5s}]")
        workflow = r.load("steps: [act: {}]")

        async def late() -> None:
            await trio.sleep(2)
            with pytest.raises(treadle.Refused, match="being closed"):
                await r.engine.start(workflow)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(late)
            await trio.sleep(1)
            await r.engine.close()


async def test_a_limiter_that_is_not_set_up_is_refused_at_the_start() -> None:
    async with rig(limiters={"db": 1}) as r:
        with pytest.raises(treadle.Refused, match="no limiter 'disk' is set up here"):
            await r.start("steps: [{id: a, limit: disk, act: {}}]")
        assert r.engine.runs() == []


async def test_an_engine_configures_no_logging_and_no_signals() -> None:
    handlers = logging.getLogger().handlers[:], logging.getLogger("treadle").handlers[:]
    interrupt = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with rig() as r:
        await r.run("steps: [act: {}]")
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == interrupt
    assert (logging.getLogger().handlers, logging.getLogger("treadle").handlers) == handlers


async def test_a_run_waited_for_under_a_timeout_of_the_host_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(SLOW)
        with trio.move_on_after(1) as scope:
            await run.wait()
        assert scope.cancelled_caught
        assert (await run.wait()).status == "completed"
    assert trio.current_time() == 9


async def test_a_run_paused_right_after_its_start_waits_to_be_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [act: {name: only, takes: 1s}]")
        await run.pause()
        await run.pause()
        await trio.sleep(5)
        assert (run.status, r.ledger.lines) == ("paused", [])
        await run.resume()
        state = await run.wait()
        seen = [event.type async for event in run.events()]
    assert state.status == "completed"
    assert r.ledger.at("start", "only") == 5
    assert seen[:6] == [
        "workflow.accepted", "workflow.command", "workflow.command", "workflow.started", "workflow.pausing",
        "workflow.paused",
    ]  # fmt: skip


async def test_a_pending_run_that_is_paused_and_resumed_starts_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [act: {name: only, takes: 1s}]")
        await run.pause()
        await run.resume()
        assert (await run.wait()).status == "completed"
    assert r.ledger.at("start", "only") == 0
