"""A person approves or rejects; the run can be paused, or crash and go on, meanwhile. Times are virtual."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from tests.engine.kit import Ledger, Rig, events, rig, statuses, to_end, took
from tests.engine.odd import journal, one

import treadle
from treadle.plugin import Answer, ApprovalWanted, Step, StepType, hookimpl
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

SHIP = """
steps:
  before: {act: {}, undo: {act: {name: undo}}}
  asked: {needs: before, approval: {prompt: "Ship ${{ steps.before.output.attempt }}?"@MORE}@KEYS}
  after: {needs: asked, act: {output: "${{ default(steps.asked.output, 'nothing') }}"}}
"""


def ship(more: str = "", keys: str = "") -> str:
    return SHIP.replace("@MORE", more).replace("@KEYS", keys)


async def test_who_approved_when_and_what_was_filled_in_is_the_output(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(ship(", fields: {ticket: string, wait: {type: duration, default: 5m}}"))
        await trio.sleep(5)
        assert (run.status, run.questions) == ("waiting", {"asked": "Ship 1?"})
        await run.approve("asked", {"ticket": "T-1"}, by="ann", comment="go")
        state = await to_end(run)
        seen = await events(run)
    given = {"ticket": "T-1", "wait": 300.0}
    output = {"decision": "approve", "by": "ann", "at": "2026-01-01T00:00:05.000Z", "fields": given}
    assert state.steps["after"].output == state.steps["asked"].output == output
    assert one(seen, "step.resolved asked").data == {
        "decision": "approve", "by": "person", "who": "ann", "fields": given, "comment": "go",
    }  # fmt: skip
    assert took(state) == 5


async def test_the_question_is_told_with_all_that_an_answer_needs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(
            ship(", fields: {n: {type: integer, enum: [1, 2]}}, timeout: 1h, on_timeout: fail")
        )
        await trio.sleep(1)
        await run.reject("asked")
        await to_end(run)
        told = one(await events(run), "step.waiting asked").data
    assert told == {
        "for": "approval",
        "prompt": "Ship 1?",
        "fields": {"n": {"type": "integer", "enum": [1, 2]}},
        "timeout": 3600.0,
        "on_timeout": "fail",
        "decisions": ["approve", "reject"],
    }


@pytest.mark.parametrize(
    ("keys", "run_ends", "asked", "after"),
    [
        ("", "failed", "failed", "omitted"),
        (", retry: 3", "failed", "failed", "omitted"),
        (", on_error: continue", "completed", "failed", "completed"),
        (", on_error: rollback", "rolled_back", "failed", "omitted"),
    ],
)
async def test_a_rejection_fails_the_step_is_never_retried_and_its_strategy_decides(
    keys: str, run_ends: str, asked: str, after: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(ship(", fields: {why: string}", keys))
        await trio.sleep(1)
        await run.reject("asked", {"why": "late"}, by="bob", comment="not today")
        state = await to_end(run)
    assert (state.status, statuses(state)["asked"], statuses(state)["after"]) == (run_ends, asked, after)
    step = state.steps["asked"]
    assert (step.attempts, step.error) == (
        1,
        treadle.Failure(
            "rejected",
            "asked was rejected by bob: not today",
            {
                "by": "bob",
                "at": "2026-01-01T00:00:01.000Z",
                "fields": {"why": "late"},
                "comment": "not today",
            },
        ),
    )


async def test_a_rejected_approval_that_escalates_is_asked_anew_when_a_person_retries_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(ship("", ", on_error: escalate"))
        await trio.sleep(1)
        await run.reject("asked")
        await trio.sleep(1)
        await run.resolve("asked", "retry")
        await trio.sleep(1)
        await run.approve("asked")
        state = await to_end(run)
        asked = [event.data["for"] for event in await events(run) if event.type == "step.waiting"]
    assert (state.status, state.steps["asked"].attempts) == ("completed", 2)
    assert asked == ["approval", "decision", "approval"]


@pytest.mark.parametrize(
    ("on_timeout", "ends", "after"),
    [
        ("fail", "failed", "omitted"),
        ("continue", "completed", "completed"),
        ("rollback", "rolled_back", "omitted"),
    ],
)
@pytest.mark.parametrize("keys", ["", ", retry: 5", ", on_error: escalate"])
async def test_nobody_answers_in_time_and_what_the_approval_says_happens_whatever_else_would(
    keys: str, on_timeout: str, ends: str, after: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(ship(f", timeout: 4h, on_timeout: {on_timeout}", keys))
        state = await to_end(run)
        seen = await events(run)
    assert (state.status, took(state), statuses(state)["after"]) == (ends, 4 * 3600, after)
    error = state.steps["asked"].error
    assert error is not None
    assert (error.name, error.message) == ("timeout", "nobody answered asked in time")
    assert one(seen, "step.resolved asked").data == {"decision": on_timeout, "by": "timeout"}
    assert state.tolerated == (on_timeout == "continue")
    assert r.ledger.names("end").count("undo") == (on_timeout == "rollback")


FIELDS = """
steps:
  asked:
    approval:
      fields:
        ticket: {pattern: 'T-\\d+'}
        count: {type: integer, min: 1, default: 2}
        hosts: {type: list, items: string, required: false}
