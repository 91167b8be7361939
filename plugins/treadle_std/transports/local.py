"""The ``local`` transport: commands as child processes of this one.

Rule: every `run` stands alone; a connection holds nothing, so leaving it has nothing to end.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import Exit, Transport, hookimpl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from treadle_std.transports._child import OnOutput

__all__ = ["Local", "connect", "treadle_transports"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Local:
    """This machine. It has no settings."""


class _Here:
    """The connection: see `treadle.plugin.TransportConnection`."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None,
        stdin: bytes,
        grace: float,
        on_output: OnOutput,
    ) -> Exit:
        """Run *argv* in a session of its own, to the end of its first process.

        *env* is added to the environment of this process. What the command leaves running in
        its process group is killed when it ends, and everything in its session when it is
        cancelled. What moved to another session, as daemons do, goes on.

        Raises StepError ``exit.not_found``, ``exit.not_executable``, ``exit.cwd``,
        ``exit.too_long`` or ``exit.not_started``.
        """
        from treadle_std.transports._child import run_child  # imports trio

        return await run_child(argv, env=env, cwd=cwd, stdin=stdin, grace=grace, on_output=on_output)


@asynccontextmanager
async def connect(config: Local) -> AsyncIterator[_Here]:
    """Open the transport: nothing to do."""
    yield _Here()


@hookimpl
def treadle_transports() -> Iterable[Transport[Any]]:
    """The transport to this machine."""
    return [Transport(name="local", config=Local, open=connect)]
