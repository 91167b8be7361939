"""What a third party adds to treadle: one plugin of each of five kinds.

Rule: it imports nothing of treadle but what is public, and nothing heavy at the top.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
from attrs import validators as v

from treadle.plugin import (
    Backoff,
    Decision,
    Fail,
    Function,
    Seconds,
    Send,
    Sink,
    Step,
    StepFailure,
    StepType,
    Strategy,
    Tolerate,
    hookimpl,
)

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from treadle.events import Event


class Unavailable(Exception):
    """A target does not answer."""


@attrs.frozen(kw_only=True)
class Deploy:
    """Pretends to deploy a release.

    Args:
      target: where to.
      release: what.
      fails: how many attempts fail before one succeeds.
      takes: seconds each attempt takes.

    Example:
      ``acme.deploy: {target: eu, release: r1}``
    """

    target: str
    release: str
    fails: int = attrs.field(default=0, validator=v.ge(0))
    takes: Seconds = 0.0


@attrs.frozen(kw_only=True)
class Deployed:
    """What ``acme.deploy`` gives.

    Attributes:
      url: where the release is now.
      attempt: the attempt that did it, from 1.
    """

    url: str
    attempt: int


async def deploy(config: Deploy, step: Step) -> Deployed:
    """One attempt, which fails while the attempt's number is not over *fails*."""
    import trio

    step.log(f"deploying {config.release} to {config.target}")
    await trio.sleep(config.takes)
    if step.attempt <= config.fails:
        raise Unavailable(f"{config.target} does not answer")
    step.emit("acme.deployed", {"target": config.target})
    return Deployed(url=f"https://{config.target}.example.com/{config.release}", attempt=step.attempt)


@attrs.frozen(kw_only=True)
class TolerateSome:
    """Tolerates failures with the given names; any other fails the block at once.

    Args:
      errors: names of errors.

    Example:
      ``on_error: {acme.tolerate: [acme.unavailable]}``
    """

    errors: tuple[str, ...]


def decide(config: TolerateSome, failure: StepFailure) -> Decision:
    """Tolerate what is listed."""
    return Tolerate() if any(failure.error.matches(name) for name in config.errors) else Fail()


@attrs.frozen(kw_only=True)
class Golden:
    """Each wait is 1.618 times the one before, eight waits at most.

    Args:
      first: the first wait, in seconds.

    Example:
      ``backoff: {acme.golden: 10ms}``
    """

    first: Seconds = attrs.field(default=1.0, validator=v.ge(0))


def golden(config: Golden, _rng: random.Random) -> Iterator[float]:
    """Eight growing waits; after them the retrying stops."""
    for attempt in range(8):
        yield config.first * 1.618**attempt


@attrs.frozen(kw_only=True)
class Memo:
    """Notes the type of each event in a file, one a line.

    Args:
      path: the file, begun anew each time.

    Example:
      ``sinks: [{acme.memo: memo.txt}]``
    """

    path: str


@asynccontextmanager
async def open_memo(config: Memo) -> AsyncIterator[Send]:
    """Open the file; what is yielded notes a batch."""
    import trio

    async with await trio.open_file(config.path, "w", encoding="utf-8") as file:

        async def send(events: Sequence[Event]) -> None:
            await file.writelines(f"{event.type} {event.step or '-'}\n" for event in events)

        yield send


def slug(text: str) -> str:
    """*text* in lower case, with everything but letters and digits made one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``acme.deploy``."""
    return [
        StepType(
            name="acme.deploy",
            config=Deploy,
            output=Deployed,
            run=deploy,
            main="target",
            errors={Unavailable: "acme.unavailable"},
        )
    ]


@hookimpl
def treadle_error_strategies() -> Iterable[Strategy[Any]]:
    """``acme.tolerate``."""
    return [
        Strategy(
            name="acme.tolerate",
            config=TolerateSome,
            decide=decide,
            may=lambda _: (Tolerate(), Fail()),
            main="errors",
        )
    ]


@hookimpl
def treadle_backoffs() -> Iterable[Backoff[Any]]:
    """``acme.golden``."""
    return [Backoff(name="acme.golden", config=Golden, delays=golden, main="first")]


@hookimpl
def treadle_event_sinks() -> Iterable[Sink[Any]]:
    """``acme.memo``."""
    return [Sink(name="acme.memo", config=Memo, open=open_memo, main="path")]


@hookimpl
def treadle_functions() -> Iterable[Function]:
    """``slug``."""
    return [Function(name="slug", call=slug, signature="slug(text)", doc="Text as it may stand in a URL.")]
