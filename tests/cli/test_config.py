"""``treadle config``: what is in force, and what says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

GOOD = "treadle: 1\nname: good\nsteps: [{command: 'true'}]\n"
BAD = "treadle: 1\nname: bad\nsteps:\n  a: {comand: 'true'}\n"
DEPLOYMENT = """\
store: {sqlite: runs.db}
sinks: [console, {jsonl: {path: events.jsonl}}]
secrets:
  - env: {prefix: APP_}
limits: {runs: 5, output: 64KiB}
limiters:
  db: 4
retention: {older_than: 30d}
workflows: [flows]
warnings: {off: [TRD901]}
plugins:
  disable: [signal]
"""


def _settings(treadle: Any) -> dict[str, Any]:
    code, out, err = treadle("config", "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)["settings"]
    return found


def test_every_setting_has_its_value_and_its_origin(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text(DEPLOYMENT)
    settings = _settings(treadle)
    assert settings["store"]["value"]["sqlite"]["path"] == str(folder / "runs.db")
    assert settings["store"]["from"] == "treadle.yaml:1:8"
    assert settings["secrets"] == {"value": [{"env": {"prefix": "APP_"}}], "from": "treadle.yaml:3:1"}
    assert settings["limits.runs"] == {"value": 5, "from": "treadle.yaml:5:16"}
    assert settings["limits.output"]["value"] == "64KiB"
    assert settings["limits.steps"] == {"value": 100_000, "from": "default"}
    assert settings["limiters.db"] == {"value": 4, "from": "treadle.yaml:7:7"}
    assert settings["retention.older_than"]["value"] == "30d"
    assert settings["retention.keep"] == {"value": None, "from": "default"}
    assert settings["warnings.off"]["value"] == ["TRD901"]
    assert settings["plugins.disable"] == {"value": ["signal"], "from": "treadle.yaml:12:12"}
    assert [*settings["sinks"]["value"][1]] == ["jsonl"]


def test_without_a_file_everything_has_its_default(treadle: Any, folder: Path) -> None:
    code, out, _ = treadle("config")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "deployment file: none; everything has its default"
    assert any(line.startswith("store") and str(folder / ".treadle" / "treadle.db") in line for line in lines)
    assert {line.split()[-1] for line in lines[3:]} == {"default"}


def test_the_environment_is_an_origin(treadle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_DEBUG", "1")
    assert _settings(treadle)["tracebacks"] == {"value": True, "from": "environment: TREADLE_DEBUG"}


def test_workflows_are_listed_with_their_problems(treadle: Any, folder: Path) -> None:
    (folder / "flows").mkdir()
    (folder / "flows" / "a.yaml").write_text(GOOD)
    (folder / "flows" / "b.yaml").write_text(BAD)
    (folder / "flows" / "c.yaml").write_text("treadle: [")
    (folder / "treadle.yaml").write_text("workflows: [flows, gone.yaml]\n")
    lines = treadle("config").out.splitlines()
    assert [" ".join(line.split()) for line in lines[-4:]] == [
        "good flows/a.yaml ok",
        "bad flows/b.yaml 1 error; see: treadle validate flows/b.yaml",
        "c flows/c.yaml 1 error; see: treadle validate flows/c.yaml",
        "gone gone.yaml 1 error; see: treadle validate gone.yaml",
    ]
    found = json.loads(treadle("config", "--json").out)["workflows"]
    assert [(each["name"], len(each["problems"])) for each in found] == [
        ("good", 0),
        ("bad", 1),
        ("c", 1),
        ("gone", 1),
    ]


def test_the_store_that_a_folder_below_finds_is_the_same(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "treadle.yaml").write_text("store: memory\n")
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")
    assert _settings(treadle)["store"]["value"] == "memory"


def test_plugins_are_listed_with_those_that_are_disabled(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("plugins: {disable: [signal]}\n")
    found = json.loads(treadle("config", "--json").out)["plugins"]
    assert {each["name"]: each["disabled"] for each in found}["signal"] is True
    assert {each["name"]: each["disabled"] for each in found}["wait"] is False


def test_a_wrong_file_is_reported_as_everywhere(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("limits: {runs: 0}\n")
    code, out, err = treadle("config")
    assert (code, out) == (2, "")
    assert err.startswith("treadle.yaml:1:16: limits.runs: ")


def test_no_secret_and_no_password_is_shown(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_KEY", "canary-value")
    (folder / "treadle.yaml").write_text(
        "secrets: [{env: {prefix: APP_}}]\nsinks: [{jsonl: {path: 'x://me:canary-word@host/y'}}]\n"
    )
    for arguments in (("config",), ("config", "--json")):
        out = treadle(*arguments).out
        assert "canary" not in out
        assert "x://me:***@host/y" in out


def test_files_of_secrets_stand_beside_the_deployment_file(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "keys").mkdir()
    (folder / "keys" / "TOKEN").write_text("canary-value\n")
    (folder / "keys" / "TOKEN").chmod(0o600)
    (folder / "keys" / "BAD").mkdir()
    (folder / "treadle.yaml").write_text("store: memory\nsecrets: [{file: keys}]\n")
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")
    assert _settings(treadle)["secrets"]["value"] == [
        {"file": {"folder": str(folder / "keys"), "path": None}}
    ]
    spec = (
        "treadle: 1\nname: x\nsecrets: [TOKEN, BAD]\nsteps:\n"
        '  - {shell: \'echo "$T"\', env: {T: "${{ secrets.TOKEN }}"}}\n'
        '  - {shell: \'echo "$T"\', env: {T: "${{ secrets.BAD }}"}, on_error: continue}\n'
        'outputs: {said: "${{ steps.shell_1.output.stdout }}"}\n'
    )
    code, out, _ = treadle("run", "-", "--json", stdin=spec)
    result = json.loads(out)
    assert (code, result["outputs"]) == (0, {"said": "***"})
    error = result["steps"]["shell_2"]["error"]
    assert error["name"] == "secret"
    assert f"the file {folder / 'keys' / 'BAD'} of a secret cannot be used: it is no file" in error["message"]
