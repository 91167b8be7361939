"""What is taken back, in which order, and what an undo sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.kit import events, lives, rig, took

if TYPE_CHECKING:
    import trio


async def test_the_newest_completion_is_undone_first_one_at_a_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  slow: {act: {takes: 3s}, undo: {act: {takes: 1s}}}
  quick: {act: {takes: 1s}, undo: {act: {takes: 1s}}}
  group: {parallel: {middle: {act: {takes: 2s}, undo: {act: {takes: 1s}}}}}
  plain: {act: {takes: 1s}}
  bad: {act: {takes: 4s, fails: 9}}
""")
    assert state.rollback == {"status": "complete", "undone": 3}
    undone = {path: life for path, life in lives(state, r.ledger).items() if path.endswith("undo")}
    assert undone == {
        "slow.undo": "completed 4-5",
        "group.middle.undo": "completed 5-6",
        "quick.undo": "completed 6-7",
    }


async def test_an_undo_sees_what_its_step_saw_and_its_own_output(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
inputs: {n: {type: integer, default: 7}}
vars: {v: 8}
env: {TOP: top}
on_error: rollback
steps:
  - {id: first, act: {output: one}}
  - id: each
    foreach: [x]
    env: {OWN: "own ${{ item }}"}
    act: {output: {made: "${{ item }}"}}
    undo:
      env: {MORE: more}
      act:
        output:
          own: "${{ output.made }} ${{ attempt }} ${{ error == null }}"
          element: "${{ item }} ${{ index }}"
          around: "${{ steps.first.output }} ${{ inputs.n }} ${{ vars.v }}"
          env: "${{ env.TOP }}, ${{ env.OWN }}, ${{ env.MORE }}"
  - {id: bad, act: {fails: 9}}
""")
    assert state.status == "rolled_back"
    assert state.steps["each.0.undo"].output == {
        "own": "x 1 true",
        "element": "x 0",
        "around": "one 7 8",
        "env": "top, own x, more",
    }


async def test_the_environment_of_an_undo_is_that_of_its_step(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - {id: a, env: {OWN: own}, act: {}, undo: [{id: back, act: {show_env: true}}]}
  - {id: bad, act: {fails: 9}}
""")
    assert state.steps["a.undo.back"].output == {"OWN": "own"}


@pytest.mark.parametrize(("undo_after", "undone"), [("completed", 0), ("attempted", 1)])
async def test_undo_after_attempted_takes_back_what_failed_too(
    undo_after: str, undone: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(f"""
on_error: rollback
steps:
  - id: bad
    act: {{takes: 1s, fails: 9}}
    undo_after: {undo_after}
    undo: {{act: {{output: "${{{{ default(error.name, '') }}}}"}}}}
""")
    assert state.rollback == {"status": "complete", "undone": undone}
    if undone:
        assert state.steps["bad.undo"].output == "broken"


async def test_undo_after_attempted_takes_back_what_was_cancelled_but_not_what_never_began(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  cut: {act: {takes: 9s}, undo_after: attempted, undo: {act: {takes: 1s}}}
  never: {needs: cut, act: {}, undo_after: attempted, undo: {act: {takes: 1s}}}
  skipped: {when: 1 > 2, act: {}, undo_after: attempted, undo: {act: {takes: 1s}}}
  bad: {act: {takes: 1s, fails: 9}}
""")
    assert [path for path in state.steps if path.endswith("undo")] == ["cut.undo"]
    assert took(state) == 2


async def test_the_undo_of_a_completed_block_replaces_those_inside(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - id: group
    sequence: [{id: in_it, act: {}, undo: {act: {}}}]
    undo: {act: {output: "${{ output.in_it.name }}"}}
  - {id: bad, act: {fails: 9}}
""")
    assert [path for path in state.steps if path.endswith("undo")] == ["group.undo"]
    assert state.steps["group.undo"].output == "group.in_it"


async def test_the_children_of_a_block_that_did_not_complete_use_theirs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - id: group
    sequence: [{id: in_it, act: {}, undo: {act: {}}}, {id: bad, act: {fails: 9}}]
    undo: {act: {}}
""")
    assert [path for path in state.steps if path.endswith("undo")] == ["group.in_it.undo"]


async def test_a_failed_undo_is_recorded_and_the_rest_still_run(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
on_error: rollback
steps:
  - {id: a, act: {}, undo: {act: {takes: 1s}}}
  - {id: b, act: {}, undo: {act: {takes: 1s, fails: 9, error: stuck}}}
  - {id: c, act: {}, undo: {act: {takes: 1s}}}
  - {id: bad, act: {fails: 9}}
""")
        seen = await events(run)
    state = run.state()
    assert state.status == "failed"
    assert state.rollback is not None
    assert (state.rollback["status"], state.rollback["undone"]) == ("incomplete", 2)
    assert [problem.startswith("b: ") for problem in state.rollback["failed"]] == [True]
    assert [(e.type, e.step) for e in seen if e.type in ("step.undone", "step.undo_failed")] == [
        ("step.undone", "c"),
        ("step.undo_failed", "b"),
        ("step.undone", "a"),
    ]
    assert state.error is not None
    assert state.error.path == "bad"


