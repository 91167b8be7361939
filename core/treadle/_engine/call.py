"""One attempt that waits for the run it called: followed, shown, paused and stopped with what called it.

Rule 1: a called run is driven by whoever drives it, usually the engine of its caller; where nobody does, the
        caller has it go on here.
Rule 2: what stops the caller's attempt cancels the called run, and the attempt ends when that has ended. When
        the host leaves, the called run is left alone: it is suspended, or lost, by itself.
Rule 3: an attempt is at work while what it called is; it asks a person while that does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.ask import before, put
from treadle._engine.children import depth_of
from treadle._engine.stop import Stopper, Timer, first_cause
from treadle._frontier import Cause
from treadle._kinds import RunOutcome
from treadle.errors import InputError, NoSuchRun, Refused, StepError, StoreUnavailable
from treadle.events import RunStatus

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from treadle._engine.ask import Question
    from treadle._engine.children import Children, Wanted
    from treadle._engine.handle import Run as Handle
    from treadle._engine.step import StepRun

END_SECONDS = 3_600.0
"""How long a called run that was cancelled may take to its end, before its caller goes on without it."""

LOOK_SECONDS = 1.0
"""How often it is looked whether somebody drives a called run that is not driven here."""

_HELD = (RunStatus.PAUSING, RunStatus.PAUSED)


class Call:
    """One attempt that waits for the run it called.

    Attributes:
      run: that of the attempt.
      id: of the called run.
      child: the called run, once it has been found or begun.
    """

    def __init__(self, children: Children, step: StepRun, called: str, wanted: Wanted) -> None:
        self.run = step.run
        self.id = called
        self.child: Handle | None = None
        self._children = children
        self._step = step
        self._wanted = wanted
        self._resting = False
        self._lender: str | None = None  # the run whose part is lent
        self._question: Question | None = None
        self._asking = False  # the question stands, and the attempt does nothing else
        self._pause_asked = False

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
                self._at_work()
            except trio.Cancelled:  # noqa: ASYNC103  what completed all the same has an outcome
                if first_cause(self._step.stopper) is None or run.lost is not None:
                    raise
                await self._cancelled()  # noqa: ASYNC102  shielded, within a bound
                if self.child is None or self.child.status is not RunStatus.COMPLETED:
                    raise
        finally:
            self._lend(False)
            self._at_work(goes_on=False)
            del run.calls[path]
        assert self.child is not None
        state = self.child.state()
        return RunOutcome(self.id, state.status, state.outputs, state.error, state.reason)

    async def _until_ended(self) -> None:
        self._question = self._asked_before()
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
            if _has_ended(child):
                return
            await self._found_again()

    async def _watch(self, child: Handle) -> None:
        """Follow *child* until it has ended, or is not what can be followed any more."""
        while not (child._is_over() if child.driven_here else _is_left(child)):
            await self._align(child)
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

    async def _found_again(self) -> None:
        """The called run, driven here from now on where nobody does."""
        engine = self._children.engine
        if engine._closing:  # it was suspended, as its caller is about to be
            await trio.sleep_forever()
        try:
            try:
                self.child = await engine.resume_run(self.id)
            except Refused:
                self.child = await engine.find(self.id)
        except StoreUnavailable:
            await trio.sleep(LOOK_SECONDS)
            return
        found: Any = self.child
        if not found.driven_here:
            await trio.sleep(0.05 if found.has_driver else LOOK_SECONDS)

    def _is_pausing(self) -> bool:
        return self.run.status in _HELD

    async def _align(self, child: Handle) -> None:
        """Pause what was called when its caller is paused; let go on what was paused for that."""
        if self._is_pausing():
            if not self._pause_asked and child.status not in _HELD:
                self._pause_asked = True
                await self._command(child, "pause")
        else:
            self._pause_asked = False
            if child.status in _HELD and self._has_paused(child):
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

    def _has_paused(self, child: Handle) -> bool:
        """Whether the latest pause of *child* came from its caller."""
        events = child._driven.history if child.driven_here else child._events  # type: ignore[attr-defined]
        for event in reversed(events):
            data = event.data
            held = event.type == "workflow.command" and data["command"] in ("pause", "resume")
            if held and data["answer"] == "accepted":
                return bool(data["command"] == "pause" and data["by"] == self._name)
        return False

    @property
    def stands(self) -> bool:
        """Whether the called run can go on only if a person sees to it, as far as is known."""
        child = self.child
        return self._asking and child is not None and (child.status is RunStatus.PAUSED or child.stands)

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
            self._ask()
        elif child.status is RunStatus.PAUSED:
            self._rest()
        else:
            self._at_work()

    def _asked_before(self) -> Question | None:
        """The question that a crash left open."""
        step = self._step
        earlier = before(step.past, step.attempt, ("workflow",))
        if earlier is None or step.past is None or step.past.resolved is not None:
            return None
        return put(step.run, step.path, step.attempt, {}, step.labels, earlier)

    def _ask(self) -> None:
        if self._asking:
            return
        step = self._step
        if self._question is None:
            told: dict[str, Any] = {
                "for": "workflow",
                "prompt": None,
                "run": self.id,
                "status": None if self.child is None else str(self.child.status),
                "timeout": None,
                "on_timeout": None,
                "decisions": [],
            }
            self._question = put(step.run, step.path, step.attempt, told, step.labels, None)
        self._asking = True
        self._rest()
        self.run.busy -= 1
        self.run.settled_some()

    def _lend(self, lends: bool) -> None:
        """While what was called waits for its turn, another run has the caller's part of ``limits.runs``."""
        if not lends and self._lender is not None:
            self._children.take_back(self._lender)
            self._lender = None
        elif lends and self._lender is None:
            self._lender = self._children.lend(self.run)

    def _rest(self) -> None:
        if not self._resting:
            self._resting = True
            self.run.in_flight -= 1
            self.run.sleeping -= 1
            self.run.maybe_paused()

    def _at_work(self, *, goes_on: bool = True) -> None:
        """Be at work; *goes_on*: because the called run is, not because the attempt is stopped."""
        run = self.run
        if self._resting:
            self._resting = False
            run.in_flight += 1
            run.sleeping += 1
        if self._question is not None:
            question, self._question = self._question, None
            run.busy += self._asking
            self._asking = False
            if run.questions.get(question.path) is question:
                del run.questions[question.path]
            if goes_on:
                question.settle("went_on", who=f"run {self.id}")
            run.maybe_waiting()

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
        self._at_work(goes_on=False)
        with self._patience():
            if self.child is None:
                self.child = await self._found()
            if self.child is None:
                return
            asked = False
            while not _has_ended(self.child):
                if not asked:
                    asked = await self._cancel(self.child, stopped[1].text)
                try:
                    await self._until_over(self.child)
                except Exception:
                    if self.child.driven_here and self.child._driven.lost is None:
                        raise
                if not _has_ended(self.child):
                    await self._found_again()
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
        while not _is_left(child):
            await self._changed(child)


def _is_left(child: Any) -> bool:
    """Whether nothing will come of a run that is not driven here: it has ended, or nobody drives it."""
    return child.status.ended or not child.has_driver


def _has_ended(child: Any) -> bool:
    """Whether it has ended for everybody: not only here, in a process that has lost it meanwhile."""
    if not child.status.ended:
        return False
    return not child.driven_here or child._driven.durable_seq == len(child._driven.history)
