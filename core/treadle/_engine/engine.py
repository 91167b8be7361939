"""The engine: starts runs, and keeps those that have ended for a while.

Rule 1: nothing is global; two engines in one process share nothing.
Rule 2: a run that ends, however it ends, ends alone.
"""

from __future__ import annotations

import secrets as random_source
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import trio

from treadle._engine.handle import Run
from treadle._engine.life import live
from treadle._engine.run import Run as Driven
from treadle._inputs import check_inputs
from treadle.errors import InputError, Refused
from treadle.events import Event, RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle._engine.surroundings import Surroundings
    from treadle._workflow import Workflow

_ID_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class Engine:
    """Runs workflows. Made by `open_engine`."""

    def __init__(self, surroundings: Surroundings, nursery: trio.Nursery, *, seeded: bool) -> None:
        self._surroundings = surroundings
        self._nursery = nursery
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._slots = trio.CapacityLimiter(surroundings.limits.runs)
        self._count = 0
        self._seeded = seeded
        self._closing = False

    async def start(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        correlation_id: str | None = None,
    ) -> Run:
        """Accept a run of *workflow* and start it; beyond ``limits.runs`` it stays pending until one ends.

        Args:
          inputs: by name; checked, with the defaults filled in.
          key: not yet supported in this version.
          labels: added to the workflow's, on every event.
          correlation_id: on every event and outgoing request; the run's id unless given.

        Raises:
          InputError: the inputs do not fit; has every problem.
          Refused: the engine is closing, the workflow has more steps than ``limits.steps``, or it uses a
            limiter that this engine does not have.
        """
        if key is not None:
            raise Refused("start", "new", "run keys are not yet supported in this version")
        given, problems = check_inputs(workflow.spec.inputs, inputs or {})
        if problems:
            raise InputError(problems)
        self._check_limits(workflow)
        if self._closing:
            raise Refused("start", "closing", "the engine is being closed")
        driven = Driven(
            self._surroundings,
            workflow.plan,
            self._new_id(),
            inputs=given,
            labels=labels or {},
            correlation_id=correlation_id,
        )
        run = self._runs[driven.id] = Run(driven)
        spec = workflow.spec
        driven.emit("workflow.accepted", data={"spec": spec.data, "hash": spec.hash, "inputs": given})
        await driven.durable()
        self._nursery.start_soon(self._drive, driven, name=f"treadle run {driven.id}")
        return run

    def runs(self, *, status: RunStatus | str | None = None, workflow: str | None = None) -> list[Run]:
        """The runs this engine has, oldest first: those that go on, and the latest that have ended."""
        wanted = None if status is None else RunStatus(status)
        return [
            run
            for run in self._runs.values()
            if (wanted is None or run.status is wanted) and (workflow is None or run.workflow == workflow)
        ]

    def run(self, run_id: str) -> Run:
        """The run with this id. Raises KeyError if there is none, or it ended too long ago."""
        if run_id not in self._runs:
            raise KeyError(
                f"this engine has no run {run_id!r}: it never had, or has forgotten it since it ended"
            )
        return self._runs[run_id]

    async def _drive(self, driven: Driven) -> None:
        async with self._slots:
            if not driven.status.ended:  # cancelled while it was pending
                await live(driven)
        self._keep(driven.id)

    def _keep(self, run_id: str) -> None:
        """Remember an ended run, and forget the oldest beyond the limit."""
        self._ended[run_id] = None
        while len(self._ended) > self._surroundings.limits.finished:
            oldest, _ = self._ended.popitem(last=False)
            del self._runs[oldest]

    def history(self, run_id: str) -> Sequence[Event] | None:
        """The journaled events of a run; None if it has been forgotten."""
        run = self._runs.get(run_id)
        return None if run is None else run._driven.history

    def _check_limits(self, workflow: Workflow) -> None:
        allowed, size = self._surroundings.limits.steps, len(workflow.plan.paths)
        if size > allowed:
            raise Refused(
                "start", "new", f"the workflow has {size} steps, more than the {allowed} of limits.steps"
            )
        known = self._surroundings.limiters
        for name in sorted(workflow.limiters - known.keys()):
            here = ", ".join(sorted(known)) or "none"
            raise Refused(
                "start", "new", f"no limiter {name!r} is set up here (there is {here}); add it to `limiters`"
            )

    def _new_id(self) -> str:
        self._count += 1
        moment = int(self._surroundings.now() * 1000)
        if self._seeded:
            tail = f"{self._count:06d}"
        else:
            tail = "".join(random_source.choice(_ID_DIGITS) for _ in range(8))
        head = "".join(_ID_DIGITS[moment >> shift & 31] for shift in range(40, -1, -5))
        return f"{head}-{tail}"

    async def close(self) -> None:
        """Take no more runs, cancel those that go on, and wait for their ends."""
        self._closing = True
        for run in self.runs():
            if not run.status.ended:
                try:
                    await run.cancel("the engine was closed")
                except (
                    Refused
                ):  # its end is decided; it comes to it by itself, unless it is paused on the way
                    with suppress(Refused):
                        await run.resume()
        for run in self.runs():
            await run.ended()
