"""Decoding of a compressed body as it comes in, never holding more of it than is wanted.

Rule 1: zlib is always told how much it may give; httpx's own decoders inflate a chunk whole, so that
        64 KiB from a hostile peer become 64 MB.
Rule 2: whatever is wrong with the data is a ValueError with one sentence.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import attrs

ACCEPTED = "gzip, deflate"
"""What to send as ``Accept-Encoding``."""

_GZIP = 31
_ZLIB = 15
_RAW = -15


class Decoder(Protocol):
    """Turns the bytes of a body as sent into the bytes meant."""

    def feed(self, data: bytes, limit: int) -> bytes:
        """The next bytes, at most *limit*, which is over 0. Once it gives that many, the rest is lost."""
        raise NotImplementedError

    def end(self) -> None:
        """Say that all was fed; raises ValueError if more should have come."""


def decoder(encoding: str) -> Decoder:
    """The decoder for a ``Content-Encoding``; one not offered is refused once a body comes in it."""
    match encoding.strip().lower():
        case "" | "identity":
            return Plain()
        case "gzip" | "x-gzip":
            return Inflate(gzip=True)
        case "deflate":
            return Inflate(gzip=False)
    return Unoffered(encoding)


class Plain:
    """A body sent as it is."""

    def feed(self, data: bytes, limit: int) -> bytes:
        """*data* itself, cut to *limit*."""
        return data[:limit]

    def end(self) -> None:
        """Nothing can be missing: the framing of HTTP has been checked."""


@attrs.frozen
class Unoffered:
    """A body in an encoding that nobody asked for. The answer to a HEAD declares one and has no body."""

    encoding: str

    def feed(self, data: bytes, limit: int) -> bytes:
        """Raises ValueError."""
        raise ValueError(f"its encoding is {self.encoding[:40]!r}, but only {ACCEPTED} was asked for")

    def end(self) -> None:
        """There was no body."""


class Inflate:
    """A body packed by gzip (any number of members) or deflate (with or without zlib's frame)."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._head = b""  # what came before it was known how to read it
        self._zlib = zlib.decompressobj(_GZIP) if gzip else None

    def feed(self, data: bytes, limit: int) -> bytes:
        """See `Decoder.feed`."""
        given = bytearray()
        if self._zlib is None:
            self._head = data = self._head + data
            if len(data) < 2:
                return b""
            self._zlib = zlib.decompressobj(_ZLIB if _framed(data) else _RAW)
        while data and len(given) < limit:
            if self._zlib.eof and not self._next_member(data):
                break
            given += self._some(data, limit - len(given))
            data = self._zlib.unused_data
        return bytes(given)

    def end(self) -> None:
        """See `Decoder.end`; no data at all is an empty body."""
        if self._head and not (self._zlib and self._zlib.eof):
            raise ValueError("its compressed data ends in the middle")

    def _some(self, data: bytes, limit: int) -> bytes:
        assert self._zlib is not None
        self._head = self._head or data[:1]
        try:
            return self._zlib.decompress(data, limit)
        except zlib.error:
            raise ValueError("its compressed data is damaged") from None

    def _next_member(self, data: bytes) -> bool:
        """Begin the next gzip member; False if what follows is padding, which gzip itself ignores too."""
        if not self._gzip or not data.startswith(b"\x1f"):
            return False
        self._zlib = zlib.decompressobj(_GZIP)
        return True


def _framed(data: bytes) -> bool:
    """Whether *data* begins as zlib's frame does (RFC 1950); some servers mean bare deflate data instead."""
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
