"""A small HTTP server on the loopback, in a process of its own: ``python -m bench.peer`` prints its port."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{"ok": true}'


async def answer(stream: trio.SocketStream) -> None:
    """Answer every request on a connection that stays open."""
    left = b""
    async for part in stream:
        *requests, left = (left + part).split(b"\r\n\r\n")
        if requests:
            await stream.send_all(ANSWER * len(requests))


async def main() -> None:
    """Serve until killed."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
    sys.stdout.write(f"{listener.socket.getsockname()[1]}\n")
    sys.stdout.flush()
    await trio.serve_listeners(_quietly, [listener])


async def _quietly(stream: trio.SocketStream) -> None:
    try:
        await answer(stream)
    except trio.BrokenResourceError:
        await stream.aclose()  # the client has gone, as clients do


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server that runs until the context is left."""
    with subprocess.Popen([sys.executable, "-m", "bench.peer"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.kill()


if __name__ == "__main__":
    trio.run(main)
