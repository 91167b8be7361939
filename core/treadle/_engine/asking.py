"""A request to a run, left in the store for whoever drives it, and its answer.

Rule 1: nobody but its driver touches the run; a request that is written is kept, whatever becomes of us.
Rule 2: waiting for the answer ends when it is there, or when nobody drives the run any more: then the request
        stays, and takes effect when the run goes on.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import trio

from treadle._engine.owner import is_driven
from treadle._kinds.store import Request, RunInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from treadle._kinds.store import StoreConnection

POLL_SECONDS = 0.05
"""How often the store is asked whether anything has changed."""

LOOK_SECONDS = 0.5
"""How often it is looked whether the run still has a driver, although nothing has changed."""


@attrs.frozen(eq=False, repr=False)
class Reply:
    """What came of a request.

    Attributes:
      answer: ``{answer: accepted | refused, why?, state}``; None where there is none, or none yet.
      info: the run, as it was when the answer was last looked for.
      late: somebody drives the run, and did not answer in time.
    """

    answer: Mapping[str, Any] | None
    info: RunInfo
    late: bool = False


async def ask(
    store: StoreConnection,
    info: RunInfo,
    command: str,
    arguments: Mapping[str, Any],
    *,
    by: str,
    now: Callable[[], float],
    patience: float = math.inf,
) -> Reply:
    """Leave a request for whoever drives the run, and wait for the answer, *patience* seconds at most."""
    if info.status.ended:
        return _without_driver(info)
    request = Request(
        id=str(uuid.uuid4()), run=info.id, command=command, arguments=dict(arguments), by=by, time=now()
    )
    await store.ask(request)
    return await _answer(store, request, now, trio.current_time() + patience)


async def _answer(store: StoreConnection, request: Request, now: Callable[[], float], until: float) -> Reply:
    seen, looked = None, -LOOK_SECONDS
    while True:
        changes, time = await store.changes(), trio.current_time()
        if changes != seen or time - looked >= LOOK_SECONDS:
            seen, looked = changes, time
            info = await store.info(request.run)  # before the answer, which may come with the end of driving
            known = await store.asked(request.id)
            if known is not None and known.answer is not None:
                return Reply(known.answer, info)
            if not is_driven(info, now()):
                return _without_driver(info)
            if time >= until:
                return Reply(None, info, late=True)
        await trio.sleep(POLL_SECONDS)


def _without_driver(info: RunInfo) -> Reply:
    """The run may have ended just before it was asked."""
    if info.status.ended:
        return Reply({"answer": "refused", "why": "it has ended", "state": str(info.status)}, info)
    return Reply(None, info)
