"""Work that a test writes down where it needs it: step type ``do`` runs the function of that name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from tests.engine.kit import events

from treadle.plugin import Step, StepType, hookimpl

if TYPE_CHECKING:
    import treadle

Work = Callable[[Step], Awaitable[Any]]


@attrs.frozen(kw_only=True)
class Do:
    """Runs the function called *what*; *given* is for tests of settings."""

    what: str
    given: Any = None


class Doing:
    """A plugin with one step type, ``do``."""

    def __init__(self, **work: Work) -> None:
        self._work = work

    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        return [StepType(name="do", config=Do, run=self._run, main="what")]

    async def _run(self, config: Do, step: Step) -> Any:
        return await self._work[config.what](step)


async def journal(run: treadle.Run) -> list[str]:
    """The events of an ended run as ``type`` or ``type path``."""
    return [told(event) for event in await events(run)]


def told(event: treadle.Event) -> str:
    return f"{event.type} {event.step}" if event.step is not None else event.type


def one(seen: Sequence[treadle.Event], what: str) -> treadle.Event:
    """The only event that `told` calls *what*."""
    (found,) = [event for event in seen if told(event) == what]
    return found
