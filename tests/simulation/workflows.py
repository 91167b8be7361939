"""Random workflows and random commands, and a way to run them in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from hypothesis import strategies as st
from tests.simulation.crashes import HANGS_AFTER, LIMITERS, Death, Hung, Notes, loaded, staged, survive
from tests.simulation.oracle import Histories
from tests.simulation.people import Command, punctual

import treadle
from treadle._engine.clock import VIRTUAL_EPOCH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

seconds = st.integers(0, 4).map(lambda number: f"{number}s")
some_seconds = st.integers(1, 6).map(lambda number: f"{number}s")
sometimes = st.integers(0, 3).map(lambda number: number == 0)

strategies = st.sampled_from(
    [
        "fail_fast",
        "fail_late",
        "continue",
        "rollback",
        {"rollback": {"scope": "block"}},
        {"escalate": {"timeout": "5s", "on_timeout": "fail"}},
        {"escalate": {"timeout": "9s", "on_timeout": "continue"}},
        {"escalate": {"timeout": "7s", "on_timeout": "rollback"}},
    ]
)


@st.composite
def acts(draw: st.DrawFn) -> dict[str, Any]:
    act: dict[str, Any] = {"takes": draw(seconds)}
    if draw(sometimes):
        act["fails"] = draw(st.integers(1, 3))
    if draw(sometimes):
        act["cleanup"] = draw(seconds)
    odd = draw(st.integers(0, 9))
    if odd < 2:
        act[("swallow", "fail_on_cancel")[odd]] = True
    return act


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.integers(0, 11))
    if kind == 0:
        return {"wait": draw(seconds)}
    if kind == 1:
        on_timeout = draw(st.sampled_from(["fail", "continue", "rollback"]))
        return {"approval": {"prompt": "go?", "timeout": draw(some_seconds), "on_timeout": on_timeout}}
    leaf: dict[str, Any] = {"act": draw(acts())}
    if draw(sometimes):
        leaf["repeatable"] = True
    if draw(sometimes) and draw(sometimes):
        leaf["limit"] = "one"
    return leaf


@st.composite
def undos(draw: st.DrawFn) -> dict[str, Any]:
    undo: dict[str, Any] = {"act": {"takes": draw(seconds), "fails": draw(st.sampled_from([0, 0, 0, 1]))}}
    if draw(sometimes) and draw(sometimes):
        undo["repeatable"] = False
    return undo


@st.composite
def steps(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    kind = draw(st.integers(0, 9)) if depth else 9
    if kind < 2:
        step: dict[str, Any] = {"parallel": draw(graphs(depth - 1))}
    elif kind < 4:
        step = {"steps": draw(lists(depth - 1))}
    else:
        step = draw(leaves())
    if draw(sometimes) and draw(sometimes):
        step["when"] = draw(st.sampled_from(["true", "false"]))
    if draw(sometimes):
        step["foreach"] = list(range(draw(st.integers(0, 3))))
    if draw(sometimes) and ("foreach" in step or kind < 4):
        step["max_parallel"] = draw(st.integers(1, 2))
    if draw(sometimes) and "approval" not in step:
        step["timeout"] = draw(some_seconds)
    if draw(sometimes):
        step["deadline"] = draw(some_seconds)
    if draw(sometimes):
        step["retry"] = {"attempts": draw(st.integers(2, 3)), "backoff": {"fixed": draw(seconds)}}
    if draw(sometimes) and draw(sometimes):
        step["repeat"] = {"until": "attempt >= 2", "every": draw(seconds), "times": draw(st.integers(1, 3))}
    if draw(sometimes):
        step["on_error"] = draw(strategies)
    if draw(sometimes):
        step["undo"] = draw(undos())
        if draw(sometimes):
            step["undo_after"] = "attempted"
    return step


@st.composite
def graphs(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    ids = "abcd"[: draw(st.integers(1, 4))]
    block = {}
    for number, step_id in enumerate(ids):
        step = draw(steps(depth))
        if number and (needs := draw(st.sets(st.sampled_from(ids[:number]), max_size=2))):
            step["needs"] = sorted(needs)
        block[_unique(step_id, depth)] = step
    for step in block.values():
        if "needs" in step:
            step["needs"] = [_unique(need, depth) for need in step["needs"]]
    return block


@st.composite
def lists(draw: st.DrawFn, depth: int) -> list[dict[str, Any]]:
    return [
        {"id": _unique(step_id, depth), **draw(steps(depth))} for step_id in "xyz"[: draw(st.integers(1, 3))]
    ]


def _unique(step_id: str, depth: int) -> str:
    """An id may not repeat one of an enclosing block."""
    return f"{step_id}{depth}"


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    spec: dict[str, Any] = {"steps": draw(graphs(2) | lists(2))}
    if draw(sometimes):
        spec["on_error"] = draw(strategies)
    if draw(sometimes):
        spec["timeout"] = draw(st.integers(3, 15).map(lambda number: f"{number}s"))
    if draw(sometimes):
        spec["finally"] = [{"id": "tidy", "act": draw(acts())}]
    return spec


commands = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda half: half / 2),  # so that some fall on the instants at which steps end
        st.sampled_from(
            ["pause", "resume", "resume", "cancel", "cancel and roll back", "resolve", "resolve"]
        ),
        st.sampled_from(list(map(str, treadle.Resolve))),
    ),
    max_size=6,
).map(sorted)

deaths = st.lists(
    st.builds(
        Death,
        events=st.none() | st.integers(1, 60),
        steps=st.none() | st.integers(1, 150),
        stored=st.booleans(),
        down=st.sampled_from([0.0, 0.0, 0.5, 3.0, 8.0]),
    ),
    min_size=1,
    max_size=3,
)

lags = st.sampled_from([None, None, 0.0, 0.25])


async def _execute(spec: Mapping[str, Any], given: Sequence[Command]) -> Histories:
    stream: list[treadle.Event] = []
    ledger = Notes()

    async def keep(batch: Sequence[treadle.Event]) -> None:
        stream.extend(batch)

    before = trio.lowlevel.current_statistics().tasks_living
    with staged(ledger) as registry:
        async with treadle.open_engine(registry=registry, seed=1, limiters=LIMITERS, sinks=[keep]) as engine:
            run = await engine.start(loaded(spec))
            with trio.move_on_after(HANGS_AFTER):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(punctual(given), run._driven, ledger)
                    await run.ended()
                    nursery.cancel_scope.cancel()
            journal = list(engine.history(run.id) or ())
            if not run.status.ended:
                raise Hung([f"{event.type} {event.step}" for event in journal])
    await run.wait()
    assert ledger.inside == 0, "work goes on after the end"
    assert trio.lowlevel.current_statistics().tasks_living == before, "tasks are left"
    return Histories(spec=spec, journal=journal, stream=stream, ledger=ledger.lines, epoch=journal[0].time)


def execute(spec: Mapping[str, Any], given: Sequence[Command] = (), seed: int = 1) -> Histories:
    """Run *spec* under the commands *given*, from virtual time 0; what was seen."""
    # trio takes the tasks of one instant in random order; with its own source seeded, a run repeats itself
    trio._core._run._r.seed(seed)
    return trio.run(_execute, spec, given, clock=trio.testing.MockClock(autojump_threshold=0))


def crashed(
    spec: Mapping[str, Any],
    given: Sequence[Command] = (),
    deaths: Sequence[Death] = (),
    lag: float | None = None,
    seed: int = 1,
) -> Histories:
    """As `execute`, with processes that die; what was seen of all of them together."""
    world = survive(loaded(spec), deaths, punctual(given), lag=lag, seed=seed)
    return Histories(
        spec=spec,
        journal=world.journal,
        stream=world.stream,
        ledger=world.ledger.lines,
        epoch=VIRTUAL_EPOCH,
        crashes=world.crashes,
        lag=lag or 0.0,
    )


def as_bytes(journal: Sequence[treadle.Event]) -> bytes:
    return json.dumps([event.to_data() for event in journal], sort_keys=True).encode()
