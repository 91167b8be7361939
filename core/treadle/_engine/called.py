"""A called run as its caller finds it, wherever that is driven.

Rule: nothing here waits; of a run that is driven elsewhere it tells what was read last.
"""

from __future__ import annotations

from typing import Any

from treadle.events import RunStatus

HELD = (RunStatus.PAUSING, RunStatus.PAUSED)


def is_held(child: Any) -> bool:
    """Whether it is paused, or will be as soon as it begins."""
    return child.status in HELD or waits_held(child)


def waits_held(child: Any) -> bool:
    """Whether it waits for its turn, and will be paused when that comes."""
    return child.status is RunStatus.PENDING and held_by(child) is not None


def held_by(child: Any) -> str | None:
    """Who paused *child*, empty if that was not said; None where nobody did, or it was resumed since."""
    events = child._driven.history if child.driven_here else child._events
    for event in reversed(events):
        data = event.data
        holds = event.type == "workflow.command" and data["command"] in ("pause", "resume")
        if holds and data["answer"] == "accepted":
            return (data["by"] or "") if data["command"] == "pause" else None
    return None


def is_left(child: Any) -> bool:
    """Whether nothing will come of a run that is not driven here: it has ended, or nobody drives it."""
    return child.status.ended or not child.has_driver


def has_ended(child: Any) -> bool:
    """Whether it has ended for everybody: not only here, in a process that has lost it meanwhile."""
    if not child.status.ended:
        return False
    return not child.driven_here or child._driven.durable_seq == len(child._driven.history)
