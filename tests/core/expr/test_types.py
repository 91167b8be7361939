"""Laws of what is known of values: a type never says less than can happen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle._expr.types import (
    ANY,
    BOOLEAN,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    TEXT,
    Type,
    can_be_equal,
    list_of,
    mapping_of,
    of_value,
    or_null,
    union,
)
from treadle._expr.values import identity, kind_of, same

values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 1.0, "", "a", "b"]),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from(["x", "y"]), part, max_size=2),
    max_leaves=5,
)


def fits(value: Any, type_: Type) -> bool:
    """Whether *value* is one of *type_*."""
    kind = kind_of(value)
    if kind not in type_.kinds:
        return False
    if type_.choices is not None and identity(value) not in map(identity, type_.choices):
        return False
    if kind == "number" and type_.whole:
        return isinstance(value, int)
    if kind == "list":
        return type_.item is None or all(fits(each, type_.item) for each in value)
    if kind == "mapping" and type_.fields is not None:
        told = type_.fields
        lacking = [key for key in told if key not in value and not told[key].absent and not told[key].is_any]
        strange = [key for key in value if key not in told and not type_.open]
        return (
            not lacking and not strange and all(fits(value[key], told[key]) for key in value if key in told)
        )
    return True


@given(values)
def test_a_value_is_of_its_own_type(value: Any) -> None:
    assert fits(value, of_value(value))


@given(st.lists(values, min_size=1, max_size=4))
def test_a_union_has_the_values_of_all(several: list[Any]) -> None:
    both = union(map(of_value, several))
    assert all(fits(each, both) for each in several)
    assert fits(None, or_null(both))


@given(values, values)
def test_values_that_are_the_same_can_be_equal(one: Any, other: Any) -> None:
    if same(one, other):
        assert can_be_equal(of_value(one), of_value(other))


@given(values, st.sets(st.sampled_from(["null", "boolean", "number", "text", "list", "mapping"])))
def test_only_some_kinds_are_left_with_what_is_known_of_them(value: Any, kinds: set[str]) -> None:
    left = union([of_value(value), NULL, list_of(TEXT), mapping_of({"x": INTEGER})]).only(*kinds)
    assert left.kinds <= kinds
    assert left.item is None or "list" in kinds
    assert left.fields is None or "mapping" in kinds
    assert fits(value, left) == (kind_of(value) in kinds)


def test_why_a_value_may_be_missing_outlives_a_union() -> None:
    assert union([TEXT.missing("it is late"), NUMBER]).absent == "it is late"
    assert union([NEVER, TEXT.missing("it is late")]).absent == "it is late"
    assert TEXT.missing("first").missing("second").absent == "first"
    assert TEXT.missing("it is late").present() == TEXT


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        (ANY, "any value"),
        (NEVER, "no value"),
        (TEXT, "text"),
        (or_null(NUMBER), "a number or null"),
        (BOOLEAN, "true or false"),
        (union(map(of_value, ("prod", "test"))), "one of 'prod', 'test'"),
        (of_value(3), "3"),
        (union(map(of_value, range(9))), "one of 0, 1, 2, 3, 4, 5, …"),
        (union([list_of(), mapping_of()]), "a list or a mapping"),
    ],
)
def test_a_type_reads_as_part_of_a_sentence(type_: Type, said: str) -> None:
    assert str(type_) == said


def test_nothing_is_known_of_a_field_that_only_some_mappings_have() -> None:
    both = union([of_value({"x": 1, "y": 2}), of_value({"x": 3}), of_value({"x": 1, "y": 2})])
    assert both.fields is not None
    assert (both.fields["x"].choices, both.fields["y"]) == ((1, 3), ANY)


def test_a_field_that_only_some_mappings_have_may_be_missing_where_nothing_tells_them_apart() -> None:
    both = union([of_value({"x": 1, "y": 2}), of_value({"x": 3})], lacking=True)
    assert both.fields is not None
    assert (both.fields["x"].absent, both.fields["y"].absent) == ("", "'y' may not be there")
