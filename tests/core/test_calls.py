"""Calls of other workflows, checked before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import treadle

if TYPE_CHECKING:
    from pathlib import Path

CHILD = (
    "treadle: 1\nname: notify\n"
    "inputs: {text: {}, times: {type: integer, default: 1}}\n"
    "outputs: {sent: '${{ steps.a.output.x }}'}\n"
    "steps: {a: {set: {x: '${{ inputs.text }} ${{ inputs.times }}'}}}\n"
)


def problems(steps: str, *, outputs: str = "{}", known: bool = True) -> list[str]:
    """Codes and messages of the workflow that has *steps*."""
    text = f"treadle: 1\nname: caller\ninputs: {{n: {{type: integer}}}}\noutputs: {outputs}\nsteps: {steps}\n"
    try:
        treadle.loads(text, workflows=[treadle.loads(CHILD)] if known else None)
    except treadle.SpecError as error:
        return [f"{one.code} {one.path}: {one.message}; {one.fix}" for one in error.problems]
    return []


@pytest.mark.parametrize(
    "call",
    [
        "{name: notify, inputs: {text: done}}",
        "{name: notify, inputs: {text: '${{ string(inputs.n) }}', times: '${{ inputs.n }}'}}",
        "{name: notify, inputs: {text: done, times: 3}, detach: true}",
        "'${{ run.labels.which }}'",
        "{name: '${{ run.labels.which }}', inputs: {whatever: 1}}",
    ],
)
def test_a_call_that_fits_is_no_problem(call: str) -> None:
    assert problems(f"{{c: {{workflow: {call}}}}}") == []


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "notfy",
            "TRD351 steps.c.workflow.name: no workflow 'notfy' is known here; did you mean 'notify'?",
        ),
        (
            "notify",
            "TRD355 steps.c.workflow.name.text: the workflow 'notify' needs the input 'text'; give text",
        ),
        (
            "{name: notify, inputs: {text: a, time: 2}}",
            "TRD353 steps.c.workflow.inputs.time: the workflow 'notify' has no input 'time';"
            " did you mean 'times'?",
        ),
        (
            "{name: notify, inputs: {text: a, time: '${{ inputs.n }}'}}",
            "TRD353 steps.c.workflow.inputs.time: the workflow 'notify' has no input 'time';"
            " did you mean 'times'?",
        ),
        (
            "{name: notify, inputs: {text: a, times: often}}",
            "TRD354 steps.c.workflow.inputs.times: the input 'times' of the workflow 'notify':"
            " expected a whole number, got 'often'; ",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_told_with_what_would(call: str, expected: str) -> None:
    (found,) = problems(f"{{c: {{workflow: {call}}}}}")
    assert found == expected


@pytest.mark.parametrize(
    ("inputs", "where"),
    [
        ("{text: a, times: often}", "often"),
        ("{text: a, times: '${{ inputs.n > 1 }}'}", "inputs.n > 1"),
        ("{text: a, times: ['${{ inputs.n }}']}", "['${{ inputs.n }}']"),
        ("{text: '${{ inputs.n }} ${{ [] }}'}", "[]"),
        ("{text: a, time: 2}", "time: 2"),
        ("{times: 2}", "{times: 2}"),
        ("{text: a, names: [b, 1, c]}", "1, c"),
    ],
)
def test_a_problem_with_an_input_stands_at_its_value(inputs: str, where: str) -> None:
    child = CHILD.replace("text: {}", "text: {}, names: {type: list, items: {type: string}, default: []}")
    call = f"    workflow: {{name: notify, inputs: {inputs}}}"
    text = f"treadle: 1\nname: f\ninputs: {{n: {{type: integer}}}}\nsteps:\n  c:\n{call}\n"
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads(text, workflows=[treadle.loads(child.replace("outputs: {sent", "x-unread: {sent"))])
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (6, call.index(where) + 1)


def test_an_output_that_the_called_workflow_does_not_have_is_a_problem() -> None:
    steps = "{c: {workflow: {name: notify, inputs: {text: a}}}}"
    assert problems(steps, outputs="{ok: '${{ steps.c.output.sent }}'}") == []
    (found,) = problems(steps, outputs="{ok: '${{ steps.c.output.send }}'}")
    assert "sent" in found


def test_without_a_catalogue_no_name_is_judged() -> None:
    assert problems("{c: {workflow: anything}}", known=False) == []


def test_exactly_one_of_name_and_file_is_given() -> None:
    assert "one of the two" in problems("{c: {workflow: {inputs: {a: 1}}}}")[0]


# --- files ---


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def caller(file: str, name: str = "caller") -> str:
    return f"treadle: 1\nname: {name}\nsteps: {{c: {{workflow: {{file: {file}, inputs: {{text: hi}}}}}}}}\n"


async def test_a_file_is_called_relative_to_its_caller(tmp_path: Path) -> None:
    write(tmp_path, caller=caller("lib/notify.yaml"), lib__notify=CHILD)
    state = await treadle.run(treadle.load(tmp_path / "caller.yaml"))
    assert state.steps["c"].output == {"sent": "hi 1"}


async def test_a_called_file_calls_files_beside_it(tmp_path: Path) -> None:
    middle = caller("notify.yaml", "middle").replace("steps:", "inputs: {text: {}}\nsteps:")
    write(tmp_path, caller=caller("lib/middle.yaml"), lib__middle=middle, lib__notify=CHILD)
    assert (await treadle.run(treadle.load(tmp_path / "caller.yaml"))).status == "completed"


def test_a_called_file_is_checked_before_anything_runs(tmp_path: Path) -> None:
    write(tmp_path, caller=caller("notify.yaml"), notify=CHILD.replace("text: {}", "other: {}"))
    with pytest.raises(treadle.SpecError) as caught:
        treadle.load(tmp_path / "caller.yaml")
    assert [problem.code for problem in caught.value.problems] == ["TRD352"]


def test_what_is_wrong_with_a_called_file_is_told_once(tmp_path: Path) -> None:
    call = "{workflow: {file: notify.yaml, inputs: {text: a}}}"
    text = f"treadle: 1\nname: top\nsteps: {{a: {call}, b: {call}}}\n"
    write(tmp_path, caller=text, notify=CHILD.replace("text: {}", "other: {}"))
    with pytest.raises(treadle.SpecError) as caught:
        treadle.load(tmp_path / "caller.yaml")
    assert [(each.code, each.path) for each in caught.value.problems] == [("TRD352", "steps.a.workflow.file")]


@pytest.mark.parametrize("file", ["../outside.yaml", "missing.yaml", "link.yaml"])
def test_a_file_that_is_not_below_the_root_cannot_be_called(file: str, tmp_path: Path) -> None:
    root = write(tmp_path / "root", caller=caller(file))
    write(tmp_path, outside=CHILD)
    (root / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(treadle.SpecError) as caught:
        treadle.load(root / "caller.yaml")
    assert [problem.code for problem in caught.value.problems] == ["TRD351"]


def test_two_files_may_call_each_other(tmp_path: Path) -> None:
    write(tmp_path, a=caller("b.yaml", "a"), b=caller("a.yaml", "b"))
    with pytest.raises(treadle.SpecError):  # neither takes the input
        treadle.load(tmp_path / "a.yaml")
    write(tmp_path, **{one: (tmp_path / f"{one}.yaml").read_text() + "inputs: {text: {}}\n" for one in "ab"})
    assert treadle.load(tmp_path / "a.yaml").name == "a"


# --- types ---

TYPED = """\
treadle: 1
name: typed
inputs:
  text: {default: a}
  note: {required: false}
  times: {type: integer, default: 1}
  wait: {type: duration, default: 1s}
  numbers: {type: list, items: integer, default: []}
  stage: {enum: [qa, live], default: qa}
  more: {type: object, default: {}}
