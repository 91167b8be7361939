"""The step type ``http`` against peers that mean harm or are broken: each ends as a named error, in time."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc

import pytest
import trio
from tests.std.servers import Answer, Script, Server, listen, says, serve

from treadle.errors import StepError
from treadle.plugin import Url
from treadle.testing import FakeStep
from treadle_std.steps import _connect, _exchange
from treadle_std.steps.http import Http, fetch

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = OK + b"\r\n"
GZIP = OK + b"Content-Encoding: gzip\r\n\r\n"
TEN = OK + b"Content-Length: 10\r\n\r\n"
DRIP = {"every": 0.02, "then": "repeat"}

HOSTILE: dict[str, tuple[Script, str, str]] = {
    "hangs before a word": (says(then="hang"), "timeout", "had not answered in full"),
    "hangs in the status line": (says(b"HTTP/1.1 2", then="hang"), "timeout", "had not answered in full"),
    "hangs in the headers": (says(OK + b"X: y\r\n", then="hang"), "timeout", "had not answered in full"),
    "hangs in the body": (says(TEN + b"12345", then="hang"), "timeout", "had not answered in full"),
    "drips its headers": (says(OK, last=b"X", **DRIP), "timeout", "had not answered in full"),
    "drips its body": (says(ENDLESS, last=b"x", **DRIP), "timeout", "had not answered in full"),
    "drips chunks": (says(CHUNKED, last=b"1\r\nx\r\n", **DRIP), "timeout", "had not answered in full"),
    "drips compressed": (
        says(GZIP + gzip.compress(b"x" * 1000)[:5], last=b"\0", **DRIP),
        "http.protocol|timeout",
        "compressed|answered",
    ),
    "never stops saying 100": (
        says(last=b"HTTP/1.1 100 Continue\r\n\r\n" * 99, **DRIP),
        "timeout",
        "had not answered",
    ),
    "sends a body without end": (
        says(ENDLESS, then="repeat", last=b"x" * 65536),
        "http.protocol",
        "larger than",
    ),
    "sends chunks without end": (
        says(CHUNKED, then="repeat", last=b"400\r\n" + b"x" * 1024 + b"\r\n"),
        "http.protocol",
        "larger than",
    ),
    "sends tiny chunks without end": (
        says(CHUNKED, then="repeat", last=b"1\r\nx\r\n" * 999),
        "http.protocol",
        "larger",
    ),
    "sends nothing, compressed, without end": (
        says(GZIP, then="repeat", last=gzip.compress(b"") * 500),
        "http.protocol",
        "larger than",
    ),
    "sends a chunk size without end": (
        says(CHUNKED, then="repeat", last=b"0" * 4096),
        "http.protocol",
        "HTTP",
    ),
    "sends headers without end": (says(OK, then="repeat", last=b"X-A: b\r\n" * 500), "http.protocol", "HTTP"),
    "sends a header without end": (
        says(OK + b"X: ", then="repeat", last=b"y" * 4096),
        "http.protocol",
        "HTTP",
    ),
    "sends trailers without end": (
        says(CHUNKED + b"0\r\n", then="repeat", last=b"X-A: b\r\n" * 500),
        "http.protocol",
        "HTTP",
    ),
    "closes without a word": (says(), "http.protocol", "disconnected without sending a response"),
    "closes in the headers": (says(OK + b"X: y"), "http.protocol", "HTTP"),
    "closes in the body": (says(TEN + b"12345"), "http.protocol", "complete message body"),
    "closes in a chunk": (says(CHUNKED + b"5\r\nab"), "http.protocol", "complete message body"),
    "resets at once": (says(then="reset"), "http.protocol", "HTTP"),
    "resets in the body": (
        says(TEN + b"12345", every=0.05, then="reset"),
        "http.protocol",
        "the connection was cut",
    ),
    "speaks something else": (says(b"220 mail.example ESMTP ready\r\n"), "http.protocol", "HTTP"),
    "sends garbage": (says(bytes(range(256)) * 16), "http.protocol", "HTTP"),
    "lies in the length": (says(OK + b"Content-Length: -5\r\n\r\nhello"), "http.protocol", "HTTP"),
    "sends two lengths": (
        says(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        "http.protocol",
        "HTTP",
    ),
    "sends a bad chunk size": (says(CHUNKED + b"zz\r\nhello"), "http.protocol", "HTTP"),
    "breaks its gzip": (says(GZIP + b"no gzip at all"), "http.protocol", "compressed data is damaged"),
    "cuts its gzip": (says(GZIP + gzip.compress(b"x" * 1000)[:-6]), "http.protocol", "ends in the middle"),
    "packs as nobody asked": (
        says(OK + b"Content-Encoding: br\r\n\r\nxx"),
        "http.protocol",
        "its encoding is 'br'",
    ),
    "packs twice": (says(OK + b"Content-Encoding: gzip, gzip\r\n\r\nxx"), "http.protocol", "its encoding is"),
    "breaks its JSON": (says(OK + b"Content-Type: application/json\r\n\r\n{"), "output", "is not JSON"),
    "nests its JSON": (
        says(OK + b"Content-Type: application/json\r\n\r\n" + b"[" * 99999),
        "output",
        "is not JSON",
    ),
    "upgrades unasked": (
        says(b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        "http",
        "HTTP|101",
    ),
}


async def failure(server: Server, **settings: object) -> StepError:
    with pytest.raises(StepError) as caught:
        await fetch(Http(url=Url(server.url), **settings), FakeStep())
    return caught.value


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_exchange, "TOTAL_SECONDS", 0.4)
    monkeypatch.setattr(_exchange, "EXCERPT_SECONDS", 0.1)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For peers that keep the step busy until a cap is reached: a slow machine may take a while."""
    monkeypatch.setattr(_exchange, "TOTAL_SECONDS", 20.0)


