"""How many run at once, and which needs let a step start."""

from __future__ import annotations

import pytest
import trio
from tests.engine.kit import lives, rig, to_end, took

# --- max_parallel ---


@pytest.mark.parametrize("written", ["2", "'${{ inputs.most }}'"])
async def test_at_most_so_many_steps_of_the_workflow_run_at_once(
    written: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(f"""
inputs: {{most: {{type: integer, default: 2}}}}
max_parallel: {written}
steps:
  a: {{act: {{takes: 1s}}}}
  b: {{act: {{takes: 1s}}}}
  c: {{act: {{takes: 1s}}}}
  d: {{act: {{takes: 1s}}}}
""")
    assert (r.ledger.most_inside, took(state)) == (2, 2)


async def test_at_most_so_many_children_of_a_block_run_at_once_first_ready_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  group:
    max_parallel: 1
    parallel: {a: {act: {takes: 1s}}, b: {act: {takes: 1s}}, c: {act: {takes: 1s}}}
  beside: {act: {takes: 1s}}
""")
    assert lives(state, r.ledger) == {
        "group": "completed",
        "group.a": "completed 0-1",
        "group.b": "completed 1-2",
        "group.c": "completed 2-3",
        "beside": "completed 0-1",
    }


async def test_a_bound_of_a_block_that_is_none_is_the_blocks_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
inputs: {most: {type: integer, default: 0}}
steps: [{id: group, max_parallel: "${{ inputs.most }}", parallel: [act: {}], on_error: continue}]
""")
    assert state.status == "completed"
    assert state.steps["group"].error is not None
    assert state.steps["group"].error.name == "expression"
    assert r.ledger.lines == []


# --- named limiters ---


async def test_a_limiter_is_shared_by_all_runs_of_the_engine(autojump_clock: trio.testing.MockClock) -> None:
    async with rig(limiters={"db": 2}) as r:
        spec = "steps: {a: {limit: db, act: {takes: 1s}}, b: {limit: db, act: {takes: 1s}}}"
        runs = [await r.start(spec) for _ in range(3)]
        states = [await to_end(run) for run in runs]
        assert trio.current_time() == 3
    assert {state.status for state in states} == {"completed"}
    assert [time for time, what, _ in r.ledger.lines if what == "start"] == [0, 0, 1, 1, 2, 2]
    assert r.ledger.most_inside == 2


async def test_a_limiter_is_not_held_during_a_backoff(autojump_clock: trio.testing.MockClock) -> None:
    async with rig(limiters={"db": 1}) as r:
        state = await r.run("""
steps:
  first: {limit: db, act: {takes: 1s, fails: 1}, retry: {attempts: 2, backoff: {fixed: 10s}}}
  other: {sequence: [{wait: 500ms}, {id: it, limit: db, act: {takes: 2s}}]}
""")
    assert lives(state, r.ledger)["first"] == "completed 0-1 11-12"
    assert lives(state, r.ledger)["other.it"] == "completed 1-3"


async def test_a_limiter_is_not_held_while_a_person_is_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(limiters={"db": 1}) as r:
        state = await r.run("""
steps:
  first:
    limit: db
    act: {takes: 1s, fails: 1}
    on_error: {escalate: {timeout: 10s, on_timeout: continue}}
  other: {sequence: [{wait: 500ms}, {id: it, limit: db, act: {takes: 2s}}]}
""")
    assert lives(state, r.ledger)["other.it"] == "completed 1-3"
    assert took(state) == 11


