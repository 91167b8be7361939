"""Who drives a run: the name that a process writes into a store's leases, and whether that process is gone.

Rule: ``host:pid:where-random``. A process is known to be gone only by one that would see it if it were there:
of the same boot, in the same namespace of process ids. Anything else waits for the lease to lapse.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle._kinds.store import RunInfo


def new_owner() -> str:
    """A name for one engine of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{_here()}-{secrets.token_hex(4)}"


def is_driven(info: RunInfo, now: float) -> bool:
    """Whether a process drives the run: one that is gone does not, although its lease has not lapsed."""
    return info.held(now) and info.owner is not None and not is_gone(info.owner)


def spoken(owner: str) -> str:
    """An owner as people know it: ``host (process 123)``."""
    host, _, rest = owner.partition(":")
    process = rest.partition(":")[0]
    return f"{host} (process {process})" if process.isdecimal() else owner


def is_gone(owner: str) -> bool:
    """Whether the process that has this name runs no more, for certain."""
    host, _, rest = owner.partition(":")
    pid, _, tail = rest.partition(":")
    here = _here()
    if not here or host != socket.gethostname() or tail.partition("-")[0] != here or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it is there, and somebody else's
        return False
    return _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    """Whether the process has ended and only its parent has not heard of it, as is common in containers."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[:1] == [b"Z"]


def _here() -> str:
    """Names the place in which process ids mean the same; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}/{namespace}".encode()).hexdigest()[:12]
