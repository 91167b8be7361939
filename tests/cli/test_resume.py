"""Runs in a file that are left and gone on with, here and by other processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from treadle._cli import drive

WAITS = """
treadle: 1
name: waits
steps:
  - {id: before, shell: "echo once >> ledger"}
  - {id: ship, approval: {prompt: "Ship it?", fields: {percent: {type: integer, default: 10}}}}
  - {id: after, set: {percent: "${{ steps.ship.output.fields.percent }}"}}
outputs: {percent: "${{ steps.after.output.percent }}", by: "${{ steps.ship.output.by }}"}
"""
SLOW = """
treadle: 1
name: slow
steps:
  - {id: long, shell: "echo begun >> ledger; SLEEP", ATTRIBUTES}
  - {id: after, shell: "echo after >> ledger"}
finally:
  - {shell: "echo tidied >> ledger"}
"""
DOUBT = """
treadle: 1
name: doubt
on_error: rollback
steps:
  a: {shell: "touch gate; exec sleep 20"}
  b: {shell: "test -e again && exit 1; touch again; exec sleep 20", repeatable: true}
"""
GONE = "touch gate; while test -e gate; do sleep 0.05; done"


@pytest.fixture(autouse=True)
def reaped() -> Iterator[None]:
    """What was detached is nobody's child once the program that did it has ended; here it stays ours."""
    yield
    with suppress(ChildProcessError):
        until(lambda: os.waitpid(-1, os.WNOHANG) is None, seconds=10.0)


@pytest.fixture
def waits(folder: Path) -> str:
    (folder / "waits.yaml").write_text(WAITS)
    return "waits.yaml"


def slow(folder: Path, does: str = GONE, attributes: str = "") -> str:
    spec = SLOW.replace("SLEEP", does).replace(", ATTRIBUTES", f", {attributes}" if attributes else "")
    (folder / "slow.yaml").write_text(spec)
    return "slow.yaml"


def ledger(folder: Path) -> list[str]:
    return (folder / "ledger").read_text().split()


def status(treadle: Any, run: str = "last") -> str:
    return str(json.loads(treadle("show", run, "--json").out)["status"])


