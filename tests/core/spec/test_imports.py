"""Templates of other files: which may be read, and where their problems stand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from treadle import SpecError, load, loads

if TYPE_CHECKING:
    from pathlib import Path

SPEC = "treadle: 1\nname: x\nimports: [{imports}]\nsteps: [{{template: t}}]\n"
LIB = "treadle: 1\ntemplates: {t: {steps: [{set: {x: 1}}]}}\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Puts *files* into *folder*; gives the path of ``flow.yaml``, which is one of them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "flow.yaml"


def said(folder: Path, path: Path, root: Path | None = None) -> list[str]:
    """The problems of a spec, with paths as seen from *folder*."""
    with pytest.raises(SpecError) as caught:
        load(path, root=root)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_templates_come_from_a_file_beside_the_spec(tmp_path: Path) -> None:
    path = write(tmp_path, {"flow.yaml": SPEC.format(imports="lib/a.yaml"), "lib/a.yaml": LIB})
    workflow = load(path)
    assert workflow.spec.data == {"treadle": 1, "name": "x", "steps": [{"steps": [{"set": {"x": 1}}]}]}
    assert workflow.warnings == ()


def test_an_import_is_relative_to_the_file_that_has_it(tmp_path: Path) -> None:
    files = {
        "flow.yaml": SPEC.format(imports="lib/a.yaml"),
        "lib/a.yaml": "treadle: 1\nimports: [deep/b.yaml, ../c.yaml]\n"
        "templates: {t: {steps: [{template: u}, {template: v}]}}\n",
        "lib/deep/b.yaml": "treadle: 1\ntemplates: {u: {steps: [{set: {x: 1}}]}}\n",
        "c.yaml": "treadle: 1\ntemplates: {v: {steps: [{set: {x: 2}}]}}\n",
    }
    (step,) = load(write(tmp_path, files)).spec.data["steps"]
    assert step == {"steps": [{"steps": [{"set": {"x": 1}}]}, {"steps": [{"set": {"x": 2}}]}]}


def test_a_file_that_two_import_is_read_once(tmp_path: Path) -> None:
    files = {
        "flow.yaml": SPEC.format(imports="a.yaml, b.yaml, b.yaml"),
        "a.yaml": "treadle: 1\nimports: [b.yaml]\n",
        "b.yaml": LIB,
    }
    assert load(write(tmp_path, files)).warnings == ()


def test_the_root_is_the_folder_of_the_nearest_deployment_file(tmp_path: Path) -> None:
    path = write(tmp_path, {"flows/flow.yaml": SPEC.format(imports="../lib.yaml"), "lib.yaml": LIB})
    path = tmp_path / "flows" / "flow.yaml"
    (problem,) = said(tmp_path, path)[:1]
    assert problem.startswith("flows/flow.yaml:3:11: imports[0]: '../lib.yaml' lies outside of")
    assert load(path, root=tmp_path).name == "x"
    (tmp_path / "treadle.yaml").write_text("store: memory\n")
    assert load(path).name == "x"


def test_no_link_leads_out_of_the_root(tmp_path: Path) -> None:
    path = write(tmp_path / "in", {"flow.yaml": SPEC.format(imports="link.yaml, folder/lib.yaml")})
    write(tmp_path / "out", {"lib.yaml": LIB})
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "out" / "lib.yaml")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "out")
    outside = [one for one in said(tmp_path, path) if "lies outside of" in one]
    assert [one.split(": ")[0] for one in outside] == ["in/flow.yaml:3:11", "in/flow.yaml:3:22"]


def test_a_link_within_the_root_is_followed(tmp_path: Path) -> None:
    path = write(tmp_path, {"flow.yaml": SPEC.format(imports="link.yaml"), "lib/a.yaml": LIB})
    (tmp_path / "link.yaml").symlink_to(tmp_path / "lib" / "a.yaml")
    assert load(path).name == "x"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("/etc/hosts", "'/etc/hosts' is no relative path"),
        ("a\\b.yaml", "is no relative path"),
        ("../../../../../../etc/hosts", "lies outside of"),
        ("loop.yaml", "(cannot be followed|there is no file)"),
        ("folder", "there is no file 'folder'"),
        ("fifo", "there is no file 'fifo'"),
        ("lbi.yaml", "there is no file 'lbi.yaml'; did you mean 'lib.yaml'"),
    ],
)
def test_what_is_no_file_below_the_root_is_refused(tmp_path: Path, written: str, why: str) -> None:
    path = write(tmp_path, {"flow.yaml": SPEC.format(imports=f"'{written}'"), "lib.yaml": LIB})
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SpecError, match=why) as caught:
        load(path)
    assert caught.value.problems[0].code == "TRD347"


def test_problems_stand_in_the_file_they_are_in(tmp_path: Path) -> None:
    lib = """treadle: 1
