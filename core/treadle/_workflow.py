"""A workflow: a spec that has passed every check, ready to be run any number of times."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from treadle._kinds import Ask
from treadle._plan.plan import Plan, compile_plan
from treadle._plan.strategies import may_decide
from treadle._registry import Registry
from treadle.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._model import Input, Spec


@attrs.frozen(eq=False, repr=False)
class Workflow:
    """A checked spec.

    Attributes:
      warnings: what may run but looks wrong.
      registry: the plugins it was checked with.
    """

    plan: Plan = attrs.field(repr=False)
    warnings: tuple[Problem, ...] = attrs.field(repr=False)
    registry: Registry = attrs.field(repr=False)

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


def load(path: str | Path, *, registry: Registry | None = None) -> Workflow:
    """The workflow in a file of YAML or JSON.

    Raises:
      SpecError: with every problem, each at its place.
      OSError: the file cannot be read.
    """
    return loads(Path(path).read_bytes(), name=str(path), registry=registry)


def loads(text: str | bytes, *, name: str = "<text>", registry: Registry | None = None) -> Workflow:
    """The workflow in *text*; *name* is what problems call it.

    Raises:
      SpecError: with every problem, each at its place.
    """
    from treadle._spec import load_spec

    plugins = registry or Registry.installed()
    return _checked(*load_spec(text, name=name, registry=plugins), plugins)


def from_data(
    data: Mapping[str, Any], *, name: str | None = None, registry: Registry | None = None
) -> Workflow:
    """The workflow that *data* describes, as YAML would; problems have paths instead of positions.

    Raises:
      SpecError: with every problem.
    """
    from treadle._spec import spec_from_data

    plugins = registry or Registry.installed()
    return _checked(*spec_from_data(data, name=name, registry=plugins), plugins)


def _checked(spec: Spec | None, problems: list[Problem], registry: Registry) -> Workflow:
    plan = None
    if spec is not None:
        plan, problems = compile_plan(spec, registry.strategies, problems)
    if plan is None:
        raise SpecError(problems)
    return Workflow(plan, tuple(problems), registry)
