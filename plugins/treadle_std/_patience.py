"""How long a person may take, which ``approval`` and ``escalate`` are told in the same two settings."""

from __future__ import annotations


def check_patience(timeout: float | None, on_timeout: str | None) -> None:
    """Raise ValueError for one of *timeout*, in seconds, and *on_timeout* without the other, or no time."""
    if timeout is not None and timeout <= 0:
        raise ValueError("timeout must be more than 0")
    if timeout is not None and on_timeout is None:
        raise ValueError("timeout needs on_timeout: write fail, continue or rollback")
    if on_timeout is not None and timeout is None:
        raise ValueError("on_timeout needs timeout: write how long to wait, as 4h")
