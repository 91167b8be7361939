"""One case of the crash matrix again, by hand: ``python -m tests.faults SHAPE [POINT[,POINT…]]``.

The first process is killed at the first point, the next one at the second; without points nobody is. A point
is a number, or with a decimal point the seconds after which the kill comes. The store, the ledger and the
traces stay where the last line says.
"""

from __future__ import annotations

import sys

import trio
from tests.faults.forge import forges
from tests.faults.matrix import Death, Kill, die, folder_for, undisturbed
from tests.faults.shapes import SHAPES


async def again(shape: str, kills: list[Kill], place: str) -> tuple[Death, Death]:
    with forges(1) as parents:
        reference = await undisturbed(parents, shape)
        return reference, await die(parents, shape, kills, reference.seen.last.state, place)


def _kill(text: str) -> Kill:
    return float(text) if "." in text else int(text)


def main() -> int:
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in SHAPES:
        print(f"{__doc__}\nShapes: {', '.join(SHAPES)}", file=sys.stderr)
        return 2
    kills = [_kill(text) for text in sys.argv[2].split(",")] if sys.argv[2:] else []
    place = str(folder_for(sys.argv[1]))
    reference, death = trio.run(again, sys.argv[1], kills, place)
    for number, name in enumerate(reference.reached[0], 1):
        print(f"point {number}: {name}")
    print(death.report())
    print(f"left in {place}")
    return 1 if death.problems else 0


if __name__ == "__main__":
    sys.exit(main())
