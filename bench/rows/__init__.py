"""The rows by name, in the order of the table. Each gives its lines; *quick* means less of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.measure import Line
from bench.rows import cold, durable, graphs, loading, memory, outside, runs, schedule

Row = Callable[[bool], Iterator[Line]]

ROWS: dict[str, Row] = {
    "cold": cold.run,
    "version": cold.version,
    "validate": cold.validate,
    "start": runs.start,
    "chain": runs.chain,
    "chain-text": runs.chain_from_text,
    "fan": runs.fan,
    "live": runs.live,
    "waiting": memory.waiting,
    "durable-chain": durable.chain,
    "durable-live": durable.live,
    "durable-start": durable.start,
    "many-runs": durable.crowds,
    "graphs": graphs.layered,
    "commands": outside.commands,
    "http": outside.http,
    "load": loading.steps,
    "edges": loading.edges,
    "makespan": schedule.makespan,
}
