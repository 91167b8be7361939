"""What ``command`` and ``shell`` share: run a program on a transport, judge how it ended, read what it said.

Rule 1: the output is judged after the exit code, so a program that failed is never reported as bad JSON.
Rule 2: text is masked before it is cut.
"""

from __future__ import annotations

import json
import math
import signal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs
from attrs import validators as v

from treadle.plugin import Bytes, Exit, OnlyIf, Seconds, Step, StepError
from treadle_std.steps._captured import Captured

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CommandOutput", "Execution", "execute"]

Stream = Literal["stdout", "stderr"]


@attrs.frozen(eq=False, repr=False, kw_only=True)
class CommandOutput:
    """What a program that ended well left.

    Attributes:
      exit_code: one of the codes in ``ok``.
      stdout, stderr: its output as text; bytes that are no UTF-8 are replaced, one newline at the end is
        removed, and what is over ``max_output`` is missing.
      json: what stdout holds, with ``parse: json``; otherwise null.
      lines: the lines of stdout, with ``parse: lines``; otherwise null.
      truncated: how many bytes of output were dropped, of both streams; 0 if nothing is missing.
      device: where it ran; null is the machine of the engine.

    Example::

        {exit_code: 0, stdout: "app:1.2.0", stderr: "", json: null, lines: null, truncated: 0, device: null}
    """

    exit_code: int
    stdout: str
    stderr: str
    json: Annotated[Any, OnlyIf("parse", "json")] = None
    lines: Annotated[list[str] | None, OnlyIf("parse", "lines")] = None
    truncated: int = 0
    device: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Execution:
    """The settings that `Command` and `Shell` share; their docstrings say what each means."""

    cwd: str | None = None
    stdin: str | None = None
    on: str | list[str] | None = None
    ok: tuple[int, ...] = attrs.field(
        default=(0,), validator=[v.min_len(1), v.deep_iterable(v.and_(v.ge(0), v.le(255)))]
    )
    parse: Literal["text", "lines", "json"] = "text"
    max_output: Bytes = attrs.field(default=1024 * 1024, validator=v.ge(0))
    grace: Seconds = attrs.field(default=5.0, validator=v.ge(0))

    def __attrs_post_init__(self) -> None:
        if self.on is not None:
            raise ValueError("on: devices are not yet supported in this version; leave it out to run here")


async def execute(name: str, argv: Sequence[str], settings: Execution, step: Step) -> CommandOutput:
    """Run *argv*, which messages call *name*. Raises StepError ``exit…`` or ``output``."""
    said = {"stdout": Captured(settings.max_output), "stderr": Captured(settings.max_output)}

    def hear(stream: Stream, chunk: bytes) -> None:
        if text := said[stream].add(chunk):
            step.write(text, stream=stream)

    async with step.transport() as connection:
        end = await connection.run(
            argv,
            env=step.env,
            cwd=settings.cwd,
            stdin=_bytes(settings.stdin or ""),
            grace=settings.grace,
            on_output=hear,
        )
    streams: tuple[Stream, Stream] = ("stdout", "stderr")
    for stream in streams:
        if text := said[stream].end():
            step.write(text, stream=stream)
    if end.code is None or end.code not in settings.ok:
        last = {stream: said[stream].last_lines(step.mask) for stream in streams}
        raise _failed(name, end, last["stdout"], last["stderr"])
    return _output(name, end.code, said["stdout"], said["stderr"], settings.parse, step)


def _bytes(stdin: str) -> bytes:
    """*stdin* as UTF-8; what came from the environment and is not goes out as it was."""
    try:
        return stdin.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        why = "stdin holds half a character (a lone surrogate), which cannot be written"
        raise StepError("exit.not_started", why) from None


def _failed(name: str, end: Exit, stdout: str, stderr: str) -> StepError:
    """The failure of a program that was killed, or whose exit code is not in ``ok``."""
    last = (stderr or stdout).rpartition("\n")[2][:300]
    why = f": {last}" if last else ""
    data = {
        "exit_code": end.code,
        "signal": None if end.signal is None else _signal_name(end.signal),
        "stdout": stdout,
        "stderr": stderr,
    }
    if end.code is None:
        return StepError("exit.signal", f"{name} was killed by {data['signal']}{why}", data=data)
    return StepError(f"exit.{end.code}", f"{name} exited with {end.code}{why}", data=data)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no name
        return f"signal {number}"


def _output(
    name: str, code: int, stdout: Captured, stderr: Captured, parse: str, step: Step
) -> CommandOutput:
    text = stdout.masked(step.mask)
    return CommandOutput(
        exit_code=code,
        stdout=text,
        stderr=stderr.masked(step.mask),
        json=_json(name, stdout, step) if parse == "json" else None,
        lines=_lines(text) if parse == "lines" else None,
        truncated=stdout.dropped + stderr.dropped,
    )


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.split("\n")] if text else []


def _json(name: str, stdout: Captured, step: Step) -> Any:
    """The value that stdout holds, still to be masked; numbers that plain data cannot hold are refused."""
    if stdout.dropped:
        cut = f"was cut after {stdout.limit} bytes ({stdout.dropped} more came); raise max_output"
        raise StepError("output", f"the JSON that {name} wrote {cut}")
    try:
        return json.loads(stdout.text(), parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as exc:
        said = {"stdout": stdout.last_lines(step.mask)}
        raise StepError("output", f"{name} did not write JSON: {_first_line(exc)}", data=said) from exc


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no JSON number")
    return number


def _first_line(exc: Exception) -> str:
    return "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc).partition("\n")[0]
