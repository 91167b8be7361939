"""The types that settings of plugins are made of, besides Python's own."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Never, get_origin

import attrs

from treadle._expr import Expression
from treadle._values import Value


@attrs.frozen(eq=False, repr=False)
class Unit(Value):
    """Marks a number that is written with a unit: ``duration`` (as ``1h30m``) or ``size`` (as ``1MiB``)."""

    kind: Literal["duration", "size"]


@attrs.frozen(eq=False, repr=False)
class SecretMark(Value):
    """Marks text that names a declared secret."""


@attrs.frozen(eq=False, repr=False)
class Words(Value):
    """Marks the words of a command: a list, or text split into words before values are put in."""


@attrs.frozen(eq=False, repr=False)
class BlockForm(Value):
    """How a `Block` setting reads a list: ``sequence``, in order, or ``together``, all at once.

    Attributes:
      list_means: what a list is.
      mapping: whether a mapping of steps is taken too.
      body: whether one step alone is taken too; its id is the setting's key.
    """

    list_means: Literal["sequence", "together"] = "sequence"
    mapping: bool = True
    body: bool = False


@attrs.frozen(eq=False, repr=False)
class Fields:
    """What a person is to fill in: a setting declared as ``inputs`` are, to be handed to `Step.wait_for`.

    Attributes:
      declared: by name, as plain data: ``{type, required, default, …}``, without what is as usual.
    """

    declared: Mapping[str, Mapping[str, Any]]


@attrs.frozen(eq=False, repr=False)
class Lazy:
    """A setting that is any value, left unevaluated: `Step.evaluate` gives the value when the step wants it.

    Attributes:
      tree: plain data; its leaves may be templates.
    """

    tree: Any


@attrs.frozen(eq=False, repr=False)
class ValueOf(Value):
    """Marks an output, or a field of one, that is the value of the setting *field*, as given."""

    field: str


@attrs.frozen(eq=False, repr=False, init=False)
class OutputsOf(Value):
    """Marks an output that maps ids of steps to their outputs: of the block, among these settings, that ran.

    Null where one of the settings may be left out and is.
    """

    fields: tuple[str, ...]

    def __init__(self, *fields: str) -> None:
        self.__attrs_init__(fields)


@attrs.frozen(eq=False, repr=False, init=False)
class OneOf(Value):
    """Marks an output that is the value of one of the `Lazy` settings among these, or within them.

    Attributes:
      listed: a setting, and what it is where the output is a list of such values.
    """

    fields: tuple[str, ...]
    listed: tuple[str, Any] | None = None

    def __init__(self, *fields: str, listed: tuple[str, Any] | None = None) -> None:
        self.__attrs_init__(fields, listed)


@attrs.frozen(eq=False, repr=False)
class FieldsOf(Value):
    """Marks an output that has a value for each of the `Fields` of the setting *field*."""

    field: str


@attrs.frozen(eq=False, repr=False, init=False)
class OnlyIf(Value):
    """Marks a field of an output that is there if the setting *field* is one of *values*; otherwise null."""

    field: str
    values: tuple[Any, ...]

    def __init__(self, field: str, *values: Any) -> None:
        self.__attrs_init__(field, values)


Seconds = Annotated[float, Unit("duration")]
"""A duration: seconds in code, always with a unit in a spec."""

Bytes = Annotated[int, Unit("size")]
"""A size: bytes in code; in a spec a number of bytes or text as ``64KiB``."""

SecretName = Annotated[str, SecretMark()]
"""The name of a secret that the workflow declares; `Step.secret` gives its value."""

Argv = Annotated[tuple[str, ...], Words()]
"""A program and its arguments. A value put in is always one word, or part of one."""

Expr = Expression
"""A setting that is left unevaluated: `Step.evaluate` gives its value when the step wants it."""

NO_SECRETS: Mapping[str, bool] = {"treadle_secrets": False}
"""Field metadata: ``attrs.field(metadata=NO_SECRETS)`` refuses secrets in this setting, as in argv."""

NO_TEMPLATES: Mapping[str, bool] = {"treadle_templates": False}
"""Field metadata: this setting is taken as written, and ``${{ }}`` in it is refused, as in a script."""


SEES_OUTPUT: Mapping[str, bool] = {"treadle_sees_output": True}
"""Field metadata: the `Expr` in this setting may read ``output``, which `Step.evaluate` must be given."""


CONDITION: Mapping[str, bool] = {"treadle_condition": True}
"""Field metadata: the `Expr` in this setting must be true or false."""


def where(field: str) -> Mapping[str, Any]:
    """Field metadata: the `Block` in this setting runs only where the `Expr` in *field* was true."""
    return {"treadle_where": (field, True)}


def where_not(field: str) -> Mapping[str, Any]:
    """Field metadata: the `Block` in this setting runs only where the `Expr` in *field* was false."""
    return {"treadle_where": (field, False)}


def rules(
    condition: str, *, otherwise: str | None = None, hit: str | None = None, must_hold: bool = False
) -> Mapping[str, Any]:
    """Field metadata: this setting is a list of rules, a decision table, which can be checked before a run.

    Args:
      condition: the field of a rule that has its `Expr`.
      otherwise: the setting for where no rule holds.
      hit: the setting that says which rules count: ``first`` (also unless given), ``unique`` or ``collect``.
      must_hold: it is a failure if no rule holds and there is no *otherwise*, but with ``collect``.
    """
    return {TABLE: (condition, otherwise, hit, must_hold)}


TABLE = "treadle_table"
"""The key of the metadata that `rules` gives."""

CALLED = "treadle_called"
"""The key of the metadata that `called` gives."""


def called(part: Literal["name", "file", "inputs", "detach"]) -> Mapping[str, str]:
    """Field metadata: this setting is that argument of `Step.run_workflow`, and can be checked before."""
    return {CALLED: part}


def calls(config: type[Any]) -> bool:
    """Whether steps with these settings call workflows."""
    return any(CALLED in each.metadata for each in attrs.fields(config))


FILE_PATH: Mapping[str, bool] = {"treadle_path": True}
"""Field metadata: this setting of a store or a secret provider is a file or a folder; in a deployment file,
relative to that file."""


def is_free(output: Any) -> bool:
    """Whether what `StepType.output` declares lets a step type return any plain data."""
    return output is Any or output is Never or get_origin(output) is Annotated


def key_of(field: str) -> str:
    """The key that a spec writes for the *field* of a config class: ``for`` for ``for_``."""
    bare = field[:-1]
    return bare if field.endswith("_") and keyword.iskeyword(bare) else field
