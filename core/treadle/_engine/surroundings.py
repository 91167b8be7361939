"""What an engine gives to its runs: clock, journal, bus, limits, secrets, transports. Nothing global."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

import attrs
import trio

from treadle._deployment import Limits
from treadle._engine.bus import Bus
from treadle._engine.children import Children
from treadle._engine.journal import Journal
from treadle._kinds import TransportConnection
from treadle.errors import StepError


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Surroundings:
    """The environment of runs.

    Attributes:
      now: wall clock, seconds since 1970 UTC.
      seed: makes every random draw of a run repeatable, together with the run's id.
      limiters: named limiters, shared by all runs.
      providers: asked in order for a secret; None if they have none of that name.
      transport: opens a connection to a device; None is this machine.
      children: gives what steps call workflows by.
    """

    journal: Journal
    bus: Bus
    now: Callable[[], float]
    seed: str
    limits: Limits
    limiters: Mapping[str, trio.CapacityLimiter]
    providers: tuple[Callable[[str], str | None], ...]
    transport: Callable[[str | None], AbstractAsyncContextManager[TransportConnection]]
    children: Callable[[], Children]

    def secret(self, name: str) -> str:
        """The value of a secret. Raises StepError ``secret`` where no provider has it."""
        for provider in self.providers:
            value = provider(name)
            if value is not None:
                return value
        raise StepError(
            "secret",
            f"no provider has a secret named {name!r}; set the environment variable {name},"
            " or see `secrets` in treadle.yaml",
        )
