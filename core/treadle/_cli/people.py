"""Where a run may put a question to a person; known before it starts, and without trio.

One that nobody could answer is a problem:

    TRD692   a step may wait for a person for ever: nobody can be asked here, and no run outlives this process

A step type puts a question of its own if it waits and has a ``timeout`` among its settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from treadle._kinds import Ask
from treadle._places import Place
from treadle._plan.strategies import may_decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle import Workflow
    from treadle._model import StepSpec
    from treadle.errors import Problem


def may_ask(workflow: Workflow) -> bool:
    """Whether any step may wait for a person."""
    plan = workflow.plan
    strategies = {id(each): each for block in plan.blocks for each in (*block.strategies, plan.strategy)}
    escalates = (one for each in strategies.values() for one in may_decide(each) or ())
    return any(isinstance(one, Ask) for one in escalates) or any(map(_asks, _steps(workflow)))


def never_answered(workflow: Workflow) -> list[Problem]:
    """A problem for each step that would wait for ever where nobody can be asked."""
    waiting = (step for step in _steps(workflow) if _asks(step) and _for_ever(step))
    return [
        *(_unanswered(workflow, path) for path in workflow.open_questions),
        *(
            (step.places.get("") or Place(step.path)).problem(
                "TRD692",
                f"this step waits for somebody, {_NOBODY}",
                "give it a timeout, run it on a terminal, or leave `store: memory` out of treadle.yaml",
            )
            for step in waiting
        ),
    ]


_NOBODY = "but there is no terminal to ask on, and the store keeps no run for later"


def _unanswered(workflow: Workflow, path: str) -> Problem:
    step = workflow.plan.resolve(path)
    places = workflow.spec.places if step is None else step.places
    place = places.get("on_error") or workflow.spec.places.get("on_error") or places.get("")
    return (place or Place(path)).problem(
        "TRD692",
        f"a failure here waits for a person, {_NOBODY}",
        "give the strategy a timeout and on_timeout, run it on a terminal, or leave `store: memory` out"
        " of treadle.yaml",
    )


def _steps(workflow: Workflow) -> Iterator[StepSpec]:
    return (step for block in workflow.spec.blocks for step in block.steps)


def _asks(step: StepSpec) -> bool:
    return step.type.waits and "timeout" in attrs.fields_dict(step.type.config)


def _for_ever(step: StepSpec) -> bool:
    config = step.settings.guess()
    return config is not None and config.timeout is None
