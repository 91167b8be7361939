"""The five standard error strategies: what to do about a step that has used up its attempts.

Rule: a strategy only decides. Cancelling, undoing and asking people is the engine's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from treadle.plugin import (
    Ask,
    Decision,
    Fail,
    Rollback,
    Seconds,
    StepFailure,
    Strategy,
    Tolerate,
    hookimpl,
)
from treadle_std._patience import check_patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@attrs.frozen(kw_only=True, eq=False, repr=False)
class FailFast:
    """The other steps of the block are cancelled and the block fails.

    Example:
      ``on_error: fail_fast``
    """


@attrs.frozen(kw_only=True, eq=False, repr=False)
class FailLate:
    """Nothing new that depends on the failed step starts; independent steps finish; then the block fails.

    In a list every later step depends on the earlier ones, so there it is the same as ``fail_fast``.

    Example:
      ``on_error: fail_late``
    """


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Continue:
    """The failure is tolerated: the steps that need this one run and can read its error.

    Example:
      ``on_error: continue``
    """


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RollBack:
    """What has completed is undone, newest completion first, one at a time.

    Args:
      scope: ``run`` stops the run and takes back all of it; ``block`` takes back only the
        enclosing block, which then fails.

    Example:
      ``on_error: {rollback: {scope: block}}``
    """

    scope: Literal["run", "block"] = "run"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Escalate:
    """The step waits for a person to decide; independent steps go on.

    Args:
      prompt: what the person is asked; the step's error unless given.
      timeout: how long to wait, by the wall clock; for ever unless given.
      on_timeout: the decision that is taken then; *timeout* needs it.
      notify: not yet supported.

    Raises:
      ValueError: one of *timeout* and *on_timeout* without the other, a timeout of nothing, or *notify*.

    Example:
      ``on_error: {escalate: {timeout: 4h, on_timeout: rollback}}``
    """

    prompt: str | None = None
    timeout: Seconds | None = None
    on_timeout: Literal["fail", "continue", "rollback"] | None = None
    notify: Any = None

    def __attrs_post_init__(self) -> None:
        if self.notify is not None:
            raise ValueError("notify is not yet supported in this version; leave it out")
        check_patience(self.timeout, self.on_timeout)


def _strategy(
    name: str,
    config: type[Any],
    decide: Callable[[Any], Decision],
    *,
    main: str | None = None,
    inherits: bool = False,
) -> Strategy[Any]:
    """A strategy whose decision depends on its settings alone."""

    def decide_about(config: Any, _failure: StepFailure) -> Decision:
        return decide(config)

    def may(config: Any) -> Sequence[Decision]:
        return (decide(config),)

    return Strategy(name=name, config=config, decide=decide_about, may=may, main=main, inherits=inherits)


@hookimpl
def treadle_error_strategies() -> Iterable[Strategy[Any]]:
    """The strategies of the language."""
    return [
        _strategy("fail_fast", FailFast, lambda _: Fail(), inherits=True),
        _strategy("fail_late", FailLate, lambda _: Fail(fast=False), inherits=True),
        _strategy("continue", Continue, lambda _: Tolerate()),
        _strategy("rollback", RollBack, lambda config: Rollback(config.scope), main="scope"),
        _strategy(
            "escalate",
            Escalate,
            lambda config: Ask(config.prompt, config.timeout, config.on_timeout),
            main="prompt",
        ),
    ]
