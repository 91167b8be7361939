"""Cancel, timeout and failure where they meet: in nested blocks, at the same instant, during clean-up.

Times are virtual and exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import trio
from tests.engine.kit import events, rig, statuses
from tests.engine.odd import Doing, journal, one

import treadle
from treadle._frontier import Frontier
from treadle.errors import EngineFault, StepError

if TYPE_CHECKING:
    from collections.abc import Callable

    from treadle.plugin import Step

# --- what a step does while it is being cancelled ---


async def test_a_step_that_swallows_its_cancellation_is_cancelled_and_says_that_it_returned(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  bad: {act: {takes: 1s, fails: 1}}
  deaf: {act: {takes: 9s, swallow: true}}
""")
        state = await run.wait()
        event = one(await events(run), "step.cancelled deaf")
    assert statuses(state) == {"bad": "failed", "deaf": "cancelled"}
    came_back = {"output": {"swallowed": True}}
    assert event.data == {"reason": "bad failed", "returned": True, "happened": came_back}
    assert trio.current_time() == 1


async def test_a_step_that_swallowed_its_cancellation_owes_its_undo_with_what_it_returned(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  bad: {act: {takes: 1s, fails: 1}}
  deaf:
    act: {takes: 9s, swallow: true}
    undo: {act: {name: "undo ${{ output.swallowed }}"}}
""")
    assert state.status == "rolled_back"
    assert r.ledger.names("end") == ["undo true"]


async def test_a_step_that_fails_while_being_cancelled_is_cancelled_and_its_error_is_a_note(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  bad: {act: {takes: 1s, fails: 1}}
  sore: {act: {takes: 9s, fail_on_cancel: true}}
""")
        state = await run.wait()
        event = one(await events(run), "step.cancelled sore")
    assert state.error is not None
    assert state.error.path == "bad"
    assert event.data["notes"] == ["late: sore failed while being cancelled"]


async def test_a_plugin_whose_own_nursery_has_a_child_that_fails_while_being_cancelled_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("the child broke")

    async def crowd(step: Step) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            nursery.start_soon(trio.sleep_forever)

    async with rig(plugins=[Doing(crowd=crowd)]) as r:
        run = await r.start("steps: {bad: {act: {takes: 1s, fails: 1}}, crowd: {do: crowd}}")
        state = await run.wait()
        event = one(await events(run), "step.cancelled crowd")
    assert event.data["notes"] == ["OSError: the child broke"]
    assert state.error is not None
    assert state.error.path == "bad"


async def test_of_a_group_of_step_errors_the_first_is_the_failure_and_the_others_are_notes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def several(step: Step) -> NoReturn:
        raise ExceptionGroup("both", [StepError("one", "first"), StepError("two", "second")])

    async with rig(plugins=[Doing(several=several)]) as r:
        run = await r.start("steps: [{id: a, do: several}]")
        state = await run.wait()
        event = one(await events(run), "step.failed a")
    assert state.steps["a"].error is not None
    assert (state.steps["a"].error.name, state.steps["a"].error.message) == ("one", "first")
    assert event.data["notes"] == ["StepError: two: second"]


async def test_a_clean_up_longer_than_the_timeout_delays_the_timeout_but_does_not_change_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, timeout: 1s, act: {takes: 9s, cleanup: 5s}}]")
    assert state.steps["a"].error is not None
    assert state.steps["a"].error.name == "timeout"
    assert trio.current_time() == 6


async def test_a_swallowed_timeout_is_retried_like_any_other_and_says_that_it_returned(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: rollback
steps:
  - id: a
    timeout: 2s
    retry: {attempts: 2, backoff: {fixed: 1s}}
    act: {name: a, takes: 9s, swallow: true}
    undo: {act: {name: undo}}
""")
        state = await run.wait()
        event = one(await events(run), "step.failed a")
    assert r.ledger.spans() == {"a": ["0-2", "3-5"], "undo": ["5-5"]}
    assert state.status == "rolled_back"
    assert event.data["error"]["name"] == "timeout"
    assert event.data["returned"] is True


# --- the same instant ---


async def test_of_timeouts_of_step_block_and_workflow_at_the_same_instant_the_innermost_counts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
timeout: 5s
steps:
  outer:
    timeout: 5s
    parallel:
      inner: {timeout: 5s, act: {takes: 9s}}
      beside: {act: {takes: 9s}}
""")
    assert statuses(state) == {"outer.inner": "failed", "outer.beside": "cancelled", "outer": "failed"}
    assert state.steps["outer.inner"].error is not None
    assert state.steps["outer.inner"].error.name == "timeout"
    assert state.error is not None
    assert state.error.name == "timeout"
    assert trio.current_time() == 5


