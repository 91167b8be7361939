"""The engine: starts runs, takes runs over, and keeps those that have ended for a while.

Rule 1: nothing is global; two engines in one process share nothing but the store that both are given.
Rule 2: a run that ends, however it ends, ends alone.
Rule 3: a run is driven only while this engine holds it: from its creation or claim until its lease is given
back, which comes after its last event is durable.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import attrs
import trio

from treadle._engine.groups import Groups, decide, full
from treadle._engine.handle import Run, Suspended
from treadle._engine.ids import new_id
from treadle._engine.leaving import GRACE_SECONDS, close, suspend
from treadle._engine.life import live
from treadle._engine.run import Run as Driven
from treadle._engine.slots import Slots
from treadle._engine.undriven import reason
from treadle._inputs import check_inputs
from treadle.errors import Conflict, Fenced, GroupFull, InputError, Refused, StoreUnavailable
from treadle.events import Event, RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle._catalogue import Catalogue
    from treadle._engine.children import Children
    from treadle._engine.durability import Durability
    from treadle._engine.surroundings import Surroundings
    from treadle._kinds.store import Request, RunInfo, StoreConnection
    from treadle._workflow import Workflow
    from treadle.errors import StoreBroken


_log = logging.getLogger("treadle.store")


class Engine:
    """Runs workflows. Made by `open_engine`."""

    def __init__(
        self,
        surroundings: Surroundings,
        nursery: trio.Nursery,
        catalogue: Catalogue,
        *,
        seeded: bool,
    ) -> None:
        self._surroundings = attrs.evolve(surroundings, children=self._children)
        self._catalogue = catalogue
        self._nursery = nursery
        self._durability: Durability | None = None
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._driven: dict[str, Driven | None] = {}  # None while it is being taken over
        self._over: trio.Event | None = None
        self._left_alone: dict[str, str] = {}  # runs that cannot go on here, and why
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}  # without a store: ids and fingerprints
        self._slots = Slots(surroundings.limits.runs, self._driven)
        self._groups = Groups(self._driven)
        self._count = 0
        self._called: Children | None = None
        self._seeded = seeded
        self._closing = False

    @property
    def store(self) -> StoreConnection:
        """The open store. Raises Refused with the store ``memory``, which no run outlives."""
        return self._durable("use the store").store

    def _durable(self, command: str) -> Durability:
        if self._durability is None:
            why = "journals are in memory only; open the engine with another store, as sqlite:runs.db"
            raise Refused(command, "open", why)
        return self._durability

    # --- starting ---

    async def start(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        correlation_id: str | None = None,
    ) -> Run:
        """Accept a run of *workflow* and start it; beyond ``limits.runs``, or those that may share its
        concurrency key, it stays pending until one ends.

        Args:
          inputs: by name; checked, with the defaults filled in.
          key: names the run: where the workflow has one of this key and these inputs, that one is returned,
            whatever its state; it is not driven here unless it was.
          labels: added to the workflow's, on every event.
          correlation_id: on every event and outgoing request; the run's id unless given.

        Raises:
          InputError: the inputs do not fit; has every problem.
          Refused: the engine is closing, the run of this *key* has other inputs, the workflow has more steps
            than ``limits.steps``, it uses a limiter that this engine does not have, or it says ``reject`` and
            other runs have its concurrency key.
          StoreError: the store cannot take it.
        """
        accepted = self._new_run(workflow, inputs, labels, correlation_id)
        existing = await self._created(accepted, key, held=True)
        if existing is not None:
            return existing
        run = self._runs[accepted.id] = Run(accepted)
        self._launch(accepted)
        return run

    async def accept(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        correlation_id: str | None = None,
    ) -> Run:
        """As `start`, but the run is only stored: whoever calls `resume_run` for it drives it."""
        self._durable("accept a run without driving it")
        accepted = self._new_run(workflow, inputs, labels, correlation_id)
        existing = await self._created(accepted, key, held=False)
        return existing or await self.find(accepted.id)

    def _new_run(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any] | None,
        labels: Mapping[str, str] | None,
        correlation_id: str | None,
        *,
        run_id: str | None = None,
        parent: Mapping[str, Any] | None = None,
    ) -> Driven:
        """A new run, if all is well with it."""
        given, problems = check_inputs(workflow.spec.inputs, inputs or {})
        if problems:
            raise InputError(problems)
        self._check_limits(workflow)
        self._check_open()
        driven = Driven(
            self._surroundings,
            workflow.plan,
            run_id or self._new_id(),
            inputs=given,
            labels=labels or {},
            correlation_id=correlation_id,
            parent=parent,
            source=workflow.source,
        )
        if problems := driven.evaluation.secrets_given():
            raise InputError(problems)
        return driven

    def _check_open(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._closing:
            raise Refused("start", "closing", "the engine is being closed")

    async def _created(self, driven: Driven, key: str | None, *, held: bool) -> Run | None:
        """Have *driven* stored with its first event; the run that has *key* already, if one does."""
        fingerprint = None if key is None else _fingerprint(driven.inputs)
        group = decide(driven)
        if self._durability is None and key is not None:
            existing = self._by_key(driven.workflow, key, str(fingerprint))
            if existing is not None:
                return existing
        if group is not None:
            await self._groups.check_callers(driven, group, self._durability)
            if self._durability is None:
                self._groups.enter(driven, group)
        if self._durability is None and key is not None:
            self._keys[driven.workflow, key] = driven.id, str(fingerprint)
        spec = driven.plan.spec
        told: dict[str, Any] = {"spec": spec.data, "hash": spec.hash, "inputs": driven.inputs}
        if driven.parent is not None:
            told["parent"] = driven.parent
        if driven.source is not None:
            told["source"] = driven.source
        if group is not None:
            told["concurrency"] = group.to_data()
        driven.emit("workflow.accepted", data=told if key is None else {**told, "key": key})
        if self._durability is None:
            await driven.durable()
            return None
        try:
            stored = await self._durability.keeper.create(
                driven, key=key, fingerprint=fingerprint, held=held, group=group
            )
        except GroupFull as error:
            raise full(error) from None
        if stored.id != driven.id:
            return await self._existing(stored, str(fingerprint))
        if held and self._closing:
            await self._durability.keeper.give_back(driven)
            why = f"the engine has been closed meanwhile; run {driven.id} is stored and can be resumed"
            raise Refused("start", "closing", why)
        return None

    def _by_key(self, workflow: str, key: str, fingerprint: str) -> Run | None:
        run_id, before = self._keys.get((workflow, key), ("", ""))
        run = self._runs.get(run_id)
        if run is None:
            return None
        _check_same(fingerprint, before, key, run_id, run.status)
        return run

    async def _existing(self, stored: RunInfo, fingerprint: str) -> Run:
        _check_same(fingerprint, stored.fingerprint, str(stored.key), stored.id, stored.status)
        return await self.find(stored.id)

    # --- what steps call ---

    def _children(self) -> Children:
        """What steps call workflows by; made with the first that does."""
        if self._called is None:
            from treadle._engine.children import Children

            self._called = Children(self, self._catalogue)
        return self._called

    async def _call(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any],
        *,
        run_id: str,
        parent: Mapping[str, Any],
        labels: Mapping[str, str],
        correlation_id: str,
    ) -> Run:
        """As `start`, for a step of another run, which has journaled the id."""
        accepted = self._new_run(workflow, inputs, labels, correlation_id, run_id=run_id, parent=parent)
        try:
            await self._created(accepted, None, held=True)
        except Conflict:  # another process that drove the caller made it just before
            return await self.find(run_id)
        run = self._runs[run_id] = Run(accepted)
        self._launch(accepted)
        return run

    # --- finding ---

    def runs(self, *, status: RunStatus | str | None = None, workflow: str | None = None) -> list[Run]:
        """The runs this engine has, oldest first: those that go on, and the latest that have ended.

        Those of other engines and former processes are in `store`: ``await engine.store.list(…)`` lists them,
        and `find` gives one.
        """
        wanted = None if status is None else RunStatus(status)
        return [
            run
            for run in self._runs.values()
            if (wanted is None or run.status is wanted) and (workflow is None or run.workflow == workflow)
        ]

    def run(self, run_id: str) -> Run:
        """The run with this id. Raises KeyError if there is none, or it ended too long ago."""
        if run_id not in self._runs:
            raise KeyError(
                f"this engine has no run {run_id!r}: it never had, or has forgotten it since it ended;"
                " `await engine.find(…)` looks into the store as well"
            )
        return self._runs[run_id]

    async def find(self, run_id: str) -> Run:
        """A run of this engine or of the store, to be watched and steered, whoever drives it.

        Raises NoSuchRun if there is none.
        """
        known = self._runs.get(run_id)
        if known is not None and known._driven.lost is None:
            return known
        from treadle._engine.stored import StoredRun

        durability = self._durable(f"find run {run_id}")
        found = StoredRun(durability.store, await durability.store.info(run_id), self._surroundings.now)
        await found.read()
        return found

    def history(self, run_id: str) -> Sequence[Event] | None:
        """The journaled events of a run; None if it has been forgotten."""
        run = self._runs.get(run_id)
        return None if run is None else run._driven.history

    # --- taking over ---

    async def resume_run(self, run_id: str) -> Run:
        """Go on with a run of the store that nobody drives: after a crash, a suspension, or `accept`.

        What was asked of it meanwhile is applied. It stays paused if it was.

        Raises:
          NoSuchRun: the store does not have it.
          Refused: it has ended, it is driven (by whom is said), or this engine cannot drive it.
          SpecError: its spec does not fit the plugins that are installed here.
          RecordError: its journal cannot be read.
        """
        durability = self._durable(f"resume run {run_id}")
        self._check_not_driven(run_id)
        self._check_open()
        self._driven[run_id] = None
        try:
            taken = await durability.takeover.take(run_id)
            if self._closing:
                await durability.keeper.give_back(taken.run)
                self._check_open()
        except BaseException:
            self._let_go(run_id)
            raise
        self._ended.pop(run_id, None)
        self._left_alone.pop(run_id, None)
        self._runs[run_id] = run = Run(taken.run)
        self._launch(taken.run, taken.asked)
        self._slots.came()
        return run

    def _check_not_driven(self, run_id: str) -> None:
        if run_id in self._driven:
            driven = self._driven[run_id]
            state = "being resumed" if driven is None else str(driven.status)
            ended = driven is not None and driven.status.ended
            raise Refused(
                "resume", state, f"run {run_id} {'has ended' if ended else 'is driven here already'}"
            )

    async def _recover(self) -> None:
        """Take over what nobody drives, now and again, until cancelled."""
        durability = self._durable("recover runs")
        while not self._closing and durability.broken is None:
            try:
                await self._take_over_lapsed(durability)
            except StoreUnavailable:
                _log.debug("the store cannot be asked for runs that nobody drives", exc_info=True)
            except Exception as error:
                durability.journal.break_down(error)
            await trio.sleep(durability.keeper.lease)

    async def _take_over_lapsed(self, durability: Durability) -> None:
        after = None
        while True:
            page = await durability.keeper.lapsed(after)
            for info in page.runs:
                # those that wait for another run must not keep this engine from going on with it
                going = len(self._driven) - self._groups.waiting - self._slots.parts
                if self._closing or going >= self._surroundings.limits.runs:
                    return
                if info.id not in self._left_alone and info.id not in self._driven:
                    await self._take_over(info)
            if (after := page.next) is None:
                return

    async def _take_over(self, info: RunInfo) -> None:
        from treadle._engine.keeper import NotFree

        try:
            await self.resume_run(info.id)
        except (NotFree, StoreUnavailable):
            return
        except Exception as error:  # one run that cannot go on must not keep the others from it
            self._left_alone[info.id] = reason(error)
            _log.warning("run %s cannot go on here and is left alone: %s", info.id, error)
        else:
            _log.info("run %s of %s goes on here", info.id, info.workflow)

    async def take_requests(self) -> None:
        """Apply and answer now what has been asked of the runs here; else it is done within a moment."""
        if self._durability is not None:
            await self._durability.inbox.look()

    # --- driving ---

    def _launch(self, driven: Driven, asked: Sequence[Request] = ()) -> None:
        self._driven[driven.id] = driven
        name = f"treadle run {driven.id}"
        if self._durability is None:
            self._nursery.start_soon(self._drive, driven, name=name)
            return
        self._durability.begin(driven, asked)
        self._nursery.start_soon(self._drive_durably, driven, self._durability, name=name)

    async def _drive(self, driven: Driven) -> None:
        """Drive a run that does not outlive this engine."""
        await self._groups.turn(driven, None)
        async with self._slots.of(driven):
            if not driven.status.ended:  # cancelled while it was pending
                await live(driven)
        self._let_go(driven.id)
        self._keep(driven.id)

    async def _drive_durably(self, driven: Driven, durability: Durability) -> None:
        """Drive a run that this engine holds, until it has ended, is lost or suspended; then let it go."""
        try:
            with driven.everything:
                await self._groups.turn(driven, durability)
                async with self._slots.of(driven):
                    suspended = self._closing and driven.status is RunStatus.PENDING  # it does not even begin
                    if not driven.status.ended and not suspended:
                        await live(driven)
            await durability.finish(driven)
        finally:
            await durability.let_go(driven)  # noqa: ASYNC102  shielded, within a bound
            if not isinstance(driven.lost, Fenced | StoreUnavailable | Suspended | None):
                self._left_alone[driven.id] = reason(driven.lost)
            self._let_go(driven.id)
        self._keep(driven.id)

    def _let_go(self, run_id: str) -> None:
        del self._driven[run_id]
        self._groups.left(run_id)
        self._slots.left(run_id)
        if self._over is not None:
            self._over.set()

    def _keep(self, run_id: str) -> None:
        """Remember an ended run, and forget the oldest beyond the limit."""
        self._ended[run_id] = None
        while len(self._ended) > self._surroundings.limits.finished:
            oldest, _ = self._ended.popitem(last=False)
            del self._runs[oldest]

    def _check_limits(self, workflow: Workflow) -> None:
        """Raise Refused for a workflow that is too large for this engine, or lacks a limiter here."""
        allowed, size = self._surroundings.limits.steps, len(workflow.plan.paths)
        if size > allowed:
            raise Refused(
                "start", "new", f"the workflow has {size} steps, more than the {allowed} of limits.steps"
            )
        known = self._surroundings.limiters
        for name in sorted(workflow.limiters - known.keys()):
            here = ", ".join(sorted(known)) or "none"
            raise Refused(
                "start", "new", f"no limiter {name!r} is set up here (there is {here}); add it to `limiters`"
            )

    def _new_id(self) -> str:
        self._count += 1
        return new_id(self._surroundings.now(), f"{self._count:06d}" if self._seeded else None)

    # --- leaving ---

    @property
    def _broken(self) -> StoreBroken | None:
        """Why nothing goes on here any more, if the store broke."""
        return None if self._durability is None else self._durability.broken

    async def close(self) -> None:
        """Take no more runs, cancel those that go on, and wait for their ends."""
        await close(self)

    async def suspend(self, grace: float = GRACE_SECONDS) -> None:
        """Take no more runs, and leave those that go on so that they can be resumed, here or elsewhere.

        Nothing new starts. Attempts in flight may finish within *grace* seconds; those that do not are
        cancelled, and where their step is not repeatable, what they did is unknown: a person decides.
        """
        await suspend(self, self._durable("suspend"), grace)

    async def _all_let_go(self) -> None:
        while self._driven:
            self._over = trio.Event()
            await self._over.wait()

    async def _leave(self) -> None:
        """The engine is left normally: suspend what outlives the engine, cancel what does not."""
        await (self.close() if self._durability is None else self.suspend())


def _fingerprint(inputs: Mapping[str, Any]) -> str:
    """The same for equal inputs and no others."""
    import json  # runs without a key do without

    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_same(new: str, before: str | None, key: str, run_id: str, status: RunStatus) -> None:
    if new != before:
        why = f"the key {key!r} belongs to run {run_id}, which has other inputs; give those, or another key"
        raise Refused("start", str(status), why)
