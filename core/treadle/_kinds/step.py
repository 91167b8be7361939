"""What an attempt of a step is given, and what it works with: blocks, and connections to run commands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import attrs

from treadle._kinds.settings import Fields, Lazy
from treadle._values import Value
from treadle.errors import BlockFailed, Failure, StepError
from treadle.events import RunStatus

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from treadle._expr import Expression


@attrs.frozen(eq=False, repr=False)
class Block:
    """A compiled block: opaque to step types, which hand it to `Step.run_block`.

    Attributes:
      index: its place in the plan's table of blocks.
      ids: the ids of its steps, in the order of the text.
    """

    index: int
    ids: tuple[str, ...]


@attrs.frozen(eq=False, repr=False)
class BlockOutcome(Value):
    """How a block ended that `Step.run_block` ran: completed with an output, or failed."""

    output: Mapping[str, Any]
    failure: Failure | None = None

    def result(self) -> Mapping[str, Any]:
        """The outputs of the block's steps by id; raises `BlockFailed` if it failed."""
        if self.failure is not None:
            raise BlockFailed(self.failure)
        return self.output


@attrs.frozen(eq=False, repr=False, kw_only=True)
class ApprovalWanted(Value):
    """For `Step.wait_for`: a person is to approve or reject.

    Attributes:
      prompt: what the person is asked.
      fields: what the person fills in; nothing unless given.
      timeout: seconds by the wall clock; for ever unless given.
      on_timeout: what becomes of the step then; told with the question, and done by the step type.
    """

    prompt: str | None = None
    fields: Fields | None = None
    timeout: float | None = None
    on_timeout: Literal["fail", "continue", "rollback"] | None = None


@attrs.frozen(eq=False, repr=False, kw_only=True)
class SignalWanted(Value):
    """For `Step.wait_for`: a signal is to come, or has come and was not taken yet.

    Attributes:
      name: of the signal.
      match: whether this step takes the signal with that payload. One that raises refuses it with what it
        raised. Any payload will do unless given.
      timeout: seconds by the wall clock; for ever unless given.
    """

    name: str
    match: Callable[[Any], bool] | None = None
    timeout: float | None = None


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Answer(Value):
    """What came of `Step.wait_for`.

    Attributes:
      decision: ``approve``, ``reject`` or ``signal``; what `on_timeout` says if nobody answered in time.
      timed_out: whether nobody did.
      by: who answered, if that was said.
      at: when; seconds since 1970 UTC.
      value: of an approval the fields by name; of a signal its payload.
      comment: what the person said with it.
    """

    decision: str
    timed_out: bool = False
    by: str | None = None
    at: float = 0.0
    value: Any = None
    comment: str | None = None


@attrs.frozen(eq=False, repr=False)
class RunOutcome(Value):
    """How a run stands, or ended, that `Step.run_workflow` started.

    Attributes:
      run: its id.
      outputs: of its workflow; empty unless it completed.
      error: why it failed or was rolled back.
      reason: why it was cancelled.
    """

    run: str
    status: RunStatus
    outputs: Mapping[str, Any] = attrs.field(factory=dict)
    error: Failure | None = None
    reason: str | None = None

    def result(self) -> Mapping[str, Any]:
        """Its outputs. Raises StepError if it did not complete: with its error, or ``workflow.cancelled``."""
        if self.status is RunStatus.COMPLETED:
            return self.outputs
        if self.error is None:
            why = f": {self.reason}" if self.reason else ""
            message = f"run {self.run} was cancelled{why}"
            raise StepError("workflow.cancelled", message, data={"run": self.run})
        error = self.error
        where = f" at {error.path}" if error.path else ""
        data = {"run": self.run, "path": error.path, "data": error.data}
        raise StepError(
            error.name, f"run {self.run} failed{where}: {error.message}", data=data, also=error.also
        )


class Step(Protocol):
    """What an attempt of a step may see and do. Nothing else of the engine is within its reach.

    Attributes:
      run_id, workflow, correlation_id: of the run.
      id, path: of the step; the path tells elements and rounds apart.
      attempt: this attempt's number, from 1.
      started_at: when this attempt started, wall clock, seconds since 1970 UTC; an attempt that is entered
        again after a crash, because its type ``waits`` or has blocks, keeps it.
      idempotency_key: the same for every attempt of this step in this run.
      deadline: when this attempt's time is up, on trio's clock; ``math.inf`` if never.
      timeout: the step's own ``timeout`` in seconds, None if it has none; `deadline` also knows outer ones.
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
    def started_at(self) -> float: ...
    @property
    def idempotency_key(self) -> str: ...
    @property
    def deadline(self) -> float: ...
    @property
    def timeout(self) -> float | None: ...
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

    def evaluate(self, expression: Expression | Lazy, **names: Any) -> Any:
        """The value of an `Expr` or a `Lazy` setting, with *names* added to what the step sees.

        Raises StepError ``expression``, which fails the step unless it is caught.
        """

    async def run_block(self, block: Block) -> BlockOutcome:
        """Run *block* in a nursery of its own; returns when everything in it has ended."""
        raise NotImplementedError

    async def wait_for(self, wanted: ApprovalWanted | SignalWanted) -> Answer:
        """Wait for a person, or for a signal, and hold up nothing meanwhile: not even a pause.

        An attempt does so once. The wait is durable: a step type with ``waits=True`` is entered again after
        a crash, with the same attempt, and finds its question as old as it is, or its answer. So what `run`
        does before it must bear being done again; blocks that it ran are not run again.
        """
        raise NotImplementedError

    async def run_workflow(
        self,
        name: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        file: str | None = None,
        detach: bool = False,
    ) -> RunOutcome:
        """Run the workflow that has this *name*, or stands in *file*, as a run of its own, to its end.

        An attempt does so once, and its step type has ``waits=True``: it is entered again after a crash, and
        finds the run that it started. What stops the attempt cancels that run, and a pause pauses it. With
        *detach* it is only accepted, and neither is done.

        Raises StepError ``workflow.…`` where it cannot be started.
        """
        raise NotImplementedError

    def decide(self, branch: str | None) -> None:
        """Record which branch was taken, before it runs."""

    def secret(self, name: str) -> str:
        """The value of the secret that a `SecretName` setting names."""

    def mask(self, text: str, *, cut_start: bool = False, cut_end: bool = False) -> str:
        """*text* without the run's secrets, to be called before text is cut: half a secret is not found.

        What is given to treadle is masked anyway. *cut_start*, *cut_end*: where more stood there, what may be
        a piece of a secret at that edge is left out.
        """
        raise NotImplementedError

    def transport(self, device: str | None = None) -> AbstractAsyncContextManager[TransportConnection]:
        """A connection on which to run commands; None is this machine."""
        raise NotImplementedError


@attrs.frozen(eq=False, repr=False)
class Exit(Value):
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
