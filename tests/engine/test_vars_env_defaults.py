"""``vars``, ``env``, ``labels`` and ``defaults``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.kit import events, lives, rig, took

if TYPE_CHECKING:
    import trio


async def test_vars_are_evaluated_once_at_the_start_in_order(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
inputs: {n: {type: integer, default: 2}}
vars:
  twice: "${{ inputs.n * 2 }}"
  text: "n is ${{ vars.twice }}"
  nothing: null
  deep: {list: ["${{ vars.twice }}", plain], at: "${{ now() }}"}
steps:
  - {wait: 5s}
  - {id: a, act: {output: ["${{ vars.text }}", "${{ vars.nothing }}", "${{ vars.deep.list }}"]}}
  - {id: b, act: {output: "${{ now() - vars.deep.at }}"}}
""")
    assert state.steps["a"].output == ["n is 4", None, [4, "plain"]]
    assert state.steps["b"].output == 5


async def test_an_error_in_vars_fails_the_run_before_any_step(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
inputs: {it: {type: object, default: {}}}
vars: {bad: "${{ inputs.it.gone }}"}
steps: [act: {}]
""")
    assert state.error is not None
    assert (state.status, state.error.name, state.steps) == ("failed", "expression", {})


# --- env ---

ENV = """
inputs: {n: {type: integer, default: 1}}
env: {A: top, N: "${{ inputs.n }}", TEXT: "a=${{ env.A }}"}
steps:
  - {id: plain, act: {show_env: true}}
  - id: group
    env: {A: group, G: "${{ env.A }}+"}
    sequence:
      - {id: inner, env: {I: "${{ env.G }}!", YES: true}, act: {show_env: true}}
      - {id: each, foreach: [x], env: {E: "${{ item }}${{ index }}"}, act: {show_env: true}}
  - {id: after, act: {output: "${{ env.A }}"}}
"""


async def test_the_environment_of_a_block_is_that_of_the_steps_in_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run(ENV)
    top = {"A": "top", "N": "1", "TEXT": "a=top"}
    assert state.status == "completed"
    assert state.steps["plain"].output == top
    # names are read in order: by then, A is the block's
    group = top | {"A": "group", "G": "group+"}
    assert state.steps["group.inner"].output == group | {"I": "group+!", "YES": "true"}
    assert state.steps["group.each.0"].output == group | {"E": "x0"}
    assert state.steps["after"].output == "top"


async def test_env_takes_text_numbers_and_booleans_only(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
inputs: {some: {type: object, default: {list: [1]}}}
env: {BAD: "${{ inputs.some.list }}"}
steps: [{id: a, act: {show_env: true}}]
""")
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("a", "expression")
    assert "env.BAD" in state.error.message


# --- labels ---


async def test_labels_of_the_workflow_the_run_and_the_steps_around_are_on_every_event(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(
            """
labels: {team: web, tier: one}
on_error: rollback
steps:
  - id: group
    labels: {part: group, tier: two}
    sequence:
      - {id: inner, labels: {part: inner}, act: {}, undo: {act: {}}}
      - {id: bad, act: {fails: 9}}
""",
            labels={"by": "me"},
        )
        seen = await events(run)
    base = {"team": "web", "tier": "one", "by": "me"}
    group = base | {"tier": "two", "part": "group"}
    wanted = {
        None: base,
        "group": group,
        "group.inner": group | {"part": "inner"},
        "group.inner.undo": group | {"part": "inner"},
        "group.bad": group,
    }
    assert {event.step for event in seen} == wanted.keys()
    assert [(e.type, e.step, dict(e.labels)) for e in seen] == [
        (e.type, e.step, wanted[e.step]) for e in seen
    ]


# --- defaults ---


async def test_defaults_are_for_leaf_steps_that_do_not_say(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: continue
defaults: {timeout: 2s, retry: {attempts: 2, backoff: {fixed: 1s}}, env: {A: default, B: default}}
steps:
  plain: {act: {takes: 9s}}
  own: {act: {takes: 9s}, timeout: 3s}
  merged: {act: {fails: 9, takes: 1s}, retry: {attempts: 3}}
  alone: {act: {fails: 9, takes: 1s}, retry: 1}
  group: {sequence: [{id: inner, act: {takes: 1900ms}}, {id: then, act: {takes: 1900ms}}]}
  waits: {wait: 7s}
  env: {act: {show_env: true}, env: {B: own}}
""")
    assert lives(state, r.ledger) == {
        "plain": "tolerated 0-2 3-5",
        "own": "tolerated 0-3 4-7",
        "merged": "tolerated 0-1 2-3 4-5",
        "alone": "tolerated 0-1",
        "group": "completed",
        "group.inner": "completed 0-1.9",
        "group.then": "completed 1.9-3.8",
        "waits": "completed",
        "env": "completed 0-0",
    }
    assert took(state) == 7
    assert state.steps["env"].output == {"A": "default", "B": "own"}