def named(error: StepError, names: str) -> bool:
    return any(error.name == name or error.name.startswith(name + ".") for name in names.split("|"))


@pytest.mark.parametrize("what", [what for what, (_, name, _) in HOSTILE.items() if "timeout" in name])
async def test_a_peer_that_takes_its_time_ends_as_a_timeout(nursery: trio.Nursery, what: str) -> None:
    script, names, said = HOSTILE[what]
    error = await failure(await listen(nursery, script))
    assert named(error, names), error
    assert any(part in error.message for part in said.split("|")), error
    nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("what", [what for what, (_, name, _) in HOSTILE.items() if "timeout" not in name])
async def test_a_peer_that_is_broken_ends_as_a_named_error(nursery: trio.Nursery, what: str) -> None:
    script, names, said = HOSTILE[what]
    error = await failure(await listen(nursery, script), max_body=100_000)
    assert named(error, names), error
    assert any(part in error.message for part in said.split("|")), error
    nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("patient")
async def test_a_body_longer_than_it_says_is_cut_where_it_says(nursery: trio.Nursery) -> None:
    server = await listen(nursery, says(TEN + b"0123456789 and more"))
    assert (await fetch(Http(url=Url(server.url)), FakeStep())).body == "0123456789"


@pytest.mark.usefixtures("patient")
async def test_a_bomb_leaves_memory_flat(nursery: trio.Nursery) -> None:
    bomb = gzip.compress(bytes(100_000_000), 9)
    server = await serve(nursery, Answer(200, bomb, (("Content-Encoding", "gzip"),)))
    await failure(server, max_body=1000)  # whatever is imported or cached is so now
    tracemalloc.start()
    try:
        error = await failure(server, max_body=100_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "larger than 100000 bytes" in error.message
    assert peak < 4_000_000


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        (says(b"HTTP/1.1 500 No\r\n\r\nsorry", then="hang"), ""),
        (says(b"HTTP/1.1 500 No\r\n\r\n", then="repeat", last=b"x" * 9999), "x" * 2000),
        (says(b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nsorry"), ""),
        (says(b"HTTP/1.1 500 No\r\nContent-Encoding: br\r\n\r\nsorry"), ""),
        (says(b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n{"), "{"),
    ],
)
async def test_a_failure_is_known_without_its_body(nursery: trio.Nursery, body: Script, excerpt: str) -> None:
    error = await failure(await listen(nursery, body))
    assert (error.name, error.also) == ("http.status", ("http.500", "http.5xx"))
    assert error.data["body"] == excerpt
    nursery.cancel_scope.cancel()


async def test_a_peer_that_never_finishes_its_handshake_ends_as_a_timeout(nursery: trio.Nursery) -> None:
    server = await listen(nursery, says(then="hang"))
    with pytest.raises(StepError, match="had not answered") as caught:
        await fetch(Http(url=Url(f"https://127.0.0.1:{server.port}/")), FakeStep())
    assert caught.value.name == "timeout"
    nursery.cancel_scope.cancel()


async def test_a_look_up_without_an_answer_ends_as_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def silent(host: str, port: int, flags: int) -> list[object]:
        if not flags:
            answered.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(_connect, "_look_up", silent)
    with pytest.raises(StepError, match="had not answered") as caught:
        await fetch(Http(url=Url("http://silent.example/")), FakeStep())
    answered.set()
    assert caught.value.name == "timeout"


async def test_a_peer_that_reads_nothing_ends_as_a_timeout(nursery: trio.Nursery) -> None:
    async def deaf(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    error = await failure(await listen(nursery, deaf), method="POST", body="x" * 20_000_000)
    assert error.name == "timeout"
    nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("patient")
async def test_a_peer_may_answer_before_it_has_read_all(nursery: trio.Nursery) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"

    async def early(stream: trio.abc.Stream) -> None:
        await stream.receive_some(100)
        await stream.send_all(answer)
        assert isinstance(stream, trio.SocketStream)
        stream.socket.shutdown(socket.SHUT_RD)

    error = await failure(await listen(nursery, early), method="POST", body="x" * 100_000)
    assert named(error, "http"), error


@pytest.mark.usefixtures("patient")
async def test_a_peer_that_resets_while_it_is_sent_a_body_ends_as_a_named_error(
    nursery: trio.Nursery,
) -> None:
    error = await failure(await listen(nursery, says(then="reset")), method="POST", body="x" * 20_000_000)
    assert error.name == "http.protocol"
    nursery.cancel_scope.cancel()


async def test_a_step_with_a_timeout_of_its_own_is_not_bounded_here(nursery: trio.Nursery) -> None:
    server = await listen(nursery, says(OK + b"\r\n", b"late", every=0.6))
    step = FakeStep(timeout=60)
    assert (await fetch(Http(url=Url(server.url)), step)).body == "late"


async def test_a_bound_from_outside_does_not_lift_ours(nursery: trio.Nursery) -> None:
    server = await listen(nursery, says(then="hang"))
    with pytest.raises(StepError, match="had not answered in full") as caught:
        await fetch(Http(url=Url(server.url)), FakeStep(deadline=trio.current_time() + 60))
    assert caught.value.name == "timeout"


async def test_the_excerpt_of_a_failure_ends_before_half_a_secret(nursery: trio.Nursery) -> None:
    body = b"x" * (_exchange.EXCERPT_BYTES - 7) + b"correct-horse"
    server = await listen(nursery, says(b"HTTP/1.1 500 No\r\n\r\n" + body))
    with pytest.raises(StepError) as caught:
        await fetch(Http(url=Url(server.url)), FakeStep(secrets={"TOKEN": "correct-horse"}))
    assert caught.value.data["body"].strip("x") == ""


@pytest.mark.parametrize(
    "script", [says(then="hang"), says(ENDLESS, b"x", then="hang"), says(ENDLESS, last=b"x", **DRIP)]
)
async def test_a_cancelled_call_hangs_up_at_once(nursery: trio.Nursery, script: Script) -> None:
    hung_up = trio.Event()

    async def watched(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(script, stream)
            while not _closed(stream):  # noqa: ASYNC110 - nobody is there to set an event
                await trio.sleep(0.01)
            hung_up.set()
            inner.cancel_scope.cancel()

    server = await listen(nursery, watched)
    with trio.move_on_after(0.15) as scope:
        await fetch(Http(url=Url(server.url)), FakeStep())
    assert scope.cancelled_caught
    with trio.fail_after(10):
        await hung_up.wait()


def _closed(stream: trio.abc.Stream) -> bool:
    """Whether the other side has closed: there is an end of file, or a reset, to read."""
    assert isinstance(stream, trio.SocketStream)
    try:
        peeked = socket.socket(fileno=socket.dup(stream.socket.fileno()))
        with peeked:
            peeked.setblocking(False)
            return peeked.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
