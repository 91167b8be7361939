import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from treadle._cli import drive
from treadle._cli.inputs import gather
from treadle._model import Input
from treadle.errors import InputError

HELLO = """
treadle: 1
name: hello
inputs:
  who: {type: string, default: world}
  n: {type: integer, default: 1}
steps:
  - {id: say, command: [echo, "hello ${{ inputs.who }}"]}
outputs: {said: "${{ steps.say.output.stdout }}", twice: "${{ inputs.n * 2 }}"}
"""
FAILS = """
treadle: 1
name: fails
on_error: rollback
steps:
  - {id: made, set: {a: 1}, undo: {shell: "echo undone > undone.txt"}}
  - {id: broken, shell: "echo working; echo no disk >&2; exit 3"}
  - {id: after, wait: 0s}
finally:
  - {shell: "echo ${status} > finally.txt", env: {status: "${{ run.status }}"}}
"""
INTERRUPTS = """
treadle: 1
name: interrupts
steps:
  - {id: ask, shell: "kill -SIGNAL $PPID; exec sleep 60"}
  - {id: after, wait: 0s}
finally:
  - {id: tidy, shell: "touch tidied; THEN"}
"""
TWICE = """
treadle: 1
name: twice
inputs: {given: {type: object, default: {}}, first: boolean}
steps:
  - {id: one, set: {x: "a ${{ inputs.given.n }}"}, when: "inputs.first"}
  - {id: two, set: {x: "a ${{ inputs.given.n }}"}}
"""
ESCALATES = """
treadle: 1
name: escalates
steps:
  - id: risky
    shell: test -e allowed
    on_error: {escalate: {prompt: Shall we go on?}}
outputs: {got: "${{ default(steps.risky.output, 'nothing') }}"}
"""


@pytest.fixture
def memory(folder: Path) -> None:
    """No run outlives the program."""
    (folder / "treadle.yaml").write_text("store: memory\n")


@pytest.fixture
def hello(folder: Path) -> str:
    (folder / "hello.yaml").write_text(HELLO)
    return "hello.yaml"


def test_outputs_go_to_standard_output_and_everything_else_to_standard_error(
    treadle: Any, hello: str
) -> None:
    code, out, err = treadle("run", hello, "-i", "who=you", "--input", "n=21")
    assert (code, out) == (0, "said: hello you\ntwice: 42\n")
    assert "say  completed" in err
    assert "of hello completed in " in err


def test_quiet_shows_no_progress(treadle: Any, hello: str) -> None:
    code, out, err = treadle("run", "--quiet", hello)
    assert (code, out) == (0, "said: hello world\ntwice: 2\n")
    assert len(err.splitlines()) == 1


def test_json_is_one_object_and_nothing_else(treadle: Any, hello: str) -> None:
    code, out, _ = treadle("run", "--json", hello)
    result = json.loads(out)
    assert code == 0
    assert result["status"] == "completed"
    assert result["outputs"] == {"said": "hello world", "twice": 2}
    assert result["error"] is result["rollback"] is None
    assert result.keys() >= {"run", "workflow", "started_at", "ended_at", "tolerated", "steps"}
    assert result["steps"]["say"].keys() >= {
        "status",
        "attempts",
        "output",
        "error",
        "reason",
        "started_at",
        "ended_at",
    }


def test_a_spec_from_standard_input_runs(treadle: Any) -> None:
    assert treadle("run", "-", stdin=HELLO).out.startswith("said: hello world\n")


def test_a_workflow_runs_by_its_name(treadle: Any, folder: Path, hello: str) -> None:
    (folder / "treadle.yaml").write_text("workflows: [hello.yaml]\n")
    assert treadle("run", "hello").out.startswith("said: hello world\n")


def test_a_failure_shows_step_reason_output_what_was_not_run_and_the_rollback(
    treadle: Any, folder: Path
) -> None:
    (folder / "fails.yaml").write_text(FAILS)
    code, out, err = treadle("run", "--quiet", "fails.yaml")
    assert (code, out) == (1, "")
    assert err.startswith("step broken failed: exit.3: ")
    assert "  | no disk\n" in err
    assert "not run because of it:\n  after (omitted: " in err
    assert "rollback complete: 1 step undone\n" in err
    assert " of fails rolled back in " in err
    assert (folder / "undone.txt").exists()
    assert (folder / "finally.txt").read_text() == "rolled_back\n"


def test_of_two_equal_expressions_the_one_that_failed_is_shown(treadle: Any, folder: Path) -> None:
    (folder / "twice.yaml").write_text(TWICE)
    for first, line in (("true", 6), ("false", 7)):
        _, out, _ = treadle("run", "--json", "twice.yaml", "-i", f"first={first}")
        assert json.loads(out)["error"]["message"].startswith(f"twice.yaml:{line}:")


