import json
from pathlib import Path
from typing import Any

SPEC = """
treadle: 1
name: ship
on_error: rollback
max_parallel: 4
steps:
  build: {command: make, undo: {command: make clean}, undo_after: attempted, labels: {team: a}}
  check:
    foreach: [1, 2]
    max_parallel: 2
    parallel: {unit: {command: "test ${{ steps.build.output.stdout }} ${{ item }}"}, scan: {wait: 0s}}
  choose:
    needs: {check: settled}
    condition: {if: steps.build.output.exit_code == 0, then: [{wait: 1s}], else: [{fail: no}]}
    on_error: continue
  deploy:
    needs: [check, choose]
    when: steps.build.output.exit_code == 0
    command: ./deploy
    timeout: 10m
    retry: 3
    undo: {command: ./deploy --previous}
  any: {needs: {at_least: 1, of: [check, deploy]}, wait: 0s, repeat: {until: "true", times: 2}}
finally:
  - command: tidy
"""


def test_the_order_the_needs_and_the_rollback_are_shown(treadle: Any, folder: Path) -> None:
    (folder / "ship.yaml").write_text(SPEC)
    code, out, err = treadle("plan", "ship.yaml")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "workflow ship"
    assert lines[1] == "1 build command on_error rollback; can be undone"
    assert lines[2].startswith("2 check parallel needs build (inferred from steps.build.output")
    assert "foreach 2 elements; max_parallel 2" in lines[2]
    assert "then:" in lines
    assert "else:" in lines
    (deploy,) = (line for line in lines if line.startswith("4 deploy command"))
    assert "needs check, choose, build (inferred from steps.build.output.exit_code" in deploy
    assert "when steps.build.output.exit_code == 0; timeout 10m; up to 3 attempts" in deploy
    assert any("needs at least 1 of check, deploy; repeat until true" in line for line in lines)
    start = lines.index("a rollback at … undoes, as far as it completed, newest first")
    assert lines[start - 2 : start] == ["finally", "1 command_1 command on_error fail_late"]
    assert lines[start + 1 :][:2] == ["build build", "check build"]


def test_json_has_the_same_in_full(treadle: Any, folder: Path) -> None:
    (folder / "ship.yaml").write_text(SPEC)
    code, out, _ = treadle("plan", "--json", "ship.yaml")
    about = json.loads(out)
    assert code == 0
    assert about.keys() == {
        *("workflow", "concurrency", "steps", "finally"),
        *("rollback", "durations", "critical_path"),
    }
    assert about["durations"] == {}
    assert about["critical_path"] is None
    deploy = next(step for step in about["steps"] if step["id"] == "deploy")
    assert deploy["attempts"] == 3
    assert deploy["timeout"] == "10m"
    assert [need["id"] for need in deploy["needs"]] == ["check", "choose", "build"]
    assert about["rollback"]["deploy"]["undoes"] == ["build"]
    assert about["rollback"]["build"]["undoes"] == ["build"], "undo_after: attempted"


def test_a_bad_spec_is_refused_with_all_problems(treadle: Any) -> None:
    code, out, err = treadle(
        "plan", "-", stdin="treadle: 1\nname: x\nsteps: {a: {wat: 1}, b: {needs: q, wait: 0s}}\n"
    )
    assert (code, out) == (2, "")
    assert err.startswith("<stdin>:3:")


def test_warnings_go_to_standard_error(treadle: Any) -> None:
    spec = "treadle: 1\nname: x\nsteps: {a: {wait: 0s}, b: {wait: 0s}, c: {wait: 0s}}\n"
    code, out, err = treadle("plan", "-", stdin=spec)
    assert code == 0
    assert "warning" in err
    assert "warning" not in out


def test_a_long_rollback_is_cut_in_text(treadle: Any) -> None:
    steps = "".join(f"  - {{id: s{n}, wait: 0s, undo: {{wait: 0s}}}}\n" for n in range(12))
    out = treadle("plan", "-", stdin=f"treadle: 1\nname: x\nsteps:\n{steps}").out
    assert "s10, s9, s8, s7, s6, s5, s4, s3, and 3 more" in out


TWO_WAYS = """
treadle: 1
name: two
steps:
  short: {wait: 10ms}
  long: {sequence: [{wait: 200ms}]}
  each: {needs: [short, long], foreach: [1, 2], wait: 0s}
finally: [{wait: 0s}]
"""


def test_the_critical_path_comes_from_past_runs(treadle: Any, folder: Path) -> None:
    (folder / "two.yaml").write_text(TWO_WAYS)
    assert "critical" not in treadle("plan", "two.yaml").out
    assert not (folder / ".treadle").exists(), "looking makes no store"
    for _ in range(2):
        assert treadle("run", "--quiet", "two.yaml").code == 0
    out = treadle("plan", "two.yaml").out
    assert "critical path, by the last 2 completed runs: " in out
    assert ": long, long.wait_1, each, finally.wait_1\n" in out
    (long,) = (line for line in out.splitlines() if " long " in line)
    assert ", critical" in long
    about = json.loads(treadle("plan", "--json", "two.yaml").out)
    assert about["critical_path"]["steps"] == ["long", "long.wait_1", "each", "finally.wait_1"]
    assert 0.2 <= about["critical_path"]["seconds"] < 60
    assert about["durations"].keys() == {"short", "long", "long.wait_1", "each", "finally.wait_1"}
    for form in ("mermaid", "dot", "svg"):
        drawn = treadle("plan", "--format", form, "two.yaml").out
        assert "critical path, by the last 2 completed runs" in drawn
        assert "usually " in drawn
    for form in ("text", "mermaid", "dot", "svg"):
        drawn = treadle("plan", "--no-history", "--format", form, "two.yaml").out
        assert "usually" not in drawn
        assert "by the last" not in drawn


