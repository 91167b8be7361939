"""Specs built by hand, so that plans are tested without the loader.

A step is a mapping of step keys as a spec writes them, with these differences: ``text`` and ``shown`` are
its settings (templates; ``shown`` refuses secrets), ``if`` is an `Expr` setting, ``blocks`` a list of
blocks, ``on_error`` a key of `STRATEGIES`.
A block is a mapping (a graph), a list (a sequence; ids in ``id``), or a `Together`. Each step has a line
of its own, in the order of the text, and stands in column 3.
"""

from __future__ import annotations

import itertools
from typing import Any

import attrs

from treadle._expr import BUILTINS, parse, parse_template
from treadle._kinds import Ask, Block, Fail, Rollback, StepType, Strategy, Tolerate
from treadle._model import AtLeast, BlockSpec, Input, Need, Repeat, Retry, Spec, StepSpec
from treadle._places import Place
from treadle._settings import Hole, Settings


@attrs.frozen(kw_only=True)
class Nothing:
    """Settings of strategies and steps that have none."""


class Together(dict):
    """A block whose steps all start at once."""


async def _never(_config: Any, _step: Any) -> None:
    raise NotImplementedError


LEAF = StepType(name="leaf", config=Nothing, run=_never)
BLOCKS = StepType(name="blocks", config=Nothing, run=_never, whole=True)
CHOICE = StepType(name="choice", config=Nothing, run=_never)


def _strategy(name: str, *decisions: Any, inherits: bool = False) -> Settings[Any]:
    entry = Strategy(
        name=name,
        config=Nothing,
        decide=lambda _c, _f: decisions[0],
        may=lambda _c: decisions,
        inherits=inherits,
    )
    return Settings(entry, constant=Nothing())


def _raises(_config: Any) -> Any:
    raise ZeroDivisionError


STRATEGIES = {
    "fail_fast": _strategy("fail_fast", Fail(), inherits=True),
    "fail_late": _strategy("fail_late", Fail(fast=False), inherits=True),
    "continue": _strategy("continue", Tolerate()),
    "rollback": _strategy("rollback", Rollback()),
    "rollback_block": _strategy("rollback_block", Rollback(scope="block")),
    "escalate": _strategy("escalate", Ask()),
    "escalate_rollback": _strategy("escalate_rollback", Ask(timeout=1.0, on_timeout="rollback")),
    "broken": Settings(
        Strategy(name="broken", config=Nothing, decide=lambda _c, _f: Fail(), may=_raises),
        constant=Nothing(),
    ),
}
STRATEGIES["asking"] = Settings(
    STRATEGIES["escalate"].entry,
    tree={"prompt": "x"},
    holes=(
        Hole(
            Place("prompt", "flow.yaml", 1, 1),
            parse_template("${{ steps.a.output }}", BUILTINS),
            secrets_allowed=True,
        ),
    ),
    written=((Place("if", "flow.yaml", 1, 1), parse("steps.a.status == 'failed'", BUILTINS)),),
)
INSTALLED = {name: STRATEGIES[name].entry for name in ("fail_fast", "fail_late")}


def spec_of(
    steps: Any,
    *,
    finally_: Any = None,
    on_error: str | None = None,
    vars: dict[str, Any] | None = None,
    env: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    inputs: dict[str, Input] | None = None,
    secrets: tuple[str, ...] = (),
    max_parallel: Any = None,
) -> Spec:
    """A spec named ``test``."""
    builder = _Builder()
    builder.block(steps, "steps", "", None)
    builder.blocks[0] = attrs.evolve(builder.blocks[0], max_parallel=_value(max_parallel))
    ending = builder.block(finally_, "finally", "finally", None) if finally_ is not None else None
    return Spec(
        name="test",
        blocks=tuple(builder.blocks),
        data={},
        hash="",
        on_error=STRATEGIES[on_error] if on_error else None,
        finally_=ending,
        vars=_valued(vars),
        env=_valued(env),
        outputs=_valued(outputs),
        inputs=inputs or {},
        secrets=frozenset(secrets),
        places={"": Place("", "flow.yaml", 1, 1)},
    )


