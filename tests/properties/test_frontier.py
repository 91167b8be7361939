"""Laws of the frontier, over random blocks, outcomes, orders of ending and numbers of slots."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.specs_by_hand import STRATEGIES, spec_of
from tests.properties.reference import FAILURES, Interpreter, Settlement, Task

from treadle._frontier import BlockEnd, Cause, Frontier, Moves, Outcome, Ready, Skip
from treadle._plan.blocks import ACCEPTS, AtLeastPlan, BlockPlan, NeedPlan
from treadle.errors import Failure
from treadle.events import StepStatus

RESULTS = ("completed", "skipped", "tolerated", "failed", "omitted", "cancelled")
NEEDS = tuple(ACCEPTS.values())


def names_of(accepts: int) -> frozenset[Any]:
    return frozenset(name for bit, name in enumerate(RESULTS) if accepts & (1 << bit))


@st.composite
def tasks(draw: st.DrawFn) -> list[Task]:
    result = []
    for index in range(draw(st.integers(1, 9))):
        needed = draw(st.lists(st.integers(0, index - 1), max_size=3, unique=True)) if index else []
        others = [i for i in range(index) if i not in needed]
        counted = draw(st.lists(st.sampled_from(others), max_size=3, unique=True)) if others else []
        usual = st.sampled_from((NEEDS[0], NEEDS[0], *NEEDS))
        result.append(
            Task(
                needs={i: names_of(draw(usual)) for i in needed},
                at_least=(draw(st.integers(1, len(counted))), frozenset(counted)) if counted else None,
                examined=draw(st.sampled_from((None,) * 6 + ("skipped", "stop", "drain", "tolerated"))),
                ends=draw(
                    st.sampled_from(
                        ("completed",) * 4 + ("tolerated", "stop", "drain", "rollback", "cancelled")
                    )
                ),
            )
        )
    return result


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "tasks": draw(tasks()),
        "choices": draw(st.lists(st.integers(0, 8), min_size=1, max_size=9)),
        "max_parallel": draw(st.none() | st.integers(1, 3)),
        "stop_after": draw(st.none() | st.integers(0, 6)),
    }


def compiled(block: list[Task]) -> BlockPlan:
    bits = {name: 1 << bit for bit, name in enumerate(RESULTS)}
    spec = spec_of({f"s{i}": {} for i in range(len(block))}).blocks[0]
    return BlockPlan.build(
        spec,
        [
            tuple(NeedPlan(i, sum(map(bits.get, ok)), f"s{i}") for i, ok in task.needs.items())
            for task in block
        ],  # type: ignore[arg-type]
        [AtLeastPlan(t.at_least[0], tuple(sorted(t.at_least[1]))) if t.at_least else None for t in block],
        [STRATEGIES["fail_fast"]] * len(block),
        {f"s{i}": i for i in range(len(block))},
    )


def outcome(ends: str) -> Outcome:
    if ends in FAILURES or ends == "tolerated":
        decision: Any = "tolerate" if ends == "tolerated" else ends
        return Outcome(StepStatus.FAILED, error=Failure("exit.1", "no"), decision=decision)
    return Outcome(StepStatus(ends))


def why(index: int, settled: Outcome, examined: set[int]) -> str:
    reason = settled.reason or ""
    if index in examined:
        return "examined"
    if reason.startswith("stopped: "):
        return "stopped"
    return "too few" if reason.startswith("needs at least ") else "unmet"


def settlement(step: int, settled: Outcome, reason: Any) -> Settlement:
    result: Any = "tolerated" if settled.tolerated else str(settled.status)
    return Settlement(step, result, reason, str(settled.decision if result == "failed" else result))


class Driver:
    """Drives a frontier as the engine does, and checks every move against the laws."""

    def __init__(
        self, tasks: list[Task], choices: list[int], max_parallel: int | None, stop_after: int | None
    ) -> None:
        self.tasks = tasks
        self.choices = choices
        self.max_parallel = max_parallel
        self.stop_after = stop_after
        self.frontier = Frontier(compiled(tasks), self.examine, max_parallel)
        self.running: list[int] = []
        self.started: set[int] = set()
        self.asked: set[int] = set()
        self.examined: set[int] = set()
        self.history: list[Settlement] = []
        self.stopped = False
        self.end: BlockEnd | None = None

    def run(self) -> None:
        self.take(self.frontier.open())
        for turn in range(len(self.tasks) + 1):
            if turn == self.stop_after:
                self.take(self.frontier.stop(Cause("cancel", "asked to")))
            if not self.running:
                break
            step = self.running.pop(self.choices[turn % len(self.choices)] % len(self.running))
            settled = outcome(self.tasks[step].ends)
            self.history.append(settlement(step, settled, "ran"))
            self.take(self.frontier.settle(step, settled))

    def examine(self, step: int) -> Ready | Skip | Outcome:
        assert step not in self.asked, "a step is examined once"
        assert not self.stopped, "nothing is examined once the block is stopped"
        self.asked.add(step)
        for need, accepted in self.tasks[step].needs.items():
            settled = self.frontier.outcomes[need]
            assert settled is not None, "no step is ready before what it needs"
            assert settlement(need, settled, "ran").result in accepted, (
                "nor if it ended otherwise than needed"
            )
        examined = self.tasks[step].examined
        if examined is None:
            return Ready()
        self.examined.add(step)
        return Skip("its when was false") if examined == "skipped" else outcome(examined)

    def take(self, moves: Moves) -> None:
        assert self.end is None or moves == Moves(), "nothing follows the end"
        self.end = self.end or moves.end
        self.stopped = self.stopped or moves.stop is not None
        for step, settled in moves.settled:
            self.history.append(settlement(step, settled, why(step, settled, self.examined)))
        assert not (self.stopped and moves.start), "nothing starts once the block is stopped"
        assert self.started.isdisjoint(moves.start), "nothing starts twice"
        self.started.update(moves.start)
        self.running.extend(moves.start)
        assert self.max_parallel is None or len(self.running) <= self.max_parallel


@settings(max_examples=300, deadline=None)
@given(cases())
def test_every_step_settles_once_and_the_last_one_brings_the_end(case: dict[str, Any]) -> None:
    driver = Driver(**case)
    driver.run()
    assert sorted(one.step for one in driver.history) == list(range(len(case["tasks"])))
    assert driver.end is not None
    assert driver.running == []


@settings(max_examples=300, deadline=None)
@given(cases())
def test_the_reference_interpreter_agrees_on_every_outcome_its_reason_and_its_order(
    case: dict[str, Any],
) -> None:
    driver = Driver(**case)
    driver.run()
    reference = Interpreter(**case)
    assert driver.history == reference.run()
    assert driver.started == set(reference.started)
    assert driver.end is not None
    assert driver.end.first_fatal == reference.first_fatal()
    assert driver.end.tolerated == sum(one.result == "tolerated" for one in driver.history)
    assert driver.end.cancelled == sum(one.result == "cancelled" for one in driver.history)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_same_outcomes_in_the_same_order_give_the_same_moves(case: dict[str, Any]) -> None:
    first, second = Driver(**case), Driver(**case)
    first.run()
    second.run()
    assert (first.history, first.end) == (second.history, second.end)
