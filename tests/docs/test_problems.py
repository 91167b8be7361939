"""The page of problems: every code has its section, an example that draws it, and one that draws nothing.

Blocks ``wrong.yaml`` and ``right.yaml`` are specs, or fragments of one. Otherwise the blocks of a section are
files; those of a folder ``wrong`` or ``right`` are for that example alone. A console block of that title says
what is run in the folder, else it is ``treadle validate flow.yaml``.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import attrs
import pytest
from tests.docs.pages import DOCS, Block, blocks_of
from tests.docs.specs import whole

import treadle
from docs import generate
from treadle._cli.program import execute
from treadle.errors import Problem
from treadle.plugin import StepType, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PAGE = DOCS / "reference" / "problems.md"
CODES = sorted({code for code, _ in generate.codes()})


@attrs.frozen(kw_only=True)
class Fragile:
    """Settings whose check has a bug."""

    breaks: bool

    def __attrs_post_init__(self) -> None:
        assert 1 / (not self.breaks)


class Broken:
    """A plugin for the example of TRD206."""

    @staticmethod
    @hookimpl
    def treadle_step_types() -> Iterable[StepType[object]]:
        return [StepType(name="fragile", config=Fragile, run=_nothing)]


async def _nothing(config: object, step: object) -> None:
    """Never run."""


@pytest.fixture(scope="module")
def sections() -> dict[str, list[Block]]:
    """The blocks of each section, by its code."""
    starts = {text: n + 1 for n, text in enumerate(PAGE.read_text().splitlines()) if text.startswith("## ")}
    found: dict[str, list[Block]] = {heading.removeprefix("## "): [] for heading in starts}
    for block in blocks_of(PAGE):
        heading = max((line, text) for text, line in starts.items() if line < block.line)[1]
        found[heading.removeprefix("## ")].append(block)
    return found


@pytest.fixture(scope="module")
def registry() -> treadle.Registry:
    return treadle.Registry.of(Broken)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("example", ["wrong", "right"])
def test_an_example_draws_its_code_or_nothing(
    code: str,
    example: str,
    sections: dict[str, list[Block]],
    registry: treadle.Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    blocks = sections[code]
    alone = [block for block in blocks if block.title == f"{example}.yaml"]
    if alone:
        drawn = _loaded(alone[0].text, registry)
    else:
        monkeypatch.chdir(tmp_path)
        commands = _in_folder(blocks, example, tmp_path)
        drawn = _run(commands, monkeypatch) if commands else _validated(capsys)
    assert drawn == ([code] if example == "wrong" else [])


def _loaded(text: str, registry: treadle.Registry) -> list[str]:
    """The codes that a spec draws, each once."""
    try:
        problems = treadle.loads(whole(text, set(registry.step_types)), registry=registry).warnings
    except treadle.SpecError as error:
        problems = error.problems
    return sorted({problem.code for problem in problems})


def _in_folder(blocks: list[Block], example: str, folder: Path) -> list[str]:
    """Writes the files of an example; gives the commands to run there."""
    commands: list[str] = []
    for block in blocks:
        assert block.title is not None
        side, _, name = block.title.rpartition("/")
        if block.language == "console" and name == example:
            commands = [line.removeprefix("$ ") for line in block.text.splitlines()]
        elif block.language == "yaml" and side in ("", example):
            (folder / name).write_text(block.text)
    return commands


def _validated(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The codes of what is said of flow.yaml, each once."""
    execute(["validate", "--json", "flow.yaml"])
    return sorted({problem["code"] for problem in json.loads(capsys.readouterr().out)["problems"]})


def _run(commands: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes of the problems that are told, each once."""
    told: set[str] = set()
    shown = Problem.__str__

    def recorded(problem: Problem) -> str:
        told.add(problem.code)
        return shown(problem)

    monkeypatch.setattr(Problem, "__str__", recorded)
    for command in commands:
        variables, _, arguments = command.partition("treadle ")
        if not arguments:
            subprocess.run(["/bin/sh", "-c", command], check=True)
            continue
        for variable in shlex.split(variables):
            monkeypatch.setenv(*variable.split("=", 1))
        execute(shlex.split(arguments))
    return sorted(told)


def test_a_section_for_every_code_in_order(sections: dict[str, list[Block]]) -> None:
    assert list(sections) == CODES


def test_every_code_in_the_table_leads_to_its_section() -> None:
    text = PAGE.read_text()
    assert [code for code in CODES if f"| [{code}](#{code.lower()}) |" not in text] == []
    assert re.search(r"^\| TRD", text, re.MULTILINE) is None
