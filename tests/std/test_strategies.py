import re

import pytest

from treadle.plugin import Ask, Fail, Failure, Rollback, StepFailure, Tolerate
from treadle_std.strategies.builtin import (
    Continue,
    Escalate,
    FailFast,
    FailLate,
    RollBack,
    treadle_error_strategies,
)

ENTRIES = {entry.name: entry for entry in treadle_error_strategies()}
FAILURE = StepFailure(path="deploy", error=Failure("exit.3", "no"), attempts=3, elapsed=1.5)


@pytest.mark.parametrize(
    ("name", "config", "decision"),
    [
        ("fail_fast", FailFast(), Fail(fast=True)),
        ("fail_late", FailLate(), Fail(fast=False)),
        ("continue", Continue(), Tolerate()),
        ("rollback", RollBack(), Rollback("run")),
        ("rollback", RollBack(scope="block"), Rollback("block")),
        ("escalate", Escalate(), Ask()),
        (
            "escalate",
            Escalate(prompt="Ship?", timeout=60.0, on_timeout="rollback"),
            Ask("Ship?", 60.0, "rollback"),
        ),
    ],
)
def test_each_decides_as_the_language_says(name, config, decision):
    assert ENTRIES[name].decide(config, FAILURE) == decision
    assert list(ENTRIES[name].may(config)) == [decision]


def test_only_fail_fast_and_fail_late_are_inherited():
    assert {name for name, entry in ENTRIES.items() if entry.inherits} == {"fail_fast", "fail_late"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"timeout": 60.0}, "timeout needs on_timeout: write fail, continue or rollback"),
        ({"on_timeout": "fail"}, "on_timeout needs timeout: write how long to wait, as 4h"),
        ({"timeout": 0.0, "on_timeout": "fail"}, "timeout must be more than 0"),
        ({"notify": {"webhook": {}}}, "notify is not yet supported in this version; leave it out"),
    ],
)
def test_an_escalation_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Escalate(**given)