async def test_the_wait_for_a_limiter_counts_for_the_deadline_but_not_for_the_timeout(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig(limiters={"db": 1}) as r:
        holder = await r.start("steps: [{id: holder, limit: db, act: {takes: 5s}}]")
        await trio.sleep(1)
        state = await r.run("""
steps:
  timed: {limit: db, act: {takes: 1s}, timeout: 2s}
  dead: {sequence: [{wait: 100ms}, {id: it, limit: db, act: {takes: 1s}, deadline: 2s, on_error: continue}]}
""")
        await to_end(holder)
    assert lives(state, r.ledger)["timed"] == "completed 5-6"
    assert lives(state, r.ledger)["dead.it"] == "tolerated"


async def test_each_element_of_a_foreach_takes_the_limiter(autojump_clock: trio.testing.MockClock) -> None:
    async with rig(limiters={"db": 2}) as r:
        state = await r.run("steps: [{id: each, foreach: [1, 2, 3, 4], limit: db, act: {takes: 1s}}]")
    assert (r.ledger.most_inside, took(state)) == (2, 2)


# --- needs ---

NEEDS = """
on_error: fail_late
steps:
  good: {act: {takes: 1s}}
  bad: {act: {takes: 2s, fails: 9}}
  skipped: {when: 1 > 2, act: {}}
  let: {act: {takes: 1s, fails: 9}, on_error: continue}
  never: {needs: bad, act: {}}
  it: {needs: @needs, act: {takes: 1s}}
"""


@pytest.mark.parametrize(
    ("needs", "life", "reason"),
    [
        ("good", "completed 1-2", None),
        ("skipped", "completed 0-1", None),
        ("let", "completed 1-2", None),
        ("bad", "omitted", "needs bad, which failed"),
        ("never", "omitted", "needs never, which was omitted"),
        ("{good: completed}", "completed 1-2", None),
        ("{skipped: skipped}", "completed 0-1", None),
        ("{skipped: completed}", "omitted", "needs skipped to have completed, but it was skipped"),
        ("{bad: failed}", "completed 2-3", None),
        ("{let: failed}", "completed 1-2", None),
        ("{let: completed}", "omitted", "needs let to have completed, but it failed"),
        ("{bad: settled, never: settled}", "completed 2-3", None),
        ("{bad: failed, good: completed}", "completed 2-3", None),
        (
            "{bad: failed, skipped: completed}",
            "omitted",
            "needs skipped to have completed, but it was skipped",
        ),
        ("{at_least: 1, of: [good, bad]}", "completed 1-2", None),
        ("{at_least: 2, of: [good, bad]}", "omitted", "needs at least 2 of good, bad; 1 completed"),
        ("{at_least: 1, of: [skipped, let]}", "omitted", "needs at least 1 of skipped, let; 0 completed"),
    ],
)
async def test_a_need_names_the_result_it_wants(
    needs: str, life: str, reason: str | None, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(NEEDS.replace("@needs", needs))
    assert lives(state, r.ledger)["it"] == life
    assert state.steps["it"].reason == reason
    assert state.status == "failed"


async def test_at_least_starts_as_soon_as_so_many_have_and_the_rest_go_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  a: {act: {takes: 1s}}
  b: {act: {takes: 2s}}
  c: {act: {takes: 5s}}
  it: {needs: {at_least: 2, of: [a, b, c]}, act: {takes: 1s}}
""")
    assert lives(state, r.ledger)["it"] == "completed 2-3"
    assert took(state) == 5


async def test_at_least_omits_as_soon_as_so_many_cannot(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: continue
steps:
  a: {act: {takes: 1s, fails: 9}}
  b: {act: {takes: 2s, fails: 9}}
  c: {act: {takes: 9s}}
  it: {needs: {at_least: 2, of: [a, b, c]}, act: {}}
""")
        await trio.sleep(3)
        it = run.state().steps["it"]
        await to_end(run)
    assert (str(it.status), it.reason) == ("omitted", "needs at least 2 of a, b, c; 0 completed, 1 still may")


async def test_what_skips_and_omits_at_the_start_needs_no_time_and_no_attempt(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  a: {when: 1 > 2, act: {takes: 1s}}
  b: {needs: {a: completed}, act: {takes: 1s}}
  c: {needs: b, act: {takes: 1s}}
""")
    assert lives(state, r.ledger) == {"a": "skipped", "b": "omitted", "c": "omitted"}
    assert (state.status, took(state)) == ("completed", 0)
