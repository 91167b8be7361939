"""How an engine is left: what its runs are told, and what is waited for.

Rule 1: it takes no more runs from the first moment on.
Rule 2: runs that outlive the engine are suspended, the others cancelled; neither waits for ever.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from treadle._engine.handle import Suspended
from treadle.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle._engine.durability import Durability
    from treadle._engine.engine import Engine
    from treadle._engine.handle import Run
    from treadle._engine.run import Run as Driven

GRACE_SECONDS = 5.0
"""How long attempts in flight may go on once the engine is left."""


async def close(engine: Engine) -> None:
    """See `Engine.close`."""
    engine._closing = True
    for run in engine.runs():
        with suppress(Refused):
            await _cancelled(run)
    for run in engine.runs():
        try:
            await run.ended()
        except Exception:
            if run._driven.lost is None:
                raise


async def _cancelled(run: Run) -> None:
    if run.status.ended or run._driven.lost is not None:
        return
    try:
        await run.cancel("the engine was closed")
    except Refused:  # its end is decided; it comes to it by itself, unless it is paused on the way
        await run.resume()


async def suspend(engine: Engine, durability: Durability, grace: float) -> None:
    """See `Engine.suspend`."""
    engine._closing = True
    durability.inbox.close()
    going = [one for one in engine._driven.values() if one is not None and not one.status.ended]
    for driven in going:
        driven.close_gate()
    with trio.move_on_after(grace):
        for driven in going:
            await _at_rest(driven)
    for driven in going:
        if not driven.status.ended:
            driven.everything.cancel(reason="the engine was suspended")
    durability.hurry()
    with trio.move_on_after(grace):
        await engine._all_let_go()
    await _drop(engine, durability, [one for one in going if one.id in engine._driven])
    await durability.inbox.look()


async def _at_rest(driven: Driven) -> None:
    """Wait until no attempt of *driven* is in flight but those that only wait, and lose nothing by it."""
    while driven.in_flight > driven.sleeping and driven.lost is None and not driven.status.ended:
        await driven.changed()


async def _drop(engine: Engine, durability: Durability, left: Sequence[Driven]) -> None:
    """Let go of runs that are held up by clean-up, which goes on where they are resumed."""
    leases = {driven.id: durability.journal.leases.get(driven) for driven in left}
    for driven in left:
        durability.journal.leave(driven)
        driven.lose(Suspended(driven.id, str(driven.status)))
    await engine._all_let_go()
    for run_id, lease in leases.items():
        if lease is not None:
            await durability.keeper.release(run_id, lease)


def abandon(engine: Engine) -> None:
    """The engine is being left by an exception: take no more runs."""
    engine._closing = True
    for driven in engine._driven.values():
        # a pause takes the bound of clean-up away, which is shielded: nobody could end it any more;
        # and what waits, shielded, for the end of a run that it called would not see one
        if driven is not None and (driven.clock.stopped or driven.calls):
            driven.lose(Suspended(driven.id, str(driven.status)))
