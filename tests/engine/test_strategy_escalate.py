"""A failed step waits for a person: each decision and each ``on_timeout``, in each place."""

from __future__ import annotations

import attrs
import pytest
import trio
from tests.engine.kit import Rig, events, lives, resolved_at, rig, to_end, took

import treadle

DECISIONS = ("retry", "complete", "continue", "fail", "rollback")
ON_TIMEOUT = ("continue", "fail", "rollback")


@attrs.frozen
class Place:
    """Where a step escalates, and what becomes of the run under each decision.

    Attributes:
      path: of the step that waits, from the second 2 on; the answer comes at 4.
      ends: per decision, the run's status and end, and what differs from *common*.
    """

    spec: str
    path: str
    common: dict[str, str]
    ends: dict[str, tuple[str, float, dict[str, str]]]


STEP = Place(
    """
steps:
  done: {act: {takes: 1s}, undo: {act: {takes: 1s}}}
  bad: {act: {takes: 2s, fails: 1}, on_error: @escalate}
  slow: {act: {takes: 5s}}
  after: {needs: bad, act: {takes: 2s}}
""",
    "bad",
    {"done": "completed 0-1", "slow": "completed 0-5"},
    {
        "retry": ("completed", 8, {"bad": "completed 0-2 4-6", "after": "completed 6-8"}),
        "complete": ("completed", 6, {"bad": "completed 0-2", "after": "completed 4-6"}),
        "continue": ("completed", 6, {"bad": "tolerated 0-2", "after": "completed 4-6"}),
        "fail": ("failed", 4, {"bad": "failed 0-2", "slow": "cancelled 0-4", "after": "omitted"}),
        "rollback": (
            "rolled_back",
            5,
            {
                "bad": "failed 0-2",
                "slow": "cancelled 0-4",
                "after": "omitted",
                "done.undo": "completed 4-5",
            },
        ),
    },
)

CHILD = Place(
    """
steps:
  group:
    parallel:
      done: {act: {takes: 1s}, undo: {act: {takes: 1s}}}
      bad: {act: {takes: 2s, fails: 1}, on_error: @escalate}
      slow: {act: {takes: 5s}}
  next: {needs: group, act: {takes: 1s}}
  beside: {act: {takes: 10s}}
""",
    "group.bad",
    {
        "group": "completed",
        "group.done": "completed 0-1",
        "group.slow": "completed 0-5",
        "beside": "completed 0-10",
    },
    {
        "retry": ("completed", 10, {"group.bad": "completed 0-2 4-6", "next": "completed 6-7"}),
        "complete": ("completed", 10, {"group.bad": "completed 0-2", "next": "completed 5-6"}),
        "continue": ("completed", 10, {"group.bad": "tolerated 0-2", "next": "completed 5-6"}),
        "fail": (
            "failed",
            4,
            {
                "group": "failed",
                "group.bad": "failed 0-2",
                "group.slow": "cancelled 0-4",
                "beside": "cancelled 0-4",
                "next": "omitted",
            },
        ),
        "rollback": (
            "rolled_back",
            5,
            {
                "group": "failed",
                "group.bad": "failed 0-2",
                "group.slow": "cancelled 0-4",
                "beside": "cancelled 0-4",
                "next": "omitted",
                "group.done.undo": "completed 4-5",
            },
        ),
    },
)

BLOCK_FAILED = {
    "group": "failed",
    "group.done": "completed 0-1",
    "group.bad": "failed 0-2",
    "group.slow": "cancelled 0-2",
}
BLOCK = Place(
    """
steps:
  group:
    on_error: @escalate
    parallel:
      done: {act: {takes: 1s}, undo: {act: {takes: 1s}}}
      bad: {act: {takes: 2s, fails: 1, name: bad}}
      slow: {act: {takes: 5s}}
  next: {needs: group, act: {takes: 1s}}
  beside: {act: {takes: 20s}}
""",
    "group",
    BLOCK_FAILED | {"group.bad": "failed", "beside": "completed 0-20"},
    {
        # the failed attempt is undone first, which takes a second
        "retry": (
            "completed",
            20,
            {
                "group": "completed",
                "group.done.undo": "completed 4-5",
                "group#2.done": "completed 5-6",
                "group#2.bad": "completed",
                "group#2.slow": "completed 5-10",
                "next": "completed 10-11",
            },
        ),
        "complete": ("completed", 20, {"group": "completed", "next": "completed 4-5"}),
        "continue": ("completed", 20, {"group": "tolerated", "next": "completed 4-5"}),
        "fail": ("failed", 4, {"beside": "cancelled 0-4", "next": "omitted"}),
        "rollback": (
            "rolled_back",
            5,
            {"beside": "cancelled 0-4", "next": "omitted", "group.done.undo": "completed 4-5"},
        ),
    },
)

