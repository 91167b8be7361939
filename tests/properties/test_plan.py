"""Laws of plans, over random graphs."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.specs_by_hand import INSTALLED, spec_of

from treadle._plan.cycles import find_cycles
from treadle._plan.plan import compile_plan

graphs = st.integers(1, 10).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, size - 1), max_size=3, unique=True), min_size=size, max_size=size
    )
)
"""Per step, the steps it needs; cycles and steps that need themselves among them."""


def written(graph: list[list[int]], inferred: set[int]) -> dict[str, Any]:
    """The graph as steps; those *inferred* need by reference, the others by ``needs``."""
    steps = {}
    for index, needs in enumerate(graph):
        if index in inferred:
            steps[f"s{index}"] = {"text": " ".join(f"${{{{ steps.s{need}.output }}}}" for need in needs)}
        else:
            steps[f"s{index}"] = {"needs": [f"s{need}" for need in needs]}
    return steps


def can_be_ordered(graph: list[list[int]]) -> bool:
    done: set[int] = set()
    while free := [i for i, needs in enumerate(graph) if i not in done and done.issuperset(needs)]:
        done.update(free)
    return len(done) == len(graph)


@settings(max_examples=200, deadline=None)
@given(graphs)
def test_every_cycle_reported_is_one_and_none_is_reported_twice(graph: list[list[int]]) -> None:
    cycles = find_cycles(graph)
    for cycle in cycles:
        assert cycle[0] == min(cycle)
        for step, need in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            assert need in graph[step]
    steps = [step for cycle in cycles for step in cycle]
    assert len(steps) == len(set(steps))


@settings(max_examples=200, deadline=None)
@given(graphs)
def test_a_graph_has_a_cycle_exactly_if_it_cannot_be_ordered(graph: list[list[int]]) -> None:
    assert bool(find_cycles(graph)) is not can_be_ordered(graph)


@settings(max_examples=100, deadline=None)
@given(graphs, st.sets(st.integers(0, 9)))
def test_a_plan_exists_exactly_if_the_graph_can_be_ordered(
    graph: list[list[int]], inferred: set[int]
) -> None:
    plan, problems = compile_plan(spec_of(written(graph, inferred)), INSTALLED)
    assert (plan is not None) is can_be_ordered(graph)
    for problem in problems:
        if problem.code == "TRD336":
            names = re.findall(r"s(\d+) \(\d+:3\)", problem.message)
            assert names
            assert problem.message.endswith(f" needs s{names[0]}")


@settings(max_examples=100, deadline=None)
@given(graphs, st.sets(st.integers(0, 9)))
def test_a_plan_says_what_was_written_or_referred_to(graph: list[list[int]], inferred: set[int]) -> None:
    acyclic = [[need for need in needs if need < index] for index, needs in enumerate(graph)]
    plan, _ = compile_plan(spec_of(written(acyclic, inferred)), INSTALLED)
    assert plan is not None
    block = plan.blocks[0]
    assert [[need.step for need in needs] for needs in block.needs] == acyclic
    assert all(need.inferred is (i in inferred) for i, needs in enumerate(block.needs) for need in needs)
    for step, dependents in enumerate(block.dependents):
        assert list(dependents) == [i for i, needs in enumerate(acyclic) if step in needs]


@settings(max_examples=100, deadline=None)
@given(graphs)
def test_the_order_has_every_step_once_and_after_all_that_it_needs(graph: list[list[int]]) -> None:
    acyclic = [[need for need in needs if need < index] for index, needs in enumerate(graph)]
    plan, _ = compile_plan(spec_of(written(acyclic, set())), INSTALLED)
    assert plan is not None
    level_of = {step: level for level, steps in enumerate(plan.blocks[0].order) for step in steps}
    assert sorted(level_of) == list(range(len(graph)))
    for step, needs in enumerate(acyclic):
        assert level_of[step] == max((level_of[need] + 1 for need in needs), default=0)
