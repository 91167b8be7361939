"""An ended run is run again, as a whole or in part."""

import json
from pathlib import Path
from typing import Any

import pytest

SPEC = """
treadle: 1
name: again
labels: {team: a}
inputs: {n: {type: integer, default: 1}}
on_error: fail_late
steps:
  build: {shell: "echo build >> ledger; echo built"}
  test: {needs: build, shell: "echo test >> ledger; test -e works"}
  push:
    foreach: [0, 1, 2]
    on_error: fail_late
    shell: "echo push$item >> ledger; test $item != 1 || test -e works"
    env: {item: "${{ item }}"}
  ship: {needs: [test, push], set: {what: "${{ steps.build.output.stdout }}", n: "${{ inputs.n }}"}}
outputs: {what: "${{ steps.ship.output.what }}", n: "${{ steps.ship.output.n }}"}
finally: [{shell: "echo tidied >> ledger"}]
"""


@pytest.fixture
def failed(treadle: Any, folder: Path) -> str:
    """A run of which a part has failed; it would not fail again."""
    (folder / "again.yaml").write_text(SPEC)
    code, out, _ = treadle("run", "--json", "again.yaml", "-i", "n=7")
    assert code == 1
    (folder / "works").touch()
    (folder / "ledger").unlink()
    return str(json.loads(out)["run"])


def ledger(folder: Path) -> list[str]:
    path = folder / "ledger"
    return sorted(path.read_text().split()) if path.exists() else []


def test_what_failed_runs_again_and_the_rest_is_reused(treadle: Any, folder: Path, failed: str) -> None:
    code, out, err = treadle("rerun", failed, "--failed", "--quiet")
    assert code == 0, err
    assert out == "what: built\nn: 7\n"
    assert ledger(folder) == ["push1", "test", "tidied"]
    assert err.splitlines()[:10] == [
        "runs again",
        "  push.1  failed",
        "  test    failed",
        "  ship    needs test",
        "entered again, since a part of it runs again",
        "  push",
        "reused as recorded",
        "  build",
        "  push.0",
        "  push.2",
    ]


def test_the_new_run_is_linked_to_the_old_one(treadle: Any, failed: str) -> None:
    assert treadle("rerun", failed, "--failed").code == 0
    told = json.loads(treadle("ps", "--json").out)["runs"]
    assert [run["status"] for run in told] == ["completed", "failed"]
    assert told[0]["parent"] == failed
    assert told[0]["labels"] == {"team": "a"}
    events = [json.loads(line) for line in treadle("events", told[0]["run"]).out.splitlines()]
    assert events[0]["data"]["rerun_of"] == failed
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    reused = {event["step"] for event in events if "reused" in event["data"]}
    assert reused == {"build", "push", "push.0", "push.2"}


def test_a_step_and_what_needs_it_run_again_if_they_are_named(
    treadle: Any, folder: Path, failed: str
) -> None:
    assert treadle("rerun", failed, "--failed").code == 0
    (folder / "ledger").unlink()
    code, out, _ = treadle("rerun", "last", "--from", "build", "--json")
    assert code == 0
    assert json.loads(out)["outputs"] == {"what": "built", "n": 7}
    assert ledger(folder) == ["build", "test", "tidied"]


def test_all_of_a_run_runs_again_under_its_spec_and_inputs(treadle: Any, folder: Path, failed: str) -> None:
    (folder / "again.yaml").write_text("nothing")
    code, out, err = treadle("rerun", failed)
    assert (code, out) == (0, "what: built\nn: 7\n")
    assert err.startswith(f"every step of again runs again; no output of run {failed} is reused\n")
    assert ledger(folder) == ["build", "push0", "push1", "push2", "test", "tidied"]


def test_a_dry_run_only_shows_what_would_run(treadle: Any, folder: Path, failed: str) -> None:
    code, out, err = treadle("rerun", failed, "--failed", "--dry-run")
    assert (code, out) == (0, "")
    assert err.startswith("runs again\n")
    code, out, _ = treadle("rerun", failed, "--failed", "--dry-run", "--json")
    assert json.loads(out) == {
        "run": failed,
        "again": ["push.1", "test", "ship"],
        "partly": ["push"],
        "reused": ["build", "push.0", "push.2"],
    }
    assert ledger(folder) == []
    assert len(json.loads(treadle("ps", "--json").out)["runs"]) == 1


def test_nothing_runs_again_where_everything_completed(treadle: Any, failed: str) -> None:
    assert treadle("rerun", failed, "--failed").code == 0
    code, _, err = treadle("rerun", "last", "--failed")
    assert code == 2
    assert "every step of run " in err
    assert "leave --failed out" in err


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("buidl", "did you mean 'build'?"),
        ("finally.shell_1", "`finally` always runs"),
        ("push.7", "has no such step"),
    ],
)
def test_a_step_that_cannot_be_named_is_said(treadle: Any, failed: str, step: str, said: str) -> None:
    code, _, err = treadle("rerun", failed, "--from", step)
    assert code == 2
    assert said in err


def test_one_element_can_be_named(treadle: Any, folder: Path, failed: str) -> None:
    assert treadle("rerun", failed, "--failed").code == 0
    (folder / "ledger").unlink()
    assert treadle("rerun", "last", "--from", "push.2").code == 0
    assert ledger(folder) == ["push2", "tidied"]


def test_a_run_that_has_not_ended_is_not_run_again(treadle: Any, folder: Path) -> None:
    (folder / "w.yaml").write_text("treadle: 1\nname: w\nsteps: [{approval: Ship it?}]\n")
    assert treadle("run", "w.yaml").code == 3
    code, _, err = treadle("rerun", "last")
    assert code == 2
    assert "has not ended (waiting)" in err


@pytest.mark.parametrize(("typed", "runs"), [("n\n", 1), ("y\n", 2), ("\n", 2)])
def test_on_a_terminal_a_person_is_asked_first(
    treadle: Any, failed: str, monkeypatch: pytest.MonkeyPatch, typed: str, runs: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("treadle._cli.terminal.interactive", lambda: True)
        patch.setattr("treadle._cli.ask._Lines.next", _nobody_types)
        code, _, err = treadle("rerun", failed, "--failed", stdin=typed)
    assert code == 0
    assert "Run these steps again? [Y/n]: " in err
    assert len(json.loads(treadle("ps", "--json").out)["runs"]) == runs


async def _nobody_types(self: Any, prompt: str) -> None:
    self.ended = True
