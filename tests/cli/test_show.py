from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from tests.cli import runs

import treadle as library
from treadle import Event
from treadle.plugin import Record, RunInfo

if TYPE_CHECKING:
    from treadle.testing import MemoryStore

WHOLE = """
treadle: 1
name: release
labels: {team: core}
inputs: {env: {type: string, default: staging}}
on_error: rollback
steps:
  build: {set: {image: "a:1"}, undo: {set: {gone: true}}}
  lint: {when: inputs.env == 'prod', set: {x: 1}}
  checks:
    needs: build
    parallel:
      unit: {fail: broken, retry: 2}
      slow: {wait: 1m}
  push: {needs: checks, set: {x: 1}}
finally:
  bye: {set: {z: 1}}
"""

GOOD = """
treadle: 1
name: good
steps:
  each: {foreach: "${{ range(30) }}", set: {n: "${{ item }}"}}
  choose: {switch: {cases: [{when: "true == true", steps: [{id: only, set: {a: 1}}]}]}}
  hopeless: {fail: never, on_error: continue}
outputs: {many: "${{ steps.each.output[29].n }}", text: "${{ 'x' }}"}
"""

ASKS = """
treadle: 1
name: asks
steps:
  deploy: {fail: disk full, on_error: {escalate: {prompt: "Ship it?", timeout: 4h, on_timeout: fail}}}
"""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    return runs.in_use(monkeypatch)


def body(out: str) -> list[str]:
    """The lines with single blanks, without indentation."""
    return [" ".join(line.split()) for line in out.splitlines()]


def test_a_run_is_shown_with_its_steps_times_attempts_errors_and_outputs(
    treadle: Any, store: MemoryStore
) -> None:
    run = runs.put(store, runs.happened(WHOLE))
    code, out, err = treadle("show", run)
    assert (code, err) == (0, "")
    lines = body(out)
    assert lines[0] == f"run {run} of release: rolled back"
    assert lines[1] == "failed: broken (at checks.unit)"
    assert lines[2].endswith("; took 1s")
    assert lines[3:6] == ["labels: team=core", "inputs: env=staging", "steps"]
    assert "lint skipped when: inputs.env == 'prod'" in lines
    assert 'build completed 0s undone; output {"image": "a:1"}' in lines
    assert "checks failed 1s failed: broken (at checks.unit)" in lines
    assert "unit failed 1s 2 attempts; failed: broken" in lines
    assert "attempt 1 failed 0s failed: broken" in lines
    assert "slow cancelled 1s unit failed" in lines
    assert "push omitted stopped: checks failed, which asks for a rollback" in lines
    assert lines[-3:] == ["finally", 'bye completed 0s output {"z": 1}', "rollback complete: 1 step undone"]


def test_what_is_inside_a_step_is_indented_below_it(treadle: Any, store: MemoryStore) -> None:
    out = treadle("show", runs.put(store, runs.happened(WHOLE))).out
    margins = {line.split()[0]: len(line) - len(line.lstrip()) for line in out.splitlines() if line.strip()}
    assert margins["checks"] == 2
    assert margins["unit"] == 4
    assert margins["attempt"] == 6


def test_many_elements_are_counted_and_what_went_wrong_is_shown_first(
    treadle: Any, store: MemoryStore
) -> None:
    lines = body(treadle("show", runs.put(store, runs.happened(GOOD))).out)
    assert "tolerated failures: 1" in lines
    assert "each completed 0s 30 elements" in lines
    shown = [int(line.split()[0]) for line in lines if line.split()[0].isdecimal()]
    assert shown == list(range(20))
    assert "and 10 more 10 completed" in lines
    assert 'choose completed 0s took cases.0; output {"case": 0, "output": {"only": {"a": 1}}}' in lines
    assert "hopeless tolerated 0s failed: never" in lines
    assert lines[-3:] == ["outputs", "many: 29", "text: x"]


def test_failed_elements_are_among_those_shown(treadle: Any, store: MemoryStore) -> None:
    spec = """
treadle: 1
name: some
steps:
  each: {foreach: "${{ range(40) }}", on_error: continue, set: {n: "${{ 1 / (item - 35) }}"}}
"""
    lines = body(treadle("show", runs.put(store, runs.happened(spec))).out)
    shown = [int(line.split()[0]) for line in lines if line.split()[0].isdecimal()]
    assert shown == [*range(19), 35]
    assert "and 20 more 20 completed" in lines
    assert any(line.startswith("35 tolerated 0s expression: ") for line in lines)


def test_rounds_stand_below_their_block(treadle: Any, store: MemoryStore) -> None:
    spec = """
treadle: 1
name: rounds
steps:
  ship: {retry: {attempts: 2, backoff: {fixed: 1s}}, sequence: [{id: push, fail: broken}]}
"""
    lines = treadle("show", runs.put(store, runs.happened(spec))).out.splitlines()
    names = [line.split()[0] for line in lines if line.startswith("    ")]
    assert names == ["attempt", "push", "#2.push"]


