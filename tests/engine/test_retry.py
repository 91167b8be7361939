"""When a step is tried again, after which wait, and when no more."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from tests.engine.kit import events, lives, rig, took


@pytest.mark.parametrize(
    ("backoff", "starts"),
    [
        ("{fixed: 2s}", [0, 3, 6, 9]),
        ("{linear: 2s}", [0, 3, 8, 15]),
        ("{linear: {step: 2s, max: 3s}}", [0, 3, 7, 11]),
        ("{exponential: {initial: 1s, factor: 3}}", [0, 2, 6, 16]),
        ("{exponential: {initial: 1s, max: 2s}}", [0, 2, 5, 8]),
        ("exponential", [0, 2, 5, 10]),
        ("{fibonacci: 2s}", [0, 3, 6, 11]),
        ("{random: {min: 2s, max: 2s}}", [0, 3, 6, 9]),
        ("{decorrelated: {initial: 2s, max: 2s}}", [0, 3, 6, 9]),
    ],
)
async def test_each_backoff_waits_as_it_says(
    backoff: str, starts: list[float], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(
            f"steps: [{{id: a, act: {{takes: 1s, fails: 3}}, retry: {{attempts: 4, backoff: {backoff}}}}}]"
        )
    assert [time for time, what, _ in r.ledger.lines if what == "start"] == starts
    assert (state.status, state.steps["a"].attempts) == ("completed", 4)


async def test_a_number_is_the_attempts_in_all_and_the_backoff_is_exponential(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, act: {fails: 9}, retry: 3}]")
    assert lives(state, r.ledger) == {"a": "failed 0-0 1-1 3-3"}
    assert state.status == "failed"


@pytest.mark.parametrize("jitter", ["full", "equal"])
def test_a_seeded_run_draws_the_same_waits_again(jitter: str) -> None:
    backoff = f"{{fixed: {{delay: 4s, jitter: {jitter}}}}}"

    async def waits() -> list[float]:
        async with rig() as r:
            run = await r.start(
                f"steps: [{{id: a, act: {{fails: 3}}, retry: {{attempts: 4, backoff: {backoff}}}}}]"
            )
            return [event.data["delay"] for event in await events(run) if event.type == "step.retrying"]

    # each in a clock of its own: the time a run is started at is part of its id
    first, again = (trio.run(waits, clock=trio.testing.MockClock(autojump_threshold=0)) for _ in range(2))
    assert first == again
    assert len(set(first)) == 3
    assert all((2 if jitter == "equal" else 0) <= wait <= 4 for wait in first)


@pytest.mark.parametrize(
    ("error", "on", "attempts"),
    [
        ("exit.3", "exit", 2),
        ("exit.3", "exit.3", 2),
        ("exit.3", "exit.4", 1),
        ("exits", "exit", 1),
        ("exit", "exit.3", 1),
        ("broken", "[timeout, broken]", 2),
        ("broken", "[timeout, exit]", 1),
    ],
)
async def test_only_the_named_errors_and_those_below_them_are_retried(
    error: str, on: str, attempts: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(
            f"steps: [{{id: a, act: {{fails: 9, error: {error}}}, retry: {{attempts: 2, on: {on}}}}}]"
        )
    assert state.steps["a"].attempts == attempts


@pytest.mark.parametrize(
    ("condition", "attempts"),
    [
        ("attempt < 3", 3),
        ("error.name == 'broken'", 5),
        ("error.message == 'other'", 1),
        ("'a failed' in error.message and attempt < 2", 2),
    ],
)
async def test_if_decides_about_each_further_attempt(
    condition: str, attempts: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(
            {"steps": [{"id": "a", "act": {"fails": 9}, "retry": {"attempts": 5, "if": condition}}]}
        )
    assert state.steps["a"].attempts == attempts


async def test_an_if_that_has_no_value_fails_the_step_as_expression(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run(
            "steps: [{id: a, act: {fails: 9}, retry: {attempts: 5, if: error.data.code == 3}}]"
        )
    assert state.error is not None
    assert (state.error.name, state.steps["a"].attempts) == ("expression", 1)
    assert "error.data.code == 3" in state.error.message
    assert "broken: a failed" in state.error.message
    assert state.error.data["error"]["name"] == "broken"


@pytest.mark.parametrize(
    ("max_time", "spans"), [("7s", "0-1 3-4 6-7"), ("8s", "0-1 3-4 6-7"), ("9s", "0-1 3-4 6-7 9-10")]
)
async def test_no_attempt_starts_after_max_time(
    max_time: str, spans: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(
            "steps: [{id: a, act: {takes: 1s, fails: 9}, "
            f"retry: {{attempts: 4, backoff: {{fixed: 2s}}, max_time: {max_time}}}}}]"
        )
    assert lives(state, r.ledger) == {"a": f"failed {spans}"}


@pytest.mark.parametrize(("retry_after", "spans"), [("5s", "0-1 6-7"), ("1s", "0-1 3-4")])
async def test_retry_after_lengthens_a_wait_and_never_shortens_it(
    retry_after: str, spans: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(f"""
