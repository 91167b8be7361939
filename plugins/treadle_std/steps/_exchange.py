"""One call over HTTP, from its first look-up to the last byte, against a peer that may be hostile.

    outgoing ──hop──▶ reply ─┬─ a redirect, if asked for ──▶ the next hop, judged anew
                             ├─ a status that was not expected: an excerpt of the body, http.status
                             └─ the body, decoded as it comes, up to max_body ──▶ HttpAnswer

Rule 1: one bound for all of it: the step's own ``timeout``, or `TOTAL_SECONDS` where it has none, whatever
        bound the workflow has. No timeout per read: a peer that drips keeps those happy for ever.
Rule 2: a redirect never widens what a call may do: it hands no credentials on, reaches no private host and
        leaves no encrypted connection for a plain one.
Rule 3: imported only by steps that call out: httpx takes longer to import than the rest of treadle.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import attrs
import httpx
import trio

from treadle.plugin import Step, StepError, Url
from treadle_std.steps._answers import HttpAnswer, json_of, retry_after, text_of, unexpected
from treadle_std.steps._wire import Hop, Reply, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from treadle_std.steps._call import Call, Outgoing

TOTAL_SECONDS = 300.0
"""Bound of a call in a step without a ``timeout``."""
EXCERPT_BYTES = 2000
EXCERPT_SECONDS = 2.0
"""How long the body of a failure is waited for: the failure is known without it."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CROSSING = frozenset({"accept", "accept-language", "content-type", "user-agent", "x-correlation-id"})
"""Headers that may go to another origin; any other may be a credential."""


async def exchange(request: Outgoing, call: Call, step: Step) -> HttpAnswer:
    """Send *request* and give the answer that *call* asked for.

    Raises StepError ``http.connect``, ``http.protocol``, ``http.status``, ``output`` or ``timeout``.
    """
    started = trio.current_time()
    hop = _first_hop(request)
    with trio.move_on_after(TOTAL_SECONDS if step.timeout is None else math.inf):
        answer = await _follow(hop, request, call, step)
        return attrs.evolve(answer, elapsed=trio.current_time() - started)
    raise StepError(
        "timeout",
        f"{hop.shown} had not answered in full after {TOTAL_SECONDS:g} s; set timeout for another bound",
    )


def _first_hop(request: Outgoing) -> Hop:
    try:
        url = httpx.URL(request.url)
    except (httpx.InvalidURL, UnicodeEncodeError) as exc:
        raise StepError("http.connect", f"the URL cannot be used: {exc}; check its host") from None
    # Secrets are masked by their exact text. Where an expression gave the host, the whole URL may be one, and
    # a part of it would not be masked; otherwise one may stand in the path, which is shown as it was given.
    shown = re.split("[?#]", request.url, maxsplit=1)[0] if request.host_written else _origin(url)
    return Hop(
        method=request.method,
        url=url,
        headers=request.headers,
        content=request.content,
        written=request.host_written,
        shown=shown,
    )


async def _follow(hop: Hop, request: Outgoing, call: Call, step: Step) -> HttpAnswer:
    final = request.url
    for _ in range(call.redirects + 1):
        async with send(
            hop,
            verify=call.verify,
            allow_private=call.allow_private,
            hidden=request.hidden,
            mask=step.mask,
        ) as reply:
            location = reply.headers.get("location")
            if call.redirects == 0 or reply.status not in _REDIRECTS or location is None:
                if not call.expects(reply.status):
                    raise await _unexpected(hop, reply, call, request.hidden, step)
                return await _answer(hop, reply, call, final, request.hidden, step.mask)
        hop = _next_hop(hop, reply.status, location)
        final = str(hop.url)
    raise StepError(
        "http.protocol",
        f"more than {call.redirects} redirects, the last to {hop.shown}; raise redirects unless it is a loop",
    )


async def _answer(
    hop: Hop, reply: Reply, call: Call, final: str, hidden: tuple[str, ...], mask: Callable[[str], str]
) -> HttpAnswer:
    """Read the body of the last hop. The answer's time is still to be filled in."""
    if call.parse == "none":
        return HttpAnswer(reply.status, reply.headers, None, None, final, 0.0)
    try:
        body, whole = await reply.read(call.max_body)
    except ValueError as exc:
        raise StepError("http.protocol", f"the answer of {hop.shown} cannot be read: {exc}") from None
    if not whole:
        why = f"the answer of {hop.shown} is larger than {call.max_body} bytes; set max_body for more"
        raise StepError("http.protocol", why)
    kind = reply.headers.get("content-type", "")
    text = text_of(body, kind, hidden)
    return HttpAnswer(reply.status, reply.headers, text, json_of(text, call.parse, kind, mask), final, 0.0)


async def _unexpected(hop: Hop, reply: Reply, call: Call, hidden: tuple[str, ...], step: Step) -> StepError:
    body = await reply.excerpt(EXCERPT_BYTES, seconds=EXCERPT_SECONDS)
    text = text_of(body, reply.headers.get("content-type", ""), hidden)
    text = step.mask(text, cut_end=len(body) >= EXCERPT_BYTES)
    return unexpected(
        reply.status,
        f"{hop.method} {hop.shown}",
        call.expected(),
        wait=retry_after(reply.headers, step.now()),
        data={"status": reply.status, "headers": reply.headers, "body": text},
    )


# --- redirects -------------------------------------------------------------------------------------


def _next_hop(hop: Hop, status: int, location: str) -> Hop:
    """The request that a redirect asks for; StepError ``http.protocol`` if it may not be followed."""
    url = _target(hop, location)
    same = _origin(url) == _origin(hop.url)
    keep = {name: value for name, value in hop.headers.items() if same or name.lower() in _CROSSING}
    method, content = hop.method, hop.content
    if _becomes_get(status, method):
        method, content = "GET", None
        keep = {name: value for name, value in keep.items() if name.lower() != "content-type"}
    # On the same origin the author's leave to reach a private host still holds: it is the same peer.
    written = hop.written and same
    return Hop(method=method, url=url, headers=keep, content=content, written=written, shown=_origin(url))


def _target(hop: Hop, location: str) -> httpx.URL:
    try:
        url = hop.url.join(location)
        Url(str(url))
    except (httpx.InvalidURL, ValueError) as exc:
        raise StepError("http.protocol", f"{hop.shown} redirects to what cannot be called: {exc}") from None
    if hop.url.scheme == "https" and url.scheme != "https":
        why = f"{hop.shown} redirects from https to http; call {_origin(url)} itself if that is right"
        raise StepError("http.protocol", why)
    return url


def _becomes_get(status: int, method: str) -> bool:
    """What browsers do (RFC 9110, 15.4): 303 always asks for a GET, 301 and 302 after a POST."""
    if method == "HEAD":
        return False
    return status == 303 or (status in (301, 302) and method == "POST")


def _origin(url: httpx.URL) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    port = f":{url.port}" if url.port is not None else ""
    return f"{url.scheme}://{host}{port}"