def test_a_store_that_cannot_be_read_does_not_keep_the_plan_from_being_shown(
    treadle: Any, folder: Path
) -> None:
    (folder / ".treadle").mkdir()
    (folder / ".treadle" / "treadle.db").write_bytes(b"no database" * 1000)
    code, out, err = treadle("plan", "-", stdin=TWO_WAYS)
    assert code == 0
    assert out.startswith("workflow two\n")
    assert "durations of past runs are left out: " in err


def test_a_rollback_at_one_step_is_told_in_order_with_who_asks_for_it(treadle: Any, folder: Path) -> None:
    (folder / "ship.yaml").write_text(SPEC)
    code, out, _ = treadle("plan", "--rollback-at", "any", "ship.yaml")
    assert code == 0
    assert out.splitlines()[-4:] == [
        "rollback at any: on_error of any takes back the run",
        "a rollback at any undoes, as far as it completed, newest first",
        "  1 deploy",
        "  2 build",
    ]
    told = json.loads(treadle("plan", "--json", "--rollback-at", "choose.fail_1", "ship.yaml").out)
    assert told["rollback_at"] == {
        "step": "choose.fail_1",
        "asked_by": None,
        "scope": "run",
        "undoes": ["build"],
        "may_undo": [],
        "tolerated": "choose",
        "person": None,
    }


def test_a_rollback_where_none_can_begin_is_refused_with_a_hint(treadle: Any, folder: Path) -> None:
    (folder / "ship.yaml").write_text(SPEC)
    code, out, err = treadle("plan", "--rollback-at", "chek", "ship.yaml")
    assert (code, out) == (2, "")
    assert err.endswith("there is no step 'chek'; did you mean 'check'?\n")
    code, _, err = treadle("plan", "--rollback-at", "finally.command_1", "ship.yaml")
    assert code == 2
    assert "no rollback begins at 'finally.command_1': it belongs to an undo, or to finally" in err


def test_a_picture_is_written_to_a_file(treadle: Any, folder: Path) -> None:
    (folder / "ship.yaml").write_text(SPEC)
    code, out, _ = treadle("plan", "--format", "svg", "-o", "ship.svg", "ship.yaml")
    assert (code, out) == (0, "")
    assert (folder / "ship.svg").read_text().startswith("<svg ")
    code, _, err = treadle("plan", "--format", "dot", "-o", "no/such.dot", "ship.yaml")
    assert code == 2
    assert "no/such.dot cannot be written: No such file" in err


def test_json_is_no_picture(treadle: Any, folder: Path) -> None:
    (folder / "ship.yaml").write_text(SPEC)
    code, _, err = treadle("plan", "--json", "--format", "dot", "ship.yaml")
    assert code == 2
    assert "--json and --format" in err


TAKEN_BACK = """
treadle: 1
name: back
on_error: rollback
steps:
  - {id: a, wait: 0s, undo: {wait: 0s}}
  - id: block
    sequence: [{id: x, wait: 0s, undo: {wait: 0s}}, {id: y, wait: 0s, undo: {wait: 0s}}]
    undo: {wait: 0s}
  - id: open
    sequence: [{id: x, wait: 0s, undo: {wait: 0s}}, {id: y, wait: 0s}]
  - id: last
    sequence:
      - {id: x, wait: 0s, undo: {wait: 0s}}
      - {id: y, fail: no, undo: {wait: 0s}, undo_after: attempted}
"""


def test_what_is_foretold_is_what_a_rollback_then_does(treadle: Any, folder: Path) -> None:
    (folder / "back.yaml").write_text(TAKEN_BACK)
    told = json.loads(treadle("plan", "--json", "--rollback-at", "last.y", "back.yaml").out)["rollback_at"]
    assert treadle("run", "--quiet", "back.yaml").code == 1
    events = [json.loads(line) for line in treadle("events", "last").out.splitlines()]
    undone = [event["step"] for event in events if event["type"] == "step.undone"]
    assert undone == told["undoes"] == ["last.y", "last.x", "open.x", "block", "a"]
    assert told["may_undo"] == []


def test_a_plan_says_which_runs_wait_for_each_other(treadle: Any) -> None:
    key = '{key: "ship-${{ inputs.env }}", limit: 2, on_limit: reject}'
    text = "treadle: 1\nname: ship\ninputs: {env: string}\nconcurrency: %s\nsteps: [{command: make}]\n"
    out = treadle("plan", "-", stdin=text % key).out
    assert out.splitlines()[1] == "  at most 2 runs of ship-${{ inputs.env }} at a time; one more is refused"
    told = json.loads(treadle("plan", "--json", "-", stdin=text % key).out)["concurrency"]
    assert told == {"key": "ship-${{ inputs.env }}", "limit": 2, "on_limit": "reject"}
    out = treadle("plan", "-", stdin=text % "{on_limit: cancel_running}").out
    assert out.splitlines()[1] == "  at most one run of ship at a time; one more cancels those that run"
    assert json.loads(treadle("plan", "--json", "-", stdin=SPEC).out)["concurrency"] is None
