"""Workflows that call others, through the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Program

CALLER = "treadle: 1\nname: caller\nsteps: {call: {workflow: child}}\n"


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    (folder / "treadle.yaml").write_text("workflows: ['*.spec.yaml']\n")
    (folder / "caller.spec.yaml").write_text(CALLER)
    return folder


def child(folder: Path, steps: str) -> None:
    (folder / "child.spec.yaml").write_text(f"treadle: 1\nname: child\nsteps: {steps}\n")


def runs(treadle: Program, *options: str) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(treadle("ps", "--json", *options).out)["runs"]
    return listed


def test_a_workflow_of_the_project_is_called_by_name(treadle: Program, folder: Path) -> None:
    child(folder, "{a: {shell: 'echo hello'}}")
    said = treadle("run", "caller", "--json")
    assert said.code == 0
    (one,) = runs(treadle, "--workflow", "child")
    assert one["parent"] == json.loads(said.out)["run"]


def test_both_runs_show_each_other(treadle: Program, folder: Path) -> None:
    child(folder, "{a: {shell: 'echo hello'}}")
    treadle("run", "caller")
    (called,) = runs(treadle, "--workflow", "child")
    caller = called["parent"]
    assert "call  completed" in treadle("show", str(caller)).out
    assert f"child as run {called['run']}" in treadle("show", str(caller)).out
    assert f"called by step call of run {caller}" in treadle("show", str(called["run"])).out
    assert [one["run"] for one in runs(treadle, "--parent", str(caller))] == [called["run"]]


def test_a_wrong_call_is_a_problem_of_validate(treadle: Program, folder: Path) -> None:
    child(folder, "{a: {shell: 'echo hello'}}")
    (folder / "caller.spec.yaml").write_text(CALLER.replace("child", "chlid"))
    said = treadle("validate", "caller.spec.yaml")
    assert said.code == 2
    assert "no workflow 'chlid' is known here; did you mean 'child'?" in said.out + said.err


def test_an_approval_in_a_called_run_leaves_both_and_resuming_the_caller_goes_on_with_both(
    treadle: Program, folder: Path
) -> None:
    child(folder, "[{id: ok, approval: {prompt: 'go?'}}, {id: after, shell: 'echo went > ledger'}]")
    said = treadle("run", "caller", "--quiet")
    assert said.code == 3
    (called,) = runs(treadle, "--workflow", "child")
    assert f"step call waits for run {called['run']}, which waits for an answer" in said.err
    assert f"treadle show {called['run']}" in said.err
    treadle("approve", str(called["run"]), "ok")
    assert treadle("resume", str(called["parent"]), "--quiet").code == 0
    assert (folder / "ledger").read_text() == "went\n"
    assert [one["status"] for one in runs(treadle)] == ["completed", "completed"]


def test_a_detached_run_that_is_left_is_told_of(treadle: Program, folder: Path) -> None:
    child(folder, "{a: {shell: 'sleep 0.5', repeatable: true}}")
    (folder / "caller.spec.yaml").write_text(CALLER.replace("child", "{name: child, detach: true}"))
    said = treadle("run", "caller", "--quiet")
    assert said.code == 0
    (called,) = runs(treadle, "--workflow", "child")
    assert f"run {called['run']} of child, which call started, has not ended" in said.err
    assert treadle("resume", str(called["run"]), "--quiet").code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs process groups as Linux has them")
def test_a_program_that_is_killed_leaves_one_child_and_both_go_on(treadle: Program, folder: Path) -> None:
    child(
        folder,
        "[{id: a, repeatable: true, shell: 'echo begun >> ledger; test -e go || sleep 30'},"
        " {id: b, shell: 'echo done >> ledger'}]",
    )
    program = subprocess.Popen(
        [sys.executable, "-m", "treadle", "run", "caller", "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 30
    while not (folder / "ledger").exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    (folder / "go").touch()
    (called,) = runs(treadle, "--workflow", "child")
    assert treadle("resume", str(called["parent"]), "--quiet").code == 0
    assert [one["status"] for one in runs(treadle)] == ["completed", "completed"]
    assert (folder / "ledger").read_text().split() == ["begun", "begun", "done"]
