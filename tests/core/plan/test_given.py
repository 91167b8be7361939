"""What the use of a template gives to parameters, checked where it is written."""

from __future__ import annotations

from typing import Any

import pytest

import treadle

HEAD = """\
treadle: 1
name: x
inputs:
  env: {enum: [dev, prod], default: dev}
  count: {type: integer, default: 1}
  flag: {type: boolean, default: false}
  hosts: {type: list, items: string, default: [a]}
  note: {required: false}
  wait: {type: duration, default: 1s}
secrets: [TOKEN]
templates:
  t:
    parameters: {v: %s}
    steps: [{%s}]
steps:
  a: {shell: 'true', when: inputs.flag}
  b: {template: {name: t, with: {v: %s}}}
"""
READS = "set: {x: '${{ parameters.v }}'}"
UPPER = "set: {x: '${{ upper(parameters.v) }}'}"
IGNORES = "set: {x: 1}"
ABSENT = "'${{ steps.a.output.stdout }}'"


def problems_of(declared: str, step: str, given: str) -> list[str]:
    """Each error of a template with one parameter, where it is given a value."""
    try:
        treadle.loads(HEAD % (declared, step, given))
    except treadle.SpecError as error:
        return [f"{one.code} {one.line}:{one.column}: {one.message}; {one.fix}" for one in error.problems]
    return []


WRONG = [
    (
        "string",
        READS,
        "'${{ inputs.count }}'",
        "TRD438 17:37: the parameter 'v' takes text, and inputs.count is a number;"
        " write string(inputs.count)",
    ),
    (
        "integer",
        "set: {x: '${{ parameters.v * 2 }}'}",
        "'${{ inputs.env }}'",
        "TRD438 17:37: the parameter 'v' takes a whole number, and inputs.env is one of 'dev', 'prod'; ",
    ),
    (
        "integer",
        "foreach: [1, 2], max_parallel: '${{ parameters.v }}', set: {x: 1}",
        "'${{ inputs.env }}'",
        "TRD438 17:37: the parameter 'v' takes a whole number, and inputs.env is one of 'dev', 'prod'; ",
    ),
    (
        "{type: list, items: string}",
        "foreach: '${{ parameters.v }}', set: {x: 1}",
        "'${{ inputs.env }}'",
        "TRD438 17:37: the parameter 'v' takes a list, each item text, and inputs.env is"
        " one of 'dev', 'prod';"
        " write split(inputs.env, ',') if it is a list in text",
    ),
    (
        "{type: list, items: integer}",
        IGNORES,
        "['${{ inputs.env }}', '${{ inputs.env }}']",
        "TRD438 17:37: the parameter 'v' takes a list, each item a whole number, and this makes a list,"
        " each item one of 'dev', 'prod'; ",
    ),
    (
        "duration",
        IGNORES,
        "'${{ inputs.flag }}'",
        "TRD438 17:37: the parameter 'v' takes a duration as 30s, and inputs.flag is true or false; ",
    ),
    (
        "{enum: [qa, live]}",
        IGNORES,
        "'${{ inputs.env }}'",
        "TRD438 17:37: the parameter 'v' takes one of 'qa', 'live', and inputs.env is one of 'dev', 'prod'; ",
    ),
    (
        "{secret: true}",
        IGNORES,
        "'${{ inputs.flag }}'",
        "TRD438 17:37: the parameter 'v' takes the name of a secret, and inputs.flag is true or false; ",
    ),
    (
        "string",
        READS,
        "'${{ inputs.note }}'",
        "TRD435 17:37: inputs.note may be null, and the parameter 'v' takes text;"
        " write default(inputs.note, …) with what to use instead",
    ),
    (
        "object",
        IGNORES,
        "{a: '${{ inputs.env }}', b: '${{ inputs.enf }}'}",
        "TRD418 17:70: input 'enf' is not declared; did you mean 'env'?",
    ),
    (
        "string",
        IGNORES,
        "'${{ steps.b.output }}'",
        "TRD414 17:42: step 'b' has not ended while it, or something in it, reads it;"
        " its own output is `output`, in until, if and undo",
    ),
    *(
        (
            "string",
            step,
            "'${{ inputs.enf }}'",
            "TRD418 17:42: input 'enf' is not declared; did you mean 'env'?",
        )
        for step in (READS, UPPER, IGNORES)
    ),
    *(
        (
            "string",
            step,
            ABSENT,
            "TRD434 17:50: steps.a.output may be absent: step 'a' may be skipped;"
            " write default(steps.a.output.stdout, '')",
        )
        for step in (READS, UPPER, IGNORES)
    ),
]


