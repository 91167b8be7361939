"""Processes that share a concurrency key on one file: they take turns, also where one of them is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_SECONDS = 30.0

SPEC = """
treadle: 1
name: turns
inputs: {who: {type: string}, takes: {type: string, default: "0.2"}}
concurrency: {key: shared, on_limit: ON_LIMIT}
steps:
  - id: work
    repeatable: true
    shell:
      script: |
        echo "begin $WHO" >> ledger
        sleep $TAKES
        echo "end $WHO" >> ledger
    env: {WHO: "${{ inputs.who }}", TAKES: "${{ inputs.takes }}"}
"""


class Folder:
    """A project whose workflow runs in processes of their own."""

    def __init__(self, path: Path, processes: ExitStack) -> None:
        self.path = path
        self.processes = processes

    def write(self, on_limit: str) -> None:
        (self.path / "flow.yaml").write_text(SPEC.replace("ON_LIMIT", on_limit))

    def call(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "treadle", *arguments],
            cwd=self.path,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.processes.enter_context(process)
        self.processes.callback(process.kill)
        return process

    def run(self, who: str, takes: str = "0.2") -> subprocess.Popen[str]:
        return self.call("run", "flow.yaml", "--quiet", "-i", f"who={who}", "-i", f"takes={takes}")

    def ledger(self) -> list[str]:
        file = self.path / "ledger"
        return file.read_text().splitlines() if file.exists() else []

    def listed(self) -> list[dict[str, object]]:
        """The runs, oldest first."""
        process = self.call("ps", "--json")
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        return list(reversed(json.loads(out)["runs"])) if out else []  # the file is just being made


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with ExitStack() as processes:
        yield Folder(tmp_path, processes)


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def ended(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode


def test_processes_take_turns_in_the_order_of_acceptance(folder: Folder) -> None:
    folder.write("queue")
    processes = []
    for number, who in enumerate("abc", start=1):
        processes.append(folder.run(who, "1"))
        until(lambda number=number: len(folder.listed()) == number)
    assert [ended(process) for process in processes] == [0, 0, 0]
    assert folder.ledger() == ["begin a", "end a", "begin b", "end b", "begin c", "end c"]


def test_a_run_whose_process_was_killed_keeps_its_place_until_it_was_resumed(folder: Folder) -> None:
    folder.write("queue")
    first = folder.run("a", "0.5")
    until(lambda: folder.ledger() == ["begin a"])
    first.kill()
    first.wait()
    second = folder.run("b")
    until(lambda: [run["queued"] for run in folder.listed()] == [False, True])
    time.sleep(1)
    assert second.poll() is None
    assert "begin b" not in folder.ledger()
    held = str(folder.listed()[0]["run"])
    shown, _ = folder.call("show", "last").communicate(timeout=PATIENCE_SECONDS)
    assert f"waits for run {held} (concurrency key 'shared')" in shown
    assert f"nobody drives run {held}: treadle resume {held}" in shown
    assert ended(folder.call("resume", held)) == 0
    assert ended(second) == 0
    assert folder.ledger()[-4:] == ["begin a", "end a", "begin b", "end b"]


def test_a_run_that_was_killed_while_it_waited_blocks_nobody(folder: Folder) -> None:
    folder.write("queue")
    first = folder.run("a", "4")
    until(lambda: folder.ledger() == ["begin a"])
    second = folder.run("b")
    until(lambda: len(folder.listed()) == 2)
    second.kill()
    third = folder.run("c")
    assert (ended(first), ended(third)) == (0, 0)
    assert folder.ledger() == ["begin a", "end a", "begin c", "end c"]


def test_of_processes_that_start_at_once_one_is_accepted(folder: Folder) -> None:
    folder.write("reject")
    processes = [folder.run(str(number), "4") for number in range(6)]
    codes = sorted(ended(process) for process in processes)
    assert codes == [0, 2, 2, 2, 2, 2]
    assert len(folder.listed()) == 1


def test_a_newer_process_cancels_the_older_one(folder: Folder) -> None:
    folder.write("cancel_running")
    old = folder.run("a", "20")
    until(lambda: folder.ledger() == ["begin a"])
    new = folder.run("b")
    assert (ended(new), ended(old)) == (0, 1)
    assert folder.ledger() == ["begin a", "begin b", "end b"]
