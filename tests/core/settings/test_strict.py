from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NewType, Optional

import attrs
import pytest
from attrs import validators as v
from typing_extensions import TypeAliasType

from treadle._settings import SettingsError
from treadle._settings.strict import Unfit
from treadle._settings.structure import faults, structure
from treadle._settings.verbatim import fresh
from treadle.plugin import (
    Bytes,
    Seconds,
    Url,
)


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


Port = NewType("Port", int)


@attrs.frozen(kw_only=True)
class Basic:
    user: str
    password: str


@attrs.frozen(kw_only=True)
class Bearer:
    token: str


@attrs.frozen(kw_only=True)
class Every:
    """One field of each type that settings may have."""

    text: str = ""
    whole: int = attrs.field(default=1, validator=v.ge(1))
    number: float = 0.0
    flag: bool = False
    free: Any = None
    words: list[str] = attrs.field(factory=list)
    pair: tuple[int, str] | None = None
    many: Sequence[int] = ()
    unique: frozenset[str] = frozenset()
    table: Mapping[str, int] = attrs.field(factory=dict)
    anything: dict[Any, Any] = attrs.field(factory=dict)
    choice: Literal["a", "b", 1] = "a"
    level: Level = Level.LOW
    wait: Seconds = 0.0
    size: Bytes = 0
    at: datetime | None = None
    url: Url | None = None
    auth: Basic | Bearer | None = None
    either: int | str | list[int] | None = None
    port: Port = Port(80)
    for_: Optional[str] = None  # noqa: UP045 - the old spelling is accepted too
    _private: int = 0


# --- what is accepted ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "data", "expected"),
    [
        ("text", "x", "x"),
        ("number", 3, 3.0),
        ("flag", True, True),
        ("words", ["a", "b"], ["a", "b"]),
        ("pair", [1, "a"], (1, "a")),
        ("pair", None, None),
        ("many", [1], [1]),
        ("unique", ["a", "a"], frozenset({"a"})),
        ("table", {"a": 1}, {"a": 1}),
        ("anything", {"a": [1]}, {"a": [1]}),
        ("choice", "b", "b"),
        ("choice", 1, 1),
        ("level", "high", Level.HIGH),
        ("wait", "1m30s", 90.0),
        ("size", "64KiB", 65536),
        ("size", 12, 12),
        ("at", "2030-01-31T12:00:00Z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("url", "https://e.org", Url("https://e.org", host_written=False)),
        ("auth", {"token": "x"}, Bearer(token="x")),
        ("auth", {"user": "u", "password": "p"}, Basic(user="u", password="p")),
        ("either", 3, 3),
        ("either", "3", "3"),
        ("either", [3], [3]),
        ("port", 8080, 8080),
        ("for", "x", "x"),
        ("private", 3, 3),
    ],
)
def test_data_of_the_right_kind_is_accepted(key: str, data: Any, expected: Any) -> None:
    names = {"for": "for_", "private": "_private"}
    found = getattr(structure({key: data}, Every), names.get(key, key))
    assert found == expected
    assert type(found) is type(expected)


