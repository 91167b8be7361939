"""One attempt: the plugin's `run`, and what comes of it as a value.

Rule 1: whatever a plugin raises becomes a failure here, but for cancellations, `EngineFault` and what is
not an `Exception`.
Rule 2: an exception group is split once: its cancellations go on alone, the rest is noted.
Rule 3: an output is masked, checked to be plain and copied before anything can read it.
"""

from __future__ import annotations

import hashlib
import logging
import traceback
from typing import TYPE_CHECKING, Any, Literal

import trio

from treadle._engine.decide import answered, failed
from treadle._engine.evaluate import gathered_env
from treadle._engine.foreach import parallelism
from treadle._engine.masking import StreamMasker
from treadle._engine.plain import NotPlain, to_plain
from treadle._engine.scope import Scope
from treadle._engine.stop import first_cause
from treadle._engine.waits import wait_for
from treadle._frontier import ABSENT, Outcome
from treadle._kinds import (
    Answer,
    ApprovalWanted,
    Block,
    BlockOutcome,
    Fail,
    Lazy,
    Rollback,
    RunOutcome,
    SignalWanted,
    StepType,
    Tolerate,
    TransportConnection,
    is_free,
)
from treadle._settings import SettingsError
from treadle._settings.verbatim import fresh
from treadle.errors import BlockFailed, EngineFault, Failure, StepError
from treadle.events import Resolve, StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from treadle._engine.step import StepRun
    from treadle._expr import Expression

_log = logging.getLogger("treadle.steps")

MOST_UNSTORED = 100_000
"""Events of a run that may wait to be stored, before its steps may emit no more of their own."""

_RESERVED = ("workflow", "step")

_NOT_THE_PLUGINS = (EngineFault, KeyboardInterrupt, GeneratorExit)
"""What passes through an attempt besides cancellations."""


async def work(step: StepRun) -> Outcome:
    """Make one attempt; its outcome, before any retry or strategy."""
    spec = step.spec
    step.inner = []
    step.derived = False
    step.came_back = False
    step.retry_after = None
    attempt = Attempt(step)
    try:
        config = spec.settings.constant
        if config is None:
            config = spec.settings.build(attempt.fill)
        if spec.env:
            attempt.gather_env()
        returned = await spec.type.run(config, attempt)
        output = attempt.checked(returned)
    except trio.Cancelled:
        raise
    except BaseExceptionGroup as group:
        error = attempt.of_group(group)
    except _NOT_THE_PLUGINS:
        raise
    except BaseException as exc:  # noqa: ASYNC103  a plugin's fault costs its own run at most
        error = attempt.failure(exc)
    else:
        return Outcome(StepStatus.COMPLETED, output, attempts=step.attempt)
    finally:
        attempt.finish()
    if attempt.decision is not None:
        return failed(step.frame, error, attempt.decision, attempts=step.attempt)
    return Outcome(StepStatus.FAILED, error=error, attempts=step.attempt)


_DECISIONS = (Resolve.FAIL, Resolve.CONTINUE, Resolve.ROLLBACK)
"""What an error may say becomes of the step."""


