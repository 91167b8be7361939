"""The measured workflows, as data and as text, and the same shapes as bare graphs."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import treadle
from bench.plugin import REGISTRY

Graph = Mapping[int, list[int]]
"""From each node to those it needs."""

NOOP: Mapping[str, Any] = {"noop": {}}


def workflow(steps: Any, **more: Any) -> treadle.Workflow:
    """A checked workflow of *steps*, each attempt with a timeout unless *more* says otherwise."""
    data = {"treadle": 1, "name": "bench", "defaults": {"timeout": "1m"}, **more, "steps": steps}
    return treadle.from_data(data, registry=REGISTRY)


def chain(length: int) -> treadle.Workflow:
    """Steps one after another."""
    return workflow([dict(NOOP) for _ in range(length)])


def graph_workflow(graph: Graph, **more: Any) -> treadle.Workflow:
    """*graph* with a step that does nothing at each node."""
    return workflow(
        {f"s{node}": {**NOOP, "needs": [f"s{i}" for i in needs]} for node, needs in graph.items()}, **more
    )


def fan(width: int) -> Graph:
    """*width* nodes that need nothing, and one that needs them all."""
    return {**{node: [] for node in range(width)}, width: list(range(width))}


def layered(size: int, needs: int = 3) -> Graph:
    """*size* nodes in about √size layers, each needing some of the layer before; always the same."""
    width = math.isqrt(size)
    rng = random.Random(size)
    return {
        node: sorted(rng.sample(range(node - node % width - width, node - node % width), min(needs, width)))
        if node >= width
        else []
        for node in range(size)
    }


def chain_text(length: int) -> str:
    """A chain as people write one."""
    steps = "".join(
        f"  step_{number}:\n    {'' if not number else f'needs: step_{number - 1}'}\n    noop: {{}}\n"
        for number in range(length)
    )
    return f"treadle: 1\nname: bench\ndefaults:\n  timeout: 1m\nsteps:\n{steps}"


def dense_text(size: int, needs: int) -> str:
    """*size* steps, each of which needs the *needs* before it."""
    lines = ["treadle: 1", "name: bench", "steps:"]
    for node in range(size):
        before = ", ".join(f"s{i}" for i in range(max(0, node - needs), node))
        lines.append(f"  s{node}: {{needs: [{before}], noop: {{}}}}")
    return "\n".join(lines) + "\n"
