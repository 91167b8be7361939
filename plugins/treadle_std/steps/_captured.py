"""What a program says on one stream: its beginning as output, its end for those who ask why it failed.

Rule: memory is bounded by the limit plus `TAIL_BYTES`, however much comes.
"""

from __future__ import annotations

import codecs

__all__ = ["Captured"]

TAIL_BYTES = 4096
TAIL_LINES = 20

_decoder = codecs.getincrementaldecoder("utf-8")


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
        """What was kept, without one trailing newline; a character cut by the limit is left out."""
        text = _decoder("replace").decode(bytes(self._head), final=not self.dropped)
        return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text

    def last_lines(self) -> str:
        """The last `TAIL_LINES` lines of all that came, at most `TAIL_BYTES` of them."""
        last = (bytes(self._head[-TAIL_BYTES:]) + self._tail)[-TAIL_BYTES:]
        return "\n".join(last.decode(errors="replace").rstrip().split("\n")[-TAIL_LINES:])
