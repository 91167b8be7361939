"""Redirects: whether, where to, and with what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.std.calls import call, failure, redirect
from tests.std.servers import Answer, serve

from treadle_std.steps._call import Auth, Basic

if TYPE_CHECKING:
    import trio


async def test_a_redirect_is_only_followed_where_that_is_asked_for(nursery: trio.Nursery) -> None:
    server = await serve(nursery, lambda r: redirect("/b") if r.target == "/a" else Answer(200, b"here"))
    assert (await failure(f"{server.url}/a")).also == ("http.302", "http.3xx")
    answer = await call(f"{server.url}/a", redirects=1)
    assert (answer.body, answer.url) == ("here", f"{server.url}/b")


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (302, "PUT", "PUT", b"text"),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b"text"),
        (307, "POST", "POST", b"text"),
        (308, "POST", "POST", b"text"),
    ],
)
async def test_a_redirect_changes_the_method_as_in_a_browser(
    nursery: trio.Nursery, status: int, method: str, then: str, body: bytes
) -> None:
    server = await serve(nursery, lambda r: redirect("/b", status) if r.target == "/a" else Answer())
    await call(f"{server.url}/a", method=method, body="text", redirects=3)
    last = server.requests[-1]
    assert (last.target, last.method, last.body) == ("/b", then, body)
    assert ("content-type" in last.headers) == bool(body)


async def test_credentials_stay_with_their_origin(nursery: trio.Nursery) -> None:
    other = await serve(nursery, Answer())
    routes = {"/a": redirect("/b"), "/b": redirect(f"{other.url}/c")}
    server = await serve(nursery, lambda r: routes[r.target])
    headers = {"X-Api-Key": "k", "Cookie": "c", "Accept": "text/plain", "Host": "virtual.example"}
    await call(
        f"{server.url}/a", headers=headers, auth=Auth(basic=Basic(user="u", password="p")), redirects=5
    )
    same, cross = server.requests[1].headers, other.requests[0].headers
    assert (same["authorization"], same["x-api-key"], same["host"]) == ("Basic dTpw", "k", "virtual.example")
    assert not {"authorization", "x-api-key", "cookie"} & cross.keys()
    assert (cross["accept"], cross["host"]) == ("text/plain", f"127.0.0.1:{other.port}")


async def test_a_redirect_without_a_place_is_an_answer(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer(304))
    assert (await call(server.url, redirects=3, expect="3xx")).status == 304


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("ftp://example.com/", "does not begin with http"),
        ("http://me:word@example.com/", "user name"),
        ("http://[bad/", "redirects to what cannot be called"),
    ],
)
async def test_a_redirect_to_what_is_no_url_is_refused(nursery: trio.Nursery, to: str, message: str) -> None:
    server = await serve(nursery, redirect(to))
    error = await failure(server.url, redirects=3)
    assert error.name == "http.protocol"
    assert message in error.message


async def test_a_redirect_in_a_loop_ends(nursery: trio.Nursery) -> None:
    server = await serve(nursery, redirect("/"))
    error = await failure(server.url, redirects=4)
    assert error.name == "http.protocol"
    assert "more than 4 redirects" in error.message
    assert len(server.requests) == 5
