"""Where a spec reads values: every expression and template, with its place.

Rule 1: inference of needs and checks of names walk the same reads, so neither can miss one.
Rule 2: a read belongs to one step or to the workflow; the steps of nested blocks have reads of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from treadle._expr import Expression, Reference, Template
from treadle._places import Place

if TYPE_CHECKING:
    from treadle._expr import Functions
    from treadle._model import Spec, StepSpec
    from treadle._settings import Settings

ReadKind = Literal[
    "when",
    "foreach",
    "max_parallel",
    "settings",
    "given",
    "env",
    "repeat.until",
    "retry.if",
    "on_error",
    "workflow env",
    "workflow max_parallel",
    "concurrency",
    "vars",
    "outputs",
]


@attrs.frozen(eq=False, repr=False)
class Read:
    """One expression or template of a spec.

    Attributes:
      secrets: whether secrets may be read there.
      key: of ``env``, ``vars`` or ``outputs``: the name whose value it is.
      wanted: of ``settings``: the annotation that its value must fit; of ``given``: the declaration.
      added: names that mean something there alone, as ``output`` in ``match`` of a signal.
      under: of ``given``: the path of the step, inside which it is read again as part of others.
    """

    kind: ReadKind
    place: Place
    text: Expression | Template
    secrets: bool = False
    key: str | None = None
    added: frozenset[str] = frozenset()
    wanted: Any = Any
    under: str = ""

    @property
    def references(self) -> tuple[Reference, ...]:
        """The names it reads."""
        return self.text.references

    @property
    def functions(self) -> Functions:
        """Those that it may call."""
        expressions = self.text.expressions if isinstance(self.text, Template) else (self.text,)
        return expressions[0].functions if expressions else {}


_OUTPUT = frozenset({"output"})


def templates_in(value: Any, path: str) -> Iterator[tuple[str, Template]]:
    """The templates in plain data at *path*, each with its own path, in the order of the text."""
    if isinstance(value, Template):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from templates_in(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from templates_in(item, f"{path}[{index}]")


def expressions_of(step: StepSpec) -> Iterator[Read]:
    """The reads of *step* itself, without those of the blocks in it."""
    if step.when is not None:
        yield Read("when", _place(step.places, "when"), step.when)
    if step.foreach is not None:
        for at, template in templates_in(step.foreach, "foreach"):
            yield Read("foreach", _place(step.places, at, "foreach"), template)
    if isinstance(step.max_parallel, Template):
        yield Read("max_parallel", _place(step.places, "max_parallel"), step.max_parallel)
    yield from _settings("settings", step.settings)
    for argument in step.given:
        for place, template in argument.holes:
            under = _place(step.places, "").path
            yield Read("given", place, template, secrets=True, wanted=argument.declared, under=under)
    if step.env:
        yield from _env("env", step.env, step.places)
    if step.repeat is not None:
        yield Read("repeat.until", _place(step.places, "repeat.until", "repeat"), step.repeat.until)
    if step.retry is not None and step.retry.condition is not None:
        yield Read("retry.if", _place(step.places, "retry.if", "retry"), step.retry.condition)
    if step.on_error is not None:
        yield from _settings("on_error", step.on_error)


def _settings(kind: ReadKind, settings: Settings[Any]) -> Iterator[Read]:
    for hole in settings.holes:
        secrets = hole.secrets_allowed and kind == "settings"
        yield Read(kind, hole.place, hole.template, secrets, wanted=hole.wanted)
    for place, expression in settings.written:
        sees_output = any(expression is one for one in settings.see_output)
        yield Read(kind, place, expression, added=_OUTPUT if sees_output else frozenset())


def expressions_of_workflow(spec: Spec) -> Iterator[Read]:
    """The reads that belong to no step: ``vars``, ``env``, ``outputs``, and the workflow's own settings."""
    if spec.concurrency is not None and isinstance(spec.concurrency.key, Template):
        place = _place(spec.places, "concurrency.key", "concurrency")
        yield Read("concurrency", place, spec.concurrency.key)
    for key, value in spec.vars.items():
        for at, template in templates_in(value, f"vars.{key}"):
            yield Read("vars", _place(spec.places, at, f"vars.{key}", "vars"), template, key=key)
    yield from _env("workflow env", spec.env, spec.places)
    for key, value in spec.outputs.items():
        for at, template in templates_in(value, f"outputs.{key}"):
            place = _place(spec.places, at, f"outputs.{key}", "outputs")
            yield Read("outputs", place, template, key=key)
    if isinstance(spec.blocks[0].max_parallel, Template):
        place = _place(spec.places, "max_parallel")
        yield Read("workflow max_parallel", place, spec.blocks[0].max_parallel)
    if spec.on_error is not None:
        yield from _settings("on_error", spec.on_error)


def _env(kind: ReadKind, env: Mapping[str, Any], places: Mapping[str, Place]) -> Iterator[Read]:
    for key, value in env.items():
        for at, template in templates_in(value, f"env.{key}"):
            yield Read(kind, _place(places, at, "env"), template, secrets=True, key=key)


def _place(places: Mapping[str, Place], *keys: str) -> Place:
    """Where the first of *keys* stands that has a place; else where the whole does."""
    for key in (*keys, ""):
        if key in places:
            return places[key]
    return Place(keys[0])
