"""Peers on the loopback interface: a well-behaved HTTP server, and a way to script any other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import attrs
import h11
import trio

if TYPE_CHECKING:
    import ssl

Script = Callable[[trio.abc.Stream], Awaitable[None]]


@attrs.frozen
class Request:
    """What a peer was sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen
class Answer:
    """What a peer says. *headers* as pairs, so that one can be repeated."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@attrs.define
class Server:
    """A running peer.

    Attributes:
      url: without a path, as ``http://127.0.0.1:40123``.
      requests: those it has read, oldest first; empty for a scripted one that reads none.
    """

    url: str
    port: int
    requests: list[Request] = attrs.field(factory=list)


async def listen(nursery: trio.Nursery, script: Script, *, tls: ssl.SSLContext | None = None) -> Server:
    """Start a peer that runs *script* on each connection, then closes it."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]

    async def one(stream: trio.abc.Stream) -> None:
        if tls is not None:
            stream = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        try:
            await script(stream)
        except trio.BrokenResourceError:
            pass  # the step hung up, as it may
        finally:
            await trio.aclose_forcefully(stream)

    nursery.start_soon(trio.serve_listeners, one, listeners)
    return Server(f"{'https' if tls else 'http'}://127.0.0.1:{port}", port)


async def serve(
    nursery: trio.Nursery, answer: Callable[[Request], Answer] | Answer, *, tls: ssl.SSLContext | None = None
) -> Server:
    """Start a well-behaved peer: *answer* is what it says, or gives that for a request."""

    async def script(stream: trio.abc.Stream) -> None:
        connection = h11.Connection(h11.SERVER)
        request = await _read(connection, stream)
        server.requests.append(request)
        said = answer if isinstance(answer, Answer) else answer(request)
        headers = [*said.headers, ("Content-Length", str(len(said.body))), ("Connection", "close")]
        await stream.send_all(connection.send(h11.Response(status_code=said.status, headers=headers)))
        if request.method != "HEAD":
            await stream.send_all(connection.send(h11.Data(data=said.body)))

    server = await listen(nursery, script, tls=tls)
    return server


async def _read(connection: h11.Connection, stream: trio.abc.Stream) -> Request:
    head, body = None, b""
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            case h11.Request() as head:
                pass
            case h11.Data(data=data):
                body += data
            case _:
                break
    if head is None:
        raise trio.BrokenResourceError
    headers = {name.decode(): value.decode() for name, value in head.headers}
    return Request(head.method.decode(), head.target.decode(), headers, body)


def says(*pieces: bytes, every: float = 0.0, then: str = "close", last: bytes = b"") -> Script:
    """A script: read a little, send *pieces* with *every* seconds between them, then end as *then* says.

    ``close`` hangs up; ``hang`` waits for ever; ``repeat`` sends *last* again and again, as fast as the
    other side takes it; ``reset`` cuts the connection.
    """

    async def script(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        for piece in pieces:
            await stream.send_all(piece)
            await trio.sleep(every)
        while then == "repeat":
            await stream.send_all(last)
            await trio.sleep(every)
        if then == "hang":
            await trio.sleep_forever()
        if then == "reset":
            _reset(stream)

    return script


def _reset(stream: trio.abc.Stream) -> None:
    """Close so that the other side gets RST: linger for no time."""
    import socket
    import struct

    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()
