"""One command: a child process with its pipes and its session, from its start to the last trace of it.

Rule 1: one task and one wait. Pipes and exit are in one selector, and trio waits for the selector's own
  descriptor: no nursery, and no thread but the one that starts the process.
Rule 2: the leader stays unreaped until its group was killed; so long its number belongs to nobody else.
Rule 3: however `run_child` is left, the group is killed, the leader reaped and every descriptor closed.
  When it is cancelled, so are the other groups of the session: ``timeout`` and shells with job control
  make some. To find them costs a look at every process, too much for each command that ends by itself.
Rule 4: the leader's exit is the command's end. A child of it that still holds a pipe is waited for only
  while it talks, and for `DRAIN_SECONDS` at most.
"""

from __future__ import annotations

import os
import selectors
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import trio

from treadle.plugin import Exit
from treadle_std.transports._start import selector_for, start

if TYPE_CHECKING:
    import subprocess

__all__ = ["OnOutput", "run_child"]

OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]

CHUNK_BYTES = 65536
QUIET_SECONDS = 0.25
"""How long a pipe that a background child holds may be silent before it is given up."""
DRAIN_SECONDS = 1.0
"""How long output is read after the command's end, if it does not stop coming."""
LAST_SECONDS = 3.0
"""Bound for what follows KILL: only a process stuck in the kernel needs it."""
POLL_SECONDS = 0.02
PROC = Path("/proc")


async def run_child(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | None,
    stdin: bytes,
    grace: float,
    on_output: OnOutput,
) -> Exit:
    """Run *argv*; see `treadle.plugin.TransportConnection`."""
    await trio.lowlevel.checkpoint_if_cancelled()
    with selector_for(argv[0]) as selector:
        starting = partial(start, argv, env=env, cwd=cwd, piped_stdin=bool(stdin))
        # In a thread: on a busy machine the system takes its time, and the loop must not wait with it. The
        # thread is not abandoned on a cancel, so a process that was started is always ours to end.
        process = await trio.to_thread.run_sync(starting, limiter=trio.CapacityLimiter(1))
        child = _Child(process, selector, stdin, on_output)
        try:
            child.watch()
            await child.run()
        except trio.Cancelled:
            await child.stop(grace)  # noqa: ASYNC102  it shields itself, for a bounded time
            raise
        except BaseException:  # what on_output raised: nobody listens any more
            child.on_output = _ignore
            await child.stop(0)  # noqa: ASYNC120  the same
            raise
        finally:
            child.close()
    return child.exit


