"""A step that runs once per element."""

from __future__ import annotations

import pytest
import trio
from tests.engine.kit import events, lives, rig, took

import treadle


@pytest.mark.parametrize(
    ("written", "output"),
    [
        ("[a, b]", [["a", 0], ["b", 1]]),
        ("{x: 1, y: {z: 2}}", [[{"key": "x", "value": 1}, 0], [{"key": "y", "value": {"z": 2}}, 1]]),
        ("'${{ inputs.names }}'", [["n", 0], ["m", 1]]),
        ("['${{ inputs.names[1] }}', b]", [["m", 0], ["b", 1]]),
        ("[]", []),
        ("{}", []),
    ],
)
async def test_the_elements_of_lists_and_mappings(
    written: str, output: object, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(f"""
inputs: {{names: {{type: list, default: [n, m]}}}}
steps:
  - {{id: each, foreach: {written}, act: {{output: ["${{{{ item }}}}", "${{{{ index }}}}"]}}}}
""")
    assert state.status == "completed"
    assert state.steps["each"].output == output


async def test_an_empty_list_completes_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: each, foreach: [], act: {takes: 1s}}
  - {id: then, act: {output: "${{ steps.each.output }}"}}
""")
    assert lives(state, r.ledger) == {"each": "completed", "then": "completed 0-0"}
    assert state.steps["each"].output == []


async def test_items_and_keys_are_read_inside(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run(
            """
steps:
  - id: each
    foreach: {x: 1}
    sequence:
      - {id: inner, act: {output: "${{ item.key }}=${{ item.value }} at ${{ index }}"}}
"""
        )
    assert state.steps["each"].output == [{"inner": "x=1 at 0"}]
    assert list(state.steps) == ["each", "each.0", "each.0.inner"]


async def test_a_foreach_in_a_foreach_reads_the_nearest_item(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: outer
    foreach: [[a, b], [c]]
    sequence:
      - {id: inner, foreach: "${{ item }}", act: {output: "${{ item }}${{ index }}"}}
""")
    assert state.steps["outer"].output == [{"inner": ["a0", "b1"]}, {"inner": ["c0"]}]
    assert "outer.0.inner.1" in state.steps


@pytest.mark.parametrize("written", ["2", "'${{ inputs.most }}'"])
async def test_at_most_so_many_elements_run_at_once(
    written: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(f"""
inputs: {{most: {{type: integer, default: 2}}}}
steps: [{{id: each, foreach: [1, 2, 3, 4, 5], max_parallel: {written}, act: {{takes: 1s}}}}]
""")
    assert (r.ledger.most_inside, took(state)) == (2, 3)


async def test_32_elements_run_at_once_unless_said(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: each, foreach: '${{ range(100) }}', act: {takes: 1s}}]")
    assert (r.ledger.most_inside, took(state)) == (32, 4)


@pytest.mark.parametrize("most", [0, -1, "two", True, 1.5])
async def test_a_bound_that_is_none_fails_the_step_and_is_put_to_its_strategy(
    most: object, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(
            {
                "inputs": {"most": {"type": "object"}},
                "steps": [
                    {
                        "id": "each",
                        "foreach": [1],
                        "max_parallel": "${{ inputs.most.it }}",
                        "act": {},
                        "on_error": "continue",
                    },
                    {"id": "then", "act": {}},
                ],
            },
            inputs={"most": {"it": most}},
        )
        state = await run.wait()
    assert state.steps["each"].error is not None
    assert state.steps["each"].error.name == "expression"
    assert (state.status, state.tolerated, r.ledger.names("start")) == ("completed", 1, ["then"])


@pytest.mark.parametrize(("size", "status"), [(3, "completed"), (4, "failed")])
async def test_the_deployment_bounds_the_number_of_elements(
    size: int, status: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(limits=treadle.Limits(elements=3)) as r:
        state = await r.run({"steps": [{"id": "each", "foreach": f"${{{{ range({size}) }}}}", "act": {}}]})
    assert state.status == status
    if state.error is not None:
        assert state.error.name == "expression"
        assert "limits.elements" in state.error.message
        assert r.ledger.names("start") == []


@pytest.mark.parametrize("value", ["text", 3, None])
async def test_what_is_no_list_or_mapping_fails_the_step_without_an_attempt(
    value: object, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        unknown = {"some": {"type": "object", "default": {"it": value}}}
        step = {"id": "a", "foreach": "${{ inputs.some.it }}", "act": {}}
        state = await r.run({"inputs": unknown, "steps": [step]})
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("a", "expression")
    assert state.steps["a"].attempts == 0


async def test_the_list_is_evaluated_once_and_journaled(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: each, foreach: '${{ range(2) }}', act: {takes: 1s}}]")
        seen = await events(run)
    expanded = [event for event in seen if event.type == "step.expanded"]
    assert [(event.step, event.data["items"]) for event in expanded] == [("each", [0, 1])]


async def test_retries_and_limits_are_each_elements(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - id: each
    foreach: [3s, 1s]
    act: {takes: "${{ item }}"}
    timeout: 2s
    retry: {attempts: 2, backoff: {fixed: 1s}}
    on_error: continue
""")
    assert lives(state, r.ledger) == {
        "each": "completed",
        "each.0": "tolerated 0-2 3-5",
        "each.1": "completed 0-1",
    }
    assert state.steps["each"].output == [None, {"name": "each.1", "attempt": 1}]


async def test_when_is_evaluated_once_for_all(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: each, when: 1 > 2, foreach: [a, b], act: {}}]")
    assert list(state.steps) == ["each"]
    assert state.steps["each"].status == "skipped"


async def test_a_deadline_is_for_all_elements_together(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps: [{id: each, foreach: [1s, 2s, 2s], max_parallel: 1, act: {takes: "${{ item }}"}, deadline: 4s}]
""")
    assert lives(state, r.ledger) == {
        "each": "failed",
        "each.0": "completed 0-1",
        "each.1": "completed 1-3",
        "each.2": "cancelled 3-4",
    }
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("each", "timeout")
    assert [output is None for output in state.steps["each"].output] == [False, False, True]


async def test_a_foreach_that_a_person_retries_has_new_paths_for_its_elements(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(
            """
steps: [{id: each, foreach: [a], act: {name: one, takes: 3s, output: done}, deadline: 2s, on_error: escalate}]
"""
        )
        await trio.sleep(10)
        await run.resolve("each", "retry")
        await trio.sleep(10)
        await run.resolve("each", "continue")
        state = await run.wait()
    assert {path: str(step.status) for path, step in state.steps.items()} == {
        "each": "failed",
        "each.0": "cancelled",
        "each#2.0": "cancelled",
    }
    assert state.steps["each"].attempts == 2
    assert r.ledger.spans() == {"one": ["0-2", "10-12"]}