NESTED = Place(
    """
steps:
  outer:
    sequence:
      - {id: first, act: {takes: 1s}, undo: {act: {takes: 1s}}}
      - id: inner
        parallel:
          bad: {act: {takes: 1s, fails: 1}, on_error: @escalate}
          slow: {act: {takes: 9s}}
      - {id: last, act: {takes: 1s}}
  beside: {act: {takes: 20s}}
""",
    "outer.inner.bad",
    {
        "outer": "completed",
        "outer.first": "completed 0-1",
        "outer.inner": "completed",
        "outer.inner.slow": "completed 1-10",
        "outer.last": "completed 10-11",
        "beside": "completed 0-20",
    },
    {
        "retry": ("completed", 20, {"outer.inner.bad": "completed 1-2 4-5"}),
        "complete": ("completed", 20, {"outer.inner.bad": "completed 1-2"}),
        "continue": ("completed", 20, {"outer.inner.bad": "tolerated 1-2"}),
        "fail": (
            "failed",
            4,
            {
                "outer": "failed",
                "outer.inner": "failed",
                "outer.inner.bad": "failed 1-2",
                "outer.inner.slow": "cancelled 1-4",
                "outer.last": "omitted",
                "beside": "cancelled 0-4",
            },
        ),
        "rollback": (
            "rolled_back",
            5,
            {
                "outer": "cancelled",
                "outer.inner": "failed",
                "outer.inner.bad": "failed 1-2",
                "outer.inner.slow": "cancelled 1-4",
                "outer.last": "omitted",
                "beside": "cancelled 0-4",
                "outer.first.undo": "completed 4-5",
            },
        ),
    },
)

LEAF = Place(
    """
steps:
  push:
    foreach: [{takes: 1s}, {takes: 2s, fails: 1}, {takes: 5s}]
    act: {takes: "${{ item.takes }}", fails: "${{ default(item.fails, 0) }}"}
    undo: {act: {takes: 1s}}
    on_error: @escalate
  next: {needs: push, act: {takes: 1s}}
  beside: {act: {takes: 10s}}
""",
    "push.1",
    {
        "push": "completed",
        "push.0": "completed 0-1",
        "push.2": "completed 0-5",
        "beside": "completed 0-10",
    },
    {
        "retry": ("completed", 10, {"push.1": "completed 0-2 4-6", "next": "completed 6-7"}),
        "complete": ("completed", 10, {"push.1": "completed 0-2", "next": "completed 5-6"}),
        "continue": ("completed", 10, {"push.1": "tolerated 0-2", "next": "completed 5-6"}),
        "fail": (
            "failed",
            4,
            {
                "push": "failed",
                "push.1": "failed 0-2",
                "push.2": "cancelled 0-4",
                "beside": "cancelled 0-4",
                "next": "omitted",
            },
        ),
        "rollback": (
            "rolled_back",
            5,
            {
                "push": "failed",
                "push.1": "failed 0-2",
                "push.2": "cancelled 0-4",
                "beside": "cancelled 0-4",
                "next": "omitted",
                "push.0.undo": "completed 4-5",
            },
        ),
    },
)