def test_a_failure_in_json_keeps_standard_output_clean(treadle: Any, folder: Path) -> None:
    (folder / "fails.yaml").write_text(FAILS)
    code, out, _ = treadle("run", "--json", "fails.yaml")
    result = json.loads(out)
    assert code == 1
    assert (result["status"], result["error"]["name"]) == ("rolled_back", "exit.3")
    assert result["rollback"]["status"] == "complete"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-i", "who"), "'who' is not an input; write -i NAME=VALUE"),
        (("-i", "=x"), "'=x' is not an input"),
        (("-i", "who=a", "-i", "who=b"), "input 'who' is given twice"),
        (("-i", "wo=a"), "did you mean 'who'?"),
        (("-i", "n=many"), "'many' is no whole number"),
        (("--inputs", "gone.yaml"), "gone.yaml: cannot be read"),
    ],
)
def test_wrong_inputs_and_options_exit_2_before_anything_runs(
    treadle: Any, hello: str, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = treadle("run", hello, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert "started" not in err


def test_text_that_does_not_fit_its_declaration_has_the_code_for_that() -> None:
    declared = {"n": Input(name="n", type="integer")}
    with pytest.raises(InputError) as caught:
        gather(declared, ["n=many"], None, stdin_taken=False)
    assert [problem.code for problem in caught.value.problems] == ["TRD603"]


def test_every_wrong_input_is_reported_at_once(treadle: Any, hello: str) -> None:
    _, _, err = treadle("run", hello, "-i", "n=x", "-i", "wo=1", "-i", "who=a", "-i", "who=b")
    assert len(err.splitlines()) == 3


def test_a_missing_input_is_named(treadle: Any) -> None:
    spec = "treadle: 1\nname: x\ninputs: {v: {type: string}}\nsteps: [{wait: 0s}]\n"
    code, _, err = treadle("run", "-", stdin=spec)
    assert code == 2
    assert "the input 'v' is missing" in err


def test_inputs_come_from_a_file_and_the_command_line_goes_before_it(
    treadle: Any, hello: str, folder: Path
) -> None:
    (folder / "in.yaml").write_text("who: file\nn: 5\n")
    assert treadle("run", hello, "--inputs", "in.yaml").out == "said: hello file\ntwice: 10\n"
    assert treadle("run", hello, "--inputs", "in.yaml", "-i", "who=me").out == "said: hello me\ntwice: 10\n"
    assert treadle("run", hello, "--inputs", "-", stdin='{"n": 7}').out == "said: hello world\ntwice: 14\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "in.yaml: inputs are a mapping"),
        ("a: [", "in.yaml:1:5"),
        ("", "empty"),
        ("a: 1\na: 2", "in.yaml:2:1"),
    ],
)
def test_a_file_of_inputs_that_is_none_is_refused(
    treadle: Any, hello: str, folder: Path, text: str, said: str
) -> None:
    (folder / "in.yaml").write_text(text)
    code, _, err = treadle("run", hello, "--inputs", "in.yaml")
    assert code == 2
    assert said in err


def test_standard_input_cannot_be_spec_and_inputs(treadle: Any) -> None:
    code, _, err = treadle("run", "-", "--inputs", "-", stdin=HELLO)
    assert code == 2
    assert "cannot be both" in err


def test_a_bad_spec_exits_2_with_every_problem(treadle: Any) -> None:
    code, out, err = treadle(
        "run", "-", stdin="treadle: 1\nname: x\nsteps: {a: {wat: 1}, b: {when: 7, wait: 0s}}\n"
    )
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2


def test_warnings_are_shown_before_the_run(treadle: Any) -> None:
    spec = "treadle: 1\nname: x\nsteps: {a: {wait: 0s}, b: {wait: 0s}, c: {wait: 0s}}\n"
    code, _, err = treadle("run", "--quiet", "-", stdin=spec)
    assert code == 0
    assert "warning: these 3 steps" in err


