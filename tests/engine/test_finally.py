"""``finally`` and ``outputs``: what happens between the end of the steps and the end of the run."""

from __future__ import annotations

import pytest
import trio
from tests.engine.kit import events, lives, rig, to_end, took

TOLD = "${{ run.status }} ${{ default(run.error.name, 'fine') }}"


@pytest.mark.parametrize(
    ("steps", "on_error", "told"),
    [
        ("{act: {}}", "fail_fast", "completed fine"),
        ("{act: {fails: 9}}", "fail_fast", "failed broken"),
        ("{act: {fails: 9}}", "continue", "completed fine"),
        ("{act: {fails: 9}}", "rollback", "rolled_back broken"),
        ("{act: {takes: 9s}, timeout: 1s}", "fail_fast", "failed timeout"),
    ],
)
async def test_it_runs_once_whatever_the_end_and_sees_it(
    steps: str, on_error: str, told: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(f"""
on_error: {on_error}
steps: [{steps}]
finally: [{{id: tidy, act: {{output: "{TOLD}"}}}}]
""")
    assert r.ledger.names("start").count("finally.tidy") == 1
    assert state.steps["finally.tidy"].output == told
    assert str(state.status) == told.split()[0]


async def test_it_runs_after_a_cancel(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(
            f"steps: [act: {{takes: 9s}}]\nfinally: [{{id: tidy, act: {{output: '{TOLD}'}}}}]".replace(
                "'fine'", '"fine"'
            )
        )
        await trio.sleep(1)
        await run.cancel()
        state = await to_end(run)
    assert state.steps["finally.tidy"].output == "cancelled fine"
    assert state.status == "cancelled"


async def test_it_runs_after_a_failure_before_the_first_step(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
inputs: {it: {type: object, default: {}}}
vars: {bad: "${{ inputs.it.gone }}"}
steps: [act: {}]
finally: [{id: tidy, when: run.status == 'failed', act: {output: "${{ run.error.name }}"}}]
""")
    assert r.ledger.names("start") == ["finally.tidy"]
    assert (state.status, state.steps["finally.tidy"].output) == ("failed", "expression")


async def test_a_failure_there_turns_completed_into_failed_and_leaves_no_outputs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [{id: a, act: {}}]
outputs: {a: "${{ steps.a.output }}"}
finally: [{id: tidy, act: {fails: 9}}]
""")
    assert (state.status, state.outputs) == ("failed", {})
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("finally.tidy", "broken")


@pytest.mark.parametrize(("on_error", "status"), [("fail_fast", "failed"), ("rollback", "rolled_back")])
async def test_a_failure_there_is_added_to_the_error_of_a_run_that_failed(
    on_error: str, status: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(f"""
on_error: {on_error}
steps: [{{id: bad, act: {{fails: 9, error: first}}}}]
finally: [{{id: tidy, act: {{fails: 9, error: second}}}}]
""")
    assert state.status == status
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("bad", "first")
    assert "finally.tidy failed" in state.error.message


async def test_a_failure_there_does_not_stop_the_others(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [act: {}]
finally:
  - {id: one, act: {takes: 1s, fails: 9}}
  - {id: two, act: {takes: 1s}}
  - {id: three, act: {takes: 1s, fails: 9}, on_error: fail_fast}
  - {id: four, parallel: {a: {act: {takes: 1s, fails: 9}}, b: {act: {takes: 2s}}}}
""")
    assert lives(state, r.ledger) == {
        "act_1": "completed 0-0",
        "finally.one": "failed 0-1",
        "finally.two": "completed 1-2",
        "finally.three": "failed 2-3",
        "finally.four": "failed",
        "finally.four.a": "failed 3-4",
        "finally.four.b": "completed 3-5",
    }
    assert (state.status, took(state)) == ("failed", 5)


async def test_a_tolerated_failure_there_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [act: {}]\nfinally: [{act: {fails: 9}, on_error: continue}]")
    assert (state.status, state.tolerated) == ("completed", 1)


async def test_it_is_bounded_by_five_minutes(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [act: {takes: 1s}]
finally: {quick: {act: {takes: 1s}}, slow: {act: {takes: 1h}}, after: {needs: slow, act: {}}}
""")
    assert lives(state, r.ledger) == {
        "act_1": "completed 0-1",
        "finally.quick": "completed 1-2",
        "finally.slow": "cancelled 1-301",
        "finally.after": "omitted",
    }
    assert state.error is not None
    assert (state.status, state.error.name, took(state)) == ("failed", "timeout", 301)


async def test_it_reads_steps_that_may_not_have_run(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: a, act: {output: x}}
  - {id: bad, act: {fails: 9}}
  - {id: never, act: {}}
finally:
  - id: tidy
    act:
      output:
        - "${{ default(steps.a.output, 0) }}"
        - "${{ default(steps.never.output, 0) }}"
        - "${{ steps.bad.status }}"
""")
    assert state.steps["finally.tidy"].output == ["x", 0, "failed"]


async def test_steps_of_a_graph_there_that_need_nothing_start_together(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps: {done: {act: {takes: 1s}}}
finally:
  one: {act: {output: "${{ default(steps.done.output.name, 'none') }}", takes: 1s}}
  two: {act: {takes: 1s}}
""")
    assert lives(state, r.ledger)["finally.one"] == "completed 1-2"
    assert lives(state, r.ledger)["finally.two"] == "completed 1-2"


# --- outputs ---


async def test_outputs_are_evaluated_over_the_finished_steps(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  one: {act: {output: {n: 1}}}
  group: {parallel: {in_it: {act: {output: 2}}}}
outputs:
  all: ["${{ steps.one.output.n }}", "${{ steps.group.output.in_it }}"]
  text: "n=${{ steps.one.output.n }}"
""")
    assert state.outputs == {"all": [1, 2], "text": "n=1"}


async def test_an_error_in_outputs_fails_the_run_before_finally(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
inputs: {it: {type: object, default: {}}}
steps: [{id: a, act: {}}]
outputs: {it: "${{ inputs.it.name }}"}
finally: [{id: tidy, act: {output: "${{ run.status }}: ${{ default(run.error.name, '') }}"}}]
""")
        seen = await events(run)
    state = run.state()
    assert (state.status, state.outputs) == ("failed", {})
    assert state.steps["finally.tidy"].output == "failed: expression"
    assert state.error is not None
    assert state.error.message.startswith("outputs.it: ")
    assert seen[-1].type == "workflow.failed"


async def test_outputs_are_not_evaluated_where_the_steps_failed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [{id: bad, act: {fails: 9}}]
outputs: {it: "${{ steps.bad.output.name }}"}
""")
    assert state.error is not None
    assert (state.error.name, state.outputs) == ("broken", {})


async def test_every_failure_of_finally_is_told(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [act: {}]
finally: [{id: one, act: {fails: 9}}, {id: two, act: {}}, {id: three, act: {fails: 9}}]
""")
    assert state.status == "failed"
    assert state.error is not None
    assert state.error.path == "finally.one"
    assert state.error.message == "finally.one failed; and finally.three failed: finally.three failed"
