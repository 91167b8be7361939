"""Entry points are read without importlib.metadata, which stays the measure of what must be found."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from treadle._entry_points import _NotPlain, _read, entry_points

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "treadle"


class Site:
    """A directory on ``sys.path``, and what is installed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def install(
        self,
        stem: str,
        points: str | None = "[treadle]\nmain = json\n",
        *,
        metadata: str | None = None,
        file: str = "METADATA",
    ) -> Site:
        """A distribution whose metadata directory is called *stem*."""
        info = self.folder / stem
        info.mkdir()
        name, version = stem.rpartition(".")[0].partition("-")[::2]
        headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: a: b\n\nName: body\n"
        (info / file).write_text(headers if metadata is None else metadata)
        if points is not None:
            (info / "entry_points.txt").write_text(points)
        return self


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The only directory on ``sys.path``."""
    found = Site(tmp_path / "site")
    monkeypatch.setattr(sys, "path", [str(found.folder)])
    return found


def told(points):
    return [(point.name, point.distribution, point.version) for point in points]


def told_by_importlib():
    return [
        (point.name, point.dist.metadata["Name"], point.dist.metadata["Version"])
        for point in importlib.metadata.entry_points(group=GROUP)
    ]


def assert_the_same(*names):
    """Both find the points called *names*, of the same distributions, in the same order."""
    assert told(entry_points(GROUP)) == told_by_importlib()
    assert sorted(name for name, _, _ in told_by_importlib()) == sorted(names)


def assert_plain():
    list(_read(GROUP))


def assert_left_to_importlib():
    with pytest.raises(_NotPlain):
        list(_read(GROUP))


# --- what is plain ---------------------------------------------------------------------------------


def test_what_is_installed_here_is_found_as_importlib_finds_it():
    assert told(entry_points(GROUP)) == told_by_importlib()
    assert_plain()


def test_reading_plain_directories_does_not_import_importlib_metadata():
    code = (
        "import sys; from treadle._registry import Registry; assert Registry.installed().step_types;"
        "print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("points", "names"),
    [
        (None, []),
        ("", []),
        ("[console_scripts]\ntreadle = json\n", []),
        ("[treadle.more]\nmain = json\n", []),
        ("[treadle]\nmain = json\n", ["main"]),
        ("[treadle]\n\n# a comment\n  main=json:loads  \r\nb = os.path : join\n", ["main", "b"]),
        ("[other]\na = json\n[treadle]\nb = json\n[more]\nc = json\n[treadle]\nd = json\n", ["b", "d"]),
        ("[treadle]\nsame = json\nsame = os\n", ["same", "same"]),
    ],
)
def test_a_section_is_read_as_importlib_reads_it(site, points, names):
    site.install("acme-1.0.dist-info", points)
    assert_plain()
    assert_the_same(*names)


@pytest.mark.parametrize(
    "metadata",
    [
        "Name: acme-tools\nVersion: 1.5\n",
        "name:acme-tools\nVERSION:   1.5\nName: other\n",
        "Metadata-Version: 2.1\r\nName: Ácme\r\nVersion: 1.5\r\n\r\nbody\r\n",
    ],
)
def test_name_and_version_are_those_of_the_headers(site, metadata):
    site.install("acme_tools-1.5.dist-info", metadata=metadata)
    assert_plain()
    assert_the_same("main")


@pytest.mark.parametrize(("value", "loaded"), [("json", "json"), ("json : JSONDecoder.decode", "decode")])
def test_a_point_is_loaded_when_asked_for(site, value, loaded):
    site.install("acme-1.0.dist-info", f"[treadle]\nmain = {value}\n")
    (point,) = entry_points(GROUP)
    assert point.load().__name__ == loaded


def test_what_cannot_be_imported_is_told_when_it_is_loaded(site):
    site.install("acme-1.0.dist-info", "[treadle]\nmain = no_such_module\nother = json:nothing\n")
    first, second = entry_points(GROUP)
    with pytest.raises(ModuleNotFoundError):
        first.load()
    with pytest.raises(AttributeError):
        second.load()


def test_the_first_of_a_name_on_the_path_hides_the_others_even_if_it_offers_nothing(
    site, tmp_path, monkeypatch
):
    later = Site(tmp_path / "later")
    monkeypatch.setattr(sys, "path", [str(site.folder), str(tmp_path / "missing"), str(later.folder)])
    site.install("acme_tools-2.0.dist-info", "[treadle]\nnew = json\n").install("quiet-1.dist-info", None)
    later.install("Acme.Tools-1.0.dist-info", "[treadle]\nold = json\n")
    later.install("quiet-2.dist-info", "[treadle]\nloud = json\n").install("other-1.dist-info")
    assert_plain()
    assert_the_same("new", "main")


def test_a_directory_that_setuptools_made_counts_as_well(site):
    site.install("acme-1.0-py3.11.egg-info", file="PKG-INFO", metadata="Name: acme\nVersion: 1.0\n")
    site.folder.joinpath("flat-1.0.egg-info").write_text("Name: flat\nVersion: 1.0\n")
    assert_plain()
    assert_the_same("main")


def test_the_working_directory_counts_where_it_is_on_the_path(site, monkeypatch):
    monkeypatch.setattr(sys, "path", [""])
    monkeypatch.chdir(site.folder)
    site.install("acme-1.0.dist-info")
    assert_plain()
    assert_the_same("main")


# --- what is not -----------------------------------------------------------------------------------


def test_a_zip_file_on_the_path_is_left_to_importlib(site, tmp_path, monkeypatch):
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("packed-1.0.dist-info/METADATA", "Name: packed\nVersion: 1.0\n")
        packed.writestr("packed-1.0.dist-info/entry_points.txt", "[treadle]\npacked = json\n")
    monkeypatch.setattr(sys, "path", [str(site.folder), str(archive)])
    site.install("acme-1.0.dist-info")
    assert_left_to_importlib()
    assert_the_same("main", "packed")


def test_distributions_that_somebody_else_finds_are_left_to_importlib(site, monkeypatch, tmp_path):
    hidden = Site(tmp_path / "hidden").install("hidden-1.0.dist-info", "[treadle]\nhidden = json\n")

    class Finder:
        def find_spec(self, name, path=None, target=None):
            return None

        def find_distributions(self, _context=None):
            return [importlib.metadata.PathDistribution(hidden.folder / "hidden-1.0.dist-info")]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    site.install("acme-1.0.dist-info")
    assert_left_to_importlib()
    assert_the_same("main", "hidden")


@pytest.mark.parametrize("value", ["json [fast]", "json:loads [fast, safe]"])
def test_extras_are_left_to_importlib(site, value):
    site.install("acme-1.0.dist-info", f"[treadle]\nmain = {value}\n")
    assert_left_to_importlib()
    assert_the_same("main")


def test_metadata_that_is_not_where_it_belongs_is_left_to_importlib(site):
    site.install("acme-1.0.dist-info", file="PKG-INFO")
    assert_left_to_importlib()
    assert_the_same("main")


def test_an_unusual_suffix_is_left_to_importlib(site):
    site.install("acme-1.0.DIST-INFO")
    assert_left_to_importlib()
    assert_the_same("main")


def test_an_egg_on_the_path_is_left_to_importlib(tmp_path, monkeypatch):
    egg = Site(tmp_path / "acme-1.0-py3.11.egg")
    monkeypatch.setattr(sys, "path", [str(egg.folder)])
    info = egg.folder / "EGG-INFO"
    info.mkdir()
    (info / "PKG-INFO").write_text("Name: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[treadle]\nmain = json\n")
    assert_left_to_importlib()
    assert_the_same("main")


def test_metadata_without_a_version_is_left_to_importlib(site):
    site.install("acme-1.0.dist-info", metadata="Name: acme\n\nVersion: 3\n")
    assert_left_to_importlib()


def test_a_line_that_says_nothing_is_left_to_importlib(site):
    site.install("acme-1.0.dist-info", "[treadle]\nnonsense\n")
    assert_left_to_importlib()
