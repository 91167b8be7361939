"""What may run but looks wrong: misspelt names of errors, and braces without their dollar sign."""

from __future__ import annotations

import pytest

import treadle


def warnings_of(steps: str, *, head: str = "") -> list[str]:
    """Code, place and what is said of each warning but TRD901 to TRD904, which are of other things."""
    found = treadle.loads(f"treadle: 1\nname: x\n{head}steps:\n{steps}").warnings
    return [
        f"{one.code} {one.line}:{one.column} {one.path}: {one.message}; {one.fix}"
        for one in found
        if one.code > "TRD904"
    ]


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("exitt", "exit"),
        ("timeuot", "timeout"),
        ("http.5x", "http.5xx"),
        ("http.conect", "http.connect"),
        ("crashed", "crash"),
        ("exit.signl", "exit.signal"),
    ],
)
def test_an_error_to_retry_that_is_misspelt_draws_a_hint(written: str, near: str) -> None:
    (found,) = warnings_of(f"  a:\n    command: make\n    retry: {{attempts: 2, on: [timeout, {written}]}}\n")
    assert found.startswith(f"TRD905 6:40 steps.a.retry.on[1]: no error is named {written!r}")
    assert found.endswith(f"did you mean {near!r}?")


@pytest.mark.parametrize(
    "name",
    ["exit", "exit.3", "http.503", "http.4xx", "python.ValueError", "acme.lost", "output_bad", "workflow"],
)
def test_an_error_that_there_may_be_draws_none(name: str) -> None:
    assert warnings_of(f"  a: {{command: make, retry: {{attempts: 2, on: {name}}}}}\n") == []


def test_an_error_that_the_spec_itself_names_draws_none() -> None:
    steps = "  - {fail: {name: exitt, message: no}, retry: {attempts: 2, on: exitt}}\n"
    assert warnings_of(steps) == []


def test_a_misspelt_error_in_defaults_is_told_of_once() -> None:
    steps = "  - command: make\n  - command: make\n  - {command: make, retry: {attempts: 2, on: exit}}\n"
    (found,) = warnings_of(steps, head="defaults: {retry: {attempts: 2, on: [exitt]}}\n")
    assert found.startswith("TRD905 3:38 defaults.retry.on[0]")


def test_braces_that_lack_the_dollar_sign_draw_a_warning_where_they_stand() -> None:
    steps = """\
  a:
    foreach: [1, 2]
    shell: |
      echo '{{item}}' {{ run.id }}
  b:
    set: {x: "{{ inputs.env }} {{ steps.a.output }}", y: "${{ inputs.env }}"}
"""
    found = warnings_of(steps, head="inputs: {env: string}\n")
    assert [each.partition(" stays")[0] for each in found] == [
        "TRD906 8:13 steps.a.shell: {{item}}",
        "TRD906 8:23 steps.a.shell: {{ run.id }}",
        "TRD906 10:15 steps.b.set.x: {{ inputs.env }}",
        "TRD906 10:32 steps.b.set.x: {{ steps.a.output }}",
    ]
    advice = (
        "write ${{item}}, or in a script take it from `env`; if another program reads it, turn TRD906 off"
    )
    assert advice in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "{{.Names}}",
        "{{ .Values.inputs.env }}",
        "{{ item }}",  # no foreach is around it
        "{{ inputs.parameters.name }}",
        "{{ user.name }} {{ itemized }}",
        "{{ steps.other.outputs.result }}",
        "{% for x in run %}{{ x }}{% endfor %}",
        "${{ inputs.env }}",
        "{{{ }}} {{ }} {{",
    ],
)
def test_braces_that_others_read_draw_no_warning(text: str) -> None:
    steps = f"  a: {{set: {{x: '{text}', y: '${{{{ inputs.env }}}}'}}}}\n"
    assert warnings_of(steps, head="inputs: {env: string}\n") == []


def test_a_place_in_json_counts_the_characters_that_are_written() -> None:
    text = '{"treadle": 1, "name": "x", "steps": [{"set": {"x": "\\ud83d\\ude00 ${{ vars.y }}"}}]}'
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads(text)
    (problem,) = caught.value.problems
    assert problem.column == text.index("vars.y") + 1


@pytest.mark.parametrize(
    ("expression", "fix"),
    [
        ("format_time(now, '%Y')", "a function is called: write now()"),
        ("len + 1", "a function is called: write len(x)"),
    ],
)
def test_a_function_that_is_not_called_is_told_of_as_one(expression: str, fix: str) -> None:
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads(f'treadle: 1\nname: x\nsteps: [{{set: {{x: "${{{{ {expression} }}}}"}}}}]\n')
    (problem,) = caught.value.problems
    assert (problem.code, problem.fix) == ("TRD410", fix)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\nsteps: {a: {command: make, retry: {times: 3}}}", ["unknown key 'times'"]),
        (
            "name: x\nsteps: {a: {command: make, deadline: 1s, repeat: {utnil: 'true'}}}",
            ["unknown key 'utnil'"],
        ),
        ("name: x\nsteps: {a: {http: {ulr: 'http://x'}}}", ["unknown setting 'ulr'"]),
        ("nmae: x\nsteps: [{command: make}]", ["unknown key 'nmae'"]),
        ("name: x\nstep: [{command: make}]", ["unknown key 'step'"]),
        (
            "name: x\nsteps: {a: {command: make, retry: {zzz: 3}}}",
            ["'attempts' is missing", "unknown key 'zzz'"],
        ),
    ],
)
def test_a_misspelt_key_is_not_missed_too(text: str, expected: list[str]) -> None:
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads(f"treadle: 1\n{text}\n")
    assert [each.message for each in caught.value.problems] == expected
