"""A step without an engine: it gives what the test put in and keeps what the plugin did.

Rule: it has every member of `treadle.plugin.Step` and no behaviour of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import attrs

from treadle._expr import Expression, ExpressionError, function_table, parse
from treadle._kinds import (
    Answer,
    ApprovalWanted,
    Block,
    BlockOutcome,
    Lazy,
    RunOutcome,
    SignalWanted,
    TransportConnection,
)
from treadle.errors import StepError

__all__ = ["FakeStep", "block", "expression"]


def expression(source: str) -> Expression:
    """*source* parsed as an expression with the language's own functions, for an `Expr` setting."""
    return parse(source, function_table(()))


def block(index: int, *ids: str) -> Block:
    """A block for a `Block` setting; *index* is the key of its outcome in `FakeStep.blocks`."""
    return Block(index, ids)


@attrs.define(kw_only=True)
class FakeStep:
    """Stands in for the `Step` that a step type's ``run`` is given.

    Args:
      scope: the names that `evaluate` sees, as ``{"inputs": {"n": 3}}``.
      secrets: by name.
      blocks: how each block ends, by `Block.index`; one that is not here completes with ``{}``.
      answers: what each `wait_for` gives, in order.
      outcomes: what each `run_workflow` gives, in order.
      connect: gives the connection for a device (None is this machine).
      wall: seconds since 1970 UTC when the step starts; `now` goes on from there with trio's clock.
      deadline: on trio's clock; never, unless given.
      timeout: the step's own, in seconds; none, unless given.

    Attributes:
      logged: ``(level, message)`` of every `log`.
      emitted: ``(name, data)`` of every `emit`.
      written: ``(stream, text)`` of every `write`.
      heartbeats: the data of every `heartbeat`.
      ran: the blocks run, in order.
      decided: the branch of every `decide`.
      waited: what `wait_for` was called with.
      called: ``(name or file, inputs)`` of every `run_workflow`.

    Example::

        step = FakeStep(secrets={"TOKEN": "t"})
        assert await deploy(Deploy(target="staging"), step) == Deployed(url="https://…")
        assert step.logged == [("info", "deploying to staging")]
    """

    scope: Mapping[str, Any] = attrs.field(factory=dict)
    secrets: Mapping[str, str] = attrs.field(factory=dict)
    blocks: Mapping[int, BlockOutcome] = attrs.field(factory=dict)
    answers: Sequence[Answer] = ()
    outcomes: Sequence[RunOutcome] = ()
    connect: Callable[[str | None], AbstractAsyncContextManager[TransportConnection]] | None = None
    wall: float = 1_767_225_600.0
    run_id: str = "run-1"
    workflow: str = "test"
    correlation_id: str = "run-1"
    id: str = "it"
    path: str = "it"
    attempt: int = 1
    idempotency_key: str = "0" * 32
    deadline: float = math.inf
    timeout: float | None = None
    env: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    logged: list[tuple[str, str]] = attrs.field(factory=list, init=False)
    emitted: list[tuple[str, Mapping[str, Any]]] = attrs.field(factory=list, init=False)
    written: list[tuple[str, str]] = attrs.field(factory=list, init=False)
    heartbeats: list[Any] = attrs.field(factory=list, init=False)
    ran: list[Block] = attrs.field(factory=list, init=False)
    decided: list[str | None] = attrs.field(factory=list, init=False)
    waited: list[ApprovalWanted | SignalWanted] = attrs.field(factory=list, init=False)
    called: list[tuple[str, Mapping[str, Any]]] = attrs.field(factory=list, init=False)
    _first_asked: float | None = attrs.field(default=None, init=False)

    @property
    def started_at(self) -> float:
        return self.wall

    def now(self) -> float:
        """`wall` plus what has passed on trio's clock since the first call."""
        import trio

        if self._first_asked is None:
            self._first_asked = trio.current_time()
        return self.wall + trio.current_time() - self._first_asked

    def log(self, message: str, *, level: Literal["debug", "info", "warning"] = "info") -> None:
        """Keep the message in `logged`."""
        self.logged.append((level, message))

    def emit(self, name: str, data: Mapping[str, Any]) -> None:
        """Keep the event in `emitted`."""
        self.emitted.append((name, data))

    def write(self, text: str, *, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        """Keep the text in `written`."""
        self.written.append((stream, text))

    def heartbeat(self, data: Any = None) -> None:
        """Keep the data in `heartbeats`."""
        self.heartbeats.append(data)

    def evaluate(self, expression: Expression | Lazy, **names: Any) -> Any:
        """The value over `scope` and *names*; ``now`` is 0. Raises StepError ``expression``.

        Of a `Lazy` setting, its tree as it is: a test writes values in it, and no templates.
        """
        if isinstance(expression, Lazy):
            return expression.tree
        try:
            return expression.evaluate({**self.scope, **names}, now=0.0)
        except ExpressionError as exc:
            raise StepError("expression", str(exc)) from exc

    async def run_block(self, block: Block) -> BlockOutcome:
        """Keep the block in `ran` and end it as `blocks` says."""
        import trio

        self.ran.append(block)
        await trio.lowlevel.checkpoint()
        return self.blocks.get(block.index, BlockOutcome({}))

    async def wait_for(self, wanted: ApprovalWanted | SignalWanted) -> Answer:
        """Keep what is wanted in `waited`; the next of `answers`."""
        import trio

        self.waited.append(wanted)
        await trio.lowlevel.checkpoint()
        if len(self.waited) > len(self.answers):
            raise LookupError("the test gives no answer; pass FakeStep(answers=[Answer(…)])")
        return self.answers[len(self.waited) - 1]

    async def run_workflow(
        self,
        name: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        file: str | None = None,
        detach: bool = False,
    ) -> RunOutcome:
        """Keep what is called in `called`; the next of `outcomes`."""
        import trio

        self.called.append((name or file or "", inputs or {}))
        await trio.lowlevel.checkpoint()
        if len(self.called) > len(self.outcomes):
            raise LookupError("the test gives no outcome; pass FakeStep(outcomes=[RunOutcome(…)])")
        return self.outcomes[len(self.called) - 1]

    def decide(self, branch: str | None) -> None:
        """Keep the branch in `decided`."""
        self.decided.append(branch)

    def secret(self, name: str) -> str:
        """One of `secrets`; asking for another is a mistake of the test."""
        if name not in self.secrets:
            raise LookupError(f"the test gives no secret {name!r}; pass FakeStep(secrets={{{name!r}: …}})")
        return self.secrets[name]

    def mask(self, text: str, *, cut_start: bool = False, cut_end: bool = False) -> str:
        """*text* with `secrets` masked, as a real step does."""
        from treadle._engine.masking import Masker

        masker = Masker()
        for secret in self.secrets.values():
            masker.add(secret)
        return masker.text(text, cut_start=cut_start, cut_end=cut_end)

    def transport(self, device: str | None = None) -> AbstractAsyncContextManager[TransportConnection]:
        """What `connect` gives for *device*."""
        if self.connect is None:
            raise LookupError("the test gives no transport; pass FakeStep(connect=…)")
        return self.connect(device)
