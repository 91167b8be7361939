import json
from pathlib import Path
from typing import Any

import yaml

from treadle import load

SPEC = """
treadle: 1
name: ship
imports: [lib/steps.yaml]
steps:
  one: {template: {name: greet, with: {name: "012"}}}
  two: {needs: one, template: {name: greet, with: {name: "on\\nand on\\n"}}}
"""
LIB = """
treadle: 1
templates:
  greet:
    parameters: {name: string}
    steps:
      say: {command: [echo, "${{ parameters.name }}"]}
"""


def files(folder: Path) -> None:
    (folder / "lib").mkdir()
    (folder / "lib" / "steps.yaml").write_text(LIB)
    (folder / "ship.yaml").write_text(SPEC)


def test_expand_prints_a_spec_that_is_the_same_workflow(treadle: Any, folder: Path) -> None:
    files(folder)
    said = treadle("expand", "ship.yaml")
    assert said.code == 0
    assert (
        said.out
        == """\
treadle: 1
name: ship
steps:
  one:
    steps:
      say:
        command:
          - echo
          - "012"
  two:
    needs: one
    steps:
      say:
        command:
          - echo
          - |
            on
            and on
"""
    )
    (folder / "plain.yaml").write_text(said.out)
    assert load("plain.yaml").spec.hash == load("ship.yaml").spec.hash
    assert treadle("expand", "plain.yaml").out == said.out
    assert yaml.safe_load(said.out) == load("ship.yaml").spec.data


def test_expand_prints_json(treadle: Any, folder: Path) -> None:
    files(folder)
    assert json.loads(treadle("expand", "ship.yaml", "--json").out) == load("ship.yaml").spec.data


def test_expand_tells_what_is_wrong(treadle: Any, folder: Path) -> None:
    files(folder)
    (folder / "lib" / "steps.yaml").write_text(LIB.replace("echo", "echo, '${{ vars.x }}'"))
    said = treadle("expand", "ship.yaml")
    assert (said.code, said.out) == (2, "")
    assert "lib/steps.yaml:7:" in said.err


def test_the_root_of_imports_is_the_folder_of_the_deployment_file(treadle: Any, folder: Path) -> None:
    files(folder)
    (folder / "flows").mkdir()
    (folder / "flows" / "ship.yaml").write_text(SPEC.replace("lib/", "../lib/"))
    (folder / "treadle.yaml").write_text("store: memory\nworkflows: [flows]\n")
    for command in ("validate", "plan", "expand"):
        assert treadle(command, "flows/ship.yaml").code == 0
        assert treadle(command, "ship").code == 0


def test_a_spec_on_standard_input_imports_from_the_working_directory(treadle: Any, folder: Path) -> None:
    files(folder)
    assert treadle("expand", "-", stdin=SPEC).code == 0


def test_a_run_goes_on_under_what_its_templates_were(treadle: Any, folder: Path) -> None:
    files(folder)
    first = json.loads(treadle("run", "ship.yaml", "--json").out)
    assert first["steps"]["two.say"]["output"]["stdout"] == "on\nand on\n"
    (folder / "lib" / "steps.yaml").unlink()
    (folder / "ship.yaml").unlink()
    again = treadle("rerun", first["run"], "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["steps"]["two.say"]["output"]["stdout"] == "on\nand on\n"
