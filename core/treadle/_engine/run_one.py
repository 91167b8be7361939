"""One workflow, run to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._engine.opening import LEASE_SECONDS, SinkLike, StoreLike, open_engine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from treadle._catalogue import WorkflowsLike
    from treadle._deployment import Limits
    from treadle._engine.engine import Engine
    from treadle._engine.handle import Run
    from treadle._registry import Registry
    from treadle._state import RunState
    from treadle._workflow import Workflow


async def run(
    workflow: Workflow,
    inputs: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    labels: Mapping[str, str] | None = None,
    correlation_id: str | None = None,
    store: StoreLike = "memory",
    lease: float = LEASE_SECONDS,
    sinks: Iterable[SinkLike] = (),
    registry: Registry | None = None,
    limits: Limits | None = None,
    limiters: Mapping[str, int] | None = None,
    secrets: Any = None,
    workflows: WorkflowsLike = (),
    seed: int | str | None = None,
) -> RunState:
    """Run *workflow* in an engine of its own, to its end; the result.

    The arguments are those of `open_engine` and `Engine.start`, and so are the errors. A workflow that
    waits for a person waits here until the question's timeout. Other runs of the store are left alone; one
    of this *key* that nobody drives goes on here.
    """
    opened = open_engine(
        store=store,
        recover=False,
        lease=lease,
        sinks=sinks,
        registry=registry or workflow.registry,
        limits=limits,
        limiters=limiters,
        secrets=secrets,
        workflows=workflows,
        seed=seed,
    )
    async with opened as engine:
        started = await engine.start(workflow, inputs, key=key, labels=labels, correlation_id=correlation_id)
        if not started.driven_here:
            started = await _gone_on(engine, started)
        return await started.wait()


async def _gone_on(engine: Engine, stored: Run) -> Run:
    """The run that was there already, driven here from now on if nobody else does and it has not ended."""
    from treadle._engine.keeper import NotFree

    try:
        return await engine.resume_run(stored.id)
    except NotFree:
        return stored
