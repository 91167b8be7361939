"""The project keeps the promises that its files make to each other."""

import importlib
import importlib.metadata
import inspect
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import treadle._version
from treadle import hookspecs

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = sorted(
    path
    for folder in ("core", "plugins", "tests", "specs", "docs", "bench")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".yaml", ".md", ".toml", ".ini"} and "__pycache__" not in path.parts
)


@pytest.mark.parametrize("target", PROJECT["project"]["entry-points"]["treadle"].values())
def test_every_entry_point_of_the_standard_plugins_is_a_module_with_a_hook(target: str) -> None:
    module = importlib.import_module(target)
    assert [name for name in vars(module) if name in hookspecs.__all__]


def test_the_installed_entry_points_are_those_of_the_project_file() -> None:
    installed = importlib.metadata.distribution("treadle").entry_points.select(group="treadle")
    assert {point.name: point.value for point in installed} == PROJECT["project"]["entry-points"]["treadle"]


@pytest.mark.parametrize("hook", hookspecs.__all__)
def test_every_hook_says_when_it_is_asked_and_what_it_returns(hook: str) -> None:
    text = inspect.getdoc(getattr(hookspecs, hook)) or ""
    assert text.startswith("Return ")
    assert len(text.splitlines()) > 1


def test_every_function_of_hookspecs_is_listed() -> None:
    hooks = {name for name in vars(hookspecs) if name.startswith("treadle_")}
    assert hooks == set(hookspecs.__all__)


def test_the_version_is_written_once() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "core/treadle/_version.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", treadle._version.__version__)


def test_the_ci_script_is_executable_and_valid() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    bash = shutil.which("bash")
    assert bash is not None
    assert subprocess.run([bash, "-n", str(script)], check=False).returncode == 0


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text, path
        assert not re.search(r"/(?:home|Users)/\w+/", text), path


def test_no_file_imports_what_is_not_ours_to_use() -> None:
    for path in SOURCES:
        imports = re.findall(r"^\s*(?:import|from)\s+([\w.]+)", path.read_text(), re.MULTILINE)
        roots = {name.partition(".")[0] for name in imports} if path.suffix == ".py" else set()
        assert roots.isdisjoint({"asyncio", "core", "plugins"}), path
        assert "pickle" not in roots or path.is_relative_to(ROOT / "tests"), path


def test_the_contract_for_plugins_lists_every_private_module() -> None:
    (contract,) = (
        each
        for each in PROJECT["tool"]["importlinter"]["contracts"]
        if each["name"] == "Plugins use what is public"
    )
    names = {path.stem for path in (ROOT / "core" / "treadle").iterdir()}
    private = {f"treadle.{name}" for name in names if name.startswith("_") and not name.startswith("__")}
    assert set(contract["forbidden_modules"]) == private


def test_every_code_of_a_problem_means_one_thing() -> None:
    """The tables of codes may not overlap, and no code is used that no table has."""
    tables: dict[str, set[str]] = {}
    used: set[str] = set()
    for path in sorted((ROOT / "core").rglob("*.py")):
        text = path.read_text()
        for code in re.findall(r'^    "(TRD\d{3})": "|^    (TRD\d{3})   ', text, re.MULTILINE):
            tables.setdefault("".join(code), set()).add(path.name)
        used |= set(re.findall(r'"(TRD\d{3})"(?!:)', text))
    assert {code: files for code, files in tables.items() if len(files) > 1} == {}
    assert used - tables.keys() - {"TRD100"} == set()


def test_changelog_fragments_have_a_known_kind() -> None:
    kinds = {kind["directory"] for kind in PROJECT["tool"]["towncrier"]["type"]}
    fragments = [path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]
    for fragment in fragments:
        assert fragment.suffixes[-2].lstrip(".") in kinds, fragment.name
        assert fragment.suffix == ".md"
