"""Secrets out of everything a run leaves behind.

Rule 1: a value is masked from the moment a step may have seen it, before anything else sees the result;
        also as base64 (wrapped too), URL-encoded (any mixture), escaped for JSON (once or twice), HTML or a
        shell, as Python shows it, and where output arrives in pieces or was cut.
Rule 2: text without secrets is only read, by means whose cost hardly grows with the number of forms:
        masking happens in the engine's loop.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

MASK = "***"
SHORTEST = 4  # masking every "a" or "17" would destroy all text and hide nothing

_GRAM = 8
_STRIDE = 33
_LONG = _GRAM + _STRIDE - 1
"""Wherever so long a form stands, one of its first pieces of `_GRAM` lies at a multiple of `_STRIDE`."""

# Texts, compiled when first used: most processes use few of them, and each takes a tenth of a millisecond.
_ESCAPES = r"((?:%[0-9A-Fa-f]{2})+)|[^%]+|%"
_GAPS = r"((?:[ \t\r\n]|\\[nr])+)|[^ \t\r\n\\]+|\\"
_BROKEN = "[0-9A-Fa-f]{0,2}(?:%[89ABab][0-9A-Fa-f]){0,3}"
"""What may be left of an escape, or of the escapes of one character, whose beginning is cut off."""
_UNFINISHED = r"(?:%[C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){0,2})?(?:%[0-9A-Fa-f]?)?\Z"
"""The end of an escape that is cut, or of a character of several bytes that may be."""

Span = tuple[int, int]


# --- the forms of a secret -------------------------------------------------------------------------


def _parts(secret: str) -> set[str]:
    """The secret, and what of it may stand alone."""
    parts = {secret, secret.strip(), *secret.splitlines(), *map(str.strip, secret.splitlines())}
    return {part for part in parts if len(part) >= SHORTEST}


def _bytes(text: str) -> bytes:
    """The bytes of *text*; those of the environment that are not UTF-8 stand in it as surrogates."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


def _written(text: str) -> Iterator[str]:
    """*text* as it may be written out."""
    yield text
    yield text.replace(" ", "+")
    yield _bytes(text).decode(errors="replace")  # what is left of bytes that are not UTF-8
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", r"\/")
        yield json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]  # a text of JSON within JSON
    yield from _quoted(text)


def _quoted(text: str) -> Iterator[str]:
    """*text* within quotes of Python, of a shell, and of HTML."""
    for shown in (repr(f'"{text}')[2:-1], ascii(f'"{text}')[2:-1], repr(b'"' + _bytes(text))[3:-1]):
        yield shown
        yield shown.replace(r"\'", "'")  # as where there is no double quote around
    for quote in (r"'\''", "'\"'\"'"):
        yield text.replace("'", quote)
    marked = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield marked
    for quote in ("&#x27;", "&#39;"):
        yield marked.replace('"', "&quot;").replace("'", quote)


def _base64(text: str) -> Iterator[str]:
    """*text* in base64, alone or inside a longer text, where it depends on where the secret begins."""
    raw = _bytes(text)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            # the characters that also carry bits of what stands before and behind are left out
            encoded = encode(b"\0" * shift + raw).decode().rstrip("=")
            yield encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(raw) + shift) % 3 else 0)]


# --- looking for forms -----------------------------------------------------------------------------


class _Index:
    """Forms by their beginnings and, the long ones, by their first pieces."""

    __slots__ = ("_beginnings", "_few", "_pieces")

    def __init__(self) -> None:
        self._beginnings: dict[str, list[str]] = {}
        self._few: list[str] = []  # short ones, looked for one by one
        self._pieces: dict[str, set[tuple[str, int]]] = {}

    def add(self, form: str) -> None:
        for length in range(1, SHORTEST + 1):
            self._beginnings.setdefault(form[:length], []).append(form)
        if len(form) < _LONG:
            self._few.append(form)
            return
        for at in range(_STRIDE):
            self._pieces.setdefault(form[at : at + _GRAM], set()).add((form, at))

    def found(self, text: str) -> set[str]:
        """The forms that stand in *text*."""
        near = set(self._few)
        if self._pieces and len(text) >= _LONG:
            pieces = {text[at : at + _GRAM] for at in range(0, len(text), _STRIDE)}
            for piece in self._pieces.keys() & pieces:
                near.update(form for form, _ in self._pieces[piece])
        return {form for form in near if form in text}

    def begun(self, text: str) -> list[tuple[int, str]]:
        """The places from which on *text* is the beginning of a form, and which; the leftmost first."""
        near = {
            (at - offset, form)
            for at in range(0, len(text) - _GRAM + 1, _STRIDE)
            for form, offset in self._pieces.get(text[at : at + _GRAM], ())
        }
        for place in range(max(len(text) - _LONG, 0), len(text)):
            near.update((place, form) for form in self._beginnings.get(text[place : place + SHORTEST], ()))
        return sorted(
            (place, form)
            for place, form in near
            if place >= 0 and len(text) - place < len(form) and form.startswith(text[place:])
        )


