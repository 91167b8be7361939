"""Driving one run until it stands still, while signals and a person's answers come in.

Rule 1: the first SIGINT cancels the run, and ``finally`` still happens. SIGTERM and SIGHUP suspend a run
        whose journal outlives this process, and cancel any other.
Rule 2: the second signal leaves at once, also while sinks open or are given what is left for them.
Rule 3: leaving at once still ends what runs: everything is cancelled hard, the commands' process groups are
        killed, and whatever does not give way within LEAVE_SECONDS is left behind.
Rule 4: a run stands still when it has ended. One whose journal outlives this process does so too when it is
        paused, or when only a person can help and nobody is asked here.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio

from treadle import Engine, Event, Run, RunState, open_engine
from treadle._cli import terminal
from treadle._cli.program import INTERRUPTED, STANDS
from treadle.errors import Refused, printable
from treadle.events import RunStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from treadle._cli.sources import Project
    from treadle._kinds.store import StoreConnection
    from treadle._settings import Settings

    Begin = Callable[[Engine], Awaitable["Run | Ended"]]
    """Starts a run in an engine, or goes on with one; or says that there is nothing to drive."""

T = TypeVar("T")

GRACE_SECONDS = 5.0
"""How long attempts in flight may take to end when a run is suspended."""

LEAVE_SECONDS = 1.0

_CANCELS = {
    signal.SIGINT: "interrupted: cancelling the run; once more to leave at once",
    signal.SIGTERM: "terminated: cancelling the run (nothing could resume it); once more to leave at once",
    signal.SIGHUP: "the terminal is gone: cancelling the run (nothing could resume it)",
}
_SUSPENDS = {
    signal.SIGTERM: f"terminated: suspending the run, within {GRACE_SECONDS:g} s; once more to leave at once",
    signal.SIGHUP: "the terminal is gone: suspending the run",
}


@attrs.define(eq=False, repr=False)
class Ended:
    """Where driving a run came to.

    Attributes:
      run: its id, once it has been accepted.
      state: how it stands, or ended; None if it was left at once.
      questions: what it waits for, where that is why driving ended.
      interrupted: an interrupt asked for it.
      durable: the run can go on in another process.
      elsewhere: another process drives it.
    """

    run: str | None = None
    state: RunState | None = None
    questions: Sequence[Event] = ()
    interrupted: bool = False
    durable: bool = False
    elsewhere: bool = False

    @property
    def left_code(self) -> int:
        """The exit code of leaving at once."""
        return STANDS if self.durable and self.run is not None and not self.interrupted else INTERRUPTED


@attrs.define(eq=False, repr=False)
class _Drive:
    """What signals act on: the run once there is one, and everything but the heeding of signals."""

    ended: Ended
    everything: trio.CancelScope
    asks: bool
    stays: bool
    engine: Engine | None = None
    run: Run | None = None
    watching: trio.CancelScope = attrs.field(factory=trio.CancelScope)


def driven(work: Callable[[], Awaitable[T]]) -> T:
    """What *work* returns, run by trio, with warnings shown."""
    gc.freeze()  # what starting up made stays to the end
    gc.enable()  # see `treadle._cli.main`
    with terminal.logging_shown():
        return trio.run(work)


async def drive(
    begin: Begin,
    project: Project,
    sinks: Sequence[Settings[Any]],
    *,
    store: StoreConnection | None = None,
    asks: bool,
    stays: bool = False,
) -> Ended:
    """Drive the run that *begin* gives until it stands still. Raises what that or opening the engine does.

    Args:
      store: one that is open already; else the project's.
      asks: a person at this terminal answers what the run asks.
      stays: drive it also while it is paused, or waits for somebody elsewhere.
    """
    error: Exception | None = None
    durable = store is not None or project.store != "memory"
    one = _Drive(Ended(durable=durable), trio.CancelScope(), asks, stays or not durable)
    with trio.open_signal_receiver(*_heard()) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed, signals, one, nursery)
            try:
                with one.everything:
                    await _drive(one, begin, project, sinks, project.store if store is None else store)
            except Exception as raised:  # raised again outside the nursery, which would wrap it
                error = raised
            nursery.cancel_scope.cancel()
    if error is not None:
        raise error
    return one.ended


def sinks(project: Project, *, quiet: bool, asks: bool) -> list[Settings[Any]]:
    """The sinks of the deployment or, without any, the console; no console if *quiet*.

    A question and a live display would write over each other, so where a person *asks* the console is plain.
    """
    from treadle._settings import Settings

    chosen = list(project.deployment.sinks or ())
    console = project.registry.sinks.get("console")
    if console is not None and project.deployment.sinks is None:
        config = console.config(style="plain") if asks else console.config()
        chosen = [Settings(entry=console, constant=config)]
    return [sink for sink in chosen if not (quiet and sink.entry.name == "console")]


async def _drive(
    one: _Drive, begin: Begin, project: Project, sinks: Sequence[Settings[Any]], store: Any
) -> None:
    deployment = project.deployment
    async with open_engine(
        store=store,
        recover=False,
        sinks=sinks,
        registry=project.registry,
        limits=deployment.limits,
        limiters=deployment.limiters,
        secrets=deployment.secrets,
        workflows=project.catalogue,
    ) as engine:
        one.engine = engine
        begun = await begin(engine)
        if isinstance(begun, Ended):
            one.ended = begun
            return
        one.run, one.ended.run = begun, begun.id
        with one.watching:
            await _until_it_stands(one, begun)
        _tell_of_detached(engine, begun)
        if begun.status.ended:  # leaving the sinks at once takes nothing of that back
            one.ended.state = begun.state()
    one.ended.state = state = begun.state()
    one.ended.questions = _questions(engine, state)


def _tell_of_detached(engine: Engine, run: Run) -> None:
    """Say how runs go on that were only started by *run*, and are left with it."""
    for other in engine.runs():
        parent = other._driven.parent
        if other is not run and parent is not None and parent["detached"] and not other.status.ended:
            started = f"run {other.id} of {other.workflow}, which {parent['step']} started, has not ended"
            terminal.say(printable(f"{started}; go on with: treadle resume {other.id}"))


# --- until it stands still -------------------------------------------------------------------------


async def _until_it_stands(one: _Drive, run: Run) -> None:
    async with trio.open_nursery() as nursery:
        if one.asks:
            nursery.start_soon(_answer, one, run)
        if not one.stays:
            nursery.start_soon(_watch, one, run, nursery)
        await run.wait()
        nursery.cancel_scope.cancel()


async def _answer(one: _Drive, run: Run) -> None:
    from treadle._cli.ask import answer

    await answer(run, one.engine, leaves=not one.stays)
    one.asks = False
    await _leave_standing(one, run)


async def _watch(one: _Drive, run: Run, nursery: trio.Nursery) -> None:
    """Leave the run once it stands still without having ended."""
    async for _ in run.events():
        if _stands(one, run):
            nursery.start_soon(_leave_standing, one, run)


async def _leave_standing(one: _Drive, run: Run) -> None:
    """Leave, unless what somebody has asked for by now makes the run go on."""
    if _stands(one, run) and one.engine is not None:
        await one.engine.take_requests()
        if _stands(one, run):
            one.watching.cancel()


_WAITS = (RunStatus.WAITING, RunStatus.ROLLING_BACK, RunStatus.CANCELLING)
"""In which statuses a run may be held up by a question; before a rollback unknown steps are decided."""


def _stands(one: _Drive, run: Run) -> bool:
    waits = run.status in _WAITS and run.stands and not one.asks
    return not one.stays and (waits or run.status is RunStatus.PAUSED)


def _questions(engine: Engine, state: RunState) -> Sequence[Event]:
    """What a run waits for, where that is how it stands."""
    if state.status not in _WAITS:
        return ()
    from treadle._cli.history import History

    return History.fold(engine.history(state.run) or ()).questions


# --- signals ---------------------------------------------------------------------------------------


def _heard() -> list[signal.Signals]:
    """The signals to heed. Who started us with SIGHUP ignored, as ``nohup`` does, wants us to outlive it."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in _CANCELS if not (ignored and number is signal.SIGHUP)]


