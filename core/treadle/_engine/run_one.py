"""One workflow, run to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._engine.opening import SinkLike, open_engine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from treadle._deployment import Limits
    from treadle._registry import Registry
    from treadle._state import RunState
    from treadle._workflow import Workflow


async def run(
    workflow: Workflow,
    inputs: Mapping[str, Any] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    correlation_id: str | None = None,
    sinks: Iterable[SinkLike] = (),
    registry: Registry | None = None,
    limits: Limits | None = None,
    limiters: Mapping[str, int] | None = None,
    secrets: Any = None,
    seed: int | str | None = None,
) -> RunState:
    """Run *workflow* in an engine of its own, to its end; the result.

    The arguments are those of `open_engine` and `Engine.start`, and so are the errors. A workflow that
    waits for a person waits here until the question's timeout.
    """
    opened = open_engine(
        sinks=sinks,
        registry=registry or workflow.registry,
        limits=limits,
        limiters=limiters,
        secrets=secrets,
        seed=seed,
    )
    async with opened as engine:
        started = await engine.start(workflow, inputs, labels=labels, correlation_id=correlation_id)
        return await started.wait()
