"""A step that is repeated until a condition holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.kit import events, lives, rig, took

if TYPE_CHECKING:
    import trio


async def test_a_step_is_repeated_until_its_condition_holds(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: poll, act: {takes: 1s}, repeat: {until: output.attempt == 3, every: 10s, times: 60}}
  - {id: then, act: {output: "${{ steps.poll.output }}"}}
""")
    assert lives(state, r.ledger) == {"poll": "completed 0-1 11-12 22-23", "then": "completed 23-23"}
    assert state.steps["then"].output == {"name": "poll", "attempt": 3}


async def test_previous_is_the_output_of_the_last_round(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: sum, act: {output: "${{ default(previous, 0) + 5 }}"}, repeat: {until: output >= 15, times: 9}}
""")
    assert state.steps["sum"].output == 15
    assert state.steps["sum"].attempts == 3


async def test_previous_is_null_in_the_first_round(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: a, act: {output: ["${{ previous }}"]}, repeat: {until: 'true', times: 1}}
""")
    assert state.steps["a"].output == [None]


async def test_used_up_is_a_failure_that_keeps_the_last_output(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: poll, act: {takes: 1s}, repeat: {until: 'false', every: 2s, times: 2}, on_error: continue}
  - {id: then, act: {output: "${{ default(steps.poll.output, null) }}"}}
""")
    poll = state.steps["poll"]
    assert lives(state, r.ledger)["poll"] == "tolerated 0-1 3-4"
    assert poll.error is not None
    assert poll.error.name == "repeat"
    assert state.steps["then"].output == {"name": "poll", "attempt": 2}


async def test_a_deadline_ends_the_repeating(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [{id: poll, act: {takes: 1s}, repeat: {until: 'false', every: 4s}, deadline: 7s}]
""")
    assert state.error is not None
    assert (state.error.name, took(state)) == ("timeout", 7)
    assert lives(state, r.ledger) == {"poll": "failed 0-1 5-6"}


async def test_a_failed_round_is_retried_and_then_ends_the_repeating(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - id: poll
    act: {takes: 1s, fails: 1}
    retry: {attempts: 2, backoff: {fixed: 2s}}
    repeat: {until: attempt == 3, every: 10s, times: 5}
""")
        seen = await events(run)
    assert lives(run.state(), r.ledger) == {"poll": "completed 0-1 3-4 14-15"}
    assert [event.data["delay"] for event in seen if event.type == "step.retrying"] == [2, 10]


async def test_an_untolerated_failure_ends_the_repeating(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, act: {fails: 9}, repeat: {until: 'false', times: 5}}]")
    assert state.steps["a"].attempts == 1
    assert state.error is not None
    assert state.error.name == "broken"


async def test_rounds_of_a_block_have_paths_of_their_own(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: poll
    sequence: [{id: look, act: {output: "${{ default(previous.look, 0) + 1 }}"}}]
    repeat: {until: output.look == 2, times: 5}
""")
    assert list(state.steps) == ["poll", "poll.look", "poll#2.look"]
    assert state.steps["poll"].output == {"look": 2}


async def test_an_until_without_a_value_fails_the_step(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, act: {}, repeat: {until: output.gone == 1, times: 5}}]")
    assert state.error is not None
    assert (state.error.name, state.steps["a"].attempts) == ("expression", 1)
    assert "output.gone == 1" in state.error.message


async def test_every_round_of_a_repeat_is_owed_its_undo(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - id: poll
    sequence: [{id: add, act: {takes: 1s}, undo: {act: {takes: 1s}}}]
    repeat: {until: 'false', times: 2}
""")
    assert state.rollback == {"status": "complete", "undone": 2}
    assert lives(state, r.ledger) == {
        "poll": "failed",
        "poll.add": "completed 0-1",
        "poll#2.add": "completed 1-2",
        "poll#2.add.undo": "completed 2-3",
        "poll.add.undo": "completed 3-4",
    }
