"""What an answer says."""

from __future__ import annotations

import pytest

from treadle.errors import StepError
from treadle.testing import FakeStep
from treadle_std.steps._answers import json_of, retry_after, text_of, unexpected


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("grün".encode(), "", "grün"),
        ("grün".encode(), "text/plain", "grün"),
        ("grün".encode("latin-1"), "text/plain; charset=ISO-8859-1", "grün"),
        ("grün".encode("latin-1"), 'text/plain; charset="latin-1"', "grün"),
        ("日本".encode("shift_jis"), "text/html;charset=Shift_JIS", "日本"),
        (b"\xff\xfeg\0", "text/plain; charset=utf-16", "g"),
        (b"gr\xfcn", "text/plain", "gr\ufffdn"),
        (b"\xef\xbb\xbfx", "text/plain", "x"),
        (b"a\\x41", "text/plain; charset=unicode_escape", "a\\x41"),
        (b"x", "text/plain; charset=zlib", "x"),
        (b"x", "text/plain; charset=no-such", "x"),
        (b"x", "text/plain; charset=", "x"),
    ],
)
def test_a_body_is_read_in_the_encoding_it_declares_else_utf_8(
    body: bytes, content_type: str, text: str
) -> None:
    assert text_of(body, content_type) == text


def test_what_is_hidden_is_masked() -> None:
    assert text_of(b"you sent dXNlcjpw", "", ["dXNlcjpw"]) == "you sent ***"


@pytest.mark.parametrize(
    ("parse", "content_type", "text", "value"),
    [
        ("auto", "application/json", '{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ("auto", "Application/JSON; charset=utf-8", "1", 1),
        ("auto", "application/problem+json", "[]", []),
        ("auto", "application/json", "", None),
        ("auto", "text/plain", "[]", None),
        ("auto", "", "[]", None),
        ("text", "application/json", "[]", None),
        ("json", "text/plain", "[]", []),
    ],
)
def test_json_is_read_where_it_is_declared_or_demanded(
    parse, content_type: str, text: str, value: object
) -> None:
    assert json_of(text, parse, content_type) == value


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[1,]", "1 2", '"\\ud800"', "1e999", "[" * 100_000, "9" * 5000, "<html>"]
)
def test_what_is_not_json_fails_as_output(text: str) -> None:
    with pytest.raises(StepError, match="body is not JSON") as caught:
        json_of(text, "json", "")
    assert caught.value.name == "output"
    assert caught.value.data == {"body": text[:2000]}


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "999999999"}, 86_400.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 14 Nov 9999 22:00:00 GMT"}, 86_400.0),
        ({"retry-after": "Fri, 99 Nov 2023 99:00:00 GMT"}, None),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT", "date": "Tue, 14 Nov 2023 22:13:40 GMT"}, 10.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT", "date": "nonsense"}, 30.0),
    ],
)
def test_retry_after_is_seconds_from_now_within_a_day(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_an_unexpected_status_answers_to_its_code_and_its_class() -> None:
    error = unexpected(503, "GET https://example.com/", ["2xx", 404], wait=3.0, data={"status": 503})
    assert (error.name, error.also) == ("http.status", ("http.503", "http.5xx"))
    assert (
        error.message
        == "GET https://example.com/ answered 503, not 2xx, 404; list it in expect if it is right"
    )
    assert (error.retry_after, error.data) == (3.0, {"status": 503})


def test_what_is_shown_of_a_body_that_is_no_json_is_masked_before_it_is_cut() -> None:
    mask = FakeStep(secrets={"TOKEN": "correct-horse"}).mask
    with pytest.raises(StepError) as caught:
        json_of("x" * 1990 + "correct-horse", "json", "", mask)
    assert caught.value.data["body"].strip("x") == "***"
