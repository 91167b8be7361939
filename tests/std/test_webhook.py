"""The step type ``webhook``."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import attrs
import pytest
from tests.std.servers import Answer, Request, serve

from treadle.errors import StepError
from treadle.plugin import Url
from treadle.testing import FakeStep
from treadle_std.steps._call import Auth
from treadle_std.steps.webhook import Sign, Webhook, deliver, signature, treadle_step_types

if TYPE_CHECKING:
    import trio

KEY = "k" * 32


def step(attempt: int = 1, wall: float = 1_700_000_000.0) -> FakeStep:
    return FakeStep(secrets={"HOOK_KEY": "s3cret"}, idempotency_key=KEY, attempt=attempt, wall=wall)


def genuine(request: Request, secret: bytes) -> bool:
    """What a receiver does, written from the documentation of `Sign`."""
    time, code = (part.split("=", 1)[1] for part in request.headers["x-treadle-signature"].split(","))
    expected = hmac.new(secret, time.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(code, expected)


async def test_a_message_is_posted_as_json_with_its_ids(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer(202, b"thanks"))
    answer = await deliver(Webhook(url=Url(f"{server.url}/in"), json={"text": "done"}), step())
    assert (answer.status, answer.body) == (202, "thanks")
    [request] = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/in", b'{"text":"done"}')
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-treadle-delivery"] == request.headers["idempotency-key"] == KEY
    assert request.headers["x-correlation-id"] == "run-1"
    assert "x-treadle-signature" not in request.headers


async def test_the_ids_stay_the_same_over_attempts_and_the_signature_is_made_anew(
    nursery: trio.Nursery,
) -> None:
    server = await serve(nursery, Answer())
    config = Webhook(url=Url(server.url), json={"n": 1}, sign=Sign(secret="HOOK_KEY"))
    await deliver(config, step(1, 1_700_000_000.7))
    await deliver(config, step(2, 1_700_000_060.0))
    first, second = server.requests
    assert first.headers["x-treadle-delivery"] == second.headers["x-treadle-delivery"]
    assert first.headers["x-treadle-signature"].startswith("t=1700000000,v1=")
    assert second.headers["x-treadle-signature"].startswith("t=1700000060,v1=")


@pytest.mark.parametrize(
    "message", [{"json": {"ü": [1, None]}}, {"form": {"a": "b c"}}, {"body": "text\n"}, {}]
)
async def test_a_receiver_can_tell_a_genuine_message(
    nursery: trio.Nursery, message: dict[str, object]
) -> None:
    server = await serve(nursery, Answer())
    await deliver(Webhook(url=Url(server.url), sign=Sign(secret="HOOK_KEY"), **message), step())
    [request] = server.requests
    assert genuine(request, b"s3cret")
    assert not genuine(request, b"other")
    assert not genuine(attrs.evolve(request, body=request.body + b" "), b"s3cret")


def test_a_signature_is_that_of_the_time_a_full_stop_and_the_body() -> None:
    # printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    code = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    assert signature("key", 1_700_000_000, b'{"a":1}') == f"t=1700000000,v1={code}"


async def test_the_authors_own_idempotency_key_wins(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer())
    await deliver(Webhook(url=Url(server.url), headers={"idempotency-key": "mine"}), step())
    assert server.requests[0].headers["idempotency-key"] == "mine"
    assert server.requests[0].headers["x-treadle-delivery"] == KEY


async def test_the_other_settings_of_http_hold(nursery: trio.Nursery) -> None:
    server = await serve(nursery, Answer(503, b"busy", (("Retry-After", "2"),)))
    config = Webhook(url=Url(server.url), method="PUT", params={"a": 1}, auth=Auth(bearer="t"), expect=204)
    with pytest.raises(StepError) as caught:
        await deliver(config, step())
    assert (caught.value.name, caught.value.retry_after) == ("http.status", 2.0)
    [request] = server.requests
    assert (request.method, request.target, request.headers["authorization"]) == ("PUT", "/?a=1", "Bearer t")


def test_a_webhook_may_be_sent_again() -> None:
    [entry] = treadle_step_types()
    assert (entry.name, entry.main, entry.repeatable) == ("webhook", "url", True)
