"""Expressions that meet values which do not fit: the step fails as ``expression``, and says what it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.kit import lives, rig, took

if TYPE_CHECKING:
    import trio

SOURCE = "inputs.it.gone"


def unknown(value: object) -> dict[str, Any]:
    """An input, read as ``inputs.some.it``, of which nothing is known before the run."""
    return {"some": {"type": "object", "default": {"it": value}}}


PLACES: dict[str, dict[str, Any]] = {
    "when": {"when": f"{SOURCE} == 1", "act": {}},
    "foreach": {"foreach": f"${{{{ {SOURCE} }}}}", "act": {}},
    "settings": {"act": {"output": f"${{{{ {SOURCE} }}}}"}},
    "mixed text": {"act": {"output": f"it is ${{{{ {SOURCE} }}}}"}},
    "env": {"act": {}, "env": {"IT": f"${{{{ {SOURCE} }}}}"}},
    "until": {"act": {}, "repeat": {"until": f"{SOURCE} == 1", "times": 2}},
    "if": {"act": {"fails": 9}, "retry": {"attempts": 2, "if": f"{SOURCE} == 1"}},
    "max_parallel": {"foreach": [1], "max_parallel": f"${{{{ {SOURCE} }}}}", "act": {}},
    "condition": {"condition": {"if": f"{SOURCE} == 1", "then": [{"act": {}}]}},
}


@pytest.mark.parametrize("place", PLACES)
async def test_a_failure_shows_the_expression_and_the_names_it_saw(
    place: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(
            {"inputs": {"it": {"type": "object"}}, "steps": [{"id": "a", **PLACES[place]}]}, inputs={"it": {}}
        )
        state = await run.wait()
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("a", "expression")
    assert SOURCE in state.error.message
    assert "inputs" in state.error.message.split("names here")[1]


@pytest.mark.parametrize("place", PLACES)
async def test_such_a_failure_is_put_to_the_strategy_as_any_other(
    place: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(
            {
                "inputs": {"it": {"type": "object"}},
                "steps": [{"id": "a", **PLACES[place], "on_error": "continue"}, {"id": "then", "act": {}}],
            },
            inputs={"it": {}},
        )
        state = await run.wait()
    assert (state.status, str(state.steps["then"].status)) == ("completed", "completed")
    assert state.tolerated == 1


async def test_a_failure_says_where_the_expression_stands(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
inputs: {it: {type: object, default: {}}}
steps:
  - {id: a, act: {output: "${{ inputs.it.gone }}"}}
""")
    assert state.error is not None
    assert ":6:27" in state.error.message or ":6:27" in str(state.error.data)


@pytest.mark.parametrize("value", [1, "true", None, []])
async def test_a_condition_must_be_true_or_false(
    value: object, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(
            {"inputs": unknown(value), "steps": [{"id": "a", "when": "inputs.some.it", "act": {}}]}
        )
    assert state.error is not None
    assert state.error.name == "expression"
    assert "true or false" in state.error.message
    assert state.steps["a"].attempts == 0


@pytest.mark.parametrize("value", [[1], {"a": 1}, None])
async def test_mixed_text_takes_text_numbers_and_booleans_only(
    value: object, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(
            {"inputs": unknown(value), "steps": [{"id": "a", "act": {"output": "x ${{ inputs.some.it }}"}}]}
        )
    assert state.error is not None
    assert state.error.name == "expression"


async def test_a_value_of_the_wrong_type_for_a_setting_fails_as_expression(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        step = {"id": "a", "act": {"fails": "${{ inputs.some.it }}"}}
        state = await r.run({"inputs": unknown([1]), "steps": [step]})
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("a", "expression")
    assert "fails" in state.error.message


async def test_one_whole_template_keeps_its_type_and_is_never_parsed_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(
            {
                "inputs": {"it": {"type": "object"}},
                "steps": [{"id": "a", "act": {"output": ["${{ inputs.it }}", "<${{ inputs.it.text }}>"]}}],
            },
            inputs={"it": {"n": 1, "text": "${{ secrets.X }}"}},
        )
        state = await run.wait()
    assert state.steps["a"].output == [{"n": 1, "text": "${{ secrets.X }}"}, "<${{ secrets.X }}>"]


async def test_the_failure_of_a_when_stops_the_block_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
inputs: {it: {type: object, default: {}}}
steps:
  first: {act: {takes: 1s}}
  bad: {needs: first, when: inputs.it.gone, act: {}}
  slow: {act: {takes: 5s}}
""")
    assert lives(state, r.ledger) == {"first": "completed 0-1", "bad": "failed", "slow": "cancelled 0-1"}
    assert took(state) == 1


async def test_default_gives_what_is_absent_or_null(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: skipped, when: 1 > 2, act: {}}
  - {id: a, act: {output: "${{ default(steps.skipped.output.it, 'none') }}"}}
  - {id: b, act: {output: "${{ steps.skipped.status }}"}}
""")
    assert (state.steps["a"].output, state.steps["b"].output) == ("none", "skipped")


async def test_now_is_fixed_within_an_attempt_and_moves_on_between_them(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: a, act: {output: ["${{ now() }}", "${{ now() }}"]}}
  - {wait: 10s}
  - {id: b, act: {output: ["${{ now() }}"]}}
""")
    first, second = state.steps["a"].output
    assert first == second
    assert state.steps["b"].output[0] - first == 10
