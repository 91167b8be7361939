"""Which names an expression may use, by where it stands."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from tests.core.specs_by_hand import BLOCKS, CHOICE, INSTALLED, Together, spec_of

from treadle._model import Input
from treadle._places import Place
from treadle._plan.names import ALLOWED
from treadle._plan.plan import CODES, compile_plan
from treadle._plan.reads import Read, ReadKind, expressions_of, templates_in

DECLARED: dict[str, Any] = {
    "inputs": {
        "env": Input(name="env"),
        "token": Input(name="token", secret=True),
        "tokens": Input(name="tokens", type="list", items=Input(name="token", secret=True)),
    },
    "vars": {"tag": "v1", "image": "app:${{ vars.tag }}"},
    "secrets": ("KEY",),
    "env": {"PATHS": "x", "MORE": "${{ env.PATHS }} ${{ inputs.env }} ${{ vars.tag }} ${{ secrets.KEY }}"},
}


def said(steps: Any, **keys: Any) -> list[tuple[str, str]]:
    """Each error as its code and what is said."""
    _, problems = compile_plan(spec_of(steps, **(DECLARED | keys)), INSTALLED)
    assert {problem.code for problem in problems} <= CODES.keys() | {"TRD501"}
    assert all(problem.line for problem in problems)
    return [
        (problem.code, f"{problem.message}; {problem.fix}" if problem.fix else problem.message)
        for problem in problems
        if problem.severity == "error"
    ]


def fine(steps: Any, **keys: Any) -> bool:
    return said(steps, **keys) == []


# --- what is allowed ---


@pytest.mark.parametrize(
    "name",
    [
        "inputs.env",
        "vars.tag",
        "steps.a.output.x[0]",
        "steps.a.status",
        "steps.a.attempts",
        "run.id",
        "env.PATHS",
        "steps.a.error.name",
        "run.labels.team",
        "run.correlation_id",
        "inputs",
        "vars",
        "env",
        "run",
    ],
)
@pytest.mark.parametrize("key", ["when", "if", "until", "retry_if"])
def test_conditions_may_read_what_the_run_knows(name: str, key: str) -> None:
    name = "1" if name == "inputs" else name  # all inputs at once would show the secret ones
    assert fine({"a": {}, "b": {key: f"len([default({name}, 1)]) == 1"}})


def test_settings_and_env_may_read_secrets_and_inputs_that_hold_one() -> None:
    text = "${{ secrets.KEY }} ${{ inputs.token }} ${{ inputs.tokens[0] }}"
    assert fine({"a": {"text": text, "env": {"X": text}}})


def test_the_element_is_seen_in_a_foreach_and_in_everything_inside_it() -> None:
    item = "${{ item.key }} ${{ index }}"
    inner: Any = {"when": "item == 1", "text": item, "foreach": "${{ item }}"}
    assert fine(
        {
            "a": {
                "foreach": "${{ vars.elements }}",
                "text": item,
                "env": {"X": item},
                "retry_if": "item == index",
                "until": "item == index",
                "undo": {"back": {"text": item, "when": "index == 1"}},
                "blocks": [{"inner": inner}],
            }
        },
        vars={"tag": "v1", "elements": None},
    )


def test_the_last_round_is_seen_in_a_repeated_step_and_in_everything_inside_it() -> None:
    assert fine(
        {
            "a": {
                "until": "previous == output",
                "text": "${{ previous }}",
                "retry_if": "previous == error.message",
                "blocks": [{"inner": {"when": "previous == 1"}}],
            }
        }
    )


def test_a_steps_own_result_is_seen_in_until_if_and_undo() -> None:
    own = "default(output, 1) == 1 and default(error.name, 'x') == 'x' and attempt == 2"
    undo: Any = {"back": {"when": own, "blocks": [{"deep": {"if": own}}]}}
    assert fine({"a": {"until": own, "retry_if": own, "undo": undo}})


def test_finally_sees_how_the_run_ends() -> None:
    text = "${{ run.status }} ${{ default(run.error.message, '') }}"
    ending: Any = {"x": {"text": text, "blocks": [{"deep": {"text": text}}]}}
    assert fine({"a": {}}, finally_=ending)


def test_outputs_may_read_any_step_of_the_workflow() -> None:
    steps = [{"id": "a"}, {"id": "b"}]
    assert fine(steps, outputs={"x": "${{ steps.b.output }}", "y": {"z": ["${{ env.PATHS }} ${{ run.id }}"]}})


def test_env_sees_the_workflow_s_the_enclosing_steps_and_its_own() -> None:
    inner: Any = {"text": "${{ env.PATHS }} ${{ env.OUTER }} ${{ env.OWN }}", "env": {"OWN": "x"}}
    assert fine({"a": {"env": {"OUTER": "x"}, "blocks": [{"inner": inner}]}})


def test_names_in_finally_are_fine_with_a_default() -> None:
    text = "${{ default(steps.a.output.x, 1) }} ${{ default(steps.a.error.name, '') }} ${{ steps.a.status }}"
    inner: Any = {"blocks": [[{"id": "one"}, {"id": "two", "text": "${{ steps.one.output }}"}]]}
    assert fine({"a": {}}, finally_={"x": {"text": text}, "y": inner})


# --- what is not ---


@pytest.mark.parametrize(
    ("step", "code", "expected"),
    [
        ({"when": "input.env == 1"}, "TRD410", "there is no name 'input'; did you mean 'inputs'?"),
        (
            {"when": "env == prod"},
            "TRD410",
            "there is no name 'prod'; text is written in quotes: 'prod'; "
            "names here: env, inputs, run, secrets, steps, vars",
        ),
        ({"when": "token == 1"}, "TRD410", "there is no name 'token'; write inputs.token"),
        ({"when": "tag == 1"}, "TRD410", "there is no name 'tag'; write vars.tag"),
        ({"when": "build == 1"}, "TRD410", "there is no name 'build'; write steps.build.output"),
        (
            {"when": "item == 1", "foreach": [1]},
            "TRD411",
            "`item` means nothing here: there is a foreach neither "
            "here nor around this; its own `when` comes before its elements",
        ),
        (
            {"text": "${{ index }}"},
            "TRD411",
            "`index` means nothing here: there is a foreach neither "
            "here nor around this; its own `when` comes before its elements",
        ),
        (
            {"text": "${{ previous }}"},
            "TRD411",
            "`previous` means nothing here: it is the last round's output, and "
            "this step has no repeat; write steps.ID.output",
        ),
        (
            {"text": "${{ output }}"},
            "TRD411",
            "`output` means nothing here: it is a step's own, in until, if and undo; write steps.ID.output",
        ),
        (
            {"when": "error.name == 'x'"},
            "TRD411",
            "`error` means nothing here: it is a step's own, in until, if and undo; write steps.ID.error",
        ),
        (
            {"when": "attempt == 1"},
            "TRD411",
            "`attempt` means nothing here: it is a step's own, in until, if and "
            "undo; write steps.ID.attempts",
        ),
        (
            {"when": "run.status == 'failed'"},
            "TRD411",
            "`run.status` is known only in finally; read steps.ID.status of a step, or move this to finally",
        ),
        (
            {"when": "steps.biuld.output"},
            "TRD412",
            "there is no step 'biuld' for `steps.biuld.output`; did you mean 'build'?",
        ),
        (
            {"when": "steps.unit.output"},
            "TRD413",
            "step 'unit' stands in a block of its own and cannot be seen from "
            "here; write steps.checks.output.unit",
        ),
        (
            {"when": "steps.taken.output"},
            "TRD413",
            "step 'taken' stands in a block of its own and cannot be seen "
            "from here; read it through the step it is in: steps.choice.output",
        ),
        (
            {"when": "steps.back.output"},
            "TRD413",
            "step 'back' stands in a block of its own and cannot be seen from "
            "here; there is no way to read it from here",
        ),
        (
            {"when": "steps.last.output"},
            "TRD413",
            "step 'last' stands in a block of its own and cannot be seen from "
            "here; there is no way to read it from here",
        ),
        (
            {"when": "steps.z.output"},
            "TRD414",
            "step 'z' has not ended while it, or something in it, reads it; its "
            "own output is `output`, in until, if and undo",
        ),
        (
            {"blocks": [{"inner": {"when": "steps.z.status"}}]},
            "TRD414",
            "step 'z' has not ended while it, or "
            "something in it, reads it; its own output is `output`, in until, if and undo",
        ),
        (
            {"when": "steps.build"},
            "TRD417",
            "`steps.build` alone is not a value; write one of output, status, error, "
            "attempts after it, as steps.build.output",
        ),
        (
            {"when": "steps"},
            "TRD417",
            "`steps` alone is not a value; write steps.ID.output, with the id as it stands",
        ),
        (
            {"when": "steps[inputs.env].output"},
            "TRD417",
            "a step's id is not computed; write steps.ID.output, with the id as it stands",
        ),
        (
            {"when": "steps.build.stdout"},
            "TRD417",
            "a step has no 'stdout', only output, status, error, attempts; write steps.build.output.stdout",
        ),
        (
            {"when": "steps.build.outptu"},
            "TRD417",
            "a step has no 'outptu', only output, status, error, attempts; did you mean 'output'?",
        ),
        (
            {"when": "steps.build.exit_code"},
            "TRD417",
            "a step has no 'exit_code', only output, status, error, "
            "attempts; write steps.build.output.exit_code",
        ),
        (
            {"when": "steps.build.error.nam"},
            "TRD421",
            "there is no 'nam' in `steps.build.error.nam`; did you mean 'name'?",
        ),
        (
            {"retry_if": "error.code == 1"},
            "TRD421",
            "there is no 'code' in `error.code`; there are: data, message, name, path",
        ),
        ({"when": "run.idd"}, "TRD421", "there is no 'idd' in `run.idd`; did you mean 'id'?"),
        ({"when": "inputs.envv == 1"}, "TRD418", "input 'envv' is not declared; did you mean 'env'?"),
        (
            {"when": "inputs[0] == 1"},
            "TRD418",
            "input '0' is not declared; declared inputs: env, token, tokens",
        ),
        ({"when": "vars.tagg == 1"}, "TRD419", "variable 'tagg' is not declared; did you mean 'tag'?"),
        (
            {"when": "env.PATH == 1"},
            "TRD420",
            "environment variable 'PATH' is not declared; did you mean 'PATHS'?",
        ),
        ({"text": "${{ secrets.KEYS }}"}, "TRD501", "secret 'KEYS' is not declared; did you mean 'KEY'?"),
        (
            {"text": "${{ len(secrets) }}"},
            "TRD503",
            "`secrets` as a whole cannot be read; name one, as secrets.NAME",
        ),
        (
            {"shown": "${{ secrets.KEY }}"},
            "TRD502",
            "secret 'KEY' cannot be read here: its value would be shown; "
            "hand it over in `env`, or in a setting that takes secrets",
        ),
        (
            {"when": "inputs.token == 'x'"},
            "TRD502",
            "input 'token', which holds a secret, cannot be read here: its "
            "value would be shown; hand it over in `env`, or in a setting that takes secrets",
        ),
        (
            {"foreach": "${{ inputs.tokens }}"},
            "TRD502",
            "input 'tokens', which holds a secret, cannot be read here: "
            "its value would be shown; hand it over in `env`, or in a setting that takes secrets",
        ),
        (
            {"when": "len(inputs) == 1"},
            "TRD502",
            "input 'token', which holds a secret, cannot be read here: its "
            "value would be shown; hand it over in `env`, or in a setting that takes secrets",
        ),
    ],
)
def test_a_name_that_is_wrong_where_it_stands_is_an_error(step: Any, code: str, expected: str) -> None:
    steps: Any = {
        "build": {"undo": {"back": {}}},
        "checks": {"needs": "build", "type": BLOCKS, "blocks": [{"unit": {}}]},
        "choice": {"needs": "build", "type": CHOICE, "blocks": [{"taken": {}}]},
        "z": step,
    }
    assert said(steps, finally_={"last": {}}) == [(code, expected)]


def test_in_a_list_a_later_step_cannot_be_read() -> None:
    ((code, message),) = said([{"id": "a", "when": "steps.b.output"}, {"id": "b"}])
    assert (code, message) == ("TRD415", "step 'b' comes later in the list; move it before this one")


def test_steps_that_start_together_cannot_read_each_other() -> None:
    block = Together({"x": {}, "y": {"blocks": [{"deep": {"text": "${{ steps.x.output }}"}}]}})
    ((code, message),) = said({"a": {"blocks": [block]}})
    assert code == "TRD416"
    assert message == (
        "step 'x' starts at the same time as this one, so it has no result yet;"
        " write these steps as a mapping: one that reads another then waits"
    )


def test_in_finally_what_may_be_absent_needs_a_default() -> None:
    reading: Any = {"text": "${{ steps.a.output.x }}"}
    message = "steps.a.output may be absent: finally runs whatever became of the steps"
    fix = "write default(steps.a.output.x, …)"
    assert said({"a": {}}, finally_={"x": {"blocks": [{"deep": reading}]}}) == [
        ("TRD422", f"{message}; {fix}")
    ]
    assert [code for code, _ in said({"b": {}}, finally_=[{"id": "a"}, {"id": "x"} | reading])] == ["TRD422"]


def test_a_variable_sees_only_those_before_it() -> None:
    keys: Any = {"vars": {"a": "${{ vars.b }}", "b": "${{ vars.b }}", "c": "${{ vars.a }} ${{ vars }}"}}
    messages = [message for code, message in said({"s": {}}, **keys, env={}) if code == "TRD419"]
    assert messages == [
        "variable 'b' has no value yet: variables are evaluated in order; move 'b' before 'a'",
        "variable 'b' has no value yet: variables are evaluated in order; move 'b' before 'b'",
    ]


def test_nothing_that_a_run_produces_is_seen_in_vars_and_env() -> None:
    keys: Any = {"vars": {"tag": "${{ steps.a.output }} ${{ env.X }} ${{ secrets.KEY }}"}}
    assert [code for code, _ in said({"a": {}}, **keys, env={})] == ["TRD411", "TRD411", "TRD502"]
    assert [code for code, _ in said({"a": {}}, env={"X": "${{ steps.a.output }}"})] == ["TRD411"]


def test_outputs_and_the_prompt_of_a_strategy_show_no_secrets() -> None:
    assert [code for code, _ in said({"a": {}}, outputs={"x": "${{ secrets.KEY }}"})] == ["TRD502"]
    ((code, _),) = said({"a": {}}, outputs={"x": "${{ steps.b.output }}"})
    assert code == "TRD412"


def test_the_workflow_s_own_settings_are_checked_too() -> None:
    assert [code for code, _ in said({"a": {}}, on_error="asking", max_parallel="${{ len(vars.tag) }}")] == []
    assert [code for code, _ in said({"b": {}}, on_error="asking")] == ["TRD412", "TRD412"]
    assert [code for code, _ in said({"a": {}}, max_parallel="${{ steps.a.output }}")] == ["TRD411"]


def test_a_step_deep_in_another_block_is_read_through_every_block_on_the_way() -> None:
    steps: Any = {"a": {"blocks": [{"b": {"blocks": [{"c": {}}]}}]}, "z": {"when": "steps.c.output"}}
    ((_, message),) = said(steps)
    assert message.endswith("write steps.a.output.b.c")


# --- reads ---


def test_templates_are_found_in_the_order_of_the_text() -> None:
    step = spec_of(
        {"a": {"foreach": {"x": ["${{ inputs.p }}", {"y": "${{ inputs.q }}"}], "z": "${{ inputs.r }}"}}}
    )
    found = [one for _, one in templates_in(step.blocks[0].steps[0].foreach, "foreach")]
    assert [template.source for template in found] == [
        "${{ inputs.p }}",
        "${{ inputs.q }}",
        "${{ inputs.r }}",
    ]


def test_a_read_stands_at_its_key_or_else_at_its_step() -> None:
    step = spec_of({"a": {"when": "inputs.x", "env": {"X": "${{ inputs.y }}"}}}).blocks[0].steps[0]
    reads: list[Read] = list(expressions_of(step))
    assert [(read.kind, read.place.path, read.key) for read in reads] == [
        ("when", "a", None),
        ("env", "a", "X"),
    ]
    step.places["when"] = step.places.pop("")  # type: ignore[index, attr-defined]
    assert [read.place.path for read in expressions_of(step)] == ["a", "env.X"]


def test_a_condition_inside_a_key_is_named_with_it() -> None:
    step = spec_of({"a": {"until": "output == 1", "retry_if": "attempt < 3"}}).blocks[0].steps[0]
    assert [read.place.path for read in expressions_of(step)] == ["a", "a"]
    step.places.update({"repeat": Place("a.repeat"), "retry.if": Place("a.retry.if")})  # type: ignore[attr-defined]
    assert [read.place.path for read in expressions_of(step)] == ["a.repeat", "a.retry.if"]


def test_every_kind_of_read_has_its_row() -> None:
    assert set(ALLOWED) == set(get_args(ReadKind))
