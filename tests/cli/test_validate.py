import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GOOD = "treadle: 1\nname: good\nsteps: [{command: 'true'}]\n"
BAD = "treadle: 1\nname: bad\nsteps:\n  a: {comand: 'true'}\n  b: {command: x, needs: c}\n"
DOUBTFUL = "treadle: 1\nname: doubtful\nsteps: {a: {wait: 0s}, b: {wait: 0s}, c: {wait: 0s}}\n"


def test_a_good_spec_is_ok(treadle: Any, folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD)
    assert treadle("validate", "good.yaml") == (0, "good.yaml: ok\n", "")


def test_every_problem_of_every_file_is_shown_with_its_place(treadle: Any, folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    (folder / "good.yaml").write_text(GOOD)
    code, out, err = treadle("validate", "bad.yaml", "good.yaml", "missing.yaml")
    assert (code, err) == (2, "")
    lines = out.splitlines()
    assert lines[0].startswith("bad.yaml:4:")
    assert "did you mean 'command'?" in lines[0]
    assert lines[-2:] == [
        "good.yaml: ok",
        "missing.yaml: cannot be read: No such file or directory; give the path of a spec",
    ]


def test_a_warning_is_shown_and_is_no_failure(treadle: Any, folder: Path) -> None:
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    code, out, _ = treadle("validate", "doubtful.yaml")
    assert code == 0
    assert "warning: these 3 steps all start at once" in out


def test_json_has_every_field_of_every_problem(treadle: Any, folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    code, out, err = treadle("validate", "--json", "bad.yaml")
    found = json.loads(out)
    assert (code, err, found["ok"]) == (2, "", False)
    first = found["problems"][0]
    assert first.keys() == {"file", "line", "column", "path", "code", "severity", "message", "fix"}
    assert (first["file"], first["line"], first["severity"]) == ("bad.yaml", 4, "error")


def test_json_of_a_good_spec_is_ok(treadle: Any, folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD)
    assert json.loads(treadle("validate", "--json", "good.yaml").out) == {"ok": True, "problems": []}


def test_standard_input_is_a_file_too(treadle: Any) -> None:
    assert treadle("validate", "-", stdin=GOOD) == (0, "-: ok\n", "")
    code, out, _ = treadle("validate", "-", stdin=BAD)
    assert code == 2
    assert out.startswith("<stdin>:4:")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (bytes(range(256)), "not UTF-8"),
        (b"a: [", "x.yaml:1:5"),
        (b"- just\n- a list\n", "x.yaml:1:1"),
        (b"&a [*a]", "x.yaml:1:"),
        (b"[" * 5000, "x.yaml:1:"),
        (b"text", "x.yaml:1:1"),
        (b"treadle: 1\nname: n\nsteps: []\n", "x.yaml:3:"),
    ],
)
def test_bad_input_is_a_problem_and_never_a_traceback(
    treadle: Any, folder: Path, content: bytes, said: str
) -> None:
    (folder / "x.yaml").write_bytes(content)
    code, out, err = treadle("validate", "x.yaml")
    assert (code, err) == (2, "")
    assert said in out
    assert "Traceback" not in out


def test_a_folder_is_no_spec(treadle: Any, folder: Path) -> None:
    (folder / "sub").mkdir()
    assert treadle("validate", "sub") == (
        2,
        "sub: cannot be read: Is a directory; give the path of a spec\n",
        "",
    )


def test_a_file_that_may_not_be_read_is_named(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "x.yaml").write_text(GOOD)

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "x.yaml: cannot be read: Permission denied" in treadle("validate", "x.yaml").out


def test_a_name_with_a_nul_is_no_file(treadle: Any) -> None:
    code, out, _ = treadle("validate", "x\0.yaml")
    assert code == 2
    assert "cannot be read" in out


def test_a_file_of_nearly_that_name_is_offered(treadle: Any, folder: Path) -> None:
    (folder / "release.yaml").write_text(GOOD)
    assert "did you mean 'release.yaml'?" in treadle("validate", "relaese.yaml").out


def test_checking_imports_neither_trio_nor_an_http_client(folder: Path) -> None:
    spec = (
        "treadle: 1\nname: n\nsteps: [{http: 'https://example.org/'}, {shell: ls}, {python: {call: 'a:b'}}]\n"
    )
    (folder / "x.yaml").write_text(spec)
    code = (
        "import sys\nfrom treadle._cli import main\nassert main(['validate', 'x.yaml']) == 0\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "treadle._plan.plan" in loaded
    assert loaded.isdisjoint({"trio", "httpx", "rich", "asyncio", "simpleeval.trio"})


# --- treadle.yaml ----------------------------------------------------------------------------------


def test_a_bad_deployment_file_is_reported_with_its_place(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("limitz: {}\n")
    (folder / "good.yaml").write_text(GOOD)
    code, out, err = treadle("validate", "good.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("treadle.yaml:1:1: limitz: ")
    assert "did you mean" in err


def test_a_workflow_is_found_by_name_through_the_deployment(treadle: Any, folder: Path) -> None:
    (folder / "flows").mkdir()
    (folder / "flows" / "one.yaml").write_text(GOOD)
    (folder / "flows" / "broken.yaml").write_text(BAD)
    (folder / "flows" / "notes.txt").write_text("not a spec")
    (folder / "treadle.yaml").write_text("workflows: [flows, 'flows/o*.yaml']\n")
    assert treadle("validate", "good").code == 0
    assert treadle("validate", "bad").out.startswith("flows/broken.yaml:4:")
    assert treadle("validate", "goood").out == (
        "treadle.yaml: workflows: there is no file and no workflow named 'goood'; did you mean 'good'?\n"
    )


def test_a_workflow_file_that_is_not_there_can_be_asked_for(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("workflows: [flows/gone.yaml]\n")
    assert "flows/gone.yaml: cannot be read" in treadle("validate", "gone").out


def test_a_name_that_two_workflows_have_is_refused_with_both_files(treadle: Any, folder: Path) -> None:
    (folder / "one.yaml").write_text(GOOD)
    (folder / "two.yaml").write_text(GOOD)
    (folder / "treadle.yaml").write_text("workflows: [one.yaml, two.yaml]\n")
    code, out, _ = treadle("validate", "good")
    assert code == 2
    assert "one.yaml and two.yaml are named 'good'" in out


def test_the_deployment_is_found_from_a_folder_below(
    treadle: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "one.yaml").write_text(GOOD)
    (folder / "treadle.yaml").write_text("workflows: [one.yaml]\n")
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")
    assert treadle("validate", "good").code == 0


def test_a_plugin_that_is_disabled_is_not_there(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("plugins: {disable: [wait]}\n")
    (folder / "x.yaml").write_text("treadle: 1\nname: n\nsteps: [{wait: 0s}]\n")
    code, out, _ = treadle("validate", "x.yaml")
    assert code == 2
    assert "wait" in out


def test_a_plugin_that_is_required_must_be_there(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("plugins: {require: [treadle, treadle-nowhere]}\n")
    code, out, err = treadle("validate", "-", stdin=GOOD)
    assert (code, out) == (2, "")
    assert err == (
        "treadle.yaml: plugins.require: the plugin 'treadle-nowhere' is not installed here; "
        "install its distribution\n"
    )
