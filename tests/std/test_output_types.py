"""Every standard step type gives what it declares: real programs, peers and functions, real journals."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from tests.engine.stores import journal
from tests.std.servers import Answer, serve
from tests.std.truth import ABSENT, Inferred, lies, recorded
from tests.std.uses import CASES

import treadle
from treadle._expr.types import ANY, INTEGER, NULL, TEXT, list_of, mapping_of, of_value, or_null
from treadle.plugin import StepType, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.std.servers import Request

    from treadle._expr.types import Type
    from treadle.plugin import Step

REGISTRY = treadle.Registry.of()
INPUTS = """
inputs:
  url: string
  yes: {type: boolean, default: true}
  no: {type: boolean, default: false}
  word: {type: string, default: a b}
  n: {type: integer, default: 3}
  parse: {type: string, enum: [auto, json, text, none, lines], default: text}
  pause: {type: duration, default: 1ms}
  maybe: {type: string, required: false}
  words: {type: list, items: {type: string}, default: [a, b]}
secrets: [KEY]
"""


def answered(request: Request) -> Answer:
    """What the peer says, by the path it is asked for."""
    path = request.target.partition("?")[0].strip("/")
    as_json = (("Content-Type", "application/json"),)
    match path:
        case "text":
            return Answer(body=b"hello")
        case "json":
            return Answer(body=b'{"a": [1, null, 2.5]}', headers=as_json)
        case "null":
            return Answer(body=b"null", headers=as_json)
        case "empty":
            return Answer(headers=as_json)
        case "bytes":
            return Answer(body=bytes(range(256)), headers=(("Content-Type", "application/octet-stream"),))
        case "302":
            return Answer(302, headers=(("Location", "/json"),))
        case "twice":
            return Answer(body=b"x", headers=(("X-One", "1"), ("X-One", "2")))
        case "echo":
            return Answer(body=request.body, headers=as_json if b"{" in request.body else ())
    return Answer(int(path))


def workflow_of(step: str, url: str) -> treadle.Workflow:
    """A workflow of one step, whose output is its own."""
    steps = f"steps: [{{id: s, {step.removeprefix('{').replace('URL', url)}]"
    end = "outputs: {o: '${{ default(steps.s.output, null) }}'}"
    return treadle.loads(
        f"treadle: 1\nname: w\n{INPUTS}{steps}\n{end}\n", registry=REGISTRY, workflows=[OTHER]
    )


OTHER = treadle.loads(
    """
treadle: 1
name: other
inputs: {a: string}
steps: [{id: s, set: {n: "${{ len(inputs.a) }}"}}]
outputs: {n: "${{ steps.s.output.n }}", a: "${{ inputs.a }}", nothing: null}
""",
    registry=REGISTRY,
)


async def answer(run: treadle.Run) -> None:
    """Answer whatever the run asks, until it has ended."""
    async for event in run.events():
        if event.type != "step.waiting" or event.step is None:
            continue
        with suppress(treadle.Refused):  # its time may be up
            if "go" in json.dumps(dict(event.data)):
                await run.signal("go", {"n": 1})
            else:
                await run.approve(event.step, {}, by="ann")


async def state_in_journal(workflow: treadle.Workflow, store: str, **inputs: Any) -> treadle.RunState:
    """How a run stands by what a store holds of it."""
    secrets = {"KEY": "between-you-and-me"}
    async with treadle.open_engine(
        registry=REGISTRY, store=store, secrets=secrets, workflows=[OTHER]
    ) as engine:
        with trio.fail_after(60):
            run = await engine.start(workflow, inputs)
            await answer(run)
            await run.wait()
        return treadle.RunState.fold(await journal(engine.store, run.id))


ALL = [(name, step) for name, steps in CASES.items() for step in steps]


@pytest.mark.parametrize(("name", "step"), ALL, ids=[f"{name}-{n}" for n, (name, _) in enumerate(ALL)])
async def test_a_step_gives_what_its_type_declares(
    name: str, step: str, tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = (await serve(nursery, answered)).url
    workflow = workflow_of(step, url)
    with recorded(monkeypatch) as seen:
        state = await state_in_journal(workflow, f"sqlite:{tmp_path / 'runs.db'}", url=url)
    assert state.status == "completed", state.error
    inferred = Inferred(workflow, [OTHER])
    assert inferred.lies_of(state) == []
    assert inferred.lies_about(seen) == []
    nursery.cancel_scope.cancel()


def test_every_standard_step_type_is_run() -> None:
    assert CASES.keys() - {"keys"} == REGISTRY.step_types.keys()


# --- the test itself: it finds lies ----------------------------------------------------------------

TOLD = mapping_of({"n": INTEGER, "t": or_null(TEXT), "gone": TEXT.missing("it may be skipped")})


@pytest.mark.parametrize(
    ("value", "type_", "said"),
    [
        ({"n": 1, "t": None}, TOLD, []),
        ({"n": 1.5, "t": "x"}, TOLD, ["it.n is 1.5, and was to be whole"]),
        ({"n": True, "t": 2}, TOLD, ["it.n is True, and was to be", "it.t is 2, and was to be text or null"]),
        ({"n": 1}, TOLD, ["it.t is not there"]),
        ({"n": 1, "t": None, "more": 1}, TOLD, ["it has 'more', of which nothing was said"]),
        ({"n": 1, "t": None, "more": 1}, mapping_of({"n": INTEGER}, open=True), []),
        (["a", None], list_of(TEXT), ["it[1] is None, and was to be text"]),
        ("c", of_value("a"), ["it is 'c', and was to be 'a'"]),
        (ABSENT, TEXT, ["it is not there"]),
        (ABSENT, TEXT.missing("it may be skipped"), []),
        (None, ANY, []),
        (0, NULL, ["it is 0, and was to be null"]),
    ],
)
def test_a_value_that_is_not_as_was_said_is_found(value: Any, type_: Type, said: list[str]) -> None:
    found = list(lies(value, type_))
    assert len(found) == len(said)
    assert all(one.startswith(start) for one, start in zip(found, said, strict=True))


@attrs.frozen(kw_only=True)
class Nothing:
    """No settings."""


@attrs.frozen
class Promised:
    """What is declared."""

    count: int


class Liar:
    """A plugin whose step type gives text where it declares a number."""

    @staticmethod
    async def lie(_config: Nothing, _step: Step) -> Promised:
        return Promised(count="many")  # type: ignore[arg-type]

    @hookimpl
    def treadle_step_types(self) -> Iterable[StepType[Any]]:
        return [StepType(name="lie", config=Nothing, output=Promised, run=self.lie)]


async def test_a_step_type_that_lies_is_found_and_so_is_who_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = treadle.loads(
        "{treadle: 1, name: w, steps: [{id: a, lie: {}}, {id: b, set: {n: '${{ steps.a.output.count }}'}}]}",
        registry=treadle.Registry.of(Liar()),
    )
    with recorded(monkeypatch) as seen:
        state = await treadle.run(workflow)
    wrong = "is 'many', and was to be a number"
    inferred = Inferred(workflow)
    assert inferred.lies_of(state) == [f"a.count {wrong}", f"b.n {wrong}"]
    assert inferred.lies_about(seen) == [f"${{{{ steps.a.output.count }}}} {wrong}"]
