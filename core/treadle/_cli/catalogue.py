"""The workflows that ``treadle.yaml`` names, for steps that call them; a file is read when it is called."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from treadle._catalogue import Unlisted, Workflows
from treadle._cli.sources import files_by_name
from treadle._workflow import load_called

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
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
