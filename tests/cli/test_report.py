from typing import Any

import pytest

from treadle import RunState, StepResult
from treadle._cli.report import last_lines, lines, outputs
from treadle.errors import Failure
from treadle.events import RunStatus, StepStatus


def state(status: RunStatus, **more: Any) -> RunState:
    return RunState(run="r1", workflow="flow", status=status, started_at=10.0, ended_at=12.5, **more)


def failed(name: str = "exit.3", message: str = "it ended with 3", **more: Any) -> StepResult:
    data = more.pop("data", None)
    return StepResult(StepStatus.FAILED, attempts=1, error=Failure(name, message, data), **more)


def test_a_run_that_completed_gets_one_line() -> None:
    assert list(lines(state(RunStatus.COMPLETED))) == ["run r1 of flow completed in 2.5s"]


def test_tolerated_failures_are_counted() -> None:
    assert list(lines(state(RunStatus.COMPLETED, tolerated=1)))[-1].endswith("with 1 tolerated failure")
    assert list(lines(state(RunStatus.COMPLETED, tolerated=2)))[-1].endswith("with 2 tolerated failures")


def test_a_failure_shows_step_reason_output_and_what_was_not_run() -> None:
    steps = {
        "build": failed(data={"stderr": "one\ntwo\n", "stdout": "not this"}),
        "ship": StepResult(StepStatus.OMITTED, reason="needs build, which failed"),
        "scan": StepResult(StepStatus.CANCELLED),
    }
    error = Failure("exit.3", "it ended with 3", None, "build")
    assert list(lines(state(RunStatus.FAILED, steps=steps, error=error))) == [
        "step build failed: exit.3: it ended with 3",
        "  | one",
        "  | two",
        "not run because of it:",
        "  ship (omitted: needs build, which failed)",
        "  scan (cancelled)",
        "run r1 of flow failed in 2.5s",
    ]


def test_only_the_innermost_failure_is_shown_and_no_tolerated_one() -> None:
    steps = {
        "all": failed(),
        "all#2.unit": failed(message="unit is broken"),
        "each.3": failed(tolerated=True),
    }
    said = list(lines(state(RunStatus.FAILED, steps=steps)))
    assert said[0] == "step all#2.unit failed: exit.3: unit is broken"
    assert len(said) == 2


def test_attempts_are_counted_where_there_were_several() -> None:
    step = failed()
    step.attempts = 5
    assert "step a failed after 5 attempts: " in next(lines(state(RunStatus.FAILED, steps={"a": step})))


def test_a_failure_without_an_error_is_still_named() -> None:
    said = list(lines(state(RunStatus.FAILED, steps={"a": StepResult(StepStatus.FAILED)})))
    assert said[0] == "step a failed"


def test_a_failure_of_the_run_itself_is_shown_when_no_step_failed() -> None:
    said = list(lines(state(RunStatus.FAILED, error=Failure("timeout", "the run took longer than 5m"))))
    assert said[0] == "timeout: the run took longer than 5m"


def test_long_lists_are_cut() -> None:
    steps = {f"a{n}": failed() for n in range(25)}
    steps |= {f"b{n}": StepResult(StepStatus.OMITTED) for n in range(25)}
    said = list(lines(state(RunStatus.FAILED, steps=steps)))
    assert "and 5 more steps failed" in said
    assert "  and 5 more" in said


def test_a_cancelled_run_says_what_was_not_run() -> None:
    steps = {"a": StepResult(StepStatus.CANCELLED, reason="cancel")}
    said = list(lines(state(RunStatus.CANCELLED, steps=steps)))
    assert said == ["not run:", "  a (cancelled: cancel)", "run r1 of flow cancelled in 2.5s"]


@pytest.mark.parametrize(
    ("rollback", "said"),
    [
        ({"status": "complete", "undone": 1}, ["rollback complete: 1 step undone"]),
        (
            {"status": "incomplete", "undone": 2, "failed": ["deploy: no way back"]},
            ["rollback incomplete: 2 steps undone", "  not undone: deploy: no way back"],
        ),
    ],
)
def test_the_result_of_a_rollback_is_shown(rollback: dict[str, Any], said: list[str]) -> None:
    result = state(RunStatus.ROLLED_BACK, rollback=rollback)
    assert list(lines(result)) == [*said, "run r1 of flow rolled back in 2.5s"]


def test_only_the_last_lines_of_output_are_shown() -> None:
    text = "".join(f"line {n}\n" for n in range(50))
    assert last_lines(failed(data={"stderr": "  \n", "stdout": text})) == [f"line {n}" for n in range(40, 50)]
    assert last_lines(failed(output={"stdout": "from the output"})) == ["from the output"]
    assert last_lines(failed(data={"stderr": 17}, output="text")) == []


def test_what_a_step_wrote_cannot_play_with_the_terminal() -> None:
    said = list(lines(state(RunStatus.FAILED, steps={"a": failed(data={"stderr": "\x1b[2Jgone"})})))
    assert said[1] == "  | \\x1b[2Jgone"


def test_outputs_are_a_line_each_and_json_where_they_are_no_text() -> None:
    result = state(RunStatus.COMPLETED, outputs={"a": "two\nlines", "b": [1, None], "c": "ü", "d": True})
    assert list(outputs(result)) == ["a: two\\nlines", "b: [1, null]", "c: ü", "d: true"]
