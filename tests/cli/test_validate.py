import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SARIF = json.loads(Path(__file__).with_name("sarif.json").read_text())
"""Of the published schema of SARIF 2.1.0: what treadle writes, and nothing beside it."""

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


def test_of_a_folder_every_spec_is_checked(treadle: Any, folder: Path) -> None:
    for name in ("flows/deep/b.yml", "flows/a.yaml", "flows/.hidden/c.yaml", "flows/treadle.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(GOOD)
    (folder / "flows" / "c.json").write_text('{\n  "treadle": 1,\n  "name": "c", "steps": 3}')
    (folder / "flows" / "other.json").write_text('{"dependencies": {"treadle": "1"}}')
    (folder / "flows" / "notes.txt").write_text("treadle: 1\n")
    (folder / "flows" / "other.yaml").write_text("jobs:\n  one:\n    steps: []\n")
    (folder / "flows" / "lib.yaml").write_text("treadle: 1\ntemplates: {t: {steps: {a: {wait: 0s}}}}\n")
    (folder / "flows" / "torn.yaml").write_text("treadle: [\n")
    code, out, _ = treadle("validate", "flows", "flows/a.yaml")
    assert code == 2
    assert [line.partition(": ")[0] for line in out.splitlines()] == [
        "flows/a.yaml",
        "flows/c.json:3:25",
        "flows/torn.yaml:1:11",
        "flows/deep/b.yml",
    ]


def test_a_folder_without_specs_is_a_mistake(treadle: Any, folder: Path) -> None:
    (folder / "sub").mkdir()
    assert treadle("validate", "sub") == (
        2,
        "sub: there is no spec in this folder; give the path of one\n",
        "",
    )


def test_without_a_file_all_workflows_of_the_deployment_are_checked(treadle: Any, folder: Path) -> None:
    (folder / "flows").mkdir()
    (folder / "flows" / "one.yaml").write_text(GOOD)
    (folder / "two.yaml").write_text(BAD)
    (folder / "treadle.yaml").write_text("workflows: [flows, two.yaml]\n")
    code, out, _ = treadle("validate")
    assert code == 2
    assert out.splitlines()[0] == "flows/one.yaml: ok"
    assert out.splitlines()[1].startswith("two.yaml:4:")


def test_without_a_file_and_without_workflows_there_is_nothing_to_check(treadle: Any) -> None:
    code, out, err = treadle("validate")
    assert (code, out) == (2, "")
    assert "no FILE is given" in err


# --- warnings --------------------------------------------------------------------------------------


def test_a_warning_can_be_turned_off(treadle: Any, folder: Path) -> None:
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    assert treadle("validate", "doubtful.yaml", "--off", "TRD901").out == "doubtful.yaml: ok\n"


def test_a_warning_can_be_turned_off_for_all_commands(treadle: Any, folder: Path) -> None:
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    (folder / "treadle.yaml").write_text("warnings: {off: [TRD901]}\n")
    assert treadle("validate", "doubtful.yaml").out == "doubtful.yaml: ok\n"
    assert "warning" not in treadle("plan", "doubtful.yaml").err


def test_strictly_a_warning_is_an_error(treadle: Any, folder: Path) -> None:
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    code, out, _ = treadle("validate", "--strict", "--json", "doubtful.yaml")
    found = json.loads(out)
    assert (code, found["ok"]) == (2, False)
    assert [(each["code"], each["severity"]) for each in found["problems"]] == [("TRD901", "error")]
    assert treadle("validate", "--strict", "--off", "TRD901", "doubtful.yaml").code == 0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("TRD9001", "there is no code 'TRD9001'; did you mean 'TRD90"),
        ("unused", "there is no code 'unused'; warnings: TRD901"),
        ("TRD101", "TRD101 is an error, and errors cannot be turned off; warnings: TRD901"),
    ],
)
def test_what_is_no_warning_cannot_be_turned_off(treadle: Any, folder: Path, code: str, said: str) -> None:
    (folder / "good.yaml").write_text(GOOD)
    result = treadle("validate", "good.yaml", "--off", code)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    (folder / "treadle.yaml").write_text(f"warnings: {{off: [{code}]}}\n")
    assert f"treadle.yaml:1:18: warnings.off[0]: {said}" in treadle("validate", "good.yaml").err


# --- SARIF -----------------------------------------------------------------------------------------


