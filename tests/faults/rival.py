"""One of two processes on one store: ``python -m tests.faults.rival starts|recovers FOLDER STEP``.

The one *starts* a run and waits for its end; the other *recovers* whatever nobody drives, until nothing is
left. The step *hold* of the run takes as long as STEP says, and no time when it is tried again. Exit code 3:
the run was taken over by another process, which is said on standard error.
"""

from __future__ import annotations

import sys

import trio
from tests.faults.history import runs_in
from tests.faults.life import ledger_in, store_in
from tests.faults.points import MarkedStore, Points
from tests.faults.steps import Effects

import treadle
from treadle.errors import Fenced

TAKEN_OVER = 3

LEASE_SECONDS = 1.5

SPEC = """
treadle: 1
name: rivals
steps:
  - {id: before, effect: {}}
  - {id: hold, safe: {at_first: FIRST}}
  - {id: after, effect: {}}
"""


async def starts(store: MarkedStore, registry: treadle.Registry, first: str) -> int:
    workflow = treadle.loads(SPEC.replace("FIRST", first), registry=registry)
    async with treadle.open_engine(
        store=store, registry=registry, recover=False, lease=LEASE_SECONDS
    ) as engine:
        run = await engine.start(workflow)
        try:
            await run.wait()
        except Fenced as error:
            print(error, file=sys.stderr)
            return TAKEN_OVER
    return 0


async def recovers(store: MarkedStore, registry: treadle.Registry) -> int:
    async with treadle.open_engine(store=store, registry=registry, recover=True, lease=LEASE_SECONDS):
        while not all(info.status.ended for info in await runs_in(store)):  # noqa: ASYNC110  nobody tells
            await trio.sleep(0.05)
    return 0


async def main(role: str, place: str, first: str) -> int:
    """Play *role*; the exit code."""
    points = Points(None, ledger_in(place).path.with_name(f"points-{role}"))
    registry = treadle.Registry.of(Effects(ledger_in(place), points))
    async with store_in(place) as store:
        marked = MarkedStore(store, points)
        if role == "starts":
            return await starts(marked, registry, first)
        return await recovers(marked, registry)


if __name__ == "__main__":
    sys.exit(trio.run(main, *sys.argv[1:]))
