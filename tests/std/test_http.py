"""The step type ``http`` against peers that mean well. See test_http_hostile for the others."""

from __future__ import annotations

import gzip
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.std.calls import call, failure
from tests.std.servers import Answer, Request, listen, says, serve

from treadle.errors import StepError
from treadle.plugin import Url
from treadle.testing import FakeStep
from treadle_std.steps._call import Auth, Basic
from treadle_std.steps.http import Http, fetch, treadle_step_types

if TYPE_CHECKING:
    import trio


JSON = (("Content-Type", "application/json"),)


# --- what is sent and what comes back --------------------------------------------------------------


async def test_an_answer_has_status_headers_body_json_url_and_time(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer(201, b'{"ok": true}', (*JSON, ("X-One", "1"), ("x-one", "2"))))
    answer = await call(f"{server.url}/a?b=c#d", expect=201)
    assert (answer.status, answer.body, answer.json) == (201, '{"ok": true}', {"ok": True})
    assert answer.url == f"{server.url}/a?b=c#d"
    assert answer.headers["x-one"] == "1, 2"
    assert answer.headers["content-type"] == "application/json"
    assert 0 < answer.elapsed < 60


async def test_a_plain_get_sends_what_it_must_and_no_more(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer())
    await call(f"{server.url}/a?b=c#d")
    [request] = server.requests
    assert (request.method, request.target, request.body) == ("GET", "/a?b=c", b"")
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "treadle",
        "accept": "*/*",
        "x-correlation-id": "c%201",
        "accept-encoding": "gzip, deflate",
        "connection": "close",
    }


async def test_the_authors_headers_win(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer())
    headers = {"user-agent": "mine", "X-CORRELATION-ID": "other", "Host": "virtual.example", "X-Empty": ""}
    await call(server.url, headers=headers)
    sent = server.requests[0].headers
    assert (sent["user-agent"], sent["x-correlation-id"]) == ("mine", "other")
    assert (sent["host"], sent["x-empty"]) == ("virtual.example", "")


@pytest.mark.parametrize(
    ("settings", "content_type", "body"),
    [
        ({"json": {"a": ["ü", 1, None]}}, "application/json", '{"a":["ü",1,null]}'.encode()),
        ({"form": {"a": "x y", "b": [1, True]}}, "application/x-www-form-urlencoded", b"a=x+y&b=1&b=true"),
        ({"body": "grün"}, "text/plain; charset=utf-8", "grün".encode()),
        ({"body": "<a/>", "headers": {"content-type": "text/xml"}}, "text/xml", b"<a/>"),
    ],
)
async def test_a_body_is_sent_with_its_type(
    nursery: trio.Nursery, settings, content_type: str, body: bytes
) -> None:
    server = await serve(nursery, Answer())
    await call(server.url, method="POST", **settings)
    [request] = server.requests
    assert (request.headers["content-type"], request.body) == (content_type, body)
    assert request.headers["content-length"] == str(len(body))


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/s", "/s?q=a%20b%26&n=1&n=2&yes=true"),
        ("/s?x=1", "/s?x=1&q=a%20b%26&n=1&n=2&yes=true"),
        ("/s?", "/s?q=a%20b%26&n=1&n=2&yes=true"),
        ("/s?x=1#top", "/s?x=1&q=a%20b%26&n=1&n=2&yes=true"),
    ],
)
async def test_params_are_added_to_the_query(nursery: trio.Nursery, path: str, target: str) -> None:
    server = await serve(nursery, Answer())
    await call(server.url + path, params={"q": "a b&", "n": [1, 2], "yes": True})
    assert server.requests[0].target == target


