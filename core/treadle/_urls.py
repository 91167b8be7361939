"""URLs in settings, and who chose the host in them.

Rule 1: a host counts as written only if no expression can have changed a character of it. What may be
        reached on a private network rests on this, so every doubt answers "not written".
Rule 2: a `Url` has one reading. Text that two URL parsers could take for two hosts is refused here.
"""

from __future__ import annotations

import re

import attrs

from treadle._values import Value

__all__ = ["Url", "url_from"]

# Texts, compiled when first used: many processes use none of them.
_URL = r"""(?xis)
    (?P<scheme> https? ) ://
    (?P<host> \[ [0-9A-Fa-f:.]+ \] | [^\s/?\#@:\[\]\\%$]+ )
    (?: : (?P<port> [0-9]{0,5} ) )?
    (?P<rest> [/?\#] .* )?
    """
_WRITTEN_HOST = r"(?i:https?)://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]\\%$]+)(?=[:/?#]|\Z)"


@attrs.frozen(eq=False, repr=False)
class Url(Value):
    """A setting that holds an ``http`` or ``https`` URL.

    Attributes:
      text: the URL as the step is to use it.
      host_written: its host stands in the spec itself; False where an expression gave it, or may have.

    Raises:
      ValueError: it is not such a URL, or it holds a user name, a space or a control character. The
        message does not repeat the text, which may hold a secret.
    """

    text: str
    host_written: bool = True

    def __attrs_post_init__(self) -> None:
        if why := _wrong(self.text):
            raise ValueError(why)


def url_from(text: str, source: str) -> Url:
    """The `Url` of *text*, which is what *source* gave once its expressions had their values.

    The host is written if *source* begins with ``scheme://host`` followed by ``:``, ``/``, ``?``,
    ``#`` or its end, before any ``${{``. An expression for the port cannot move the host, since a
    URL with a user name (``http://written:1@other/``) is refused.
    """
    written = re.match(_WRITTEN_HOST, source)
    return Url(text, written is not None and text.startswith(written.group()))


def _wrong(text: str) -> str | None:
    parts = re.fullmatch(_URL, text)
    if any(c <= " " or c == "\x7f" for c in text):
        return "the URL holds a space or a control character; percent-encode it, as %20"
    if parts is None:
        return _why_not(text)
    if int(parts["port"] or 0) > 65535:
        return "the URL's port is over 65535; write one from 1 to 65535"
    return None


def _why_not(text: str) -> str:
    authority = re.match(r"https?://([^/?#]*)", text, re.IGNORECASE)
    if authority is None:
        return (
            "the URL does not begin with http:// or https://; write it in full, as https://example.com/path"
        )
    if "@" in authority[1]:
        return "the URL holds a user name or password; give them by auth: {basic: {user, password}}"
    return "the URL has no host that can be used; write it as https://example.com:8443/path"
