"""``treadle fmt``: specs laid out in one way; what they say stays the same, or nothing is written."""

from __future__ import annotations

import difflib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from treadle._cli import terminal
from treadle._cli.program import BROKEN, FAILED, WRONG, Complaint
from treadle.errors import SpecError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from treadle._registry import Registry

_SUFFIXES = (".yaml", ".yml")
_OURS = re.compile(rb"""^["']?(?:treadle|templates)["']?[ \t]*:""", re.MULTILINE)
_DEPLOYMENT = "treadle.yaml"


@attrs.frozen(eq=False, repr=False)
class _Laid:
    """A document before and after."""

    before: str
    after: str


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--check", is_flag=True, help="Change nothing; name what would be changed.")
@click.option("--diff", is_flag=True, help="Change nothing; show what would be changed.")
def fmt(files: tuple[str, ...], check: bool, diff: bool) -> int:
    """Lay specs out in one way: indentation, quotes, blank lines, line ends.

    FILE is a path, a folder with specs, or - to read standard input and print the result. Values, comments
    and the order of keys stay as they are. With --check or --diff the exit code is 1 if something would be
    changed; it is 2 for a file that cannot be read as YAML.
    """
    from treadle._registry import Registry

    registry = Registry.installed()
    codes = [0]
    for file in _files(files):
        try:
            codes.append(_one(file, registry, check=check, diff=diff))
        except SpecError as error:
            terminal.say(str(error))
            codes.append(WRONG)
    return max(codes)


def _files(given: Iterable[str]) -> Iterator[str]:
    """The paths that are meant, folders taken apart."""
    for each in given:
        path = Path(each)
        if each != "-" and path.is_dir():
            yield from (str(found) for found in _specs_in(path))
        else:
            yield each


def _specs_in(folder: Path) -> Iterator[Path]:
    """What looks like a document of ours, below *folder*; folders that begin with a dot are left out."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix in _SUFFIXES and path.is_file() and _is_ours(path):
            yield path


def _is_ours(path: Path) -> bool:
    try:
        return path.name == _DEPLOYMENT or _OURS.search(path.read_bytes()) is not None
    except OSError:
        return True  # reading it again tells why


def _one(file: str, registry: Registry, *, check: bool, diff: bool) -> int:
    from treadle._cli.sources import STDIN, read_file, read_stdin

    text = read_stdin() if file == "-" else read_file(Path(file))
    name = STDIN if file == "-" else file
    try:
        laid = _laid_out(text, name, registry)
    except _Refused as why:
        said = f"{name} cannot be formatted and stays as it is: {why}; please report this as a bug of treadle"
        terminal.say(printable(f"treadle: {said}"))
        return BROKEN
    if check or diff:
        return _told(name, laid, diff=diff)
    if file == "-":
        sys.stdout.write(laid.after)
    elif laid.after != laid.before:
        _replace(Path(file), laid.after)
        terminal.say(printable(f"formatted {file}"))
    return 0


class _Refused(Exception):
    """The result would not say the same."""


def _laid_out(text: bytes, name: str, registry: Registry) -> _Laid:
    from treadle._format import NotKept, formatted
    from treadle._spec.report import Report
    from treadle._spec.yaml import read_yaml

    report = Report(name)
    node = read_yaml(text, report)
    if node is None or report.problems:
        raise SpecError(report.in_order())
    before = text.decode()
    if not (node.is_mapping or node.is_list):
        return _Laid(before, before)  # a text alone: nothing that treadle reads
    try:
        after = formatted(before)
    except NotKept as error:
        raise _Refused(str(error)) from None
    whole = node.is_mapping and "steps" in node.value
    if after != before and whole and _meaning(before, name, registry) != _meaning(after, name, registry):
        raise _Refused("the workflow would change")
    return _Laid(before, after)


def _meaning(text: str, name: str, registry: Registry) -> Any:
    """What stays the same: the hash of the spec; or what is wrong with it, wherever in the text."""
    from treadle import loads

    try:
        workflow = loads(text, name=name, registry=registry)
    except SpecError as error:
        return sorted((problem.code, problem.path) for problem in error.problems)
    return workflow.spec.hash, sorted((problem.code, problem.path) for problem in workflow.warnings)


def _told(name: str, laid: _Laid, *, diff: bool) -> int:
    if laid.before == laid.after:
        return 0
    if not diff:
        terminal.out(printable(f"{name} would be formatted"))
        return FAILED
    before, after = laid.before.splitlines(), laid.after.splitlines()
    for line in difflib.unified_diff(before, after, name, f"{name} (formatted)", lineterm=""):
        terminal.out(printable(line))
    if before == after:
        terminal.out(printable(f"{name}: only line ends would be changed"))
    return FAILED


def _replace(path: Path, text: str) -> None:
    """Put *text* in the file that *path* leads to, all of it or nothing, with the same permissions."""
    target = path.resolve()
    temporary = None
    try:
        mode = target.stat().st_mode
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=".fmt-", delete=False) as file:
            temporary = Path(file.name)
            file.write(text.encode())
            file.flush()
            os.fchmod(file.fileno(), mode & 0o7777)
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise Complaint(f"{path} cannot be written: {error.strerror or error}") from None
