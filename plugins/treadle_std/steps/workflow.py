"""``workflow``: run another workflow, as a run of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from treadle.plugin import NO_SECRETS, NO_TEMPLATES, Step, StepType, called, hookimpl


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RunWorkflow:
    """Runs another workflow and waits for its end. It is a run of its own, with its own id and journal.

    The output is what the workflow's ``outputs`` say; with *detach* it is ``{run: ID}``.

    Args:
      name: of a workflow that the deployment lists under ``workflows``.
      file: of the spec instead, relative to the file that this step stands in.
      inputs: by name; what is left out has its default.
      detach: only start it: it is not waited for, cancelled or paused with this run.

    Raises:
      ValueError: not exactly one of *name* and *file* is given.

    Errors:
      that of the run that was called; ``workflow.cancelled``, ``workflow.unknown``, ``workflow.invalid``,
      ``workflow.inputs``, ``workflow.refused``, ``workflow.undriven``, ``workflow.depth``.

    Example:
      ``workflow: {name: notify, inputs: {text: "${{ inputs.version }} is out"}}``
    """

    name: str | None = attrs.field(default=None, metadata={**NO_SECRETS, **called("name")})
    file: str | None = attrs.field(default=None, metadata={**NO_TEMPLATES, **called("file")})
    inputs: Mapping[str, Any] = attrs.field(factory=dict, metadata={**NO_SECRETS, **called("inputs")})
    detach: bool = attrs.field(default=False, metadata=called("detach"))

    def __attrs_post_init__(self) -> None:
        if (self.name is None) == (self.file is None):
            raise ValueError("give the name of a workflow, or its file; one of the two")


async def run_workflow(config: RunWorkflow, step: Step) -> Any:
    """Call the workflow, and give its outputs."""
    outcome = await step.run_workflow(config.name, config.inputs, file=config.file, detach=config.detach)
    return {"run": outcome.run} if config.detach else dict(outcome.result())


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``workflow``."""
    return [StepType(name="workflow", config=RunWorkflow, run=run_workflow, main="name", waits=True)]
