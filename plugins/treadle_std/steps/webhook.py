"""The step type ``webhook``: tell another system that something happened.

Rule 1: every attempt of a step carries the same delivery id, so that a receiver can drop what it has seen.
Rule 2: what is signed is exactly the bytes that are sent.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import SecretName, Step, StepType, hookimpl
from treadle_std.steps._answers import HttpAnswer
from treadle_std.steps._call import Call, outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Sign:
    """How the receiver can tell that a delivery is genuine and fresh.

    ``X-Treadle-Signature: t=SECONDS,v1=HEX`` is sent: the time in seconds since 1970, and the HMAC-SHA256,
    under the secret, of that number, a full stop and the raw body. It is made anew for each attempt.

    Args:
      secret: name of the secret that both sides know.
    """

    secret: SecretName


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Webhook(Call):
    """Deliver a message to a URL, once for those who look at its id.

    ``X-Treadle-Delivery`` and ``Idempotency-Key`` carry an id that stays the same over the
    attempts of a step. The rest is as in ``http``, also how it fails.

    Args:
      url: ``http`` or ``https``; often ``${{ secrets.NAME }}``.
      json: the message, sent as JSON.
      form: the message, sent as a web form does.
      body: the message, sent as UTF-8. At most one of the three.
      method: in capitals.
      headers: sent as they are.
      sign: sign the body.
      params, auth, expect, redirects, parse, max_body, verify, allow_private: see ``http``.

    Raises:
      ValueError: a setting cannot be sent, or two exclude each other.

    Errors:
      those of ``http``; ``secret``, nobody has the one to sign with.

    Example:
      ``webhook: {url: "${{ secrets.HOOK_URL }}", json: {text: released}, sign: {secret: HOOK_KEY}}``
    """

    method: str = "POST"
    sign: Sign | None = None


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The value of ``X-Treadle-Signature``; *seconds* since 1970."""
    code = hmac.new(secret.encode(errors="surrogateescape"), b"%d." % seconds + body, hashlib.sha256)
    return f"t={seconds},v1={code.hexdigest()}"


async def deliver(config: Webhook, step: Step) -> HttpAnswer:
    """Run one attempt."""
    from treadle_std.steps._exchange import exchange

    ids = {"X-Treadle-Delivery": step.idempotency_key, "Idempotency-Key": step.idempotency_key}
    request = outgoing(config, step, ids)
    if config.sign is not None:
        signed = signature(step.secret(config.sign.secret), int(step.now()), request.content or b"")
        request = attrs.evolve(request, headers={**request.headers, "X-Treadle-Signature": signed})
    return await exchange(request, config, step)


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """The step type of this module."""
    return [
        StepType(name="webhook", config=Webhook, output=HttpAnswer, run=deliver, main="url", repeatable=True)
    ]
