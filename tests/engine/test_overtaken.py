"""What happens when one thing ends while another is being decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from tests.engine.kit import rig, statuses

import treadle
from treadle._engine.clock import VIRTUAL_EPOCH
from treadle.plugin import Block, Step, StepType, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.frozen(kw_only=True)
class Nothing:
    """No settings."""


@attrs.frozen(kw_only=True)
class Two:
    """Two blocks, of which the first may fail."""

    first: Block
    second: Block


class Misfit(BaseException):
    """No Exception."""


class Odd:
    """Step types that only tests need."""

    kept: Step | None = None

    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        return [
            StepType(name="stubborn", config=Nothing, run=self.stubborn),
            StepType(name="misfit", config=Nothing, run=self.misfit),
            StepType(name="keep", config=Nothing, run=self.keep),
            StepType(name="two", config=Two, run=self.two),
        ]

    async def stubborn(self, _config: Nothing, _step: Step) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(2)

    async def misfit(self, _config: Nothing, _step: Step) -> None:
        raise Misfit("not an Exception")

    async def keep(self, _config: Nothing, step: Step) -> None:
        self.kept = step

    async def two(self, config: Two, step: Step) -> Any:
        await step.run_block(config.first)
        return (await step.run_block(config.second)).result()


async def test_work_that_returns_nothing_after_its_time_owes_its_undo(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(plugins=[Odd()]) as r:
        state = await r.run("""
on_error: rollback
steps: [{id: late, stubborn: {}, timeout: 1s, undo: {act: {name: undo}}}]
""")
    assert (state.status, state.rollback) == ("rolled_back", {"status": "complete", "undone": 1})
    assert r.ledger.names("start") == ["undo"]


async def test_closing_an_engine_ends_a_run_that_is_paused_while_it_fails(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: {a: {act: {takes: 2s, fails: 9}}, b: {act: {takes: 5s}}}")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(9)
        assert run.status == "paused"
    assert run.status == "failed"


async def test_a_cancel_after_the_runs_time_is_up_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
timeout: 5s
on_error: rollback
steps: [{id: a, act: {}, undo: {act: {name: undo}}}, {id: b, act: {takes: 9s, cleanup: 10s}}]
""")
        await trio.sleep(7)
        with pytest.raises(treadle.Refused, match="failing already"):
            await run.cancel()
        assert (await run.wait()).status == "rolled_back"
    assert r.ledger.names("start")[-1] == "undo"


@pytest.mark.parametrize("strategy", ["continue", "rollback", "fail_fast"])
async def test_the_hosts_cancellation_during_a_clean_up_settles_nothing(
    autojump_clock: trio.testing.MockClock, strategy: str
) -> None:
    seen: list[treadle.Event] = []

    async def sink(batch: Any) -> None:
        seen.extend(batch)

    with trio.move_on_after(5):
        async with rig(sinks=[sink]) as r:
            await r.start(f"""
steps:
  - {{id: a, act: {{takes: 9s, cleanup: 10s}}, timeout: 1s, on_error: {strategy}}}
  - {{id: b, act: {{}}}}
""")
            await trio.sleep_forever()
    assert [event.type for event in seen] == ["workflow.accepted", "workflow.started", "step.started"]


async def test_a_run_whose_timeout_is_asked_about_can_be_paused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("timeout: 3s\non_error: escalate\nsteps: [act: {takes: 9s}]")
        await trio.sleep(10)
        await run.pause()
        assert run.status == "paused"
        await run.resolve("", "fail")
        await run.resume()
        assert (await run.wait()).status == "failed"


