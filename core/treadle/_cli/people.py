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
from treadle._plan.calls import sites
from treadle._plan.strategies import may_decide
from treadle.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from treadle import Workflow
    from treadle._catalogue import Catalogue
    from treadle._model import StepSpec
    from treadle._plan.calls import Site
    from treadle.errors import Problem


def may_ask(workflow: Workflow, catalogue: Callable[[], Catalogue]) -> bool:
    """Whether any step may wait for a person, of *workflow* or of what it calls."""
    return _may_ask(workflow) or any(_may_ask(each) for _, each in _called(workflow, catalogue, set()))


def _may_ask(workflow: Workflow) -> bool:
    plan = workflow.plan
    strategies = {id(each): each for block in plan.blocks for each in (*block.strategies, plan.strategy)}
    escalates = (one for each in strategies.values() for one in may_decide(each) or ())
    return any(isinstance(one, Ask) for one in escalates) or any(map(_asks, _steps(workflow)))


def never_answered(workflow: Workflow, catalogue: Callable[[], Catalogue]) -> list[Problem]:
    """A problem for each step that would wait for ever, itself or what it calls, where nobody is asked."""
    return [
        *(problem for _, problem in _asked_here(workflow)),
        *(
            _asked_there(site, called, path)
            for site, called in _called(workflow, catalogue, set())
            for path, _ in _asked_here(called)
        ),
    ]


def _asked_here(workflow: Workflow) -> Iterator[tuple[str, Problem]]:
    """By the path of its step, empty for the workflow itself, each question that would stay open for ever."""
    for path in workflow.open_questions:
        yield path, _unanswered(workflow, path)
    for step in _steps(workflow):
        if _asks(step) and _for_ever(step):
            yield (
                step.path,
                (step.places.get("") or Place(step.path)).problem(
                    "TRD692",
                    f"this step waits for somebody, {_NOBODY}",
                    "give it a timeout, run it on a terminal, or leave `store: memory` out of treadle.yaml",
                ),
            )


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


def _asked_there(site: Site, called: Workflow, path: str) -> Problem:
    return (site.step.places.get("") or Place(site.step.path)).problem(
        "TRD692",
        f"this step runs {called.name!r}, where {path or 'a failure'} waits for somebody, {_NOBODY}",
        "give that a timeout, run it on a terminal, or leave `store: memory` out of treadle.yaml",
    )


def _called(
    workflow: Workflow, catalogue: Callable[[], Catalogue], seen: set[tuple[str, str]]
) -> Iterator[tuple[Site, Workflow]]:
    """What *workflow* calls and waits for, at whatever depth, once each; with its own step that does."""
    for site in sites(workflow.spec):
        called = None if site.detaches else _callee(site, workflow, catalogue)
        if called is None or (called.name, called.spec.hash) in seen:
            continue
        seen.add((called.name, called.spec.hash))
        yield site, called
        yield from ((site, deeper) for _, deeper in _called(called, catalogue, seen))


def _callee(site: Site, workflow: Workflow, catalogue: Callable[[], Catalogue]) -> Workflow | None:
    """What *site* calls; None where only the run will tell, or tell what is wrong with it."""
    try:
        if site.file is not None:
            return catalogue().at(site.file, workflow.source)
        return None if site.name is None else catalogue().named(site.name)
    except (LookupError, OSError, SpecError):
        return None


def _steps(workflow: Workflow) -> Iterator[StepSpec]:
    return (step for block in workflow.spec.blocks for step in block.steps)


def _asks(step: StepSpec) -> bool:
    return step.type.waits and "timeout" in attrs.fields_dict(step.type.config)


def _for_ever(step: StepSpec) -> bool:
    config = step.settings.guess()
    return config is not None and config.timeout is None
