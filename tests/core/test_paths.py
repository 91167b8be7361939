from __future__ import annotations

import pytest

from treadle._paths import around, enclosing, inside_of, join


@pytest.mark.parametrize(
    ("path", "outer"),
    [
        ("build", ""),
        ("checks.unit", "checks"),
        ("each.3", "each"),
        ("ship#2.push", "ship"),
        ("each#2.3.push", "each#2.3"),
        ("each#2.3", "each"),
    ],
)
def test_the_step_around_a_path_is_named_without_its_attempt(path: str, outer: str) -> None:
    assert around(path) == outer


def test_the_steps_around_a_path_come_innermost_first() -> None:
    assert list(enclosing("ship#2.each.3.push")) == ["ship#2.each.3", "ship#2.each", "ship"]
    assert list(enclosing("build")) == []


@pytest.mark.parametrize(("attempt", "prefix"), [(0, "ship"), (1, "ship"), (2, "ship#2")])
def test_what_is_inside_a_later_attempt_has_its_number(attempt: int, prefix: str) -> None:
    assert inside_of("ship", attempt) == prefix


def test_what_is_inside_an_attempt_lies_in_its_step() -> None:
    for attempt in (1, 2, 10):
        assert around(join(inside_of("a.b", attempt), "c")) == "a.b"


def test_an_outermost_step_has_its_id_as_path() -> None:
    assert join("", "build") == "build"