BODY = Place(
    """
steps:
  ship:
    foreach: [{put: 9s}, {put: 1500ms, fails: 1}]
    sequence:
      - {id: take, act: {takes: 500ms}, undo: {act: {takes: 1s}}}
      - id: put
        act: {name: "put ${{ index }}", takes: "${{ item.put }}", fails: "${{ default(item.fails, 0) }}"}
    on_error: @escalate
""",
    "ship.1",
    {
        "ship": "completed",
        "ship.0": "completed",
        "ship.0.take": "completed 0-0.5",
        "ship.0.put": "completed",
        "ship.1": "failed",
        "ship.1.take": "completed 0-0.5",
        "ship.1.put": "failed",
    },
    {
        "retry": (
            "completed",
            9.5,
            {
                "ship.1": "completed",
                "ship.1.take.undo": "completed 4-5",
                "ship.1#2.take": "completed 5-5.5",
                "ship.1#2.put": "completed",
            },
        ),
        "complete": ("completed", 9.5, {"ship.1": "completed"}),
        "continue": ("completed", 9.5, {"ship.1": "tolerated"}),
        "fail": ("failed", 4, {"ship": "failed", "ship.0": "cancelled", "ship.0.put": "cancelled"}),
        "rollback": (
            "rolled_back",
            6,
            {
                "ship": "failed",
                "ship.0": "cancelled",
                "ship.0.put": "cancelled",
                "ship.0.take.undo": "completed",
                "ship.1.take.undo": "completed",
            },
        ),
    },
)

PLACES = {"step": STEP, "child": CHILD, "block": BLOCK, "nested": NESTED, "element": LEAF, "body": BODY}


def check(place: Place, decision: str, state: treadle.RunState, r: Rig) -> None:
    status, end, different = place.ends[decision]
    lived = lives(state, r.ledger)
    if place is BODY:  # two undo steps that stand for completions at the same instant: either may come first
        lived = {
            path: life.split()[0] if path.endswith(".undo") and decision == "rollback" else life
            for path, life in lived.items()
        }
    assert lived == place.common | different
    assert (state.status, took(state)) == (status, end)
    assert state.tolerated == (decision == "continue")


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("where", PLACES)
async def test_a_person_decides(where: str, decision: str, autojump_clock: trio.testing.MockClock) -> None:
    place = PLACES[where]
    given = {"output": {"by": "hand"}} if decision in ("complete", "continue") else {}
    async with rig() as r:
        state = await resolved_at(
            r, place.spec.replace("@escalate", "escalate"), 4, place.path, decision, **given
        )
    check(place, decision, state, r)
    if given:
        assert state.steps[place.path].output == {"by": "hand"}


@pytest.mark.parametrize("on_timeout", ON_TIMEOUT)
@pytest.mark.parametrize("where", PLACES)
async def test_nobody_decides_in_time(
    where: str, on_timeout: str, autojump_clock: trio.testing.MockClock
) -> None:
    place = PLACES[where]
    how = f"{{escalate: {{timeout: 2s, on_timeout: {on_timeout}}}}}"
    async with rig() as r:
        state = await r.run(place.spec.replace("@escalate", how))
    check(place, on_timeout, state, r)


# --- what is asked and told ---

ASKS = "steps: [{id: bad, act: {takes: 1s, fails: 1}, on_error: {escalate: {prompt: 'Now what?', @more}}}]"


async def test_the_question_the_answer_and_the_waiting_are_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(ASKS.replace(", @more", ""))
        await trio.sleep(3)
        assert (run.status, run.questions) == ("waiting", {"bad": "Now what?"})
        assert run.state().steps["bad"].status == "waiting"
        await run.resolve("bad", treadle.Resolve.RETRY)
        seen = await events(run)
    assert [(event.type, event.attempt) for event in seen[2:]] == [
        ("step.started", 1),
        ("step.waiting", 1),
        ("workflow.waiting", None),
        ("workflow.command", None),
        ("step.resolved", 1),
        ("step.started", 2),
        ("step.completed", 2),
        ("workflow.completed", None),
    ]
    waiting, resolved = seen[3], seen[6]
    assert (waiting.data["prompt"], waiting.data["error"]["name"]) == ("Now what?", "broken")
    assert waiting.data["decisions"] == list(DECISIONS)
    assert resolved.data == {"decision": "retry", "by": "person"}


