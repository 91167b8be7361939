"""Secrets out of everything a run leaves behind.

Rule: a value is masked from the moment a step may have seen it, before anything else sees the result;
also as base64, URL-encoded and JSON-escaped, and where output arrives in pieces.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = "***"
_SHORTEST = 4  # masking every "a" or "17" would destroy all text and hide nothing


def _disguises(secret: str) -> Iterator[str]:
    """The forms in which *secret* may turn up."""
    for text in (secret, *(line for line in secret.splitlines() if len(line) >= _SHORTEST)):
        yield text
        yield urllib.parse.quote(text)
        yield urllib.parse.quote(text, safe="")
        yield urllib.parse.quote_plus(text)
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        raw = text.encode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            for shift in range(3):  # inside a longer text, the encoding depends on where the secret begins
                # the characters that also carry bits of what stands before and behind are left out
                encoded = encode(b"\0" * shift + raw).decode().rstrip("=")
                whole = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(raw) + shift) % 3 else 0)]
                if len(whole) >= _SHORTEST:
                    yield whole


class Masker:
    """Replaces the secrets it was told of."""

    __slots__ = ("_forms", "_pattern", "longest")

    def __init__(self) -> None:
        self._forms: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self.longest = 0

    def add(self, secret: str) -> None:
        """Mask *secret* from now on. One under four characters is masked only as a whole value."""
        if secret in self._forms or not secret:
            return
        self._forms |= {secret, *(form for form in _disguises(secret) if len(form) >= _SHORTEST)}
        searched = sorted((form for form in self._forms if len(form) >= _SHORTEST), key=len, reverse=True)
        self.longest = len(searched[0]) if searched else 0
        self._pattern = re.compile("|".join(map(re.escape, searched))) if searched else None

    def __bool__(self) -> bool:
        return bool(self._forms)

    def text(self, text: str) -> str:
        """*text* without secrets."""
        if text in self._forms:
            return MASK
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def settled(self, text: str) -> int:
        """How many characters of *text* can be masked whatever follows; the rest may begin a secret.

        A secret that is whole already may still be the beginning of a longer one.
        """
        if self._pattern is None:
            return len(text)
        masked = 0
        while True:
            begun = self._begun(text, masked)
            found = self._pattern.search(text, masked)
            if found is None or found.start() >= begun:
                return begun
            masked = found.end()

    def _begun(self, text: str, start: int) -> int:
        """Where, from *start* on, the end of *text* may be the beginning of a secret."""
        for place in range(max(start, len(text) - self.longest + 1), len(text)):
            tail = text[place:]
            if any(len(form) > len(tail) and form.startswith(tail) for form in self._forms):
                return place
        return len(text)

    def data(self, value: Any) -> Any:
        """Plain *value* without secrets, keys included; the same object where there is nothing to mask."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = str(value)  # a secret of digits, parsed as a number
            return value if self.text(shown) == shown else MASK
        return value


class StreamMasker:
    """Masks text that arrives in pieces: holds back what may be the beginning of a secret."""

    __slots__ = ("_held", "_masker")

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = ""

    def feed(self, text: str) -> str:
        """What may be shown now of all that came."""
        text = self._held + text
        cut = self._masker.settled(text)
        self._held = text[cut:]
        return self._masker.text(text[:cut])

    def flush(self) -> str:
        """The rest."""
        held, self._held = self._held, ""
        return self._masker.text(held)
