"""Which files a spec may import: those below its root, and nothing that a link or ``..`` leads to elsewhere.

Rule: paths are judged by where they really are, all links followed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from treadle._near import nearest
from treadle._spec.nodes import MAX_BYTES

if TYPE_CHECKING:
    from treadle._spec.imports import Opened

FILE_NAME = "treadle.yaml"


def find_deployment(start: Path) -> Path | None:
    """The deployment file of *start* or the nearest folder above it; None if there is none."""
    start = start.resolve()
    candidates = (folder / FILE_NAME for folder in (start, *start.parents))
    return next((path for path in candidates if path.is_file()), None)


def root_of(spec: Path) -> Path:
    """The folder of the deployment file nearest above *spec*; without one, the spec's own."""
    found = find_deployment(spec.parent)
    return spec.parent if found is None else found.parent


def open_import(spec: str, root: Path | None, written: str, importer: str | None) -> Opened:
    """The file that *written* means in *importer*, a path; None is the spec itself.

    Args:
      spec: what the spec is called in problems: its path, if it is a file.
      root: below which files may lie; None is `root_of` the spec.

    Raises:
      NotImported: it may not be imported, or cannot be read.
    """
    from treadle._spec.imports import NotImported, Opened  # most specs import nothing

    if Path(written).is_absolute() or "\\" in written or "\0" in written:
        raise NotImported(
            f"{written!r} is no relative path", "name it as seen from this file, as lib/deploy.yaml"
        )
    home = _home(spec, root)
    within = (root or root_of(home / "spec")).resolve()
    folder = home if importer is None else Path(importer).parent
    try:
        path = (folder / written).resolve()
    except (OSError, RuntimeError) as exc:
        raise NotImported(f"{written!r} cannot be followed: {exc}", "check its links") from None
    if not path.is_relative_to(within):
        fix = "move the file there, or put a treadle.yaml in the folder that holds both"
        raise NotImported(f"{written!r} lies outside of {within}, where imports end", fix)
    name = os.path.normpath(Path(os.path.dirname(spec), os.path.relpath(path, home)))  # noqa: PTH120
    return Opened(str(path), name, _bytes_of(path, written))


def _home(spec: str, root: Path | None) -> Path:
    """The folder that paths in the spec are relative to."""
    path = Path(spec)
    if path.is_file() or root is None:
        return path.parent.resolve()
    return root.resolve()


def _bytes_of(path: Path, written: str) -> bytes:
    """The bytes of a file, of more than the loader takes only so much that it refuses it."""
    from treadle._spec.imports import NotImported  # see `open_import`

    if not path.is_file():
        near = (
            nearest(path.name, [each.name for each in path.parent.iterdir()])
            if path.parent.is_dir()
            else None
        )
        fix = f"did you mean {near!r}?" if near else "name a file, as seen from this one"
        raise NotImported(f"there is no file {written!r}", fix)
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise NotImported(f"{written!r} cannot be read: {exc.strerror}", "check its permissions") from None
