"""What templates expand to: specs with them against the same specs written out."""

from __future__ import annotations

import time
from typing import Any

import pytest

import treadle
from treadle import SpecError, from_data, loads
from treadle._registry import Registry
from treadle._spec.parameters import MAX_EXPANDED


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.of()


def expanded(registry: Registry, parameters: Any, step: Any, given: Any) -> Any:
    """The one step of a template, with values *given* to its *parameters*."""
    data = {
        "treadle": 1,
        "name": "x",
        "inputs": {"env": {"default": "prod"}, "wait": {"type": "duration", "default": "1m"}},
        "secrets": ["TOKEN"],
        "templates": {"t": {"parameters": parameters, "steps": {"inner": step}}},
        "steps": {"use": {"template": {"name": "t", "with": given}}},
    }
    spec = from_data(data, registry=registry).spec
    assert "templates" not in spec.data
    return spec.data["steps"]["use"]["steps"]["inner"]


@pytest.mark.parametrize(
    ("kind", "value", "text", "expected"),
    [
        # one whole parameter is its value, of whatever kind
        ("string", "a b", "${{ parameters.v }}", "a b"),
        ("integer", 3, " ${{ parameters.v }}", " 3"),
        ("integer", 3, "${{ parameters.v }}", 3),
        ("boolean", True, "${{ parameters['v'] }}", True),
        ("list", [1, {"a": "${{ inputs.env }}"}], "${{ parameters.v }}", [1, {"a": "${{ inputs.env }}"}]),
        ("object", {"a": {"b": [7]}}, "${{ parameters.v.a }}", {"b": [7]}),
        ("object", {"a": {"b": [7]}}, "${{ parameters.v['a'].b }}", [7]),
        ("duration", "5m", "${{ parameters.v }}", "5m"),
        ("string", "${{ inputs.env }}", "${{ parameters.v }}", "${{ inputs.env }}"),
        # within an expression it is a literal, or the caller's expression in parentheses
        ("string", "it's", "${{ parameters.v + '!' }}", "${{ \"it's\" + '!' }}"),
        ("integer", -3, "${{ 1 - parameters.v }}", "${{ 1 - (-3) }}"),
        ("integer", "${{ 1 + 2 }}", "${{ parameters.v * 2 }}", "${{ (1 + 2) * 2 }}"),
        ("string", "${{ inputs.env }}", "${{ upper(parameters.v) }}", "${{ upper(inputs.env) }}"),
        ("string", "x${{ run.id }}", "${{ len(parameters.v) }}", "${{ len(('x' + string(run.id))) }}"),
        ("list", ["a", "${{ inputs.env }}"], "${{ len(parameters.v) }}", "${{ len(['a', inputs.env]) }}"),
        ("object", {"a": 1}, "${{ parameters.v[inputs.env] }}", "${{ {'a': 1}[inputs.env] }}"),
        ("duration", "5m", "${{ parameters.v * 2 }}", "${{ 300.0 * 2 }}"),
        ("boolean", False, "${{ not parameters.v }}", "${{ not false }}"),
        # within text a literal is text
        ("string", "a b", "<${{ parameters.v }}>", "<a b>"),
        ("boolean", True, "<${{ parameters.v }}>", "<true>"),
        ("number", 1.5, "<${{ parameters.v }}>", "<1.5>"),
        ("string", "${{ inputs.env }}", "<${{ parameters.v }}>", "<${{ inputs.env }}>"),
        ("string", "x ${{ inputs.env }}", "<${{ parameters.v }}>", "<x ${{ inputs.env }}>"),
        # unless that would make of it what it is not
        ("string", "{{ 1 }}", "$${{ parameters.v }}", "$${{ '{{ 1 }}' }}"),
        ("string", "$", "${{ parameters.v }}{{ 1 }}", "${{ '$' }}{{ 1 }}"),
        # what merely looks like a parameter stays
        ("string", "a", "parameters.v", "parameters.v"),
        ("string", "a", "${{ 'parameters.v' }}", "${{ 'parameters.v' }}"),
        ("string", "a", "${{ inputs.env }} ${{ 'x' }}", "${{ inputs.env }} ${{ 'x' }}"),
    ],
)  # fmt: skip
def test_a_value_is_put_in_as_data(
    registry: Registry, kind: str, value: Any, text: str, expected: Any
) -> None:
    step = expanded(registry, {"v": kind}, {"set": {"x": text}}, {"v": value})
    assert step == {"set": {"x": expected}}


