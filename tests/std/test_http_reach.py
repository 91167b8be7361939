"""Which peers ``http`` may reach, and how it knows them."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest
import trio
from tests.std.calls import call, failure, redirect
from tests.std.servers import Answer, Server, listen, says, serve

from treadle.errors import StepError
from treadle.plugin import Url
from treadle.testing import FakeStep
from treadle_std.steps import _connect
from treadle_std.steps.http import Http, fetch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each name stands for in this test; any other is unknown."""
    known: dict[str, list[str]] = {}
    look_up = _connect._look_up

    def fake(host: str, port: int, flags: int):
        if flags or host not in known:
            return look_up(host, port, flags | socket.AI_NUMERICHOST)
        return [found for address in known[host] for found in look_up(address, port, socket.AI_NUMERICHOST)]

    monkeypatch.setattr(_connect, "_look_up", fake)
    return known


# --- which addresses -------------------------------------------------------------------------------


@pytest.fixture
async def server(nursery: trio.Nursery) -> Server:
    return await serve(nursery, Answer(200, b"inside"))


async def reach(url: Url, **settings: object) -> str | None:
    return (await fetch(Http(url=url, **settings), FakeStep())).body


async def refused(url: Url, **settings: object) -> str:
    with pytest.raises(StepError) as caught:
        await reach(url, **settings)
    assert caught.value.name == "http.connect"
    return caught.value.message


async def test_a_private_host_is_reached_if_it_is_written_or_allowed(server: Server) -> None:
    assert await reach(Url(server.url)) == "inside"
    assert await reach(Url(server.url, host_written=False), allow_private=True) == "inside"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_a_private_host_that_an_expression_gave_is_refused_in_every_spelling(
    server: Server, host: str
) -> None:
    message = await refused(Url(f"http://{host}:{server.port}/", host_written=False))
    assert "is a loopback address; an expression or a redirect gave it" in message
    assert server.requests == []


async def test_a_name_that_stands_for_a_private_address_is_refused(server: Server, names) -> None:
    names["inside.example"] = ["127.0.0.1"]
    url = Url(f"http://inside.example:{server.port}/", host_written=False)
    assert "inside.example (127.0.0.1) is a loopback address" in await refused(url)


async def test_one_private_address_among_public_ones_refuses_the_name(names) -> None:
    names["mixed.example"] = ["93.184.216.34", "10.0.0.1"]
    message = await refused(Url("http://mixed.example/", host_written=False))
    assert "mixed.example (10.0.0.1) is a private address" in message


async def test_a_metadata_address_is_refused_even_if_it_is_written(names) -> None:
    names["metadata.example"] = ["169.254.169.254"]
    for host in ("169.254.169.254", "metadata.example"):
        message = await refused(Url(f"http://{host}/latest/"))
        assert "is a link-local or metadata address; set allow_private: true" in message


async def test_a_redirect_to_a_private_host_is_refused(nursery: trio.Nursery, server: Server) -> None:
    outer = await serve(nursery, redirect(f"{server.url}/inside"))
    message = await refused(Url(outer.url), redirects=3)
    assert "an expression or a redirect gave it" in message
    assert server.requests == []
    assert await reach(Url(outer.url), redirects=3, allow_private=True) == "inside"


async def test_a_redirect_within_a_written_origin_is_followed(nursery: trio.Nursery) -> None:
    server = await serve(nursery, lambda r: redirect("/b") if r.target == "/a" else Answer(200, b"b"))
    assert await reach(Url(f"{server.url}/a"), redirects=3) == "b"