@pytest.mark.parametrize("turn", range(8))
async def test_a_cancel_at_the_instant_of_completion_either_wins_or_is_refused(
    turn: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 5s}}]")
        await trio.sleep(5)
        for _ in range(turn):
            await trio.lowlevel.checkpoint()
        try:
            await run.cancel()
        except treadle.Refused:
            expected = "completed"
        else:
            expected = "cancelled"
        state = await run.wait()
        told = await journal(run)
    assert state.status == expected
    assert told[-1] == f"workflow.{expected}"
    assert ("workflow.command" in told) == (expected == "cancelled")


async def test_two_nested_blocks_that_fail_at_once_both_fail_by_their_own_first_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  left: {parallel: {x: {act: {takes: 1s, fails: 1}}, slow: {act: {takes: 9s}}}}
  right: {parallel: {y: {act: {takes: 1s, fails: 1}}, slow: {act: {takes: 9s}}}}
""")
    assert statuses(state) == {
        "left.x": "failed", "left.slow": "cancelled", "left": "failed",
        "right.y": "failed", "right.slow": "cancelled", "right": "failed",
    }  # fmt: skip
    assert {path: state.steps[path].error.path for path in ("left", "right")} == {  # type: ignore[union-attr]
        "left": "left.x",
        "right": "right.y",
    }
    assert state.error is not None
    assert state.error.path in ("left.x", "right.y")
    assert trio.current_time() == 1


async def test_what_never_waits_is_not_begun_once_its_block_has_stopped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    begun = []

    async def touch(step: Step) -> None:
        begun.append(step.path)
        if step.path == "all.2":
            raise StepError("enough", "that is enough")

    async with rig(plugins=[Doing(touch=touch)]) as r:
        state = await r.run("""
steps:
  - {id: all, foreach: [0, 1, 2, 3, 4, 5], max_parallel: 1, do: touch}
""")
    assert begun == ["all.0", "all.1", "all.2"]
    assert state.steps["all"].output == [None] * 6
    assert "all.3" not in state.steps


async def test_a_start_that_was_told_but_whose_block_stopped_first_has_no_effect_and_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    begun = []

    async def touch(step: Step) -> None:
        begun.append(step.path)
        raise StepError("enough", "that is enough")

    async with rig(plugins=[Doing(touch=touch)]) as r:
        state = await r.run("steps: {a: {do: touch}, b: {do: touch}, c: {do: touch}}")
    assert len(begun) == 1
    assert sorted(statuses(state).values()) == ["cancelled", "cancelled", "failed"]


# --- limits inside limits ---


async def test_a_deadline_inside_a_foreach_inside_a_timed_block_ends_each_at_its_own_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: timed
    timeout: 5s
    parallel:
      each:
        foreach: [1, 4]
        on_error: continue
        max_parallel: 1
        steps:
          work: {deadline: 3s, act: {name: "w${{ item }}", takes: "${{ string(item) + 's' }}"}}
""")
    assert r.ledger.spans() == {"w1": ["0-1"], "w4": ["1-4"]}
    assert state.status == "completed"
    assert state.steps["timed.each.1.work"].error is not None
    assert state.steps["timed.each.1.work"].error.name == "timeout"


async def test_a_block_that_is_late_only_because_it_cleans_up_fails_by_its_first_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: timed
    timeout: 2s
    parallel:
      bad: {act: {takes: 1s, fails: 1}}
      slow: {act: {takes: 9s, cleanup: 5s}}
