"""What commands say of runs in the same words: times, states, drivers, rollbacks; and what is long, cut."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from treadle._units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from treadle._kinds.store import RunInfo

MOST = 20
"""So many steps, elements or names are told of one list; ``--json`` has them all."""

TEXT_CHARS = 300
"""So much of an error, a reason or a question is told."""

_SHOWN = 8  # names in one sentence


def local_time(seconds: float) -> str:
    """A moment on the clock on the wall here: ``2026-03-01 09:30:00``."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def lasted(since: float, until: float) -> str:
    """How long something took, as exact as is of interest."""
    seconds = max(0.0, until - since)
    return format_duration(round(seconds, 0 if seconds >= 60 else 1 if seconds >= 1 else 3))


def spaced(status: str) -> str:
    """A status as people read it: ``rolled back``."""
    return str(status).replace("_", " ")


def counted(number: int, thing: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def cut(text: str, size: int = TEXT_CHARS) -> str:
    """*text*, or its beginning and how long it is."""
    return text if len(text) <= size else f"{text[:size]}… ({len(text)} characters)"


def some(names: Sequence[str], most: int = _SHOWN) -> str:
    """The first of *names* in one sentence, and how many more there are."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def error_text(error: Mapping[str, Any]) -> str:
    """``name: message`` of an error as events have it."""
    return cut(f"{error.get('name')}: {error.get('message')}")


def rollback_lines(rollback: Mapping[str, Any] | None) -> Iterator[str]:
    """How a rollback went, and what it could not undo."""
    if rollback is None:
        return
    yield f"rollback {rollback['status']}: {counted(rollback.get('undone', 0), 'step')} undone"
    yield from (f"  not undone: {cut(problem)}" for problem in rollback.get("failed", ()))


# --- who drives a run ------------------------------------------------------------------------------


def driver(info: RunInfo, now: float) -> str | None:
    """Who drives a run at *now*, as people know them: ``host (process 123)``; None if nobody does."""
    from treadle._engine.owner import is_driven, spoken

    return spoken(info.owner) if info.owner is not None and is_driven(info, now) else None


def driver_line(info: RunInfo, now: float) -> str:
    """The same as a line, of a run that has not ended."""
    who = driver(info, now)
    return f"driven by {who}" if who else f"nobody drives it; it goes on with: treadle resume {info.id}"
