import os
import stat
from pathlib import Path
from typing import Any

import pytest

from treadle import load

UGLY = """\
treadle:   1
name: 'tidy'   # a name
steps:
- id: a
  command: "make all"

- id: b


  wait: '0s'
"""
TIDY = """\
treadle:   1
name: tidy   # a name
steps:
  - id: a
    command: make all

  - id: b

    wait: 0s
"""


@pytest.fixture
def spec(folder: Path) -> Path:
    path = folder / "tidy.yaml"
    path.write_text(UGLY)
    return path


def test_a_spec_is_laid_out_and_means_the_same(treadle: Any, spec: Path) -> None:
    before = load(spec).spec.hash
    assert treadle("fmt", "tidy.yaml") == (0, "", "formatted tidy.yaml\n")
    assert spec.read_text() == TIDY
    assert load(spec).spec.hash == before
    assert treadle("fmt", "tidy.yaml") == (0, "", ""), "what is laid out is left alone"


def test_check_names_what_would_change_and_changes_nothing(treadle: Any, spec: Path) -> None:
    assert treadle("fmt", "--check", "tidy.yaml") == (1, "tidy.yaml would be formatted\n", "")
    assert spec.read_text() == UGLY
    spec.write_text(TIDY)
    assert treadle("fmt", "--check", "tidy.yaml") == (0, "", "")


def test_diff_shows_what_would_change_and_changes_nothing(treadle: Any, spec: Path) -> None:
    code, out, _ = treadle("fmt", "--diff", "tidy.yaml")
    assert code == 1
    assert out.startswith("--- tidy.yaml\n+++ tidy.yaml (formatted)\n")
    assert "\n-name: 'tidy'   # a name\n+name: tidy   # a name\n" in out
    assert spec.read_text() == UGLY
    spec.write_bytes(TIDY.replace("\n", "\r\n").encode())
    assert treadle("fmt", "--diff", "tidy.yaml").out == "tidy.yaml: only line ends would be changed\n"


def test_standard_input_is_printed(treadle: Any) -> None:
    assert treadle("fmt", "-", stdin=UGLY) == (0, TIDY, "")
    assert treadle("fmt", "--check", "-", stdin=UGLY).code == 1


def test_broken_yaml_gets_the_problems_that_validate_tells_and_stays(treadle: Any, spec: Path) -> None:
    spec.write_text("treadle: 1\nsteps: [\n")
    code, out, err = treadle("fmt", "tidy.yaml")
    assert (code, out) == (2, "")
    assert err == treadle("validate", "tidy.yaml").out
    assert spec.read_text() == "treadle: 1\nsteps: [\n"


def test_a_spec_that_is_wrong_in_other_ways_is_laid_out_all_the_same(treadle: Any, spec: Path) -> None:
    spec.write_text("treadle: 1\nname: x\nsteps:\n- wat: 'a b'\n")
    assert treadle("fmt", "tidy.yaml").code == 0
    assert spec.read_text() == "treadle: 1\nname: x\nsteps:\n  - wat: a b\n"


def test_the_others_are_laid_out_when_one_is_broken(treadle: Any, spec: Path, folder: Path) -> None:
    (folder / "a.yaml").write_text("a: [\n")
    code, _, err = treadle("fmt", "a.yaml", "missing.yaml", "tidy.yaml")
    assert code == 2
    assert "a.yaml:" in err
    assert "missing.yaml: cannot be read: No such file or directory" in err
    assert spec.read_text() == TIDY


def test_a_folder_stands_for_the_documents_of_treadle_in_it(treadle: Any, spec: Path, folder: Path) -> None:
    others = {
        "treadle.yaml": ("store:   'memory'\n", "store:   memory\n"),
        "lib/parts.yml": ("templates:\n    x: {}\n", "templates:\n  x: {}\n"),
        "compose.yaml": ("services:\n    x: {}\n", "services:\n    x: {}\n"),
        ".hidden/x.yaml": ("treadle: 1\n\n", "treadle: 1\n\n"),
        "notes.txt": ("treadle: 1\n\n", "treadle: 1\n\n"),
    }
    for name, (before, _) in others.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(before)
    code, _, err = treadle("fmt", ".")
    assert code == 0
    assert sorted(err.split()) == ["formatted"] * 3 + ["lib/parts.yml", "tidy.yaml", "treadle.yaml"]
    assert spec.read_text() == TIDY
    for name, (_, after) in others.items():
        assert (folder / name).read_text() == after


def test_permissions_are_kept_and_links_lead_to_the_file(treadle: Any, spec: Path, folder: Path) -> None:
    spec.chmod(0o640)
    (folder / "link.yaml").symlink_to(spec)
    assert treadle("fmt", "link.yaml").code == 0
    assert (folder / "link.yaml").is_symlink()
    assert spec.read_text() == TIDY
    assert stat.S_IMODE(spec.stat().st_mode) == 0o640
    assert sorted(path.name for path in folder.iterdir()) == ["link.yaml", "tidy.yaml"]


def test_what_cannot_be_written_is_said_and_nothing_is_left_behind(
    treadle: Any, spec: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = treadle("fmt", "tidy.yaml")
    assert (code, err) == (2, "treadle: tidy.yaml cannot be written: No space left on device\n")
    assert spec.read_text() == UGLY
    assert [path.name for path in folder.iterdir()] == ["tidy.yaml"]


@pytest.mark.parametrize(
    "result", ["treadle: 1\n", "name: tidy\n", UGLY.replace("make all", "make none"), "a: ["]
)
def test_a_layout_that_would_change_the_meaning_is_never_written(
    treadle: Any, spec: Path, monkeypatch: pytest.MonkeyPatch, result: str
) -> None:
    monkeypatch.setattr("treadle._format._once", lambda _: result)
    code, _, err = treadle("fmt", "tidy.yaml")
    assert code == 4
    assert "cannot be formatted and stays as it is" in err
    assert spec.read_text() == UGLY


def test_ten_thousand_steps_are_laid_out_in_seconds(treadle: Any, folder: Path) -> None:
    steps = "".join(f"- id: s{n}\n  wait: '0s'   # {n}\n" for n in range(10_000))
    (folder / "big.yaml").write_text(f"treadle: 1\nname: big\nsteps:\n{steps}")
    assert treadle("fmt", "big.yaml").code == 0
    assert (folder / "big.yaml").read_text().count("    wait: 0s   # ") == 10_000