"""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ["fields.ticket: the field 'ticket' is missing; give text"]),
        (
            {"ticket": "x"},
            [r"fields.ticket: 'x' does not match the pattern T-\d+; the whole text must match"],
        ),
        (
            {"tickt": "T-1", "count": 0, "hosts": [1]},
            [
                "fields.tickt: there is no field 'tickt'; did you mean 'ticket'?",
                "fields.ticket: the field 'ticket' is missing; give text",
                "fields.count: expected at least 1, got 0",
                "fields.hosts[0]: expected text, got the number 1",
            ],
        ),
        ({"ticket": {1}}, ["fields.ticket: expected text, got a set"]),
    ],
)
async def test_fields_that_do_not_fit_are_refused_with_every_problem_and_change_nothing(
    fields: dict[str, Any], said: list[str], autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(FIELDS)
        await trio.sleep(1)
        with pytest.raises(treadle.Refused) as refused:
            await run.approve("asked", fields)
        assert refused.value.why == "; ".join(said)
        assert run.status == "waiting"
        await run.approve("asked", {"ticket": "T-1"})
        state = await to_end(run)
    assert state.steps["asked"].output["fields"] == {"ticket": "T-1", "count": 2, "hosts": None}


async def test_who_rejects_may_leave_fields_out_and_those_given_must_fit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(FIELDS)
        await trio.sleep(1)
        with pytest.raises(
            treadle.Refused, match=r"^cannot reject 'asked': fields.count: expected at least 1"
        ):
            await run.reject("asked", {"count": 0})
        await run.reject("asked", {"count": 1})
        state = await to_end(run)
    assert state.steps["asked"].error is not None
    assert state.steps["asked"].error.data["fields"] == {"count": 1}


async def test_an_approval_takes_no_other_decision_and_a_decision_no_approval(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: {a: {approval: Well?}, b: {act: {fails: 1}, on_error: escalate}}")
        await trio.sleep(1)
        with pytest.raises(treadle.Refused, match=r"'a': it waits for an approval; approve or reject it"):
            await run.resolve("a", "complete")
        with pytest.raises(
            treadle.Refused, match=r"'b': it waits for a decision; resolve it as one of retry"
        ):
            await run.approve("b")
        with pytest.raises(treadle.Refused, match=r"'c': it does not wait for a person; a, b does"):
            await run.approve("c")
        await run.resolve("b", "complete")
        await run.approve("a")
        assert (await to_end(run)).status == "completed"
        with pytest.raises(treadle.Refused, match="does not wait for a person; no step does"):
            await run.approve("a")


# --- notify ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notify", "paths"),
    [
        ("act: {takes: 2s}", ["asked.notify"]),
        ("[{act: {takes: 1s}}, {id: mail, act: {takes: 1s}}]", ["asked.act_1", "asked.mail"]),
        ("{chat: {act: {takes: 2s}}, mail: {act: {takes: 1s}}}", ["asked.chat", "asked.mail"]),
    ],
)
async def test_whoever_is_to_be_told_is_told_before_the_question_is_put(
    notify: str, paths: list[str], autojump_clock: trio.testing.MockClock
) -> None:
    written = notify if notify[0] in "[{" else f"{{{notify}}}"
    async with rig() as r:
        run = await r.start(f"steps: [{{id: asked, approval: {{prompt: Well?, notify: {written}}}}}]")
        await trio.sleep(1.5)
        assert (run.questions, run.status) == ({}, "running")
        await trio.sleep(1)
        assert run.questions == {"asked": "Well?"}
        await run.approve("asked")
        state = await to_end(run)
    assert sorted(state.steps) == ["asked", *paths]
    assert state.steps["asked"].output["decision"] == "approve"


async def test_a_notify_that_fails_is_logged_and_the_question_is_put_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    logged: list[treadle.Event] = []

    async def listen(batch: Iterable[treadle.Event]) -> None:
        logged.extend(event for event in batch if event.type == "step.log")

    async with rig(sinks=[listen]) as r:
        run = await r.start("steps: [{id: asked, approval: {notify: {act: {fails: 1}}}}]")
        await trio.sleep(1)
        await run.approve("asked")
        state = await to_end(run)
    assert (state.status, statuses(state)) == ("completed", {"asked": "completed", "asked.notify": "failed"})
    assert [(event.step, event.data) for event in logged] == [
        ("asked", {"level": "warning", "message": "notify failed: broken: asked.notify failed"})
    ]


# --- what goes on meanwhile ------------------------------------------------------------------------


async def test_a_run_is_paused_while_an_approval_is_open_and_the_answer_takes_effect_when_it_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(ship())
        await trio.sleep(1)
        await run.pause()
        assert run.status == "paused"
        await run.approve("asked")
        await trio.sleep(9)
        assert statuses(run.state())["asked"] == "pending"
        assert (run.status, run.questions) == ("paused", {})
        await run.resume()
        state = await to_end(run)
    assert (state.status, took(state)) == ("completed", 10)


async def test_what_is_in_flight_beside_an_approval_is_waited_for_by_a_pause(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("steps: {asked: {approval: Well?}, slow: {act: {takes: 5s}}}")
        await trio.sleep(1)
        await run.pause()
        assert run.status == "pausing"
        await trio.sleep(5)
        assert run.status == "paused"
        await run.resume()
        await trio.sleep(1)
        assert run.status == "waiting"
        await run.approve("asked")
        state = await to_end(run)
    assert (state.status, took(state)) == ("completed", 7)


@pytest.mark.parametrize(("resumed_at", "ends_at"), [(2 * 3600, 4 * 3600), (9 * 3600, 9 * 3600)])
async def test_the_time_for_an_answer_is_the_walls_and_what_follows_waits_for_a_paused_run(
    resumed_at: int, ends_at: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig() as r:
        run = await r.start(ship(", timeout: 4h, on_timeout: continue"))
        await trio.sleep(1)
        await run.pause()
        await trio.sleep_until(resumed_at)
        await run.resume()
        state = await to_end(run)
    assert (state.status, took(state)) == ("completed", ends_at)


async def test_a_wall_clock_that_is_set_forward_ends_the_wait_when_it_is_next_looked_at(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(ship(", timeout: 30m, on_timeout: fail"))
        await trio.sleep(65)
        surroundings: Any = run._driven.surroundings
        before = surroundings.now
        object.__setattr__(surroundings, "now", lambda: before() + 3600)
        await to_end(run)
    assert trio.current_time() == 90


async def test_limits_stand_still_while_the_run_only_waits_for_an_approval(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start(
            "timeout: 10s\nsteps: [{id: asked, deadline: 9s, approval: Well?}, act: {takes: 5s}]"
        )
        await trio.sleep(1000)
        await run.approve("asked")
        state = await to_end(run)
    assert (state.status, took(state)) == ("completed", 1005)


@pytest.mark.parametrize("command", ["approve", "cancel"])
async def test_an_approval_holds_no_limiter_while_it_waits(
    command: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with rig(limiters={"db": 1}) as r:
        run = await r.start("steps: [{id: asked, limit: db, approval: Well?}]")
        await trio.sleep(1)
        other = await r.start("steps: [{id: other, limit: db, act: {takes: 5s}}]")
        await trio.sleep(1)
        await (run.approve("asked") if command == "approve" else run.cancel())
        ends = [(await to_end(one)).status for one in (run, other)]
        third = await r.run("steps: [{id: third, limit: db, act: {takes: 1s}}]")
    assert ends == ["completed" if command == "approve" else "cancelled", "completed"]
    assert (third.status, r.ledger.spans()) == ("completed", {"other": ["1-6"], "third": ["6-7"]})


async def test_a_cancelled_run_asks_no_more(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start(ship())
        await trio.sleep(1)
        await run.cancel()
        state = await to_end(run)
        assert run.questions == {}
    assert (state.status, statuses(state)["asked"]) == ("cancelled", "cancelled")


async def test_each_element_is_approved_for_itself(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - {id: all, foreach: [a, b, c], approval: "Ship ${{ item }}?", on_error: continue}
  - {id: after, act: {output: "${{ steps.all.output }}"}}
""")
        await trio.sleep(1)
        assert run.questions == {"all.0": "Ship a?", "all.1": "Ship b?", "all.2": "Ship c?"}
        await run.approve("all.2")
        await run.reject("all.1")
        assert run.questions.keys() >= {"all.0"}
        await run.approve("all.0")
        state = await to_end(run)
    assert [one and one["decision"] for one in state.steps["after"].output] == ["approve", None, "approve"]


