"""Laws of durations and sizes."""

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from treadle._units import MAX_BYTES, MAX_SECONDS, format_duration, format_size, parse_duration, parse_size


@given(st.integers(0, MAX_SECONDS * 1000))
@example(MAX_SECONDS * 1000)
def test_a_duration_of_whole_milliseconds_is_read_as_it_was_written(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.floats(0, MAX_SECONDS - 1))
def test_any_duration_is_read_as_it_was_written_to_the_millisecond(seconds: float) -> None:
    assert abs(parse_duration(format_duration(seconds)) - seconds) <= 0.00051


@given(st.integers(0, MAX_BYTES))
@example(0)
def test_a_size_is_read_as_it_was_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.one_of(st.text(max_size=30), st.from_regex(r"\AP?T?([0-9.]{1,4}[a-zA-Z]{0,3}){0,4}\Z")))
def test_any_text_is_a_bounded_value_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= parse_duration(text) <= MAX_SECONDS
    with contextlib.suppress(ValueError):
        assert 0 <= parse_size(text) <= MAX_BYTES
