import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import jsonschema
import pytest

from treadle._registry import Registry
from treadle._schema import config_schema, spec_schema, type_schema
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml
from treadle.plugin import Argv, Block, BlockForm, Bytes, Expr, Seconds, SecretName, StepType, hookimpl

SPECS = sorted((Path(__file__).resolve().parents[3] / "specs").rglob("*.yaml"))
GOOD = """
treadle: 1
name: sample
inputs: {env: {type: string, enum: [a, b], default: a}, n: {type: integer, min: 1}}
secrets: [TOKEN]
vars: {x: "${{ inputs.n }}", y: null}
concurrency: {key: "deploy-${{ inputs.env }}", limit: 2, on_limit: cancel_running}
templates:
  ship:
    parameters: {to: string}
    steps: [{command: "echo ${{ parameters.to }}", timeout: "${{ parameters.to }}"}]
imports: [shared.yaml]
defaults: {timeout: 5m, retry: 3}
on_error: {rollback: {scope: block}}
x-notes: anything
steps:
  build:
    command: [make, image]
    timeout: 1h30m
    retry: {attempts: 5, backoff: {exponential: {initial: 2s, jitter: full}}, on: [timeout, exit]}
    undo: {command: make clean}
  fast: {uses: command, with: make test, needs: build}
  checks:
    needs: {at_least: 1, of: [build, fast]}
    foreach: "${{ inputs.env }}"
    max_parallel: 2
    parallel: {unit: {wait: 5m}, scan: {set: {a: "${{ item }}"}}}
  decide:
    needs: {checks: settled, build: completed}
    condition: {if: steps.build.output.exit_code == 0, then: [{shell: ls}], else: {a: {fail: no}}}
    on_error: continue
  pick:
    switch: {cases: [{when: true, steps: [{emit: {name: a.b, data: {}}}]}], default: [{wait: 0s}]}
  look:
    http: {url: "${{ vars.x }}", expect: 200}
    repeat: {until: output.status == 200, every: 1s, times: 3}
  all: {parallel: [{wait: 1s}, {wait: 2s}]}
  ship: {template: {name: ship, with: {to: prod}}}
  call: {workflow: {name: other, inputs: {a: 1}}}
outputs: {a: "${{ steps.build.output.stdout }}"}
finally:
  - webhook: {url: "https://example.org", json: {text: done}}
"""

Edit = Callable[[Any], Any]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = spec_schema(Registry.of())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def loaded(text: str) -> Any:
    node = read_yaml(text, Report("spec.yaml"))
    assert node is not None
    return node.value


def complaints(validator: jsonschema.Draft202012Validator, spec: Any) -> list[str]:
    return [error.json_path for error in validator.iter_errors(spec)]


def test_a_spec_that_uses_everything_fits(validator: Any) -> None:
    assert complaints(validator, loaded(GOOD)) == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_example_fits(validator: Any, path: Path) -> None:
    if path.name != "treadle.yaml":
        assert complaints(validator, loaded(path.read_text())) == []


def put(*path: str | int, value: Any) -> Edit:
    def edit(spec: Any) -> None:
        for key in path[:-1]:
            spec = spec[key]
        spec[path[-1]] = value

    return edit


def drop(*path: str | int) -> Edit:
    def edit(spec: Any) -> None:
        for key in path[:-1]:
            spec = spec[key]
        del spec[path[-1]]

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        drop("treadle"),
        drop("name"),
        drop("steps"),
        put("treadle", value=2),
        put("name", value="Not An Id"),
        put("stepz", value={}),
        put("steps", value={}),
        put("steps", value=[]),
        put("steps", "Build", value={"command": "x"}),
        put("steps", "build", "command", value=17),
        put("steps", "build", "command", value=[]),
        put("steps", "build", "command", value={"cwd": "."}),
        put("steps", "build", "command", value={"run": "x", "grce": "5s"}),
        put("steps", "build", "command", value={"run": "x", "parse": "xml"}),
        put("steps", "build", "shell", value="two plugins"),
        drop("steps", "build", "command"),
        put("steps", "build", "timeout", value=5),
        put("steps", "build", "timeout", value="5 minutes"),
        put("steps", "build", "retry", value=0),
        put("steps", "build", "retry", "backoff", value={"exponentail": "2s"}),
        put("steps", "build", "retry", "backoff", value={"fixed": "2s", "linear": "2s"}),
        put("steps", "build", "on_error", value="rolback"),
        put("steps", "build", "on_error", value={"rollback": {"scope": "world"}}),
        put("steps", "build", "id", value="in_a_graph"),
        put("steps", "build", "undo_after", value="never"),
        put("steps", "build", "with", value={}),
        put("steps", "fast", "uses", value="nothing.installed"),
        put("steps", "fast", "with", value={"rn": "x"}),
        put("steps", "checks", "max_parallel", value=0),
        put("steps", "checks", "needs", value={"at_least": 1}),
        put("steps", "checks", "needs", value={"build": "done"}),
        put("steps", "decide", "condition", "if", value=7),
        put("steps", "look", "repeat", value={"times": 3}),
        put("finally", 0, "needs", value="build"),
        put("inputs", "n", "type", value="text"),
        put("inputs", "n", "mim", value=1),
        put("secrets", value="TOKEN"),
        put("triggers", value=[]),
    ],
)
def test_a_mutated_spec_is_rejected(validator: Any, edit: Edit) -> None:
    spec = copy.deepcopy(loaded(GOOD))
    edit(spec)
    assert complaints(validator, spec)


