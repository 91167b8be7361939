"""Pause and resume: what waits, what goes on, and which clocks stand still. Times are virtual and exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest
import trio
from tests.engine.kit import events, rig, statuses
from tests.engine.odd import Doing, journal

import treadle
from treadle.errors import StepError

if TYPE_CHECKING:
    from treadle.plugin import Step


async def test_what_is_in_flight_finishes_and_nothing_new_starts_until_the_run_is_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 2s}}, {id: b, act: {takes: 1s}}]")
        await trio.sleep(1)
        await run.pause()
        assert run.status == "pausing"
        await trio.sleep(9)
        assert run.status == "paused"
        await run.resume()
        state = await run.wait()
        told = await journal(run)
    assert r.ledger.spans() == {"a": ["0-2"], "b": ["10-11"]}
    assert state.status == "completed"
    assert told == [
        "workflow.accepted", "workflow.started", "step.started a",
        "workflow.command", "workflow.pausing", "step.completed a", "workflow.paused",
        "workflow.command", "workflow.resumed", "step.started b", "step.completed b", "workflow.completed",
    ]  # fmt: skip


async def test_a_run_is_paused_only_after_the_blocks_that_its_last_attempt_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - {id: block, parallel: {x: {act: {takes: 2s}}, all: {foreach: [1s, 2s], act: {takes: "${{ item }}"}}}}
  - {id: after, act: {}}
""")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(9)
        await run.resume()
        await run.wait()
        told = await journal(run)
    assert told[told.index("workflow.paused") - 1] == "step.completed block"
    assert told[told.index("workflow.resumed") + 1] == "step.started after"


async def test_a_run_that_has_nothing_in_flight_is_paused_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps: [{id: a, act: {fails: 1}, retry: {attempts: 2, backoff: {fixed: 9s}}}]
""")
        await trio.sleep(1)
        await run.pause()
        assert run.status == "paused"
        await run.resume()
        assert (await run.wait()).status == "completed"


@pytest.mark.parametrize(("resumed_after", "second_start"), [(3, 5), (20, 20)])
async def test_a_backoff_runs_down_in_a_pause_but_the_attempt_waits_for_its_end(
    resumed_after: int, second_start: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start("""
steps: [{id: a, act: {fails: 1}, retry: {attempts: 2, backoff: {fixed: 5s}}}]
""")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep_until(resumed_after)
        await run.resume()
        await run.wait()
    assert r.ledger.spans() == {"a": ["0-0", f"{second_start}-{second_start}"]}


async def test_the_time_between_rounds_runs_down_in_a_pause_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {}, repeat: {until: 'attempt >= 2', every: 5s, times: 9}}]")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep_until(20)
        await run.resume()
        await run.wait()
    assert r.ledger.spans() == {"a": ["0-0", "20-20"]}


@pytest.mark.parametrize(
    "spec",
    [
        "timeout: 10s\nsteps: [{id: a, act: {takes: 3s}}, {id: b, act: {takes: 1d}}]",
        "steps: [{id: a, act: {takes: 3s}}, {id: b, deadline: 7s, act: {takes: 1d}}]",
        "steps: [{id: all, timeout: 10s, steps: [{id: a, act: {takes: 3s}}, {id: b, act: {takes: 1d}}]}]",
        "steps: [{id: all, deadline: 10s, steps: [{id: a, act: {takes: 3s}}, {id: b, act: {takes: 1d}}]}]",
    ],
)
async def test_the_limits_of_run_block_and_deadline_stand_still_in_a_pause(
    spec: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(spec)
        await trio.sleep(3.5)
        await run.pause()
        await trio.sleep(1000)
        await run.resume()
        state = await run.wait()
    assert state.error is not None
    assert state.error.name == "timeout"
    assert trio.current_time() == 1010


async def test_the_clock_stands_from_the_moment_the_run_is_pausing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("timeout: 10s\nsteps: [{id: a, act: {takes: 20s}}, {id: b, act: {takes: 99s}}]")
        await trio.sleep(4)
        await run.pause()
        await trio.sleep_until(100)
        await run.resume()
        await run.wait()
    assert r.ledger.spans() == {"a": ["0-20"], "b": ["100-106"]}


async def test_an_attempts_own_timeout_runs_on_in_a_pause(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, timeout: 5s, act: {takes: 9s}}]")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep_until(30)
        assert run.status == "paused"
        assert statuses(run.state()) == {"a": "failed"}
        await run.resume()
        assert (await run.wait()).status == "failed"
    assert r.ledger.spans() == {"a": ["0-5"]}


async def test_a_run_with_nothing_left_to_do_is_paused_and_ends_when_it_is_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 2s}}]\nfinally: [{id: tidy, act: {name: tidy}}]")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(9)
        assert run.status == "paused"
        await run.resume()
        state = await run.wait()
    assert state.status == "completed"
    assert r.ledger.spans()["tidy"] == ["10-10"]


async def test_a_paused_run_that_is_cancelled_ends_cancelled_although_everything_had_completed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 2s}}]")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(9)
        await run.cancel()
        state = await run.wait()
    assert state.status == "cancelled"
    assert statuses(state) == {"a": "completed"}


async def test_a_paused_run_that_is_cancelled_starts_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 2s}}, {id: b, act: {}}]")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(9)
        await run.cancel()
        state = await run.wait()
    assert statuses(state) == {"a": "completed", "b": "omitted"}
    assert r.ledger.names("start") == ["a"]
    assert trio.current_time() == 10


async def test_the_time_a_person_has_is_wall_clock_but_what_follows_waits_for_the_resume(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  asked: {act: {fails: 1}, on_error: {escalate: {timeout: 10s, on_timeout: continue}}}
  after: {needs: asked, act: {}}
""")
        await trio.sleep(1)
        await run.pause()
        assert run.status == "paused"
        await trio.sleep_until(30)
        assert statuses(run.state())["asked"] != "failed"
        await run.resume()
        state = await run.wait()
    assert (state.status, state.tolerated) == ("completed", 1)
    assert r.ledger.spans()["after"] == ["30-30"]


