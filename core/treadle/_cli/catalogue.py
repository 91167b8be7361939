"""The workflows that steps may call: those that ``treadle.yaml`` names, or else those beside the caller.

Rule: a file is read when it is called, or when its name is wanted.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from treadle._catalogue import Unlisted, Unsure, Workflows
from treadle._cli.sources import files_by_name, name_of, specs_beside
from treadle._near import did_you_mean
from treadle._workflow import load_called

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from treadle import Workflow
    from treadle._cli.sources import Project


class Listed(Workflows):
    """The workflows of *project*. Every file is looked into for its name, once somebody asks for one."""

    def __init__(self, project: Project) -> None:
        super().__init__({}, partial(load_called, registry=project.registry), project.folder)
        self._project = project

    @cached_property
    def _by_name(self) -> Workflows:
        files = files_by_name(self._project)
        return Workflows({name: self._giving(name, paths) for name, paths in files.items()}, self._load)

    def names(self) -> Collection[str]:
        """Those that can be called by name."""
        return self._by_name.names()

    def named(self, name: str) -> Workflow:
        """See `Catalogue.named`."""
        return self._by_name.named(name)

    def _giving(self, name: str, paths: list[Path]) -> Callable[[], Workflow]:
        def give() -> Workflow:
            if len(paths) > 1:
                both = " and ".join(map(str, paths))
                raise Unlisted(f"{both} are both named {name!r}; give one of them another name")
            return self._load(paths[0], self._project.folder)

        return give


class Beside(Workflows):
    """The workflows in the folder of *caller* and those *given* with it, where none are listed.

    What calls workflows by their names finds them in a list only. So a name that no file beside the caller
    has is wrong; where there are no such files, or two of that name, nothing is known of it.
    """

    def __init__(self, project: Project, caller: Path, given: Sequence[Path]) -> None:
        super().__init__({}, partial(load_called, registry=project.registry))
        self._project = project
        self._caller = caller
        self._given = given

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """By name; each file once."""
        paths = {
            each.resolve(): each for each in (*specs_beside(self._caller), *self._given) if each.is_file()
        }
        found: dict[str, list[Path]] = {}
        for path in paths.values():
            found.setdefault(name_of(path, self._project.registry), []).append(path)
        return found

    def names(self) -> Collection[str]:
        """Those that can be called by name."""
        return self._files.keys()

    def named(self, name: str) -> Workflow:
        """See `Catalogue.named`."""
        found = self._files.get(name, [])
        if len(found) == 1:
            return self._load(found[0], self._project.root_for(str(found[0])))
        if found or sum(map(len, self._files.values())) < 2:
            raise Unsure(name)
        there = f"beside this file there is {', '.join(sorted(self._files))}; treadle.yaml can list others"
        fix = did_you_mean(name, self._files) or there
        raise Unlisted(f"no workflow {name!r} is known here; {fix}")