@pytest.mark.parametrize(
    ("kind", "value", "bare", "expected"),
    [
        ("boolean", True, "parameters.v", "true"),
        ("boolean", True, "${{ parameters.v }}", True),
        ("string", "prod", "inputs.env == parameters.v", "inputs.env == 'prod'"),
        ("boolean", "${{ inputs.env == 'a' }}", "not parameters.v", "not (inputs.env == 'a')"),
        ("boolean", "${{ inputs.env == 'a' }}", "${{ parameters.v }}", "inputs.env == 'a'"),
        ("string", "prod", "inputs.env == 'parameters.v'", "inputs.env == 'parameters.v'"),
    ],
)
def test_bare_expressions_read_parameters(
    registry: Registry, kind: str, value: Any, bare: str, expected: Any
) -> None:
    step = {
        "when": bare,
        "retry": {"attempts": 2, "if": bare},
        "repeat": {"until": bare, "times": 2},
        "switch": {"cases": [{"when": bare, "steps": [{"condition": {"if": bare, "then": [{"set": {}}]}}]}]},
    }  # fmt: skip
    found = expanded(registry, {"v": kind}, step, {"v": value})
    case = found["switch"]["cases"][0]
    inner = case["steps"][0]["condition"]["if"]
    conditions = [found["when"], found["retry"]["if"], found["repeat"]["until"], case["when"], inner]
    assert conditions == [expected] * 5


def test_a_literal_may_stand_where_no_expression_may(registry: Registry) -> None:
    step = {
        "command": ["${{ parameters.program }}"],
        "name": "run ${{ parameters.program }}",
        "timeout": "${{ parameters.limit }}",
        "retry": "${{ parameters.retry }}",
        "labels": "${{ parameters.labels }}",
        "foreach": "${{ parameters.labels }}",
    }
    given = {"program": "ls", "limit": "5m", "retry": {"attempts": 3}, "labels": {"team": "a"}}
    kinds = {"program": "string", "limit": "duration", "retry": "object", "labels": "object"}
    assert expanded(registry, kinds, step, given) == {
        "command": ["ls"],
        "name": "run ls",
        "timeout": "5m",
        "retry": {"attempts": 3},
        "labels": {"team": "a"},
        "foreach": {"team": "a"},
    }


def test_steps_may_be_a_value(registry: Registry) -> None:
    steps = [{"set": {"x": "${{ inputs.env }}"}, "when": "inputs.env == 'prod'"}]
    step = {"steps": "${{ parameters.work }}", "undo": "${{ parameters.back }}"}
    given = {"work": steps, "back": {"command": "ls"}}
    found = expanded(registry, {"work": "list", "back": "object"}, step, given)
    assert found == {"steps": steps, "undo": {"command": "ls"}}


def test_a_value_is_never_split_into_words(registry: Registry) -> None:
    step = {"command": "echo ${{ parameters.v }}"}
    assert expanded(registry, {"v": "string"}, step, {"v": "a; rm -r b"}) == {
        "command": "echo ${{ 'a; rm -r b' }}"
    }


def test_a_script_takes_no_values(registry: Registry) -> None:
    step = {"shell": {"script": "echo ${{ parameters.v }}"}}
    with pytest.raises(SpecError, match="there is no interpolation in script"):
        expanded(registry, {"v": "string"}, step, {"v": "a"})


def test_the_name_of_a_secret_becomes_what_reads_it(registry: Registry) -> None:
    step = {"webhook": {"url": "https://${{ parameters.token }}.example.com", "json": {}}}
    kinds = {"token": {"secret": True, "default": "TOKEN"}}
    expected = {"webhook": {"url": "https://${{ secrets.TOKEN }}.example.com", "json": {}}}
    assert expanded(registry, kinds, step, {}) == expected
    assert expanded(registry, kinds, step, {"token": "TOKEN"}) == expected


def test_defaults_are_taken_and_what_need_not_be_given_is_null(registry: Registry) -> None:
    kinds = {"a": {"default": "x"}, "b": {"required": False}}
    step = {
        "set": {"a": "${{ parameters.a }}", "b": "${{ parameters.b }}", "c": "${{ parameters.b == null }}"}
    }
    assert expanded(registry, kinds, step, {}) == {"set": {"a": "x", "b": None, "c": "${{ null == null }}"}}


