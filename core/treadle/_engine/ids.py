"""Ids of runs: the moment in milliseconds, so that they sort by time, and a tail that tells them apart."""

from __future__ import annotations

import secrets

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(now: float, tail: str | None = None) -> str:
    """An id for a run that is accepted at *now*, seconds since 1970; a random *tail* unless given."""
    moment = int(now * 1000)
    head = "".join(_DIGITS[moment >> shift & 31] for shift in range(40, -1, -5))
    return f"{head}-{tail or ''.join(secrets.choice(_DIGITS) for _ in range(8))}"