""")
    assert state.error is not None
    assert (state.error.name, state.error.path) == ("broken", "timed.bad")
    assert trio.current_time() == 6


async def test_a_foreach_that_misses_its_deadline_keeps_what_its_elements_gave(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: all
    deadline: 2s
    foreach: [1s, 9s]
    act: {takes: "${{ item }}", output: done}
""")
    assert state.steps["all"].error is not None
    assert state.steps["all"].error.name == "timeout"
    assert state.steps["all"].output == ["done", None]


async def test_a_cancel_while_an_element_waits_for_a_limiter_omits_the_element(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(limiters={"db": 1}) as r:
        run = await r.start("steps: [{id: all, foreach: [0, 1], limit: db, act: {takes: 9s}}]")
        await trio.sleep(1)
        await run.cancel()
        state = await run.wait()
    assert statuses(state) == {"all": "cancelled", "all.0": "cancelled", "all.1": "omitted"}
    assert state.steps["all.1"].reason == "stopped: the run was cancelled"
    assert trio.current_time() == 1


# --- cancel where nothing is at work ---


async def test_a_cancel_during_a_backoff_ends_it_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(
            "steps: [{id: a, act: {takes: 1s, fails: 9}, retry: {attempts: 9, backoff: {fixed: 1h}}}]"
        )
        await trio.sleep(10)
        await run.cancel("enough")
        state = await run.wait()
    assert (state.status, state.reason) == ("cancelled", "enough")
    assert (state.steps["a"].status, state.steps["a"].attempts) == ("cancelled", 1)
    assert trio.current_time() == 10


async def test_a_cancel_between_two_rounds_of_a_repeat_ends_it_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {}, repeat: {until: 'false', every: 1h, times: 9}}]")
        await trio.sleep(10)
        await run.cancel()
        state = await run.wait()
    assert (state.steps["a"].status, state.steps["a"].attempts) == ("cancelled", 1)
    assert trio.current_time() == 10


async def test_a_cancel_during_finally_is_refused_with_the_state_and_finally_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {}}]\nfinally: [{id: tidy, act: {name: tidy, takes: 5s}}]")
        await trio.sleep(1)
        with pytest.raises(treadle.Refused, match=r"its end is decided.*\(state: running\)"):
            await run.cancel()
        state = await run.wait()
    assert state.status == "completed"
    assert r.ledger.spans()["tidy"] == ["0-5"]


async def test_finally_runs_after_a_cancel_and_sees_how_the_run_will_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps: [{id: a, act: {takes: 9s}}]
finally: [{id: tidy, act: {name: "${{ run.status }}"}}]
""")
        await trio.sleep(1)
        await run.cancel()
        state = await run.wait()
    assert state.status == "cancelled"
    assert r.ledger.names("end") == ["cancelled"]


# --- people ---


async def test_a_step_whose_block_stops_while_a_person_is_asked_fails_with_its_own_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  asked: {act: {takes: 1s, fails: 1}, on_error: escalate}
  bad: {act: {takes: 3s, fails: 1, error: other}}
""")
        state = await run.wait()
        told = await journal(run)
    assert statuses(state) == {"asked": "failed", "bad": "failed"}
    assert state.steps["asked"].error is not None
    assert state.steps["asked"].error.name == "broken"
    assert state.error is not None
    assert state.error.path == "bad"
    assert "step.resolved asked" not in told
    assert trio.current_time() == 3


async def test_a_cancel_while_a_person_is_asked_ends_the_question(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 1s, fails: 1}, on_error: escalate}]")
        await trio.sleep(2)
        assert run.status == "waiting"
        await run.cancel()
        state = await run.wait()
    assert state.status == "cancelled"
    assert statuses(state) == {"a": "failed"}
    assert run.questions == {}