@pytest.mark.parametrize(("declared", "step", "given", "expected"), WRONG)
def test_what_a_parameter_cannot_take_is_told_once_and_at_the_use(
    declared: str, step: str, given: str, expected: str
) -> None:
    assert problems_of(declared, step, given) == [expected]


@pytest.mark.parametrize(
    ("declared", "step", "given"),
    [
        ("{required: false}", READS, "'${{ inputs.note }}'"),
        ("{required: false}", "set: {x: \"${{ default(parameters.v, '') }}\"}", ABSENT),
        ("duration", "wait: '${{ parameters.v }}'", "'${{ inputs.wait }}'"),
        ("duration", "wait: '${{ parameters.v }}'", "'${{ inputs.count }}s'"),
        ("{type: list, items: integer}", IGNORES, "[1, '${{ inputs.count }}']"),
        ("{type: list, items: integer}", IGNORES, "'${{ [] }}'"),
        ("object", IGNORES, "{a: '${{ inputs.hosts }}'}"),
        ("string", IGNORES, "'${{ run.labels.which }}'"),
        ("string", "command: [a], env: {A: '${{ parameters.v }}'}", "'${{ secrets.TOKEN }}'"),
        ("{secret: true}", "command: [a], env: {A: '${{ parameters.v }}'}", "TOKEN"),
    ],
)
def test_what_a_parameter_may_take_is_no_problem(declared: str, step: str, given: str) -> None:
    assert problems_of(declared, step, given) == []


def test_what_may_be_absent_is_told_where_a_template_that_may_be_given_null_reads_it() -> None:
    (found,) = problems_of("{required: false}", UPPER, ABSENT)
    assert found.startswith("TRD434 14:34: steps.a.output may be absent")


def test_a_use_sees_the_names_of_its_own_step() -> None:
    text = HEAD % ("string", READS, "x") + (
        "  c: {foreach: [{n: 1}], template: {name: t, with: {v: '${{ item.n }}'}}}\n"
        "  d: {foreach: [{n: a}], uses: template, with: {name: t, with: {v: '${{ item.n }}'}}}\n"
        "  e: {command: [a], undo: {template: {name: t, with: {v: '${{ output }}'}}}}\n"
        "  f: {when: inputs.note != null, template: {name: t, with: {v: '${{ inputs.note }}'}}}\n"
    )
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads(text)
    assert [(one.code, one.line, one.path) for one in caught.value.problems] == [
        ("TRD438", 18, "steps.c.template.with.v"),
        ("TRD438", 20, "steps.e.undo.template.with.v"),
    ]


def test_an_input_that_is_given_to_a_parameter_is_used_and_a_step_needed() -> None:
    workflow = treadle.loads(HEAD % ("string", IGNORES, "'${{ inputs.env }} ${{ steps.a.status }}'"))
    assert not any("'env'" in one.message for one in workflow.warnings)
    assert [need.step for need in workflow.plan.blocks[0].needs[1]] == [0]


def document(steps: list[Any]) -> dict[str, Any]:
    inner = {"parameters": {"n": "string"}, "steps": [{"command": ["a", "${{ parameters.n }}"]}]}
    outer = {
        "parameters": {"s": {"required": False}, "o": {"type": "object", "required": False}},
        "steps": steps,
    }
    used = [{"template": "outer"}, {"template": {"name": "outer", "with": {"s": "a", "o": {"name": "b"}}}}]
    return {"treadle": 1, "name": "x", "templates": {"inner": inner, "outer": outer}, "steps": used}


@pytest.mark.parametrize(
    "passed",
    [
        "${{ parameters.s if parameters.s != null else 'x' }}",
        "${{ parameters.o.name if parameters.o != null else 'x' }}",
        "${{ default(parameters.s, 'x') }}",
    ],
)
def test_a_template_hands_on_what_it_has_looked_at_first(passed: str) -> None:
    data = document([{"template": {"name": "inner", "with": {"n": passed}}}])
    treadle.from_data(data)


def test_without_a_text_a_problem_has_the_path_of_the_use_and_is_told_once() -> None:
    data = document([{"set": {"x": "${{ upper(parameters.s) }}"}}])
    data["steps"] = [{"template": {"name": "outer", "with": {"s": "${{ inputs.nope }}"}}}]
    with pytest.raises(treadle.SpecError) as caught:
        treadle.from_data(data)
    assert [(one.code, one.path) for one in caught.value.problems] == [("TRD418", "steps[0].template.with.s")]
