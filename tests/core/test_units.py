"""Durations and sizes, as specs write them."""

import math

import pytest

from treadle._units import MAX_SECONDS, format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30),
        ("0s", 0),
        ("5m", 300),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1d2h3m4s5ms", 93_784.005),
        ("0.1s", 0.1),
        (" 30s ", 30),
        ("PT1H30M", 5400),
        ("P1DT2H", 93_600),
        ("P2W", 1_209_600),
        ("PT0.5S", 0.5),
        ("P1D", 86_400),
        ("36500d", MAX_SECONDS),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("30", "has no unit; add one, as 30s"),
        ("1.5", "has no unit"),
        ("-5s", "is negative"),
        ("", "is not a duration"),
        ("P", "is not a duration"),
        ("PT", "is not a duration"),
        ("P1DT", "is not a duration"),
        ("5 minutes", "write it as 250ms"),
        ("30m1h", "largest unit first"),
        ("1h1h", "is not a duration"),
        ("1e3s", "is not a duration"),
        ("٣s", "is not a duration"),
        ("5M", "is not a duration"),
        (".5s", "is not a duration"),
        ("36501d", "longer than 100 years"),
        ("9" * 99 + "s", "longer than 100 years"),
        ("9" * 100 + "s", "too long"),
    ],
)
def test_what_is_no_duration_is_told_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0004, "0s"),
        (0.25, "250ms"),
        (1.5, "1.5s"),
        (1.001, "1.001s"),
        (30, "30s"),
        (60.25, "1m250ms"),
        (61.25, "1m1.25s"),
        (5400, "1h30m"),
        (86_400, "1d"),
        (604_800 * 2, "2w"),
        (604_800 + 86_400, "8d"),
    ],
)
def test_a_duration_is_written_without_needless_parts(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1, math.inf, math.nan])
def test_only_finite_durations_from_zero_are_written(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        format_duration(seconds)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (512, 512),
        ("512", 512),
        ("512B", 512),
        ("64KiB", 65_536),
        ("1.5MiB", 1_572_864),
        ("1 GiB", 2**30),
        ("2kB", 2000),
        ("3MB", 3_000_000),
        ("1GB", 10**9),
        (0, 0),
    ],
)
def test_a_size_is_read(value: str | int, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (True, "is not a size"),
        (-1, "is not a size"),
        ("", "is not a size"),
        ("1" * 101, "is not a size"),
        ("big", "is not a size"),
        ("64kib", "did you mean 'KiB'"),
        ("64K", "did you mean 'KiB'"),
        ("64MBs", "did you mean 'MB'"),
        ("64xyz", "write one of B, GB, GiB"),
        ("0.3B", "not a whole number of bytes"),
        ("9" * 30, "more than the largest size"),
    ],
)
def test_what_is_no_size_is_told_why(value: str | int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_size(value)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (513, "513B"), (65_536, "64KiB"), (5_000_000, "5MB"), (2**30, "1GiB")]
)
def test_a_size_is_written_in_the_largest_exact_unit(size: int, text: str) -> None:
    assert format_size(size) == text


def test_a_negative_size_is_not_written() -> None:
    with pytest.raises(ValueError, match="not negative"):
        format_size(-1)
