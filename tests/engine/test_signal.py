"""A step waits for a signal, or takes one that came before it. Times are virtual and exact."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from tests.engine.kit import events, rig, statuses, to_end, took
from tests.engine.odd import journal, one
from tests.engine.test_approval import Reboots

import treadle

DELIVERED = """
steps:
  sent: {act: {takes: 2s}}
  parcel: {needs: sent, signal: delivered}
  after: {needs: parcel, act: {output: "${{ steps.parcel.output.box }}"}}
"""


async def test_the_payload_of_a_signal_is_the_output_of_the_step_that_takes_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(DELIVERED)
        await trio.sleep(5)
        assert (run.status, run.questions) == ("waiting", {"parcel": None})
        await run.signal("delivered", {"box": 7}, by="postman")
        state = await to_end(run)
        seen = await events(run)
    assert (state.steps["parcel"].output, state.steps["after"].output) == ({"box": 7}, 7)
    assert took(state) == 5
    command = one(seen, "workflow.command")
    assert command.data == {
        "command": "signal", "by": "postman", "answer": "accepted", "state": "waiting",
        "name": "delivered", "payload": {"box": 7},
    }  # fmt: skip
    assert one(seen, "step.resolved parcel").data == {
        "decision": "signal", "by": "person", "who": "postman", "output": {"box": 7}, "signal": command.seq,
    }  # fmt: skip


async def test_a_signal_that_comes_early_is_kept_until_a_step_takes_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(DELIVERED)
        await run.signal("delivered", {"box": 1})
        await run.signal("delivered", {"box": 2})
        await run.signal("other", {"box": 3})
        state = await to_end(run)
    assert (state.steps["parcel"].output, took(state)) == ({"box": 1}, 2)


async def test_each_signal_is_taken_once_by_the_step_that_has_waited_longest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  a: {signal: go}
  slow: {act: {takes: 1s}}
  b: {needs: slow, signal: go}
  late: {act: {takes: 9s}}
  c: {needs: late, signal: go}
""")
        await trio.sleep(2)
        for number in (1, 2, 3):
            await run.signal("go", number)
        state = await to_end(run)
    assert [state.steps[path].output for path in ("a", "b", "c")] == [1, 2, 3]
    assert took(state) == 9


async def test_a_step_takes_the_first_signal_that_matches_and_leaves_the_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
inputs: {parcel: {type: integer, default: 2}}
steps:
  - {id: wait, act: {takes: 1s}}
  - {id: mine, signal: {name: delivered, match: output.parcel == inputs.parcel}}
  - {id: any, signal: delivered}
  - {id: last, signal: {name: delivered, match: output.parcel > 3}}