async def _heed(signals: Any, one: _Drive, nursery: trio.Nursery) -> None:
    """Cancel or suspend the run at the first signal; end everything at the second, or without a run."""
    asked = False
    async for number in signals:
        interrupt = number == signal.SIGINT
        if asked:
            one.ended.interrupted = interrupt or not one.ended.durable
            _leave(one.ended)
            one.everything.cancel()
            return
        asked = True
        one.ended.interrupted = interrupt
        suspends = one.ended.durable and number in _SUSPENDS
        terminal.say(f"treadle: {(_SUSPENDS if suspends else _CANCELS)[number]}")
        if one.run is None or one.engine is None:
            one.everything.cancel()
        elif suspends:
            nursery.start_soon(_suspend, one, one.engine)
        else:
            await _cancel(one.run, "interrupted" if interrupt else "terminated")


async def _suspend(one: _Drive, engine: Engine) -> None:
    await engine.suspend(GRACE_SECONDS)
    one.watching.cancel()


async def _cancel(run: Run, reason: str) -> None:
    try:
        await run.cancel(reason=reason)
    except Refused as error:
        terminal.say(f"treadle: {error}; once more to leave at once")


def _leave(ended: Ended) -> None:
    """End every command, and the process too if it takes long."""

    def give_up() -> None:
        terminal.say(left(ended))
        os._exit(ended.left_code)

    timer = threading.Timer(LEAVE_SECONDS, give_up)
    timer.daemon = True
    timer.start()
    for child in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # every command leads a group of its own


def left(ended: Ended) -> str:
    """What leaving at once means, for people."""
    said = "treadle: left at once; nothing was cleaned up"
    goes_on = ended.durable and ended.run is not None and ended.state is None
    return f"{said}; go on with: treadle resume {ended.run}" if goes_on else said


def _children() -> list[int]:
    """Ids of our child processes, where the system tells."""
    if sys.platform != "linux":
        return []
    found: list[int] = []
    with contextlib.suppress(OSError):
        for listed in Path("/proc/self/task").glob("*/children"):
            found += map(int, listed.read_text().split())
    return found
