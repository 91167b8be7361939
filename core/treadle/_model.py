"""A checked spec, as the loader leaves it and the plan reads it.

Rule 1: pure data; everything is immutable once the loader has returned it.
Rule 2: blocks live in one table, `Spec.blocks`; steps point to theirs by `Block.index`. Index 0 is ``steps``.
Rule 3: a value that may hold ``${{ }}`` is a `Value`: plain data with `Template` leaves.
Rule 4: a spec with problems is here too, as far as it could be read, so that all its problems can be found at
  once: nothing stands where something was unreadable, and `partial` says so. No plan is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from treadle._expr import Expression, Template
from treadle._kinds import Backoff, Block, StepType, Strategy
from treadle._places import Place as Place
from treadle._settings import Settings
from treadle.errors import Problem

Value = Any
"""Plain data in which any string may have been replaced by a `Template`."""

NeedResult = Literal["completed", "failed", "skipped", "settled"]
MAX_DEPTH = 64
"""Levels of lists and mappings in a document, and in an input."""

OnLimit = Literal["queue", "cancel_running", "reject"]

InputType = Literal["string", "integer", "number", "boolean", "duration", "list", "object"]


@attrs.frozen(eq=False, repr=False)
class Need:
    """One written need. *result* None means the usual: completed, skipped or tolerated."""

    id: str
    result: NeedResult | None
    place: Place


@attrs.frozen(eq=False, repr=False)
class AtLeast:
    """``needs: {at_least: count, of: ids}``."""

    count: int
    ids: tuple[str, ...]
    place: Place


@attrs.frozen(eq=False, repr=False)
class Retry:
    """``retry``; *attempts* counts the first; *max_time* in seconds; *on* empty means any error."""

    attempts: int
    backoff: Settings[Backoff[Any]]
    on: tuple[str, ...] = ()
    condition: Expression | None = None
    max_time: float | None = None


@attrs.frozen(eq=False, repr=False)
class Repeat:
    """``repeat``; *every* in seconds; *times* None only where the step has a deadline."""

    until: Expression
    every: float = 0.0
    times: int | None = None


@attrs.frozen(eq=False, repr=False)
class Argument:
    """What the use of a template gives to a parameter, *declared* so; *value* holds expressions.

    *holes* are these, each with its place.
    """

    declared: Input
    value: Value
    place: Place
    holes: tuple[tuple[Place, Template], ...]


@attrs.frozen(eq=False, repr=False, kw_only=True)
class StepSpec:
    """One step as written. Durations in seconds.

    Attributes:
      path: static path, without elements and rounds, as ``checks.unit``.
      settings: of its step type, which is ``settings.entry``.
      blocks: the blocks in its settings, in the order of the text; *undo* is apart.
      foreach: a `Value` that must give a list or mapping; None is no foreach.
      places: by step key, where its value stands; ``""`` is the step itself; ``env.NAME``, ``retry.if``,
        ``retry.on[0]`` and ``repeat.until`` are inside; of calls of workflows also ``with.inputs.NAME``.
      given: to the parameters of the template that the step uses, as far as only expressions tell.
      partial: keys that the step has, or may have, without all they say being here.
    """

    id: str
    path: str
    settings: Settings[StepType[Any]]
    title: str | None = None
    needs: tuple[Need, ...] = ()
    at_least: AtLeast | None = None
    when: Expression | None = None
    foreach: Value = None
    max_parallel: int | Template | None = None
    repeat: Repeat | None = None
    timeout: float | None = None
    deadline: float | None = None
    retry: Retry | None = None
    on_error: Settings[Strategy[Any]] | None = None
    undo: Block | None = None
    undo_after: Literal["completed", "attempted"] = "completed"
    repeatable: bool | None = None
    limit: str | None = None
    env: Mapping[str, Value] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    blocks: tuple[Block, ...] = ()
    places: Mapping[str, Place] = attrs.field(factory=dict)
    given: tuple[Argument, ...] = ()
    partial: frozenset[str] = frozenset()

    @property
    def type(self) -> StepType[Any]:
        """The step's type."""
        return self.settings.entry


@attrs.frozen(eq=False, repr=False, kw_only=True)
class BlockSpec:
    """One block as written.

    Attributes:
      form: ``sequence`` runs in order; ``graph`` by needs; ``together`` all at once, no needs.
      role: ``steps`` and ``finally`` are the workflow's, ``child`` stands in a step's settings.
      owner: the step it belongs to, None for the workflow's own.
      body: an undo written as one step body: its only step has the id ``undo``.
      partial: it may have steps that are not here.
    """

    index: int
    steps: tuple[StepSpec, ...]
    form: Literal["sequence", "graph", "together"]
    role: Literal["steps", "child", "undo", "finally"]
    place: Place
    owner: StepSpec | None = None
    max_parallel: int | Template | None = None
    body: bool = False
    partial: bool = False


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Input:
    """One declared input. *default* is already checked; None with *required* False means null."""

    name: str
    type: InputType = "string"
    required: bool = True
    default: Any = None
    enum: tuple[Any, ...] | None = None
    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    items: Input | None = None
    secret: bool = False
    description: str | None = None

    @property
    def holds_secret(self) -> bool:
        """Whether what is given for it names secrets: it, or each of its items."""
        return self.secret or (self.items is not None and self.items.secret)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Concurrency:
    """``concurrency``: at most *limit* runs of one key are under way; *key* None is the workflow's name."""

    key: str | Template | None = None
    limit: int = 1
    on_limit: OnLimit = "queue"


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Spec:
    """A whole document, structured and checked piece by piece; `treadle._plan` checks how they fit.

    Attributes:
      blocks: every block, by `Block.index`, in the order of the text; 0 is ``steps``.
      vars, outputs: by name, in order, with the place of each.
      data: the document as plain data, for the journal.
      hash: SHA-256 of *data* in canonical JSON, hex.
      partial: keys of which not all names that they declare are here.
      warnings: what looks wrong in what is not here any more, such as templates.
    """

    name: str
    blocks: tuple[BlockSpec, ...]
    data: Mapping[str, Any]
    hash: str
    description: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)
    inputs: Mapping[str, Input] = attrs.field(factory=dict)
    secrets: frozenset[str] = frozenset()
    vars: Mapping[str, Value] = attrs.field(factory=dict)
    env: Mapping[str, Value] = attrs.field(factory=dict)
    timeout: float | None = None
    on_error: Settings[Strategy[Any]] | None = None
    concurrency: Concurrency | None = None
    finally_: Block | None = None
    outputs: Mapping[str, Value] = attrs.field(factory=dict)
    places: Mapping[str, Place] = attrs.field(factory=dict)
    partial: frozenset[str] = frozenset()
    warnings: tuple[Problem, ...] = ()
