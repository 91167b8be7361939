"""``approval``: a person approves or rejects, and may fill in fields.

Rule: whoever is to be told is told before the question is put; that this failed is logged, and stops nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs

from treadle.plugin import (
    ApprovalWanted,
    Block,
    BlockForm,
    Fields,
    FieldsOf,
    Seconds,
    Step,
    StepError,
    StepType,
    hookimpl,
)
from treadle_std._patience import check_patience

if TYPE_CHECKING:
    from collections.abc import Iterable

    from treadle.plugin import Answer


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Approval:
    """Waits until a person approves or rejects. The run can be paused, suspended or crash meanwhile.

    Args:
      prompt: what the person is asked.
      fields: what the person fills in, declared as ``inputs`` are; approving takes what is required of them.
      timeout: how long to wait, by the wall clock, also while nobody drives the run; for ever unless given.
      on_timeout: what becomes of the step then: it fails with ``timeout``, the same but tolerated, or the run
        is rolled back; *timeout* needs it. Neither ``retry`` nor ``on_error`` has a say.
      notify: run before the person is asked, to tell them: one step or a block. Its failure is logged only.

    Raises:
      ValueError: one of *timeout* and *on_timeout* without the other, or a timeout of nothing.

    Errors:
      ``rejected``, never retried, with ``by``, ``at``, ``fields`` and ``comment`` in its data; ``timeout``.

    Example:
      ``approval: {prompt: "Ship it?", timeout: 4h, on_timeout: fail}``
    """

    prompt: str | None = None
    fields: Fields | None = None
    timeout: Seconds | None = None
    on_timeout: Literal["fail", "continue", "rollback"] | None = None
    notify: Annotated[Block, BlockForm(body=True)] | None = None

    def __attrs_post_init__(self) -> None:
        check_patience(self.timeout, self.on_timeout)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Approved:
    """What ``approval`` gives.

    Attributes:
      decision: ``approve``.
      by: who approved, if that was said.
      at: when, in ISO 8601 UTC.
      fields: what was filled in, by name; null where that may be left out and was.

    Example:
      ``{decision: approve, by: ann, at: "2030-01-31T09:00:00.250Z", fields: {ticket: OPS-7}}``
    """

    decision: str
    by: str | None
    at: str
    fields: Annotated[Mapping[str, Any], FieldsOf("fields")]


async def approval(config: Approval, step: Step) -> Approved:
    """Tell whoever is to be told, ask, and take the answer."""
    if config.notify is not None:
        told = await step.run_block(config.notify)
        if told.failure is not None:
            step.log(f"notify failed: {told.failure.name}: {told.failure.message}", level="warning")
    answer = await step.wait_for(
        ApprovalWanted(
            prompt=config.prompt,
            fields=config.fields,
            timeout=config.timeout,
            on_timeout=config.on_timeout,
        )
    )
    if answer.timed_out:
        raise StepError("timeout", f"nobody answered {step.path} in time", decision=config.on_timeout)
    if answer.decision == "reject":
        raise _rejected(answer, step)
    return Approved(decision=answer.decision, by=answer.by, at=_iso(answer.at), fields=answer.value or {})


def _rejected(answer: Answer, step: Step) -> StepError:
    said = f": {answer.comment}" if answer.comment else ""
    data = {"by": answer.by, "at": _iso(answer.at), "fields": answer.value or {}, "comment": answer.comment}
    return StepError("rejected", f"{step.path} was rejected by {answer.by or 'a person'}{said}", data=data)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``approval``."""
    return [
        StepType(
            name="approval",
            config=Approval,
            output=Approved,
            run=approval,
            main="prompt",
            repeatable=True,
            tolerates=lambda config: config.on_timeout == "continue",
            waits=True,
        )
    ]
