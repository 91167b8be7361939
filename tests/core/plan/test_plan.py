"""Who needs whom, which strategy is in force, and what cannot be planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.core.specs_by_hand import CHOICE, INSTALLED, LEAF, Together, spec_of

import treadle
from treadle._plan.blocks import ACCEPTS, BlockPlan
from treadle._plan.plan import CODES, Plan, compile_plan

if TYPE_CHECKING:
    from treadle.errors import Problem


def plan_of(steps: Any, **keys: Any) -> Plan:
    plan, problems = compile_plan(spec_of(steps, **keys), INSTALLED)
    assert plan is not None, problems
    return plan


def problems_of(steps: Any, **keys: Any) -> list[Problem]:
    plan, problems = compile_plan(spec_of(steps, **keys), INSTALLED)
    assert plan is None
    return problems


def said(steps: Any, **keys: Any) -> list[str]:
    """Each problem as it is shown, without the file."""
    problems = problems_of(steps, **keys)
    assert {problem.code for problem in problems} <= CODES.keys() | {"TRD501"}
    return [str(problem).removeprefix("flow.yaml:") for problem in problems]


def needs(block: BlockPlan, step: str) -> dict[str, str | None]:
    return {block.steps[need.step].id: need.result for need in block.needs[block.index_of[step]]}


def in_force(plan: Plan, path: str) -> str:
    for block in plan.blocks:
        for step, strategy in zip(block.steps, block.strategies, strict=True):
            if step.path == path:
                return strategy.entry.name
    raise AssertionError(path)


# --- needs ---


def test_a_written_need_accepts_the_usual_results_and_is_not_inferred() -> None:
    block = plan_of({"a": {}, "b": {"needs": "a"}}).blocks[0]
    (need,) = block.needs[1]
    assert (need.step, need.accepts, need.label, need.inferred) == (0, ACCEPTS[None], "a", False)
    assert block.dependents == ((1,), ())


def test_a_reference_implies_the_need_and_says_where_it_stands() -> None:
    (need,) = plan_of({"a": {}, "b": {"text": "${{ steps.a.output }}"}}).blocks[0].needs[1]
    assert (need.step, need.result, need.inferred, need.source) == (0, None, True, "steps.a.output in b.text")


@pytest.mark.parametrize("field", ["status", "error.name"])
def test_a_reference_only_to_status_or_error_waits_for_any_end(field: str) -> None:
    text = f"${{{{ default(steps.a.{field}, '') }}}}"
    block = plan_of({"a": {}, "b": {"text": text}}).blocks[0]
    assert needs(block, "b") == {"a": "settled"}


@pytest.mark.parametrize("order", [("status", "output"), ("output", "status")])
def test_a_reference_to_output_beside_one_to_status_needs_the_usual_result(order: tuple[str, str]) -> None:
    text = " ".join(f"${{{{ steps.a.{field} }}}}" for field in order)
    (need,) = plan_of({"a": {}, "b": {"text": text}}).blocks[0].needs[1]
    assert (need.result, need.source) == (None, "steps.a.output in b.text")


def test_a_written_need_overrules_the_inferred_one() -> None:
    steps = {
        "a": {"on_error": "continue"},
        "b": {"needs": {"a": "failed"}, "text": "${{ steps.a.error.name }}"},
    }
    assert needs(plan_of(steps).blocks[0], "b") == {"a": "failed"}


def test_ids_in_an_at_least_imply_no_need() -> None:
    group = {"at_least": 1, "of": ["a", "b"]}
    block = plan_of(
        {"a": {}, "b": {}, "c": {"needs": group, "text": "${{ default(steps.a.output, 1) }}"}}
    ).blocks[0]
    assert needs(block, "c") == {}
    assert block.at_least[2] is not None
    assert block.at_least[2].steps == (0, 1)
    assert block.watchers == ((2,), (2,), ())


def test_every_step_key_that_holds_expressions_implies_needs() -> None:
    steps = {name: {} for name in "abcdefghijk"} | {
        "z": {
            "when": "steps.b.output",
            "foreach": ["${{ steps.c.output }}"],
            "max_parallel": "${{ steps.d.output }}",
            "text": "${{ steps.e.output }}",
            "env": {"X": "${{ steps.f.output }}"},
            "until": "steps.g.output",
            "retry_if": "steps.h.output",
            "if": "steps.i.output",
            "undo": {"back": {"text": "${{ steps.j.output }}"}},
            "blocks": [{"inner": {"text": "${{ steps.k.output }}"}}],
            "on_error": "asking",
        }
    }
    assert sorted(needs(plan_of(steps).blocks[0], "z")) == list("abcdefghijk")


@pytest.mark.parametrize(
    "work",
    [
        {"condition": {"if": "steps.a.output.n > 1", "then": [{"set": {"x": 1}}]}},
        {"switch": {"cases": [{"when": "steps.a.output.n > 1", "steps": [{"set": {"x": 1}}]}]}},
    ],
    ids=["condition", "switch"],
)
def test_an_expression_in_settings_that_hold_no_template_implies_the_need(work: Any) -> None:
    steps = {"a": {"set": {"n": 2}}, "b": work}
    plan = treadle.from_data({"treadle": 1, "name": "flow", "steps": steps}).plan
    assert needs(plan.blocks[0], "b") == {"a": None}


def test_a_reference_deep_inside_makes_the_enclosing_step_need_it() -> None:
    inner = {"x": {"blocks": [[{"id": "y", "text": "${{ steps.a.output }}"}]]}, "w": {}}
    plan = plan_of({"a": {}, "b": {"blocks": [inner]}})
    assert needs(plan.blocks[0], "b") == {"a": None}
    assert all(not block.need_counts or not any(block.need_counts) for block in plan.blocks[1:])


def test_in_a_list_each_step_needs_the_one_before_with_the_usual_result() -> None:
    block = plan_of([{"id": "a"}, {"id": "b", "text": "${{ steps.a.output }}"}, {"id": "c"}]).blocks[0]
    assert needs(block, "b") == {"a": None}
    assert needs(block, "c") == {"b": None}
    assert not block.needs[1][0].inferred


def test_in_finally_a_list_goes_on_after_a_failure_and_references_imply_nothing() -> None:
    ending = {"x": {"text": "${{ default(steps.a.output, 1) }}"}, "y": {"text": "${{ steps.x.status }}"}}
    plan = plan_of({"a": {}}, finally_=[{"id": "x"}, {"id": "y"}])
    assert needs(plan.blocks[1], "y") == {"x": "settled"}
    plan = plan_of({"a": {}}, finally_=ending)
    assert plan.blocks[1].need_counts == (0, 0)
    assert plan.blocks[0].need_counts == (0,)


def test_in_finally_a_written_need_counts() -> None:
    plan = plan_of({"a": {}}, finally_={"x": {}, "y": {"needs": {"x": "failed"}}})
    assert needs(plan.blocks[1], "y") == {"x": "failed"}


def test_steps_that_start_together_need_nothing() -> None:
    plan = plan_of({"a": {"blocks": [Together({"x": {}, "y": {}})]}})
    assert plan.blocks[1].need_counts == (0, 0)


# --- mistakes in needs ---


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (
            {"build": {}, "b": {"needs": "biuld"}},
            "4:3: b: there is no step 'biuld' to need; did you mean 'build'?",
        ),
        (
            {"build": {}, "b": {"needs": "zzz"}},
            "4:3: b: there is no step 'zzz' to need; steps here: b, build",
        ),
        (
            {"a": {"needs": "a"}},
            "3:3: a: step 'a' needs itself; remove it from needs",
        ),
        (
            {"a": {"blocks": [{"unit": {}}]}, "b": {"needs": "unit"}},
            "6:3: b: step 'unit' stands in another block and cannot be needed;"
            " need 'a', the step of this block that has it inside",
        ),
        (
            {"a": {}, "b": {"blocks": [{"unit": {"needs": "a"}}]}},
            "6:3: b.unit: step 'a' stands in another block and cannot be needed;"
            " need 'a' in 'b', the step around this block",
        ),
        (
            {"a": {}, "b": {"needs": {"at_least": 1, "of": ["a", "c"]}}},
            "4:3: b: there is no step 'c' to need; steps here: a, b",
        ),
        (
            {"a": {}, "b": {"needs": {"a": "failed"}}},
            "4:3: b: nothing starts after 'a' failed: its strategy is fail_fast;"
            " give 'a' `on_error: fail_late` or `on_error: continue`",
        ),
        (
            {"a": {}, "b": {"needs": {"a": "skipped"}}},
            "4:3: b: 'a' has no `when`, so it is never skipped; give 'a' a `when`, or need another result",
        ),
    ],
)
def test_a_need_that_cannot_be_is_an_error(steps: Any, expected: str) -> None:
    (problem,) = said(steps)
    assert problem == expected


def test_finally_cannot_need_a_step() -> None:
    (problem,) = said({"a": {}}, finally_={"x": {"needs": "a"}})
    assert problem.endswith("leave it out: finally starts when all the steps have ended")


@pytest.mark.parametrize("strategy", ["fail_late", "continue", "escalate", "asking", "broken"])
def test_a_need_for_a_failure_is_fine_where_the_strategy_may_let_it_be_seen(strategy: str) -> None:
    steps: Any = {"a": {}, "x": {"on_error": strategy}, "b": {"needs": {"x": "failed"}}}
    assert needs(plan_of(steps).blocks[0], "b") == {"x": "failed"}


def test_a_need_for_a_failure_is_judged_by_the_workflows_strategy_too() -> None:
    steps = {"a": {}, "b": {"needs": {"a": "failed"}}}
    assert plan_of(steps, on_error="fail_late")
    assert [problem.code for problem in problems_of(steps, on_error="rollback")] == ["TRD334"]


# --- cycles ---


def test_a_cycle_is_named_whole_with_the_position_of_each_step() -> None:
    (problem,) = said({"a": {"needs": "c"}, "b": {"needs": "a"}, "c": {"needs": "b"}, "d": {"needs": "c"}})
    assert problem == (
        "3:3: a: these steps wait for each other: a (3:3) needs c (5:3) needs b (4:3) needs a;"
        " remove one of these needs"
    )


def test_a_cycle_says_which_needs_are_inferred_and_from_what() -> None:
    (problem,) = said({"a": {"text": "${{ steps.b.output }}"}, "b": {"needs": "a"}})
    assert problem == (
        "3:3: a: these steps wait for each other: a (3:3) needs b (4:3) needs a;"
        " a needs b because of steps.b.output in a.text (3:3); remove one of these needs"
    )


def test_two_cycles_are_two_problems() -> None:
    steps = {"a": {"needs": "b"}, "b": {"needs": "a"}, "c": {"needs": ["a", "d"]}, "d": {"needs": "c"}}
    assert [problem.code for problem in problems_of(steps)] == ["TRD336"]
    apart = {"a": {"needs": "b"}, "b": {"needs": "a"}, "c": {"needs": "d"}, "d": {"needs": "c"}}
    assert [problem.line for problem in problems_of(apart)] == [3, 5]


def test_an_at_least_can_close_a_cycle() -> None:
    steps = {"a": {"needs": {"at_least": 1, "of": ["b", "c"]}}, "b": {"needs": "a"}, "c": {}}
    assert [problem.code for problem in problems_of(steps)] == ["TRD336"]


def test_a_cycle_in_a_document_without_text_has_no_positions() -> None:
    spec = spec_of({"a": {"needs": "b"}, "b": {"needs": "a"}})
    for step in spec.blocks[0].steps:
        step.places.clear()  # type: ignore[attr-defined]
    _, (problem,) = compile_plan(spec, INSTALLED)
    assert "a needs b needs a" in problem.message


def test_a_chain_of_100_000_steps_is_planned_whichever_way_it_is_written() -> None:
    length = 100_000
    steps = {f"s{i}": {"needs": f"s{i + 1}"} for i in range(length - 1)} | {f"s{length - 1}": {}}
    block = plan_of(steps).blocks[0]
    assert len(block.order) == length


def test_a_cycle_of_thousands_of_steps_is_found_and_named_whole() -> None:
    length = 5_000
    (problem,) = problems_of({f"s{i}": {"needs": f"s{(i + 1) % length}"} for i in range(length)})
    assert problem.message.count(" needs ") == length


# --- strategies ---


def test_a_step_uses_its_own_strategy_or_the_workflows() -> None:
    plan = plan_of({"a": {}, "b": {"on_error": "continue"}}, on_error="rollback")
    assert (in_force(plan, "a"), in_force(plan, "b")) == ("rollback", "continue")
    assert in_force(plan_of({"a": {}}), "a") == "fail_fast"


@pytest.mark.parametrize(
    ("workflow", "outer", "inherited"),
    [
        (None, None, "fail_fast"),
        ("fail_late", None, "fail_late"),
        ("rollback", None, "fail_fast"),
        ("fail_late", "continue", "fail_late"),
        ("fail_late", "fail_fast", "fail_fast"),
        ("rollback", "fail_late", "fail_late"),
        ("continue", "escalate", "fail_fast"),
    ],
)
def test_a_nested_step_uses_the_nearest_enclosing_strategy_that_inherits(
    workflow: str | None, outer: str | None, inherited: str
) -> None:
    step: Any = {"blocks": [{"inner": {"blocks": [{"deep": {}}]}}]}
    plan = plan_of({"a": step | ({"on_error": outer} if outer else {})}, on_error=workflow)
    assert in_force(plan, "a.inner") == inherited
    assert in_force(plan, "a.inner.deep") == inherited


def test_undo_begins_with_fail_fast_and_finally_with_fail_late() -> None:
    undone: Any = {"undo": {"back": {"blocks": [{"deep": {}}]}}, "on_error": "fail_late"}
    plan = plan_of({"a": undone}, on_error="fail_late", finally_={"x": {"blocks": [{"y": {}}]}})
    assert in_force(plan, "a.undo.back") == "fail_fast"
    assert in_force(plan, "a.undo.back.deep") == "fail_fast"
    assert in_force(plan, "finally.x") == "fail_late"
    assert in_force(plan, "finally.x.y") == "fail_late"


@pytest.mark.parametrize("strategy", ["rollback", "escalate_rollback"])
def test_nothing_in_an_undo_or_in_finally_may_roll_the_run_back(strategy: str) -> None:
    bad: Any = {"on_error": strategy}
    undo = {"a": {"undo": {"back": {"blocks": [{"deep": bad}]}}}}
    assert [(problem.code, problem.path) for problem in problems_of(undo)] == [("TRD337", "a.undo.back.deep")]
    (problem,) = problems_of({"a": {}}, finally_={"x": bad})
    assert problem.code == "TRD337"


def test_taking_back_only_the_enclosing_block_is_allowed_in_finally() -> None:
    assert plan_of({"a": {}}, finally_={"x": {"on_error": "rollback_block"}})


def test_core_decides_by_itself_where_no_strategy_is_installed() -> None:
    plan, _ = compile_plan(spec_of({"a": {}}, finally_={"x": {}}))
    assert plan is not None
    fast, late = (block.strategies[0] for block in plan.blocks)
    assert fast.entry.decide(fast.constant, None).fast  # type: ignore[arg-type, union-attr]
    assert not late.entry.decide(late.constant, None).fast  # type: ignore[arg-type, union-attr]
    assert [one.fast for one in late.entry.may(late.constant)] == [False]  # type: ignore[union-attr]


# --- the plan ---


def test_the_order_is_by_level_and_counts_at_least_too() -> None:
    group = {"at_least": 1, "of": ["a", "c"]}
    block = plan_of(
        {"a": {}, "b": {}, "c": {"needs": "b"}, "d": {"needs": group}, "e": {"needs": "a"}}
    ).blocks[0]
    assert [[block.steps[i].id for i in level] for level in block.order] == [["a", "b"], ["c", "e"], ["d"]]
    assert plan_of([{"id": "x"}, {"id": "y"}]).blocks[0].order == [[0], [1]]


@pytest.mark.parametrize(
    ("path", "static"),
    [
        ("a", "a"),
        ("a.3", "a"),
        ("a.b", "a.b"),
        ("a.12.b.0", "a.b"),
        ("a#2.b#10", "a.b"),
        ("a.3#2.b", "a.b"),
        ("finally.x", "finally.x"),
        ("a.undo.back", "a.undo.back"),
    ],
)
def test_a_path_of_a_run_leads_to_its_step(path: str, static: str) -> None:
    plan = plan_of({"a": {"blocks": [{"b": {}}], "undo": {"back": {}}}}, finally_={"x": {}})
    step = plan.resolve(path)
    assert step is not None
    assert step.path == static
    assert plan.resolve(path + ".none") is None


def test_three_steps_that_all_start_at_once_draw_a_warning() -> None:
    plan, problems = compile_plan(spec_of({"a": {}, "b": {}, "c": {}}), INSTALLED)
    assert plan is not None
    assert [*plan.warnings] == problems
    assert [(problem.code, problem.severity, problem.line) for problem in problems] == [
        ("TRD901", "warning", 2)
    ]


@pytest.mark.parametrize(
    "steps",
    [
        {"a": {}, "b": {}},
        [{"id": "a"}, {"id": "b"}, {"id": "c"}],
        {"a": {}, "b": {}, "c": {"text": "${{ steps.a.output }}"}},
        {"a": {}, "b": {}, "c": {"needs": {"at_least": 1, "of": ["a"]}}},
        {"a": {"blocks": [{"x": {}, "y": {}, "z": {}}]}},
    ],
)
def test_no_warning_where_something_says_how_steps_go_together(steps: Any) -> None:
    assert plan_of(steps).warnings == ()


def test_all_problems_come_at_once_in_the_order_of_the_text() -> None:
    steps = {
        "a": {"when": "inputs.nope"},
        "b": {"needs": "zzz"},
        "c": {"text": "${{ secrets.X }}", "type": LEAF},
    }
    assert [(problem.line, problem.code) for problem in problems_of(steps)] == [
        (3, "TRD418"),
        (4, "TRD331"),
        (5, "TRD501"),
    ]


def test_thousands_of_mistakes_do_not_hang() -> None:
    steps = {f"s{i}": {"needs": f"t{i}"} for i in range(3000)}
    problems = problems_of(steps)
    assert len(problems) == 3000
    assert problems[0].fix.startswith("steps here: s0, s1, s2, ")
    few = problems_of({f"step{i}": {"needs": f"stop{i}"} for i in range(60)})
    assert "did you mean" in few[0].fix
    assert "did you mean" not in few[-1].fix


def test_the_step_type_does_not_matter_to_the_plan() -> None:
    assert plan_of({"a": {"type": CHOICE}}).blocks[0].steps[0].type is CHOICE


def test_a_limiter_inside_another_is_refused() -> None:
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads("""treadle: 1
name: x
steps:
  - limit: db
    parallel:
      inner: {limit: db, wait: 1s}
      other: {limit: files, wait: 1s, undo: {limit: db, wait: 1s}}
    undo: {limit: db, wait: 1s}
""")
    found = [(problem.code, problem.line) for problem in caught.value.problems]
    assert found == [("TRD338", 6), ("TRD338", 7), ("TRD338", 7)]
