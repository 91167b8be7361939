"""Where a run may put a question to a person; known before it starts, and without trio.

One that nobody could answer is a problem:

    TRD692   a step may wait for a person for ever, and there is no terminal to ask on
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._kinds import Ask
from treadle._places import Place
from treadle._plan.strategies import may_decide

if TYPE_CHECKING:
    from treadle import Workflow
    from treadle.errors import Problem


def may_ask(workflow: Workflow) -> bool:
    """Whether any failure may wait for a person."""
    plan = workflow.plan
    strategies = {id(each): each for block in plan.blocks for each in (*block.strategies, plan.strategy)}
    return any(isinstance(one, Ask) for each in strategies.values() for one in may_decide(each) or ())


def never_answered(workflow: Workflow) -> list[Problem]:
    """A problem for each step that would wait for ever where nobody can be asked."""
    return [_unanswered(workflow, path) for path in workflow.open_questions]


def _unanswered(workflow: Workflow, path: str) -> Problem:
    step = workflow.plan.resolve(path)
    places = workflow.spec.places if step is None else step.places
    place = places.get("on_error") or workflow.spec.places.get("on_error") or places.get("")
    return (place or Place(path)).problem(
        "TRD692",
        "a failure here waits for a person, but there is no terminal to ask on",
        "give the strategy a timeout and on_timeout, or run it on a terminal",
    )