class _Child:
    """A started process. `watch` once, then `run`; `stop` if that was interrupted; `close` always."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        selector: selectors.DefaultSelector,
        stdin: bytes,
        on_output: OnOutput,
    ) -> None:
        self.process = process
        self.selector = selector
        self.stdin = memoryview(stdin)
        self.on_output = on_output
        self.exited = False
        self.talking = 0  # output pipes not at their end
        self.pidfd: int | None = None

    def watch(self) -> None:
        """Put pipes and exit into the selector."""
        self.pidfd = _pidfd(self.process.pid)
        if self.pidfd is not None:
            self.selector.register(self.pidfd, selectors.EVENT_READ, partial(self._note_exit, self.pidfd))
        self._register(self.process.stdout, selectors.EVENT_READ, partial(self._read, "stdout"))
        self._register(self.process.stderr, selectors.EVENT_READ, partial(self._read, "stderr"))
        self.talking = 2
        if self.process.stdin is not None:
            self._register(self.process.stdin, selectors.EVENT_WRITE, self._write)

    async def run(self) -> None:
        """To the leader's exit, and the output that is still on its way."""
        await self._serve_to_exit()
        await self._drain()
        if self.talking:  # a child holds a pipe: its end will show that the child is gone
            self._signal_session(signal.SIGKILL)
            await self._drain()

    async def stop(self, grace: float) -> None:
        """TERM to the session, *grace* seconds for all of it, then KILL; returns when the leader is dead."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + grace + LAST_SECONDS):
            self._signal_session(signal.SIGTERM, signal.SIGCONT)  # a stopped one sees TERM once it goes on
            with trio.move_on_after(grace) as in_grace:
                await self._serve_to_exit()
                await self._serve_until_session_is_gone()
            if in_grace.cancelled_caught:
                self._signal_session(signal.SIGKILL)
                await self._serve_to_exit()
            await self._drain()

    def close(self) -> None:
        """Kill what may be left, reap, close every descriptor. Waits for nothing."""
        if self.process.returncode is None:
            _kill_group(self.process.pid, signal.SIGKILL)
            self.process.poll()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        if self.pidfd is not None:
            os.close(self.pidfd)

    @property
    def exit(self) -> Exit:
        """How the leader ended; known once it is reaped."""
        code = self.process.returncode
        return Exit(code) if code >= 0 else Exit(None, -code)

    # --- waiting -----------------------------------------------------------------------------------

    async def _serve_to_exit(self) -> None:
        while not self.exited:
            await self._serve()

    async def _serve_until_session_is_gone(self) -> None:
        """For children that need longer than the leader to end well."""
        pause = POLL_SECONDS
        while _live_groups(self.process.pid):
            with trio.move_on_after(pause):
                while True:
                    await self._serve()
            pause = min(pause * 2, 0.5)

    async def _drain(self) -> None:
        """Read on until the pipes end, are quiet, or were read for long enough."""
        with trio.move_on_after(DRAIN_SECONDS):
            quiet = False
            while self.talking and not quiet:
                with trio.move_on_after(QUIET_SECONDS) as scope:
                    await self._serve()
                quiet = scope.cancelled_caught

    async def _serve(self) -> None:
        """Wait until something is ready, and do all that is."""
        if self.pidfd is not None or self.exited:
            await trio.lowlevel.wait_readable(self.selector.fileno())
        else:
            await self._wait_without_pidfd()
        for key, _ in self.selector.select(0):
            key.data()

    async def _wait_without_pidfd(self) -> None:
        """Where there is no pidfd: ask now and then. That reaps the leader, so its group goes at once."""
        with trio.move_on_after(POLL_SECONDS):
            await trio.lowlevel.wait_readable(self.selector.fileno())
        if self.process.poll() is not None:
            self.exited = True
            _kill_group(self.process.pid, signal.SIGKILL)

    # --- what is ready -----------------------------------------------------------------------------

    def _note_exit(self, pidfd: int) -> None:
        self.selector.unregister(pidfd)
        self.exited = True

    def _read(self, stream: Literal["stdout", "stderr"], pipe: IO[bytes]) -> None:
        chunk = os.read(pipe.fileno(), CHUNK_BYTES)
        if chunk:
            self.on_output(stream, chunk)
        else:
            self.talking -= 1
            self._unregister(pipe)

    def _write(self, pipe: IO[bytes]) -> None:
        """Hand over a piece of stdin; a reader that has gone away is no failure."""
        try:
            self.stdin = self.stdin[os.write(pipe.fileno(), self.stdin[:CHUNK_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.stdin = self.stdin[:0]
        if not self.stdin:
            self._unregister(pipe)

    def _register(self, pipe: IO[bytes] | None, event: int, ready: Callable[[IO[bytes]], None]) -> None:
        assert pipe is not None, "Popen was asked for it"
        os.set_blocking(pipe.fileno(), False)
        self.selector.register(pipe, event, partial(ready, pipe))

    def _unregister(self, pipe: IO[bytes]) -> None:
        self.selector.unregister(pipe)
        pipe.close()

    def _signal_session(self, *numbers: signal.Signals) -> None:
        """To every process group of the session, unless the leader was reaped: see rule 2."""
        if self.process.returncode is None:
            for group in {self.process.pid} | _live_groups(self.process.pid):
                for number in numbers:
                    _kill_group(group, number)


def _ignore(stream: str, chunk: bytes) -> None:
    """Nobody listens."""


def _kill_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # all gone, or what is left is another user's
        os.killpg(group, number)


def _pidfd(pid: int) -> int | None:
    """A descriptor that is readable once *pid* has ended; None where the system gives none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _live_groups(session: int) -> set[int]:
    """The process groups of *session* in which one is alive. Needs /proc; without it, none is known."""
    try:
        processes = [entry for entry in PROC.iterdir() if entry.name.isdecimal()]
    except OSError:
        return set()
    return {group for process in processes for group in _live_group(process, session)}


def _live_group(process: Path, session: int) -> tuple[int, ...]:
    """The group of *process*, if it is of *session* and no zombie."""
    try:
        stat = (process / "stat").read_bytes()
    except OSError:  # ended meanwhile
        return ()
    state, _, group, its_session = stat.rpartition(b")")[2].split()[:4]
    return (int(group),) if int(its_session) == session and state not in b"ZX" else ()
