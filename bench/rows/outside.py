"""Steps that reach outside: commands and HTTP."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import trio

from bench import bare, ours, shapes
from bench.measure import Line, Pairs, paired
from bench.peer import serving

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(quick: bool) -> Iterator[Line]:
    """Short commands."""
    count, pairs = (20, 2) if quick else (200, 9)
    workflow = shapes.workflow({f"s{i}": {"command": ["true"]} for i in range(count)}, max_parallel=16)

    async def command(_number: int) -> None:
        await trio.run_process(["true"], capture_stdout=True, capture_stderr=True)

    taken = paired(
        lambda: bare.seconds(bare.limited, 16, count, command), lambda: ours.seconds(workflow), pairs=pairs
    )
    yield _each(f"{count} commands, 16 at once", taken, count)


def http(quick: bool) -> Iterator[Line]:
    """GETs to a peer that answers at once."""
    count, pairs = (50, 1) if quick else (1000, 5)
    with serving() as url:
        workflow = shapes.workflow({f"s{i}": {"http": {"url": url}} for i in range(count)}, max_parallel=100)
        taken = paired(lambda: _gets(url, count), lambda: ours.seconds(workflow), pairs=pairs)
    yield _each(f"{count} GETs, 100 at once", taken, count)


def _gets(url: str, count: int) -> float:
    """With ten clients of ten connections each: one client of a hundred is ten times slower."""

    async def timed() -> float:
        limits = httpx.Limits(max_connections=10)
        began = time.perf_counter()
        clients = [
            httpx.AsyncClient(limits=limits, timeout=30, trust_env=False, verify=False) for _ in range(10)
        ]

        async def get(number: int) -> None:
            (await clients[number % 10].get(url)).raise_for_status()

        await bare.limited(100, count, get)
        for client in clients:
            await client.aclose()
        return time.perf_counter() - began

    return trio.run(timed)


def _each(work: str, taken: Pairs, count: int) -> Line:
    raw, own = (median / count * 1e3 for median in taken.medians())
    return Line(
        work=work,
        reference=f"{raw:.2f} ms each",
        ours=f"{own:.2f} ms each",
        value=taken.ratio,
        must=1.3,
        want=1.1,
    )
