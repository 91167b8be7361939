"""Start a child process, or say plainly why it cannot be started.

Rule: what the system refuses is the step's failure, one of the errors below ``exit``, never a traceback.
"""

from __future__ import annotations

import errno
import os
import selectors
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from treadle.plugin import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["selector_for", "start"]

_SHORT_OF = {
    errno.EMFILE: "open files of this process",
    errno.ENFILE: "open files of this machine",
    errno.EAGAIN: "processes",
    errno.ENOMEM: "memory",
}


def selector_for(program: str) -> selectors.DefaultSelector:
    """An empty selector; opened before the process, so that a process never runs unwatched."""
    try:
        return selectors.DefaultSelector()
    except OSError as exc:
        raise _refused(exc, program, None) from exc


def start(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None, piped_stdin: bool
) -> subprocess.Popen[bytes]:
    """*argv* as the leader of a new session, its output in pipes. Blocks until the program is executed."""
    try:
        return subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.PIPE if piped_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            start_new_session=True,
        )
    except OSError as exc:
        raise _refused(exc, argv[0], cwd) from exc
    except ValueError as exc:
        raise StepError("exit.not_started", _unfit(argv, env, cwd, exc)) from exc


def _refused(exc: OSError, program: str, cwd: str | None) -> StepError:
    """The failure that *exc* means."""
    if cwd is not None and exc.filename == cwd:
        return StepError("exit.cwd", _bad_cwd(exc, cwd))
    name = _short(program)
    match exc.errno:
        case errno.ENOENT:
            return StepError("exit.not_found", _missing(program, cwd))
        case errno.EACCES | errno.EPERM | errno.EISDIR:
            how = "make it executable (chmod +x), or run its interpreter"
            return StepError("exit.not_executable", f"{name} may not be executed; {how}")
        case errno.ENOEXEC:
            how = "begin a script with a #! line, or run its interpreter"
            return StepError("exit.not_executable", f"{name} is not a program of this machine; {how}")
        case errno.E2BIG:
            how = "hand the data over by stdin or in a file"
            return StepError("exit.too_long", f"arguments and env are too long to start {name}; {how}")
        case code if code in _SHORT_OF:
            how = "run fewer steps at once (max_parallel, limit)"
            return StepError("exit.not_started", f"cannot start {name}: out of {_SHORT_OF[code]}; {how}")
        case _:
            return StepError("exit.not_started", f"cannot start {name}: {exc.strerror}")


def _bad_cwd(exc: OSError, cwd: str) -> str:
    if exc.errno == errno.ENOENT:
        return f"there is no directory {_short(cwd)} to work in; create it in an earlier step, or correct cwd"
    return f"cannot enter the working directory {_short(cwd)}: {exc.strerror}; correct cwd"


def _missing(program: str, cwd: str | None) -> str:
    """Why *program* was not found; a script without its interpreter gives the same error as no script."""
    if "/" not in program:
        return f"there is no program {_short(program)} on PATH; install it, or write the path to it"
    if Path(cwd or ".", program).exists():
        return f"{_short(program)} exists, but the program in its #! line does not; install that one"
    place = _short(str(Path(cwd or ".").absolute()))
    return f"there is no program {_short(program)} from {place}; correct the path"


def _unfit(argv: Sequence[str], env: Mapping[str, str], cwd: str | None, exc: ValueError) -> str:
    """Which text no program can be given. Values of env may be secret, so only names are shown."""
    texts = [(f"word {number} of the command", word) for number, word in enumerate(argv, 1)]
    texts += [(f"the value of {_short(name)} in env", value) for name, value in env.items()]
    texts += [("cwd", cwd or "")]
    for what, text in texts:
        if "\0" in text:
            return f"{what} holds a NUL character, which no program can be given; take it out"
    for name in env:
        if not name or "=" in name or "\0" in name:
            return f"{_short(name)} is no name of an environment variable; correct env"
    return f"the command, env or cwd cannot be encoded for this machine ({type(exc).__name__}); correct it"


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else text[:199] + "…")
