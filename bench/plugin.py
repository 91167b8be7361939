"""What the measured workflows are made of: a step that does nothing, and a sink that only counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

import treadle
from treadle.plugin import Step, StepType, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@attrs.frozen(kw_only=True)
class Nothing:
    """No settings."""


class Probe:
    """The step type ``noop``; *entered* is called whenever one begins."""

    def __init__(self) -> None:
        self.entered: Any = None

    async def noop(self, _config: Nothing, _step: Step) -> None:
        """Do nothing, at once."""
        if self.entered is not None:
            self.entered()

    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        """``noop``."""
        return [StepType(name="noop", config=Nothing, run=self.noop)]


class Counter:
    """A sink."""

    def __init__(self) -> None:
        self.events = 0

    async def __call__(self, events: Sequence[treadle.Event]) -> None:
        """Count *events*."""
        self.events += len(events)


PROBE = Probe()
REGISTRY = treadle.Registry.of(PROBE)
