"""What the settings of ``http`` and ``webhook`` share, and the request they come to.

Rule 1: everything that goes on the wire is checked here, so that no value can add a header or a second
        request, and a mistake is a problem of the settings, not of the network.
Rule 2: the text of the URL is never rewritten, only added to: secrets are masked by their exact text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode

import attrs

from treadle.plugin import Bytes, Step, StepError, Url

T = TypeVar("T")
Scalar = str | int | float | bool
Parse = Literal["auto", "text", "json", "none"]

MAX_REDIRECTS = 20
MAX_BODY_BYTES = 1 << 30
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods that may simply be sent again (RFC 9110, 9.2.2)."""

# Texts, compiled when first used: most processes use few of them, and each takes a tenth of a millisecond.
_METHOD = r"[A-Z]{1,20}"
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = r"[!-~](?:[\t -~]*[!-~])?|"
_CLASS = r"[1-5]xx"
_OWN = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "keep-alive", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "proxy-authorization", "proxy-connection"}
)
"""Headers that follow from how the step speaks HTTP."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Basic:
    """A user name and a password.

    Args:
      user: without a colon.
      password: usually ``${{ secrets.NAME }}``.

    Raises:
      ValueError: the user name holds a colon.
    """

    user: str
    password: str = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        if ":" in self.user:
            raise ValueError("a user name cannot hold a colon in basic authentication")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Auth:
    """How the call shows who it is; one of the two.

    Args:
      basic: user name and password.
      bearer: a token, usually ``${{ secrets.NAME }}``.

    Raises:
      ValueError: none or both are given, or the token cannot stand in a header.
    """

    basic: Basic | None = None
    bearer: str | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.basic is None) == (self.bearer is None):
            raise ValueError("auth takes one of basic: {user, password} and bearer: TOKEN")
        if self.bearer is not None and not re.fullmatch(r"[!-~]+", self.bearer):
            raise ValueError("bearer is empty or holds a character that no token can")

    def header(self) -> str:
        """The value of ``Authorization``."""
        if self.basic is None:
            return f"Bearer {self.bearer}"
        pair = f"{self.basic.user}:{self.basic.password}".encode(errors="surrogateescape")
        return f"Basic {base64.b64encode(pair).decode()}"

    def hidden(self) -> tuple[str, ...]:
        """What gives a secret away and core does not mask: it knows the password, not the pair in base64."""
        return () if self.basic is None else (self.header().removeprefix("Basic "),)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Call:
    """The settings of a call; `Http` and `Webhook` say what each means."""

    url: Url
    method: str = "GET"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    params: Mapping[str, Scalar | list[Scalar]] = attrs.field(factory=dict)
    json: Any = None
    form: Mapping[str, Scalar | list[Scalar]] | None = None
    body: str | None = None
    auth: Auth | None = None
    expect: int | str | list[int | str] = "2xx"
    redirects: int = 0
    parse: Parse = "auto"
    max_body: Bytes = 1 << 20
    verify: bool | str = True
    allow_private: bool = False

    def __attrs_post_init__(self) -> None:
        _check_method(self.method)
        _check_headers(self.headers, self.auth)
        for expected in self.expected():
            _check_expected(expected)
        _check_range("redirects", self.redirects, MAX_REDIRECTS)
        _check_range("max_body", self.max_body, MAX_BODY_BYTES)
        given = [name for name in ("json", "form", "body") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given, but a call has one body; keep one of them")

    def expected(self) -> list[int | str]:
        """`expect` as a list of codes and classes."""
        return list(self.expect) if isinstance(self.expect, list | tuple) else [self.expect]

    def expects(self, status: int) -> bool:
        """Whether *status* is one that was asked for."""
        return any(expected in (status, f"{status // 100}xx") for expected in self.expected())


def _check_method(method: str) -> None:
    if re.fullmatch(_METHOD, method) is None or method in ("CONNECT", "TRACE"):
        raise ValueError(f"method {method!r} cannot be sent; write one as GET or POST, in capitals")


def _check_headers(headers: Mapping[str, str], auth: Auth | None) -> None:
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if re.fullmatch(_TOKEN, name) is None:
            raise ValueError(f"{name!r} cannot be the name of a header; use letters, digits and -")
        if re.fullmatch(_VALUE, value) is None:
            raise ValueError(
                f"header {name} holds a line break, an outer space or a character outside ASCII; encode it"
            )
        if lower in _OWN:
            raise ValueError(f"header {name} is set by the step itself; leave it out")
        if lower in seen or (lower == "authorization" and auth is not None):
            raise ValueError(f"header {name} is given twice; keep one")
        seen.add(lower)


def _check_expected(expected: int | str) -> None:
    right = re.fullmatch(_CLASS, expected) if isinstance(expected, str) else 100 <= expected <= 599
    if not right:
        raise ValueError(
            f"expect {expected!r} is no status; write a code as 204, a class as 2xx, or a list of them"
        )


def _check_range(name: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"{name} is {value}; write a number from 0 to {most}")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Outgoing:
    """A request ready to be sent.

    Attributes:
      url: as written, with the params added.
      host_written: see `Url`.
      headers: by name as they are sent.
      content: the body; None for none.
      hidden: texts that carry a secret in a form that core does not know, to be masked in what comes back.
    """

    method: str
    url: str
    host_written: bool
    headers: Mapping[str, str]
    content: bytes | None
    hidden: tuple[str, ...] = ()


def outgoing(call: Call, step: Step, extra: Mapping[str, str] | None = None) -> Outgoing:
    """The request that *call* means; *extra* headers give way to those of the author."""
    content, content_type = _content(call)
    headers = {"User-Agent": "treadle", "Accept": "*/*"}
    if content_type is not None:
        headers["Content-Type"] = content_type
    headers["X-Correlation-Id"] = quote(step.correlation_id, safe=":/@+=,;")
    headers |= extra or {}
    if call.auth is not None:
        headers["Authorization"] = _encoded("auth", Auth.header, call.auth)
    written = {name.lower() for name in call.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in written}
    return Outgoing(
        method=call.method,
        url=_with_params(call.url.text, call.params),
        host_written=call.url.host_written,
        headers=headers | dict(call.headers),
        content=content,
        hidden=call.auth.hidden() if call.auth is not None else (),
    )


def _content(call: Call) -> tuple[bytes | None, str | None]:
    """The body of a call and its type."""
    if call.json is not None:
        import msgspec  # here, since validating a spec needs none of it

        return _encoded("json", msgspec.json.encode, call.json), "application/json"
    if call.form is not None:
        form = _encoded("form", urlencode, list(_pairs(call.form)))
        return form.encode(), "application/x-www-form-urlencoded"
    if call.body is not None:
        return _encoded("body", str.encode, call.body), "text/plain; charset=utf-8"
    return None, None


def _encoded(setting: str, encode: Callable[[Any], T], value: Any) -> T:
    """*value* as it is sent. Raises StepError ``output`` where it is no text that could be."""
    try:
        return encode(value)
    except UnicodeEncodeError:
        why = "holds half a character (a lone surrogate), or bytes that are not UTF-8, and cannot be sent"
        raise StepError("output", f"{setting} {why}") from None


def _with_params(url: str, params: Mapping[str, Scalar | list[Scalar]]) -> str:
    added = _encoded("params", lambda pairs: urlencode(pairs, quote_via=quote), list(_pairs(params)))
    if not added:
        return url
    base, hash_sign, fragment = url.partition("#")
    joint = "?" if "?" not in base else "" if base.endswith(("?", "&")) else "&"
    return f"{base}{joint}{added}{hash_sign}{fragment}"


def _pairs(values: Mapping[str, Scalar | list[Scalar]]) -> Iterable[tuple[str, str]]:
    """Names with values; a list gives its name once for each value."""
    for name, value in values.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            yield name, str(one).lower() if isinstance(one, bool) else str(one)
