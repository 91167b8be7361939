"""Commands by request: answered, journaled with who and what, and done once. Times are virtual and exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.engine.kit import events, rig, to_end
from tests.engine.odd import journal
from tests.engine.test_approval import Reboots

from treadle._engine import control
from treadle.plugin import Request

if TYPE_CHECKING:
    import treadle

SPEC = """
steps:
  slow: {act: {takes: 5s}, undo: {act: {name: undo}}}
  bad: {act: {fails: 1}, on_error: escalate}
  asked: {approval: {fields: {ticket: string}}}
  go: {signal: go}
"""


def request(run: treadle.Run, number: int, command: str, **arguments: Any) -> Request:
    return Request(
        id=f"r{number}", run=run.id, command=command, arguments=arguments, by=f"ann {number}", time=0.0
    )


def apply(run: treadle.Run, number: int, command: str, **arguments: Any) -> dict[str, Any]:
    return control.apply(run._driven, request(run, number, command, **arguments))


async def commands(run: treadle.Run) -> list[dict[str, Any]]:
    return [dict(event.data) for event in await events(run) if event.type == "workflow.command"]


async def test_every_command_is_answered_and_journaled_with_who_and_what(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(SPEC)
        await trio.sleep(1)
        answers = [
            apply(run, 1, "pause"),
            apply(run, 2, "resume"),
            apply(run, 3, "resolve", step="bad", decision="complete", output={"by": "hand"}),
            apply(run, 4, "approve", step="asked", fields={"ticket": "T-1"}, comment="fine"),
            apply(run, 5, "signal", name="go", payload=[1]),
            apply(run, 6, "cancel", reason="enough", rollback=True),
        ]
        await to_end(run)
        told = await commands(run)
    states = ["pausing", "running", "running", "running", "running", "cancelling"]
    assert answers == [{"answer": "accepted", "state": state} for state in states]
    about: list[dict[str, Any]] = [
        {"command": "pause"},
        {"command": "resume"},
        {"command": "resolve", "step": "bad", "decision": "complete"},
        {"command": "approve", "step": "asked"},
        {"command": "signal", "name": "go", "payload": [1]},
        {"command": "cancel", "reason": "enough", "rollback": True},
    ]
    assert told == [
        {**one, **answer, "by": f"ann {number}", "request": f"r{number}"}
        for number, (one, answer) in enumerate(zip(about, answers, strict=True), 1)
    ]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("resume", {}, "it is not paused"),
    ("pause", {}, "only a run whose steps are running can be paused"),
    ("resolve", {"step": "slow", "decision": "retry"}, "it does not wait for a person; no step does"),
    ("approve", {"step": "slow"}, "it does not wait for a person; no step does"),
    ("reject", {"step": "slow", "fields": {}}, "it does not wait for a person; no step does"),
    (
        "signal",
        {"name": "no name"},
        "'no name' is no name of a signal: letters, digits and _ . -, a letter first",
    ),
    ("resolve", {"step": "slow"}, "it lacks 'decision'"),
    ("approve", {}, "it lacks 'step'"),
    ("approve", {"step": 3}, "'step' is int, which it cannot be"),
    ("approve", {"step": "a", "fields": [1]}, "'fields' is list, which it cannot be"),
    ("cancel", {"rollback": "yes"}, "'rollback' is str, which it cannot be"),
    ("signal", {"name": None}, "it lacks 'name'"),
    (
        "explode",
        {},
        "there is no such command; there are pause, resume, cancel, resolve, approve, reject, signal",
    ),
]


@pytest.mark.parametrize(("command", "arguments", "why"), REFUSED)
async def test_what_cannot_be_done_is_refused_with_the_reason_and_the_state_and_journaled(
    command: str, arguments: dict[str, Any], why: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start("steps: [{id: slow, act: {takes: 5s}}]\nfinally: [act: {takes: 5s}]")
        await trio.sleep(6)
        answer = apply(run, 1, command, **arguments)
        await to_end(run)
        (told,) = await commands(run)
    assert answer == {"answer": "refused", "why": why, "state": "running"}
    assert told | {"command": command, "by": "ann 1", "request": "r1", **answer} == told


async def test_the_same_request_has_the_same_answer_and_one_effect(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(SPEC)
        await trio.sleep(1)
        first = [
            apply(run, 1, "signal", name="go", payload=1),
            apply(run, 2, "approve", step="asked", fields={}),
            apply(run, 3, "approve", step="asked", fields={"ticket": "T-1"}),
        ]
        again = [
            apply(run, 1, "signal", name="go", payload=1),
            apply(run, 2, "approve", step="asked", fields={"ticket": "T-2"}),
            apply(run, 3, "approve", step="asked", fields={"ticket": "T-3"}),
        ]
        await run.resolve("bad", "complete")
        state = await to_end(run)
        told = await commands(run)
        after = apply(run, 3, "approve", step="asked", fields={"ticket": "T-3"})
    assert [answer["answer"] for answer in first] == ["accepted", "refused", "accepted"]
    assert again == first
    assert after == first[2]
    assert [one.get("request") for one in told] == ["r1", "r2", "r3", None]
    assert state.steps["asked"].output["fields"] == {"ticket": "T-1"}


async def test_a_run_that_has_ended_refuses_with_its_state_and_journals_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: [act: {}]")
        await to_end(run)
        before = await journal(run)
        for number, command in enumerate(("pause", "resume", "cancel", "signal")):
            arguments = {"name": "go"} if command == "signal" else {}
            answer = apply(run, number, command, **arguments)
            assert (answer["answer"], answer["state"]) == ("refused", "completed")
            assert apply(run, number, command, **arguments) == answer
        assert await journal(run) == before


async def test_what_was_answered_before_a_crash_has_that_answer_and_no_second_effect(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reboots = Reboots()
    async with reboots.up() as r:
        run = await r.start("steps: [{id: a, signal: go}, {id: b, signal: go}, {id: c, approval: Well?}]")
        await trio.sleep(1)
        sent = apply(run, 1, "signal", name="go", payload=1)
        refused = apply(run, 2, "approve", step="c")
        await run._driven.durable()
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        await trio.sleep(1)
        assert apply(run, 1, "signal", name="go", payload=1) == sent
        assert list(run.questions) == ["b"]
        await run.signal("go", 2)
        await trio.sleep(1)
        assert apply(run, 2, "approve", step="c") == refused
        assert apply(run, 3, "approve", step="c")["answer"] == "accepted"
        state = await to_end(run)
    assert [state.steps[path].output for path in "ab"] == [1, 2]


async def test_an_answer_can_be_given_as_soon_as_the_run_has_been_taken_over(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reboots = Reboots()
    async with reboots.up() as r:
        run = await r.start("steps: [{id: asked, approval: {fields: {n: integer}}}]")
        await trio.sleep(1)
    await reboots.store.ask(request(run, 1, "approve", step="asked", fields={"n": 3}))
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        state = await to_end(run)
        await trio.sleep(1)
    asked = await reboots.store.asked("r1")
    assert asked is not None
    assert asked.answer is not None
    assert (asked.answer["answer"], state.steps["asked"].output["fields"]) == ("accepted", {"n": 3})


async def test_a_question_whose_step_was_stopped_meanwhile_cannot_be_answered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reboots = Reboots()
    async with reboots.up() as r:
        run = await r.start("steps: {asked: {approval: Well?}, slow: {act: {cleanup: 50s, takes: 1h}}}")
        await trio.sleep(1)
        await run.cancel()
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        await trio.sleep(0.1)
        assert apply(run, 9, "approve", step="asked")["answer"] == "refused"
        assert (await to_end(run)).status == "cancelled"


async def test_a_command_and_its_effect_stand_side_by_side_in_the_journal(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(SPEC)
        await trio.sleep(1)
        await run.resolve("bad", "complete")
        await run.approve("asked", {"ticket": "T-1"})
        await run.signal("go")
        await to_end(run)
        told = await journal(run)
    followers = [told[index + 1] for index, line in enumerate(told) if line == "workflow.command"]
    assert followers == ["step.resolved bad", "step.resolved asked", "step.resolved go"]