async def test_a_cancel_while_a_person_is_asked_about_the_runs_own_timeout_ends_the_run(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("timeout: 1s\non_error: escalate\nsteps: [{id: a, act: {takes: 9s}}]")
        await trio.sleep(2)
        assert run.status == "waiting"
        await run.cancel("nobody is here")
        state = await run.wait()
    assert (state.status, state.reason) == ("cancelled", "nobody is here")


async def test_a_persons_retry_is_a_fresh_attempt_numbered_on(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
steps: [{id: a, act: {fails: 2}, retry: {attempts: 2, backoff: {fixed: 1s}}, on_error: escalate}]
""")
        await trio.sleep(2)
        await run.resolve("a", "retry")
        state = await run.wait()
    assert (state.status, state.steps["a"].attempts) == ("completed", 3)


# --- the host, and bugs ---


async def test_a_cancellation_by_the_host_journals_nothing_and_leaves_nothing_running(
    autojump_clock: trio.testing.MockClock,
) -> None:
    seen: list[treadle.Event] = []
    before = trio.lowlevel.current_statistics().tasks_living
    with trio.move_on_after(2):
        async with rig(sinks=[_keeping(seen)]) as r:
            run = await r.start("""
steps:
  block: {parallel: {x: {act: {takes: 9s}}, y: {foreach: [1, 2], act: {takes: 9s}}}}
  waits: {act: {takes: 1s, fails: 1}, retry: {attempts: 2, backoff: {fixed: 9s}}}
  asked: {act: {takes: 1s, fails: 1}, on_error: escalate}
finally: [act: {name: tidy}]
""")
            await trio.sleep(1.5)
            told = len(run._driven.history)
            await trio.sleep_forever()
    assert trio.current_time() == 2
    assert len(run._driven.history) == told
    assert run.status == "running"
    assert "tidy" not in r.ledger.names("start")
    assert r.ledger.inside == 0
    assert trio.lowlevel.current_statistics().tasks_living == before


async def test_a_cancellation_by_the_host_while_the_run_is_pausing_does_not_say_that_it_is_paused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with trio.move_on_after(2):
        async with rig() as r:
            run = await r.start("steps: [{id: a, act: {takes: 9s}}]")
            await trio.sleep(1)
            await run.pause()
            await trio.sleep_forever()
    assert run.status == "pausing"
    assert [event.type for event in run._driven.history][-1] == "workflow.pausing"


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frontier breaks whenever a step called ``cursed`` settles."""
    settle = Frontier.settle

    def broken(self: Frontier, step: int, outcome: Any) -> Any:
        if self._block.steps[step].id == "cursed":
            raise AssertionError("a bug")
        return settle(self, step, outcome)

    monkeypatch.setattr(Frontier, "settle", broken)


@pytest.mark.usefixtures("bug")
async def test_a_bug_of_treadle_ends_its_own_run_alone_and_comes_out_of_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        healthy = await r.start("steps: [{id: a, act: {takes: 5s}}]")
        broken = await r.start("steps: {cursed: {act: {takes: 1s}}, slow: {act: {takes: 9s}}}")
        with pytest.raises(EngineFault, match="a bug") as raised:
            await broken.wait()
        assert trio.current_time() == 1
        assert (await healthy.wait()).status == "completed"
    state = broken.state()
    assert raised.value.__cause__ is not None
    assert state.status == "failed"
    assert state.error is not None
    assert state.error.name == "engine"


@pytest.mark.usefixtures("bug")
async def test_a_bug_inside_a_block_is_not_the_failure_of_the_step_that_runs_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: outer, on_error: continue, steps: [{id: cursed, act: {}}]}]")
        with pytest.raises(EngineFault):
            await run.wait()
    assert "step.failed outer" not in [event.type for event in run._driven.history]
    assert run.state().error is not None
    assert run.state().error.name == "engine"  # type: ignore[union-attr]


async def test_an_engine_fault_is_never_taken_for_the_failure_of_a_step(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fault(step: Step) -> NoReturn:
        raise EngineFault("impossible")

    async with rig(plugins=[Doing(fault=fault)]) as r:
        run = await r.start("steps: [{id: a, do: fault, on_error: continue}]")
        with pytest.raises(EngineFault, match="impossible"):
            await run.wait()
    assert run.state().error is not None
    assert run.state().error.name == "engine"  # type: ignore[union-attr]


def _keeping(seen: list[treadle.Event]) -> Callable[[Any], Any]:
    async def keep(batch: Any) -> None:
        seen.extend(batch)

    return keep
