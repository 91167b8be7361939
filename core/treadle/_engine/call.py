"""One attempt that waits for the run it called: followed, shown, paused and stopped with what called it.

Rule 1: a called run is driven by whoever drives it, usually the engine of its caller; where nobody does, the
        caller has it go on here. Where that cannot be, the caller asks (`undriven`).
Rule 2: what stops the caller's attempt cancels the called run, and the attempt ends when that has ended. When
        the host leaves, the called run is left alone: it is suspended, or lost, by itself.
Rule 3: an attempt is at work while what it called is; it asks a person while that does.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import trio

from treadle._engine import undriven
from treadle._engine.called import HELD, has_ended, held_by, is_held, is_left, waits_held
from treadle._engine.children import depth_of
from treadle._engine.keeper import NotFree
from treadle._engine.standing import Standing
from treadle._engine.stop import Stopper, Timer, first_cause
from treadle._frontier import Cause
from treadle._kinds import RunOutcome
from treadle.errors import (
    InputError,
    NoSuchRun,
    PluginError,
    RecordError,
    Refused,
    SpecError,
    StepError,
    StoreUnavailable,
)
from treadle.events import RunStatus

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from treadle._engine.children import Children, Wanted
    from treadle._engine.handle import Run as Handle
    from treadle._engine.step import StepRun
    from treadle._kinds import Answer

END_SECONDS = 3_600.0
"""How long a called run that was cancelled may take to its end, before its caller goes on without it."""

LOOK_SECONDS = 1.0
"""How often it is looked whether somebody drives a called run that is not driven here."""


class Call:
    """One attempt that waits for the run it called.

    Attributes:
      run: that of the attempt.
      id: of the called run.
      child: the called run, once it has been found or begun.
      lends: the run whose share in ``limits.runs`` others have meanwhile.
    """

    def __init__(self, children: Children, step: StepRun, called: str, wanted: Wanted) -> None:
        self.run = step.run
        self.id = called
        self.child: Handle | None = None
        self._children = children
        self._step = step
        self._wanted = wanted
        self.lends: str | None = None
        self._standing = Standing(step)
        self._pause_asked = False
        self._decided: Answer | None = None  # by a person, without the called run

    # --- beginning ---

    async def begin(self) -> None:
        """Find the called run, or make it."""
        self.child = await self._found() or await self._started()

    async def _found(self) -> Handle | None:
        engine = self._children.engine
        try:
            return engine.run(self.id) if engine._durability is None else await engine.find(self.id)
        except (KeyError, NoSuchRun):
            return None

    async def _started(self) -> Handle:
        run, step, engine = self.run, self._step, self._children.engine
        workflow = self._children.workflow(run, self._wanted)
        parent = {
            "run": run.id,
            "step": step.path,
            "attempt": step.attempt,
            "depth": depth_of(run) + 1,
            "detached": self._wanted.detach,
        }
        try:
            with self._patience():  # a store may create it although nobody waits any more
                self.child = await engine._call(
                    workflow,
                    self._wanted.inputs,
                    run_id=self.id,
                    parent=parent,
                    labels={**run.labels, **step.labels},
                    correlation_id=run.correlation_id,
                )
            await trio.lowlevel.checkpoint_if_cancelled()
        except InputError as error:
            text = "; ".join(map(str, error.problems))
            raise StepError("workflow.inputs", f"the inputs do not fit {workflow.name!r}: {text}") from None
        except Refused as error:
            if engine._closing and engine._durability is not None:
                # the caller is about to be suspended, and begins it when it goes on
                await trio.sleep_forever()  # noqa: ASYNC120  to be cancelled is all there is to come
            raise StepError("workflow.refused", f"{workflow.name!r} cannot be run: {error}") from None
        else:
            return self.child

    # --- waiting ---

    async def outcome(self) -> RunOutcome:
        """How the called run ended."""
        run, path = self.run, self._step.path
        run.calls[path] = self
        try:
            try:
                await self._until_ended()
                self._standing.at_work(self.id)
                if self._decided is not None:
                    await self._given_up()
            except trio.Cancelled:  # noqa: ASYNC103  what completed all the same has an outcome
                if first_cause(self._step.stopper) is None or run.lost is not None:
                    raise
                await self._cancelled()  # noqa: ASYNC102  shielded, within a bound
                if self.child is None or self.child.status is not RunStatus.COMPLETED:
                    raise
        finally:
            self._lend(False)
            self._standing.at_work()
            del run.calls[path]
        if self._decided is not None:
            return undriven.outcome(self._decided, self.id)
        assert self.child is not None
        state = self.child.state()
        return RunOutcome(self.id, state.status, state.outputs, state.error, state.reason)

    async def _until_ended(self) -> None:
        """Wait until the called run has ended, or a person has decided without it."""
        self._decided = self._standing.recall()
        if self._is_decided():
            return
        if self.child is None:
            await self.begin()
        while True:
            child = self.child
            assert child is not None
            try:
                await self._watch(child)
            except Exception:  # this process has lost it: somebody else drives it, or somebody will
                if child.driven_here and child._driven.lost is None:
                    raise
            if self._is_decided() or has_ended(child):
                return
            if (why := await self._found_again()) is not None:
                await self._ask_without(why)

    async def _watch(self, child: Handle) -> None:
        """Follow *child* until it has ended, or is not what can be followed any more."""
        while not (child._is_over() if child.driven_here else is_left(child)):
            await self._align(child)
            if self._is_decided():
                return
            self._lend(child.status is RunStatus.PENDING)
            self._reflect(child)
            await self._changed(child)

    async def _changed(self, child: Any) -> None:
        """Wait for a change of *child*; of one that is driven elsewhere, not for long."""
        if child.driven_here:
            await child._driven.changed()
            return
        with trio.move_on_after(LOOK_SECONDS):
            await child._changed()
        await child.read()

    async def _found_again(self) -> str | None:
        """Have the called run driven here from now on where nobody does; why that cannot be, if so."""
        engine = self._children.engine
        if engine._closing:  # it was suspended, as its caller is about to be
            await trio.sleep_forever()
        before = self.child
        try:
            why = await self._driven_again()
            if self.child is not before:
                return None
            found: Any = await self._read_again()
        except StoreUnavailable:
            await trio.sleep(LOOK_SECONDS)
            return None
        if found.status.ended or found.driven_here:
            return None
        if why is None or found.has_driver:
            await trio.sleep(0.05 if found.has_driver else LOOK_SECONDS)
            return None
        return why

    async def _driven_again(self) -> str | None:
        """Take the called run over, unless somebody drives it; why this engine cannot drive it, if so."""
        engine = self._children.engine
        if (why := engine._left_alone.get(self.id)) is not None or self.id in engine._driven:
            return why
        try:
            self.child = await engine.resume_run(self.id)
        except NotFree:
            return None
        except (Refused, SpecError, RecordError, PluginError) as error:
            if engine._closing:
                await trio.sleep_forever()  # noqa: ASYNC120  to be cancelled is all there is to come
            engine._left_alone[self.id] = undriven.reason(error)
            return engine._left_alone[self.id]
        return None

    async def _read_again(self) -> Handle:
        """The called run as it stands now."""
        child: Any = self.child
        if child is None or child.driven_here:
            self.child = child = await self._children.engine.find(self.id)
        else:
            await child.read()
        found: Handle = child
        return found

    def _is_pausing(self) -> bool:
        return self.run.status in HELD

    async def _align(self, child: Handle) -> None:
        """Pause what was called when its caller is paused; let go on what was paused for that."""
        if self._is_pausing():
            if not self._pause_asked and not is_held(child):
                self._pause_asked = True
                await self._command(child, "pause")
        else:
            self._pause_asked = False
            if is_held(child) and held_by(child) == self._name:
                await self._command(child, "resume")

    async def _command(self, child: Handle, name: str) -> None:
        try:
            await getattr(child, name)(by=self._name)
        except Refused:
            return  # it is ending: it comes to that by itself

    @property
    def _name(self) -> str:
        """What the called run knows its caller by."""
        return f"run {self.run.id}"

    @property
    def stands(self) -> bool:
        """Whether the called run can go on only if a person sees to it, as far as is known."""
        child = self.child
        if not self._standing.asks or child is None:
            return False
        return self._standing.decides or child.status is RunStatus.PAUSED or child.stands

    def wake(self) -> None:
        """The run that waits was paused, or goes on."""
        if self.child is not None and self.child.driven_here:
            self.child._driven._tell()

    # --- what the caller shows of it ---

    def _reflect(self, child: Handle) -> None:
        """Be at work as *child* is, or at rest, or ask a person to see to it."""
        if child.driven_here and child._driven.everything.cancel_called:
            return  # the host leaves, and takes it down with all it waits for
        if child.status is RunStatus.WAITING or (child.status is RunStatus.PAUSED and not self._is_pausing()):
            self._standing.ask(undriven.question(self.id, str(child.status)))
        elif child.status is RunStatus.PAUSED or (self._is_pausing() and waits_held(child)):
            self._standing.rest()
        else:
            self._standing.at_work(self.id)

    def _lend(self, lends: bool) -> None:
        """While what was called waits for its turn, another run has the caller's share of ``limits.runs``."""
        slots = self._children.engine._slots
        if not lends:
            slots.take_back(self)
        elif self.lends is None:
            slots.lend(self)

    # --- going on without what was called ---

    async def _ask_without(self, why: str) -> None:
        """Ask a person, and look now and again whether somebody drives the called run after all."""
        status = None if self.child is None else str(self.child.status)
        question = self._standing.ask(undriven.question(self.id, status, why))
        with trio.move_on_after(LOOK_SECONDS):
            await question.given()

    def _is_decided(self) -> bool:
        if self._decided is None:
            self._decided = self._standing.decision
        return self._decided is not None

    async def _given_up(self) -> None:
        """Leave a cancel for the called run, and go on once its caller may."""
        with suppress(StoreUnavailable):  # then it is cancelled where it is found after the end of its caller
            if self.child is None:
                self.child = await self._found()
            if self.child is not None:
                await self._cancel(self.child, f"{self._name}, which called it, goes on without it")
        await self.run.gate()

    # --- stopping ---

    def _patience(self) -> AbstractContextManager[None]:
        cause = Cause("timeout", f"run {self.id} had not ended {END_SECONDS:g} s after it was cancelled")
        timer = Timer(Stopper(None), cause)
        return self.run.clock.limit(timer, END_SECONDS, shield=True)

    async def _cancelled(self) -> None:
        """Cancel the called run, as far as there is one, and wait until it has ended."""
        stopped = first_cause(self._step.stopper)
        assert stopped is not None
        stopped[0].tell()
        self._standing.at_work()
        with self._patience():
            if self.child is None:
                self.child = await self._found()
            if self.child is None:
                return
            asked = False
            while not has_ended(self.child):
                if not asked:
                    asked = await self._cancel(self.child, stopped[1].text)
                try:
                    await self._until_over(self.child)
                except Exception:
                    if self.child.driven_here and self.child._driven.lost is None:
                        raise
                if not has_ended(self.child):
                    if await self._found_again() is not None:
                        return  # whoever drives it finds the cancel
                    asked = False

    async def _cancel(self, child: Handle, reason: str) -> bool:
        try:
            await child.cancel(self.run.masker.text(reason), by=self._name)
        except Refused:
            await self._command(child, "resume")  # its end is decided: it comes to it, unless it is paused
        except Exception:
            if not child.driven_here or child._driven.lost is None:
                raise
            return False
        return True

    async def _until_over(self, child: Handle) -> None:
        if child.driven_here:
            await child.ended()
            return
        while not is_left(child):
            await self._changed(child)
