from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import pytest

from treadle.errors import StepError
from treadle_std.secrets.file import MOST_BYTES, File, open_file, treadle_secret_providers

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


# --- a folder --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("word", "word"),
        ("word\n", "word"),
        ("word\r\n", "word"),
        ("two\nlines\n\n", "two\nlines\n"),
        ("  spaced \t", "  spaced \t"),
        ("", ""),
        ("pässwörd\n", "pässwörd"),
    ],
)
def test_a_secret_is_what_the_file_of_its_name_holds(tmp_path: Path, content: str, value: str) -> None:
    put(tmp_path / "TOKEN", content)
    assert open_file(File(folder=str(tmp_path)))("TOKEN") == value


def test_a_file_that_is_not_there_is_no_secret(tmp_path: Path) -> None:
    assert open_file(File(folder=str(tmp_path)))("TOKEN") is None
    assert open_file(File(folder=str(tmp_path / "gone")))("TOKEN") is None
    assert open_file(File(path=str(tmp_path / "gone")))("TOKEN") is None


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "..", ".", "", "a/b", "TOKEN\n", "a\0b", "a-b"]
)
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    put(tmp_path / "outside", "value")
    (tmp_path / "in").mkdir()
    assert open_file(File(folder=str(tmp_path / "in")))(name) is None


def test_a_new_value_is_seen_at_once(tmp_path: Path) -> None:
    look_up = open_file(File(folder=str(tmp_path)))
    for value in ("first", "second"):
        put(tmp_path / "TOKEN", value)
        assert look_up("TOKEN") == value


def test_links_are_followed_as_kubernetes_makes_them(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    put(tmp_path / "..data" / "TOKEN", "value")
    (tmp_path / "TOKEN").symlink_to("..data/TOKEN")
    assert open_file(File(folder=str(tmp_path)))("TOKEN") == "value"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "PIPE")
    (tmp_path / "FOLDER").mkdir()
    look_up = open_file(File(folder=str(tmp_path)))
    for name in ("PIPE", "FOLDER"):
        with pytest.raises(StepError, match="it is no file"):
            look_up(name)


@pytest.mark.parametrize(
    ("content", "why"), [(b"\xff\xfe", "it is not UTF-8"), (b"x" * (MOST_BYTES + 1), "more than 1024 KiB")]
)
def test_a_file_that_cannot_be_used_is_named_and_not_shown(tmp_path: Path, content: bytes, why: str) -> None:
    put(tmp_path / "TOKEN", content)
    with pytest.raises(StepError, match=why) as caught:
        open_file(File(folder=str(tmp_path)))("TOKEN")
    assert caught.value.name == "secret"
    assert str(tmp_path / "TOKEN") in str(caught.value)
    assert "xxx" not in str(caught.value)


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StepError, match="cannot be used: Permission denied"):
        open_file(File(folder=str(tmp_path)))("TOKEN")


# --- a file of lines -------------------------------------------------------------------------------


def test_a_file_has_a_line_for_each_secret(tmp_path: Path) -> None:
    path = put(
        tmp_path / "secrets.env",
        "# of the chat\nTOKEN=a b#c=d \n\nexport KEY = 'it''s'\n".replace("'it''s'", "'x\\n$y'")
        + 'TEXT="a\\nb\\"c\\\\d\\$"\r\nEMPTY=\nTOKEN2=old\nTOKEN2=new\n',
    )
    look_up = open_file(File(path=str(path)))
    names = ("TOKEN", "KEY", "TEXT", "EMPTY", "TOKEN2", "OTHER")
    assert [look_up(name) for name in names] == ["a b#c=d", "x\\n$y", 'a\nb"c\\d$', "", "new", None]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("canary", "no NAME=value"),
        ("A-B=canary", "no NAME=value"),
        ("A='canary", "quote"),
        ('A="canary" x', "quote"),
    ],
)
def test_a_line_that_is_none_is_named_and_not_shown(tmp_path: Path, line: str, why: str) -> None:
    path = put(tmp_path / "secrets.env", f"GOOD=1\n{line}\n")
    with pytest.raises(StepError, match=why) as caught:
        open_file(File(path=str(path)))("GOOD")
    assert f"{path}:2: " in str(caught.value)
    assert "canary" not in str(caught.value)


# --- who may read it -------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o602, 1)])
def test_a_file_that_others_may_read_is_warned_of_once(
    tmp_path: Path, mode: int, warned: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path / "TOKEN", "canary", mode)
    look_up = open_file(File(folder=str(tmp_path)))
    with caplog.at_level(logging.WARNING, logger="treadle.secrets"):
        assert look_up("TOKEN") == look_up("TOKEN") == "canary"
    assert [record.getMessage().endswith(f"chmod 600 {path}") for record in caplog.records] == [True] * warned
    assert "canary" not in caplog.text


# --- its settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"folder": "a", "path": "b"}])
def test_it_reads_a_folder_or_a_file(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="give either folder"):
        File(**settings)


def test_its_entry() -> None:
    (entry,) = treadle_secret_providers()
    assert (entry.name, entry.main) == ("file", "folder")