class _Reading:
    """One way to read a text, and the forms that are looked for in what is read."""

    __slots__ = ("_ends", "_forms", "_reach", "_starts")

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._starts = _Index()
        self._ends = _Index()  # of the forms written backwards
        self._reach = 0  # how many characters of a text a form can take up, about

    def add(self, form: str) -> None:
        if len(form) < SHORTEST or form in self._forms:
            return
        self._forms.add(form)
        self._starts.add(form)
        self._ends.add(form[::-1])
        self._reach = max(self._reach, self._size(form))

    def spans(self, text: str) -> dict[str, list[Span]]:
        """Where each form stands in *text*."""
        if not self._forms or not self._applies(text) or not self._starts.found(self._quick(text)):
            return {}
        read, marks = self._read(text)
        return {
            form: [(_place(marks, start), _end(marks, end)) for start, end in _occurrences(form, read)]
            for form in self._starts.found(read)
        }

    def begun(self, text: str, spans: dict[str, list[Span]]) -> int:
        """Where the end of *text* may be the beginning of a form that does not begin within itself."""
        start = max(len(text) - self._reach, 0)
        tail = text[start:]
        if not self._applies(tail):
            return len(text)
        whole = self._whole(tail)
        read, marks = self._read(tail[:whole])
        for place, form in self._starts.begun(read):
            at = start + _place(marks, place)
            if form not in spans or at >= spans[form][-1][1]:
                return at
        return start + whole

    def ended(self, text: str) -> int:
        """How many characters at the beginning of *text* may be the end of a form."""
        most = 0
        for skipped in self._broken(text):
            read, marks = self._read(text[skipped : skipped + self._reach])
            for place, _ in self._ends.begun(read[::-1])[:1]:
                most = max(most, skipped + _place(marks, len(read) - place))
        return most

    def _size(self, form: str) -> int:
        """How many characters *form* can take up."""
        return len(form)

    # what other readings do otherwise

    def _applies(self, text: str) -> bool:
        """Whether reading *text* gives anything but the text, in which the plain reading finds all."""
        return True

    def _quick(self, text: str) -> str:
        """About what `_read` gives, without the places."""
        return text

    def _read(self, text: str) -> tuple[str, Sequence[Span]]:
        """What is read, and pairs of places in it and in *text* from which on both run in parallel."""
        return text, ((0, 0),)

    def _whole(self, text: str) -> int:
        """Where something unfinished begins at the end of *text*."""
        return len(text)

    def _broken(self, text: str) -> Iterable[int]:
        """How many characters of something cut may stand at the beginning of *text*."""
        return (0,)


class _Unquoted(_Reading):
    """Reads through the escapes of URLs: any mixture, in upper and lower case, ``+`` as a space."""

    __slots__ = ()

    def add(self, form: str) -> None:
        super().add(form.replace("+", " "))

    def _size(self, form: str) -> int:
        return 3 * len(_bytes(form))

    def _applies(self, text: str) -> bool:
        return "%" in text

    def _quick(self, text: str) -> str:
        return urllib.parse.unquote(text, errors="surrogateescape").replace("+", " ")

    def _read(self, text: str) -> tuple[str, Sequence[Span]]:
        def decoded(escapes: str) -> Iterator[tuple[str, int]]:
            for char in bytes.fromhex(escapes.replace("%", "")).decode(errors="surrogateescape"):
                yield char, 3 * len(_bytes(char))

        read, marks = _through(re.compile(_ESCAPES), text, decoded)
        return read.replace("+", " "), marks

    def _whole(self, text: str) -> int:
        near = max(len(text) - 12, 0)
        cut = re.compile(_UNFINISHED).search(text, near)
        return len(text) if cut is None else cut.start()

    def _broken(self, text: str) -> Iterable[int]:
        cut = re.match(_BROKEN, text)
        return range(1 if cut is None else cut.end() + 1)


class _Unwrapped(_Reading):
    """Reads over the ends of lines."""

    __slots__ = ()

    def _size(self, form: str) -> int:
        return 2 * len(form)

    def _applies(self, text: str) -> bool:
        return "\n" in text or r"\n" in text or text.endswith((" ", "\t", "\r", r"\r", "\\"))

    def _quick(self, text: str) -> str:
        for gap in (r"\n", r"\r", "\n", "\r", " ", "\t"):
            text = text.replace(gap, "")
        return text

    def _read(self, text: str) -> tuple[str, Sequence[Span]]:
        return _through(re.compile(_GAPS), text, lambda gap: [("", len(gap))])

    def _whole(self, text: str) -> int:
        return len(text) - text.endswith("\\")


def _through(
    pattern: re.Pattern[str], text: str, special: Callable[[str], Iterable[tuple[str, int]]]
) -> tuple[str, list[Span]]:
    """*text* with what the pattern's group matches replaced by pieces, each with the length it stood for."""
    read: list[str] = []
    marks: list[Span] = []
    at = place = 0
    for match in pattern.finditer(text):
        found = match[0]
        for piece, length in special(found) if match[1] is not None else [(found, len(found))]:
            marks.append((at, place))
            read.append(piece)
            at += len(piece)
            place += length
    marks.append((at, place))
    return "".join(read), marks