outputs:
  count: ${{ len(inputs.numbers) }}
  said: {note: "${{ inputs.note }}", times: 1}
  text: ${{ steps.a.output.x }}
steps:
  a: {set: {x: "${{ inputs.text }}${{ inputs.times }}${{ inputs.wait }}${{ inputs.stage }}"}}
  b: {set: {x: "${{ inputs.more }}"}}
"""

CALLING = """\
treadle: 1
name: caller
inputs:
  n: {type: integer, default: 1}
  note: {required: false}
  wait: {type: duration, default: 1s}
  hosts: {type: list, items: string, default: []}
  env: {enum: [dev, prod], default: dev}
steps:
"""


def of_caller(*steps: str) -> list[str]:
    """What is wrong with the *steps* of a workflow that calls the typed one."""
    text = CALLING + "".join(f"  {step}\n" for step in steps)
    try:
        treadle.loads(text, workflows=[treadle.loads(TYPED)])
    except treadle.SpecError as error:
        return [f"{one.code} {one.path}: {one.message}; {one.fix}" for one in error.problems]
    return []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "{text: '${{ inputs.n }}'}",
            "TRD438 steps.c.workflow.inputs.text: the input 'text' of the workflow 'typed' takes text,"
            " and inputs.n is a number; write string(inputs.n)",
        ),
        (
            "{text: '${{ inputs.note }}'}",
            "TRD435 steps.c.workflow.inputs.text: inputs.note may be null, and the input 'text' of the"
            " workflow 'typed' takes text; write default(inputs.note, …) with what to use instead",
        ),
        (
            "{times: 'x${{ inputs.n }}'}",
            "TRD438 steps.c.workflow.inputs.times: the input 'times' of the workflow 'typed' takes a whole"
            " number, and text around ${{ }} makes text; ",
        ),
        (
            "{wait: '${{ inputs.wait }}'}",
            "TRD438 steps.c.workflow.inputs.wait: the input 'wait' of the workflow 'typed' takes a duration"
            " as 30s, and inputs.wait is a number; add a unit: '${{ inputs.wait }}s'",
        ),
        (
            "{numbers: '${{ inputs.hosts }}'}",
            "TRD438 steps.c.workflow.inputs.numbers: the input 'numbers' of the workflow 'typed' takes a"
            " list, each item a whole number, and inputs.hosts is a list, each item text; ",
        ),
        (
            "{numbers: ['${{ inputs.env }}']}",
            "TRD438 steps.c.workflow.inputs.numbers: the input 'numbers' of the workflow 'typed' takes a"
            " list, each item a whole number, and this makes a list, each item one of 'dev', 'prod'; ",
        ),
        (
            "{stage: '${{ inputs.env }}'}",
            "TRD438 steps.c.workflow.inputs.stage: the input 'stage' of the workflow 'typed' takes one of"
            " 'qa', 'live', and inputs.env is one of 'dev', 'prod'; ",
        ),
        (
            "{times: '${{ inputs.m }}'}",
            "TRD418 steps.c.workflow.inputs.times: input 'm' is not declared;"
            " declared inputs: env, hosts, n, note, wait",
        ),
    ],
)
def test_an_expression_that_cannot_fit_an_input_is_told(given: str, expected: str) -> None:
    assert of_caller(f"c: {{workflow: {{name: typed, inputs: {given}}}}}") == [expected]


@pytest.mark.parametrize(
    "given",
    [
        "{text: '${{ inputs.n }}x', times: '${{ inputs.n }}', stage: '${{ run.labels.stage }}'}",
        "{note: '${{ inputs.note }}', wait: '${{ inputs.wait }}s'}",
        "{numbers: [1, '${{ inputs.n }}'], more: {a: '${{ inputs.hosts }}'}}",
        "{numbers: '${{ [] }}'}",
    ],
)
def test_an_expression_that_may_fit_an_input_is_not(given: str) -> None:
    assert of_caller(f"c: {{workflow: {{name: typed, inputs: {given}}}}}") == []


def test_what_is_called_gives_outputs_of_the_types_that_it_works_out() -> None:
    wrong = "d: {set: {a: '${{ steps.c.output.count + 1 }}', b: '${{ %s }}'}}"
    call = "c: {workflow: typed}"
    assert of_caller(call, wrong % "upper(steps.c.output.text)") == []
    assert of_caller(call, wrong % "upper(steps.c.output.count)") == [
        "TRD437 steps.d.set.b: upper(text) takes text, but steps.c.output.count is a number;"
        " write string(steps.c.output.count)"
    ]
    assert of_caller(call, wrong % "upper(steps.c.output.said.note)") == [
        "TRD435 steps.d.set.b: steps.c.output.said.note may be null, and upper(text) takes text;"
        " write default(steps.c.output.said.note, '')"
    ]
    assert of_caller(call, wrong % "steps.c.output.said.who") == [
        "TRD430 steps.d.set.b: steps.c.output.said has no field 'who'; known here: note, times"
    ]


def linked(name: str, callee: str, own: str, *, read: str = "") -> str:
    """A workflow with an output of its own, and one that *callee* gives it."""
    return (
        f"treadle: 1\nname: {name}\n"
        f"outputs: {{own: '${{{{ {own} }}}}', theirs: '${{{{ steps.c.output.own }}}}',"
        " far: '${{ steps.c.output.theirs }}'}\n"
        f"steps: {{c: {{workflow: {{file: {callee}.yaml}}}}, r: {{set: {{x: '${{{{ {read or 1} }}}}'}}}}}}\n"
    )


def test_types_come_through_several_calls(tmp_path: Path) -> None:
    leaf = "treadle: 1\nname: leaf\noutputs: {own: a, theirs: '${{ 1 + 1 }}'}\nsteps: [{set: {}}]\n"
    write(tmp_path, leaf=leaf, middle=linked("middle", "leaf", "1"))
    write(tmp_path, top=linked("top", "middle", "1", read="upper(steps.c.output.far)"))
    with pytest.raises(treadle.SpecError) as caught:
        treadle.load(tmp_path / "top.yaml")
    assert [problem.message for problem in caught.value.problems] == [
        "upper(text) takes text, but steps.c.output.far is a number"
    ]


def test_types_of_files_that_call_each_other_are_known_as_far_as_each_says_them(tmp_path: Path) -> None:
    write(tmp_path, a=linked("a", "b", "1", read="upper(steps.c.output.far)"), b=linked("b", "a", "run.id"))
    assert treadle.load(tmp_path / "a.yaml").name == "a"
    write(tmp_path, a=linked("a", "b", "1", read="steps.c.output.own + 1"))
    with pytest.raises(treadle.SpecError) as caught:
        treadle.load(tmp_path / "a.yaml")
    assert [problem.code for problem in caught.value.problems] == ["TRD431"]


def test_types_of_a_long_chain_of_calls_are_worked_out_within_a_bound(tmp_path: Path) -> None:
    chain = {f"w{n}": linked(f"w{n}", f"w{n + 1}", "1") for n in range(40)}
    write(tmp_path, **chain, w40=linked("w40", "w0", "1"))
    assert treadle.load(tmp_path / "w0.yaml").name == "w0"