templates:
  t:
    parameters: {host: string}
    steps:
      make: {command: [echo, "${{ steps.nope.output }}"], tiemout: 5m}
      ship: {command: "ship ${{ parameters.host }} ${{ vars.nope }}"}
"""
    step = "{template: {name: t, with: {host: web, size: 1}}}"
    spec = f"treadle: 1\nname: x\nimports: [lib.yaml]\nsteps:\n  one: {step}\n"
    found = said(tmp_path, write(tmp_path, {"flow.yaml": spec, "lib.yaml": lib}))
    assert [one.split(";")[0] for one in found] == [
        "flow.yaml:5:47: steps.one.template.with.size: the template 't' has no parameter 'size'",
        "lib.yaml:6:35: steps.one.steps.make.command[1]: there is no step 'nope' for `steps.nope.output`",
        "lib.yaml:6:59: steps.one.steps.make.tiemout: unknown key 'tiemout'",
        "lib.yaml:7:56: steps.one.steps.ship.command: variable 'nope' is not declared",
    ]


@pytest.mark.parametrize(
    ("lib", "expected"),
    [
        ("steps: [\n", "lib.yaml:1:9: the text ends where a value is wanted"),
        ("- 1\n", "lib.yaml:1:1: an imported file is a mapping, got a list"),
        ("templates: {}\n", "lib.yaml:1:1: treadle: the file does not say treadle: 1"),
        ("treadle: 2\n", "lib.yaml:1:10: treadle: the file does not say treadle: 1"),
        (LIB + "steps: []\n", "lib.yaml:3:1: steps: an imported file holds templates only"),
        (LIB + "imports: [flow.yaml]\n", "flow.yaml:2:1: name: an imported file holds templates only"),
    ],
)  # fmt: skip
def test_an_imported_file_holds_templates_and_nothing_else(tmp_path: Path, lib: str, expected: str) -> None:
    found = said(tmp_path, write(tmp_path, {"flow.yaml": SPEC.format(imports="lib.yaml"), "lib.yaml": lib}))
    assert any(expected in one for one in found), found


def test_files_that_import_each_other_are_named_in_a_circle(tmp_path: Path) -> None:
    files = {
        "flow.yaml": SPEC.format(imports="a.yaml"),
        "a.yaml": LIB + "imports: [b.yaml]\n",
        "b.yaml": "treadle: 1\nimports: [c.yaml]\n",
        "c.yaml": "treadle: 1\nimports: [a.yaml]\n",
    }
    found = said(tmp_path, write(tmp_path, files))
    assert found == [
        "c.yaml:2:11: imports[0]: files import each other in a circle: a.yaml → b.yaml → c.yaml → a.yaml; "
        "take one of the imports out"
    ]


def test_a_template_that_is_declared_twice_names_both_places(tmp_path: Path) -> None:
    spec = SPEC.format(imports="lib.yaml") + "templates:\n  t: {steps: [{set: {}}]}\n"
    found = said(tmp_path, write(tmp_path, {"flow.yaml": spec, "lib.yaml": LIB}))
    assert found == [
        "lib.yaml:2:13: templates.t: the template 't' is declared twice, also in flow.yaml, line 6; "
        "rename one of them"
    ]


def test_imports_are_bounded_in_depth_and_number(tmp_path: Path) -> None:
    deep = {f"f{n}.yaml": f"treadle: 1\nimports: [f{n + 1}.yaml]\n" for n in range(9)}
    path = write(tmp_path, {"flow.yaml": SPEC.format(imports="f0.yaml"), **deep, "f9.yaml": LIB})
    assert "more than 8 deep" in said(tmp_path, path)[0]
    many = {
        f"m{n}.yaml": f"treadle: 1\ntemplates: {{m{n}: {{steps: [{{set: {{}}}}]}}}}\n" for n in range(101)
    }
    path = write(tmp_path, {"flow.yaml": SPEC.format(imports=", ".join(many)), **many})
    assert "more than 100 files are imported" in said(tmp_path, path)[0]


def test_text_has_imports_where_it_is_told_a_root(tmp_path: Path) -> None:
    write(tmp_path, {"lib/a.yaml": LIB})
    text = SPEC.format(imports="lib/a.yaml")
    assert loads(text, root=tmp_path).name == "x"
    with pytest.raises(SpecError, match="there is no folder to import from"):
        loads(text)
