"""One life of a process that embeds treadle: it drives the run until it ends or is killed.

It does what any program would that wants its run done: start it under a key, which gives the run that is
there already if there is one, and take over what nobody drives.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import trio
from tests.faults.ledger import Ledger
from tests.faults.points import MarkedStore, Points
from tests.faults.shapes import SHAPES
from tests.faults.steps import Effects

import treadle

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from treadle.plugin import StoreConnection

KEY = "the-run"


@attrs.frozen
class Order:
    """What a process is to do.

    Attributes:
      place: the folder of the run's store, its ledger and the traces of its processes.
      number: which process of the run it is, from 1.
      kill_at: the point at which it is killed.
      kill_after: seconds after which it is killed, in the middle of whatever it does then.
    """

    place: str
    shape: str
    number: int
    kill_at: int | None = None
    kill_after: float | None = None

    def trace(self) -> Path:
        return Path(self.place, f"points-{self.number}")

    def errors(self) -> Path:
        return Path(self.place, f"errors-{self.number}")


def ledger_in(place: str | Path) -> Ledger:
    return Ledger(Path(place, "ledger"))


def store_in(place: str | Path) -> AbstractAsyncContextManager[StoreConnection]:
    """The run's store, opened once more."""
    entry = treadle.Registry.installed().stores["sqlite"]
    opened: AbstractAsyncContextManager[StoreConnection] = entry.open(
        entry.config(path=str(Path(place, "runs.db")))
    )
    return opened


def live(order: Order) -> None:
    """Live until the run has ended, or until the point at which this process is killed."""
    trio.run(_live, order)


async def _live(order: Order) -> None:
    points = Points(order.kill_at, order.trace())
    registry = treadle.Registry.of(Effects(ledger_in(order.place), points))
    workflow = treadle.loads(SHAPES[order.shape].source(), registry=registry)
    async with store_in(order.place) as store:
        marked = MarkedStore(store, points)
        async with treadle.open_engine(store=marked, registry=registry, recover=False) as engine:
            run = await engine.start(workflow, key=KEY)
            if not run.driven_here and not run.status.ended:
                run = await engine.resume_run(run.id)
            await run.wait()
