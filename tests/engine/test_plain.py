"""What a step may return, and what becomes of it."""

from __future__ import annotations

import enum
from collections import UserString
from types import MappingProxyType
from typing import Any

import attrs
import pytest

from treadle._engine.plain import NotPlain, to_plain


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@attrs.frozen
class Answer:
    if_: bool
    parts: tuple[Any, ...] = ()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        ("ä", "ä"),
        (1.5, 1.5),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        ((1, (2,)), [1, [2]]),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        (Answer(True, (Answer(False),)), {"if": True, "parts": [{"if": False, "parts": []}]}),
    ],
)
def test_what_json_can_say_becomes_plain_data(value: Any, plain: Any) -> None:
    copied = to_plain(value, 1000)
    assert copied == plain
    assert type(copied) is type(plain)


def test_a_subclass_of_a_plain_type_becomes_that_type() -> None:
    class Text(str):
        __slots__ = ()

    assert type(to_plain(Text("x"), 100)) is str


def test_nothing_of_the_original_is_shared() -> None:
    value = {"a": [1, {"b": []}]}
    copied = to_plain(value, 1000)
    value["a"][1]["b"].append(1)
    assert copied == {"a": [1, {"b": []}]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1, {2}]}, "a[1] is of type set"),
        (b"raw", "it is of type bytes"),
        (UserString("x"), "it is of type UserString"),
        ({"n": float("nan")}, "n is nan, which JSON does not have"),
        ({"n": 2**64}, "n is a whole number of more than 64 bits"),
        ({"a": {1: 2}}, "a key of a is 1, not text"),
        ({1: 2}, "a key of it is 1, not text"),
        (["\ud800"], "[0] holds half a character"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_path(value: Any, said: str) -> None:
    with pytest.raises(NotPlain) as caught:
        to_plain(value, 1000)
    assert str(caught.value).startswith(said)


def test_nesting_is_bounded_even_in_a_circle() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotPlain, match="nested more than 64 deep"):
        to_plain(circle, 10**9)


@pytest.mark.parametrize(
    "value", ["x" * 101, "ä" * 60, [1] * 50, [[1] * 50, [1]], {"k" * 60: 1, "l" * 60: 2, "m": 3}]
)
def test_what_is_too_large_is_refused(value: Any) -> None:
    with pytest.raises(NotPlain, match="larger than 100 bytes"):
        to_plain(value, 100)
