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
    assert about.keys() == {"workflow", "steps", "finally", "rollback"}
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
