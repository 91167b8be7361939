"""Random workflows and random commands, and a way to run them in virtual time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
import trio
import trio.testing
from hypothesis import strategies as st
from tests.engine.kit import rig
from tests.simulation.oracle import Histories

import treadle

HANGS_AFTER = 100_000.0
"""Virtual seconds; every workflow here ends long before, whatever happens to it."""

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
def steps(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    step: dict[str, Any] = {}
    kind = draw(st.integers(0, 9)) if depth else 9
    if kind < 2:
        step["parallel"] = draw(graphs(depth - 1))
    elif kind < 4:
        step["steps"] = draw(lists(depth - 1))
    else:
        step["act"] = draw(acts())
        if draw(sometimes) and draw(sometimes):
            step["limit"] = "one"
    if draw(sometimes):
        step["foreach"] = list(range(draw(st.integers(0, 3))))
    if draw(sometimes) and ("foreach" in step or "act" not in step):
        step["max_parallel"] = draw(st.integers(1, 2))
    if draw(sometimes):
        step["timeout"] = draw(some_seconds)
    if draw(sometimes):
        step["deadline"] = draw(some_seconds)
    if draw(sometimes):
        step["retry"] = {"attempts": draw(st.integers(2, 3)), "backoff": {"fixed": draw(seconds)}}
    if draw(sometimes):
        step["on_error"] = draw(strategies)
    if draw(sometimes):
        step["undo"] = {"act": {"takes": draw(seconds), "fails": draw(st.sampled_from([0, 0, 0, 1]))}}
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


Command = tuple[int, str, str]
"""When, in half seconds, so that some fall on the instants at which steps end; what; and which decision."""

commands = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(
            ["pause", "resume", "resume", "cancel", "cancel and roll back", "resolve", "resolve"]
        ),
        st.sampled_from(list(map(str, treadle.Resolve))),
    ),
    max_size=6,
).map(sorted)


@attrs.frozen
class Hung(Exception):
    """The run did not end."""

    journal: Sequence[str]


async def _give(run: treadle.Run, given: Sequence[Command]) -> None:
    for when, command, decision in given:
        await trio.sleep_until(when / 2)
        with suppress(treadle.Refused):
            match command:
                case "pause":
                    await run.pause()
                case "resume":
                    await run.resume()
                case "resolve":
                    for path in sorted(run.questions)[:1]:
                        await run.resolve(path, decision)
                case _:
                    await run.cancel(rollback=command != "cancel")
    with suppress(treadle.Refused):  # whatever was held goes on, so that every run ends
        await run.resume()


async def _execute(spec: Mapping[str, Any], given: Sequence[Command]) -> Histories:
    stream: list[treadle.Event] = []

    async def keep(batch: Sequence[treadle.Event]) -> None:
        stream.extend(batch)

    before = trio.lowlevel.current_statistics().tasks_living
    async with rig(sinks=[keep], limiters={"one": 1}) as r:
        run = await r.start(spec)
        with trio.move_on_after(HANGS_AFTER):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_give, run, given)
                await run.ended()
                nursery.cancel_scope.cancel()
        journal = list(r.engine.history(run.id) or ())
        if not run.status.ended:
            raise Hung([f"{event.type} {event.step}" for event in journal])
    await run.wait()
    assert r.ledger.inside == 0, "work goes on after the end"
    assert trio.lowlevel.current_statistics().tasks_living == before, "tasks are left"
    epoch = journal[0].time
    return Histories(spec=spec, journal=journal, stream=stream, ledger=r.ledger.lines, epoch=epoch)


def execute(spec: Mapping[str, Any], given: Sequence[Command] = ()) -> Histories:
    """Run *spec* under the commands *given*, from virtual time 0; what was seen."""
    # trio takes the tasks of one instant in random order; with its own source seeded, a run repeats itself
    trio._core._run._r.seed(1)
    return trio.run(_execute, spec, given, clock=trio.testing.MockClock(autojump_threshold=0))


def as_bytes(journal: Sequence[treadle.Event]) -> bytes:
    return json.dumps([event.to_data() for event in journal], sort_keys=True).encode()
