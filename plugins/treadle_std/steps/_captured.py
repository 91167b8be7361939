"""What a program says on one stream: its beginning as output, its end for those who ask why it failed.

Rule 1: memory is bounded by the limit plus `TAIL_BYTES`, however much comes.
Rule 2: what was kept is masked before a part of it is taken: nobody finds half a secret.
"""

from __future__ import annotations

import codecs
from typing import Protocol

__all__ = ["Captured"]

TAIL_BYTES = 4096
TAIL_LINES = 20

_CONTINUATION = bytes(range(0x80, 0xC0))
"""The bytes that can only go on with a character of UTF-8, not begin one."""

_decoder = codecs.getincrementaldecoder("utf-8")


class _Mask(Protocol):
    def __call__(self, text: str, *, cut_start: bool = False, cut_end: bool = False) -> str: ...


class Captured:
    """The first *limit* bytes are kept; what comes after is counted, and only its last lines kept."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.dropped = 0
        self._head = bytearray()
        self._tail = b""
        self._live = _decoder("replace")

    def add(self, chunk: bytes) -> str:
        """Take *chunk*; returns the text to show at once: what is kept of it, in whole characters."""
        kept = chunk[: max(self.limit - len(self._head), 0)]
        self._head += kept
        rest = chunk[len(kept) :]
        if rest:
            self.dropped += len(rest)
            self._tail = (self._tail + rest[-TAIL_BYTES:])[-TAIL_BYTES:]
        return self._live.decode(kept) if kept else ""

    def end(self) -> str:
        """The text to show when nothing more comes: an unfinished character, replaced."""
        return "" if self.dropped else self._live.decode(b"", final=True)

    def text(self) -> str:
        """What was kept, unmasked, without one trailing newline; a character cut by the limit is left out."""
        text = _decoder("replace").decode(bytes(self._head), final=not self.dropped)
        return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text

    def masked(self, mask: _Mask) -> str:
        """What `text` gives, without secrets, nor the beginning of one at the limit."""
        return mask(self.text(), cut_end=bool(self.dropped))

    def last_lines(self, mask: _Mask) -> str:
        """The last `TAIL_LINES` lines of all that came, at most `TAIL_BYTES` of them, without secrets."""
        last = (bytes(self._head[-TAIL_BYTES:]) + self._tail)[-TAIL_BYTES:]
        cut = len(self._head) + self.dropped > len(last)
        if cut:
            last = last.lstrip(_CONTINUATION)
        text = mask(last.decode(errors="replace"), cut_start=cut)
        return "\n".join(text.rstrip().split("\n")[-TAIL_LINES:])
