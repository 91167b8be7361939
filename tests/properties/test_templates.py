"""What a template is given is what its steps see, and what is printed of it is the same workflow."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import from_data, loads
from treadle._expr import parse_template
from treadle._registry import Registry
from treadle._spec.dump import dump

REGISTRY = Registry.of()

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["${", "{{ 1 }}", "$", "}}", "'", '"', "\\", "\n", "a b", "parameters.v", "{", "#", "\0"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts.filter(lambda text: "${{" not in text)
)
keys = st.text("abc xyz'\"é", max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


def spec(settings: Any, kind: str, value: Any) -> Any:
    """A spec that gives *value* to the template of one ``set`` step."""
    return {
        "treadle": 1,
        "name": "x",
        "templates": {"t": {"parameters": {"v": kind}, "steps": [{"set": settings}]}},
        "steps": [{"template": {"name": "t", "with": {"v": value}}}],
    }


def put_in(settings: Any, kind: str, value: Any) -> Any:
    """The settings with the value in them."""
    data = from_data(spec(settings, kind, value), registry=REGISTRY).spec.data
    return data["steps"][0]["steps"][0]["set"]


def evaluated(text: Any) -> Any:
    template = parse_template(text, REGISTRY.expression_functions)
    return text if template is None else template.evaluate({}, now=0)


@given(st.lists(values, max_size=3))
@settings(max_examples=150)
def test_a_value_is_the_same_as_a_whole_and_within_an_expression(value: Any) -> None:
    found = put_in({"whole": "${{ parameters.v }}", "within": "${{ [parameters.v] }}"}, "list", value)
    assert found["whole"] == value
    assert evaluated(found["within"]) == [value]


@given(texts.filter(lambda text: "${{" not in text), st.sampled_from(["", "$", "{", "a $", "}}"]))
@settings(max_examples=150)
def test_text_is_the_same_within_text(value: str, beside: str) -> None:
    found = put_in({"x": f"{beside}${{{{ parameters.v }}}}{beside}"}, "string", value)
    assert evaluated(found["x"]) == f"{beside}{value}{beside}"


@given(st.lists(values, max_size=3))
@settings(max_examples=100)
def test_what_is_printed_is_the_same_workflow(value: Any) -> None:
    workflow = from_data(spec({"whole": "${{ parameters.v }}"}, "list", value), registry=REGISTRY)
    again = loads(dump(workflow.spec.data), registry=REGISTRY)
    assert again.spec.hash == workflow.spec.hash
    assert [*again.plan.paths] == [*workflow.plan.paths]
