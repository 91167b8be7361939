"""Values put into settings when a step runs: words of a command, and what a person is asked."""

from __future__ import annotations

import pytest
import trio
from tests.engine.kit import Rig, events, rig, to_end

import treadle


async def asked(r: Rig, spec: str, **inputs: object) -> list[str]:
    """The prompt of each question that *spec* puts; all are answered with continue."""
    run = await r.start(spec, inputs=inputs)
    await trio.sleep(10)
    for path, step in run.state().steps.items():
        if step.status == "waiting":
            await run.resolve(path, "continue")
    await to_end(run)
    return sorted(event.data["prompt"] for event in await events(run) if event.type == "step.waiting")


async def test_what_a_person_is_asked_is_made_of_what_the_step_sees(
    autojump_clock: trio.testing.MockClock,
) -> None:
    spec = """
inputs: {version: string}
steps:
  build: {act: {output: app}}
  ship:
    foreach: [eu, us]
    act: {fails: 1}
    on_error: {escalate: "Ship ${{ steps.build.output }} ${{ inputs.version }} to ${{ item }}?"}
"""
    async with rig() as r:
        assert await asked(r, spec, version="1.2.0") == ["Ship app 1.2.0 to eu?", "Ship app 1.2.0 to us?"]


async def test_the_workflows_own_question_is_made_for_each_step(
    autojump_clock: trio.testing.MockClock,
) -> None:
    spec = """
inputs: {version: string}
on_error: {escalate: "Go on with ${{ inputs.version }}?"}
steps: {a: {act: {fails: 1}}, b: {act: {fails: 1}}}
"""
    async with rig() as r:
        assert await asked(r, spec, version="1") == ["Go on with 1?"] * 2


async def test_a_timeout_beside_a_template_holds(autojump_clock: trio.testing.MockClock) -> None:
    spec = """
steps:
  a:
    act: {fails: 1}
    on_error: {escalate: {prompt: "${{ run.id }}?", timeout: 5s, on_timeout: continue}}
"""
    async with rig() as r:
        state = await r.run(spec)
    assert (state.status, state.tolerated) == ("completed", 1)


async def test_a_question_that_cannot_be_made_fails_the_step_and_says_why(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    spec = """
steps:
  a: {act: {output: {}}}
  b: {act: {fails: 1}, on_error: {escalate: "${{ steps.a.output.nobody }}?"}}
"""
    async with rig() as r:
        state = await r.run(spec)
    error = state.steps["b"].error
    assert state.status == "failed"
    assert error is not None
    assert error.name == "broken"
    assert "; and its error strategy 'escalate' has no settings: " in error.message
    assert "nobody" in error.message
    assert caplog.records == []


@pytest.mark.parametrize("value", [["a", "b"], None, {"a": 1}])
async def test_a_word_of_a_command_takes_no_list_and_no_null(value: object) -> None:
    spec = {
        "inputs": {"value": {"type": "object"}},
        "steps": {"a": {"command": ["echo", "${{ inputs.value.x }}"]}},
    }
    workflow = treadle.from_data({"treadle": 1, "name": "test", **spec})
    result = await treadle.run(workflow, inputs={"value": {"x": value}})
    error = result.steps["a"].error
    assert error is not None
    assert error.name == "expression"
    assert "run[1]: expected text" in error.message
