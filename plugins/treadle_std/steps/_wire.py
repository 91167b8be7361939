"""One request and its answer on a connection of their own.

Rule 1: at most the wanted number of decoded bytes and one piece of the network's are held at any time.
Rule 2: the connection is closed before the next is opened. It shares nothing, so none outlives its
        attempt and no answer can be taken for another's.
Rule 3: what httpcore raises leaves here as a `StepError`.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import attrs
import httpcore
import httpx
import trio

from treadle.plugin import StepError
from treadle_std.steps._answers import masked
from treadle_std.steps._connect import Dialer
from treadle_std.steps._inflate import ACCEPTED, decoder

RAW_SLACK_BYTES = 1 << 16
"""What a body may be larger packed than unpacked."""

_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError)
_contexts = trio.lowlevel.RunVar[dict[object, ssl.SSLContext]]("treadle_std TLS contexts")


@attrs.frozen(kw_only=True)
class Hop:
    """One request of a call.

    Attributes:
      written: the spec itself chose the host.
      shown: the URL as messages may show it.
    """

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes | None
    written: bool
    shown: str


@attrs.frozen
class Reply:
    """An answer whose body is still to come.

    Attributes:
      headers: by name in lower case, repeated ones joined by ``, ``.
    """

    status: int
    headers: dict[str, str]
    _response: httpcore.Response
    _dialer: Dialer

    async def read(self, limit: int) -> tuple[bytes, bool]:
        """The decoded body up to *limit* bytes, and whether that is all; ValueError if it is not readable.

        To be called once.
        """
        taken, received = bytearray(), 0
        decode = decoder(self.headers.get("content-encoding", ""))
        pieces = aiter(self._response.aiter_stream())
        try:
            async for piece in pieces:
                received += len(piece)
                taken += decode.feed(piece, limit + 1 - len(taken))
                if len(taken) > limit or received > limit + RAW_SLACK_BYTES:
                    return bytes(taken[:limit]), False
        finally:
            await self._end(pieces)  # noqa: ASYNC102  closes by force, which waits for nothing
        decode.end()
        return bytes(taken), True

    async def excerpt(self, limit: int, *, seconds: float) -> bytes:
        """The beginning of a body that nothing depends on: what of it can be had in time, and be read."""
        with contextlib.suppress(*_BROKEN, ValueError), trio.move_on_after(seconds):
            return (await self.read(limit))[0]
        return b""

    async def _end(self, pieces: AsyncIterator[bytes]) -> None:
        """Close the connection under httpcore's generators, which end by that.

        One that is dropped half-way is left to the garbage collector, and trio warns of it.
        """
        await self._dialer.close()
        with contextlib.suppress(*_BROKEN):
            async for _ in pieces:
                pass


@contextlib.asynccontextmanager
async def send(
    hop: Hop,
    *,
    verify: bool | str,
    allow_private: bool,
    hidden: tuple[str, ...],
    mask: Callable[[str], str],
) -> AsyncIterator[Reply]:
    """Send *hop*; the connection closes with the block.

    Args:
      verify: whether to check a certificate, or the file of the authorities to trust.
      hidden: texts to mask in the headers that come back.
      mask: takes secrets out of what is cut.

    Raises:
      StepError: ``http.connect``, or ``http.protocol``, also where the body breaks off inside the block.
    """
    dialer = Dialer(written=hop.written, allow_private=allow_private)
    tls = _tls(verify) if hop.url.scheme == "https" else None
    request = _request(hop)
    connection = httpcore.AsyncHTTPConnection(request.url.origin, ssl_context=tls, network_backend=dialer)
    try:
        response = await connection.handle_async_request(request)
        received = httpx.Headers(response.headers).items()
        headers = {name: masked(value, hidden) for name, value in received}
        yield Reply(response.status, headers, response, dialer)
    except _BROKEN as exc:
        said = mask(" ".join(str(exc).split()))[:200]
        raise StepError("http.protocol", f"{hop.shown} does not answer in HTTP as it should: {said}") from exc
    finally:
        await dialer.close()  # noqa: ASYNC102  closes by force, which waits for nothing


class _Content:
    """A body to send. Not an async generator: a call cancelled on the way would drop one half-way."""

    def __init__(self, content: bytes | None) -> None:
        self._pieces = iter([content] if content else [])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


def _request(hop: Hop) -> httpcore.Request:
    """*hop* with the headers that HTTP itself wants."""
    headers = {**hop.headers, "Accept-Encoding": ACCEPTED, "Connection": "close"}
    built = httpx.Request(hop.method, hop.url, headers=headers, content=hop.content)
    url = built.url
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    return httpcore.Request(
        method=hop.method, url=target, headers=built.headers.raw, content=_Content(hop.content)
    )


def _tls(verify: bool | str) -> ssl.SSLContext:
    """The TLS context for *verify*; made once per trio run and state of the file, since it takes 20 ms."""
    try:
        contexts = _contexts.get()
    except LookupError:
        contexts = {}
        _contexts.set(contexts)
    try:
        key = (verify, Path(verify).stat().st_mtime_ns) if isinstance(verify, str) else verify
        if key not in contexts:
            contexts[key] = _new_context(verify)
    except OSError as exc:  # also ssl.SSLError: the file holds no certificate
        why = exc.strerror or exc
        raise StepError(
            "http.protocol", f"cannot use the certificates in {verify}: {why}; see verify"
        ) from exc
    return contexts[key]


def _new_context(verify: bool | str) -> ssl.SSLContext:
    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    return httpx.create_ssl_context(verify=verify, trust_env=False)
