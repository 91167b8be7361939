"""Concurrency groups: runs that share a key, of which only so many may be under way.

Rule 1: the key is decided once, when a run is accepted, and journaled with that.
Rule 2: who has a place is a fact of the store, decided in one transaction there; nothing here can leak one.
        A place is given back by the end of its run and by nothing else.
Rule 3: a run waits before it takes one of ``limits.runs``, and takes commands while it does.
Rule 4: of the runs that wait here, each watches the one before it; only the first asks the store again and
        again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import trio

from treadle._engine import control
from treadle._engine.scope import Scope
from treadle._expr import Template, scalar_text
from treadle._values import Value
from treadle.errors import Fenced, GroupFull, NoSuchRun, Refused, StepError, StoreUnavailable
from treadle.events import RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle._engine.durability import Durability
    from treadle._engine.run import Run
    from treadle._model import Concurrency

POLL_SECONDS = 0.2
"""How often it is looked whether a run that another process drives has left its place."""

LOOK_SECONDS = 1.0
"""How often it is looked whether a run in another process waits there for its turn, or died with that."""

LONGEST_KEY = 200
MOST_TOLD = 20
_PAGE = 500

QUEUED = "workflow.queued"


@attrs.frozen(eq=False, repr=False)
class Group(Value):
    """What a run shares, and on which terms.

    Attributes:
      limit: so many runs with the same key may be under way, this one counted.
      on_limit: ``queue``, ``cancel_running`` or ``reject``.
    """

    key: str
    limit: int
    on_limit: str

    def to_data(self) -> dict[str, Any]:
        """Plain data, for ``workflow.accepted``."""
        return attrs.asdict(self)


def decide(run: Run) -> Group | None:
    """The group of *run*, which is being accepted. Raises Refused where its key has no value."""
    wanted: Concurrency | None = run.plan.spec.concurrency
    if wanted is None:
        return None
    key: Any = run.workflow if wanted.key is None else wanted.key
    if isinstance(key, Template):
        try:
            key = run.evaluation.value(key, Scope(None))
        except StepError as error:
            raise Refused("start", "new", f"its concurrency key has no value: {error.message}") from None
        if isinstance(key, bool | int | float):
            key = scalar_text(key)
    if not isinstance(key, str) or not key.strip() or len(key) > LONGEST_KEY:
        found = repr(key) if len(repr(key)) <= LONGEST_KEY else f"{type(key).__name__} of {len(repr(key))}"
        why = f"its concurrency key is {found}, and must be text of 1 to {LONGEST_KEY} characters"
        raise Refused("start", "new", f"{why}; see `concurrency` of {run.workflow}")
    return Group(run.masker.text(key), wanted.limit, wanted.on_limit)


def group_of(run: Run) -> Group | None:
    """The group of a run that was accepted."""
    told: Mapping[str, Any] | None = run.history[0].data.get("concurrency") if run.history else None
    return None if told is None else Group(told["key"], told["limit"], told["on_limit"])


def full(error: GroupFull) -> Refused:
    """What whoever started the run is told."""
    runs = ", ".join(error.runs[:MOST_TOLD])
    who = f"runs {runs} have" if len(error.runs) > 1 else f"run {runs} has"
    why = f"{who} the concurrency key {error.group!r}, whose limit rejects another"
    return Refused("start", "new", f"{why}; start it again when that has ended")


class Groups:
    """Lets the runs of one engine begin when it is their turn."""

    def __init__(self, driven: Mapping[str, Run | None]) -> None:
        self._driven = driven
        self._here: dict[str, dict[str, bool]] = {}  # without a store: by key, the runs; true has a place
        self._queued: set[str] = set()
        self._behind: dict[str, set[Run]] = {}  # by run, those that are to look when it leaves

    @property
    def waiting(self) -> int:
        """How many runs wait here for their turn."""
        return len(self._queued)

    # --- accepting ---

    async def check_callers(self, run: Run, group: Group, durability: Durability | None) -> None:
        """Raise Refused where a run that waits for *run* has the same key: neither could go on."""
        parent: Mapping[str, Any] | None = run.parent
        while parent is not None and not parent["detached"]:
            caller = await self._accepted(parent["run"], durability)
            if caller is None:
                return
            if caller.get("concurrency", {}).get("key") == group.key:
                why = f"run {parent['run']}, which waits for it, has the concurrency key {group.key!r} itself"
                fix = "give one of the two workflows another key, or detach it"
                raise Refused("start", "new", f"{why}; {fix}")
            parent = caller.get("parent")

    async def _accepted(self, run_id: str, durability: Durability | None) -> Mapping[str, Any] | None:
        """What was told when a run was accepted, whoever drives it; None if there is none."""
        here = self._driven.get(run_id)
        if here is not None:
            return here.history[0].data
        if durability is None:
            return None
        with suppress(NoSuchRun):
            return (await durability.keeper.first(run_id)).data
        return None

    def enter(self, run: Run, group: Group) -> None:
        """Accept *run* in an engine without a store. Raises Refused: it does not wait, and would have to."""
        runs = self._here.setdefault(group.key, {})
        placed = [one for one, has in runs.items() if has]
        rejects = group.on_limit == "reject"
        if rejects and (len(placed) < len(runs) or len(placed) >= group.limit):
            raise full(GroupFull(group.key, list(runs)))
        runs[run.id] = rejects

    def left(self, run_id: str) -> None:
        """A run is not driven here any more."""
        for key, runs in list(self._here.items()):
            if runs.pop(run_id, None) is not None and not runs:
                del self._here[key]
        self._wake(run_id)

    # --- waiting ---

    async def turn(self, run: Run, durability: Durability | None) -> None:
        """Wait until *run* has a place in its group; returns without one where it was cancelled meanwhile."""
        group = group_of(run)
        if group is None:
            return
        told, asked, looked = False, group.on_limit != "cancel_running", -LOOK_SECONDS
        self._queued.add(run.id)
        try:
            while not run.status.ended and (run.fired() is None or run.past is not None):
                if durability is None:
                    ahead: Sequence[str] | None = self._admitted(run, group)
                else:
                    ahead = await _stored_admission(run, group, durability)
                if ahead is not None:
                    asked = asked or await self._supersede(run, group, ahead, durability)
                    if not ahead:
                        return
                    if not told:
                        run.emit(QUEUED, data={**group.to_data(), "behind": list(ahead[:MOST_TOLD])})
                    told = True
                    if durability is not None and trio.current_time() - looked >= LOOK_SECONDS:
                        looked = trio.current_time()
                        if await self._freed(ahead, durability):
                            continue
                await self._news(run, ahead or (), soon=not asked)
        finally:
            self._queued.discard(run.id)
            self._wake(run.id)

    async def _freed(self, ahead: Sequence[str], durability: Durability) -> bool:
        """Let go of runs *ahead* that wait, and whose process is known to be gone; whether there were any."""
        freed = False
        try:
            for one in ahead:
                if one not in self._driven:
                    freed = await durability.keeper.free(one) or freed
        except StoreUnavailable:
            return False
        except Exception as error:
            durability.journal.break_down(error)
        return freed

    def _admitted(self, run: Run, group: Group) -> Sequence[str]:
        """As `StoreConnection.admit`, among the runs of this engine."""
        runs = self._here[group.key]
        if runs[run.id]:
            return ()
        placed = [one for one, has in runs.items() if has]
        waiting = [one for one in list(runs)[: list(runs).index(run.id)] if not runs[one]]
        if waiting or len(placed) >= group.limit:
            return [*placed, *waiting]
        runs[run.id] = True
        return ()

    async def _news(self, run: Run, ahead: Sequence[str], *, soon: bool) -> None:
        """Wait until it may be the turn of *run*, which must wait for those *ahead*; *soon*: not for long."""
        nearest = next((one for one in reversed(ahead) if one in self._queued), None)
        watched = ahead if nearest is None else (nearest,)
        for one in watched:
            self._behind.setdefault(one, set()).add(run)
        soon = soon or not watched or any(one not in self._driven for one in watched)
        with trio.move_on_after(POLL_SECONDS if soon else float("inf")):
            await run.changed()
        for one in watched:
            behind = self._behind.get(one, set())
            behind.discard(run)
            if not behind:
                self._behind.pop(one, None)

    def _wake(self, run_id: str) -> None:
        for run in self._behind.pop(run_id, ()):
            run._tell()

    # --- cancel_running ---

    async def _supersede(
        self, run: Run, group: Group, ahead: Sequence[str], durability: Durability | None
    ) -> bool:
        """Ask the runs that were accepted before *run* to end; whether that could be asked."""
        by = f"concurrency: run {run.id}"
        reason = f"run {run.id} has taken over the concurrency key {group.key!r}"
        if durability is None:
            for one in ahead:
                other = self._driven.get(one)
                if other is not None:
                    with suppress(Refused):  # it is ending already
                        control.cancel(other, reason, by=by)
            return True
        from treadle._kinds.store import Request

        now = run.surroundings.now()
        try:
            older = await _older(run, ahead, durability)
            for one in [*older, *await _asleep(run, group, ahead, durability)]:
                request = Request(
                    id=f"{run.id}.supersedes.{one}",
                    run=one,
                    command="cancel",
                    arguments={"reason": reason},
                    by=by,
                    time=now,
                )
                with suppress(NoSuchRun):
                    await durability.store.ask(request)
        except StoreUnavailable:
            return False
        except Exception as error:
            durability.journal.break_down(error)
        return True


async def _older(run: Run, ahead: Sequence[str], durability: Durability) -> Sequence[str]:
    """Those of *ahead* that were accepted before *run*: while nobody drives it, newer ones pass it."""
    accepted, older = (await durability.store.info(run.id)).created_at, []
    for one in ahead:
        with suppress(NoSuchRun):
            if (await durability.store.info(one)).created_at <= accepted:
                older.append(one)
    return older


async def _asleep(run: Run, group: Group, ahead: Sequence[str], durability: Durability) -> Sequence[str]:
    """Older runs of the group that wait for their turn and that nobody drives."""
    from treadle._kinds.store import RunFilter

    active = frozenset(status for status in RunStatus if not status.ended)
    accepted = run.history[0].time
    which = RunFilter(group=group.key, statuses=active, created_before=accepted)
    page = await durability.store.list(which, limit=_PAGE)
    return [info.id for info in page.runs if info.id != run.id and info.id not in ahead]


async def _stored_admission(run: Run, group: Group, durability: Durability) -> Sequence[str] | None:
    """Whom *run* must wait for; None if the store cannot say now."""
    lease = durability.journal.leases.get(run)
    if lease is None:  # it was lost, and is about to be cancelled
        await trio.lowlevel.checkpoint()
        return None
    try:
        return await durability.store.admit(
            run.id, lease.token, limit=group.limit, now=run.surroundings.now()
        )
    except StoreUnavailable:
        return None
    except Fenced as error:
        durability.journal.lose(run, error)
    except Exception as error:
        durability.journal.break_down(error)
    return None
