"""What a command does not import: each of these modules takes time that everybody at a prompt waits for.

A test of time would be of the machine; which modules there are is of the program.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PLAIN = "treadle: 1\nname: one\nsteps:\n  - set: {answer: 42}\n"
READS = "treadle: 1\nname: two\nvars: {n: 1}\nsteps:\n  - {id: a, set: {answer: '${{ vars.n + 1 }}'}}\n"

FOR_FEW = {
    *("asyncio", "difflib", "httpx", "importlib.metadata", "re2", "rich", "simpleeval"),
    *("treadle._format", "treadle._rerun", "treadle._schema", "treadle.testing"),
    *("treadle._cli.ask", "treadle._cli.detach", "treadle._cli.draw", "treadle._cli.history"),
    *("treadle._engine.call", "treadle._engine.memory", "treadle._engine.recovery"),
    *("treadle._engine.reentry", "treadle._engine.stored", "treadle._engine.takeover"),
    *("treadle._spec.arguments", "treadle._spec.braces", "treadle._spec.deploy", "treadle._spec.expand"),
    *("treadle._spec.imports", "treadle._spec.parameters", "treadle._spec.syntax", "treadle._spec.templates"),
}
"""What neither a usual run nor the check of its spec needs."""

FOR_EXPRESSIONS = {
    *(
        "treadle._expr.chains",
        "treadle._expr.complaints",
        "treadle._expr.evaluator",
        "treadle._expr.formulas",
    ),
    *("treadle._expr.hints", "treadle._expr.infer", "treadle._expr.narrowing", "treadle._expr.operations"),
    *("treadle._expr.results", "treadle._expr.syntax"),
    *("treadle._plan.checks", "treadle._plan.given", "treadle._plan.tables", "treadle._plan.types"),
    *("treadle._settings.conditions", "treadle._settings.outputs"),
}
"""What a spec without expressions does without as well."""

FOR_CONVERSION = {"cattrs", "treadle._settings.strict"}
"""What settings that stand as their config class takes them do without."""


def imported(*arguments: str, folder: Path) -> set[str]:
    """The modules that a call of the program, which goes well, has imported by its end."""
    code = (
        "import sys\nfrom treadle._cli import main\ncode = main(sys.argv[1:])\n"
        "print(*sys.modules)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=folder
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    (tmp_path / "plain.yaml").write_text(PLAIN)
    (tmp_path / "reads.yaml").write_text(READS)
    return tmp_path


def test_a_run_without_expressions_imports_nothing_that_is_for_them(specs: Path) -> None:
    loaded = imported("run", "plain.yaml", folder=specs)
    assert {"treadle._engine.engine", "treadle_std.steps.set", "msgspec"} <= loaded
    assert not loaded & (FOR_FEW | FOR_EXPRESSIONS | FOR_CONVERSION)


def test_checking_a_spec_without_expressions_imports_no_engine_either(specs: Path) -> None:
    loaded = imported("validate", "plain.yaml", folder=specs)
    assert "treadle._plan.plan" in loaded
    assert not loaded & (FOR_FEW | FOR_EXPRESSIONS | FOR_CONVERSION)
    assert not loaded & {"msgspec", "sqlite3", "treadle._engine.engine", "trio"}


def test_a_spec_with_expressions_imports_what_is_for_them(specs: Path) -> None:
    loaded = imported("run", "reads.yaml", folder=specs)
    assert {"treadle._expr.infer", "treadle._expr.syntax", "treadle._plan.checks"} <= loaded
    assert not loaded & {*FOR_FEW} - {"difflib", "simpleeval"}


@pytest.mark.parametrize("name", sorted(FOR_FEW | FOR_EXPRESSIONS | FOR_CONVERSION))
def test_what_is_not_imported_is_there_to_be_imported(name: str) -> None:
    assert importlib.util.find_spec(name)  # else one that was renamed would pass for one that is not imported
