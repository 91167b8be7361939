"""Every mistake of form that somebody can make in a spec is one to an editor as well.

Mutations are planted at every place of a spec that has one of everything; the loader is the judge.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from tests.core.schema.test_schema import GOOD, SPECS, loaded

from treadle._registry import Registry
from treadle._schema import deployment_schema, spec_schema
from treadle._spec.deploy import load_deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAFTS = [jsonschema.Draft7Validator, jsonschema.Draft202012Validator]

DEPLOYMENT = """
store: {sqlite: runs.db}
sinks: [console, {jsonl: events.jsonl}]
secrets: [env]
workflows: [flows/*.yaml]
limits: {runs: 10, output: 1MiB}
retention: {older_than: 30d, keep: 5}
limiters: {db: 4}
plugins: {disable: [], require: [command]}
warnings: {off: [TRD901]}
x-note: anything
"""

Place = tuple[str | int, ...]

FREE = frozenset(
    {"labels", "vars", "outputs", "env", "data", "json", "set", "with", "default", "output", "args"}
)
"""Below these keys there is plain data, in which any key may stand."""

NAMES = frozenset({"inputs", "parameters", "templates", "limiters", "fields"})
"""Keys whose own keys are names of somebody's choice."""

DURATIONS = frozenset({"timeout", "deadline", "every", "max_time", "wait", "initial", "max", "older_than"})


def places(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every place of *value* that is not within plain data, with what stands there."""
    yield at, value
    if is_free(at):
        return
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from places(item, (*at, key))


def is_free(at: Place) -> bool:
    """Whether there is plain data at a place."""
    if not at:
        return False
    chosen = "decide" in at and at[-1] in ("then", "otherwise")
    return at[-1] in FREE or str(at[-1]).startswith("x-") or at[-2:] == ("workflow", "inputs") or chosen


def changed(spec: Any, at: Place, value: Any) -> Any:
    spec = copy.deepcopy(spec)
    inside = spec
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = value
    return spec


def renamed(spec: Any, at: Place, name: str) -> Any:
    spec = copy.deepcopy(spec)
    inside = spec
    for key in at[:-1]:
        inside = inside[key]
    items = [(name if key == at[-1] else key, value) for key, value in inside.items()]
    inside.clear()
    inside.update(items)
    return spec


def is_block(at: Place) -> bool:
    """Whether the keys there are ids of steps."""
    return bool(at) and at[-1] in ("steps", "parallel", "then", "else", "finally", "default")


def mutations(spec: Any) -> Iterator[tuple[str, Any]]:
    """*spec* with one mistake of form each, and what it is."""
    for at, value in places(spec):
        where = ".".join(map(str, at))
        if "templates" in at[:1] and "steps" in at:
            continue  # they are judged where they are used
        if not at:
            yield "unknown key at the top", {**spec, "stepz": 1}
            continue
        if is_free(at):
            continue
        if isinstance(value, dict) and at[-1] not in NAMES and not is_block(at):
            yield f"unknown key in {where}", changed(spec, at, {**value, "unknwon": 1})
        if at[-1] in DURATIONS and isinstance(value, str):
            yield f"no unit in {where}", changed(spec, at, 5)
        if isinstance(value, int) and not isinstance(value, bool) and at[-1] != "expect":
            yield f"text at {where}", changed(spec, at, "many")
        if isinstance(at[-1], str) and is_step(value):
            yield f"no plugin in {where}", changed(spec, at, {"name": "nothing to do"})
            yield f"two plugins in {where}", changed(spec, at, {**value, "fail": "x", "emit": {"name": "y"}})
            yield f"an unknown plugin in {where}", changed(spec, at, {"comand": "make"})
            for key, wrong in WRONG.items():
                yield f"a wrong {key} in {where}", changed(spec, at, {**value, key: wrong})
        if is_block(at) and isinstance(value, dict):
            yield f"an empty block at {where}", changed(spec, at, {})
            yield f"a block that is text at {where}", changed(spec, at, "later")
            for key in value:
                yield f"a wrong id in {where}", renamed(spec, (*at, key), "Not-An-Id")


WRONG: dict[str, Any] = {
    "retry": {"attemps": 3},
    "on_error": "rolback",
    "repeat": {"until": "true"},
    "timeout": 30,
    "undo_after": "never",
    "repeatable": "perhaps",
    "max_parallel": 0,
    "env": ["A=b"],
    "labels": {"a": 1},
    "when": 7,
}


def is_step(value: Any) -> bool:
    return isinstance(value, dict) and bool(
        value.keys() & {"command", "shell", "wait", "http", "uses", "parallel", "condition", "switch", "fail"}
    )


@pytest.fixture(scope="module", params=DRAFTS, ids=["draft 7", "2020-12"])
def draft(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def validator(draft: Any) -> Any:
    schema = spec_schema(Registry.of())
    draft.check_schema(schema)
    return draft(schema)


def cases() -> list[tuple[str, Any]]:
    return list(mutations(loaded(GOOD)))


def test_there_are_more_than_two_hundred_mistakes() -> None:
    assert len(cases()) >= 200


@pytest.mark.parametrize(("what", "spec"), [pytest.param(*case, id=case[0]) for case in cases()])
def test_a_mistake_of_form_is_rejected(what: str, spec: Any, validator: Any) -> None:
    assert not validator.is_valid(spec), what


def test_the_whole_of_the_language_fits_in_both_drafts(validator: Any) -> None:
    assert list(validator.iter_errors(loaded(GOOD))) == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_mistakes_in_the_examples_are_rejected(path: Any, validator: Any) -> None:
    spec = loaded(path.read_text())
    if path.name == "treadle.yaml" or "steps" not in spec:
        return
    assert validator.is_valid(spec)
    accepted = [what for what, wrong in mutations(spec) if validator.is_valid(wrong)]
    assert accepted == []


# --- the deployment file ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deployments(draft: Any) -> Any:
    schema = deployment_schema(Registry.of())
    draft.check_schema(schema)
    return draft(schema)


def test_a_deployment_that_uses_everything_fits(deployments: Any) -> None:
    _, problems = load_deployment(DEPLOYMENT, name="treadle.yaml", registry=Registry.of())
    assert problems == []
    assert list(deployments.iter_errors(loaded(DEPLOYMENT))) == []


WRONG_DEPLOYMENTS = [
    {"stor": "memory"},
    {"store": "sqlit"},
    {"store": {"sqlite": {"paht": "x"}}},
    {"store": 5},
    {"sinks": "console"},
    {"sinks": ["consol"]},
    {"sinks": [{"jsonl": 5}]},
    {"secrets": {"env": None}},
    {"limits": {"rnus": 5}},
    {"limits": {"runs": "many"}},
    {"limits": {"output": "big"}},
    {"retention": {"older_than": 30}},
    {"limiters": {"db": 0}},
    {"limiters": {"DB": 1}},
    {"plugins": {"disabled": []}},
    {"warnings": {"off": "TRD901"}},
    {"workflows": "flows"},
]


@pytest.mark.parametrize("wrong", WRONG_DEPLOYMENTS, ids=str)
def test_a_mistake_in_a_deployment_is_rejected_by_both(wrong: Any, deployments: Any) -> None:
    import json

    _, problems = load_deployment(json.dumps(wrong), name="treadle.yaml", registry=Registry.of())
    assert problems
    assert not deployments.is_valid(wrong)


# --- what editors show -----------------------------------------------------------------------------


def properties(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every property that a schema describes."""
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            yield name, value
        for key, value in schema.items():
            if key not in ("examples", "default", "enum", "const", "if"):
                yield from properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from properties(value)


@pytest.mark.parametrize("made", [spec_schema, deployment_schema])
def test_everything_that_can_be_written_is_explained(made: Any) -> None:
    schema = made(Registry.of())
    definitions = schema["$defs"]

    def explained(value: Any) -> bool:
        target = definitions.get(str(value.get("$ref", "")).removeprefix("#/$defs/"), {})
        return bool(value.get("description") or target.get("description"))

    silent = sorted(
        {name for name, value in properties(schema) if isinstance(value, dict) and not explained(value)}
    )
    assert silent == []


def test_docs_are_in_plain_text_and_in_markdown() -> None:
    when = spec_schema(Registry.of())["$defs"]["step"]["properties"]["foreach"]
    assert "as item (of a mapping: item.key" in when["description"]
    assert "as `item` (of a mapping: `item.key`" in when["markdownDescription"]


def test_every_step_type_has_an_example_that_fits(validator: Any) -> None:
    definitions = spec_schema(Registry.of())["$defs"]
    for name in Registry.of().step_types:
        (example,) = definitions[f"work.{name}"]["examples"]
        spec = {"treadle": 1, "name": "x", "steps": {"a": {name: example}}}
        assert list(validator.iter_errors(spec)) == [], name


def test_the_examples_of_keys_fit(validator: Any) -> None:
    schema = spec_schema(Registry.of())
    for name, key in schema["properties"].items():
        for example in key.get("examples", ()):
            spec = {"treadle": 1, "name": "x", "steps": [{"set": {}}], name: example}
            assert validator.is_valid(spec), (name, example)
    for name, key in schema["$defs"]["step"]["properties"].items():
        for example in key.get("examples", ()) if name not in ("uses", "template") else ():
            steps: Any = [{name: example, "set": {}}] if name == "id" else {"a": {name: example, "set": {}}}
            assert validator.is_valid({"treadle": 1, "name": "x", "steps": steps}), (name, example)


def test_the_schema_is_not_too_large_for_an_editor() -> None:
    import json

    assert len(json.dumps(spec_schema(Registry.of()))) < 120_000