""")
        for parcel in (1, 2, 3):
            await run.signal("delivered", {"parcel": parcel})
        await trio.sleep(5)
        await run.signal("delivered", {"parcel": 3})
        assert run.status == "waiting"
        await run.signal("delivered", {"parcel": 4})
        state = await to_end(run)
    assert [state.steps[path].output["parcel"] for path in ("mine", "any", "last")] == [2, 1, 4]


JUDGES = "steps: [{id: wait, act: {takes: 1s}}, {id: mine, signal: {name: go, match: @}}]"


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ("output.id == 3", r"mine waits for it, and cannot judge its payload: .*output has no 'id'"),
        ("output.x", r"mine waits for it, and cannot judge its payload: `output.x` must be true or false"),
    ],
)
async def test_a_payload_that_the_waiting_step_cannot_judge_is_refused_and_the_step_waits_on(
    match: str, said: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(JUDGES.replace("@", match))
        await trio.sleep(2)
        with pytest.raises(treadle.Refused, match=said):
            await run.signal("go", {"x": 1})
        assert (run.status, list(run.questions)) == ("waiting", ["mine"])
        await run.signal("go", {"id": 3, "x": True})
        assert (await to_end(run)).status == "completed"


async def test_a_kept_signal_that_a_step_cannot_judge_is_passed_over_and_logged(
    autojump_clock: trio.testing.MockClock,
) -> None:
    logged: list[Any] = []

    async def listen(batch: Any) -> None:
        logged.extend(event.data["message"] for event in batch if event.type == "step.log")

    async with rig(sinks=[listen]) as r:
        run = await r.start(JUDGES.replace("@", "output.id == 3"))
        await run.signal("go", {"x": 1})
        await run.signal("go", {"id": 3})
        state = await to_end(run)
    assert state.steps["mine"].output == {"id": 3}
    (message,) = logged
    assert message.startswith("passes over signal 'go' (event 2): ")
    assert "output has no 'id'" in message


@pytest.mark.parametrize("name", ["", "no name", "-x", "x" * 201, "go\n"])
async def test_a_name_that_no_signal_has_is_refused(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(DELIVERED)
        with pytest.raises(treadle.Refused, match="is no name of a signal"):
            await run.signal(name)


async def test_a_payload_that_is_no_plain_data_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(DELIVERED)
        with pytest.raises(treadle.Refused, match="its payload cannot be kept"):
            await run.signal("delivered", {"box": object()})


async def test_only_so_many_signals_are_kept(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("treadle._engine.control.MOST_KEPT", 2)
    async with rig() as r:
        run = await r.start(DELIVERED)
        await run.signal("spam")
        await run.signal("spam")
        with pytest.raises(treadle.Refused, match="2 signals are kept already that no step has taken"):
            await run.signal("spam")
        await trio.sleep(3)
        await run.signal("delivered", {"box": 1})
        assert (await to_end(run)).status == "completed"


async def test_a_signal_to_a_run_that_has_ended_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("steps: [act: {}]")
        await to_end(run)
        with pytest.raises(treadle.Refused, match="it has ended"):
            await run.signal("go")


async def test_a_signal_that_does_not_come_in_time_is_a_failure_that_may_be_retried(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - id: go
    signal: {name: go, timeout: 1m}
    retry: {attempts: 3, on: [timeout], backoff: {fixed: 10s}}
""")
        await trio.sleep(65)
        assert run.questions == {}
        await trio.sleep(10)
        await run.signal("go", "at last")
        state = await to_end(run)
        resolved = [event.data for event in await events(run) if event.type == "step.resolved"]
    assert (state.steps["go"].attempts, state.steps["go"].output) == (2, "at last")
    assert resolved[0] == {"decision": "fail", "by": "timeout"}


async def test_a_signal_while_the_run_is_paused_is_taken_and_takes_effect_when_it_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(DELIVERED)
        await trio.sleep(3)
        await run.pause()
        await run.signal("delivered", {"box": 7})
        await trio.sleep(3)
        assert (run.status, statuses(run.state())["parcel"]) == ("paused", "pending")
        await run.resume()
        state = await to_end(run)
    assert (state.status, took(state)) == ("completed", 6)


async def test_nobody_can_approve_or_decide_about_a_step_that_waits_for_a_signal(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(DELIVERED)
        await trio.sleep(3)
        with pytest.raises(treadle.Refused, match="it waits for the signal 'delivered'"):
            await run.approve("parcel")
        with pytest.raises(treadle.Refused, match="it waits for the signal 'delivered'"):
            await run.resolve("parcel", "complete")
        await run.cancel()


async def test_a_kept_signal_survives_a_crash_and_one_that_was_taken_is_not_taken_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reboots = Reboots()
    async with reboots.up() as r:
        run = await r.start("""
steps:
  - {id: first, signal: go}
  - {id: wait, wait: 1m}
  - {id: second, signal: go}
  - {id: third, signal: go}
""")
        await trio.sleep(1)
        for number in (1, 2):
            await run.signal("go", number)
        await trio.sleep(1)
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        await trio.sleep(120)
        assert (run.status, list(run.questions)) == ("waiting", ["third"])
        await run.signal("go", 3)
        state = await to_end(run)
    assert [state.steps[path].output for path in ("first", "second", "third")] == [1, 2, 3]


async def test_a_step_that_waits_over_a_crash_takes_what_comes_after_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reboots = Reboots()
    async with reboots.up() as r:
        run = await r.start("steps: [{id: go, signal: {name: go, match: output > 1, timeout: 1h}}]")
        await trio.sleep(60)
        await run.signal("go", 1)
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        await trio.sleep(60)
        assert run.status == "waiting"
        await run.signal("go", 2)
        state = await to_end(run)
        told = await journal(run)
    assert state.steps["go"].output == 2
    assert told.count("step.waiting go") == 1
