from __future__ import annotations

import hashlib
import json
from typing import Any

import attrs
import pytest

from treadle._expr import Expression, Template
from treadle._model import Place, Spec
from treadle._registry import Registry
from treadle._spec import load_spec
from treadle.plugin import StepType, hookimpl

RELEASE = r"""
treadle: 1
name: release
description: Build, check in parallel, ship, and take it back if the smoke test fails.
inputs:
  version: {type: string, pattern: '\d+\.\d+\.\d+'}
  env: {type: string, enum: [staging, prod], default: staging}
secrets: [CHAT_URL]
timeout: 45m
on_error: rollback
steps:
  build:
    command: [make, image, "TAG=${{ inputs.version }}"]
  checks:
    needs: build
    parallel:
      unit: {command: make test}
      scan: {command: ["trivy", "image", "${{ steps.build.output.stdout }}"]}
  deploy:
    needs: checks
    when: inputs.env == 'prod'
    command: ["./deploy", "${{ inputs.env }}"]
    timeout: 10m
    retry: {attempts: 5, backoff: {exponential: {initial: 2s, max: 60s, jitter: full}}, on: [timeout, exit]}
    undo: {command: ["./deploy", "--previous"]}
  smoke:
    needs: deploy
    http: {url: "https://${{ inputs.env }}.example.com/healthz", expect: 200}
outputs:
  image: ${{ steps.build.output.stdout }}
finally:
  - webhook: {url: "${{ secrets.CHAT_URL }}", json: {text: "${{ inputs.version }}: ${{ run.status }}"}}
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.of()


def load(text: str, registry: Registry) -> Spec:
    spec, problems = load_spec(text, name="f.yaml", registry=registry)
    assert [str(problem) for problem in problems] == []
    assert spec is not None
    return spec


def workflow(steps: str, registry: Registry) -> Spec:
    return load("treadle: 1\nname: x\n" + steps, registry)


def paths(spec: Spec) -> list[list[str]]:
    return [[step.path for step in block.steps] for block in spec.blocks]


def only(spec: Spec) -> Any:
    return spec.blocks[0].steps[0]


def test_the_example_of_the_language_loads(registry: Registry) -> None:
    spec = load(RELEASE, registry)
    assert paths(spec) == [
        ["build", "checks", "deploy", "smoke"],
        ["checks.unit", "checks.scan"],
        ["deploy.undo"],
        ["finally.webhook_1"],
    ]
    assert [(block.form, block.role, block.body) for block in spec.blocks] == [
        ("graph", "steps", False),
        ("graph", "child", False),
        ("sequence", "undo", True),
        ("sequence", "finally", False),
    ]
    assert [block.owner and block.owner.id for block in spec.blocks] == [None, "checks", "deploy", None]
    deploy = spec.blocks[0].steps[2]
    assert (deploy.timeout, deploy.retry.attempts, deploy.retry.on) == (600.0, 5, ("timeout", "exit"))
    assert deploy.retry.backoff.constant.max == 60.0
    assert isinstance(deploy.when, Expression)
    assert deploy.undo is not None
    assert (spec.timeout, spec.secrets, spec.finally_.index) == (2700.0, {"CHAT_URL"}, 3)
    assert spec.on_error.entry.name == "rollback"
    assert isinstance(spec.outputs["image"], Template)
    assert (spec.inputs["version"].required, spec.inputs["env"].default) == (True, "staging")


def test_every_key_of_the_top_level_is_read(registry: Registry) -> None:
    spec = load(
        "treadle: 1\nname: nightly-build\ndescription: d\nlabels: {x-team: a}\nx-note: {anything: "
        "1}\nmax_parallel: 3\n"
        "env: {A: '1', B: 1.10, C: true, D: '${{ inputs.a }}', x-note: 3}\nvars: {a: [1, '${{ 2 "
        "}}'], b: null, x-b: 1}\n"
        "inputs: {a: string, x-a: 1}\nsteps: {a: {set: {}}}\n",
        registry,
    )
    assert (spec.name, spec.description, spec.labels) == ("nightly-build", "d", {"x-team": "a"})
    assert spec.blocks[0].max_parallel == 3
    assert {name: getattr(value, "source", value) for name, value in spec.env.items()} == {
        "A": "1", "B": "1.10", "C": "true", "D": "${{ inputs.a }}",
    }  # fmt: skip
    assert list(spec.vars) == ["a", "b"]
    assert spec.vars["b"] is None
    assert isinstance(spec.vars["a"][1], Template)
    assert list(spec.inputs) == ["a"]
    assert spec.places["env.D"] == Place("env.D", "f.yaml", 7, 36)


def test_vars_may_be_null(registry: Registry) -> None:
    assert workflow("vars:\nsteps: {a: {set: {}}}\n", registry).vars == {}


def test_the_document_is_kept_with_its_hash(registry: Registry) -> None:
    spec = workflow("steps: {a: {set: {é: 1}}}\n", registry)
    assert spec.data == {"treadle": 1, "name": "x", "steps": {"a": {"set": {"é": 1}}}}
    text = json.dumps(spec.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert spec.hash == hashlib.sha256(text.encode()).hexdigest()


def test_settings_do_not_share_lists_with_the_document(registry: Registry) -> None:
    spec = workflow("steps: {a: {set: {x: [1]}}}\n", registry)
    only(spec).settings.constant.values["x"].append(2)
    assert spec.data["steps"]["a"]["set"]["x"] == [1]


def test_every_key_of_a_step_is_read(registry: Registry) -> None:
    step = only(
        workflow(
            "steps:\n  a:\n    name: A step\n    when: true\n    deadline: 1h\n    foreach: [1, '${{ 2 "
            "}}']\n    max_parallel: ${{ 3 }}\n"
            "    on_error: {rollback: block}\n    repeat: {until: false, every: 0s, times: 3}\n    "
            "limit: db\n    timeout: 250ms\n"
            "    undo: {set: {}}\n    undo_after: attempted\n    repeatable: false\n    env: {A: x}\n    "
            "labels: {l: m}\n    x-more: 1\n"
            "    retry: {attempts: 2, on: exit.3, if: attempt < 2, max_time: 1m}\n    set: {}\n",
            registry,
        )
    )
    assert (step.title, step.deadline, step.timeout, step.limit) == ("A step", 3600.0, 0.25, "db")
    assert (step.repeat.every, step.repeat.times, step.undo_after, step.repeatable) == (
        0.0,
        3,
        "attempted",
        False,
    )
    assert step.when.source == "true"
    assert step.foreach[0] == 1
    assert isinstance(step.max_parallel, Template)
    assert step.on_error.constant.scope == "block"
    assert (step.env, step.labels) == ({"A": "x"}, {"l": "m"})
    assert (step.retry.on, step.retry.max_time) == (("exit.3",), 60.0)
    assert step.retry.condition.source == "attempt < 2"
    assert step.retry.backoff.entry.name == "exponential"
    assert step.places[""] == Place("steps.a", "f.yaml", 4, 3)
    assert step.places["deadline"] == Place("steps.a.deadline", "f.yaml", 7, 15)
    assert step.places["env.A"].path == "steps.a.env.A"


def test_a_foreach_may_be_a_mapping(registry: Registry) -> None:
    assert only(workflow("steps: {a: {foreach: {x: 1}, set: {}}}\n", registry)).foreach == {"x": 1}


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ("b", [("b", None)]),
        ("[b, c]", [("b", None), ("c", None)]),
        ("{b: failed, c: settled}", [("b", "failed"), ("c", "settled")]),
        ("[]", []),
    ],
)
def test_needs_take_several_forms(needs: str, expected: list[Any], registry: Registry) -> None:
    step = only(workflow(f"steps: {{a: {{needs: {needs}, set: {{}}}}}}\n", registry))
    assert [(need.id, need.result) for need in step.needs] == expected


def test_at_least_so_many_may_be_needed(registry: Registry) -> None:
    step = only(workflow("steps: {a: {needs: {at_least: 1, of: [b, c]}, set: {}}}\n", registry))
    assert (step.at_least.count, step.at_least.ids, step.needs) == (1, ("b", "c"), ())


def test_list_steps_get_ids_by_type_and_position(registry: Registry) -> None:
    spec = workflow("steps: [{set: {}}, {id: mine, set: {}}, {uses: command, with: {run: make}}]\n", registry)
    assert [step.id for step in spec.blocks[0].steps] == ["set_1", "mine", "command_3"]
    assert [step.settings.place.path for step in spec.blocks[0].steps][2] == "steps[2].with"


def test_made_up_ids_may_hide_those_of_enclosing_blocks(registry: Registry) -> None:
    spec = workflow(
        "steps: [{set: {}}, {sequence: [{set: {}}, {set: {}}]}]\nfinally: [{set: {}}]\n", registry
    )
    assert paths(spec)[1:] == [["sequence_2.set_1", "sequence_2.set_2"], ["finally.set_1"]]


def test_branches_of_one_step_may_repeat_ids(registry: Registry) -> None:
    spec = workflow(
        "steps: {a: {condition: {if: true, then: {x: {set: {}}}, else: [{id: x, set: {}}]}}}\n", registry
    )
    config = only(spec).settings.constant
    assert (config.then.ids, config.else_.ids) == (("x",), ("x",))
    assert [block.form for block in spec.blocks] == ["graph", "graph", "sequence"]


def test_blocks_are_numbered_in_the_order_of_the_text(registry: Registry) -> None:
    spec = workflow(
        "finally: [{set: {}}]\nsteps: {a: {switch: {cases: [{when: true, steps: {b: {parallel: {c: "
        "{set: {}}}}}}],"
        " default: [{set: {}}]}, undo: {d: {set: {}}}}}\n",
        registry,
    )
    assert paths(spec) == [
        ["a"], ["a.b"], ["a.b.c"], ["a.set_1"], ["a.undo.d"], ["finally.set_1"],
    ]  # fmt: skip
    assert [block.index for block in only(spec).blocks] == [1, 3]
    assert [block.index for block in spec.blocks] == [0, 1, 2, 3, 4, 5]


def test_lists_of_parallel_start_together(registry: Registry) -> None:
    spec = workflow("steps: [{parallel: [{set: {}}, {set: {}}], max_parallel: 1}]\n", registry)
    assert (spec.blocks[1].form, spec.blocks[1].max_parallel) == ("together", 1)


def test_max_parallel_of_a_foreach_is_for_its_elements(registry: Registry) -> None:
    spec = workflow("steps: {a: {foreach: [1], max_parallel: 2, sequence: [{set: {}}]}}\n", registry)
    assert (only(spec).max_parallel, spec.blocks[1].max_parallel) == (2, None)


def test_an_undo_may_be_a_graph_or_a_list(registry: Registry) -> None:
    spec = workflow(
        "steps: {a: {undo: {back: {set: {}}}, set: {}}, b: {undo: [{set: {}}], set: {}}, c: {undo: "
        "{uses: set, with: {}}, set: {}}}\n",
        registry,
    )
    assert paths(spec)[1:] == [["a.undo.back"], ["b.undo.set_1"], ["c.undo"]]
    assert [block.body for block in spec.blocks[1:]] == [False, False, True]


def test_keys_that_begin_with_x_are_ignored_everywhere(registry: Registry) -> None:
    spec = workflow(
        "x-a: {}\nsteps:\n  x-b: 3\n  a: {x-c: 1, retry: {attempts: 2, x-d: 1}, command: {run: make, "
        "x-e: 1}}\n",
        registry,
    )
    assert paths(spec) == [["a"]]


def test_free_mappings_keep_keys_that_begin_with_x(registry: Registry) -> None:
    spec = workflow("steps: {a: {http: {url: 'https://e.org', headers: {x-trace: a}}}}\n", registry)
    assert only(spec).settings.constant.headers == {"x-trace": "a"}


# --- defaults --------------------------------------------------------------------------------------

DEFAULTS = """
defaults: {retry: {attempts: 3, backoff: {fixed: 1s}}, timeout: 1m, env: {A: a, B: b}, repeatable: true}
"""


def test_defaults_are_merged_field_by_field(registry: Registry) -> None:
    spec = workflow(
        DEFAULTS + "steps: {a: {set: {}}, b: {retry: {on: exit}, timeout: 2m, repeatable: false, env: {B: c},"
        " set: {}}}",
        registry,
    )
    a, b = spec.blocks[0].steps
    assert (a.retry.attempts, a.timeout, a.env, a.repeatable) == (3, 60.0, {"A": "a", "B": "b"}, True)
    assert (b.retry.attempts, b.retry.on, b.retry.backoff.entry.name) == (3, ("exit",), "fixed")
    assert (b.timeout, b.env, b.repeatable) == (120.0, {"A": "a", "B": "c"}, False)
    assert a.places["env.A"].path == "defaults.env.A"
    assert (b.places["env.A"].path, b.places["env.B"].path) == ("defaults.env.A", "steps.b.env.B")


def test_defaults_are_for_leaf_steps_and_their_timeout_for_those_that_work(registry: Registry) -> None:
    spec = workflow(DEFAULTS + "steps: {a: {parallel: {b: {set: {}}}}, c: {wait: 1h}}\n", registry)
    a, c = spec.blocks[0].steps
    assert (a.retry, a.timeout, a.env) == (None, None, {})
    assert (c.retry.attempts, c.timeout) == (3, None)
    assert spec.blocks[1].steps[0].timeout == 60.0


def test_defaults_that_are_no_mapping_are_a_problem(registry: Registry) -> None:
    text = "treadle: 1\nname: x\ndefaults: 3\nsteps: {a: {env: {A: a}, set: {}}}\n"
    _, problems = load_spec(text, name="f", registry=registry)
    assert [str(problem) for problem in problems] == ["f:3:11: defaults: defaults must be a mapping, got 3"]


def test_a_number_of_attempts_keeps_the_default_backoff(registry: Registry) -> None:
    spec = workflow(DEFAULTS + "steps: {a: {retry: 9, set: {}}}\n", registry)
    assert (only(spec).retry.attempts, only(spec).retry.backoff.entry.name) == (9, "fixed")


# --- plugins ---------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Empty:
    pass


class NotAttrs:
    pass


async def nothing(config: Any, step: Any) -> None:
    pass


def plugin(*entries: StepType[Any]) -> object:
    class Plugin:
        @staticmethod
        @hookimpl
        def treadle_step_types() -> list[StepType[Any]]:
            return list(entries)

    return Plugin()


@attrs.frozen
class Fakes:
    """A registry with entries that the real one would refuse."""

    step_types: dict[str, Any]
    clashes: dict[Any, Any] = attrs.field(factory=dict)
    strategies: dict[str, Any] = attrs.field(factory=dict)
    backoffs: dict[str, Any] = attrs.field(factory=dict)
    expression_functions: dict[str, Any] = attrs.field(factory=dict)

    def missing(self, kind: str, name: str) -> str:
        return f"plugins a and b both offer {kind} {name!r}; disable one"


def test_a_plugin_named_like_a_key_is_reached_by_uses(registry: Registry) -> None:
    fakes = Fakes({"limit": StepType(name="limit", config=Empty, run=nothing)})
    spec, problems = load_spec(
        "{treadle: 1, name: x, steps: {a: {uses: limit}, b: {uses: limit, limit: db}}}",
        name="f",
        registry=fakes,
    )
    assert problems == []
    assert spec is not None
    assert [step.type.name for step in spec.blocks[0].steps] == ["limit", "limit"]
    assert spec.blocks[0].steps[1].limit == "db"


def problems_of(steps: str, fakes: Fakes) -> list[str]:
    text = "treadle: 1\nname: x\nsteps:\n" + steps
    return [str(problem) for problem in load_spec(text, name="f", registry=fakes)[1]]


def test_a_clash_names_both_plugins() -> None:
    fakes = Fakes({}, {("step type", "ship"): ("a", "b")})
    said = "plugins a and b both offer step type 'ship'; disable one"
    assert problems_of("  a: {ship: {}}\n  b: {uses: ship}\n  c: {undo: {ship: {}}, ship: {}}\n", fakes) == [
        f"f:4:7: steps.a.ship: {said}",
        f"f:5:13: steps.b.uses: {said}",
        f"f:6:14: steps.c.undo.ship: {said}",
        f"f:6:25: steps.c.ship: {said}",
    ]


def test_a_config_that_is_no_attrs_class_is_the_plugins_problem() -> None:
    fakes = Fakes({"bad": StepType(name="bad", config=NotAttrs, run=nothing)})
    (problem,) = problems_of("  a: {bad: {}}\n", fakes)
    assert problem.startswith("f:4:12: steps.a.bad: plugin 'bad' cannot be used: its config")


def test_retry_needs_a_backoff_that_is_there() -> None:
    fakes = Fakes({"fine": StepType(name="fine", config=Empty, run=nothing)})
    (problem,) = problems_of("  a: {retry: 3, fine: {}}\n", fakes)
    assert problem == "f:4:14: steps.a.retry: plugins a and b both offer backoff 'exponential'; disable one"


def test_a_plugin_without_settings_refuses_some() -> None:
    fakes = Fakes({"fine": StepType(name="fine", config=Empty, run=nothing)})
    assert problems_of("  a: {fine: 3}\n  b: {fine: {a: 1}}\n  c: {fine: }\n", fakes) == [
        "f:4:13: steps.a.fine: fine takes a mapping, got 3; leave the value out",
        "f:5:14: steps.b.fine.a: unknown setting 'a'; it takes none",
    ]


def test_a_step_whose_work_is_unknown_is_judged_in_all_else(registry: Registry) -> None:
    text = (
        "treadle: 1\nname: x\nsteps:\n"
        "  a: {docker: {}, retry: {on: exit}, undo: {comand: x}, undo_after: completed}\n"
    )
    _, problems = load_spec(text, name="f", registry=registry)
    assert [problem.path for problem in problems] == [
        "steps.a.docker",
        "steps.a.retry",
        "steps.a.undo.comand",
    ]


def test_the_number_of_steps_in_a_block_has_a_limit(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("treadle._spec.written._MAX_STEPS", 2)
    text = "treadle: 1\nname: x\nsteps: [{set: {}}, {set: {}}, {set: {}}]\n"
    _, problems = load_spec(text, name="f", registry=registry)
    assert [str(problem) for problem in problems] == [
        "f:3:8: steps: there are more than 2 steps; split the workflow"
    ]


def test_inputs_are_declared_with_all_their_keys(registry: Registry) -> None:
    spec = workflow(
        "inputs:\n  a: {type: duration, min: 1s, max: 5m, default: 2m, enum: [1m, 2m], description: d}\n"
        "  b: {type: list, items: {type: string, pattern: '[a-z]+'}, required: false}\n"
        "  c: {secret: true}\n  d: {type: number, min: 1.5, default: null}\n  e: {required: true}\n"
        "steps: {a: {set: {}}}\n",
        registry,
    )
    a, b, c, d, e = spec.inputs.values()
    assert (a.min, a.max, a.default, a.enum, a.required, a.description) == (
        1.0, 300.0, 120.0, (60.0, 120.0), False, "d",
    )  # fmt: skip
    assert b.items is not None
    assert (b.items.pattern, b.required, b.default) == ("[a-z]+", False, None)
    assert (c.secret, c.required, d.min, d.required, e.required) == (True, True, 1.5, False, True)


def test_expressions_that_are_repeated_are_parsed_once_and_have_places_of_their_own(
    registry: Registry,
) -> None:
    spec = workflow(
        "steps: {a: {when: inputs.a, set: {x: '${{ 1 }}'}}, b: {when: inputs.a, set: {x: '${{ 1 }}'}}}\n",
        registry,
    )
    a, b = spec.blocks[0].steps
    one, other = a.settings.tree["values"]["x"], b.settings.tree["values"]["x"]
    assert a.when is not b.when
    assert a.when._tree is b.when._tree
    assert one is not other
    assert one.parts is other.parts
    assert (other.source, other.references) == (one.source, one.references)


def test_a_foreach_may_hold_templates_at_any_depth(registry: Registry) -> None:
    step = only(workflow("steps: {a: {foreach: {x: [1, {y: '${{ 2 }}'}]}, set: {}}}\n", registry))
    assert isinstance(step.foreach["x"][1]["y"], Template)