async def test_an_approval_in_a_block_that_is_retried_is_asked_again_under_its_new_path(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with rig() as r:
        run = await r.start("""
steps:
  - id: ship
    retry: {attempts: 2, backoff: {fixed: 1s}}
    steps: [{id: asked, approval: Well?}, {id: check, act: {name: check, fails: 1}}]
""")
        await trio.sleep(1)
        await run.approve("ship.asked")
        await trio.sleep(2)
        assert run.questions == {"ship#2.asked": "Well?"}
        await run.approve("ship#2.asked")
        assert (await to_end(run)).status == "completed"


async def test_finally_may_ask_too(autojump_clock: trio.testing.MockClock) -> None:
    async with rig() as r:
        run = await r.start("""
steps: [{id: bad, act: {fails: 1}}]
finally: [{id: seen, approval: {prompt: Seen it?, timeout: 1m, on_timeout: continue}}]
""")
        await trio.sleep(1)
        await run.approve("finally.seen", by="ann")
        state = await to_end(run)
    assert (state.status, state.steps["finally.seen"].output["by"], took(state)) == ("failed", "ann", 1)


async def test_a_secret_that_a_person_fills_in_is_masked(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "do-not-tell-me")
    async with rig() as r:
        run = await r.start("secrets: [TOKEN]\nsteps: [{id: asked, approval: {fields: {key: string}}}]")
        await trio.sleep(1)
        await run.approve("asked", {"key": "it is do-not-tell-me"})
        state = await to_end(run)
        told = repr(await events(run))
    assert "do-not-tell-me" not in told + repr(state)
    assert state.steps["asked"].output["fields"]["key"].startswith("it is ")


# --- for plugin authors ----------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Twice:
    """Waits, and waits again."""


async def twice(_config: Twice, step: Step) -> Any:
    first = await step.wait_for(ApprovalWanted(prompt="First?"))
    assert first == Answer(decision="approve", by="ann", at=first.at, value={})
    return await step.wait_for(ApprovalWanted(prompt="Second?"))


class Asks:
    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        return [StepType(name="twice", config=Twice, run=twice, waits=True)]


async def test_an_attempt_waits_once(autojump_clock: trio.testing.MockClock) -> None:
    async with rig(plugins=[Asks()]) as r:
        run = await r.start("steps: [{id: a, twice: {}}]")
        await trio.sleep(1)
        await run.approve("a", by="ann")
        state = await to_end(run)
    assert state.error is not None
    assert state.error.name == "plugin"
    assert "wait_for: an attempt waits once" in state.error.message


# --- over the end of a process ---------------------------------------------------------------------


class Reboots:
    """One store, and engines on it one after the other, each ended as by a crash of its host."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.registry = treadle.Registry.of(self.ledger)
        self.store = MemoryStore()

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Rig]:
        with trio.CancelScope() as host:
            async with treadle.open_engine(
                store=self.store, registry=self.registry, seed=1, recover=False, lease=1.0
            ) as engine:
                yield Rig(engine, self.ledger, self.registry)
                host.cancel()
        await trio.sleep(10)  # the lease has lapsed


async def test_a_pending_approval_stays_pending_and_is_not_told_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reboots = Reboots()
    spec = "steps: [{id: asked, approval: {prompt: Well?, timeout: 1h, on_timeout: fail, notify: {act: {}}}}]"
    async with reboots.up() as r:
        run = await r.start(spec)
        await trio.sleep(60)
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        assert run.questions == {"asked": "Well?"}
        await trio.sleep(60)
        assert run.status == "waiting"
        await run.approve("asked", by="ann")
        state = await to_end(run)
        told = await journal(run)
    assert (state.status, state.steps["asked"].attempts, state.steps["asked"].output["by"]) == (
        "completed",
        1,
        "ann",
    )
    assert (told.count("step.waiting asked"), told.count("step.started asked")) == (1, 1)
    assert reboots.ledger.names("end") == ["asked.notify"]


@pytest.mark.parametrize(("down_for", "ends_at"), [(600, 3600), (7200, 7200 + 70)])
async def test_the_end_of_a_wait_is_the_same_over_a_crash_and_takes_effect_at_once_if_it_has_passed(
    down_for: float, ends_at: float, autojump_clock: trio.testing.MockClock
) -> None:
    reboots = Reboots()
    async with reboots.up() as r:
        run = await r.start("steps: [{id: asked, approval: {timeout: 1h, on_timeout: continue}}]")
        await trio.sleep(60)
    await trio.sleep(down_for)
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        state = await to_end(run)
    assert (state.status, state.tolerated, took(state)) == ("completed", 1, ends_at)


async def test_an_answer_that_was_accepted_before_a_crash_is_not_asked_for_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reboots = Reboots()
    async with reboots.up() as r:
        run = await r.start(ship(", fields: {ticket: string}"))
        await trio.sleep(1)
        await run.pause()
        await run.approve("asked", {"ticket": "T-1"}, by="ann")
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        await trio.sleep(1)
        assert (run.status, run.questions) == ("paused", {})
        await run.resume()
        state = await to_end(run)
        told = await journal(run)
    output = state.steps["asked"].output
    assert (output["by"], output["at"], output["fields"]) == (
        "ann",
        "2026-01-01T00:00:01.000Z",
        {"ticket": "T-1"},
    )
    assert (told.count("step.waiting asked"), told.count("step.resolved asked")) == (1, 1)


async def test_an_escalation_stays_open_and_its_answer_survives(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reboots = Reboots()
    async with reboots.up() as r:
        run = await r.start("""
steps:
  - id: bad
    act: {fails: 9}
    on_error: {escalate: {prompt: Well?, timeout: 1h, on_timeout: fail}}
  - {id: after, act: {output: "${{ default(steps.bad.output, null) }}"}}
""")
        await trio.sleep(60)
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        await trio.sleep(60)
        assert (run.status, run.questions) == ("waiting", {"bad": "Well?"})
        await run.pause()
        await run.resolve("bad", "complete", output={"by": "hand"})
    async with reboots.up() as r:
        run = await r.engine.resume_run(run.id)
        await run.resume()
        state = await to_end(run)
        told = await journal(run)
    assert (state.status, state.steps["after"].output) == ("completed", {"by": "hand"})
    assert (told.count("step.waiting bad"), told.count("step.resolved bad")) == (1, 1)
    assert r.ledger.names("fail") == ["bad"]