@pytest.mark.parametrize(
    ("auth", "header", "shown"),
    [
        # Core masks a secret by its text and base64, but does not know the pair.
        (Auth(basic=Basic(user="me", password="s3cret:")), "Basic bWU6czNjcmV0Og==", "Basic ***"),
        (Auth(bearer="t0ken"), "Bearer t0ken", "Bearer t0ken"),
    ],
)
async def test_auth_is_sent_and_what_core_cannot_mask_of_it_is_masked_in_what_comes_back(
    nursery: trio.Nursery, auth: Auth, header: str, shown: str
) -> None:
    def echo(request: Request) -> Answer:
        sent = request.headers["authorization"]
        return Answer(200, sent.encode(), (("X-Sent", sent),))

    server = await serve(nursery, echo)
    answer = await call(server.url, auth=auth)
    assert server.requests[0].headers["authorization"] == header
    assert (answer.body, answer.headers["x-sent"]) == (shown, shown)
    assert "s3cret" not in repr(auth)
    assert "t0ken" not in repr(auth)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("identity", bytes)])
async def test_a_body_is_unpacked(nursery: trio.Nursery, encoding: str, pack) -> None:
    server = await serve(nursery, Answer(200, pack(b"hello " * 1000), (("Content-Encoding", encoding),)))
    assert (await call(server.url)).body == "hello " * 1000


async def test_a_head_has_no_body(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer(200, b"x" * 10, (("Content-Encoding", "br"), *JSON)))
    answer = await call(server.url, method="HEAD")
    assert (answer.body, answer.json, answer.headers["content-length"]) == ("", None, "10")


async def test_parse_none_does_not_wait_for_the_body(nursery: trio.Nursery) -> None:
    server = await listen(nursery, says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", then="hang"))
    answer = await call(server.url, parse="none")
    assert (answer.status, answer.body, answer.json) == (200, None, None)
    nursery.cancel_scope.cancel()


async def test_a_body_of_just_the_limit_is_taken(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer(200, b"x" * 100))
    assert (await call(server.url, max_body=100)).body == "x" * 100
    error = await failure(server.url, max_body=99)
    assert error.name == "http.protocol"
    assert error.message == f"the answer of {server.url} is larger than 99 bytes; set max_body for more"


# --- statuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expect", "fits"),
    [
        (204, "2xx", True),
        (302, "2xx", False),
        (404, 404, True),
        (404, 200, False),
        (404, ["2xx", 404], True),
        (500, ["2xx", "4xx"], False),
    ],
)
async def test_a_status_is_a_success_if_it_was_expected(
    nursery: trio.Nursery, status: int, expect, fits
) -> None:
    server = await serve(nursery, Answer(status))
    if fits:
        assert (await call(server.url, expect=expect)).status == status
    else:
        assert (await failure(server.url, expect=expect)).name == "http.status"


async def test_an_unexpected_status_says_which_and_when_to_come_back(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer(503, b"busy " * 1000, (("Retry-After", "7"),)))
    error = await failure(f"{server.url}/jobs?token=x", method="PUT")
    assert (error.name, error.also, error.retry_after) == ("http.status", ("http.503", "http.5xx"), 7.0)
    assert error.message == f"PUT {server.url}/jobs answered 503, not 2xx; list it in expect if it is right"
    assert error.data["status"] == 503
    assert error.data["headers"]["retry-after"] == "7"
    assert error.data["body"] == ("busy " * 1000)[:2000]


async def test_an_error_shows_no_path_where_the_whole_url_may_be_a_secret(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer(500))
    config = Http(url=Url(f"{server.url}/hooks/s3cret", host_written=False), allow_private=True)
    with pytest.raises(StepError) as caught:
        await fetch(config, FakeStep())
    assert "s3cret" not in str(caught.value)
    assert server.url in str(caught.value)


