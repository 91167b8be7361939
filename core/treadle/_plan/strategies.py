"""Which error strategy is in force for each step.

    its own ``on_error`` ── else, directly under ``steps``: the workflow's ── else ``fail_fast``
                         └─ else, nested: the nearest enclosing one that inherits ── else ``fail_fast``

Rule 1: an undo begins anew with ``fail_fast``; ``finally`` with ``fail_late``, so that one clean-up's
        failure does not keep the others from running.
Rule 2: in both, nothing may roll the run back: what takes it to its end would begin again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle._kinds import Ask, Decision, Fail, Rollback, Strategy, Tolerate
from treadle._plan.lexical import Scopes, blocks_of, in_cleanup
from treadle._settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle._model import BlockSpec, Spec, StepSpec
    from treadle._plan.problems import Problems

InForce = Settings[Strategy[Any]]


@attrs.frozen(eq=False, repr=False, kw_only=True)
class NoSettings:
    """The settings of a strategy that has none."""


def _fallback(name: str, outcome: Fail) -> Strategy[Any]:
    return Strategy(
        name=name,
        config=NoSettings,
        decide=lambda _settings, _failure: outcome,
        may=lambda _settings: (outcome,),
        inherits=True,
    )


_FALLBACKS = {
    "fail_fast": _fallback("fail_fast", Fail()),
    "fail_late": _fallback("fail_late", Fail(fast=False)),
}
"""In force where the strategies of these names are not installed."""


def workflow_strategy(spec: Spec, installed: Mapping[str, Strategy[Any]]) -> InForce:
    """The workflow's own strategy, or the default."""
    return spec.on_error or _default("fail_fast", installed)


def effective_strategies(
    spec: Spec, scopes: Scopes, installed: Mapping[str, Strategy[Any]], problems: Problems
) -> list[list[InForce]]:
    """Per block and step, the strategy in force."""
    fast, late = (_default(name, installed) for name in ("fail_fast", "fail_late"))
    workflow = workflow_strategy(spec, installed)
    inherited: list[InForce] = [fast] * len(spec.blocks)
    inherited[0] = workflow if workflow.entry.inherits else fast
    cleaning_up = [in_cleanup(block) for block in spec.blocks]
    result: list[list[InForce]] = [[] for _ in spec.blocks]
    for index in scopes.order:
        block = spec.blocks[index]
        if block.role == "finally":
            inherited[index] = late
        usual = workflow if index == 0 else inherited[index]
        result[index] = [step.on_error or usual for step in block.steps]
        for step in block.steps:
            _hand_down(step, index, fast, inherited, cleaning_up)
        if cleaning_up[index]:
            _check_cleanup(block, problems)
    return result


def _hand_down(
    step: StepSpec, block: int, fast: InForce, inherited: list[InForce], cleaning_up: list[bool]
) -> None:
    own = step.on_error
    for inner in blocks_of(step):
        cleaning_up[inner] = cleaning_up[inner] or cleaning_up[block]
        if step.undo is not None and inner == step.undo.index:
            inherited[inner] = fast
        else:
            inherited[inner] = own if own is not None and own.entry.inherits else inherited[block]


def _default(name: str, installed: Mapping[str, Strategy[Any]]) -> InForce:
    entry = installed.get(name, _FALLBACKS[name])
    return Settings(entry, constant=entry.config())


def may_decide(settings: InForce) -> Sequence[Decision] | None:
    """Every decision the strategy can take; None if that cannot be known before the run."""
    config = settings.guess()
    if config is None:
        return None
    try:
        return settings.entry.may(config)
    except Exception:  # a plugin's fault; its `decide` shows it when it matters
        return None


def lets_failure_be_seen(settings: InForce) -> bool:
    """Whether a step may start after a failure under this strategy, so that ``{a: failed}`` makes sense."""
    decisions = may_decide(settings)
    if decisions is None:
        return True
    return any(
        isinstance(one, Tolerate | Ask) or (isinstance(one, Fail) and not one.fast) for one in decisions
    )


def _rolls_back(decision: Decision) -> bool:
    if isinstance(decision, Ask):
        return decision.on_timeout == "rollback"
    return isinstance(decision, Rollback) and decision.scope == "run"


def _check_cleanup(block: BlockSpec, problems: Problems) -> None:
    for step in block.steps:
        if step.on_error is not None and any(map(_rolls_back, may_decide(step.on_error) or ())):
            problems.add(
                "TRD337",
                step.places.get("on_error") or step.places.get("") or block.place,
                f"strategy {step.on_error.entry.name!r} rolls the run back, which a step of an undo or of"
                " finally cannot do",
                "use fail_fast, fail_late or continue here",
            )
