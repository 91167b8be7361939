"""``parallel``, ``sequence`` and ``steps``: a block as a step.

Rule: they differ only in what their `BlockForm` says; running a block is the engine's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Protocol

import attrs

from treadle.plugin import Block, BlockForm, OutputsOf, Step, StepType, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class _HasBlock(Protocol):
    @property
    def block(self) -> Block: ...


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Parallel:
    """Runs steps together: a list starts all at once, a mapping by its needs.

    The output maps the id of each child to its output; children that have none are left out.

    Args:
      block: the steps; all of what stands under ``parallel``.

    Errors:
      that of the first step inside that failed and was not tolerated.

    Example:
      ``parallel: {unit: {command: make test}, lint: {command: make lint}}``
    """

    block: Annotated[Block, BlockForm("together")]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Sequence:
    """Runs steps one after the other.

    The output maps the id of each child to its output; children that have none are left out.

    Args:
      block: the list of steps; all of what stands under ``sequence``.

    Errors:
      that of the first step inside that failed and was not tolerated.

    Example:
      ``sequence: [{command: make}, {command: make test}]``
    """

    block: Annotated[Block, BlockForm("sequence", mapping=False)]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Steps:
    """Runs a block as the top level does: a list in order, a mapping by its needs.

    The output maps the id of each child to its output; children that have none are left out.

    Args:
      block: the steps; all of what stands under ``steps``.

    Errors:
      that of the first step inside that failed and was not tolerated.

    Example:
      ``steps: {build: {command: make}, test: {needs: build, command: make test}}``
    """

    block: Annotated[Block, BlockForm("sequence")]


async def run(config: _HasBlock, step: Step) -> Mapping[str, Any]:
    """Run the block; its failure is the step's."""
    return (await step.run_block(config.block)).result()


def _step_type(name: str, config: type[Any]) -> StepType[Any]:
    output = Annotated[Any, OutputsOf("block")]
    return StepType(
        name=name, config=config, output=output, run=run, main="block", whole=True, repeatable=True
    )


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``parallel``, ``sequence`` and ``steps``."""
    return [_step_type("parallel", Parallel), _step_type("sequence", Sequence), _step_type("steps", Steps)]