def test_sarif_has_a_rule_for_every_code_and_a_result_for_every_problem(treadle: Any, folder: Path) -> None:
    (folder / "a b.yaml").write_text(BAD)
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    code, out, err = treadle("validate", "--sarif", "a b.yaml", "doubtful.yaml", "gone.yaml")
    log = json.loads(out)
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert (code, err) == (2, "")
    assert {"TRD001", "TRD090", "TRD331", "TRD410", "TRD901"} <= {rule["id"] for rule in rules}
    found = [(each["ruleId"], each["level"], each.get("locations")) for each in run["results"]]
    assert found[0] == (
        "TRD101",
        "error",
        [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "a%20b.yaml"},
                    "region": {"startLine": 4, "startColumn": 7},
                },
                "logicalLocations": [{"fullyQualifiedName": "steps.a.comand"}],
            }
        ],
    )
    assert [each[:2] for each in found[-2:]] == [("TRD901", "warning"), ("TRD090", "error")]
    assert found[-1][2] == [{"physicalLocation": {"artifactLocation": {"uri": "gone.yaml"}}}]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    assert len({each["partialFingerprints"]["treadle/v1"] for each in run["results"]}) == len(found)


def test_sarif_of_a_bad_deployment_file_is_sarif(treadle: Any, folder: Path) -> None:
    (folder / "treadle.yaml").write_text("limitz: {}\n")
    code, out, err = treadle("validate", "--sarif")
    assert (code, err) == (2, "")
    assert json.loads(out)["runs"][0]["results"][0]["ruleId"] == "TRD101"
    assert json.loads(treadle("validate", "--json").out)["problems"][0]["file"] == "treadle.yaml"


def test_there_is_one_form_of_output(treadle: Any) -> None:
    code, _, err = treadle("validate", "--sarif", "--json", "x.yaml")
    assert code == 2
    assert "leave one of them out" in err


def test_a_file_outside_has_an_absolute_address(treadle: Any, folder: Path) -> None:
    (folder / "x.yaml").write_text(BAD)
    log = json.loads(treadle("validate", "--sarif", str(folder / "x.yaml")).out)
    where = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert where["uri"] == (folder / "x.yaml").as_uri()


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


# --- names of workflows that are called, without a list of them ---

CALLED = "treadle: 1\nname: called\ninputs: {n: {type: integer}}\nsteps: [{set: {x: '${{ inputs.n }}'}}]\n"


def calling(call: str) -> str:
    return f"treadle: 1\nname: caller\nsteps: [{{workflow: {call}}}]\n"


def said(treadle: Any, *given: str) -> list[str]:
    found = json.loads(treadle("validate", "--json", *given).out)["problems"]
    return [f"{each['code']} {each['message']}; {each['fix']}" for each in found]


@pytest.mark.parametrize("given", ["caller.yaml", "."])
def test_a_name_is_looked_for_beside_the_caller_where_no_workflows_are_listed(
    given: str, treadle: Any, folder: Path
) -> None:
    (folder / "one.yaml").write_text(CALLED)
    (folder / "caller.yaml").write_text(calling("{name: called, inputs: {n: 1}}"))
    assert said(treadle, given) == []
    (folder / "caller.yaml").write_text(calling("{name: called, inputs: {n: one}}"))
    assert [each[:6] for each in said(treadle, given)] == ["TRD354"]
    (folder / "caller.yaml").write_text(calling("caled"))
    assert said(treadle, given) == ["TRD351 no workflow 'caled' is known here; did you mean 'called'?"]
    (folder / "caller.yaml").write_text(calling("nosuch"))
    (found,) = said(treadle, given)
    assert found.endswith("beside this file there is called, caller; treadle.yaml can list others")


def test_a_name_is_looked_for_among_what_is_validated_too(treadle: Any, folder: Path) -> None:
    (folder / "lib").mkdir()
    (folder / "lib" / "one.yaml").write_text(CALLED)
    (folder / "caller.yaml").write_text(calling("{name: called, inputs: {n: one}}"))
    assert said(treadle, "caller.yaml") == []
    assert [each[:6] for each in said(treadle, ".")] == ["TRD354"]


def test_nothing_is_said_of_a_name_where_nothing_is_known_of_names(treadle: Any, folder: Path) -> None:
    (folder / "caller.yaml").write_text(calling("nosuch"))
    assert said(treadle, "caller.yaml") == []
    assert treadle("validate", "-", stdin=calling("nosuch")).code == 0


def test_a_name_that_two_files_beside_the_caller_have_is_not_judged(treadle: Any, folder: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        (folder / name).write_text(CALLED)
    (folder / "caller.yaml").write_text(calling("called"))
    assert said(treadle, "caller.yaml") == []
