"""``timeout``, ``deadline`` and the workflow's ``timeout``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.kit import events, lives, rig, took

if TYPE_CHECKING:
    import trio


async def test_a_timeout_starts_anew_with_each_attempt(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [{id: a, act: {takes: 5s}, timeout: 2s, retry: {attempts: 2, backoff: {fixed: 1s}, on: timeout}}]
""")
    assert lives(state, r.ledger) == {"a": "failed 0-2 3-5"}
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("a", "timeout")
    assert "2s" in state.error.message


async def test_work_that_ends_just_in_time_completes(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, act: {takes: 1999ms}, timeout: 2s}]")
    assert (state.status, took(state)) == ("completed", 1.999)


async def test_a_timeout_of_a_block_ends_everything_in_it(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  group:
    timeout: 2s
    parallel:
      quick: {act: {takes: 1s}}
      slow: {act: {takes: 9s}}
      deep: {sequence: [act: {takes: 9s}, act: {}]}
  beside: {act: {takes: 3s}, on_error: continue}
""")
    assert lives(state, r.ledger) == {
        "group": "failed",
        "group.quick": "completed 0-1",
        "group.slow": "cancelled 0-2",
        "group.deep": "cancelled",
        "group.deep.act_1": "cancelled 0-2",
        "group.deep.act_2": "omitted",
        "beside": "cancelled 0-2",
    }
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("group", "timeout")


async def test_a_timeout_may_be_followed_by_a_slow_clean_up(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, act: {takes: 9s, cleanup: 3s}, timeout: 2s}]")
    assert state.error is not None
    assert (state.error.name, took(state)) == ("timeout", 5)


async def test_a_block_fails_by_what_failed_in_it_first_though_its_time_ran_out_while_it_ended(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: group
    timeout: 2s
    parallel: {bad: {act: {takes: 1s, fails: 9}}, slow: {act: {takes: 9s, cleanup: 5s}}}
""")
    assert state.error is not None
    assert (state.error.path, state.error.name, took(state)) == ("group.bad", "broken", 6)


async def test_the_inner_of_two_limits_that_end_together_wins(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [{id: group, timeout: 2s, sequence: [{id: a, act: {takes: 9s}, timeout: 2s, on_error: continue}]}]
""")
    assert state.steps["group.a"].error is not None
    assert state.steps["group.a"].error.name == "timeout"


# --- deadline ---


@pytest.mark.parametrize(
    ("deadline", "life"),
    [("1500ms", "failed 0-1"), ("2500ms", "failed 0-1 2-2.5"), ("4s", "completed 0-1 2-3")],
)
async def test_a_deadline_counts_attempts_and_waits(
    deadline: str, life: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(
            "steps: [{id: a, act: {takes: 1s, fails: 1}, "
            f"retry: {{attempts: 2, backoff: {{fixed: 1s}}}}, deadline: {deadline}}}]"
        )
    assert lives(state, r.ledger) == {"a": life}


async def test_an_expired_deadline_is_not_retried_and_goes_to_the_strategy(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  a: {act: {takes: 9s}, retry: 5, deadline: 2s, on_error: continue}
  b: {needs: a, act: {takes: 1s}}
""")
    assert lives(state, r.ledger) == {"a": "tolerated 0-2", "b": "completed 2-3"}
    assert state.steps["a"].error is not None
    assert state.steps["a"].error.name == "timeout"


async def test_a_deadline_does_not_count_the_time_before_the_step_starts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("steps: [act: {takes: 5s}, {id: a, act: {takes: 1s}, deadline: 2s}]")
    assert state.status == "completed"


# --- the workflow's ---

SLOW = """
timeout: 3s
@strategy
steps:
  done: {act: {takes: 1s}, undo: {act: {takes: 1s}}}
  slow: {act: {takes: 9s}}
  after: {needs: slow, act: {}}
finally: [{id: tidy, act: {takes: 1s}}]
"""
CUT = {
    "done": "completed 0-1",
    "slow": "cancelled 0-3",
    "after": "omitted",
}
ESCALATE = "{escalate: {timeout: 2s, on_timeout: %s}}"


@pytest.mark.parametrize(
    ("strategy", "status", "end", "more"),
    [
        ("fail_fast", "failed", 4, {"finally.tidy": "completed 3-4"}),
        ("fail_late", "failed", 4, {"finally.tidy": "completed 3-4"}),
        ("continue", "completed", 4, {"finally.tidy": "completed 3-4"}),
        ("rollback", "rolled_back", 5, {"done.undo": "completed 3-4", "finally.tidy": "completed 4-5"}),
        (
            "{rollback: {scope: block}}",
            "failed",
            5,
            {"done.undo": "completed 3-4", "finally.tidy": "completed 4-5"},
        ),
        (ESCALATE % "fail", "failed", 6, {"": "waiting", "finally.tidy": "completed 5-6"}),
        (ESCALATE % "continue", "completed", 6, {"": "waiting", "finally.tidy": "completed 5-6"}),
        (
            ESCALATE % "rollback",
            "rolled_back",
            7,
            {"": "waiting", "done.undo": "completed 5-6", "finally.tidy": "completed 6-7"},
        ),
    ],
)
async def test_the_workflows_timeout_is_put_to_its_strategy(
    strategy: str, status: str, end: float, more: dict[str, str], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(SLOW.replace("@strategy", f"on_error: {strategy}"))
    lived = lives(state, r.ledger)
    lived.pop("", None)
    assert lived == CUT | {path: life for path, life in more.items() if path}
    assert (state.status, took(state)) == (status, end)
    assert state.tolerated == (status == "completed")
    if status != "completed":
        assert state.error is not None
        assert state.error.name == "timeout"


async def test_what_the_timeout_of_the_workflow_stopped_says_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run(SLOW.replace("@strategy", ""))
    assert state.steps["slow"].reason == "the run was not done after 3s"
    assert state.steps["after"].reason == "stopped: the run was not done after 3s"


async def test_the_timeout_of_the_workflow_does_not_bound_finally(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
timeout: 3s
steps: [act: {takes: 2s}]
finally: [act: {takes: 60s}]
""")
    assert (state.status, took(state)) == ("completed", 62)


async def test_timeouts_are_told_as_any_failure(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {takes: 5s}, timeout: 2s}]")
        seen = await events(run)
    assert [event.type for event in seen[2:]] == ["step.started", "step.failed", "workflow.failed"]
    assert seen[3].data["error"]["name"] == "timeout"
