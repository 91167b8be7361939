"""One run through all its deaths: started, killed, started again until it ends, and judged."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import trio
from tests.faults.history import Snapshot, look, runs_in
from tests.faults.laws import Seen, judge
from tests.faults.life import Order, ledger_in, store_in
from tests.faults.person import Person
from tests.faults.shapes import SHAPES, Shape

if TYPE_CHECKING:
    from tests.faults.forge import Forges

    from treadle import RunState
    from treadle.plugin import StoreConnection

Kill = int | float
"""The number of a point, or seconds."""

LAST_WORD_SECONDS = 0.5
"""How long before a run's end a request must have been made to be answered."""

JOURNAL_TAIL = 40
"""Events shown of a run that went wrong."""


@attrs.frozen
class Death:
    """One case: *shape*, its first process killed at the first of *kills*, its second at the next…

    A kill is the number of a point, or as a float the seconds after which it comes.

    Attributes:
      problems: what is wrong, in sentences.
      reached: by process, the names of the points that it reached.
    """

    shape: Shape
    kills: tuple[Kill, ...]
    seen: Seen
    problems: Sequence[str]
    reached: Sequence[Sequence[str]]
    errors: str

    @property
    def deaths(self) -> int:
        """How many processes were killed; a point that was not reached kills nobody."""
        return sum(snapshot.killed is not None for snapshot in self.seen.snapshots)

    def report(self) -> str:
        """All that a stranger needs to see what went wrong, and to see it again."""
        name, kills = self.shape.name, ",".join(map(str, self.kills))
        parts = [
            f"{name} killed at {kills or 'no point'}; again: python -m tests.faults {name} {kills}",
            *(f"  wrong: {problem}" for problem in self.problems),
        ]
        for number, snapshot in enumerate(self.seen.snapshots, 1):
            ended = f"killed at: {snapshot.killed}" if snapshot.killed else "ended by itself"
            parts.append(f"  process {number}: {ended}; {len(snapshot.journal)} events in the journal then")
        last = self.seen.last
        parts += [
            f"  event {one.seq}: {one.type} {one.step or ''} {one.attempt or ''} {_short(one.data)}"
            for one in last.journal[-JOURNAL_TAIL:]
        ]
        parts += [f"  effect: {line}" for line in last.ledger]
        parts += [
            f"  asked: {wish.id}: {wish.command} {dict(wish.arguments)}" for wish in self.seen.asked.values()
        ]
        return "\n".join([*parts, self.errors])


def _short(data: object) -> str:
    text = str(data)
    return text if len(text) <= 200 else text[:200] + "…"


async def die(
    forges: Forges, shape: str, kills: Sequence[Kill], undisturbed: RunState | None, place: str | None = None
) -> Death:
    """Go through one case; *undisturbed* is the end that the run must come to, if that is known."""
    with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
        return await _Case(forges, SHAPES[shape], tuple(kills), place or folder).through(undisturbed)


class _Case:
    def __init__(self, forges: Forges, shape: Shape, kills: tuple[Kill, ...], place: str) -> None:
        self.forges = forges
        self.shape = shape
        self.kills = kills
        self.place = place
        self.ledger = ledger_in(place)
        self.snapshots: list[Snapshot] = []
        self.problems: list[str] = []
        self.orders: list[Order] = []

    async def through(self, undisturbed: RunState | None) -> Death:
        async with store_in(self.place) as store:
            person = Person(self.shape, store, self.ledger)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(person.attend)
                await self._lives(store)
                nursery.cancel_scope.cancel()
            unanswered = await _unanswered(store, person)
        seen = Seen(self.snapshots, undisturbed, person.asked, unanswered)
        problems = [*self.problems, *judge(seen)]
        reached = [_reached(order) for order in self.orders]
        errors = "".join(order.errors().read_text() for order in self.orders if order.errors().exists())
        return Death(self.shape, self.kills, seen, problems, reached, errors)

    async def _lives(self, store: StoreConnection) -> None:
        """Process after process, until one ends by itself."""
        for number in range(1, len(self.kills) + 2):
            order = self._order(number)
            code = await self.forges.live(order)
            killed = _last_words(order) if code == _killed_by(order) else None
            self.snapshots.append(await look(store, self.ledger, killed))
            if killed is None:
                self._ended(number, code)
                return

    def _order(self, number: int) -> Order:
        kill = self.kills[number - 1] if number <= len(self.kills) else None
        after = kill if isinstance(kill, float) else None
        order = Order(self.place, self.shape.name, number, kill if after is None else None, after)
        self.orders.append(order)
        return order

    def _ended(self, number: int, code: int) -> None:
        if code == -signal.SIGALRM:
            self.problems.append(f"process {number} hung")
        elif code != 0:
            self.problems.append(f"process {number} ended with code {code}; what it said stands below")
        status = str(self.snapshots[-1].state.status)
        if status != self.shape.ends:
            self.problems.append(f"the run is {status}, and should be {self.shape.ends}")


def _killed_by(order: Order) -> int:
    """The exit code of a process that was killed as ordered."""
    return -(signal.SIGKILL if order.kill_after is None else signal.SIGALRM)


def _last_words(order: Order) -> str:
    """The latest point that a process had reached."""
    return (_reached(order) or ["before its first point"])[-1]


def _reached(order: Order) -> list[str]:
    return order.trace().read_text().splitlines() if order.trace().exists() else []


async def _unanswered(store: StoreConnection, person: Person) -> list[str]:
    """What was asked in time, and has no answer: a run that is just ending may not see the last request."""
    ended = max((info.ended_at or 0.0 for info in await runs_in(store)), default=0.0)
    requests = [await store.asked(id_) for id_ in person.asked]
    return [one.id for one in requests if one and one.answer is None and one.time < ended - LAST_WORD_SECONDS]


# --- many cases ---


async def undisturbed(forges: Forges, shape: str) -> Death:
    """The run that nobody kills: what all others are compared with, and how many points there are."""
    death = await die(forges, shape, (), None)
    if death.problems:
        raise AssertionError(death.report())
    return death


async def die_at_each(
    forges: Forges, shape: str, kills: Sequence[Sequence[Kill]], end: RunState
) -> list[Death]:
    """A case for each of *kills*, as many at once as there are forges; in the same order."""
    deaths: dict[int, Death] = {}
    slots = trio.CapacityLimiter(forges.count)

    async def one(index: int, points: Sequence[Kill]) -> None:
        async with slots:
            deaths[index] = await die(forges, shape, points, end)

    async with trio.open_nursery() as nursery:
        for index, points in enumerate(kills):
            nursery.start_soon(one, index, points)
    return [deaths[index] for index in range(len(kills))]


def spread(count: int, total: int) -> list[int]:
    """*count* points of *total*, evenly, from the first to the last; all of them if there are no more."""
    if count >= total:
        return list(range(1, total + 1))
    return sorted({1 + round(index * (total - 1) / (count - 1)) for index in range(count)})


def folder_for(shape: str) -> Path:
    """Where the command line leaves the store, the ledger and the traces."""
    return Path(tempfile.mkdtemp(prefix=f"treadle-{shape}-"))
