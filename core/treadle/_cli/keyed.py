"""``treadle run --key``: the one run of a workflow that has a key, new or not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from treadle import RunState
from treadle._cli import terminal
from treadle._cli.drive import Ended
from treadle._cli.phrases import driver
from treadle._cli.stored import events_of
from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle import Engine, Run, Workflow
    from treadle._kinds.store import RunInfo, StoreConnection


async def joined(engine: Engine, workflow: Workflow, inputs: Mapping[str, Any], key: str) -> Run | Ended:
    """The run with this *key* if it is driven here from now on; else how it stands.

    It is new, or one that nobody drives. Raises `Refused` where it was started with other inputs.
    """
    run = await engine.start(workflow, inputs, key=key)
    if any(each.id == run.id for each in engine.runs()):
        return run
    info = await engine.store.info(run.id)
    named = f"treadle: the key {key!r} names run {info.id}"
    if info.status.ended:
        terminal.say(printable(f"{named}, which has ended"))
    elif who := driver(info, time.time()):
        terminal.say(printable(f"{named}, which {who} drives; see: treadle events {info.id} --follow"))
    else:
        terminal.say(printable(f"{named}, which nobody drives; going on with it here"))
        return await engine.resume_run(info.id)
    return await _standing(engine.store, info)


async def _standing(store: StoreConnection, info: RunInfo) -> Ended:
    state = RunState.fold(await events_of(store, info))
    return Ended(run=info.id, state=state, durable=True, elsewhere=not info.status.ended)
