"""Data that is written as YAML is the same data when it is read."""

from __future__ import annotations

import math
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from treadle._spec.dump import dump
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["on", "no", "12:30", "010", "0o17", "0x1f", "1e3", "~", "", " a", "a ", "- a", "a: b", "a #b", "<<", "=",
     "!x", "&a", "*a", "${{ x }}", "a\nb\n", "a\nb", "a\n\nb", "\n", "a\n\n", "{a}", "'", '"', "\\", "a\tb",
     "\u2028", "\x85", "\ufeff", "\u202e", "null", "True", ".inf", "-", "?", "%", "@", "`", "|", ">", "...",
     "---", "😀"]
)  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(texts.filter(lambda key: key.isprintable()), values, min_size=1, max_size=4))
@example({"a": 1e16, "b": -0.0, "c": [[], {}], "d": [[1, [2]], {"x": [{}]}]})
def test_data_comes_back_as_it_was(data: Any) -> None:
    text = dump(data)
    report = Report("f.yaml")
    node = read_yaml(text, report)
    keys = [key for key in _keys(data) if not key.isprintable()]
    if keys:  # which no document may have
        return
    assert [str(problem) for problem in report.problems] == []
    assert node is not None
    assert _same(node.value, data)


@given(st.dictionaries(texts.filter(lambda key: key.isprintable()), scalars, min_size=1))
def test_other_readers_of_yaml_read_the_same_text(data: Any) -> None:
    texts_only = {key: value for key, value in data.items() if isinstance(value, str)}
    if texts_only:
        assert yaml.safe_load(dump(texts_only)) == texts_only


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


def _same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return [*left] == [*right] and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)
