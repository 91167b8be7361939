"""A person decides about a step that waits. Times are virtual and exact."""

from __future__ import annotations

import pytest
import trio
from tests.engine.kit import events, rig, statuses
from tests.engine.odd import journal, one

import treadle

ASKS = """
steps:
  before: {act: {}, undo: {act: {name: undo}}}
  asked: {needs: before, act: {fails: 1}, on_error: {escalate: "Well?"}}
  after: {needs: asked, act: {}}
"""


@pytest.mark.parametrize(
    ("decision", "run_ends", "asked", "after"),
    [
        ("retry", "completed", "completed", "completed"),
        ("complete", "completed", "completed", "completed"),
        ("continue", "completed", "failed", "completed"),
        ("fail", "failed", "failed", "omitted"),
        ("rollback", "rolled_back", "failed", "omitted"),
    ],
)
async def test_each_of_the_five_decisions_settles_the_step_in_its_way(
    decision: str, run_ends: str, asked: str, after: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(ASKS)
        await trio.sleep(5)
        assert run.questions == {"asked": "Well?"}
        await run.resolve("asked", decision)
        state = await run.wait()
        seen = await events(run)
    assert state.status == run_ends
    settled = {path: status for path, status in statuses(state).items() if path != "before.undo"}
    assert settled == {"before": "completed", "asked": asked, "after": after}
    assert one(seen, "step.resolved asked").data == {"decision": decision, "by": "person"}
    assert r.ledger.names("end").count("undo") == (decision == "rollback")
    assert state.tolerated == (decision == "continue")
    assert state.ended_at is not None
    assert state.started_at is not None
    assert state.ended_at - state.started_at == 5


@pytest.mark.parametrize("decision", ["complete", "continue"])
async def test_an_output_given_with_the_decision_is_what_dependants_read(
    decision: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  asked: {act: {fails: 1}, on_error: escalate}
  after: {needs: asked, act: {output: "${{ default(steps.asked.output.tag, 'none') }}"}}
""")
        await trio.sleep(1)
        await run.resolve("asked", decision, output={"tag": "v1"})
        state = await run.wait()
    assert state.steps["after"].output == "v1"
    assert state.steps["asked"].output == {"tag": "v1"}


@pytest.mark.parametrize(
    ("on_timeout", "ends"), [("fail", "failed"), ("continue", "completed"), ("rollback", "rolled_back")]
)
async def test_a_person_who_does_not_answer_in_time_is_decided_for(
    on_timeout: str, ends: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(f"""
steps:
  - id: a
    act: {{fails: 1}}
    on_error: {{escalate: {{timeout: 1h, on_timeout: {on_timeout}}}}}
""")
        state = await run.wait()
        seen = await events(run)
    assert state.status == ends
    assert one(seen, "step.resolved a").data == {"decision": on_timeout, "by": "timeout"}
    assert trio.current_time() == 3600


async def test_the_question_is_told_with_what_may_be_answered(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(ASKS)
        await trio.sleep(1)
        await run.resolve("asked", "fail")
        await run.wait()
        data = one(await events(run), "step.waiting asked").data
    assert data["prompt"] == "Well?"
    assert data["error"]["name"] == "broken"
    assert data["decisions"] == ["retry", "complete", "continue", "fail", "rollback"]
    assert data["timeout"] is None


async def test_a_step_that_does_not_wait_cannot_be_resolved_and_the_answer_says_which_does(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(ASKS)
        await trio.sleep(1)
        with pytest.raises(treadle.Refused, match=r"'nobody'.*does not wait for a person; asked does"):
            await run.resolve("nobody", "retry")
        await run.resolve("asked", "fail")
        await run.wait()
        told = [event.data["answer"] for event in await events(run) if event.type == "workflow.command"]
    assert told == ["refused", "accepted"]


async def test_a_decision_there_is_not_is_an_error_that_changes_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(ASKS)
        await trio.sleep(1)
        with pytest.raises(treadle.Refused, match="perhaps is not one of retry"):
            await run.resolve("asked", "perhaps")
        assert run.status == "waiting"
        await run.resolve("asked", "fail")
        await run.wait()


async def test_what_cannot_be_decided_about_the_runs_own_timeout_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("timeout: 1s\non_error: escalate\nsteps: [{id: a, act: {takes: 9s}}]")
        await trio.sleep(2)
        (path,) = run.questions
        with pytest.raises(treadle.Refused, match="retry is not one of continue, fail, rollback"):
            await run.resolve(path, "retry")
        await run.resolve(path, "continue")
        state = await run.wait()
    assert (state.status, state.tolerated) == ("completed", 1)
    assert statuses(state) == {"a": "cancelled"}


async def test_only_the_first_answer_counts(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(ASKS)
        await trio.sleep(1)
        await run.resolve("asked", "complete")
        with pytest.raises(treadle.Refused):
            await run.resolve("asked", "fail")
        assert (await run.wait()).status == "completed"
        with pytest.raises(treadle.Refused, match="does not wait"):
            await run.resolve("asked", "retry")


async def test_a_run_waits_only_while_nothing_else_can_go_on(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  asked: {act: {fails: 1}, on_error: escalate}
  other: {act: {takes: 5s}}
  block: {steps: [{id: retried, act: {takes: 1s, fails: 1}, retry: {attempts: 2, backoff: {fixed: 6s}}}]}
""")
        seen = []
        for moment in (1, 6, 9):
            await trio.sleep_until(moment)
            seen.append(str(run.status))
        await run.resolve("asked", "retry")
        await run.wait()
        told = await journal(run)
    assert seen == ["running", "running", "waiting"]
    assert told.count("workflow.waiting") == 1


async def test_two_steps_wait_and_each_is_answered_for_itself(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  a: {act: {fails: 1}, on_error: escalate}
  all: {foreach: [1, 2], act: {name: "e${{ item }}", fails: "${{ item - 1 }}"}, on_error: escalate}
""")
        await trio.sleep(1)
        assert sorted(run.questions) == ["a", "all.1"]
        assert run.status == "waiting"
        await run.resolve("all.1", "continue")
        await trio.sleep(1)
        assert run.status == "waiting"
        await run.resolve("a", "retry")
        state = await run.wait()
    assert statuses(state) == {"a": "completed", "all": "completed", "all.0": "completed", "all.1": "failed"}


async def test_limits_stand_still_while_the_run_only_waits_for_a_person(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
timeout: 10s
steps:
  - {id: asked, act: {takes: 2s, fails: 1}, on_error: escalate}
  - {id: slow, act: {takes: 99s}}
""")
        await trio.sleep(100)
        await run.resolve("asked", "continue")
        await run.wait()
    assert r.ledger.spans()["slow"] == ["100-108"]


async def test_a_block_that_a_person_has_retried_is_undone_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - id: ship
    on_error: escalate
    steps:
      - {id: push, act: {name: push}, undo: {act: {name: undo, takes: 1s}}}
      - {id: check, act: {name: check, fails: 1}}
""")
        await trio.sleep(5)
        await run.resolve("ship", "retry")
        state = await run.wait()
    assert r.ledger.spans() == {"push": ["0-0", "6-6"], "check": ["0-0", "6-6"], "undo": ["5-6"]}
    assert "ship#2.push" in state.steps
