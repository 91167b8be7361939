"""A spec made ready to run: who needs whom, which strategy is in force, every name resolved.

Rule 1: a Plan is immutable and shared by all runs of its spec.
Rule 2: all problems come at once, in the order of the text; a Plan exists only if none is an error.
Rule 3: iterative throughout, and linear in steps and needs: a chain of 100,000 steps is no special case.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from treadle._model import Spec, StepSpec
from treadle._plan.absent import Settling, settled
from treadle._plan.blocks import AtLeastPlan, BlockPlan, NeedPlan
from treadle._plan.calls import check_calls
from treadle._plan.lexical import Scopes
from treadle._plan.limiters import check_limiters
from treadle._plan.lint import warnings_of
from treadle._plan.names import check_names
from treadle._plan.needs import resolve_needs
from treadle._plan.problems import Problems
from treadle._plan.reads import expressions_of, expressions_of_workflow
from treadle._plan.strategies import InForce, effective_strategies, workflow_strategy
from treadle.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from treadle._expr import Expression, Template
    from treadle._expr.types import Type
    from treadle._kinds import Strategy
    from treadle._places import Place
    from treadle._plan.calls import Call, Lookup

__all__ = ["CODES", "AtLeastPlan", "BlockPlan", "NeedPlan", "Plan", "compile_plan", "output_types"]

CODES: Mapping[str, str] = {
    "TRD331": "`needs` names a step that does not exist",
    "TRD332": "a step needs itself",
    "TRD333": "`needs` names a step of another block",
    "TRD334": "`needs` waits for a failure that cannot be seen",
    "TRD335": "`needs` waits for a skip that cannot happen",
    "TRD336": "steps need each other in a circle",
    "TRD337": "a strategy that rolls the run back stands in `undo` or `finally`",
    "TRD338": "a limiter inside another",
    "TRD351": "a workflow is called that is not there",
    "TRD352": "a workflow is called that has mistakes itself",
    "TRD353": "a workflow is given an input that it does not declare",
    "TRD354": "a workflow is given an input that it cannot take",
    "TRD355": "a workflow is not given an input that it needs",
    "TRD361": "two rules of a table that takes one hold at the same time",
    "TRD362": "a table in which no rule holds for some inputs",
    "TRD363": "a rule of a table that can never be taken",
    "TRD410": "an expression uses a name that does not exist",
    "TRD411": "an expression uses a name that means nothing where it stands",
    "TRD412": "an expression reads a step that does not exist",
    "TRD413": "an expression reads a step of another block",
    "TRD414": "an expression reads the step it belongs to",
    "TRD415": "an expression reads a later step of a list",
    "TRD416": "an expression reads a step that starts at the same time",
    "TRD417": "an expression reads something of a step that steps do not have",
    "TRD418": "an expression reads an input that is not declared",
    "TRD419": "an expression reads a variable that is not declared, or not yet",
    "TRD420": "an expression reads an environment variable that is not declared",
    "TRD421": "an expression reads a field that `run` or an error does not have",
    "TRD422": "`finally` reads the output of a step without `default`",
    "TRD430": "a field that a value does not have",
    "TRD431": "an operator with a value that it does not take",
    "TRD432": "a condition that is not true or false",
    "TRD433": "a comparison that has always the same result",
    "TRD434": "a value that may be absent, without `default`",
    "TRD435": "a value that may be null, where null is not taken",
    "TRD436": "a list or a mapping within text",
    "TRD437": "a function with a value that it does not take",
    "TRD438": "a value that does not fit what it is for",
    "TRD502": "a secret is read where its value would be shown",
    "TRD503": "secrets are read as a whole",
    "TRD901": "three or more steps run together although nothing says so",
    "TRD902": "an input that is read nowhere",
    "TRD903": "a step that can never run",
    "TRD904": "a variable, secret or template that is used nowhere",
    "TRD905": "an error that `retry` waits for and nothing has, near to one that there is",
}
"""Every kind of problem that compiling a plan can find, beside TRD501, which loading can find too."""

_ELEMENT_OR_ROUND = r"\.\d+(?=\.|#|$)|#\d+(?=\.|$)"


@attrs.frozen(eq=False, repr=False)
class Plan:
    """A compiled workflow.

    Attributes:
      blocks: by `Block.index`, as `Spec.blocks`; 0 is ``steps``.
      strategy: the workflow's own, which the expiry of its timeout is put to.
      warnings: what may run but looks wrong.
    """

    spec: Spec
    blocks: tuple[BlockPlan, ...]
    strategy: InForce
    warnings: tuple[Problem, ...] = ()

    @cached_property
    def paths(self) -> Mapping[str, StepSpec]:
        """Every step by its static path; of two branches that use the same path, the first."""
        paths: dict[str, StepSpec] = {}
        for block in self.spec.blocks:
            for step in block.steps:
                paths.setdefault(step.path, step)
        return paths

    def place_of(self, text: Expression | Template) -> Place | None:
        """Where an expression or template of this plan stands."""
        return self._places.get(id(text))

    @cached_property
    def _places(self) -> Mapping[int, Place]:
        """Asked for only when something failed; the texts live as long as the plan."""
        reads = [*expressions_of_workflow(self.spec)]
        for block in self.spec.blocks:
            for step in block.steps:
                reads += expressions_of(step)
        return {id(read.text): read.place for read in reads}

    def resolve(self, path: str) -> StepSpec | None:
        """The step that a run's *path* names, whatever the element and round: ``push.2.verify#3``."""
        return self.paths.get(re.sub(_ELEMENT_OR_ROUND, "", path))