@pytest.mark.parametrize(
    ("fields", "good"),
    [
        ({"ticket": "string", "count": {"type": "integer", "min": 1}}, True),
        ({}, True),
        ({"ticket": "text"}, False),
        ({"ticket": None}, False),
        (["ticket"], False),
    ],
)
def test_inputs_and_the_fields_of_an_approval_are_declared_alike(
    validator: Any, fields: Any, good: bool
) -> None:
    spec = {"treadle": 1, "name": "x", "steps": {"a": {"set": {}}}, "inputs": fields}
    assert (complaints(validator, spec) == []) is good
    spec = {"treadle": 1, "name": "x", "steps": {"a": {"approval": {"fields": fields}}}}
    assert (complaints(validator, spec) == []) is good


@pytest.mark.parametrize(
    ("notify", "good"),
    [
        ({"set": {}}, True),
        ([{"set": {}}], True),
        ({"tell": {"set": {}}}, True),
        ("mail", False),
        ({"tell": {"sett": {}}}, False),
    ],
)
def test_one_step_alone_stands_where_a_setting_says_so(validator: Any, notify: Any, good: bool) -> None:
    spec = {"treadle": 1, "name": "x", "steps": {"a": {"approval": {"notify": notify}}}}
    assert (complaints(validator, spec) == []) is good


# --- settings of plugins ---------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Case:
    when: Expr
    steps: Block


@attrs.frozen(kw_only=True)
class Everything:
    """One of each.

    Args:
      wait: how long.
    """

    wait: Seconds
    size: Bytes | None = None
    argv: Argv | None = None
    secret: SecretName | None = None
    level: Literal["low", "high"] = "low"
    cases: Sequence[Case] = ()
    table: Mapping[str, int] = attrs.field(factory=dict)
    body: BlockForm | None = None
    raw: str = attrs.field(default="", metadata={"treadle_templates": False})
    items: list = attrs.field(factory=list)  # type: ignore[type-arg]


def fits(schema: Mapping[str, Any], value: Any) -> bool:
    whole = {**schema, "$defs": spec_schema(Registry.of(standard=False))["$defs"]}
    return bool(jsonschema.Draft202012Validator(whole).is_valid(value))


def values() -> Iterator[tuple[dict[str, Any], bool]]:
    yield {"wait": "5s"}, True
    yield {}, False
    yield {"wait": 5}, False
    yield {"wait": "${{ inputs.n }}"}, True
    yield {"wait": "5s", "size": "64KiB", "argv": ["a", 1], "secret": "TOKEN", "level": "high"}, True
    yield {"wait": "5s", "size": "big"}, False
    yield {"wait": "5s", "level": "${{ inputs.level }}"}, True
    yield {"wait": "5s", "level": "middle"}, False
    yield {"wait": "5s", "table": {"a": 1, "b": "${{ item }}"}}, True
    yield {"wait": "5s", "table": {"a": "1"}}, False
    yield {"wait": "5s", "cases": "${{ inputs.cases }}"}, True
    yield {"wait": "5s", "cases": [{"when": True}]}, False
    yield {"wait": "5s", "x-note": 1, "items": [1]}, True
    yield {"wait": "5s", "items": 1}, False


@pytest.mark.parametrize(("value", "good"), list(values()))
def test_settings_are_described_by_their_class(value: dict[str, Any], good: bool) -> None:
    assert fits(config_schema(Everything, templates=True), value) is good


def test_docs_and_defaults_are_in_the_schema() -> None:
    schema = config_schema(Everything)
    assert schema["description"] == "One of each."
    assert schema["properties"]["wait"]["description"] == "how long."
    assert schema["properties"]["level"]["default"] == "low"
    assert schema["required"] == ["wait"]


def test_where_no_expression_is_taken_the_schema_takes_none() -> None:
    assert not fits(config_schema(Everything), {"wait": "${{ 1 }}"})
    assert type_schema(str, templates=True) == {"type": "string"}
    assert type_schema(Any, templates=True) == {}


def test_a_name_that_is_also_a_key_of_steps_is_reached_by_uses_only() -> None:
    class Plugin:
        @staticmethod
        @hookimpl
        def treadle_step_types() -> list[StepType[Any]]:
            return [StepType(name="limit", config=Everything, run=_run)]

    step = spec_schema(Registry.of(Plugin(), standard=False))["$defs"]["step"]
    assert step["oneOf"] == [{"required": ["uses"]}, {"required": ["template"]}]
    assert step["properties"]["uses"]["enum"] == ["limit", "template"]


async def _run(config: Everything, step: Any) -> None:
    """Nothing."""