steps:
  - id: a
    act: {{takes: 1s, fails: 1, retry_after: {retry_after}}}
    retry: {{attempts: 2, backoff: {{fixed: 2s}}}}
""")
    assert lives(state, r.ledger) == {"a": f"completed {spans}"}


async def test_retrying_is_told_with_the_error_and_the_wait(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: a, act: {fails: 1}, retry: {attempts: 2, backoff: {fixed: 3s}}}]")
        seen = await events(run)
    assert [(event.type, event.attempt) for event in seen[2:-1]] == [
        ("step.started", 1),
        ("step.retrying", 1),
        ("step.started", 2),
        ("step.completed", 2),
    ]
    assert (seen[3].data["delay"], seen[3].data["error"]["name"]) == (3, "broken")


async def test_the_strategy_is_asked_after_the_last_attempt(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  bad: {act: {takes: 1s, fails: 9}, retry: {attempts: 2, backoff: {fixed: 1s}}, on_error: continue}
  after: {needs: bad, act: {}}
""")
    assert lives(state, r.ledger) == {"bad": "tolerated 0-1 2-3", "after": "completed 3-3"}


# --- blocks ---

SHIP = """
steps:
  - id: ship
    retry: {attempts: 2, backoff: {fixed: 10s}}
    sequence:
      - {id: take, act: {takes: 1s}, undo: {act: {takes: 2s}}}
      - {id: push, act: {name: push, takes: 1s, fails: @fails}}
    @more
"""


async def test_a_block_is_undone_and_runs_again_under_new_paths(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run(SHIP.replace("@fails", "1").replace("@more", ""))
    assert r.ledger.lines == [
        (0, "start", "ship.take"),
        (1, "end", "ship.take"),
        (1, "start", "push"),
        (2, "fail", "push"),
        (2, "start", "ship.take.undo"),
        (4, "end", "ship.take.undo"),
        (14, "start", "ship#2.take"),
        (15, "end", "ship#2.take"),
        (15, "start", "push"),
        (16, "end", "push"),
    ]
    assert state.steps.keys() == {
        "ship", "ship.take", "ship.push", "ship.take.undo", "ship#2.take", "ship#2.push",
    }  # fmt: skip
    assert state.steps["ship"].attempts == 2
    assert state.steps["ship"].output == {
        "take": {"name": "ship#2.take", "attempt": 1},
        "push": {"name": "push", "attempt": 1},
    }


async def test_the_last_failed_attempt_of_a_block_is_not_undone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run(SHIP.replace("@fails", "9").replace("@more", ""))
    assert "ship#2.take.undo" not in state.steps
    assert state.error is not None
    assert (state.error.path, took(state)) == ("ship#2.push", 16)


async def test_the_last_failed_attempt_of_a_block_is_undone_by_a_strategy(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run(SHIP.replace("@fails", "9").replace("@more", "on_error: rollback"))
    assert (state.status, took(state)) == ("rolled_back", 18)
    assert state.rollback == {"status": "complete", "undone": 1}
    assert [name for name in r.ledger.names("end") if name.endswith("undo")] == [
        "ship.take.undo",
        "ship#2.take.undo",
    ]


async def test_a_failed_undo_ends_the_retrying(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: ship
    retry: 5
    sequence:
      - {id: one, act: {}, undo: {act: {takes: 1s}}}
      - {id: two, act: {}, undo: {act: {takes: 1s, fails: 9}}}
      - {id: push, act: {fails: 9}}
""")
    assert state.steps["ship"].attempts == 1
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("ship", "undo")
    assert "ship.two" in state.error.message
    assert state.error.data["error"]["path"] == "ship.push"
    assert lives(state, r.ledger)["ship.one.undo"] == "completed 1-2"  # the rest still run


async def test_an_undo_that_failed_in_a_rollback_of_the_block_ends_the_retrying_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: ship
    retry: 5
    sequence:
      - {id: one, act: {}, undo: {act: {fails: 9}}}
      - {id: push, act: {fails: 9}, on_error: {rollback: {scope: block}}}
""")
    assert state.steps["ship"].attempts == 1
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("ship", "undo")


async def test_what_a_block_rollback_took_back_is_not_undone_again_between_attempts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: ship
    retry: 2
    sequence:
      - {id: one, act: {}, undo: {act: {}}}
      - {id: push, act: {name: push, fails: 1}, on_error: {rollback: {scope: block}}}
""")
    assert state.status == "completed"
    assert [name for name in r.ledger.names("end") if name.endswith("undo")] == ["ship.one.undo"]


async def test_nested_blocks_count_their_rounds_each_for_itself(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: a
    retry: 2
    sequence:
      - id: b
        retry: 2
        sequence: [{id: c, act: {name: c, fails: 3}}]
""")
    assert state.status == "completed"
    assert [path for path in state.steps if path.endswith(".c")] == [
        "a.b.c",
        "a.b#2.c",
        "a#2.b.c",
        "a#2.b#2.c",
    ]
