"""A workflow: a spec that has passed every check, ready to be run any number of times."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from treadle._catalogue import Calls
from treadle._kinds import Ask
from treadle._plan.plan import Plan, compile_plan
from treadle._plan.strategies import may_decide
from treadle._registry import Registry
from treadle.errors import Problem, SpecError

if TYPE_CHECKING:
    from treadle._catalogue import WorkflowsLike
    from treadle._model import Input, Spec
    from treadle._spec.imports import Opened, OpenImport


@attrs.frozen(eq=False, repr=False)
class Workflow:
    """A checked spec.

    Attributes:
      warnings: what may run but looks wrong.
      registry: the plugins it was checked with.
      source: where its file stands, for those it calls: ``root`` and, relative to that, ``file``; None where
        it was read from no file, or calls none.
    """

    plan: Plan = attrs.field(repr=False)
    warnings: tuple[Problem, ...] = attrs.field(repr=False)
    registry: Registry = attrs.field(repr=False)
    source: Mapping[str, str] | None = attrs.field(default=None, repr=False)

    @property
    def spec(self) -> Spec:
        """The spec as structured."""
        return self.plan.spec

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name

    @property
    def inputs(self) -> Mapping[str, Input]:
        """The inputs it declares, by name."""
        return self.spec.inputs

    @cached_property
    def limiters(self) -> frozenset[str]:
        """The limiters its steps use."""
        return frozenset(
            step.limit for block in self.spec.blocks for step in block.steps if step.limit is not None
        )

    @cached_property
    def open_questions(self) -> tuple[str, ...]:
        """Paths of steps that may wait for a person without a timeout; empty text is the workflow itself."""
        asking = [("", self.plan.strategy)]
        for block in self.plan.blocks:
            asking += [
                (step.path, strategy) for step, strategy in zip(block.steps, block.strategies, strict=True)
            ]
        return tuple(
            path
            for path, strategy in asking
            if any(isinstance(one, Ask) and one.timeout is None for one in may_decide(strategy) or ())
        )


def load(
    path: str | Path,
    *,
    registry: Registry | None = None,
    root: str | Path | None = None,
    workflows: WorkflowsLike | None = None,
) -> Workflow:
    """The workflow in a file of YAML or JSON.

    Args:
      root: the folder that the files it imports or calls lie in, at whatever depth; that of the nearest
        ``treadle.yaml`` above the file unless given, and the file's own without one.
      workflows: those that it may call by name, so that its calls are checked; as of `open_engine`. Calls of
        files are checked anyway.

    Raises:
      SpecError: with every problem, each at its place.
      OSError: the file cannot be read.
    """
    return _loads(
        Path(path).read_bytes(),
        str(path),
        registry,
        partial(_open_import, str(path), root),
        Calls(str(path), root, workflows),
    )


def loads(
    text: str | bytes,
    *,
    name: str = "<text>",
    registry: Registry | None = None,
    root: str | Path | None = None,
    workflows: WorkflowsLike | None = None,
) -> Workflow:
    """The workflow in *text*; *name* is what problems call it.

    Args:
      root: as of `load`. Without one, nothing can be imported. Imports are relative to the folder of *name*
        where that is a file, and to the root otherwise.
      workflows: as of `load`.

    Raises:
      SpecError: with every problem, each at its place.
    """
    imports = partial(_open_import, name, root) if root is not None else None
    return _loads(text, name, registry, imports, Calls(name, root, workflows))


def _loads(
    text: str | bytes,
    name: str,
    registry: Registry | None,
    open_import: OpenImport | None,
    calls: Calls | None,
) -> Workflow:
    from treadle._spec import load_spec

    plugins = registry or Registry.installed()
    return _checked(*load_spec(text, name=name, registry=plugins, open_import=open_import), plugins, calls)


def load_called(path: Path, root: Path, registry: Registry | None) -> Workflow:
    """The workflow in a file that another one calls; what it calls itself is not looked at."""
    found = _loads(path.read_bytes(), str(path), registry, partial(_open_import, str(path), root), None)
    return attrs.evolve(found, source=Calls(str(path), root, None).source(found.spec))


def _open_import(name: str, root: str | Path | None, written: str, importer: str | None) -> Opened:
    from treadle._roots import open_import

    return open_import(name, None if root is None else Path(root), written, importer)


def from_data(
    data: Mapping[str, Any],
    *,
    name: str | None = None,
    registry: Registry | None = None,
    workflows: WorkflowsLike | None = None,
) -> Workflow:
    """The workflow that *data* describes, as YAML would; problems have paths instead of positions.

    *workflows*: as of `load`.

    Raises:
      SpecError: with every problem.
    """
    from treadle._spec import spec_from_data

    plugins = registry or Registry.installed()
    return _checked(*spec_from_data(data, name=name, registry=plugins), plugins, Calls(None, None, workflows))


def _checked(spec: Spec | None, problems: list[Problem], registry: Registry, calls: Calls | None) -> Workflow:
    plan = None
    if spec is not None:
        lookup = None if calls is None else calls.lookup(spec, partial(load_called, registry=registry))
        plan, problems = compile_plan(spec, registry.strategies, problems, lookup=lookup)
    if plan is None:
        raise SpecError(_once(problems))
    return Workflow(plan, tuple(problems), registry, None if calls is None else calls.source(plan.spec))


def _once(problems: list[Problem]) -> list[Problem]:
    """*problems* without what was said of the same place before, as of a template that is used twice."""
    each: dict[Any, Problem] = {}
    for problem in problems:
        path = problem.path if problem.line is None else None
        place = (problem.file, problem.line, problem.column, path)
        each.setdefault((place, problem.code, problem.message), problem)
    return list(each.values())
