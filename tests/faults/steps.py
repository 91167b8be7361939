"""Steps whose effects can be counted, by a ledger that outlives the process."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import trio
from tests.faults.ledger import Line, now

from treadle.plugin import Seconds, Step, StepError, StepType, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.ledger import Ledger
    from tests.faults.points import Points


@attrs.frozen(kw_only=True)
class Effect:
    """Work that takes *takes* seconds, and fails until the ledger holds *fails* failures of this step.

    The first attempt takes *at_first* seconds instead, if that is given.

    Its output does not depend on how often it was tried: *output*, or the step's path.
    """

    output: Any = None
    takes: Seconds = 0.0
    at_first: Seconds | None = None
    fails: int = 0


class Effects:
    """The step types ``effect``, which must not be repeated silently, and ``safe``, which may."""

    def __init__(self, ledger: Ledger, points: Points) -> None:
        self._ledger = ledger
        self._points = points

    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        return [self._step_type("effect", again=False), self._step_type("safe", again=True)]

    def _step_type(self, name: str, *, again: bool) -> StepType[Any]:
        work = partial(self.work, again)
        return StepType(name=name, config=Effect, run=work, main="output", repeatable=again)

    async def work(self, again: bool, config: Effect, step: Step) -> Any:
        self._note("begin", step, again)
        try:
            first = config.at_first is not None and step.attempt == 1
            await trio.sleep(config.at_first if first else config.takes)
        except trio.Cancelled:
            self._note("cancelled", step, again)
            raise
        if self._ledger.count("fail", step.path) < config.fails:
            self._note("fail", step, again)
            raise StepError("broken", f"{step.path} failed")
        output = config.output or {"did": step.path}
        self._note("end", step, again, output)
        return output

    def _note(self, what: str, step: Step, again: bool, output: Any = None) -> None:
        line = Line(
            run=step.run_id,
            path=step.path,
            attempt=step.attempt,
            key=step.idempotency_key,
            what=what,
            again=again,
            pid=os.getpid(),
            time=now(),
            output=output,
        )
        with self._points.around(f"{what} of {step.path} attempt {step.attempt}"):
            self._ledger.write(line)
