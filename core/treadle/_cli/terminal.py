"""Writing to the two streams: results to standard output, words for people to standard error.

Rule 1: a reader that goes away (``treadle schema | head``) ends the writing, not the program.
Rule 2: text that a stream cannot encode is escaped, never an error.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def prepare() -> None:
    """Make both streams escape what their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def out(text: str) -> bool:
    """A line of the result; False if its reader has just gone away."""
    return _guarded(sys.stdout, text + "\n")


def say(text: str) -> None:
    """A line for people."""
    _guarded(sys.stderr, text + "\n")


def prompt(text: str) -> None:
    """A question for people; the answer follows on the same line."""
    _guarded(sys.stderr, text)


def out_json(data: Any, *, indent: int | None = 2) -> None:
    """*data* as the one JSON document on standard output. What JSON cannot hold is shown as text."""
    import json

    out(json.dumps(data, indent=indent, ensure_ascii=False, default=str))


def interactive() -> bool:
    """Whether a person can be asked: questions go to standard error, answers come from standard input."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


@contextlib.contextmanager
def logging_shown() -> Iterator[None]:
    """Show warnings of the ``treadle`` loggers, a line each; tracebacks only with ``TREADLE_DEBUG=1``."""
    import logging

    class OneLine(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            cause = record.exc_info[1] if record.exc_info else None
            if cause is None or os.environ.get("TREADLE_DEBUG") == "1":
                return super().format(record)
            return printable(f"treadle: {record.getMessage()}: {type(cause).__name__}: {cause}")

    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("treadle: %(message)s"))
    logger = logging.getLogger("treadle")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def finish() -> None:
    """Flush both streams while a broken pipe can still be dealt with."""
    for stream in (sys.stdout, sys.stderr):
        _guarded(stream, "")


def table(rows: Iterable[Sequence[str]], *, indent: str = "") -> list[str]:
    """*rows* as lines with aligned columns, two spaces apart; the last column is not padded."""
    filled = [tuple(row) for row in rows]
    if not filled:
        return []
    widths = [max(len(cell) for cell in column) for column in list(zip(*filled, strict=True))[:-1]]
    return [
        indent
        + "  ".join(
            [*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in filled
    ]


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _guarded(stream: TextIO, text: str) -> bool:
    """Write *text*; False if nobody will read it."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _abandon(stream)
    except ValueError:  # closed by whoever started the program
        pass
    else:
        return True
    return False


def _abandon(stream: TextIO) -> None:
    """Point *stream* at nothing, or the interpreter would complain again when it flushes at its end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
