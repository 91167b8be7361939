"""Loading and checking large specs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import yaml

import treadle
from bench import shapes
from bench.measure import Line, Pairs, paired
from bench.plugin import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Iterator


def steps(quick: bool) -> Iterator[Line]:
    """Many steps."""
    size = 200 if quick else 10_000
    taken = _beyond_the_parse(shapes.chain_text(size), 1 if quick else 5)
    parse, load = taken.medians()
    yield Line(
        work=f"load and check {size:,} steps",
        reference=f"parse {parse:.2f} s",
        ours=f"{load:.2f} s, {load / size * 1e6:.0f} µs a step",
        value=load,
        unit="s",
        must=5,
    )


def edges(quick: bool) -> Iterator[Line]:
    """Many needs."""
    size = 200 if quick else 10_000
    taken = _beyond_the_parse(shapes.dense_text(size, 12), 1 if quick else 5)
    parse, load = taken.medians()
    yield Line(
        work=f"load and check {size * 12:,} edges, beyond the parse",
        reference=f"parse {parse:.2f} s",
        ours=f"{load:.2f} s",
        value=taken.beyond,
        unit="s",
        must=2,
    )


def _beyond_the_parse(text: str, pairs: int) -> Pairs:
    """PyYAML's C parser making nodes with positions, and all of treadle's loading."""

    def parse() -> float:
        began = time.perf_counter()
        yaml.compose(text, Loader=yaml.CSafeLoader)
        return time.perf_counter() - began

    def load() -> float:
        began = time.perf_counter()
        treadle.loads(text, registry=REGISTRY)
        return time.perf_counter() - began

    return paired(parse, load, pairs=pairs)
