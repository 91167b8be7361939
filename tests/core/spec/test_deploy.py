from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from treadle._cli.sources import find_deployment
from treadle._deployment import Deployment, Limits, Retention
from treadle._registry import Registry
from treadle._spec.deploy import load_deployment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.of()


def load(text: str, registry: Registry) -> Deployment:
    deployment, problems = load_deployment(text, name="treadle.yaml", registry=registry)
    assert [str(problem) for problem in problems] == []
    assert deployment is not None
    return deployment


def said(text: str, registry: Registry) -> list[str]:
    deployment, problems = load_deployment(text, name="d", registry=registry)
    assert deployment is None
    return [str(problem) for problem in problems]


def test_every_key_is_read(registry: Registry) -> None:
    deployment = load(
        "store: memory\nsinks:\n  - console\n  - jsonl: {path: events.jsonl}\nsecrets: [env]\n"
        "limits: {runs: 5, output: 64KiB}\nlimiters: {db: 4}\nworkflows: [specs, 'more/*.yaml']\n"
        "plugins: {disable: [signal], require: [treadle-ssh]}\nretention: {older_than: 30d, keep: 100}\n"
        "x-note: 1\n",
        registry,
    )
    assert deployment.store == "memory"
    assert deployment.retention == Retention(older_than=30 * 86_400.0, keep=100)
    assert deployment.limits == Limits(runs=5, output=65536)
    assert deployment.limiters == {"db": 4}
    assert [sink.entry.name for sink in deployment.sinks or ()] == ["console", "jsonl"]
    assert [provider.entry.name for provider in deployment.secrets or ()] == ["env"]
    assert deployment.workflows == ("specs", "more/*.yaml")
    assert (deployment.disable, deployment.require) == (("signal",), ("treadle-ssh",))


def test_what_is_not_said_is_told_from_what_is_empty(registry: Registry) -> None:
    deployment = load("sinks: []\n", registry)
    assert deployment.sinks == ()
    assert deployment.secrets is None
    assert deployment.store is None
    assert deployment.retention == Retention()
    assert deployment.limits == Limits()


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("sqlite", ".treadle/treadle.db"),
        ("{sqlite: runs.db}", "runs.db"),
        ("{sqlite: {path: runs.db}}", "runs.db"),
    ],
)
def test_a_store_is_a_plugin_like_any_other(written: str, path: str, registry: Registry) -> None:
    store = load(f"store: {written}\n", registry).store
    assert store is not None
    assert store != "memory"
    assert (store.entry.name, store.constant.path) == ("sqlite", path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", ["d:1:1: a deployment file is a mapping, got a list; write limits: and the like"]),
        ("", ["d:1:1: the document is empty"]),
        ("sink: []\n", ["d:1:1: sink: unknown key 'sink'; did you mean 'sinks'?"]),
        (
            "server: {}\ndevices: {}\nworker: {}\n",
            [
                f"d:{line}:1: {key}: '{key}' is not yet supported in this version; leave it out"
                for line, key in enumerate(("server", "devices", "worker"), 1)
            ],
        ),
        (
            "limits: {runs: 0, stesp: 1, elements: '3', output: big}\n",
            [
                "d:1:16: limits.runs: 'runs' must be at least 1, and is 0",
                "d:1:19: limits.stesp: unknown setting 'stesp'; did you mean 'steps'?",
                "d:1:39: limits.elements: expected a whole number, got '3'",
                "d:1:52: limits.output: 'big' is not a size; write it as 512, 64KiB or 1MiB",
            ],
        ),
        (
            "limiters: {Db: 1, api: 0}\n",
            [
                "d:1:12: limiters.Db: 'Db' is no id: small letters, digits and _, a letter first; write db",
                "d:1:24: limiters.api: expected at least 1, got 0",
            ],
        ),
        ("sinks: console\n", ["d:1:8: sinks: expected a list, got 'console'; write - before each entry"]),
        ("sinks: [consol]\n", ["d:1:9: sinks[0]: no plugin offers sink 'consol'; did you mean 'console'?"]),
        ("sinks: [{jsonl: {}}]\n", ["d:1:17: sinks[0].jsonl: 'path' is missing; add path: text"]),
        (
            "plugins: {disabled: [a]}\n",
            ["d:1:11: plugins.disabled: unknown key 'disabled'; did you mean 'disable'?"],
        ),
        (
            "workflows: specs\n",
            ["d:1:12: workflows: expected a list, got 'specs'; write - before each entry"],
        ),
        ("workflows: [3]\n", ["d:1:13: workflows[0]: expected text, got 3; quote it: '3'"]),
        ("store: disk\n", ["d:1:8: store: no plugin offers store 'disk'; installed: memory, sqlite"]),
        ("store: {sqlit: x}\n", ["d:1:9: store: no plugin offers store 'sqlit'; did you mean 'sqlite'?"]),
        (
            "store: 'sqlite: runs.db'\n",
            ["d:1:8: store: 'sqlite: runs.db' is no name; write {sqlite: runs.db}"],
        ),
        (
            "store: {sqlite: {paht: x}}\n",
            ["d:1:18: store.sqlite.paht: unknown setting 'paht'; did you mean 'path'?"],
        ),
        (
            "store: [memory]\n",
            [
                "d:1:8: store: expected the name of a store, got a list; "
                "write a name, or one name with its settings as {name: {…}}"
            ],
        ),
        (
            "retention: {older_than: 30, keep: -1}\n",
            [
                "d:1:25: retention.older_than: 30 has no unit; add a unit: '30s', '30m' or '30h'",
                "d:1:35: retention.keep: 'keep' must be at least 0, and is -1",
            ],
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, expected: list[str], registry: Registry) -> None:
    assert said(text, registry) == expected


def test_the_file_is_found_upward(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "treadle.yaml").write_text("limits: {}\n")
    assert find_deployment(inner) == tmp_path / "treadle.yaml"
    (inner / "treadle.yaml").mkdir()
    assert find_deployment(inner) == tmp_path / "treadle.yaml"


def test_without_a_file_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treadle._cli.sources.FILE_NAME", "no-such-file-anywhere.yaml")
    assert find_deployment(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("signl", "did you mean 'signal'?"),
        ("zzz", "leave it out; `treadle plugins` lists what is installed"),
        ("fail_fast", "write strategies, which offers it"),
    ],
)
def test_a_plugin_that_is_not_there_cannot_be_disabled(name: str, fix: str) -> None:
    (found,) = said(f"plugins: {{disable: [{name}]}}\n", Registry.installed())
    assert found.startswith(f"d:1:21: plugins.disable[0]: the plugin {name!r} is not installed here")
    assert found.endswith(fix)


@pytest.mark.parametrize(
    "text",
    [
        "limitz: {}",
        "limits: {rnus: 1}",
        "plugins: {of: []}",
        "warnings: {of: []}",
        "sinks: [{jsonl: {x: 1}}]",
    ],
)
def test_an_unknown_key_has_the_code_that_it_has_in_specs(text: str, registry: Registry) -> None:
    _, problems = load_deployment(text, name="d", registry=registry)
    assert "TRD101" in {each.code for each in problems}
    assert {each.code for each in problems} <= {"TRD101", "TRD103"}
