"""The types that settings of plugins are made of, besides Python's own."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Annotated, Any, Literal

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


FILE_PATH: Mapping[str, bool] = {"treadle_path": True}
"""Field metadata: this setting of a store is a file; in a deployment file, relative to that file."""


def key_of(field: str) -> str:
    """The key that a spec writes for the *field* of a config class: ``for`` for ``for_``."""
    bare = field[:-1]
    return bare if field.endswith("_") and keyword.iskeyword(bare) else field
