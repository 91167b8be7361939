"""Whether what runs really gave is what the type checker had said it would be.

Rule 1: the checker's own types are compared, those that it judges every expression by; none is made here.
Rule 2: of `ANY` nothing was said, so nothing of it is a lie, not even that it is not there.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle._catalogue import Calls
from treadle._engine.engine import Engine
from treadle._engine.evaluate import Evaluation
from treadle._expr import Template
from treadle._expr.types import mapping_of
from treadle._expr.values import identity, kind_of
from treadle._frontier import ABSENT
from treadle._plan.calls import check_calls
from treadle._plan.checks import _Checker
from treadle._plan.lexical import Scopes
from treadle._plan.problems import Problems
from treadle._workflow import load_called

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    import treadle
    from treadle._catalogue import WorkflowsLike
    from treadle._expr import Expression
    from treadle._expr.types import Type
    from treadle._model import StepSpec

_ELEMENT = re.compile(r"\.\d+(#\d+)?$")


def lies(value: Any, type_: Type, at: str = "it") -> Iterator[str]:
    """Where *value* is not what *type_* says of it; `ABSENT` for none."""
    if value is ABSENT:
        if not (type_.absent or type_.is_any or type_.is_never):
            yield f"{at} is not there, and was to be {type_}"
        return
    kind = kind_of(value)
    choices = type_.choices
    if kind not in type_.kinds or (choices is not None and identity(value) not in map(identity, choices)):
        yield f"{at} is {value!r:.60}, and was to be {type_}"
    elif kind == "number" and type_.whole and type(value) is not int:
        yield f"{at} is {value!r}, and was to be whole"
    elif kind == "list" and type_.item is not None:
        for index, item in enumerate(value):
            yield from lies(item, type_.item, f"{at}[{index}]")
    elif kind == "mapping" and type_.fields is not None:
        yield from _in_fields(value, type_, at)


def _in_fields(value: dict[str, Any], type_: Type, at: str) -> Iterator[str]:
    assert type_.fields is not None
    if not type_.open:
        yield from (
            f"{at} has {key!r}, of which nothing was said" for key in value if key not in type_.fields
        )
    for key, field in type_.fields.items():
        yield from lies(value.get(key, ABSENT), field, f"{at}.{key}")


class Inferred:
    """What the checker says of a workflow's values.

    Attributes:
      checker: after it has seen all of the spec.
      outputs: what the workflow's outputs are, as one mapping.
    """

    def __init__(self, workflow: treadle.Workflow, workflows: WorkflowsLike | None = None) -> None:
        plan, spec = workflow.plan, workflow.spec
        found = Problems()
        lookup = _calls(workflow, workflows).lookup(spec, _load(workflow))
        called = {} if lookup is None else check_calls(spec, lookup, found)
        self.plan = plan
        self.checker = _Checker(spec, Scopes.of(spec), list(plan.blocks), found, (), called)
        self.checker.workflow()
        self.outputs = mapping_of({name: self.checker._value(value) for name, value in spec.outputs.items()})
        self._whole: dict[str, list[Type]] = {}
        self._each: dict[str, list[Type]] = {}
        for block, each in enumerate(plan.blocks):
            for index, step in enumerate(each.steps):
                self._whole.setdefault(step.path, []).append(self.checker.types.outputs[block, index])
                self._each.setdefault(step.path, []).append(self.checker._output(step))

    def of_step(self, path: str) -> list[Type]:
        """What the step, or element of one, at *path* gives; one type a branch that has such a path."""
        step = self._resolved(path)
        return (self._each if _ELEMENT.search(path) else self._whole)[step.path]

    def _resolved(self, path: str) -> StepSpec:
        step = self.plan.resolve(path)
        assert step is not None, path
        return step

    def lies_of(self, state: treadle.RunState) -> list[str]:
        """Every lie about what the steps of a run gave, and the run itself.

        Steps that a person completed are none of the checker's: their output is the person's.
        """
        found = []
        for path, step in state.steps.items():
            if step.status == "completed" and step.error is None:
                value = ABSENT if step.output is None else step.output
                by_branch = [list(lies(value, type_, path)) for type_ in self.of_step(path)]
                found += min(by_branch, key=len)
        if state.status == "completed":
            found += lies(state.outputs, self.outputs, "outputs")
        return found

    def lies_about(self, seen: Recorded) -> list[str]:
        """Every lie about a value that an expression had in a run."""
        found = []
        for text, value in seen.values:
            if isinstance(text, Template) and (type_ := self.checker._inferred.get(id(text))) is not None:
                found += lies(value, type_, text.source)
        return found


def _calls(workflow: treadle.Workflow, workflows: WorkflowsLike | None) -> Calls:
    source = workflow.source
    if source is None:
        return Calls(None, None, workflows)
    return Calls(str(Path(source["root"], source["file"])), source["root"], workflows)


def _load(workflow: treadle.Workflow) -> Any:
    return lambda path, root: load_called(path, root, workflow.registry)


class Recorded:
    """The values of the expressions of runs, and the errors of those that had none."""

    def __init__(self) -> None:
        self.values: list[tuple[Expression | Template, Any]] = []
        self.failed: list[tuple[Expression | Template, str]] = []


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """Whatever is evaluated in the meantime."""
    seen = Recorded()
    evaluate = Evaluation.value

    def value(self: Evaluation, expression: Any, *args: Any, **more: Any) -> Any:
        try:
            found = evaluate(self, expression, *args, **more)
        except Exception as error:
            seen.failed.append((expression, str(error)))
            raise
        seen.values.append((expression, found))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Evaluation, "value", value)
        yield seen


@contextmanager
def no_lies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever runs in the meantime gives what was said of it, but for what people give in place of steps."""
    started: list[tuple[treadle.Workflow, treadle.Run]] = []
    start = Engine.start

    async def noted(self: Engine, workflow: treadle.Workflow, *args: Any, **more: Any) -> treadle.Run:
        run = await start(self, workflow, *args, **more)
        started.append((workflow, run))
        return run

    with monkeypatch.context() as patched, recorded(monkeypatch) as seen:
        patched.setattr(Engine, "start", noted)
        yield
    found: list[str] = []
    for workflow, run in started:
        events = run._driven.history
        if not any("output" in event.data for event in events if event.type == "step.resolved"):
            inferred = Inferred(workflow)
            found += [*inferred.lies_of(run.state()), *inferred.lies_about(seen)]
    assert found == []