def _valued(values: dict[str, Any] | None) -> dict[str, Any]:
    return {key: _value(value) for key, value in (values or {}).items()}


def _value(value: Any) -> Any:
    """*value* with its strings parsed as templates where they are."""
    if isinstance(value, str):
        return parse_template(value, BUILTINS) or value
    if isinstance(value, dict):
        return {key: _value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_value(item) for item in value]
    return value


class _Builder:
    def __init__(self) -> None:
        self.blocks: list[Any] = []
        self.lines = itertools.count(2)

    def block(self, steps: Any, role: str, path: str, owner: StepSpec | None) -> Block:
        index = len(self.blocks)
        self.blocks.append(None)
        place = self.place(path)
        form = "sequence" if isinstance(steps, list) else "graph"
        if isinstance(steps, Together):
            form = "together"
        named = (
            [(step.get("id", f"s_{n}"), step) for n, step in enumerate(steps, 1)]
            if form == "sequence"
            else steps
        )
        built = tuple(
            self.step(name, step, f"{path}.{name}" if path else name)
            for name, step in (named if isinstance(named, list) else named.items())
        )
        self.blocks[index] = BlockSpec(
            index=index, steps=built, form=form, role=role, place=place, owner=owner
        )
        return Block(index, tuple(step.id for step in built))

    def place(self, path: str) -> Place:
        return Place(path, "flow.yaml", next(self.lines), 3)

    def step(self, name: str, keys: dict[str, Any], path: str) -> StepSpec:
        place = self.place(path)
        blocks = tuple(self.block(inner, "child", path, None) for inner in keys.get("blocks", ()))
        undo = self.block(keys["undo"], "undo", f"{path}.undo", None) if "undo" in keys else None
        needs, group = _needs(keys.get("needs", ()), place)
        retry_if = keys.get("retry_if")
        return StepSpec(
            id=name,
            path=path,
            settings=_settings(keys, blocks, place),
            needs=needs,
            at_least=group,
            when=_bare(keys.get("when")),
            foreach=_value(keys.get("foreach")),
            max_parallel=_value(keys.get("max_parallel")),
            repeat=Repeat(_bare(keys["until"]), times=3) if "until" in keys else None,
            retry=Retry(2, Settings(None), condition=_bare(retry_if)) if retry_if else None,  # type: ignore[arg-type]
            on_error=STRATEGIES[keys["on_error"]] if "on_error" in keys else None,
            undo=undo,
            env=_valued(keys.get("env")),
            blocks=blocks,
            places={"": place},
        )


def _bare(source: str | None) -> Any:
    return None if source is None else parse(source, BUILTINS)


def _needs(written: Any, place: Place) -> tuple[tuple[Need, ...], AtLeast | None]:
    if isinstance(written, str):
        written = [written]
    if isinstance(written, dict):
        if "at_least" in written:
            return (), AtLeast(written["at_least"], tuple(written["of"]), place)
        return tuple(Need(step, result, place) for step, result in written.items()), None
    return tuple(Need(step, None, place) for step in written), None


def _settings(keys: dict[str, Any], blocks: tuple[Block, ...], place: Place) -> Settings[Any]:
    entry = keys.get("type") or (BLOCKS if blocks else LEAF)
    holes = [
        Hole(attrs.evolve(place, path=f"{place.path}.{key}"), template, secrets_allowed=key == "text")
        for key in ("text", "shown")
        if key in keys and (template := parse_template(keys[key], BUILTINS))
    ]
    written = ((place, parse(keys["if"], BUILTINS)),) if "if" in keys else ()
    if not holes and not written:
        return Settings(entry, constant=Nothing(), blocks=blocks)
    return Settings(entry, tree={}, holes=tuple(holes), written=written, blocks=blocks)
