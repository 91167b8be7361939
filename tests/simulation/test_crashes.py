"""Hand-made shapes, cut at every point of their journals, and cut again while they recover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.kit import statuses
from tests.simulation.crashes import Death, World, loaded, proceed, survive
from tests.simulation.people import wishing
from tests.simulation.shapes import SHAPES, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def end_of(world: World) -> dict[str, Any]:
    state = world.state
    return {
        "status": str(state.status),
        "steps": dict(sorted(statuses(state).items())),
        "outputs": state.outputs,
        "error": state.error and (state.error.name, state.error.path),
        "tolerated": state.tolerated,
        "rollback": state.rollback,
    }


def wrong(world: World, expected: dict[str, Any]) -> Iterator[str]:
    if end_of(world) != expected:
        yield f"it ended as {end_of(world)}"
    if [event.seq for event in world.journal] != list(range(1, len(world.journal) + 1)):
        yield "its events are not numbered 1, 2, 3 …"
    undone = [
        event.data["of"] for event in world.journal if event.type in ("step.undone", "step.undo_failed")
    ]
    if len(undone) != len(set(undone)):
        yield f"completions were undone twice: {undone}"


def deaths_of(moments: list[int], down: float, later: Sequence[int]) -> Iterator[tuple[Death, ...]]:
    """One death at each moment; and a second one, some events *later*, while the next process recovers."""
    for at in moments[:-1]:
        first = Death(events=at, down=down)
        yield (first,)
        for more in later:
            yield first, Death(events=at + more, down=down)


def broken_by(shape: Shape, down: float, lag: float | None, later: Sequence[int]) -> Iterator[str]:
    workflow, person = loaded(shape.text), wishing(shape.wishes)
    undisturbed = World(lag)
    proceed(undisturbed, workflow, None, person)
    expected = end_of(undisturbed)
    assert expected["status"] == shape.ends
    for deaths in deaths_of(undisturbed.moments, down, later):
        world = survive(workflow, deaths, person, lag=lag)
        for problem in wrong(world, expected):
            story = [f"{event.seq}:{event.type} {event.step}#{event.attempt}" for event in world.journal]
            yield f"{deaths}: {problem}, not {expected}\n{story}"


def named(*flags: str) -> pytest.MarkDecorator:
    """The shapes that have all these flags, by their names."""
    shapes = {name: one for name, one in SHAPES.items() if all(getattr(one, flag) for flag in flags)}
    return pytest.mark.parametrize("shape", shapes.values(), ids=shapes.keys())


@named()
def test_a_run_ends_the_same_wherever_its_processes_die(shape: Shape) -> None:
    assert list(broken_by(shape, 0.0, None, later=(2,))) == []


@named("down")
def test_a_run_ends_the_same_after_a_time_in_which_nobody_drove_it(shape: Shape) -> None:
    assert list(broken_by(shape, 5.0, None, later=())) == []


@named("lag")
def test_a_run_ends_the_same_when_the_journal_lags(shape: Shape) -> None:
    assert list(broken_by(shape, 0.0, 0.25, later=())) == []


@pytest.mark.nightly
@named("down")
def test_a_run_ends_the_same_however_its_processes_die(shape: Shape) -> None:
    for down in (0.0, 5.0):
        assert list(broken_by(shape, down, None, later=range(1, 9))) == []


@pytest.mark.nightly
@named("lag")
def test_a_run_ends_the_same_however_its_processes_die_when_the_journal_lags(shape: Shape) -> None:
    assert list(broken_by(shape, 0.0, 0.25, later=range(1, 9))) == []
