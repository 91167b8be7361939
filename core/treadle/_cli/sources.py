"""Where specs come from: files, standard input, and the workflows that ``treadle.yaml`` names.

Whatever cannot be read is a problem like any other, with its place and what to do; its code is in `codes`.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from treadle._deployment import Deployment
from treadle._kinds import FILE_PATH
from treadle._near import did_you_mean, nearest
from treadle._registry import Registry
from treadle._roots import FILE_NAME, find_deployment
from treadle._settings import Settings
from treadle._spec.nodes import MAX_BYTES
from treadle.errors import PluginError, Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from treadle._catalogue import Catalogue
    from treadle._kinds import Store

STDIN = "<stdin>"
DEFAULT_STORE = "sqlite", Path(".treadle", "treadle.db")

_SUFFIXES = (".yaml", ".yml", ".json")
_SPEC_KEY = rb"""(?m)^[ \t{]*["']?(?:treadle|steps)["']?[ \t]*:"""


@attrs.frozen(eq=False, repr=False)
class Project:
    """What the program works with.

    Attributes:
      registry: the installed plugins, without those that the deployment disables.
      deployment: what ``treadle.yaml`` says, or the defaults.
      path: of that file; None where there is none.
      warnings: about it.
    """

    registry: Registry
    deployment: Deployment
    path: Path | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def folder(self) -> Path:
        """That of ``treadle.yaml``, or the working directory."""
        return Path.cwd() if self.path is None else self.path.parent

    def root_for(self, name: str) -> Path:
        """Below which the imports of the spec called *name* lie: `folder`, or its own if it is elsewhere."""
        path = Path(name)
        if path.is_file() and not path.parent.resolve().is_relative_to(self.folder.resolve()):
            return path.parent
        return self.folder

    @property
    def listed(self) -> Catalogue | None:
        """The workflows that ``treadle.yaml`` lists; None where it lists none: then no name is checked."""
        return self.catalogue if self.deployment.workflows else None

    @cached_property
    def catalogue(self) -> Catalogue:
        """What steps may call: the workflows listed, and files below the `folder`."""
        from treadle._cli.catalogue import Listed

        return Listed(self)

    def beside(self, file: str, given: Iterable[str]) -> Catalogue | None:
        """The workflows beside *file* and among those *given* with it; None where nothing lies anywhere."""
        from treadle._cli.catalogue import Beside

        path = Path(file)
        return Beside(self, path, [*map(Path, given)]) if path.is_file() else None

    def worth_saying(self, problems: Iterable[Problem]) -> list[Problem]:
        """*problems* without the warnings that the deployment turns off."""
        off = self.deployment.off
        return [each for each in problems if each.severity == "error" or each.code not in off]

    @property
    def store(self) -> Settings[Store[Any]] | Literal["memory"]:
        """Where journals live; files of a store stand in `folder` unless their paths are absolute.

        Raises PluginError where nothing is said and there is no SQLite.
        """
        said = self.deployment.store
        if said == "memory":
            return said
        entry, config = self._default_store() if said is None else (said.entry, said.constant)
        return Settings(entry=entry, constant=_anchored(config, self.folder))

    def _default_store(self) -> tuple[Store[Any], Any]:
        name, path = DEFAULT_STORE
        entry = self.registry.stores.get(name)
        if entry is None:
            raise PluginError(
                f"{self.registry.missing('store', name)}; or write `store: memory` in treadle.yaml"
            )
        return entry, entry.config(path=str(path))


def _anchored(config: Any, folder: Path) -> Any:
    """The *config* of a store or a secret provider with its files in *folder*."""
    paths = {name: getattr(config, name) for name in file_settings(type(config))}
    changed = {name: str(folder / path) for name, path in paths.items() if path is not None}
    return attrs.evolve(config, **changed) if changed else config


def file_settings(config: type[Any]) -> list[str]:
    """The settings of a store or a secret provider that are files."""
    return [each.name for each in attrs.fields(config) if FILE_PATH.items() <= each.metadata.items()]


def open_project() -> Project:
    """The deployment file found upward from the working directory, checked; raises SpecError."""
    registry = Registry.installed()
    path = find_deployment(Path.cwd())
    if path is None:
        return Project(registry, Deployment())
    from treadle._spec.deploy import load_deployment  # most commands are given without such a file

    deployment, problems = load_deployment(read_file(path), name=_shown(path), registry=registry)
    if deployment is None or any(problem.severity == "error" for problem in problems):
        raise SpecError(problems)
    _require(registry, deployment, path)
    if deployment.secrets is not None:
        providers = (
            attrs.evolve(one, constant=_anchored(one.constant, path.parent)) for one in deployment.secrets
        )
        deployment = attrs.evolve(deployment, secrets=tuple(providers))
    if deployment.disable:
        registry = Registry.installed(without=deployment.disable)
    return Project(registry, deployment, path, tuple(problems))


def _require(registry: Registry, deployment: Deployment, path: Path) -> None:
    there = {name for plugin in registry.plugins for name in (plugin.name, plugin.distribution) if name}
    missing = [name for name in deployment.require if name not in there]
    if missing:
        raise SpecError(
            Problem(
                message=f"the plugin {name!r} is not installed here",
                fix="install its distribution",
                path="plugins.require",
                file=_shown(path),
                code="TRD093",
            )
            for name in missing
        )


def read_source(wanted: str, project: Project) -> tuple[bytes, str]:
    """The text of the spec that *wanted* names, and the name for its problems; raises SpecError.

    *wanted* is ``-`` for standard input, a path, or the name of a workflow of the deployment.
    """
    if wanted == "-":
        return read_stdin(), STDIN
    path = Path(wanted)
    if path.exists() or path.suffix in _SUFFIXES or len(path.parts) > 1:
        return read_file(path), wanted
    path = _by_name(wanted, project)
    return read_file(path), _shown(path)


def read_stdin() -> bytes:
    """All of standard input, and of more than the loader takes only so much that it refuses it."""
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def read_file(path: Path) -> bytes:
    """The bytes of *path*, cut off as by `read_stdin`; raises SpecError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        problem = Problem(message=f"cannot be read: {reason}", fix=_near(path), file=str(path), code="TRD090")
        raise SpecError([problem]) from None


def _near(path: Path) -> str:
    """A hint at a file of nearly that name."""
    try:
        names = [each.name for each in path.parent.iterdir()] if not path.exists() else []
    except (OSError, ValueError):
        names = []
    near = nearest(path.name, names)
    return f"did you mean {str(path.parent / near)!r}?" if near else "give the path of a spec"


def _shown(path: Path) -> str:
    """*path* as people would type it here."""
    try:
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        return str(path)


def _by_name(name: str, project: Project) -> Path:
    known = files_by_name(project)
    found = known.get(name, [])
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(_shown(path) for path in found)
        raise _unresolved(
            f"{both} are named {name!r}", "give the path of the one you mean", "TRD092", project
        )
    fix = did_you_mean(name, known) or f"known workflows: {', '.join(sorted(known)) or 'none'}"
    raise _unresolved(f"there is no file and no workflow named {name!r}", fix, "TRD091", project)


def files_by_name(project: Project) -> dict[str, list[Path]]:
    """The files that the deployment names, by the names of their workflows."""
    known: dict[str, list[Path]] = {}
    for path in _workflows(project):
        known.setdefault(name_of(path, project.registry), []).append(path)
    return known


def _unresolved(message: str, fix: str, code: str, project: Project) -> SpecError:
    file = _shown(project.path) if project.path else None
    return SpecError(
        [Problem(message=message, fix=fix, path="workflows" if file else "", file=file, code=code)]
    )


def _workflows(project: Project) -> Iterator[Path]:
    """The files that ``workflows`` of the deployment names: paths, folders and patterns, relative to it."""
    if project.path is None:
        return
    seen: set[Path] = set()
    for written in project.deployment.workflows:
        for path in _expand(project.path.parent, written):
            if path not in seen:
                seen.add(path)
                yield path


def _expand(root: Path, written: str) -> Iterable[Path]:
    path = root / written
    if path.is_dir():
        return sorted(filter(is_spec, path.iterdir()))
    if any(sign in written for sign in "*?["):
        return sorted(each for each in root.glob(written) if each.is_file())
    return [path]


def workflow_files(project: Project) -> list[str]:
    """The files that the deployment names, as people would type them here."""
    return [_shown(path) for path in _workflows(project)]


def specs_in(wanted: str) -> list[str]:
    """The specs in the folder *wanted* and those below it; none where it is no folder.

    Hidden folders are left out, and files that are something else: neither ``treadle`` nor ``steps`` is a
    key of theirs, or they hold templates to be imported.
    """
    root = Path(wanted)
    if not root.is_dir():
        return []
    found = []
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        paths = [Path(folder, name) for name in sorted(files)]
        found += [str(path) for path in paths if is_spec(path)]
    return found


def specs_beside(path: Path) -> list[Path]:
    """The specs in the folder of *path*, itself among them."""
    try:
        return [each for each in sorted(path.parent.iterdir()) if each.is_file() and is_spec(each)]
    except OSError:
        return [path]


def is_spec(path: Path) -> bool:
    """Whether a file of a folder is meant to be a spec."""
    if path.suffix not in _SUFFIXES or path.name == FILE_NAME:
        return False
    try:
        text = read_file(path)
    except SpecError:
        return True  # so that it is said why it cannot be read
    if not re.search(_SPEC_KEY, text):
        return False
    from treadle._spec.report import Report
    from treadle._spec.yaml import read_yaml

    root = read_yaml(text, Report(None))
    if root is None:
        return True  # what is wrong with it is for the loader to say
    keys = set(root.items) if root.is_mapping else set()
    library = "templates" in keys and keys.isdisjoint({"name", "steps"})
    return not library and not keys.isdisjoint({"treadle", "steps"})


def name_of(path: Path, registry: Registry) -> str:
    """The name a spec gives itself, whatever is wrong with the rest; that of its file where it gives none."""
    from treadle._spec import load_spec

    try:
        spec, _ = load_spec(read_file(path), name=str(path), registry=registry)
    except SpecError:
        spec = None
    return path.stem if spec is None or not spec.name else spec.name