def test_sinks_of_the_deployment_replace_the_console(treadle: Any, hello: str, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("sinks: [{jsonl: events.jsonl}]\n")
    code, _, err = treadle("run", hello)
    assert code == 0
    assert len(err.splitlines()) == 1
    events = [json.loads(line)["type"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert events[0] == "workflow.accepted"
    assert events[-1] == "workflow.completed"


def test_a_sink_that_cannot_be_opened_is_no_crash(treadle: Any, hello: str, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("sinks: [{jsonl: no/such/folder/events.jsonl}]\n")
    code, _, err = treadle("run", hello)
    assert code in (2, 4)
    assert "Traceback" not in err


def test_a_live_tree_comes_and_goes_with_the_run(treadle: Any, hello: str, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("sinks: [{console: live}]\n")
    code, out, err = treadle("run", hello)
    assert (code, out) == (0, "said: hello world\ntwice: 2\n")
    assert "hello" in err


# --- signals ---------------------------------------------------------------------------------------


@pytest.fixture
def heeded() -> Iterator[None]:
    """Signals as a terminal gives them; a test run that was started to ignore SIGHUP would hand that on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heeded", "memory")
@pytest.mark.parametrize(
    ("name", "expected", "said"),
    [
        ("INT", 130, "interrupted: cancelling"),
        ("TERM", 1, "terminated: cancelling"),
        ("HUP", 1, "the terminal is gone: cancelling"),
    ],
)
def test_the_first_signal_cancels_and_finally_still_happens(
    treadle: Any, folder: Path, name: str, expected: int, said: str
) -> None:
    (folder / "i.yaml").write_text(INTERRUPTS.replace("SIGNAL", name).replace("THEN", "true"))
    code, _, err = treadle("run", "i.yaml")
    assert code == expected
    assert said in err
    assert (folder / "tidied").exists()
    assert "after (omitted" in err


@pytest.mark.usefixtures("memory")
def test_the_second_signal_leaves_at_once_and_nothing_stays(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "LEAVE_SECONDS", 3600.0)  # this process must survive
    (folder / "i.yaml").write_text(
        INTERRUPTS.replace("SIGNAL", "INT").replace("THEN", "kill -INT $PPID; exec sleep 60")
    )
    code, out, err = treadle("run", "i.yaml")
    assert (code, out) == (130, "")
    assert err.endswith("treadle: left at once; nothing was cleaned up\n")
    assert drive._children() == []


def test_what_does_not_give_way_is_left_behind(folder: Path) -> None:
    (folder / "stuck.py").write_text("import time\ndef stuck():\n    time.sleep(60)\n")
    (folder / "stuck.yaml").write_text("treadle: 1\nname: stuck\nsteps: [{python: {call: 'stuck:stuck'}}]\n")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-m", "treadle", "run", "stuck.yaml"],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("python_1  started" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert any("once more to leave at once" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


SLOW_SINK = """
import sys
import time
from contextlib import asynccontextmanager

import attrs
import trio
from treadle.plugin import Sink, hookimpl

STALLS = "%s"


@attrs.frozen
class Slow:
    pass


def stall():
    print("stalls", file=sys.stderr, flush=True)
    time.sleep(60)


@asynccontextmanager
async def slow(config):
    async def send(events):
        if STALLS == "sending":
            await trio.to_thread.run_sync(stall)

    if STALLS == "opening":
        await trio.to_thread.run_sync(stall)
    yield send


@hookimpl
def treadle_event_sinks():
    return [Sink(name="slow", config=Slow, open=slow)]
"""


@pytest.mark.parametrize("when", ["opening", "sending"])
def test_a_sink_that_stalls_keeps_nobody_from_leaving(folder: Path, when: str) -> None:
    (folder / "slow_sink.py").write_text(SLOW_SINK % when)
    info = folder / "slow_sink-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-sink\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[treadle]\nslow = slow_sink\n")
    (folder / "treadle.yaml").write_text("sinks: [slow]\n")
    (folder / "x.yaml").write_text("treadle: 1\nname: x\nsteps: [{set: {a: 1}}]\n")
    with subprocess.Popen(
        [sys.executable, "-m", "treadle", "run", "x.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("stalls" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert any("once more to leave at once" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


def test_a_pipe_is_no_file_to_append_to(treadle: Any, hello: str, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "treadle.yaml").write_text("sinks: [{jsonl: pipe}]\n")
    code, _, err = treadle("run", hello)
    assert code in (2, 4)
    assert "is no regular file" in err


def test_who_ignores_a_hangup_is_not_cancelled_by_one(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "x.yaml").write_text("treadle: 1\nname: x\nsteps: [{shell: 'kill -HUP $PPID; sleep 0.3'}]\n")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert treadle("run", "x.yaml").code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_is_refused_says_why(treadle: Any, folder: Path) -> None:
    spec = "treadle: 1\nname: x\nsteps: [{wait: 0s}]\nfinally: [{shell: 'kill -INT $PPID; sleep 0.3'}]\n"
    (folder / "x.yaml").write_text(spec)
    code, _, err = treadle("run", "x.yaml")
    assert code == 0
    assert "cannot cancel" in err


# --- people ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("memory")
def test_a_question_that_nobody_could_answer_is_refused_at_the_start(treadle: Any, folder: Path) -> None:
    (folder / "e.yaml").write_text(ESCALATES)
    code, out, err = treadle("run", "e.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("e.yaml:7:")
    assert "no terminal to ask on, and the store keeps no run for later; give the strategy a timeout" in err


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("approval: Ship it?", 2),
        ("signal: paid", 2),
        ("approval: {timeout: 10ms, on_timeout: fail}", 1),
        ("signal: {name: paid, timeout: 10ms}", 1),
        ('approval: "Ship ${{ inputs.v }}?"', 2),
    ],
)
def test_a_step_that_nobody_could_answer_is_refused_at_the_start(treadle: Any, step: str, code: int) -> None:
    spec = f"treadle: 1\nname: x\ninputs: {{v: {{default: '1'}}}}\nsteps:\n  - {step}\n"
    result = treadle("run", "-", stdin=spec)
    assert result.code == code
    if code == 2:
        assert "\n<stdin>:5:" in f"\n{result.err}"
        assert "this step waits for somebody, but there is no terminal" in result.err


@pytest.mark.usefixtures("memory")
def test_a_workflow_that_escalates_is_refused_too(treadle: Any) -> None:
    spec = "treadle: 1\nname: x\non_error: escalate\nsteps: [{wait: 0s}]\n"
    code, _, err = treadle("run", "-", stdin=spec)
    assert code == 2
    assert err.startswith("<stdin>:3:")


@pytest.mark.usefixtures("memory")
def test_without_a_terminal_a_question_waits_for_its_timeout(treadle: Any) -> None:
    spec = ESCALATES.replace("{prompt: Shall we go on?}", "{timeout: 10ms, on_timeout: continue}")
    assert treadle("run", "-", stdin=spec).out == "got: nothing\n"


def run_typing(capsys: pytest.CaptureFixture[str], terminal: int, text: str) -> tuple[int, str, str]:
    from treadle._cli import main

    os.write(terminal, text.encode())
    code = main(["run", "e.yaml"])
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("typed", "code", "out"),
    [
        ("cont\n", 0, "got: nothing\n"),
        ('complete\n{"a": 1}\n', 0, 'got: {"a": 1}\n'),
        ("complete\nnot json\n[1]\n", 0, "got: [1]\n"),
        ("c\nwhat\n\nfail\n", 1, ""),
        ("re\nre\nfa\n", 1, ""),
    ],
)
def test_on_a_terminal_the_question_is_asked(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int, typed: str, code: int, out: str
) -> None:
    (folder / "e.yaml").write_text(ESCALATES)
    result = run_typing(capsys, terminal, typed)
    assert (result[0], result[1]) == (code, out)
    assert "step risky waits for a decision" in result[2]
    assert ": Shall we go on?" in result[2]
    assert "decision (retry, complete, continue, fail, rollback): " in result[2]


def test_a_question_that_is_settled_meanwhile_is_dropped(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int
) -> None:
    spec = ESCALATES.replace("{prompt: Shall we go on?}", "{timeout: 100ms, on_timeout: continue}")
    (folder / "e.yaml").write_text(spec)
    code, out, err = run_typing(capsys, terminal, "")
    assert (code, out) == (0, "got: nothing\n")
    assert "waits for a decision" in err


@pytest.mark.usefixtures("memory")
def test_the_end_of_input_leaves_the_question_to_its_timeout(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int
) -> None:
    spec = ESCALATES.replace("{prompt: Shall we go on?}", "{timeout: 100ms, on_timeout: continue}")
    (folder / "e.yaml").write_text(spec)
    code, _, err = run_typing(capsys, terminal, "\x04")
    assert code == 0
    assert "no more answers here" in err


@pytest.mark.usefixtures("memory")
def test_a_question_with_a_template_is_refused_unless_a_timeout_answers_it(
    treadle: Any, folder: Path
) -> None:
    asks = (
        "treadle: 1\nname: x\ninputs: {v: {default: '1'}}\n"
        'steps: [{fail: no, on_error: {escalate: {prompt: "Ship ${{ inputs.v }}?"MORE}}}]\n'
    )
    code, _, err = treadle("run", "-", stdin=asks.replace("MORE", ""))
    assert code == 2
    assert err.startswith("<stdin>:4:")
    assert "there is no terminal to ask on" in err
    code, _, _ = treadle("run", "-", stdin=asks.replace("MORE", ", timeout: 1ms, on_timeout: continue"))
    assert code == 0
