"""What stands in a step for a plugin that is not there, so that the rest of the spec can be judged.

Rule: a stand-in may do anything, so nothing is refused because of it; it never runs.
"""

from __future__ import annotations

from typing import Any

import attrs

from treadle._kinds import Backoff, Fail, Step, StepType, Strategy
from treadle._settings import Settings


@attrs.frozen(eq=False, repr=False, kw_only=True)
class _NoSettings:
    """The settings of a stand-in."""


async def _never(_config: _NoSettings, _step: Step) -> Any:
    raise NotImplementedError


WORK: Settings[StepType[Any]] = Settings(StepType(name="", config=_NoSettings, run=_never))
"""For the work of a step."""

STRATEGY: Settings[Strategy[Any]] = Settings(
    Strategy(
        name="",
        config=_NoSettings,
        decide=lambda _config, _failure: Fail(),
        may=lambda _config: (),
        inherits=True,
    )
)
"""For an error strategy; what it may decide is not known, since it has no config."""

BACKOFF: Settings[Backoff[Any]] = Settings(
    Backoff(name="", config=_NoSettings, delays=lambda _config, _rng: iter(()))
)
