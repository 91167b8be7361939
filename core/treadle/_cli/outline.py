"""A plan as plain data for people and programs: order, needs, conditions, and what a rollback would undo.

Pure: it reads the plan and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr import Template
from treadle._kinds import Block, key_of
from treadle._plan.preview import rollbacks
from treadle._units import format_duration

if TYPE_CHECKING:
    from treadle._model import StepSpec
    from treadle._plan.blocks import BlockPlan
    from treadle._plan.plan import Plan

# --- the order -------------------------------------------------------------------------------------


def outline(plan: Plan) -> dict[str, Any]:
    """The whole plan: ``{workflow, concurrency, steps, finally, rollback}``; see `_step` and `rollbacks`."""
    return {**order(plan), "rollback": rollbacks(plan)}


def order(plan: Plan) -> dict[str, Any]:
    """The same without ``rollback``, which for 10,000 steps can be large."""
    after = plan.spec.finally_
    return {
        "workflow": plan.spec.name,
        "concurrency": _concurrency(plan),
        "steps": steps_in(plan, plan.blocks[0]),
        "finally": steps_in(plan, plan.blocks[after.index]) if after is not None else [],
    }


def _concurrency(plan: Plan) -> dict[str, Any] | None:
    """Which runs wait for each other; *key* is as written."""
    found = plan.spec.concurrency
    if found is None:
        return None
    key = found.key.source if isinstance(found.key, Template) else found.key
    return {"key": key or plan.spec.name, "limit": found.limit, "on_limit": found.on_limit}


def steps_in(plan: Plan, block: BlockPlan) -> list[dict[str, Any]]:
    """The steps of *block* by level, from 1: a step needs only steps of levels before its own."""
    return [
        _step(plan, block, index, level)
        for level, indexes in enumerate(block.order, start=1)
        for index in indexes
    ]


def _step(plan: Plan, block: BlockPlan, index: int, level: int) -> dict[str, Any]:
    step = block.steps[index]
    about = {
        "id": step.id,
        "name": step.title,
        "path": step.path,
        "type": step.type.name,
        "level": level,
        "needs": [
            {"id": block.steps[need.step].id, "result": need.result, "inferred": need.source}
            for need in block.needs[index]
        ],
        "at_least": _at_least(block, index),
        "on_error": block.strategies[index].entry.name,
        **_keys(step),
    }
    if inner := list(labelled_blocks(step)):
        about["blocks"] = [
            {"name": name, "steps": steps_in(plan, plan.blocks[each.index])} for name, each in inner
        ]
    return about


def _at_least(block: BlockPlan, index: int) -> dict[str, Any] | None:
    group = block.at_least[index]
    return (
        None
        if group is None
        else {"count": group.count, "of": [block.steps[each].id for each in group.steps]}
    )


def _keys(step: StepSpec) -> dict[str, Any]:
    """What the step's own keys say, absent ones as None."""
    return {
        "when": step.when.source if step.when else None,
        "foreach": _foreach(step.foreach),
        "max_parallel": _source(step.max_parallel),
        "repeat": step.repeat.until.source if step.repeat else None,
        "attempts": step.retry.attempts if step.retry else 1,
        "timeout": _duration(step.timeout),
        "deadline": _duration(step.deadline),
        "limit": step.limit,
        "undo": step.undo is not None,
    }


def _source(value: Any) -> Any:
    return value.source if isinstance(value, Template) else value


def _foreach(value: Any) -> Any:
    if isinstance(value, (Mapping, list, tuple)):
        return f"{len(value)} elements"
    return _source(value)


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else format_duration(seconds)


def labelled_blocks(step: StepSpec) -> Iterator[tuple[str, Block]]:
    """The blocks in the step's settings, each with its setting, as ``then`` or ``cases[0].steps``."""
    settings = step.settings
    written = settings.constant if settings.tree is None else settings.tree
    names = {block.index: name for name, block in _find_blocks(written, "")}
    return ((names.get(block.index, ""), block) for block in step.blocks)


def _find_blocks(value: Any, path: str) -> Iterator[tuple[str, Block]]:
    if isinstance(value, Block):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _find_blocks(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _find_blocks(item, f"{path}[{index}]")
    elif attrs.has(type(value)):
        fields = {key_of(each.alias): getattr(value, each.name) for each in attrs.fields(type(value))}
        yield from _find_blocks(fields, path)