async def test_a_plugin_that_raises_no_exception_costs_its_own_run_only(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(plugins=[Odd()]) as r:
        other = await r.start("steps: [act: {takes: 3s}]")
        state = await r.run("steps: [misfit: {}]\nfinally: [act: {name: tidy}]")
        assert state.error is not None
        assert (state.status, state.error.name) == ("failed", "plugin")
        assert "Misfit: not an Exception" in state.error.message
        assert (await other.wait()).status == "completed"
    assert "tidy" in r.ledger.names("end")


async def test_a_block_failure_that_the_plugin_handled_is_forgotten(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(plugins=[Odd()]) as r:
        state = await r.run("""
steps:
  - id: both
    two: {first: [{id: a, act: {fails: 9}}], second: [{id: b, act: {takes: 9s}}]}
    timeout: 1s
    retry: {attempts: 2, backoff: {fixed: 1s}, on: [timeout]}
""")
    assert state.error is not None
    assert (state.error.name, state.steps["both"].attempts) == ("timeout", 2)


async def test_an_attempt_that_was_not_the_last_asks_no_strategy_when_it_is_overtaken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  done: {act: {}, undo: {act: {name: undo}}}
  slow: {act: {takes: 9s, cleanup: 5s}, timeout: 2s, retry: 5, on_error: rollback}
  bad: {act: {takes: 3s, fails: 9}}
""")
    assert statuses(state) == {"done": "completed", "slow": "cancelled", "bad": "failed"}
    assert (state.status, state.steps["slow"].reason) == ("failed", "bad failed")
    assert "undo" not in r.ledger.names("start")


async def test_a_second_cancel_may_ask_for_the_rollback(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
steps: [{id: a, act: {}, undo: {act: {name: undo}}}, {id: b, act: {takes: 9s, cleanup: 5s}}]
""")
        await trio.sleep(1)
        await run.cancel("enough")
        await run.cancel("and take it back", rollback=True)
        state = await run.wait()
    assert (state.status, state.rollback) == ("cancelled", {"status": "complete", "undone": 1})


async def test_a_block_rollback_in_finally_does_not_stop_the_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [act: {}]
finally:
  a: {act: {takes: 1s, fails: 9}, on_error: {rollback: {scope: block}}}
  b: {act: {takes: 5s}}
""")
    assert statuses(state)["finally.b"] == "completed"


async def test_finally_has_the_time_that_its_steps_allow_themselves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("steps: [act: {}]\nfinally: [{act: {takes: 500s}, timeout: 600s}]")
    assert state.status == "completed"


async def test_an_undo_that_asks_a_person_does_not_wait_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - {act: {}, undo: {act: {fails: 9}, timeout: 10s, on_error: escalate}}
  - {act: {fails: 9}}
""")
    assert state.status == "failed"
    assert state.rollback is not None
    assert state.rollback["status"] == "incomplete"
    assert state.ended_at == VIRTUAL_EPOCH + 310


async def test_nothing_is_emitted_after_an_attempt_has_ended(autojump_clock: trio.testing.MockClock) -> None:
    odd = Odd()
    async with rig(plugins=[odd]) as r:
        state = await r.run("steps: [keep: {}]")
        assert odd.kept is not None
        with pytest.raises(RuntimeError, match="after its attempt has ended"):
            odd.kept.emit("late", {})
    assert state.status == "completed"


async def test_every_event_of_a_step_has_its_labels(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
steps: [{id: each, labels: {tier: gold}, when: 1 == 1, foreach: [1], act: {}}]
""")
        told = [event async for event in run.events()]
    assert {
        event.type for event in told if event.step == "each" and event.labels != {"tier": "gold"}
    } == set()


async def test_a_foreach_says_how_many_elements_never_started(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: each, foreach: [1, 2, 3, 4], max_parallel: 1, act: {fails: 9}}]")
        (failed,) = [
            event async for event in run.events() if (event.type, event.step) == ("step.failed", "each")
        ]
    assert failed.data["not_started"] == 3


async def test_an_empty_foreach_with_a_limiter_does_not_start_in_a_stopped_block(
    autojump_clock: trio.testing.MockClock,
) -> None:
    spec = """
steps:
  bad: {act: {fails: 9}}
  each: {foreach: [0], parallel: {none: {foreach: [], limit: one, act: {}}}}
"""
    for _ in range(40):  # trio takes the tasks of one instant in any order
        async with rig(limiters={"one": 1}) as r:
            run = await r.start(spec)
            told = [(event.type, event.step) async for event in run.events()]
        if ("step.started", "each.0.none") in told:
            assert told.index(("step.started", "each.0.none")) < told.index(("step.failed", "bad"))


async def test_a_step_that_times_out_in_the_instant_of_the_run_fails_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for _ in range(20):  # trio takes the tasks of one instant in any order
        async with rig() as r:
            state = await r.run("""
timeout: 3s
on_error: continue
steps:
  late: {parallel: {inner: {act: {takes: 9s}}}, timeout: 3s, on_error: fail_fast}
  other: {act: {takes: 9s}}
""")
        assert state.error is not None
        assert (state.status, state.error.name, state.error.path) == ("failed", "timeout", "late")
