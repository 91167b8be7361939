"""Calls of the step type ``http`` as tests make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.std.servers import Answer

from treadle.errors import StepError
from treadle.plugin import Url
from treadle.testing import FakeStep
from treadle_std.steps.http import Http, fetch

if TYPE_CHECKING:
    from treadle_std.steps._answers import HttpAnswer


async def call(url: str, **settings: object) -> HttpAnswer:
    """The answer of one attempt, which may reach this machine unless *settings* say otherwise."""
    settings.setdefault("allow_private", True)
    return await fetch(Http(url=Url(url), **settings), FakeStep(correlation_id="c 1"))


async def failure(url: str, **settings: object) -> StepError:
    """The error of an attempt that has to fail."""
    with pytest.raises(StepError) as caught:
        await call(url, **settings)
    return caught.value


def redirect(to: str, status: int = 302) -> Answer:
    """An answer that sends the caller elsewhere."""
    return Answer(status, headers=(("Location", to),))