def test_an_open_question_is_shown_with_the_commands_that_answer_it(treadle: Any, store: MemoryStore) -> None:
    run = runs.put(store, runs.cut(runs.happened(ASKS), "workflow.waiting"))
    lines = body(treadle("show", run).out)
    assert lines[0] == f"run {run} of asks: waiting"
    assert lines[1].endswith(f"nobody drives it; it goes on with: treadle resume {run}")
    assert "deploy waiting failed: disk full" in lines
    place = lines.index("waits for")
    asked = "step deploy waits for a decision after failed: disk full: Ship it? (until "
    assert lines[place + 1].startswith(asked)
    assert lines[place + 1].endswith(", then fail)")
    assert lines[place + 2] == f"treadle resolve {run} deploy --as retry|complete|continue|fail|rollback"


def question(kind: str, **data: Any) -> list[Event]:
    """A run that waits for an answer of *kind*."""
    first, *_ = runs.happened(ASKS)

    def event(seq: int, type_: str, step: str | None, data: dict[str, Any]) -> Event:
        return attrs.evolve(first, seq=seq, type=type_, step=step, data=data)

    type_ = "step.unknown" if kind == "unknown" else "step.waiting"
    return [
        first,
        event(2, "workflow.started", None, {}),
        event(3, "step.started", "deploy", {}),
        event(4, type_, "deploy", {"for": kind, "prompt": None, "timeout": None, **data}),
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            question("approval", prompt="Ship?", fields={"ticket": {"type": "string"}}),
            [
                "step deploy waits for an approval: Ship?",
                "treadle approve RUN deploy --field ticket=…",
                "treadle reject RUN deploy",
            ],
        ),
        (
            question("signal", signal="all clear"),
            ["step deploy waits for the signal 'all clear'", "treadle signal RUN 'all clear'"],
        ),
        (
            question(
                "unknown",
                decisions=["retry", "fail"],
                error={"name": "crash", "message": "the process ended meanwhile", "data": None},
            ),
            [
                "step deploy is in doubt: the process ended meanwhile",
                "treadle resolve RUN deploy --as retry|fail",
            ],
        ),
    ],
    ids=["approval", "signal", "unknown"],
)
def test_each_kind_of_question_names_its_commands(
    treadle: Any, store: MemoryStore, events: list[Event], expected: list[str]
) -> None:
    run = runs.put(store, events)
    lines = body(treadle("show", run).out)
    place = lines.index("waits for")
    assert [line.replace(run, "RUN") for line in lines[place + 1 :]] == expected


def test_a_question_of_a_run_that_has_ended_is_not_open(treadle: Any, store: MemoryStore) -> None:
    *events, _ = question("unknown", decisions=["fail"])
    unknown = question("unknown", decisions=["fail"])[-1]
    end = attrs.evolve(unknown, seq=5, type="workflow.cancelled", step=None, data={"tolerated": 0})
    out = treadle("show", runs.put(store, [*events, unknown, end])).out
    assert "waits for" not in out
    assert "deploy  unknown" in out


def test_json_has_the_shape_of_a_result(treadle: Any, store: MemoryStore) -> None:
    events = runs.happened(WHOLE)
    run = runs.put(store, events)
    code, out, err = treadle("show", run, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(json.dumps(library.RunState.fold(events).to_data()))


def test_a_run_that_has_not_started_says_when_it_was_accepted(treadle: Any, store: MemoryStore) -> None:
    first, *_ = runs.happened(WHOLE)
    run = runs.put(store, [first], owner="h:7:x", lease_until=time.time() + 60, key="k-1", parent="0-0")
    lines = body(treadle("show", run).out)
    assert lines[0] == f"run {run} of release: pending"
    assert lines[1].startswith("accepted ")
    assert lines[1].endswith(", not started; driven by h (process 7)")
    assert lines[2:4] == ["key: k-1", "made from run 0-0"]


def test_long_values_and_control_characters_do_not_reach_the_terminal(
    treadle: Any, store: MemoryStore
) -> None:
    spec = 'treadle: 1\nname: odd\nsteps:\n  a: {set: {t: "${{ inputs.t }}"}}\ninputs: {t: {type: string}}\n'
    out = treadle("show", runs.put(store, runs.happened(spec, {"t": "\x1b[2J" + "y" * 500}))).out
    assert "\x1b" not in out
    assert "y" * 81 not in out
    assert "characters)" in out


def test_a_journal_that_cannot_be_read_is_a_fault_of_the_store(treadle: Any, store: MemoryStore) -> None:
    first, *_ = runs.happened(WHOLE)
    run = runs.put(store, [first])
    trio.run(store.create, RunInfo(id="0x-1", workflow="w", status=library.RunStatus.RUNNING,
                                   correlation_id="c"), [Record(1, 99, b"{}")])  # fmt: skip
    code, out, err = treadle("show", "0x-1")
    assert (code, out) == (4, "")
    assert err.startswith("treadle: ")
    assert "bug" not in err
    assert "99" in err
    assert treadle("show", run).code == 0
