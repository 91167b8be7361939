"""A person at the terminal answers what a run asks."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from treadle._cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Program

APPROVAL = """
treadle: 1
name: asks
steps:
  - id: ship
    approval:
      prompt: Ship it?
      fields:
        percent: {type: integer, min: 1, max: 100, description: How many get it}
        why: {type: string, default: because}
outputs: {given: "${{ steps.ship.output.fields }}", by: "${{ steps.ship.output.by }}"}
"""


def typing(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int, text: str, spec: str = APPROVAL
) -> tuple[int, str, str]:
    (folder / "asks.yaml").write_text(spec)
    os.write(terminal, text.encode())
    code = main(["run", "--json", "asks.yaml"])
    return code, *capsys.readouterr()


def test_an_approval_asks_for_its_fields_and_keeps_who_gave_them(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int
) -> None:
    code, out, err = typing(capsys, folder, terminal, "app\n50\n\n")
    assert code == 0, err
    outputs = json.loads(out)["outputs"]
    assert outputs["given"] == {"percent": 50, "why": "because"}
    assert "@" in outputs["by"]
    assert "step ship waits for an approval: Ship it?" in err
    assert "answer (approve, reject): " in err
    assert "  How many get it\n" in err
    assert 'why (string, empty for "because"): ' in err


def test_a_field_that_does_not_fit_is_asked_again(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int
) -> None:
    code, out, err = typing(capsys, folder, terminal, "what\napprove\nhalf\n500\n\n50\nno reason\n")
    assert code == 0, err
    assert json.loads(out)["outputs"]["given"] == {"percent": 50, "why": "no reason"}
    assert "write one of: approve, reject; the first letters are enough" in err
    assert err.count("percent (integer): ") == 4


def test_a_rejection_asks_for_nothing_more(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int
) -> None:
    code, out, _ = typing(capsys, folder, terminal, "rej\n")
    assert code == 1
    assert json.loads(out)["error"]["name"] == "rejected"


@pytest.mark.parametrize("typed", ["\x04", "approve\n\x04"])
def test_the_end_of_input_leaves_a_run_that_can_go_on(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int, typed: str
) -> None:
    code, _, err = typing(capsys, folder, terminal, typed)
    assert code == 3
    assert "no more answers here; this leaves the run" in err
    assert "once that is answered, go on with: treadle resume " in err


def test_a_signal_is_not_asked_for_but_told(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int
) -> None:
    spec = "treadle: 1\nname: asks\nsteps: [{signal: {name: paid, timeout: 300ms}}]\n"
    code, _, err = typing(capsys, folder, terminal, "", spec)
    assert code == 1
    assert "waits for the signal 'paid'" in err
    assert "it is sent from another terminal: treadle signal " in err


def test_a_question_that_a_resumed_run_still_has_is_asked(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int
) -> None:
    assert typing(capsys, folder, terminal, "\x04")[0] == 3
    os.write(terminal, b"reject\n")
    assert main(["resume", "last"]) == 1
    assert "answer (approve, reject): " in capsys.readouterr().err


# --- questions of runs that are called ---------------------------------------------------------------

CALLS = "treadle: 1\nname: calls\nsteps: {call: {workflow: {file: %s}}}\n"


def calling(folder: Path, child: str, *, between: bool = False) -> None:
    """A project that keeps no runs, in which ``calls.yaml`` calls *child*; *between*: by way of another."""
    (folder / "treadle.yaml").write_text("store: memory\n")
    (folder / "calls.yaml").write_text(CALLS % ("between.yaml" if between else "child.yaml"))
    (folder / "between.yaml").write_text((CALLS % "child.yaml").replace("name: calls", "name: between"))
    (folder / "child.yaml").write_text(child)


@pytest.mark.parametrize("between", [False, True])
def test_what_a_called_run_asks_is_asked_here(
    capsys: pytest.CaptureFixture[str], folder: Path, terminal: int, between: bool
) -> None:
    calling(folder, APPROVAL, between=between)
    os.write(terminal, b"app\n50\n\n")
    code = main(["run", "--json", "calls.yaml"])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert json.loads(out)["status"] == "completed"
    assert " of asks:\nstep ship waits for an approval: Ship it?" in err
    assert "another terminal" not in err


@pytest.mark.parametrize("between", [False, True])
def test_a_called_run_that_nobody_could_answer_is_refused_before_anything_begins(
    treadle: Program, folder: Path, between: bool
) -> None:
    calling(folder, APPROVAL, between=between)
    said = treadle("run", "calls.yaml")
    assert said.code == 2
    assert "calls.yaml:3:" in said.err
    assert "this step runs 'asks', where ship waits for somebody" in said.err


def test_a_called_run_that_only_starts_another_one_is_not_kept_from_it(
    treadle: Program, folder: Path
) -> None:
    calling(folder, APPROVAL)
    (folder / "calls.yaml").write_text(
        "treadle: 1\nname: calls\nsteps: {call: {workflow: {file: child.yaml, detach: true}}}\n"
    )
    assert treadle("run", "calls.yaml").code == 0