async def test_a_question_may_be_answered_in_a_pause_and_the_retry_starts_after_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {fails: 1}, on_error: escalate}]")
        await trio.sleep(1)
        await run.pause()
        await run.resolve("a", "retry")
        await trio.sleep(9)
        assert r.ledger.names("start") == ["a"]
        await run.resume()
        state = await run.wait()
    assert state.status == "completed"
    assert r.ledger.spans() == {"a": ["0-0", "10-10"]}


async def test_a_run_that_waited_for_a_person_waits_again_after_a_pause(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {fails: 1}, on_error: escalate}]")
        await trio.sleep(1)
        await run.pause()
        assert run.status == "paused"
        await run.resume()
        assert run.status == "waiting"
        await run.resolve("a", "fail")
        assert (await run.wait()).status == "failed"


async def test_pausing_a_paused_run_and_resuming_a_running_one_change_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 9s}}]")
        await trio.sleep(1)
        await run.resume()
        await run.pause()
        await run.pause()
        await run.resume()
        await run.resume()
        await run.wait()
        told = await journal(run)
    assert told.count("workflow.pausing") == 1
    assert told.count("workflow.resumed") == 1


async def test_a_run_that_has_ended_or_is_ending_is_neither_paused_nor_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        ended = await r.start("steps: [act: {}]")
        await ended.wait()
        ending = await r.start("steps: [act: {}]\nfinally: [act: {takes: 5s}]")
        cancelling = await r.start("steps: [act: {takes: 9s, cleanup: 5s}]")
        rolling = await r.start("on_error: rollback\nsteps: [{act: {}, undo: {act: {takes: 5s}}}, fail: no]")
        await trio.sleep(1)
        await cancelling.cancel()
        for run in (ended, ending, cancelling, rolling):
            with pytest.raises(treadle.Refused):
                await run.pause()
            with pytest.raises(treadle.Refused):
                await run.resume()


async def test_every_command_is_journaled_with_its_answer_while_the_run_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [act: {takes: 2s}]\nfinally: [act: {takes: 5s}]")
        await trio.sleep(1)
        await run.pause()
        await run.resume()
        await trio.sleep(2)
        with pytest.raises(treadle.Refused):
            await run.pause()
        await run.wait()
        commands = [event.data for event in await events(run) if event.type == "workflow.command"]
    assert [(data["command"], data["answer"]) for data in commands] == [
        ("pause", "accepted"),
        ("resume", "accepted"),
        ("pause", "refused"),
    ]
    assert "only a run whose steps are running can be paused" in commands[2]["why"]


async def test_a_paused_run_does_not_keep_others_from_a_limiter(
    autojump_clock: trio.testing.MockClock,
) -> None:
    spec = "steps: [{id: a, limit: db, act: {name: NAME, takes: 5s}}]"
    async with rig(limiters={"db": 1}) as r:
        await r.start(spec.replace("NAME", "first"))
        await trio.sleep(1)
        paused = await r.start(spec.replace("NAME", "paused"))
        await trio.sleep(1)
        await paused.pause()
        other = await r.start(spec.replace("NAME", "other"))
        await other.wait()
        await paused.resume()
        await paused.wait()
    assert r.ledger.spans() == {"first": ["0-5"], "other": ["5-10"], "paused": ["10-15"]}


async def test_what_a_pause_held_does_not_begin_once_the_resumed_block_has_failed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    begun = []

    async def touch(step: Step) -> NoReturn:
        begun.append(step.path)
        raise StepError("enough", "that is enough")

    async with rig(plugins=[Doing(touch=touch)]) as r:
        run = await r.start("""
steps:
  first: {act: {takes: 1s}}
  a: {needs: first, do: touch}
  b: {needs: first, do: touch}
  c: {needs: first, do: touch}
""")
        await trio.sleep(0.5)
        await run.pause()
        await trio.sleep(9)
        await run.resume()
        state = await run.wait()
    assert len(begun) == 1
    assert sorted(statuses(state).values()) == ["completed", "failed", "omitted", "omitted"]


async def test_the_undo_of_a_failed_round_waits_for_the_end_of_a_pause_without_being_late(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - id: ship
    retry: {attempts: 2, backoff: {fixed: 1s}}
    steps:
      - {id: one, act: {}, undo: {act: {name: undo_one, takes: 2s}}}
      - {id: two, act: {}, undo: {act: {name: undo_two, takes: 2s}}}
      - {id: check, act: {name: check, fails: 1}}
""")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep_until(1000)
        await run.resume()
        state = await run.wait()
    assert state.status == "completed"
    assert r.ledger.spans()["undo_two"] == ["0-2"]
    assert r.ledger.spans()["undo_one"] == ["1000-1002"]
    assert r.ledger.spans()["check"] == ["0-0", "1003-1003"]