def _place(marks: Sequence[Span], at: int) -> int:
    """The place in the text of the place *at* in what was read of it."""
    start, place = marks[bisect_right(marks, (at, 1 << 62)) - 1]
    return place + at - start


def _end(marks: Sequence[Span], at: int) -> int:
    """As `_place`, but before what was left out there: what ends does not take the gap behind it along."""
    first = bisect_left(marks, (at, 0))
    return marks[first][1] if first < len(marks) and marks[first][0] == at else _place(marks, at)


def _occurrences(form: str, text: str) -> Iterator[Span]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + len(form))


# --- masking ---------------------------------------------------------------------------------------


class Masker:
    """Replaces the secrets it was told of."""

    __slots__ = ("_plain", "_readings", "_secrets", "_unquoted", "_unwrapped")

    def __init__(self) -> None:
        self._secrets: AbstractSet[str] = frozenset()

    def add(self, secret: str) -> None:
        """Mask *secret* from now on. One under four characters is masked only as a whole value."""
        if secret in self._secrets or not secret:
            return
        if not self._secrets:  # most runs have none, and there may be many runs
            self._plain = _Reading()
            self._unquoted = _Unquoted()
            self._unwrapped = _Unwrapped()
            self._readings = (self._plain, self._unquoted, self._unwrapped)
        self._secrets |= {secret}
        for part in _parts(secret):
            self._unquoted.add(part)
            for form in _written(part):
                self._plain.add(form)
            for form in _base64(part):
                self._plain.add(form)
                self._unwrapped.add(form)

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def text(self, text: str, *, cut_start: bool = False, cut_end: bool = False) -> str:
        """*text* without secrets; where it was cut, also without what may be a piece of one at that edge."""
        if not self._secrets:
            return text
        if text in self._secrets:
            return MASK
        if len(text) < SHORTEST and not (cut_start or cut_end):
            return text
        spans = self._spans(text)
        groups = _merged(spans)
        start = self._ended(text, groups) if cut_start else 0
        end = self._begun(text, spans, groups) if cut_end else len(text)
        return _shown(text, groups, start, end)

    def split(self, text: str) -> tuple[str, str]:
        """What can be shown of *text* whatever follows, masked; and the rest, which may begin a secret.

        A secret that is whole already may still be the beginning of a longer one.
        """
        spans = self._spans(text)
        groups = _merged(spans)
        end = self._begun(text, spans, groups)
        return _shown(text, groups, 0, end), text[end:]

    def _spans(self, text: str) -> list[dict[str, list[Span]]]:
        return [reading.spans(text) for reading in self._readings]

    def _begun(self, text: str, spans: list[dict[str, list[Span]]], groups: list[Span]) -> int:
        """Where the end of *text* begins that may belong to a secret which is not whole yet."""
        readings = zip(self._readings, spans, strict=True)
        begun = min(reading.begun(text, found) for reading, found in readings)
        return next((start for start, end in groups if start < begun < end), begun)

    def _ended(self, text: str, groups: list[Span]) -> int:
        """Where the beginning of *text* ends that may belong to a secret whose own beginning is cut off."""
        ended = max(reading.ended(text) for reading in self._readings)
        return next((end for start, end in groups if start < ended < end), ended)

    def data(self, value: Any) -> Any:
        """Plain *value* without secrets, keys included; the same object where there is nothing to mask."""
        if not self._secrets:
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


def _merged(spans: Iterable[dict[str, list[Span]]]) -> list[Span]:
    """All spans in order, those that overlap made one."""
    groups: list[Span] = []
    for start, end in sorted(span for found in spans for places in found.values() for span in places):
        if groups and start < groups[-1][1]:
            groups[-1] = (groups[-1][0], max(end, groups[-1][1]))
        else:
            groups.append((start, end))
    return groups


def _shown(text: str, groups: list[Span], start: int, end: int) -> str:
    """*text* from *start* to *end*, neither within a group, with the groups masked."""
    pieces: list[str] = []
    for first, last in groups:
        if first < start:
            continue
        if first >= end:
            break
        pieces += (text[start:first], MASK)
        start = last
    pieces.append(text[start:end])
    return "".join(pieces)


class StreamMasker:
    """Masks text that arrives in pieces: holds back what may be the beginning of a secret."""

    __slots__ = ("_held", "_masker")

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = ""

    def feed(self, text: str) -> str:
        """What may be shown now of all that came."""
        shown, self._held = self._masker.split(self._held + text)
        return shown

    def flush(self) -> str:
        """The rest. A long beginning of a secret is masked: the stream may have been cut within it."""
        held, self._held = self._held, ""
        kept = self._masker.text(held, cut_end=True)
        return kept + MASK if len(held) - len(kept) >= SHORTEST else self._masker.text(held)