@contextmanager
def elsewhere(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """The program in a process of its own, which is gone afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "treadle", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


# --- waiting for a person --------------------------------------------------------------------------


def test_a_run_that_waits_is_left_with_the_commands_that_answer_it(treadle: Any, waits: str) -> None:
    code, out, err = treadle("run", "--quiet", waits)
    assert (code, out) == (3, "")
    run = json.loads(treadle("show", "last", "--json").out)["run"]
    assert err.splitlines() == [
        "step ship waits for an approval: Ship it?",
        f"  treadle approve {run} ship --field percent=…",
        f"  treadle reject {run} ship",
        f"run {run} of waits waits; once that is answered, go on with: treadle resume {run}",
    ]


def test_the_result_of_a_run_that_waits_is_one_object_as_well(treadle: Any, waits: str) -> None:
    code, out, _ = treadle("run", "--json", waits)
    assert code == 3
    result = json.loads(out)
    assert (result["status"], result["steps"]["ship"]["status"]) == ("waiting", "waiting")


def test_an_answer_given_meanwhile_takes_effect_when_the_run_goes_on(
    treadle: Any, folder: Path, waits: str
) -> None:
    assert treadle("run", waits).code == 3
    assert treadle("approve", "last", "ship", "--field", "percent=50").code == 0
    code, out, err = treadle("resume", "last")
    assert code == 0
    assert out.startswith("percent: 50\nby: ")
    assert "goes on where it was" in err
    assert ledger(folder) == ["once"]


def test_a_rejection_fails_the_run(treadle: Any, waits: str) -> None:
    assert treadle("run", waits).code == 3
    assert treadle("reject", "last", "ship", "--comment", "not today").code == 0
    code, _, err = treadle("resume", "--quiet", "last")
    assert code == 1
    assert "rejected" in err
    assert "not today" in err


def test_a_resumed_run_that_still_waits_is_left_again(treadle: Any, waits: str) -> None:
    assert treadle("run", waits).code == 3
    code, _, err = treadle("resume", "last")
    assert code == 3
    assert "treadle approve" in err


def test_a_resume_comes_after_the_pause_that_was_asked_for_while_nobody_drove_the_run(
    treadle: Any, waits: str
) -> None:
    assert treadle("run", waits).code == 3
    for _ in range(5):
        assert treadle("pause", "last").code == 0
        assert treadle("resume", "last").code == 3
        assert status(treadle) == "waiting"


def test_a_run_that_has_ended_cannot_be_resumed(treadle: Any, waits: str) -> None:
    assert treadle("run", waits).code == 3
    assert treadle("cancel", "last", "--reason", "enough").code == 0
    assert treadle("resume", "last").code == 1
    code, _, err = treadle("resume", "last")
    assert code == 2
    assert "refused to resume: it has ended (state: cancelled)" in err


def test_a_run_that_is_taken_up_keeps_its_spec_whatever_becomes_of_the_file(
    treadle: Any, folder: Path, waits: str
) -> None:
    assert treadle("run", waits).code == 3
    (folder / waits).write_text("nothing")
    assert treadle("approve", "last", "ship").code == 0
    assert treadle("resume", "last").out.startswith("percent: 10\n")


# --- signals ---------------------------------------------------------------------------------------


@pytest.fixture
def heeded() -> Iterator[None]:
    """Signals as a terminal gives them; a test run that was started to ignore SIGHUP would hand that on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize(("name", "said"), [("TERM", "terminated: susp"), ("HUP", "is gone: suspending")])
def test_a_suspended_run_lets_what_is_in_flight_finish_and_starts_nothing(
    treadle: Any, folder: Path, name: str, said: str
) -> None:
    code, out, err = treadle("run", slow(folder, f"kill -{name} $PPID; sleep 0.3; echo done >> ledger"))
    assert (code, out) == (3, "")
    assert said in err
    assert "is suspended; go on with: treadle resume " in err
    assert ledger(folder) == ["begun", "done"]
    assert treadle("resume", "last").code == 0
    assert ledger(folder) == ["begun", "done", "after", "tidied"]


def test_what_does_not_finish_in_time_is_unknown_and_a_person_decides(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "GRACE_SECONDS", 0.2)
    assert treadle("run", slow(folder, "kill -TERM $PPID; exec sleep 60")).code == 3
    code, _, err = treadle("resume", "--quiet", "last")
    assert code == 3
    assert "step long is in doubt" in err
    assert "long --as retry|complete|continue|fail|rollback" in err
    assert treadle("resolve", "last", "long", "--as", "complete").code == 0
    assert treadle("resume", "last").code == 0
    assert ledger(folder) == ["begun", "after", "tidied"]


def test_what_is_repeatable_simply_runs_again(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "GRACE_SECONDS", 0.2)
    does = "test -e again || { touch again; kill -TERM $PPID; exec sleep 60; }"
    assert treadle("run", slow(folder, does, "repeatable: true")).code == 3
    assert treadle("resume", "last").code == 0
    assert ledger(folder) == ["begun", "begun", "after", "tidied"]


def test_an_interrupt_cancels_a_run_that_could_go_on(treadle: Any, folder: Path) -> None:
    code, _, err = treadle("run", slow(folder, "kill -INT $PPID; exec sleep 60"))
    assert code == 130
    assert "interrupted: cancelling the run" in err
    assert ledger(folder) == ["begun", "tidied"]
    assert status(treadle) == "cancelled"


def test_leaving_at_once_says_how_to_go_on(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "LEAVE_SECONDS", 3600.0)  # this process must survive
    monkeypatch.setattr(drive, "GRACE_SECONDS", 60.0)
    spec = slow(folder, "kill -TERM $PPID; sleep 0.2; kill -TERM $PPID; exec sleep 60")
    code, out, err = treadle("run", spec)
    assert (code, out) == (3, "")
    run = json.loads(treadle("show", "last", "--json").out)["run"]
    assert err.endswith(f"treadle: left at once; nothing was cleaned up; go on with: treadle resume {run}\n")
    assert drive._children() == []
    assert treadle("resume", "--quiet", "last").code == 3


# --- other processes -------------------------------------------------------------------------------


def test_a_run_whose_process_was_killed_is_taken_over(treadle: Any, folder: Path) -> None:
    spec = slow(folder, "test -e again || { touch again; exec sleep 60; }", "repeatable: true")
    with elsewhere("run", spec) as process:
        until((folder / "again").exists)
        process.kill()
        process.wait()
    code, _, err = treadle("resume", "last")
    assert code == 0, err
    assert ledger(folder) == ["begun", "begun", "after", "tidied"]


def test_a_rollback_that_waits_for_a_decision_about_an_unknown_step_is_left(
    treadle: Any, folder: Path
) -> None:
    (folder / "doubt.yaml").write_text(DOUBT)
    with elsewhere("run", "doubt.yaml") as process:
        until(lambda: (folder / "gate").exists() and (folder / "again").exists())
        process.kill()
        process.wait()
    code, _, err = treadle("resume", "last")
    assert code == 3, err
    assert "step a is in doubt" in err
    assert status(treadle) == "rolling_back"
    assert treadle("resolve", "last", "a", "--as", "fail").code == 0
    assert treadle("resume", "last").code == 1
    assert status(treadle) == "rolled_back"


def test_a_run_that_another_process_drives_is_steered_from_here(treadle: Any, folder: Path) -> None:
    with elsewhere("run", "--json", slow(folder)) as process:
        until((folder / "gate").exists)
        code, _, err = treadle("pause", "last")
        assert code == 0, err
        assert "pause accepted; run " in err
        assert status(treadle) == "pausing"
        assert treadle("resume", "last").err.startswith("treadle: resume accepted; ")
        assert treadle("cancel", "last", "--reason", "from here").code == 0
        out, _ = process.communicate(timeout=30)
    result = json.loads(out)
    assert (process.returncode, result["status"], result["reason"]) == (1, "cancelled", "from here")
    assert ledger(folder) == ["begun", "tidied"]


def test_a_run_that_somebody_pauses_is_left(treadle: Any, folder: Path) -> None:
    with elsewhere("run", "--json", slow(folder)) as process:
        until((folder / "gate").exists)
        assert treadle("pause", "last").code == 0
        (folder / "gate").unlink()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, json.loads(out)["status"]) == (3, "paused")
    assert "is paused; go on with: treadle resume " in err
    assert treadle("resume", "last").code == 0
    assert ledger(folder) == ["begun", "after", "tidied"]


