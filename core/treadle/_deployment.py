"""What the deployment file says, checked: how much may run at once, and where events and secrets go.

Rule: without a file everything has the default it has here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import validators as v

from treadle._kinds import Bytes, Seconds, SecretProvider, Sink, Store
from treadle._places import Place
from treadle._settings import Settings
from treadle._values import Value


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Limits(Value):
    """Bounds on what one engine takes on.

    Args:
      runs: runs that are driven at once; more stay pending until one ends.
      steps: steps in one workflow.
      elements: elements of one foreach.
      output: bytes of one step's output, as plain data.
      finished: finished runs whose journals are kept in memory.

    Raises:
      ValueError: a bound is below 1.
    """

    runs: int = attrs.field(default=10_000, validator=v.ge(1))
    steps: int = attrs.field(default=100_000, validator=v.ge(1))
    elements: int = attrs.field(default=100_000, validator=v.ge(1))
    output: Bytes = attrs.field(default=8 * 1024 * 1024, validator=v.ge(1))
    finished: int = attrs.field(default=1_000, validator=v.ge(1))


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Retention(Value):
    """Which ended runs ``treadle gc`` deletes where it is not told; both conditions hold together.

    Args:
      older_than: runs stay until they ended so long ago; where it is left out, age does not matter.
      keep: so many runs stay, the newest, whatever their age.

    Raises:
      ValueError: *keep* is below 0.
    """

    older_than: Seconds | None = None
    keep: int | None = attrs.field(default=None, validator=v.optional(v.ge(0)))


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Deployment:
    """One deployment file.

    Attributes:
      limiters: by name, how many attempts may hold it at once.
      store: where journals live; None where the file does not say, which is SQLite beside the file.
      retention: which ended runs need not be kept.
      sinks: where events go; None where the file does not say, which is the console.
      secrets: providers, asked in order; None where the file does not say, which is the environment.
      disable: names of plugins to leave out.
      require: names of plugins without which nothing may run.
      workflows: files, folders and patterns as written, relative to the file.
      off: codes of warnings that are not shown.
      places: where the value of each key stands, and of each below it, as ``limits.runs``.
    """

    limits: Limits = attrs.field(factory=Limits)
    limiters: Mapping[str, int] = attrs.field(factory=dict)
    store: Settings[Store[Any]] | Literal["memory"] | None = None
    retention: Retention = attrs.field(factory=Retention)
    sinks: tuple[Settings[Sink[Any]], ...] | None = None
    secrets: tuple[Settings[SecretProvider[Any]], ...] | None = None
    disable: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    off: frozenset[str] = frozenset()
    places: Mapping[str, Place] = attrs.field(factory=dict)
