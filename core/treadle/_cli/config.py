"""``treadle config``: the settings in force, and where each comes from.

Rule: of secrets only the providers are shown, and of an address no password.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import click

from treadle._cli import terminal
from treadle.errors import SpecError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from treadle._cli.sources import Project
    from treadle.errors import Problem

DEFAULT = "default"
_PASSWORD = r"(?<=://)([^/@\s:]*):[^/@\s]*@"
_GROUPS = ("limits", "retention")
_DEFAULTS = {"sinks": ("console",), "secrets": ("env",)}


class Setting(NamedTuple):
    """One setting in force: plain data as a deployment file would write it, and what says so."""

    name: str
    value: Any
    origin: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def config(as_json: bool) -> int:
    """Show the settings in force, and where each of them comes from.

    That is a line of treadle.yaml, the environment, or a default. Of secrets only the providers are
    shown. The workflows that treadle.yaml names are listed with how many problems each has.
    """
    from treadle._cli.sources import open_project

    project = open_project()
    settings, workflows = list(_settings(project)), list(_workflows(project))
    if as_json:
        terminal.out_json(_data(project, settings, workflows))
    else:
        for line in _lines(project, settings, workflows):
            terminal.out(printable(line))
    return 0


# --- settings --------------------------------------------------------------------------------------


def _settings(project: Project) -> Iterator[Setting]:
    deployment = project.deployment
    yield Setting("store", _store(project), _origin(project, "store"))
    for name in _DEFAULTS:
        yield Setting(name, _uses(project, name), _origin(project, name))
    for name in _GROUPS:
        for key, value in _written(getattr(deployment, name)).items():
            yield Setting(f"{name}.{key}", value, _origin(project, f"{name}.{key}"))
    for key, most in deployment.limiters.items():
        yield Setting(f"limiters.{key}", most, _origin(project, f"limiters.{key}"))
    yield Setting("workflows", list(deployment.workflows), _origin(project, "workflows"))
    yield Setting("warnings.off", sorted(deployment.off), _origin(project, "warnings.off"))
    for key, names in (("disable", deployment.disable), ("require", deployment.require)):
        yield Setting(f"plugins.{key}", list(names), _origin(project, f"plugins.{key}"))
    debug = os.environ.get("TREADLE_DEBUG") == "1"
    yield Setting("tracebacks", debug, "environment: TREADLE_DEBUG" if debug else DEFAULT)


def _store(project: Project) -> Any:
    store = project.store
    return store if isinstance(store, str) else _use(store.entry.name, store.constant)


def _uses(project: Project, name: str) -> list[Any]:
    """The plugins of a key that takes a list of them."""
    said = getattr(project.deployment, name)
    if said is not None:
        return [_use(one.entry.name, one.constant) for one in said]
    return list(_DEFAULTS[name])


def _use(name: str, config: Any) -> Any:
    """A plugin and its settings as one would write them; its name alone where it has none."""
    settings = _written(config)
    return {name: settings} if settings else name


def _written(config: Any) -> dict[str, Any]:
    """The settings of *config* that have a value, as a deployment file would write them."""
    from treadle._schema.describe import as_written, settings_of

    fields = {each.alias: each.name for each in attrs.fields(type(config))}
    found = {}
    for setting in settings_of(type(config)):
        name = fields.get(setting.name) or fields[f"{setting.name}_"]
        found[setting.name] = _without_passwords(as_written(getattr(config, name), setting.annotation))
    return found


def _without_passwords(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(_PASSWORD, r"\1:***@", value)
    if isinstance(value, dict):
        return {key: _without_passwords(item) for key, item in value.items()}
    return [_without_passwords(item) for item in value] if isinstance(value, list) else value


def _origin(project: Project, name: str) -> str:
    place = project.deployment.places.get(name)
    if place is None:
        return DEFAULT
    return ":".join(str(part) for part in (place.file, place.line, place.column) if part is not None)


# --- workflows -------------------------------------------------------------------------------------


class _Workflow(NamedTuple):
    name: str
    file: str
    problems: Sequence[Problem]

    @property
    def told(self) -> str:
        """How many problems there are, and where to see them."""
        errors = sum(problem.severity == "error" for problem in self.problems)
        warnings = len(self.problems) - errors
        counts = ((errors, "error"), (warnings, "warning"))
        parts = [f"{count} {what}{'s' * (count > 1)}" for count, what in counts if count]
        return f"{', '.join(parts)}; see: treadle validate {self.file}" if parts else "ok"


def _workflows(project: Project) -> Iterator[_Workflow]:
    from treadle import loads
    from treadle._cli.sources import name_of, read_source, workflow_files

    for file in workflow_files(project):
        try:
            text, shown = read_source(file, project)
            found = loads(
                text,
                name=shown,
                registry=project.registry,
                root=project.root_for(shown),
                workflows=project.listed,
            )
            yield _Workflow(found.name, file, project.worth_saying(found.warnings))
        except SpecError as error:
            yield _Workflow(name_of(Path(file), project.registry), file, error.problems)


# --- telling ---------------------------------------------------------------------------------------


def _data(project: Project, settings: Sequence[Setting], workflows: Sequence[_Workflow]) -> dict[str, Any]:
    from treadle._cli.validate import problem_data

    return {
        "file": None if project.path is None else str(project.path),
        "folder": str(project.folder),
        "settings": {each.name: {"value": each.value, "from": each.origin} for each in settings},
        "workflows": [
            {"name": each.name, "file": each.file, "problems": [problem_data(one) for one in each.problems]}
            for each in workflows
        ],
        "plugins": [
            {
                "name": each.name,
                "distribution": each.distribution,
                "version": each.version,
                "disabled": each.disabled,
            }
            for each in project.registry.plugins
        ],
    }


def _lines(project: Project, settings: Sequence[Setting], workflows: Sequence[_Workflow]) -> Iterator[str]:
    yield f"deployment file: {project.path or 'none; everything has its default'}"
    yield ""
    yield from terminal.table(
        [("SETTING", "VALUE", "FROM"), *((each.name, _shown(each.value), each.origin) for each in settings)]
    )
    if workflows:
        yield ""
        rows = [(each.name, each.file, each.told) for each in workflows]
        yield from terminal.table([("WORKFLOW", "FILE", "PROBLEMS"), *rows])


def _shown(value: Any) -> str:
    """Plain data on one line, as YAML that one could write."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]" if value else "none"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_shown(item)}' for key, item in value.items())}}}"
    return "none" if value is None else json.dumps(value)