@pytest.mark.parametrize(
    ("undo", "end"),
    [
        ("{act: {takes: 1h}}", 300),
        ("{act: {takes: 1h}, timeout: 10s}", 10),
        ("{act: {takes: 6m}, timeout: 10m}", 360),
        ("[{act: {takes: 200s}}, {act: {takes: 200s}}]", 300),
    ],
)
async def test_an_undo_is_bounded_by_five_minutes_unless_it_says(
    undo: str, end: float, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        state = await r.run(f"""
on_error: rollback
steps:
  - {{id: a, act: {{}}, undo: {undo}}}
  - {{id: bad, act: {{fails: 9}}}}
""")
    assert took(state) == end
    assert state.status == ("rolled_back" if end == 360 else "failed")


async def test_an_undo_can_retry_and_be_a_block(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - {id: a, act: {}, undo: {act: {fails: 1}, retry: {attempts: 2, backoff: {fixed: 1s}}}}
  - {id: b, act: {}, undo: [{id: one, act: {takes: 1s}}, {id: two, act: {takes: 1s}}]}
  - {id: bad, act: {fails: 9}}
""")
    assert state.status == "rolled_back"
    assert lives(state, r.ledger) == {
        "a": "completed 0-0",
        "b": "completed 0-0",
        "bad": "failed 0-0",
        "b.undo.one": "completed 0-1",
        "b.undo.two": "completed 1-2",
        "a.undo": "completed 2-2 3-3",
    }


async def test_elements_are_undone_each_for_itself(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - id: each
    foreach: [2s, 1s]
    act: {takes: "${{ item }}"}
    undo: {act: {takes: 1s, output: "${{ item }}"}}
  - {id: bad, act: {fails: 9}}
""")
    undone = {path: life for path, life in lives(state, r.ledger).items() if path.endswith("undo")}
    assert undone == {"each.0.undo": "completed 2-3", "each.1.undo": "completed 3-4"}
    assert state.steps["each.1.undo"].output == "1s"


async def test_a_tolerated_failure_is_not_undone(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: let, act: {fails: 9}, on_error: continue, undo: {act: {}}}
  - {id: bad, act: {fails: 9}, on_error: rollback}
""")
    assert state.rollback == {"status": "complete", "undone": 0}


async def test_nothing_is_undone_without_a_rollback(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("steps: [{id: a, act: {}, undo: {act: {}}}, {id: bad, act: {fails: 9}}]")
    assert "a.undo" not in state.steps
    assert state.rollback is None


async def test_a_block_rollback_that_is_incomplete_says_so(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  - {id: a, act: {}, undo: {act: {fails: 9}}}
  - {id: bad, act: {fails: 9}, on_error: {rollback: {scope: block}}}
""")
    assert state.error is not None
    assert state.status == "failed"
    assert "its rollback is incomplete: a: " in state.error.message


async def test_what_was_taken_back_is_not_taken_back_again(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await r.run("""
on_error: rollback
steps:
  - id: group
    sequence:
      - {id: a, act: {takes: 1s}, undo: {act: {takes: 1s}}}
      - {id: bad, act: {fails: 9}, on_error: {rollback: {scope: block}}}
""")
    assert (state.status, state.rollback) == ("rolled_back", {"status": "complete", "undone": 0})
    assert lives(state, r.ledger)["group.a.undo"] == "completed 1-2"