async def test_an_expired_question_says_so(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(ASKS.replace("@more", "timeout: 5s, on_timeout: continue"))
        seen = await events(run)
    (resolved,) = [event for event in seen if event.type == "step.resolved"]
    assert resolved.data == {"decision": "continue", "by": "timeout"}
    assert took(run.state()) == 6


async def test_an_answer_can_come_only_where_one_is_wanted(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(ASKS.replace(", @more", ""))
        with pytest.raises(treadle.Refused, match="does not wait"):
            await run.resolve("bad", "retry")
        await trio.sleep(2)
        await run.resolve("bad", "complete", output=1)
        with pytest.raises(treadle.Refused):
            await run.resolve("bad", "complete", output=2)
        state = await to_end(run)
    assert state.steps["bad"].output == 1


async def test_a_retry_that_fails_asks_again(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: bad, act: {takes: 1s, fails: 2}, on_error: escalate}]")
        for moment in (2, 4):
            await trio.sleep_until(moment)
            await run.resolve("bad", "retry")
        state = await to_end(run)
    assert lives(state, r.ledger) == {"bad": "completed 0-1 2-3 4-5"}
    assert state.steps["bad"].attempts == 3


async def test_an_escalated_step_whose_block_stops_fails_with_its_own_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await r.run("""
steps:
  asks: {act: {takes: 1s, fails: 9, error: mine}, on_error: escalate}
  bad: {act: {takes: 3s, fails: 9, error: other}}
""")
    assert lives(state, r.ledger) == {"asks": "failed 0-1", "bad": "failed 0-3"}
    assert state.steps["asks"].error is not None
    assert state.steps["asks"].error.name == "mine"
    assert state.error is not None
    assert (state.error.path, took(state)) == ("bad", 3)


async def test_the_time_a_person_takes_counts_for_no_limit_of_the_run(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await resolved_at(
            r,
            """
timeout: 5s
steps:
  - {id: bad, act: {takes: 2s, fails: 1}, on_error: escalate, deadline: 5s}
  - {id: then, act: {takes: 500ms}}
""",
            100,
            "bad",
            "retry",
        )
    assert state.status == "completed"
    assert lives(state, r.ledger) == {"bad": "completed 0-2 100-102", "then": "completed 102-102.5"}


async def test_a_failed_undo_ends_what_a_person_wanted_retried(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await resolved_at(
            r,
            """
steps:
  - id: ship
    on_error: escalate
    sequence:
      - {id: take, act: {}, undo: {act: {fails: 9}}}
      - {id: put, act: {takes: 1s, fails: 1}}
""",
            2,
            "ship",
            "retry",
        )
    assert state.status == "failed"
    assert state.error is not None
    assert (state.error.path, state.error.name) == ("ship", "undo")
    assert state.steps["ship"].attempts == 1


# --- steps that failed before they began ---

BEFORE = """
inputs: {ready: {type: object, default: {}}}
steps:
  - {id: a, act: {takes: 1s, name: a}, @bad, on_error: escalate}
  - {id: b, act: {takes: 1s}}
"""


@pytest.mark.parametrize("bad", ["when: inputs.ready.yes", "foreach: '${{ inputs.ready.all }}'"])
async def test_a_retry_evaluates_again_what_kept_the_step_from_beginning(
    bad: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(BEFORE.replace("@bad", bad))
        await trio.sleep(1)
        await run.resolve("a", "retry")
        await trio.sleep(1)
        assert run.questions.keys() == {"a"}
        await run.resolve("a", "continue")
        state = await to_end(run)
    assert r.ledger.names("start") == ["b"]
    assert (state.status, state.tolerated, took(state)) == ("completed", 1, 3)


async def test_a_person_can_complete_a_step_that_never_began(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        state = await resolved_at(
            r, BEFORE.replace("@bad", "when: inputs.ready.yes"), 1, "a", "complete", output=7
        )
    assert (state.status, state.steps["a"].output, state.steps["a"].attempts) == ("completed", 7, 0)


async def test_an_output_given_by_hand_replaces_that_of_the_block(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        state = await resolved_at(
            r,
            """
steps:
  - {id: poll, sequence: [{id: look, act: {}}], repeat: {until: 'false', times: 2}, on_error: escalate}
  - {id: then, act: {output: "${{ steps.poll.output }}"}}
""",
            1,
            "poll",
            "complete",
            output={"by": "hand"},
        )
    assert state.steps["poll"].output == {"by": "hand"}
    assert state.steps["then"].output == {"by": "hand"}