# --- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "get"}, "method 'get' cannot be sent; write one as GET"),
        ({"method": "GET / HTTP/1.1\r\nX"}, "cannot be sent"),
        ({"method": "CONNECT"}, "cannot be sent"),
        ({"headers": {"X y": "1"}}, "'X y' cannot be the name of a header"),
        ({"headers": {"": "1"}}, "cannot be the name of a header"),
        ({"headers": {"X": "1\r\nY: 2"}}, "header X holds a line break"),
        ({"headers": {"X": "1\n"}}, "header X holds a line break"),
        ({"headers": {"X": " 1"}}, "an outer space"),
        ({"headers": {"X": "ü"}}, "outside ASCII"),
        ({"headers": {"content-length": "1"}}, "header content-length is set by the step itself"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "is set by the step itself"),
        ({"headers": {"Accept-Encoding": "br"}}, "is set by the step itself"),
        ({"headers": {"X": "1", "x": "2"}}, "header x is given twice"),
        (
            {"headers": {"Authorization": "a"}, "auth": Auth(bearer="t")},
            "header Authorization is given twice",
        ),
        ({"expect": "200"}, "expect '200' is no status"),
        ({"expect": "6xx"}, "expect '6xx' is no status"),
        ({"expect": [200, 99]}, "expect 99 is no status"),
        ({"json": 1, "body": "x"}, "json and body are given, but a call has one body"),
        ({"redirects": 21}, "redirects"),
        ({"redirects": -1}, "redirects"),
        ({"max_body": -1}, "max_body"),
        ({"max_body": 1 << 31}, "max_body"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Http(url=Url("https://example.com/"), **settings)


@pytest.mark.parametrize("settings", [{}, {"basic": Basic(user="a", password="b"), "bearer": "t"}])
def test_auth_takes_one_of_its_forms(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="auth takes one of basic"):
        Auth(**settings)


def test_a_user_with_a_colon_and_a_token_with_a_line_break_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold a colon"):
        Basic(user="a:b", password="c")
    with pytest.raises(ValueError, match="bearer is empty or holds"):
        Auth(bearer="a\r\nb")


async def test_a_host_that_cannot_be_encoded_fails_by_name() -> None:
    error = await failure("http://xn--\u00fc.example/")
    assert error.name == "http.connect"
    assert "check its host" in error.message


@pytest.mark.parametrize(
    ("settings", "repeatable"),
    [
        ({}, True),
        ({"method": "PUT"}, True),
        ({"method": "POST"}, False),
        ({"method": "PATCH"}, False),
        ({"method": "POST", "headers": {"Idempotency-Key": "k"}}, True),
    ],
)
def test_a_call_is_repeatable_if_its_method_is_or_it_has_a_key(settings, repeatable: bool) -> None:
    [entry] = treadle_step_types()
    assert callable(entry.repeatable)
    assert entry.repeatable(Http(url=Url("https://example.com/"), **settings)) is repeatable


def test_declaring_the_step_types_imports_neither_httpx_nor_trio() -> None:
    check = (
        "import sys; import treadle_std.steps.http, treadle_std.steps.webhook; "
        "sys.exit(', '.join({'httpx', 'httpcore', 'trio', 'msgspec'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True).stderr.strip() == ""


@pytest.mark.parametrize("setting", ["json", "form", "body", "params"])
async def test_half_a_character_is_an_error_that_names_the_setting(setting: str) -> None:
    half = "a\ud800"
    given = {setting: half if setting == "body" else {"x": half}}
    with pytest.raises(StepError, match=f"{setting} holds half a character") as caught:
        await fetch(Http(url=Url("http://127.0.0.1:9/"), method="POST", **given), FakeStep())
    assert caught.value.name == "output"


async def test_half_a_character_in_the_url_is_an_error_that_says_so() -> None:
    with pytest.raises(StepError, match="the URL cannot be used") as caught:
        await fetch(Http(url=Url("http://127.0.0.1:9/\ud800")), FakeStep())
    assert caught.value.name == "http.connect"


def test_a_password_that_is_not_utf_8_is_sent_as_its_bytes() -> None:
    auth = Auth(basic=Basic(user="u", password="\udcff"))
    assert auth.header() == "Basic dTr/"
