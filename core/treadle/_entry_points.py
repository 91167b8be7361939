"""The entry points of a group, each with the name and the version of the distribution that it belongs to.

`importlib.metadata` finds them too, but importing it and what it needs takes 10 ms, which every command would
wait for. Where ``sys.path`` is made of plain directories, the few files that matter are read here instead.

Rule 1: what is found is what `importlib.metadata` finds: on ``sys.path``, the first of each name.
Rule 2: nothing is guessed. At the first thing that is not plain, `importlib.metadata` is asked for all.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.machinery import PathFinder
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
"""By the suffix of the directory that an installer made, the file that says what was installed."""

_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


@attrs.frozen(eq=False, repr=False)
class EntryPoint:
    """What a distribution offers by a name; *load* imports it.

    *distribution* and *version* are None where nobody knows whose it is.
    """

    name: str
    distribution: str | None
    version: str | None
    load: Callable[[], Any]


class _NotPlain(Exception):
    """Something here takes more than reading files in directories."""


def entry_points(group: str) -> list[EntryPoint]:
    """The entry points of *group* on ``sys.path``, as it stands now."""
    try:
        return list(_read(group))
    except _NotPlain:
        return list(_asked(group))


# --- reading plain directories ---------------------------------------------------------------------


def _read(group: str) -> Iterator[EntryPoint]:
    if any(hasattr(finder, "find_distributions") for finder in sys.meta_path if finder is not PathFinder):
        raise _NotPlain
    seen = set()
    for folder in sys.path:
        for name, info in _installed(folder):
            if name not in seen:  # what comes first on the path hides the others, whatever it offers
                seen.add(name)
                yield from _of_distribution(info, group)


def _installed(folder: str) -> Iterator[tuple[str, str]]:
    """The distributions in a directory of ``sys.path``: their normal names, and where their metadata is."""
    if not isinstance(folder, str) or folder.lower().endswith(".egg"):
        raise _NotPlain
    try:
        with os.scandir(folder or ".") as children:
            found = [child for child in children if child.name.lower().endswith(tuple(_METADATA))]
    except FileNotFoundError:
        return
    except OSError:  # a zip file, most often
        raise _NotPlain from None
    for child in found:
        name = child.name.rpartition(".")[0].partition("-")[0]
        if not name:
            raise _NotPlain
        yield re.sub(r"[-_.]+", "_", name).lower(), child.path


def _of_distribution(info: str, group: str) -> Iterator[EntryPoint]:
    try:
        with open(f"{info}/entry_points.txt", encoding="utf-8") as lines:  # noqa: PTH123  many: a Path is slow
            text = lines.read()
    except _ABSENT:
        return
    if f"[{group}]" not in text:
        return
    name, version = _origin(Path(info))
    for key, value in _section(text, group):
        module, colon, attribute = (part.strip() for part in value.partition(":"))
        if not _is_dotted(module) or (colon and not _is_dotted(attribute)):  # it has extras, most often
            raise _NotPlain
        yield EntryPoint(key, name, version, _loading(module, attribute))


def _section(text: str, group: str) -> Iterator[tuple[str, str]]:
    section = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]")
        elif section == group and line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            if not equals:
                raise _NotPlain
            yield key.strip(), value.strip()


def _origin(info: Path) -> tuple[str, str]:
    """The name and the version in the headers of a distribution's metadata."""
    headers: dict[str, str] = {}
    try:
        with (info / _METADATA[info.suffix]).open(encoding="utf-8") as lines:
            for line in lines:
                key, colon, value = line.partition(":")
                if not colon:
                    break
                headers.setdefault(key.lower(), value.strip())
                if "name" in headers and "version" in headers:
                    return headers["name"], headers["version"]
    except (*_ABSENT, KeyError):
        raise _NotPlain from None
    raise _NotPlain


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _loading(module: str, attribute: str) -> Callable[[], Any]:
    def load() -> Any:
        loaded = import_module(module)
        return attrgetter(attribute)(loaded) if attribute else loaded

    return load


# --- asking importlib.metadata ---------------------------------------------------------------------


def _asked(group: str) -> Iterator[EntryPoint]:
    import importlib.metadata  # see above

    origins: dict[int, tuple[str | None, str | None]] = {}  # reading metadata is slow: once a distribution
    for point in importlib.metadata.entry_points(group=group):
        key = id(point.dist)
        if key not in origins:
            origins[key] = _told(point.dist)
        yield EntryPoint(point.name, *origins[key], point.load)


def _told(distribution: Distribution | None) -> tuple[str | None, str | None]:
    """Name and version of a distribution, from one reading of its metadata."""
    if distribution is None:
        return None, None
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"]
