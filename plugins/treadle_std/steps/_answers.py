"""What an answer says: its text, its JSON, when to come back. Pure.

Rule: the peer's word is untrusted. Nothing it sends can raise anything here but a `StepError`.
"""

from __future__ import annotations

import codecs
import re
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs

from treadle.plugin import OnlyIf, StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_RETRY_AFTER_SECONDS = 86_400.0
"""A peer cannot hold a step longer than this."""

_TEXT_CODECS = (
    r"utf-(8|16|16-le|16-be|32|32-le|32-be)|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-roman|tis-620"
    r"|shift_jis\w*|euc_\w+|iso2022_\w+|gb2312|gbk|gb18030|big5\w*|johab"
)
"""Encodings of text. The standard library has others (``unicode_escape``, ``punycode``), not for pages."""


@attrs.frozen(eq=False, repr=False)
class HttpAnswer:
    """What the peer answered.

    Attributes:
      status: code, as 200.
      headers: by name in lower case; a repeated one is joined by ``, ``.
      body: as text in the encoding it declares, else UTF-8, with replacement; null with ``parse: none``.
      json: the body read as JSON; null where it was not.
      url: what answered, after redirects.
      elapsed: seconds from the first look-up to the last byte.

    Example:
      ``{status: 200, headers: {content-type: application/json}, body: '{"ok": true}', json: {ok: true},``
      ``url: "https://example.com/healthz", elapsed: 0.12}``
    """

    status: int
    headers: dict[str, str]
    body: Annotated[str | None, OnlyIf("parse", "auto", "text", "json")]
    json: Any
    url: str
    elapsed: float


def text_of(body: bytes, content_type: str, hidden: Iterable[str] = ()) -> str:
    """*body* as text, each of *hidden* masked."""
    declared = re.search(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", content_type, re.IGNORECASE)
    text = body.decode(_codec(declared[1] if declared else "utf-8"), "replace")
    return masked(text.removeprefix("\ufeff"), hidden)


def masked(text: str, hidden: Iterable[str]) -> str:
    """*text* with each of *hidden* replaced by ``***``, as a peer may send a request's headers back."""
    for secret in hidden:
        text = text.replace(secret, "***")
    return text


def _codec(name: str) -> str:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return "utf-8"
    return found if re.fullmatch(_TEXT_CODECS, found) else "utf-8"


def json_of(
    text: str,
    parse: Literal["auto", "text", "json", "none"],
    content_type: str,
    mask: Callable[[str], str] = str,
) -> Any:
    """*text* read as JSON where *parse* says so: ``auto`` means where the peer declares it.

    *mask* takes secrets out of what is shown of it in an error.

    Raises StepError ``output``: it is not JSON. NaN, numbers out of range and lone surrogates are not.
    """
    media = content_type.partition(";")[0].strip().lower()
    declared = media == "application/json" or media.endswith("+json")
    if parse != "json" and not (parse == "auto" and declared and text):
        return None
    import msgspec  # here, since validating a spec needs none of it

    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as exc:
        raise StepError(
            "output",
            f"the answer's body is not JSON: {exc}; set parse: text to take it as it is",
            data={"body": mask(text)[:2000]},
        ) from None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that ``Retry-After`` asks to wait, at most a day; None without a readable one.

    Args:
      headers: by name in lower case.
      now: wall clock, seconds since 1970, for a peer that gives a date but not its own clock.
    """
    said = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,15}", said):
        return min(float(said), MAX_RETRY_AFTER_SECONDS)
    until = _date(said)
    if until is None:
        return None
    # Both dates by the peer's clock: ours may differ.
    since = _date(headers.get("date", ""))
    return min(max(until - (now if since is None else since), 0.0), MAX_RETRY_AFTER_SECONDS)


def _date(text: str) -> float | None:
    """An HTTP date as seconds since 1970; None if *text* is none."""
    from email.utils import parsedate_to_datetime  # 5 ms that few answers are worth

    try:
        when = parsedate_to_datetime(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def unexpected(
    status: int, where: str, expected: Iterable[int | str], *, wait: float | None, data: Any
) -> StepError:
    """The failure ``http.status``, which answers to ``http.503`` and ``http.5xx`` too."""
    wanted = ", ".join(map(str, expected))
    return StepError(
        "http.status",
        f"{where} answered {status}, not {wanted}; list it in expect if it is right",
        retry_after=wait,
        data=data,
        also=(f"http.{status}", f"http.{status // 100}xx"),
    )
