"""Hostile documents and expressions in great number, judged in a process of their own.

``python -m tests.corpus.fuzz KIND FROM TO`` judges those of the seeds from FROM to below TO, and prints one
JSON object: how many there were, the slowest in milliseconds of processor time, their memory, each failure.

Rule 1: the clock is the processor time of this process, so that a busy machine fails nobody.
Rule 2: a seed alone makes its document or expression, and can be judged again by itself.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

HANGS_S = 5.0
"""After so much processor time a judgement is broken off; that it took too long is told anyway."""


@attrs.define
class Tally:
    """What a process has seen.

    Attributes:
      good: how many were accepted.
      slowest_ms, slowest: the longest processor time, and its seed.
      grown_mb: by how much the memory of the process grew, at most.
      peak_mb: how much memory the process took, at most, with all its modules.
      failures: seed and what was wrong.
    """

    count: int = 0
    good: int = 0
    slowest_ms: float = 0.0
    slowest: int = -1
    grown_mb: float = 0.0
    peak_mb: float = 0.0
    failures: list[tuple[int, str]] = attrs.field(factory=list)


class Hangs(BaseException):
    """A judgement took too long; a BaseException, so that nothing in between keeps it."""


def judge_all(judge: Callable[[int], bool], seeds: range, at_most_ms: float) -> Tally:
    """*judge* says whether what a seed makes is accepted, and raises if it was handled wrongly."""
    tally = Tally()
    signal.signal(signal.SIGPROF, _breaks_off)
    before = _peak_mb()
    for seed in seeds:
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, HANGS_S)
        try:
            tally.good += judge(seed)
        except (Exception, Hangs) as error:  # whatever comes out is a failure to be told
            tally.failures.append((seed, f"{type(error).__name__}: {error}"[:500]))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        took = (time.process_time() - began) * 1000
        tally.count += 1
        if took > tally.slowest_ms:
            tally.slowest_ms, tally.slowest = took, seed
        if took > at_most_ms:
            tally.failures.append((seed, f"took {took:.0f} ms"))
    tally.peak_mb = _peak_mb()
    tally.grown_mb = tally.peak_mb - before
    return tally


def _breaks_off(*_: Any) -> None:
    raise Hangs


def _peak_mb() -> float:
    """Of this program alone: what `getrusage` says includes the process that it was forked from."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024)  # macOS counts bytes


def main(kind: str, start: str, stop: str) -> None:
    if kind == "documents":
        from tests.corpus.fuzz_documents import AT_MOST_MS, judge
    else:
        from tests.corpus.fuzz_expressions import AT_MOST_MS, judge, warm

        warm()
    for seed in range(-500, 0):  # what is imported and made at the first use counts for nobody
        with contextlib.suppress(AssertionError):
            judge(seed)
    print(json.dumps(attrs.asdict(judge_all(judge, range(int(start), int(stop)), AT_MOST_MS))))


if __name__ == "__main__":
    main(*sys.argv[1:])
