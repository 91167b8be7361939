"""The step type ``http``: one call, whatever the peer does.

Rule: validating a spec imports this module, so httpx comes in only when a step runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import Step, StepType, hookimpl
from treadle_std.steps._answers import HttpAnswer
from treadle_std.steps._call import IDEMPOTENT, Call, outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Http(Call):
    """Call a URL and read the answer.

    A step without a ``timeout`` is given five minutes. A host written out in the spec may be private;
    one that comes from an expression or from a redirect may not, unless *allow_private*; link-local and
    metadata addresses always need it. ``X-Correlation-Id`` is sent unless *headers* has one.

    ``Retry-After`` is heeded, up to a day.

    Args:
      url: ``http`` or ``https``, without a user name.
      method: in capitals.
      headers: sent as they are.
      params: added to the URL's query, encoded; a list gives its name several times.
      json: body, sent as JSON.
      form: body, sent as a web form does.
      body: body, sent as UTF-8; set ``Content-Type`` by *headers*. At most one of the three.
      auth: ``{basic: {user, password}}`` or ``{bearer: token}``.
      expect: the statuses that are a success: a code, a class as ``2xx``, or a list of them.
      redirects: how many to follow, at most 20. Another origin gets no credentials: of *headers* only
        ``Accept``, ``Accept-Language``, ``Content-Type`` and ``User-Agent``. From https to http is refused.
      parse: ``auto`` reads JSON where the peer declares it; ``json`` always; ``text`` never; ``none``
        does not read the body at all.
      max_body: size of the largest body taken, counted after unpacking; at most 1GiB.
      verify: whether the certificate of an https peer is checked, or the file of the authorities to trust.
      allow_private: let any address be reached.

    Raises:
      ValueError: a setting cannot be sent, or two exclude each other.

    Errors:
      ``http.status``, which answers to ``http.503`` and ``http.5xx`` too, and whose data holds ``status``,
      ``headers`` and the beginning of the ``body``; ``http.connect``, nobody was reached, or it may not be;
      ``http.protocol``, TLS, broken HTTP, a body too large, too many redirects; ``output``, broken JSON, or a
      body that cannot be sent; ``timeout``.

    Example:
      ``http: {url: "https://example.com/healthz", expect: 200}``
    """


async def fetch(config: Http, step: Step) -> HttpAnswer:
    """Run one attempt."""
    from treadle_std.steps._exchange import exchange

    return await exchange(outgoing(config, step), config, step)


def _repeatable(config: Http) -> bool:
    """With GET, HEAD, PUT, DELETE or OPTIONS, or with an ``Idempotency-Key`` among its headers."""
    return config.method in IDEMPOTENT or any(name.lower() == "idempotency-key" for name in config.headers)


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """The step type of this module."""
    return [
        StepType(name="http", config=Http, output=HttpAnswer, run=fetch, main="url", repeatable=_repeatable)
    ]
