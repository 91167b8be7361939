"""The law of the type checker: what it accepts does not fail for want of a value, or with a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import treadle

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUTS = {
    "flag": {"type": "boolean", "default": False},
    "other": {"type": "boolean", "default": True},
    "number": {"type": "integer", "default": 1},
    "note": {"required": False},
    "env": {"enum": ["dev", "prod"], "default": "dev"},
    "hosts": {"type": "list", "items": {"type": "string"}, "default": ["a", "b"]},
}
given_inputs = st.fixed_dictionaries(
    {},
    optional={
        "flag": st.booleans(),
        "other": st.booleans(),
        "number": st.integers(0, 3),
        "note": st.sampled_from(["x", None]),
        "env": st.sampled_from(["dev", "prod"]),
        "hosts": st.sampled_from([[], ["a"], ["a", "b", "c"]]),
    },
).map(lambda values: {key: value for key, value in values.items() if value is not None})

RESULTS = ["completed", "skipped", "settled", None]


def conditions(before: list[str]) -> st.SearchStrategy[str]:
    known = ["inputs.flag", "not inputs.flag", "inputs.other", "inputs.env == 'prod'", "inputs.number > 1"]
    known += ["inputs.note != null", "inputs.note == 'x'", "len(inputs.hosts) > 1"]
    for step in before:
        known += [
            f"steps.{step}.status == 'completed'",
            f"steps.{step}.status != 'completed'",
            f"steps.{step}.status in ['failed', 'skipped']",
            f"default(steps.{step}.output.v, 0) > 1",
            f"steps.{step}.status == 'completed' and steps.{step}.output.v > 1",
            f"steps.{step}.output.v > 1",
        ]
    one = st.sampled_from(known)
    return st.one_of(one, st.tuples(one, one).map(" and ".join), st.tuples(one, one).map(" or ".join))


def values(before: list[str]) -> st.SearchStrategy[str]:
    known = ["inputs.number", "1 if inputs.flag else 2", "len(inputs.hosts)", "len(default(inputs.note, ''))"]
    known += ["len(inputs.note)", "len(inputs.note) if inputs.note != null else 0", "item", "len(item)"]
    for step in before:
        output = f"steps.{step}.output"
        known += [
            f"{output}.v",
            f"{output}.v + 1",
            f"default({output}.v, 0)",
            f"{output}.v if steps.{step}.status == 'completed' else 0",
            f"{output}.inner.v",
            f"default({output}.inner.v, 3)",
            f"{output}.output.one.v",
            f"len({output})",
            f"{output}[0].v",
            f"default({output}[0].v, 2)",
            f"steps.{step}.attempts",
            f"len(steps.{step}.status)",
        ]
    return st.sampled_from(known).map("${{{{ {} }}}}".format)


@st.composite
def works(draw: st.DrawFn, before: list[str]) -> dict[str, Any]:
    value = {"set": {"v": draw(values(before))}}
    falls = {"id": "falls", "fail": "on purpose", "when": draw(conditions(before))}
    inner = {"id": "inner", "set": {"v": draw(values(before))}}
    match draw(st.integers(0, 6)):
        case 0:
            return {"sequence": [falls, inner]}
        case 1:
            return {"parallel": {"inner": inner_of(inner), "falls": inner_of(falls)}}
        case 2:
            one = {"id": "one", "set": {"v": draw(values(before))}}
            other = draw(st.sampled_from([{}, {"else": [one]}, {"else": [{"id": "two", "set": {"v": 1}}]}]))
            return {"condition": {"if": draw(conditions(before)), "then": [one], **other}}
        case 3:
            return {"foreach": "${{ inputs.hosts }}", **value}
        case 4:
            when = draw(st.sampled_from(["item == 'a'", "index == 0"]))
            fails = {"id": "falls", "fail": "on purpose", "when": when}
            return {"foreach": "${{ inputs.hosts }}", "sequence": [fails, inner]}
        case _:
            return value


def inner_of(step: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in step.items() if key != "id"}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    for number in range(draw(st.integers(2, 5))):
        before = list(steps)
        step = draw(works(before))
        if draw(st.integers(0, 2)) == 0:
            step["when"] = draw(conditions(before))
        if draw(st.integers(0, 2)) == 0:
            step["on_error"] = draw(st.sampled_from(["continue", "fail_late"]))
        if before and draw(st.integers(0, 2)) == 0:
            step["needs"] = {draw(st.sampled_from(before)): draw(st.sampled_from(RESULTS[:3]))}
        steps[f"s{number}"] = step
    outputs = {"out": draw(values(list(steps)))} if draw(st.booleans()) else {}
    ending = {"ends": {"set": {"v": draw(values(list(steps)))}}} if draw(st.booleans()) else {}
    spec = {"treadle": 1, "name": "x", "inputs": INPUTS, "steps": steps, "outputs": outputs}
    return spec | ({"finally": ending} if ending else {})


def run_of(workflow: treadle.Workflow, inputs: Mapping[str, Any]) -> treadle.RunState:
    async def run() -> treadle.RunState:
        return await treadle.run(workflow, inputs)

    return trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


def without_what_is_wrong(spec: dict[str, Any]) -> treadle.Workflow | None:
    """The workflow that is left when every step with an error is made a plain one; None if none is left."""
    for _ in range(8):
        try:
            return treadle.from_data(spec)
        except treadle.SpecError as error:
            for problem in error.problems:
                first, _, rest = problem.path.partition(".")
                if first == "steps":
                    spec["steps"][rest.partition(".")[0]] = {"set": {"v": "${{ inputs.number }}"}}
                else:
                    spec.pop(first, None)
    return None


def excused(spec: Mapping[str, Any], path: str, message: str) -> bool:
    """Whether a step asks how another ended: then a third is taken to be there because of just that."""
    first, _, rest = path.partition(".")
    step = spec["finally"] if first == "finally" else spec["steps"].get(first, rest)
    return "is absent" in message and ".status" in str(step)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)
@given(specs(), given_inputs)
def test_what_is_accepted_never_fails_with_an_expression(
    spec: dict[str, Any], inputs: dict[str, Any]
) -> None:
    workflow = without_what_is_wrong(spec)
    if workflow is None:
        return
    state = run_of(workflow, inputs)
    failed = {path: step.error for path, step in state.steps.items() if step.error is not None}
    wrong = {path: error.message for path, error in failed.items() if error.name == "expression"}
    assert [each for each in wrong.items() if not excused(spec, *each)] == []
    if state.error is not None and state.error.name == "expression":
        assert state.error.path, state.error
