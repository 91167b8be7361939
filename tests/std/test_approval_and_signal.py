"""The step types ``approval`` and ``signal``, without an engine."""

import attrs
import pytest

from treadle.plugin import (
    Answer,
    ApprovalWanted,
    BlockOutcome,
    Failure,
    Fields,
    SignalWanted,
    StepError,
)
from treadle.testing import FakeStep, block, expression
from treadle_std.steps.approval import Approval, approval
from treadle_std.steps.signal import Signal, signal

MORNING = 1_767_225_600.25


async def test_an_approval_asks_for_what_its_settings_say_and_gives_the_answer():
    fields = Fields({"ticket": {"type": "string"}})
    step = FakeStep(answers=[Answer(decision="approve", by="ann", at=MORNING, value={"ticket": "T-1"})])
    config = Approval(prompt="Ship?", fields=fields, timeout=60.0, on_timeout="continue")
    approved = await approval(config, step)
    assert attrs.asdict(approved) == {
        "decision": "approve",
        "by": "ann",
        "at": "2026-01-01T00:00:00.250Z",
        "fields": {"ticket": "T-1"},
    }
    assert step.waited == [ApprovalWanted(prompt="Ship?", fields=fields, timeout=60.0, on_timeout="continue")]


async def test_an_approval_without_fields_gives_none():
    step = FakeStep(answers=[Answer(decision="approve", at=MORNING)])
    approved = await approval(Approval(), step)
    assert (approved.by, approved.fields) == (None, {})


@pytest.mark.parametrize(
    ("by", "comment", "message"),
    [
        ("bob", "too late", "it was rejected by bob: too late"),
        ("bob", None, "it was rejected by bob"),
        (None, None, "it was rejected by a person"),
    ],
)
async def test_a_rejection_says_who_and_why(by, comment, message):
    step = FakeStep(answers=[Answer(decision="reject", by=by, at=MORNING, value={"n": 1}, comment=comment)])
    with pytest.raises(StepError) as raised:
        await approval(Approval(), step)
    data = {"by": by, "at": "2026-01-01T00:00:00.250Z", "fields": {"n": 1}, "comment": comment}
    assert raised.value.to_failure() == Failure("rejected", message, data)
    assert raised.value.decision is None


@pytest.mark.parametrize("on_timeout", ["fail", "continue", "rollback"])
async def test_an_approval_that_nobody_answers_decides_itself_what_becomes_of_it(on_timeout):
    step = FakeStep(answers=[Answer(decision=on_timeout, timed_out=True)])
    with pytest.raises(StepError) as raised:
        await approval(Approval(timeout=1.0, on_timeout=on_timeout), step)
    assert (raised.value.name, raised.value.decision) == ("timeout", on_timeout)


async def test_an_approval_tells_before_it_asks_and_logs_that_telling_failed():
    told = BlockOutcome({}, Failure("http.connect", "no route"))
    step = FakeStep(blocks={3: told}, answers=[Answer(decision="approve")])
    await approval(Approval(notify=block(3, "notify")), step)
    assert [one.index for one in step.ran] == [3]
    assert step.logged == [("warning", "notify failed: http.connect: no route")]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"timeout": 5.0}, "timeout needs on_timeout"),
        ({"on_timeout": "fail"}, "on_timeout needs timeout"),
        ({"timeout": 0.0, "on_timeout": "fail"}, "timeout must be more than 0"),
    ],
)
def test_an_approval_that_gives_up_says_when_and_what_then(settings, said):
    with pytest.raises(ValueError, match=said):
        Approval(**settings)


async def test_a_signal_gives_the_payload():
    step = FakeStep(answers=[Answer(decision="signal", value={"box": 7})])
    assert await signal(Signal(name="delivered", timeout=9.0), step) == {"box": 7}
    assert step.waited == [SignalWanted(name="delivered", timeout=9.0)]


async def test_a_signal_is_matched_by_its_payload_and_what_the_step_sees():
    step = FakeStep(scope={"inputs": {"box": 7}}, answers=[Answer(decision="signal")])
    await signal(Signal(name="go", match=expression("output.box == inputs.box")), step)
    (wanted,) = step.waited
    assert [wanted.match({"box": box}) for box in (6, 7)] == [False, True]
    with pytest.raises(StepError, match="box"):
        wanted.match({})


async def test_a_match_that_is_neither_true_nor_false_judges_nothing():
    step = FakeStep(answers=[Answer(decision="signal")])
    await signal(Signal(name="go", match=expression("output")), step)
    with pytest.raises(StepError, match="must be true or false"):
        step.waited[0].match(3)


async def test_a_signal_that_does_not_come_fails_by_the_name_timeout():
    step = FakeStep(answers=[Answer(decision="fail", timed_out=True)])
    with pytest.raises(StepError, match="no signal 'go' came for it in time") as raised:
        await signal(Signal(name="go", timeout=1.0), step)
    assert (raised.value.name, raised.value.decision) == ("timeout", None)


@pytest.mark.parametrize("name", ["", "a b", "1a", ".a", "go\n"])
def test_a_signal_has_a_name_that_can_be_sent(name):
    with pytest.raises(ValueError, match="is no name of a signal"):
        Signal(name=name)


def test_waiting_for_nothing_is_no_wait():
    with pytest.raises(ValueError, match="timeout must be more than 0"):
        Signal(name="go", timeout=0.0)


async def test_a_test_that_gives_no_answer_is_told_so():
    with pytest.raises(LookupError, match=r"FakeStep\(answers=\[Answer"):
        await signal(Signal(name="go"), FakeStep())