# --- keys ------------------------------------------------------------------------------------------

KEYED = """
treadle: 1
name: keyed
inputs: {n: {type: integer, default: 1}}
steps: [{id: one, shell: "echo ran >> ledger"}]
outputs: {n: "${{ inputs.n }}"}
"""


def test_the_same_key_and_inputs_give_the_run_that_is_there(treadle: Any, folder: Path) -> None:
    (folder / "keyed.yaml").write_text(KEYED)
    first = treadle("run", "--json", "keyed.yaml", "--key", "k")
    again = treadle("run", "--json", "keyed.yaml", "--key", "k")
    assert (first.code, again.code) == (0, 0)
    assert json.loads(first.out) == json.loads(again.out)
    assert "the key 'k' names run " in again.err
    assert ledger(folder) == ["ran"]


def test_the_same_key_with_other_inputs_is_an_error(treadle: Any, folder: Path) -> None:
    (folder / "keyed.yaml").write_text(KEYED)
    assert treadle("run", "keyed.yaml", "--key", "k").code == 0
    code, out, err = treadle("run", "keyed.yaml", "--key", "k", "-i", "n=2")
    assert (code, out) == (2, "")
    assert "which has other inputs" in err


def test_a_key_takes_up_a_run_that_nobody_drives(treadle: Any, waits: str) -> None:
    assert treadle("run", waits, "--key", "k").code == 3
    assert treadle("approve", "last", "ship").code == 0
    code, out, err = treadle("run", waits, "--key", "k")
    assert code == 0
    assert out.startswith("percent: 10\n")
    assert "which nobody drives; going on with it here" in err


def test_a_key_of_a_run_that_another_process_drives_says_who(treadle: Any, folder: Path) -> None:
    spec = slow(folder)
    with elsewhere("run", spec, "--key", "k") as process:
        until((folder / "gate").exists)
        code, _, err = treadle("run", spec, "--key", "k")
        assert code == 3
        assert f"(process {process.pid}) drives; see: treadle events " in err
        (folder / "gate").unlink()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_key_means_nothing_where_no_run_is_kept(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("store: memory\n")
    (folder / "keyed.yaml").write_text(KEYED)
    code, _, err = treadle("run", "keyed.yaml", "--key", "k")
    assert code == 2
    assert "--key means nothing with `store: memory`" in err


# --- in the background -----------------------------------------------------------------------------


def test_a_detached_run_is_driven_by_a_process_of_its_own(treadle: Any, folder: Path) -> None:
    code, out, err = treadle("run", "--detach", slow(folder))
    run = out.strip()
    assert code == 0, err
    assert err == f"treadle: see: treadle events {run} --follow\n"
    until((folder / "gate").exists)
    (folder / "gate").unlink()
    until(lambda: status(treadle, run) == "completed")
    log = folder / ".treadle" / "logs" / f"{run}.log"
    until(lambda: f"run {run} of slow completed" in log.read_text())  # said once the end is stored
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_detached_run_goes_on_while_it_waits_for_a_person(treadle: Any, waits: str) -> None:
    code, out, _ = treadle("run", "--detach", "--json", waits)
    told = json.loads(out)
    assert code == 0
    assert told.keys() == {"run", "workflow", "status", "log"}
    until(lambda: status(treadle, told["run"]) == "waiting")
    code, _, err = treadle("approve", told["run"], "ship")
    assert code == 0
    assert err.startswith("treadle: approve accepted; ")
    until(lambda: status(treadle, told["run"]) == "completed")


def test_a_detached_run_with_a_key_is_there_once(treadle: Any, folder: Path) -> None:
    (folder / "keyed.yaml").write_text(KEYED)
    first = treadle("run", "--detach", "keyed.yaml", "--key", "k")
    until(lambda: status(treadle, first.out.strip()) == "completed")
    again = treadle("run", "--detach", "keyed.yaml", "--key", "k")
    assert (again.code, again.out) == (0, first.out)
    assert ledger(folder) == ["ran"]


def test_a_detached_run_is_never_lost_although_nothing_drives_it(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "keyed.yaml").write_text(KEYED)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    code, out, err = treadle("run", "--detach", "keyed.yaml")
    run = out.strip()
    assert code == 4
    assert f"go on with: treadle resume {run}" in err
    monkeypatch.undo()
    os.chdir(folder)
    assert treadle("resume", run).code == 0
    assert ledger(folder) == ["ran"]


def test_a_run_cannot_be_detached_where_no_run_is_kept(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("store: memory\n")
    code, _, err = treadle("run", "--detach", slow(folder))
    assert code == 2
    assert "--detach needs a store that outlives this process" in err