WITH_TEMPLATES = """
treadle: 1
name: x
inputs: {env: {default: prod}}
templates:
  ship:
    parameters: {host: string, loud: {type: boolean, default: false}}
    steps:
      push:
        command: [push, "${{ parameters.host }}"]
        undo: {template: {name: back, with: {to: "${{ parameters.host }}"}}}
      check: {needs: push, template: back, when: parameters.loud}
  back:
    parameters: {to: {default: nowhere}}
    steps: [{command: ["back", "${{ parameters.to }}"]}]
steps:
  - id: one
    name: First
    foreach: [a, b]
    retry: 2
    on_error: continue
    labels: {x: y}
    template: {name: ship, with: {host: "${{ item }}.${{ inputs.env }}"}}
  - uses: template
    with: {name: back}
  - condition:
      if: steps.one.status == 'completed'
      then: [{template: back}]
      else: {id_of: {parallel: [{template: back}, {set: {template: {name: nope}}}]}}
  - set: {x: "${{ steps.steps_2.status }}"}
finally:
  last: {template: {name: back, with: {to: "${{ run.id }}"}}}
"""

WRITTEN_OUT = """
treadle: 1
name: x
inputs: {env: {default: prod}}
steps:
  - id: one
    name: First
    foreach: [a, b]
    retry: 2
    on_error: continue
    labels: {x: y}
    steps:
      push:
        command: [push, "${{ item }}.${{ inputs.env }}"]
        undo: {steps: [{command: [back, "${{ item }}.${{ inputs.env }}"]}]}
      check: {needs: push, steps: [{command: [back, nowhere]}], when: "false"}
  - steps: [{command: [back, nowhere]}]
  - condition:
      if: steps.one.status == 'completed'
      then: [{steps: [{command: [back, nowhere]}]}]
      else: {id_of: {parallel: [{steps: [{command: [back, nowhere]}]}, {set: {template: {name: nope}}}]}}
  - set: {x: "${{ steps.steps_2.status }}"}
finally:
  last: {steps: [{command: [back, "${{ run.id }}"]}]}
"""


def test_templates_stand_wherever_steps_do(registry: Registry) -> None:
    found, plain = loads(WITH_TEMPLATES, registry=registry), loads(WRITTEN_OUT, registry=registry)
    assert found.spec.data == plain.spec.data
    assert found.spec.hash == plain.spec.hash
    assert [*found.plan.paths] == [*plain.plan.paths]


def test_expanding_draws_no_warning_that_its_author_could_not_help(registry: Registry) -> None:
    text = WITH_TEMPLATES.replace("parameters.loud", "parameters.loud and parameters.host != null")
    assert [str(one) for one in loads(text, registry=registry).warnings] == []


GUARDED = """
treadle: 1
name: x
templates:
  t:
    parameters:
      o: {type: object, required: false}
      s: {required: false}
      n: {type: integer, default: 0}
      l: {type: list, default: []}
    steps:
      - set:
          a: "${{ parameters.o.name if parameters.o != null else '' }}"
          b: "${{ default(parameters.o.name, 'x') }}"
          c: "${{ 10 / parameters.n if parameters.n > 0 else 0 }}"
          d: "${{ parameters.l[0] if len(parameters.l) > 0 else 'none' }}"
          e: "${{ default(parameters.s, 'x') + 'y' }}"
        when: parameters.o != null and default(parameters.o.name, '') == 'a'
      - set: {x: 1}
        when: parameters.s == null or parameters.s == 'b' or len(parameters.s) > 3
      - foreach: ${{ parameters.l }}
        set: {i: "${{ item }}"}
      - switch:
          cases:
            - {when: parameters.n == 1, steps: [{set: {}}]}
            - {when: parameters.n == 2, steps: [{set: {}}]}
          default: [{set: {}}]
      - fail: {message: no}
        when: parameters.n == 7
steps:
  - template: t
  - template: {name: t, with: {o: {name: a}, s: b, n: 2, l: [1, x]}}
  - template: {name: t, with: {o: {nam: a}, s: "abcdef", n: 1, l: [1]}}
"""


def test_a_template_may_look_at_what_it_is_given_first(registry: Registry) -> None:
    assert [str(one) for one in loads(GUARDED, registry=registry).warnings] == []


def test_a_template_that_is_not_used_draws_a_warning(registry: Registry) -> None:
    text = "treadle: 1\nname: x\ntemplates:\n  t: {steps: [{set: {}}]}\nsteps: [{set: {}}]\n"
    (warning,) = loads(text, name="f.yaml", registry=registry).warnings
    assert str(warning).startswith("f.yaml:4:3: templates.t: warning: the template 't' is not used")
    assert (warning.code, warning.severity) == ("TRD904", "warning")