def test_free_data_is_copied() -> None:
    data = {"free": {"a": [1, {"b": 2}]}}
    found = structure(data, Every).free
    assert found == data["free"]
    data["free"]["a"][1]["b"] = 3
    assert found == {"a": [1, {"b": 2}]}
    assert fresh((1, [2])) == [1, [2]]


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "data", "expected"),
    [
        ("text", 3, "text: expected text, got the number 3; quote it: '3'"),
        ("text", True, "text: expected text, got true; quote it: 'true'"),
        ("text", {"a": 1}, "text: expected text, got a mapping; if the value holds a colon, quote it"),
        ("text", None, "text: expected text, got nothing (null)"),
        ("whole", True, "whole: expected a whole number, got true"),
        ("whole", 1.5, "whole: expected a whole number, got the number 1.5"),
        ("whole", "1", "whole: expected a whole number, got '1'"),
        ("whole", 0, "whole: 'whole' must be at least 1, and is 0"),
        ("number", True, "number: expected a number, got true"),
        ("flag", 1, "flag: expected true or false, got the number 1"),
        ("words", "build", "words: expected a list, got 'build'"),
        ("words", ["a", 1, True], "words[1]: expected text, got the number 1; quote it: '1'"),
        ("pair", [1], "pair: expected a list of 2, got 1 items"),
        ("pair", ["a", "b"], "pair[0]: expected a whole number, got 'a'"),
        ("table", [1], "table: expected a mapping, got a list"),
        ("table", {"a": "b"}, "table.a: expected a whole number, got 'b'"),
        ("choice", "c", "choice: expected one of 'a', 'b', the number 1, got 'c'"),
        ("choice", True, "choice: expected one of 'a', 'b', the number 1, got true; quote it: 'true'"),
        ("level", "hig", "level: expected one of 'low', 'high', got 'hig'; did you mean 'high'?"),
        ("wait", 5, "wait: 5 has no unit; add a unit: '5s', '5m' or '5h'"),
        ("wait", True, "wait: expected a duration, got true; quote it: 'true'"),
        ("size", -1, "size: a size cannot be negative, as -1 is"),
        ("size", 1.5, "size: expected a size, got the number 1.5; quote it: '1.5'"),
        ("at", "noon", "at: 'noon' is not a time; write it as '2030-01-31T12:00:00Z'"),
        ("at", "2030-01-31", "at: '2030-01-31' has no time zone; add one: '2030-01-31Z' or"),
        ("at", 3, "at: expected a time, got the number 3; quote it: '3'"),
        ("url", 3, "url: expected a URL, got the number 3; quote it: '3'"),
        ("auth", {"tokn": "x"}, "auth.tokn: unknown setting 'tokn'; did you mean 'token'?"),
        ("auth", {"user": "u"}, "auth: 'password' is missing; add password: text"),
        ("auth", "x", "auth: expected a mapping, got 'x'"),
        ("either", True, "either: expected a whole number, text, or a list, got true; quote it: 'true'"),
        ("either", ["a"], "either[0]: expected a whole number, got 'a'"),
        ("nothing", 1, "nothing: unknown setting 'nothing'"),
    ],
)  # fmt: skip
def test_data_of_another_kind_is_refused_with_its_path(key: str, data: Any, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        structure({key: data}, Every)
    assert str(caught.value).startswith(expected)


def test_long_text_is_shortened_in_messages() -> None:
    with pytest.raises(SettingsError, match=r"got 'x{57}\.\.\.'"):
        structure({"whole": "x" * 1000}, Every)


def test_every_fault_is_found() -> None:
    data = {"text": 1, "whole": 0, "words": [1, "a", 2], "nope": 1, "auth": {"user": 1}}
    assert {fault.path for fault in faults(data, Every)} == {
        ("text",), ("whole",), ("words", 0), ("words", 2), ("nope",), ("auth",), ("auth", "user"),
    }  # fmt: skip


def test_a_type_that_settings_cannot_have_is_refused() -> None:
    @attrs.frozen
    class Odd:
        x: complex

    with pytest.raises(SettingsError, match="x: "):
        structure({"x": 1}, Odd)


def test_unfit_carries_message_and_fix() -> None:
    assert (Unfit("a", "b").message, Unfit("a").fix) == ("a", "")


# --- rare types ------------------------------------------------------------------------------------

HOME = Url("https://e.org")
Hosts = TypeAliasType("Hosts", list[str])


@attrs.frozen(kw_only=True)
class Rare:
    hosts: Hosts = attrs.field(factory=list)
    at: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    url: Url = HOME
    inner: Bearer = Bearer(token="x")
    hook: Callable[[int], str] | None = None
    either: Bearer | dict[str, int] | None = None
    upper: str = attrs.field(default="", converter=str.upper, validator=v.max_len(3))


@pytest.mark.parametrize(
    ("key", "data", "expected"),
    [
        ("hosts", ["a", 1], "hosts[1]: expected text, got the number 1"),
        ("at", 3, "at: expected a time, got the number 3"),
        ("url", 3, "url: expected a URL, got the number 3"),
        ("inner", 3, "inner: expected a mapping, got the number 3"),
        ("either", {"a": "b"}, "either.a: expected a whole number, got 'b'"),
        ("either", {"tokne": "b"}, "either.tokne: unknown setting 'tokne'; did you mean 'token'?"),
        ("upper", "abcd", "'upper' must have a length of at most 3, and has 4"),
    ],
)
def test_rare_types_are_strict_too(key: str, data: Any, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        structure({key: data}, Rare)
    assert str(caught.value).startswith(expected)
