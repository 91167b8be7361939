"""Connections to checked addresses, for httpcore.

Rule 1: the address that was judged is the address that is connected to. A name is looked up once per
        connection, and the socket is given numbers, so a second answer of a hostile DNS changes nothing.
Rule 2: one bad address among those of a name refuses the name: it is a sign of rebinding, not of luck.
Rule 3: `Dialer.close` leaves no socket open, however the exchange ended.
Rule 4: no timeouts here but the one that moves on to a name's next address; the caller's scope bounds all.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import httpcore
import trio

from treadle.plugin import StepError
from treadle_std.steps._addresses import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

ADDRESSES = 8
"""How many addresses of a name are tried."""
NEXT_ADDRESS_SECONDS = 5.0
"""How long an address may take before the next one is tried."""
LOOKUPS = 32
"""How many names are looked up at once; a look-up holds a thread."""

_Found = tuple[int, tuple[Any, ...]]
_lookups = trio.lowlevel.RunVar[trio.CapacityLimiter]("treadle_std look-ups")


class Dialer(httpcore.AsyncNetworkBackend):
    """Opens the connections of one exchange.

    Args:
      written: the host to connect to stands in the spec.
      allow_private: the spec lets any address be reached.
    """

    def __init__(self, *, written: bool, allow_private: bool) -> None:
        self._written = written
        self._allow_private = allow_private
        self._stream: trio.abc.Stream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> PeerStream:
        """Look *host* up, judge its addresses and connect to the first that answers."""
        found = await _addresses(host, port)
        for _, (address, *_rest) in found:
            why = refusal(address, written=self._written, allow_private=self._allow_private)
            if why is not None:
                raise _refused(host, address, why, written=self._written)
        self._stream = await _first_open(host, port, found[:ADDRESSES])
        return PeerStream(self._stream)

    async def close(self) -> None:
        """Close the connection, if there is one, without a word to the peer."""
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)


class PeerStream(httpcore.AsyncNetworkStream):
    """A connection as httpcore wants it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes; empty at the end."""
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise httpcore.ReadError("the connection was cut") from exc

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of *buffer*."""
        try:
            await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            # httpcore takes this for "the peer has answered early" and goes on to read.
            raise httpcore.WriteError("the connection was cut") from exc

    async def aclose(self) -> None:
        """Close without a word to the peer: nothing more will be said on this connection."""
        await trio.aclose_forcefully(self._stream)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> PeerStream:
        """Speak TLS from here on; the certificate is checked for *server_hostname*, not for the address."""
        stream = trio.SSLStream(
            self._stream, ssl_context, server_hostname=server_hostname, https_compatible=True
        )
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError as exc:
            raise _tls_failed(server_hostname, exc.__cause__ or exc) from exc
        return PeerStream(stream)


async def _addresses(host: str, port: int) -> list[_Found]:
    """Addresses of *host* as (family, socket address), in the system's order of preference."""
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        pass  # a name; the usual case
    try:
        limiter = _lookups.get()
    except LookupError:
        limiter = trio.CapacityLimiter(LOOKUPS)
        _lookups.set(limiter)
    try:
        # A look-up has no effect but its answer, so one whose time is up may be left to end by itself.
        return await trio.to_thread.run_sync(_look_up, host, port, 0, abandon_on_cancel=True, limiter=limiter)
    except (OSError, UnicodeError) as exc:
        raise StepError("http.connect", f"cannot look up {host!r}: {_reason(exc)}; check the name") from exc


def _look_up(host: str, port: int, flags: int) -> list[_Found]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


async def _first_open(host: str, port: int, found: list[_Found]) -> trio.SocketStream:
    problem = "no address answered in time"
    for place, (family, address) in enumerate(found):
        last = place == len(found) - 1
        with trio.move_on_after(float("inf") if last else NEXT_ADDRESS_SECONDS):
            try:
                return await _open(family, address)
            except OSError as exc:
                problem = _reason(exc)
    raise StepError("http.connect", f"cannot connect to {host} port {port}: {problem}; check that it is up")


async def _open(family: int, address: tuple[Any, ...]) -> trio.SocketStream:
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        await sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


def _refused(host: str, address: str, why: str, *, written: bool) -> StepError:
    where = host if host == address else f"{host} ({address})"
    if written:
        fix = "set allow_private: true if it may be reached"
    else:
        fix = (
            "an expression or a redirect gave it; write the host out in the spec, or set allow_private: true"
        )
    return StepError("http.connect", f"{where} is {why}; {fix}")


def _tls_failed(name: str | None, exc: BaseException) -> StepError:
    hint = "set verify to the file of its authority's certificate, if it is one of your own"
    why = exc.verify_message if isinstance(exc, ssl.SSLCertVerificationError) else _reason(exc)
    return StepError("http.protocol", f"no safe connection to {name}: {why}; {hint}")


def _reason(exc: BaseException) -> str:
    """What an exception says, in one line; its strerror where it has one."""
    said = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    return " ".join(str(said).split())
