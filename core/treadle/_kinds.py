"""The plugin kinds: what an entry of each carries, and the types that plugin settings are made of.

Rule 1: entries are frozen and cheap; anything heavy is imported inside the functions they carry.
Rule 2: core reads entries and never knows which plugin one came from.
"""

from __future__ import annotations

import keyword
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Protocol, TypeVar

import attrs

from treadle._expr import Expression
from treadle._expr import Function as Function  # a plugin kind, defined where it is used
from treadle.errors import BlockFailed, Failure

if TYPE_CHECKING:
    from treadle.events import Event

C = TypeVar("C")
"""A config class: attrs, frozen, keyword-only, at module level."""

# --- types of settings -----------------------------------------------------------------------------


@attrs.frozen
class Unit:
    """Marks a number that is written with a unit: ``duration`` (as ``1h30m``) or ``size`` (as ``1MiB``)."""

    kind: Literal["duration", "size"]


@attrs.frozen
class SecretMark:
    """Marks text that names a declared secret."""


@attrs.frozen
class Words:
    """Marks the words of a command: a list, or text split into words before values are put in."""


@attrs.frozen
class BlockForm:
    """How a `Block` setting reads a list: ``sequence``, in order, or ``together``, all at once.

    Attributes:
      list_means: what a list is.
      mapping: whether a mapping of steps is taken too.
    """

    list_means: Literal["sequence", "together"] = "sequence"
    mapping: bool = True


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


def key_of(field: str) -> str:
    """The key that a spec writes for the *field* of a config class: ``for`` for ``for_``."""
    bare = field[:-1]
    return bare if field.endswith("_") and keyword.iskeyword(bare) else field


@attrs.frozen(eq=False)
class Block:
    """A compiled block: opaque to step types, which hand it to `Step.run_block`.

    Attributes:
      index: its place in the plan's table of blocks.
      ids: the ids of its steps, in the order of the text.
    """

    index: int
    ids: tuple[str, ...]


@attrs.frozen
class BlockOutcome:
    """How a block ended that `Step.run_block` ran: completed with an output, or failed."""

    output: Mapping[str, Any]
    failure: Failure | None = None

    def result(self) -> Mapping[str, Any]:
        """The outputs of the block's steps by id; raises `BlockFailed` if it failed."""
        if self.failure is not None:
            raise BlockFailed(self.failure)
        return self.output


# --- step types ------------------------------------------------------------------------------------


