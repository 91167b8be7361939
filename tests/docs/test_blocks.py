"""Every block of every page works as printed, one after the other, in a folder of the page's own.

YAML: a whole spec is loaded and run and must complete, or end as its comment ``# ends: STATUS`` says; with
``# not run: WHY`` it is only loaded, as fragments are; with ``# wrong on purpose`` it must be refused.
``treadle.yaml`` is a deployment file.
Python: executed, each block after those before it; a file named ``test_….py`` is given to pytest.
Console: each ``$ treadle …``, and each ``$ timeout …`` around one, is run and must print what is shown; ``…``
stands for anything.

The page of problems has rules of its own: see test_problems.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.docs.pages import DOCS, PAGES, Block, blocks_of, name_of
from tests.docs.specs import whole

import treadle
from treadle import hookspecs
from treadle._spec.deploy import load_deployment

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS = (DOCS / "reference" / "events.md").read_text()

_VARIES = [
    (r"\b\d\d:\d\d:\d\d\b", "12:00:00"),
    (r"\b1[0-9a-z]{8}-[0-9a-z]{8}\b", "1m84xr2ay-ccsvzyq5"),
    (r"\b(in|usually|completed runs:) (\d+(\.\d+)?(ms|s|m))+(?=[\n,:]|$)", r"\1 25ms"),
]


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "problems.md"], ids=name_of)
def test_every_block_works_as_printed(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(tmp_path, monkeypatch)
    for block in blocks_of(page):
        try:
            shown.take(block)
        except Exception as error:
            raise AssertionError(f"{block}: {error}") from error
    assert shown.undocumented == set()


class Shown:
    """What a page has shown so far: files, a module that its Python blocks fill, plugins."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.module = self._module("page")
        self.plugins: list[types.ModuleType] = []
        self.undocumented: set[str] = set()
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def take(self, block: Block) -> None:
        if block.title is not None:
            path = self.folder / block.title
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text)
        handle = getattr(self, f"_{block.language}", None)
        if handle is not None:
            handle(block)

    def _module(self, name: str) -> types.ModuleType:
        module = types.ModuleType(name)
        self.monkeypatch.setitem(sys.modules, name, module)
        return module

    # --- YAML ---

    def _yaml(self, block: Block) -> None:
        registry = treadle.Registry.of(*self.plugins)
        if block.title == "treadle.yaml":
            _, problems = load_deployment(block.text, name=block.title, registry=registry)
            assert not problems, "\n".join(map(str, problems))
            return
        spec = whole(block.text, set(registry.step_types))
        if "# wrong on purpose" in spec:
            with pytest.raises(treadle.SpecError):
                treadle.loads(spec, registry=registry)
            return
        if re.search(r"^steps:", spec, re.MULTILINE) is None:
            return  # a file of templates, which is read by those that import it
        workflow = treadle.loads(spec, name=block.title or "<text>", registry=registry, root=self.folder)
        complete = all(not declared.required for declared in workflow.inputs.values())
        if spec is block.text and complete and "# not run: " not in block.text:
            self._run(workflow, block)

    def _run(self, workflow: treadle.Workflow, block: Block) -> None:
        secrets = dict.fromkeys(workflow.spec.secrets, "not-to-be-seen")

        async def run() -> treadle.RunState:
            return await treadle.run(workflow, secrets=secrets, sinks=[self._look_up])

        state = trio.run(run)
        ends = re.search(r"# ends: (\w+)", block.text)
        assert state.status == (ends[1] if ends else "completed"), state.error

    async def _look_up(self, events: Sequence[treadle.Event]) -> None:
        """Note what the page on events does not say about *events*; what a sink raises would fail nothing."""
        for event in events:
            _, found, after = EVENTS.partition(f"\n### `{event.type}`\n")
            section = after.partition("\n##")[0]
            unsaid = {key for key in event.data if f"`{key}" not in section} if found else set()
            self.undocumented |= {f"{event.type}: {key}" for key in unsaid}

    # --- Python ---

    def _python(self, block: Block) -> None:
        name = block.title or ""
        if name.startswith("test_"):
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, name]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout
            return
        module = self._module(name.removesuffix(".py")) if name else self.module
        exec(compile(block.text, str(block), "exec"), module.__dict__)
        if module not in self.plugins and any(hook in vars(module) for hook in hookspecs.__all__):
            self.plugins.append(module)

    def _toml(self, block: Block) -> None:
        """A project file: made visible as if it were installed."""
        if block.title != "pyproject.toml":
            return
        project: dict[str, Any] = tomllib.loads(block.text)["project"]
        info = self.folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        points = project["entry-points"]["treadle"]
        lines = [f"{name} = {value}" for name, value in points.items()]
        info.joinpath("entry_points.txt").write_text("\n".join(["[treadle]", *lines, ""]))

    # --- commands ---

    def _console(self, block: Block) -> None:
        for command, expected in _commands(block.text):
            if command.startswith(("treadle ", "timeout ")):
                _compare(expected, _printed(command))


def _printed(command: str) -> str:
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return str(subprocess.run(command, shell=True, check=False, **both).stdout)


def _commands(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _compare(expected: str, printed: str) -> None:
    if not expected.strip():
        return
    for pattern, same in _VARIES:
        expected, printed = re.sub(pattern, same, expected), re.sub(pattern, same, printed)
    pattern = re.escape(expected.strip()).replace("…", r"[\s\S]*?")
    assert re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip().splitlines())), printed
