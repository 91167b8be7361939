"""Secrets from files: a folder with one for each, as containers mount them, or a file of NAME=value lines.

Rule 1: files are read when a secret is looked up, so a new value needs no restart.
Rule 2: a name is never a path, and no message holds what a file holds.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from treadle.errors import StepError
from treadle.plugin import FILE_PATH, SecretProvider, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_BYTES = 1024 * 1024

_NAME = r"[A-Za-z_][A-Za-z0-9_]*\Z"
_LINE = r"(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(?P<value>.*)\Z"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_MOUNTED = ("/run/secrets/", "/var/run/secrets/")
"""Where container runtimes mount secrets that every process in the container may read."""

_log = logging.getLogger("treadle.secrets")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class File:
    """Reads secrets from files.

    In a folder, each file is called as its secret is and holds its value; one line break at its end is not
    part of it. In a file of lines, each is ``NAME=value``; the value may be in quotes, and backslashes are
    escapes in double ones. Files have at most 1 MiB and are UTF-8. A file that other users may read is warned
    of, unless it is mounted under ``/run/secrets``.

    Args:
      folder: the folder; relative to the deployment file.
      path: the file of lines; relative to the deployment file.

    Raises:
      ValueError: neither *folder* nor *path* is given, or both are.

    Example:
      ``secrets: [{file: /run/secrets}, env]``
    """

    folder: str | None = attrs.field(default=None, metadata=FILE_PATH)
    path: str | None = attrs.field(default=None, metadata=FILE_PATH)

    def __attrs_post_init__(self) -> None:
        if (self.folder is None) == (self.path is None):
            raise ValueError("give either folder, with a file for each secret, or path, of a file of lines")


def open_file(config: File) -> Callable[[str], str | None]:
    """The look-up."""
    warned: set[Path] = set()
    if config.path is not None:
        lines = Path(config.path)
        return lambda name: _of_lines(name, lines, warned)
    folder = Path(config.folder or "")
    return lambda name: _of_folder(name, folder, warned)


def _of_folder(name: str, folder: Path, warned: set[Path]) -> str | None:
    if not re.match(_NAME, name):  # the value of an input may be the name of a secret
        return None
    text = _read(folder / name, warned)
    return None if text is None else re.sub(r"\r?\n\Z", "", text)


def _of_lines(name: str, path: Path, warned: set[Path]) -> str | None:
    text = _read(path, warned)
    found = None
    for number, line in enumerate((text or "").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            key, value = _entry(line.strip(), f"{path}:{number}")
            found = value if key == name else found
    return found


def _entry(line: str, place: str) -> tuple[str, str]:
    """The name and the value that *line* gives."""
    match = re.match(_LINE, line)
    if match is None:
        raise StepError("secret", f"{place}: this is no NAME=value; write a line for each secret")
    value = match["value"]
    quote = value[:1]
    if quote not in ("'", '"'):
        return match["name"], value
    inner = re.match(r"'([^']*)'\Z" if quote == "'" else r'"((?:[^"\\]|\\.)*)"\Z', value)
    if inner is None:
        raise StepError("secret", f"{place}: the value does not end with the quote it begins with; close it")
    if quote == "'":
        return match["name"], inner[1]
    return match["name"], re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner[1])


def _read(path: Path, warned: set[Path]) -> str | None:
    """The text of *path*; None if there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # not to wait for a pipe
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from None
    try:
        content = _content(descriptor, path, warned)
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise _unreadable(path, f"it has more than {MOST_BYTES // 1024} KiB")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not UTF-8") from None


def _content(descriptor: int, path: Path, warned: set[Path]) -> bytes:
    """The bytes of an open file, and one more than `MOST_BYTES` of a larger one."""
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        raise _unreadable(path, "it is no file")
    _warn(path, mode, warned)
    content = b""
    while piece := os.read(descriptor, MOST_BYTES + 1 - len(content)):
        content += piece
    return content


def _unreadable(path: Path, why: str) -> StepError:
    return StepError(
        "secret", f"the file {path} of a secret cannot be used: {why}; see `secrets` in treadle.yaml"
    )


def _warn(path: Path, mode: int, warned: set[Path]) -> None:
    if mode & 0o077 and path not in warned and not str(path).startswith(_MOUNTED):
        warned.add(path)
        _log.warning("other users may read or write the secrets in %s; run: chmod 600 %s", path, path)


@hookimpl
def treadle_secret_providers() -> Iterable[SecretProvider[Any]]:
    """``file``."""
    return [SecretProvider(name="file", config=File, open=open_file, main="folder")]