class Step(Protocol):
    """What an attempt of a step may see and do. Nothing else of the engine is within its reach.

    Attributes:
      run_id, workflow, correlation_id: of the run.
      id, path: of the step; the path tells elements and rounds apart.
      attempt: this attempt's number, from 1.
      idempotency_key: the same for every attempt of this step in this run.
      deadline: when this attempt's time is up, on trio's clock; ``math.inf`` if never.
      env: environment of the workflow and the step, values put in, for commands.
      labels: of the workflow, the run and the step.
    """

    @property
    def run_id(self) -> str: ...
    @property
    def workflow(self) -> str: ...
    @property
    def correlation_id(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def idempotency_key(self) -> str: ...
    @property
    def deadline(self) -> float: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...

    def now(self) -> float:
        """The wall clock: seconds since 1970 UTC; virtual where trio's clock is."""
        raise NotImplementedError

    def log(self, message: str, *, level: Literal["debug", "info", "warning"] = "info") -> None:
        """Tell those who watch; live only, never journaled."""

    def emit(self, name: str, data: Mapping[str, Any]) -> None:
        """Add an event of your own to the run. *name* is dotted and not below ``workflow`` or ``step``."""

    def write(self, text: str, *, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        """Show a piece of output as it comes; live only, secrets masked."""

    def heartbeat(self, data: Any = None) -> None:
        """Say that the attempt is alive, with how far it is."""

    def evaluate(self, expression: Expression, **names: Any) -> Any:
        """The value of an `Expr` setting, with *names* added to what the step sees.

        Raises StepError ``expression``, which fails the step unless it is caught.
        """

    async def run_block(self, block: Block) -> BlockOutcome:
        """Run *block* in a nursery of its own; returns when everything in it has ended."""
        raise NotImplementedError

    def decide(self, branch: str | None) -> None:
        """Record which branch was taken, before it runs."""

    def secret(self, name: str) -> str:
        """The value of the secret that a `SecretName` setting names."""

    def transport(self, device: str | None = None) -> AbstractAsyncContextManager[TransportConnection]:
        """A connection on which to run commands; None is this machine."""
        raise NotImplementedError


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StepType(Generic[C]):
    """A kind of work.

    Attributes:
      name: what a spec writes; may be dotted.
      config: attrs class of the settings; its docstring becomes the reference.
      run: one attempt. Returns the output, raises `StepError` (or what `errors` lists) to fail;
        any other exception is a fault of the plugin.
      output: attrs class of what `run` returns; ``Any`` is free plain data.
      main: the setting that is meant where the settings are not a mapping.
      whole: the settings, whatever their form, are the main setting.
      repeatable: whether an attempt that a crash interrupted may simply run again.
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
    waits: bool = False
    errors: Mapping[type[Exception], str] = attrs.field(factory=dict)


# --- error strategies ------------------------------------------------------------------------------


@attrs.frozen
class StepFailure:
    """What a strategy decides about.

    Attributes:
      path: of the step that failed; empty for the workflow itself.
      error: why.
      attempts: how many were made.
      elapsed: seconds since its first attempt started.
    """

    path: str
    error: Failure
    attempts: int
    elapsed: float


@attrs.frozen
class Fail:
    """The block fails. Its other steps are cancelled (*fast*), or what does not need this one finishes."""

    fast: bool = True


@attrs.frozen
class Tolerate:
    """The failure is tolerated: dependants run. *output* is what they read, if not None."""

    output: Any = None


@attrs.frozen
class Rollback:
    """What completed is undone: in the whole run, or in the enclosing block, which then fails."""

    scope: Literal["run", "block"] = "run"


@attrs.frozen
class Ask:
    """The step waits for a person; after *timeout* seconds of wall clock for *on_timeout*."""

    prompt: str | None = None
    timeout: float | None = None
    on_timeout: Literal["fail", "continue", "rollback"] | None = None


Decision = Fail | Tolerate | Rollback | Ask


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


# --- backoffs --------------------------------------------------------------------------------------


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


# --- sinks, stores, triggers, transports -----------------------------------------------------------

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
    """Where journals live. Not used yet: this version keeps journals in memory."""

    name: str
    config: type[C]
    open: Callable[[C], AbstractAsyncContextManager[Any]]
    main: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Trigger(Generic[C]):
    """What starts runs by itself. Not used yet."""

    name: str
    config: type[C]
    watch: Callable[[C, Any], Awaitable[None]]
    main: str | None = None


@attrs.frozen
class Exit:
    """How a command ended: its exit code, or the signal that killed it (then *code* is None)."""

    code: int | None
    signal: int | None = None


class TransportConnection(Protocol):
    """An open way to run commands somewhere."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None,
        stdin: bytes,
        grace: float,
        on_output: Callable[[Literal["stdout", "stderr"], bytes], None],
    ) -> Exit:
        """Run *argv* to its end; when cancelled, end it and everything it started.

        *env* is added to the environment there. *grace* is the seconds between asking the
        command to end and ending it. Raises StepError ``exit.…`` where it cannot be started.
        """
        raise NotImplementedError


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Transport(Generic[C]):
    """A way to run commands on a device."""

    name: str
    config: type[C]
    open: Callable[[C], AbstractAsyncContextManager[TransportConnection]]
    main: str | None = None


# --- functions and the rest ------------------------------------------------------------------------


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