async def test_the_address_that_was_judged_is_the_one_connected_to(server: Server, names) -> None:
    asked = 0
    look_up = _connect._look_up

    def counting(host: str, port: int, flags: int):
        nonlocal asked
        asked += not flags
        return look_up(host, port, flags)

    names["once.example"] = ["127.0.0.1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_connect, "_look_up", counting)
        assert await reach(Url(f"http://once.example:{server.port}/")) == "inside"
    assert asked == 1
    assert server.requests[0].headers["host"] == f"once.example:{server.port}"


async def test_the_next_address_of_a_name_is_tried(server: Server, names) -> None:
    names["two.example"] = ["127.9.9.9", "127.0.0.1"]  # nothing listens on the first
    assert await reach(Url(f"http://two.example:{server.port}/")) == "inside"


async def test_an_address_that_does_not_answer_gives_way_to_the_next(
    server: Server, names, monkeypatch
) -> None:
    open_ = _connect._open

    async def slow(family: int, address: tuple):
        if address[0] == "127.9.9.9":
            await trio.sleep_forever()
        return await open_(family, address)

    monkeypatch.setattr(_connect, "_open", slow)
    monkeypatch.setattr(_connect, "NEXT_ADDRESS_SECONDS", 0.05)
    names["slow.example"] = ["127.9.9.9", "127.0.0.1"]
    assert await reach(Url(f"http://slow.example:{server.port}/")) == "inside"


async def test_a_peer_that_is_not_there_fails_as_http_connect() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, so that nobody else is there, but not listening
        error = await failure(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert error.name == "http.connect"
    assert "refused" in error.message


@pytest.mark.parametrize("host", ["nowhere.example", "a..b", "x" * 70 + ".example"])
async def test_a_name_that_nobody_knows_fails_as_http_connect(names, host: str) -> None:
    error = await failure(f"http://{host}/")
    assert error.name == "http.connect"


async def test_two_names_are_looked_up_with_one_limiter(server: Server, names) -> None:
    names["a.example"] = names["b.example"] = ["127.0.0.1"]
    for name in names:
        assert await reach(Url(f"http://{name}:{server.port}/")) == "inside"
    assert _connect._lookups.get().total_tokens == _connect.LOOKUPS


# --- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for ``localhost`` and 127.0.0.1 that nobody has signed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    key, cert = file.with_name("key.pem"), file.with_name("cert.pem")
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    file.write_bytes(key.read_bytes() + cert.read_bytes())
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_is_checked(
    nursery: trio.Nursery, tls: ssl.SSLContext, certificate: Path
) -> None:
    server = await serve(nursery, Answer(200, b"safe"), tls=tls)
    error = await failure(server.url)
    assert error.name == "http.protocol"
    assert "no safe connection to 127.0.0.1" in error.message
    assert "self" in error.message
    assert (await call(server.url, verify=str(certificate))).body == "safe"
    assert (await call(server.url, verify=False)).body == "safe"


async def test_a_certificate_is_for_the_name_not_the_address(
    nursery: trio.Nursery, tls: ssl.SSLContext, certificate: Path, names
) -> None:
    server = await serve(nursery, Answer(200, b"safe"), tls=tls)
    names["localhost"] = names["other.example"] = ["127.0.0.1"]
    assert (await call(f"https://localhost:{server.port}/", verify=str(certificate))).body == "safe"
    error = await failure(f"https://other.example:{server.port}/", verify=str(certificate))
    assert "no safe connection to other.example" in error.message


async def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for file in (empty, tmp_path / "missing.pem"):
        error = await failure("https://127.0.0.1:1/", verify=str(file))
        assert error.name == "http.protocol"
        assert f"cannot use the certificates in {file}" in error.message


async def test_a_redirect_from_https_to_http_is_refused(
    nursery: trio.Nursery, tls: ssl.SSLContext, server
) -> None:
    safe = await serve(nursery, redirect(server.url), tls=tls)
    error = await failure(safe.url, redirects=2, verify=False)
    assert error.name == "http.protocol"
    assert "from https to http" in error.message
    assert server.requests == []


async def test_tls_to_a_peer_that_speaks_none_fails(nursery: trio.Nursery) -> None:
    server = await listen(nursery, says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    error = await failure(f"https://127.0.0.1:{server.port}/")
    assert error.name == "http.protocol"
    assert "no safe connection" in error.message
