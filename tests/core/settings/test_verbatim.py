"""Settings taken as they are written: never anything that the converter would not have made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import attrs
import pytest
from attrs import validators as v
from hypothesis import given
from hypothesis import strategies as st

from treadle._settings.strict import CONVERTER
from treadle._settings.structure import fields_of, instance, structure
from treadle._settings.verbatim import verbatim
from treadle.plugin import Bytes, Seconds


@attrs.frozen(kw_only=True)
class Inner:
    name: str


@attrs.frozen(kw_only=True)
class Every:
    """A field of each type that could be mistaken for another."""

    text: str = ""
    whole: int = attrs.field(default=1, validator=v.ge(1))
    number: float = 0.0
    flag: bool = False
    free: Any = None
    named: Mapping[str, Any] = attrs.field(factory=dict)
    table: dict[str, int] = attrs.field(factory=dict)
    any_keys: dict[Any, Any] = attrs.field(factory=dict)
    words: list[str] = attrs.field(factory=list)
    maybe: str | None = None
    either: int | str = 1
    loose: float | str = ""
    choice: Literal["a", "b"] = "a"
    wait: Seconds = 0.0
    size: Bytes = 0
    secret: Annotated[str, "nothing that anybody knows"] = ""
    inner: Inner | None = None
    for_: str = ""


KEYS = [
    *("text", "whole", "number", "flag", "free", "named", "table", "any_keys", "words", "maybe", "either")
]
KEYS += ["loose", "choice", "wait", "size", "secret", "inner", "for", "for_", "unknown"]
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | st.sampled_from(["", "a", "1s"])
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "a", 1]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(KEYS), DATA, max_size=3))
def test_what_is_taken_as_it_is_is_what_the_converter_makes(data: dict[str, Any]) -> None:
    taken = verbatim(data, Every, fields_of(Every))
    if taken is not None:
        converted = CONVERTER.structure(data, Every)
        assert repr(taken) == repr(converted)  # 1, 1.0 and True are equal, and not the same


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"text": "x", "flag": True, "whole": 3},
        {"free": [1, {"a": None}], "named": {"a": [1]}},
        {"maybe": None, "either": "x", "for": "x", "secret": "x"},
    ],
)
def test_plain_settings_need_no_converter(data: dict[str, Any]) -> None:
    assert verbatim(data, Every, fields_of(Every)) == CONVERTER.structure(data, Every)


@pytest.mark.parametrize(
    "data",
    [
        {"text": 1},
        {"whole": True},
        {"whole": 0},
        {"flag": 1},
        {"number": 1},
        {"named": {1: "a"}},
        {"wait": "1s"},
        {"for_": "x"},
        {"unknown": 1},
        {"inner": {"name": "x"}},
        [],
        None,
    ],
)
def test_everything_else_is_left_to_the_converter(data: Any) -> None:
    assert verbatim(data, Every, fields_of(Every)) is None


def test_nothing_is_shared_with_the_data_that_was_taken() -> None:
    data = {"free": [[]], "named": {"a": {}}}
    taken = structure(data, Every)
    taken.free[0].append(1)
    taken.named["a"]["b"] = 1
    assert data == {"free": [[]], "named": {"a": {}}}


def test_what_a_config_class_says_comes_out_as_it_says_it() -> None:
    with pytest.raises(ValueError, match="'whole' must be >= 1"):
        instance({"whole": 0}, Every)
