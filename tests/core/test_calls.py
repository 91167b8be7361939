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
            "TRD355 steps.c.workflow.name.text: the input 'text' is missing, of the workflow 'notify';"
            " give text",
        ),
        (
            "{name: notify, inputs: {text: a, time: 2}}",
            "TRD353 steps.c.workflow.inputs.time: there is no input 'time', of the workflow 'notify';"
            " did you mean 'times'?",
        ),
        (
            "{name: notify, inputs: {text: a, time: '${{ inputs.n }}'}}",
            "TRD353 steps.c.workflow.inputs.time: there is no input 'time', of the workflow 'notify';"
            " did you mean 'times'?",
        ),
        (
            "{name: notify, inputs: {text: a, times: often}}",
            "TRD354 steps.c.workflow.inputs.times: 'often' is no whole number, of the workflow 'notify'; ",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_told_with_what_would(call: str, expected: str) -> None:
    (found,) = problems(f"{{c: {{workflow: {call}}}}}")
    if "TRD354" in expected:
        assert found.startswith("TRD354 steps.c.workflow.inputs.times: ")
    else:
        assert found == expected


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
