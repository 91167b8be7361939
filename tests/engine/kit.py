"""A step type whose effects can be counted, and ways to run a spec in virtual time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import trio

import treadle
from treadle.plugin import Seconds, Step, StepError, StepType, hookimpl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

HANGS = 1_000_000.0
"""Seconds after which a run will never end; a virtual clock is there in no time."""


@attrs.frozen(kw_only=True)
class Act:
    """Work that takes *takes* seconds and then fails *fails* times before it succeeds.

    *name* is what the ledger calls it; *swallow*: it takes no notice of being cancelled, and returns;
    *fail_on_cancel*: it raises while being cancelled; *cleanup*: how long its shielded clean-up takes;
    *show_env*: its output is its environment.
    """

    name: str = ""
    takes: Seconds = 0.0
    fails: int = 0
    error: str = "broken"
    swallow: bool = False
    fail_on_cancel: bool = False
    cleanup: Seconds = 0.0
    output: Any = None
    retry_after: Seconds | None = None
    show_env: bool = False


class Ledger:
    """What the steps' own effects say happened: the history that neither journal nor events can fake."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str, str]] = []
        self.tried: dict[str, int] = {}
        self.inside = 0
        self.most_inside = 0

    def note(self, what: str, name: str) -> None:
        self.lines.append((round(trio.current_time(), 6), what, name))

    def names(self, what: str) -> list[str]:
        return [name for _, kind, name in self.lines if kind == what]

    def at(self, what: str, name: str) -> float:
        (moment,) = [time for time, kind, named in self.lines if (kind, named) == (what, name)]
        return moment

    def spans(self) -> dict[str, list[str]]:
        """By name, when each attempt was at work: ``0-2.5``."""
        spans: dict[str, list[str]] = {}
        for time, what, name in self.lines:
            if what == "start":
                spans.setdefault(name, []).append(f"{time:g}")
            else:
                spans[name][-1] += f"-{time:g}"
        return spans

    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        return [StepType(name="act", config=Act, run=self.act, main="name")]

    async def act(self, config: Act, step: Step) -> Any:
        name = config.name or step.path
        self.note("start", name)
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)
        try:
            return await self._work(config, step, name)
        except trio.Cancelled:
            self.note("cancelled", name)
            with trio.CancelScope(shield=True):
                await trio.sleep(config.cleanup)
            if config.swallow:
                return {"swallowed": True}  # noqa: ASYNC104  misbehaving is what it is for
            if config.fail_on_cancel:
                raise StepError("late", f"{name} failed while being cancelled") from None  # noqa: ASYNC104  misbehaving is what it is for
            raise
        finally:
            self.inside -= 1

    async def _work(self, config: Act, step: Step, name: str) -> Any:
        await trio.sleep(config.takes)
        self.tried[name] = self.tried.get(name, 0) + 1
        if self.tried[name] <= config.fails:
            self.note("fail", name)
            raise StepError(config.error, f"{name} failed", retry_after=config.retry_after)
        self.note("end", name)
        if config.show_env:
            return dict(step.env)
        return config.output if config.output is not None else {"name": name, "attempt": step.attempt}


class Rig:
    """A ledger with an engine around it; `start` runs a spec given as YAML or data."""

    def __init__(self, engine: treadle.Engine, ledger: Ledger, registry: treadle.Registry) -> None:
        self.engine = engine
        self.ledger = ledger
        self.registry = registry

    def load(self, spec: str | Mapping[str, Any]) -> treadle.Workflow:
        if isinstance(spec, str):
            return treadle.loads("treadle: 1\nname: test\n" + spec, registry=self.registry)
        return treadle.from_data({"treadle": 1, "name": "test", **spec}, registry=self.registry)

    async def start(self, spec: str | Mapping[str, Any], **more: Any) -> treadle.Run:
        return await self.engine.start(self.load(spec), **more)

    async def run(self, spec: str | Mapping[str, Any], **more: Any) -> treadle.RunState:
        return await to_end(await self.start(spec, **more))


@asynccontextmanager
async def rig(**settings: Any) -> AsyncIterator[Rig]:
    ledger = Ledger()
    registry = treadle.Registry.of(ledger, *settings.pop("plugins", ()))
    seed = settings.pop("seed", 1)  # seeded engines give the same ids
    async with treadle.open_engine(registry=registry, seed=seed, **settings) as engine:
        yield Rig(engine, ledger, registry)


async def events(run: treadle.Run) -> list[treadle.Event]:
    return [event async for event in run.events()]


def statuses(state: treadle.RunState) -> dict[str, str]:
    return {path: str(step.status) for path, step in state.steps.items()}


async def to_end(run: treadle.Run) -> treadle.RunState:
    """Wait for the end of *run*; under a virtual clock one that hangs fails at once."""
    with trio.fail_after(HANGS):
        return await run.wait()


def took(state: treadle.RunState) -> float:
    """Seconds from the start of a run to its end."""
    assert state.started_at is not None
    assert state.ended_at is not None
    return round(state.ended_at - state.started_at, 6)


def lives(state: treadle.RunState, ledger: Ledger) -> dict[str, str]:
    """Every step as ``status start-end``, by the run's own word and the ledger's times, one span an attempt.

    A tolerated failure is ``tolerated``; a step that never was at work has no span.
    """
    spans = ledger.spans()
    return {
        path: " ".join(["tolerated" if step.tolerated else str(step.status), *spans.get(path, ())])
        for path, step in state.steps.items()
    }


async def resolved_at(
    r: Rig, spec: str | Mapping[str, Any], moment: float, path: str, decision: str, **more: Any
) -> treadle.RunState:
    """Run *spec*, and answer for the step at *path* when *moment* has come."""
    run = await r.start(spec)
    await trio.sleep_until(moment)
    await run.resolve(path, decision, **more)
    return await to_end(run)