def compile_plan(
    spec: Spec,
    strategies: Mapping[str, Strategy[Any]] | None = None,
    found: Sequence[Problem] = (),
    *,
    lookup: Lookup | None = None,
) -> tuple[Plan | None, list[Problem]]:
    """The plan of *spec*, or None if a problem is an error; warnings are among the problems too.

    Args:
      strategies: the installed error strategies by name, for ``fail_fast`` and ``fail_late``, which are
        in force where a spec names none.
      found: the problems of loading *spec*, which may then be there in part; they come out with the rest.
      lookup: what the steps that call workflows call; unless given, that is not judged.
    """
    scopes = Scopes.of(spec)
    problems = Problems()
    in_force = effective_strategies(spec, scopes, strategies or {}, problems)
    blocks = resolve_needs(spec, scopes, in_force, problems)
    refused = check_names(spec, scopes, problems)
    check_limiters(spec, scopes, problems)
    called = {} if lookup is None else check_calls(spec, lookup, problems)
    settling = _checked(spec, scopes, blocks, problems, refused, called)
    if found or problems.found:
        each = dict.fromkeys((*found, *problems.found))
        return None, sorted(each, key=lambda problem: (problem.line or 0, problem.column or 0))
    warnings = warnings_of(spec, blocks, settling)
    return Plan(spec, tuple(blocks), workflow_strategy(spec, strategies or {}), tuple(warnings)), warnings


def _checked(
    spec: Spec,
    scopes: Scopes,
    blocks: list[BlockPlan],
    problems: Problems,
    refused: Collection[int],
    called: Mapping[int, Call],
) -> Settling:
    """How the steps can settle, once every expression is checked by type."""
    if not called and _is_written_out(spec):
        return settled(blocks)
    from treadle._plan.checks import check_types  # much to import, and nothing to do without expressions

    return check_types(spec, scopes, blocks, problems, refused, called)[0]


def _is_written_out(spec: Spec) -> bool:
    """Whether nothing in *spec* has to be evaluated, and no block stands inside another."""
    return not any(expressions_of_workflow(spec)) and not any(
        step.settings.constant is None
        or step.blocks
        or step.undo is not None
        or step.given
        or step.partial
        or any(expressions_of(step))
        for block in spec.blocks
        for step in block.steps
    )


def output_types(plan: Plan, lookup: Lookup | None) -> Mapping[str, Type]:
    """What the outputs of *plan* are, by name; *lookup* as of `compile_plan`. Nothing is reported."""
    from treadle._plan.checks import check_types  # see `_checked`

    spec, problems = plan.spec, Problems()
    called = {} if lookup is None else check_calls(spec, lookup, problems)
    return check_types(spec, Scopes.of(spec), list(plan.blocks), problems, (), called)[1]