def test_templates_that_grow_without_end_are_refused_at_once(registry: Registry) -> None:
    templates = {f"t{n}": {"steps": [{"template": f"t{n + 1}"}] * 10} for n in range(14)}
    templates["t14"] = {"steps": [{"set": {}}]}
    data = {"treadle": 1, "name": "x", "templates": templates, "steps": [{"template": "t0"}]}
    begun = time.process_time()
    with pytest.raises(SpecError, match=f"templates add more than {MAX_EXPANDED:,} values"):
        from_data(data, registry=registry)
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("value", [["${{ parameters.v }}"] * 10, "${{ parameters.v }}" * 10])
def test_values_that_grow_without_end_are_refused_at_once(registry: Registry, value: Any) -> None:
    kind = "list" if isinstance(value, list) else "string"
    templates: dict[str, Any] = {
        f"t{n}": {
            "parameters": {"v": kind},
            "steps": [{"template": {"name": f"t{n + 1}", "with": {"v": value}}}],
        }
        for n in range(9)
    }
    templates["t9"] = {"parameters": {"v": kind}, "steps": [{"set": {"x": "${{ parameters.v }}"}}]}
    first = {"template": {"name": "t0", "with": {"v": ["x"] if kind == "list" else "x"}}}
    with pytest.raises(SpecError, match=r"templates (add|put)"):
        from_data({"treadle": 1, "name": "x", "templates": templates, "steps": [first]}, registry=registry)


def test_templates_that_nest_too_deeply_are_refused(registry: Registry) -> None:
    templates: dict[str, Any] = {}
    for number in range(4):
        step: Any = {"template": f"t{number + 1}"} if number < 3 else {"set": {}}
        for _ in range(10):
            step = {"steps": [step]}
        templates[f"t{number}"] = {"steps": [step]}
    data = {"treadle": 1, "name": "x", "templates": templates, "steps": [{"template": "t0"}]}
    with pytest.raises(SpecError, match="nested more than 64 deep"):
        from_data(data, registry=registry)


def test_templates_use_each_other_sixteen_deep_and_no_deeper(registry: Registry) -> None:
    def chain(length: int) -> treadle.Workflow:
        templates: dict[str, Any] = {
            f"t{n}": {"steps": [{"template": f"t{n + 1}"}]} for n in range(length - 1)
        }
        templates[f"t{length - 1}"] = {"steps": [{"set": {}}]}
        data = {"treadle": 1, "name": "x", "templates": templates, "steps": [{"template": "t0"}]}
        return from_data(data, registry=registry)

    assert len(chain(16).plan.paths) == 17
    with pytest.raises(SpecError, match="templates use each other more than 16 deep"):
        chain(17)


def test_aliases_in_a_template_are_replaced_everywhere(registry: Registry) -> None:
    text = """
treadle: 1
name: x
templates:
  t: {parameters: {v: string}, steps: [{set: &s {x: "${{ parameters.v }}"}}, {set: *s}]}
steps:
  - {template: &t {name: t, with: {v: a}}}
  - {template: *t}
"""
    inner = [{"set": {"x": "a"}}, {"set": {"x": "a"}}]
    assert loads(text, registry=registry).spec.data["steps"] == [{"steps": inner}, {"steps": inner}]


IN_A_TEMPLATE = """\
treadle: 1
name: t
inputs: {env: {type: string}}
templates:
  one:
    parameters: {x: {type: string}}
    steps:
      - {set: {v: "a ${{ parameters.x }} b ${{ parameters.x + inputs.nope }}"}}
      - command: echo hello-${{ parameters.x }} "${{ inputs.gone }}"
      - {when: parameters.x == 'a' and inputs.none, command: make}
      - set:
          w: >-
            folded ${{ parameters.x }}
            text ${{ inputs.lost }}
steps:
  - template: {name: one, with: {x: "${{ inputs.env }} or longer"}}
"""


def test_a_mistake_in_a_text_with_parameters_stands_where_it_was_written() -> None:
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads(IN_A_TEMPLATE)
    lines = IN_A_TEMPLATE.splitlines()
    wanted = [
        (number, line.index(name) + 1)
        for number, line in enumerate(lines, start=1)
        for name in ("inputs.nope", "inputs.gone", "inputs.none", "inputs.lost")
        if name in line
    ]
    assert [(each.line, each.column) for each in caught.value.problems] == wanted


def test_a_mistake_that_a_value_makes_stands_where_the_template_reads_it() -> None:
    text = (
        "treadle: 1\nname: t\ntemplates:\n  one:\n    parameters: {x: {}}\n"
        '    steps: [{command: "echo ${{ parameters.x }} ${{ upper(parameters.x) }}"}]\n'
        'steps: [{template: {name: one, with: {x: "${{ nothing }}"}}}]\n'
    )
    with pytest.raises(treadle.SpecError) as caught:
        treadle.loads(text)
    columns = {(each.line, each.column) for each in caught.value.problems}
    assert columns <= {(7, text.splitlines()[6].index("nothing") + 1), (6, 29), (6, 56)}
    assert (7, text.splitlines()[6].index("nothing") + 1) in columns
