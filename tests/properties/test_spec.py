"""Laws of loading: whatever the text, there are problems or a spec, and never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle._registry import Registry
from treadle._spec import CODES, load_spec, spec_from_data

REGISTRY = Registry.of()

WORK = ["set", "command", "parallel", "switch", "cases"]
TOP = ["treadle", "name", "steps", "finally", "inputs", "vars", "env", "defaults", "outputs", "secrets"]
STEP = ["needs", "when", "retry", "undo", "on_error", "foreach", "repeat", "at_least", "of", "x-a", "a", "b"]
KEYS = st.sampled_from([*WORK, *TOP, *STEP])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(["a", "5s", "fixed", "rollback", "${{ inputs.a }}", "${{", "true", "string"])
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def judged(text: str | bytes | None, data: Any = None) -> None:
    if text is None:
        spec, problems = spec_from_data(data, name="f", registry=REGISTRY)
    else:
        spec, problems = load_spec(text, name="f", registry=REGISTRY)
    assert spec is not None or problems
    for problem in problems:
        assert problem.code in CODES
        assert problem.message
        assert "\n" not in str(problem)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, DATA, max_size=6))
def test_any_mapping_gives_problems_or_a_spec(data: dict[str, Any]) -> None:
    judged(None, data | {"treadle": 1, "name": "x"})


@settings(max_examples=100, deadline=None)
@given(DATA)
def test_json_text_and_data_get_the_same_problems(data: Any) -> None:
    document = {"treadle": 1, "name": "x", "steps": {"a": data, "b": {"set": data}}}
    _, from_text = load_spec(json.dumps(document), name=None, registry=REGISTRY)
    _, from_data = spec_from_data(document, name=None, registry=REGISTRY)
    unplaced = sorted((problem.path, problem.code) for problem in from_text)
    assert unplaced == sorted((problem.path, problem.code) for problem in from_data)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab:-{}[]'\"#&*!|>%@ \n\t,?$1~"), max_size=60))
def test_noise_gives_problems(text: str) -> None:
    judged(text)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_bytes_give_problems(data: bytes) -> None:
    judged(data)


@settings(max_examples=100, deadline=None)
@given(st.data())
@pytest.mark.parametrize(
    "document", ["treadle: 1\nname: x\nsteps:\n  a: {command: [x, '${{ 1 }}'], retry: 3}\n"]
)
def test_a_character_more_or_less_gives_problems_or_a_spec(document: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(document) - 1))
    put = data.draw(st.sampled_from(["", " ", "\n", "'", "{", ":", "&a ", "*a", "!", "\t", "\x00", "é"]))
    judged(document[:at] + put + document[at + 1 :])
