"""What an entry of each plugin kind carries.

Rule 1: entries are frozen and cheap; anything heavy is imported inside the functions they carry.
Rule 2: core reads entries and never knows which plugin one came from.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from treadle._kinds.decisions import Decision, StepFailure
from treadle._kinds.step import Step, TransportConnection

if TYPE_CHECKING:
    from treadle._kinds.store import StoreConnection
    from treadle.events import Event

C = TypeVar("C")
"""A config class: attrs, frozen, keyword-only, at module level."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepType(Generic[C]):
    """A kind of work.

    Attributes:
      name: what a spec writes; may be dotted.
      config: attrs class of the settings; its docstring becomes the reference.
      run: one attempt. Returns the output, raises `StepError` (or what `errors` lists) to fail;
        any other exception is a fault of the plugin.
      output: attrs class of what `run` returns; ``Any`` is free plain data, also with a mark such as
        `ValueOf`, which tells what is known of it; ``Never``: it always fails.
      main: the setting that is meant where the settings are not a mapping.
      whole: the settings, whatever their form, are the main setting.
      repeatable: whether an attempt that a crash interrupted may simply run again.
      tolerates: whether its settings may have a failure of it tolerated, whatever the strategy.
      waits: the step waits for time or people rather than working; ``defaults.timeout`` is not for it.
      errors: exceptions that mean "failed", with the names of their errors.
    """

    name: str
    config: type[C]
    run: Callable[[C, Step], Awaitable[Any]]
    output: Any = Any
    main: str | None = None
    whole: bool = False
    repeatable: bool | Callable[[C], bool] = False
    tolerates: Callable[[C], bool] | None = None
    waits: bool = False
    errors: Mapping[type[Exception], str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Strategy(Generic[C]):
    """An error strategy: a pure decision about a failure, taken once per failure and journaled.

    Attributes:
      decide: called after the last attempt. An exception it raises is reported and counts as ``Fail()``.
      inherits: nested steps without a strategy of their own use this one (``fail_fast``, ``fail_late``).
      may: every decision it can take with these settings; the plan judges by it which results
        a need can see. Must not depend on anything but the settings.
    """

    name: str
    config: type[C]
    decide: Callable[[C, StepFailure], Decision]
    may: Callable[[C], Sequence[Decision]]
    main: str | None = None
    inherits: bool = False


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Backoff(Generic[C]):
    """How long to wait between attempts. Pure: it never sleeps.

    Attributes:
      delays: seconds before the second attempt, the third, …; an iterator that ends stops the retrying.
        The random source is seeded from run and path, so a restart draws the same numbers.
    """

    name: str
    config: type[C]
    delays: Callable[[C, random.Random], Iterator[float]]
    main: str | None = None


Send = Callable[[Sequence["Event"]], Awaitable[None]]
"""What a sink is to the engine: it takes events of any runs, in order within each."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Sink(Generic[C]):
    """Where events go. *open* gives the function to call with each batch; leaving it flushes."""

    name: str
    config: type[C]
    open: Callable[[C], AbstractAsyncContextManager[Send]]
    main: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Store(Generic[C]):
    """Where journals live. *open* is called once per engine; leaving it closes what it opened."""

    name: str
    config: type[C]
    open: Callable[[C], AbstractAsyncContextManager["StoreConnection"]]
    main: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Trigger(Generic[C]):
    """What starts runs by itself. Not used yet."""

    name: str
    config: type[C]
    watch: Callable[[C, Any], Awaitable[None]]
    main: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Transport(Generic[C]):
    """A way to run commands on a device."""

    name: str
    config: type[C]
    open: Callable[[C], AbstractAsyncContextManager[TransportConnection]]
    main: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SecretProvider(Generic[C]):
    """Where secrets come from. *open* gives a function from a name to its value, None if it has none."""

    name: str
    config: type[C]
    open: Callable[[C], Callable[[str], str | None]]
    main: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Command:
    """A command of the ``treadle`` program. *load* returns a click command; called when first needed."""

    name: str
    help: str
    load: Callable[[], Any]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SpecFormat:
    """Another way to write specs. Not used yet. *parse* turns text into plain data."""

    name: str
    suffixes: tuple[str, ...]
    parse: Callable[[str], Any]