class Attempt:
    """The `treadle.plugin.Step` that a step type's `run` is given.

    Attributes:
      decision: what becomes of the step, where the error it was raised with says so.
    """

    __slots__ = ("_blocks", "_env", "_outputs", "_over", "_step", "_streams", "_waited", "decision")

    def __init__(self, step: StepRun) -> None:
        self._step = step
        self._env: dict[str, str] | None = None
        self._streams: dict[str, StreamMasker] | None = None
        self._blocks: frozenset[str] = frozenset()
        self._outputs: tuple[dict[str, Any], ...] = ()
        self._over = False
        self._waited = False
        self.decision: Fail | Tolerate | Rollback | None = None

    # --- who and where ---

    @property
    def run_id(self) -> str:
        return self._step.run.id

    @property
    def workflow(self) -> str:
        return self._step.run.workflow

    @property
    def correlation_id(self) -> str:
        return self._step.run.correlation_id

    @property
    def id(self) -> str:
        return self._step.spec.id

    @property
    def path(self) -> str:
        return self._step.path

    @property
    def attempt(self) -> int:
        return self._step.attempt

    @property
    def idempotency_key(self) -> str:
        step = self._step
        path = step.path if step.round == 1 else f"{step.path}#{step.round}"
        return hashlib.sha256(f"{step.run.id}/{path}".encode()).hexdigest()[:32]

    @property
    def deadline(self) -> float:
        return trio.current_effective_deadline()

    @property
    def timeout(self) -> float | None:
        return self._step.spec.timeout

    @property
    def env(self) -> Mapping[str, str]:
        if self._env is None:
            self.gather_env()
        return self._env or {}

    @property
    def labels(self) -> Mapping[str, str]:
        step = self._step
        return {**step.run.labels, **step.labels}

    @property
    def started_at(self) -> float:
        return self._step.since

    def now(self) -> float:
        return self._step.run.surroundings.now()

    # --- telling ---

    def log(self, message: str, *, level: Literal["debug", "info", "warning"] = "info") -> None:
        self._show("step.log", {"level": level, "message": message})

    def heartbeat(self, data: Any = None) -> None:
        self._show("step.heartbeat", {"data": self._plain(data)})

    def emit(self, name: str, data: Mapping[str, Any]) -> None:
        if self._over:
            raise RuntimeError(f"{self.path} emits {name!r} after its attempt has ended")
        if name.split(".", 1)[0] in _RESERVED:
            raise ValueError(
                f"event name {name!r} lies below {' or '.join(_RESERVED)}, which are treadle's own"
            )
        step = self._step
        if len(step.run.history) - step.run.durable_seq >= MOST_UNSTORED:
            raise StepError(
                "output",
                f"{self.path} emits events faster than they can be stored: {MOST_UNSTORED} wait already;"
                " emit fewer, or wait between them",
            )
        step.run.emit(name, step.path, step.attempt, self._plain(dict(data)), step.labels)

    def write(self, text: str, *, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        run = self._step.run
        if run.masker:
            if self._streams is None:
                self._streams = {}
            text = self._streams.setdefault(stream, StreamMasker(run.masker)).feed(text)
        if text:
            self._show("step.output", {"stream": stream, "text": text})

    def finish(self) -> None:
        """Show what a masked stream has held back; from now on nothing is emitted."""
        self._over = True
        for stream, masker in (self._streams or {}).items():
            if rest := masker.flush():
                self._show("step.output", {"stream": stream, "text": rest})

    def decide(self, branch: str | None) -> None:
        step = self._step
        step.run.emit("step.decided", step.path, step.attempt, {"branch": branch}, step.labels)

    def _show(self, type_: str, data: Mapping[str, Any]) -> None:
        step = self._step
        step.run.show(type_, step.path, step.attempt, data, step.labels)

    # --- values ---

    def fill(self, template: Any) -> Any:
        """The value of a template in the step's settings."""
        return self._step.run.evaluation.value(template, self._scope(), now=self._step.since)

    def evaluate(self, expression: Expression | Lazy, **names: Any) -> Any:
        if isinstance(expression, Lazy):
            evaluation, tree = self._step.run.evaluation, expression.tree
            return fresh(evaluation.filled(tree, self._scope(), names, now=self._step.since))
        return self._step.run.evaluation.value(expression, self._scope(), names, now=self._step.since)

    def secret(self, name: str) -> str:
        return self._step.run.evaluation.secret(name)

    def mask(self, text: str, *, cut_start: bool = False, cut_end: bool = False) -> str:
        return self._step.run.masker.text(text, cut_start=cut_start, cut_end=cut_end)

    def _scope(self) -> Scope:
        step = self._step
        if not step.spec.env:
            return step.scope
        return Scope(step.scope, names={"env": self.env})

    def gather_env(self) -> None:
        """Evaluate the step's environment on top of what encloses it."""
        self._env = self._step.env = gathered_env(self._step)

    # --- blocks and transports ---

    async def run_block(self, block: Block) -> BlockOutcome:
        from treadle._engine.frame import Frame

        step = self._step
        self._not_twice(block)
        at_once = parallelism(step.run, step.spec.max_parallel, step.scope, None)
        place = next((at for at, one in enumerate(step.spec.blocks) if one is block), 0)
        scope = self._scope()
        frame = Frame.inside(step, block, place, scope=scope, prefix=step.inside, max_parallel=at_once)
        step.inner.append(frame)
        try:
            await frame.drive()
        except BaseException as raised:
            _never_a_failure(raised)
            raise
        if first_cause(step.stopper) is not None:
            await trio.lowlevel.checkpoint()
        output: dict[str, Any] = {
            spec.id: outcome.output
            for spec, outcome in zip(frame.block.steps, frame.frontier.outcomes, strict=True)
            if outcome is not None and outcome.output is not ABSENT
        }
        self._outputs += (output,)
        frame.handed_over = True
        return BlockOutcome(output, frame.failure)

    async def wait_for(self, wanted: ApprovalWanted | SignalWanted) -> Answer:
        if self._waited:
            raise RuntimeError("wait_for: an attempt waits once; use a step for each thing to wait for")
        self._waited = True
        return await wait_for(self._step, wanted)

    async def run_workflow(
        self,
        name: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        file: str | None = None,
        detach: bool = False,
    ) -> RunOutcome:
        from treadle._engine.children import Wanted

        if self._waited:
            raise RuntimeError("run_workflow: an attempt waits once; use a step for each thing to wait for")
        self._waited = True
        children = self._step.run.surroundings.children()
        return await children.call(self._step, Wanted(name, file, inputs or {}, detach))

    def _not_twice(self, block: Block) -> None:
        """Two blocks of one attempt must not have steps of the same path."""
        if twice := self._blocks.intersection(block.ids):
            raise RuntimeError(f"run_block: step {min(twice)!r} has already run in this attempt")
        self._blocks |= set(block.ids)

    def transport(self, device: str | None = None) -> AbstractAsyncContextManager[TransportConnection]:
        return self._step.run.surroundings.transport(device)

    # --- results ---

    def checked(self, returned: Any) -> Any:
        """The step's output: plain, masked, bounded."""
        step = self._step
        if returned is None:
            return ABSENT
        if type(returned) is dict and step.inner:
            step.derived = any(returned is output for output in self._outputs)
            if step.derived:
                return returned
        kind: StepType[Any] = step.spec.type
        if not is_free(kind.output) and not isinstance(returned, kind.output):
            raise StepError(
                "plugin",
                f"step type {kind.name!r} returned {type(returned).__name__}, not the"
                f" {kind.output.__name__} it declares",
            )
        return self._plain(returned)

    def _plain(self, value: Any) -> Any:
        run = self._step.run
        try:
            return run.masker.data(to_plain(value, run.surroundings.limits.output))
        except NotPlain as error:
            raise StepError("output", f"the output of {self.path} cannot be kept: {error}") from None

    def failure(self, error: BaseException) -> Failure:
        """The failure that *error*, raised by the plugin, stands for."""
        kind = self._step.spec.type
        if isinstance(error, BlockFailed):
            return error.failure
        if isinstance(error, StepError):
            self._step.retry_after = error.retry_after
            if error.decision in _DECISIONS:
                self.decision = answered(Resolve(error.decision), None)
            return self._masked(error.to_failure())
        if isinstance(error, SettingsError):
            return self._masked(Failure("expression", str(error)))
        for declared, name in kind.errors.items():
            if isinstance(error, declared):
                return self._masked(Failure(name, str(error) or type(error).__name__))
        message = f"step type {kind.name!r} raised {type(error).__name__}: {error}"
        trace = self._step.run.masker.text("".join(traceback.format_exception(error)))
        _log.error("step type %r broke at %s of run %s\n%s", kind.name, self.path, self.run_id, trace)
        return self._masked(Failure("plugin", message))

    def of_group(self, group: BaseExceptionGroup[BaseException]) -> Failure:
        """The failure a group stands for; its cancellations, if any, are raised on alone."""
        cancelled, rest = group.split(trio.Cancelled)
        if rest is not None and rest.subgroup(_NOT_THE_PLUGINS) is not None:
            raise group
        raised = list(_leaves(rest)) if rest is not None else []
        if cancelled is not None:
            self._step.notes.extend(f"{type(error).__name__}: {error}" for error in raised)
            raise next(_leaves(cancelled))
        foreseen = [error for error in raised if isinstance(error, StepError)]
        first = (foreseen or raised)[0]
        self._step.notes.extend(f"{type(error).__name__}: {error}" for error in raised if error is not first)
        return self.failure(first)

    def _masked(self, failure: Failure) -> Failure:
        masker = self._step.run.masker
        try:
            data = to_plain(failure.data, self._step.run.surroundings.limits.output)
        except NotPlain as error:
            data = {"unreadable": str(error)}
        return Failure(
            failure.name, masker.text(failure.message), masker.data(data), failure.path, failure.also
        )


def _never_a_failure(raised: BaseException) -> None:
    """What leaves a block, but for a cancellation, is a bug of treadle: no attempt may call it a failure."""
    group = raised if isinstance(raised, BaseExceptionGroup) else BaseExceptionGroup("", [raised])
    bug = group.subgroup(Exception)
    if bug is not None:
        raise EngineFault(f"a block broke: {next(_leaves(bug))!r}") from raised


def _leaves(group: BaseExceptionGroup[Any]) -> Any:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
