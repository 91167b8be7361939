from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Optional

import attrs
import pytest
from attrs import validators as v
from typing_extensions import TypeAliasType

from treadle._expr import Template, function_table
from treadle._settings import Settings, SettingsError
from treadle._spec.lower import read_settings, what_can_be_read
from treadle._spec.reading import Reading
from treadle._spec.report import Report
from treadle._spec.yaml import read_yaml
from treadle.plugin import (
    NO_SECRETS,
    NO_TEMPLATES,
    Argv,
    Block,
    BlockForm,
    Bytes,
    Expr,
    Seconds,
    SecretName,
    Url,
)


@attrs.frozen(kw_only=True)
class Every:
    text: str = ""
    whole: int = attrs.field(default=1, validator=v.ge(1))
    flag: bool = False
    free: Any = None
    words: list[str] = attrs.field(factory=list)
    table: Mapping[str, int] = attrs.field(factory=dict)
    wait: Seconds = 0.0
    size: Bytes = 0


@attrs.frozen(kw_only=True)
class Bearer:
    token: str


Hosts = TypeAliasType("Hosts", list[str])


@attrs.frozen(kw_only=True)
class Rare:
    hosts: Hosts = attrs.field(factory=list)
    hook: Callable[[int], str] | None = None
    either: Bearer | dict[str, int] | None = None
    upper: str = attrs.field(default="", converter=str.upper)


@attrs.frozen(kw_only=True)
class Special:
    run: Argv = ()
    script: str = attrs.field(default="", metadata=NO_TEMPLATES)
    quiet: Any = attrs.field(default=None, metadata=NO_SECRETS)
    condition: Expr | None = None
    secret: SecretName | None = None
    url: Url | None = None
    main: Any = None
    maybe: Argv | None = None


@attrs.frozen(kw_only=True)
class Probed:
    low: int = 0
    high: int = 1
    label: str = ""
    link: Optional[Url] = None  # noqa: UP045

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


@attrs.frozen(kw_only=True)
class ProbedMore(Probed):
    needed: str


@attrs.frozen(kw_only=True)
class Checked:
    low: int
    high: int
    odd: int = attrs.field(default=1)

    @odd.validator
    def _is_odd(self, _: Any, value: int) -> None:
        if self.low < 0 or value % 2 == 0:
            raise ValueError(f"'odd' must be odd, got {value}")

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")
        if self.high > 1000:
            raise RuntimeError("boom")


@attrs.frozen
class Entry:
    config: Any
    name: str = "plugin"
    main: str | None = "main"
    whole: bool = False


@attrs.frozen
class NoPlugins:
    expression_functions: Any = attrs.field(factory=function_table)


def read(text: str, config: Any, **more: Any) -> tuple[Settings[Any] | None, list[str]]:
    report = Report(None)
    reading = Reading(report, NoPlugins())  # type: ignore[arg-type]
    reading.secrets = frozenset({"TOKEN"})
    node = read_yaml(text, report)
    assert node is not None
    settings = read_settings(reading, Entry(config), node, "s", **more)
    return settings, [str(problem) for problem in report.in_order()]


def probed(text: str, config: Any) -> list[str]:
    """What is said of settings that are judged as a whole even where they hold templates."""
    report = Report(None)
    node = read_yaml(text, report)
    assert node is not None
    what_can_be_read(Reading(report, NoPlugins()), Entry(config), node, "s", probed=True)  # type: ignore[arg-type]
    return [str(problem) for problem in report.in_order()]


def settings(text: str, config: Any, **more: Any) -> Settings[Any]:
    found, problems = read(text, config, **more)
    assert problems == []
    assert found is not None
    return found


def said(text: str, config: Any, **more: Any) -> list[str]:
    found, problems = read(text, config, **more)
    assert found is None
    return problems


def giving(**values: Any) -> Callable[[Template], Any]:
    """Evaluates the templates of *values*, named by the input they read."""
    return lambda template: template.evaluate({"inputs": values}, now=0.0)


def test_what_is_wrong_whatever_a_template_gives_can_be_found() -> None:
    assert probed("{low: 2, high: 1, label: '${{ inputs.a }}'}", Probed) == ["1:1: s: low is above high"]
    assert probed("{low: '${{ inputs.a }}', high: 1}", Probed) == []
    assert probed("{low: 2, high: 1, link: 'http://${{ inputs.a }}'}", Probed) == []
    assert probed("{low: 2, high: 3, needed: '${{ inputs.a }}'}", ProbedMore) == []


def test_checks_across_fields_come_last() -> None:
    assert said("{low: 2, high: 1}", Checked) == ["1:1: s: low is above high"]
    assert said("{low: 2, high: x}", Checked) == ["1:16: s.high: expected a whole number, got 'x'"]


def test_a_validator_that_needs_the_instance_is_asked_with_it() -> None:
    assert said("{low: 1, high: 2, odd: 2}", Checked) == ["1:1: s: 'odd' must be odd, got 2"]


def test_a_plugin_that_crashes_is_named() -> None:
    assert said("{low: 1, high: 2000}", Checked) == ["1:1: s: plugin 'plugin' failed with RuntimeError: boom"]


# --- templates -------------------------------------------------------------------------------------


def test_settings_without_templates_are_built_at_once() -> None:
    found = settings("{text: x, wait: 5s}", Every)
    assert found.constant == Every(text="x", wait=5.0)
    assert found.tree is None
    assert found.build(giving()) is found.constant
    assert found.holes == found.written == ()


def test_settings_with_templates_are_built_from_values() -> None:
    found = settings(
        "{text: 'a-${{ inputs.x }}', whole: '${{ inputs.y }}', words: [a, '${{ inputs.x }}']}", Every
    )
    assert found.constant is None
    assert found.build(giving(x="b", y=3)) == Every(text="a-b", whole=3, words=["a", "b"])


def test_values_are_copied_and_structured_strictly() -> None:
    found = settings("{free: '${{ inputs.x }}', whole: '${{ inputs.y }}'}", Every)
    given = {"list": [1]}
    built = found.build(giving(x=given, y=1))
    built.free["list"].append(2)
    assert given == {"list": [1]}
    with pytest.raises(SettingsError, match=r"^whole: expected a whole number, got '3'$"):
        found.build(giving(x=None, y="3"))
    with pytest.raises(SettingsError, match="whole: 'whole' must be at least 1, and is 0"):
        found.build(giving(x=None, y=0))


@pytest.mark.parametrize(
    ("given", "seconds"), [("2s", 2.0), (5, 5.0), (0, 0.0), (0.1, 0.1), (1e-12, 0.0), (86400.5, 86400.5)]
)
def test_a_number_that_an_expression_gives_for_a_duration_is_one_of_seconds(
    given: str | float, seconds: float
) -> None:
    found = settings("{wait: '${{ inputs.x }}', size: '${{ inputs.y }}'}", Every)
    assert found.build(giving(x=given, y=10)).wait == seconds


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("5", "wait: '5' has no unit; add one"),
        (-1, "wait: '-1s' is negative"),
        (1e300, "wait: a duration of 302 characters is too long"),
        (1e12, "wait: '1000000000000.0s' is longer than 100 years"),
        (True, "wait: expected a duration"),
    ],
)
def test_what_is_no_duration_is_refused_though_an_expression_gives_it(given: Any, why: str) -> None:
    found = settings("{wait: '${{ inputs.x }}', size: '${{ inputs.y }}'}", Every)
    with pytest.raises(SettingsError, match=why):
        found.build(giving(x=given, y=10))


def test_what_stands_beside_templates_is_checked_when_loaded() -> None:
    problems = said("{text: '${{ inputs.x }}', whole: 0, flg: true, table: {a: '${{ 1 }}', b: x}}", Every)
    assert [problem.split(": ", 2)[1] for problem in problems] == ["s.whole", "s.flg", "s.table.b"]


def test_templates_are_listed_with_place_and_permission() -> None:
    found = settings("{quiet: {a: ['${{ inputs.x }}']}, main: '${{ inputs.y }}'}", Special)
    assert [
        (hole.place.path, hole.place.column, hole.template.source, hole.secrets_allowed)
        for hole in found.holes
    ] == [
        ("s.quiet.a[0]", 14, "${{ inputs.x }}", False),
        ("s.main", 41, "${{ inputs.y }}", True),
    ]


def test_a_main_setting_may_be_given_alone() -> None:
    assert settings("5", Special).constant.main == 5
    assert settings("'${{ inputs.x }}'", Special).build(giving(x=[1])).main == [1]
    assert settings("{}", Special).constant == Special()


def test_a_setting_may_refuse_templates() -> None:
    assert said("{script: 'echo ${{ inputs.x }}'}", Special) == [
        '1:10: s.script: there is no interpolation in script; put the value in env and read it as "$NAME"'
    ]
    assert said("{main: '${{ 1 }}'}", Special, templates=False) == [
        "1:8: s.main: an expression has no value here; write the value itself"
    ]


# --- settings of special types ---------------------------------------------------------------------


def test_words_are_split_before_values_are_put_in() -> None:
    found = settings("{run: 'echo ${{ inputs.x }} \"a b\" n=${{ inputs.y }}'}", Special)
    assert found.build(giving(x="1 2; rm", y=True)).run == ("echo", "1 2; rm", "a b", "n=true")
    assert settings("{run: [echo, '${{ inputs.x }}', '${{ inputs.y }}']}", Special).build(
        giving(x=False, y=3)
    ).run == ("echo", "false", "3")
    assert settings("{maybe: echo hi}", Special).constant.maybe == ("echo", "hi")


def test_a_word_holds_no_list() -> None:
    found = settings("{run: [echo, '${{ inputs.x }}']}", Special)
    with pytest.raises(SettingsError, match=r"^run\[1\]: expected text, got a list"):
        found.build(giving(x=["a", "b"]))


def test_words_are_text() -> None:
    assert said("{run: [sleep, 1.10, true, [x]]}", Special) == [
        "1:15: s.run[1]: expected text, got 1.10; quote it: '1.10'",
        "1:21: s.run[2]: expected text, got true; quote it: 'true'",
        "1:27: s.run[3]: expected text, got a list",
    ]
    assert said("{run: {a: b}}", Special) == ["1:7: s.run: expected a list of words or text, got a mapping"]
    assert said("{run: []}", Special) == [
        "1:7: s.run: no command is given; write the program and its arguments"
    ]
    assert said("{run: ['${{ 1 + }}']}", Special)[0].startswith("1:13: s.run[0]: ")


def test_a_url_knows_whether_its_host_was_written() -> None:
    assert settings("{url: 'https://e.org/x'}", Special).constant.url == Url("https://e.org/x")
    found = settings("{url: 'https://e.org/${{ inputs.x }}'}", Special).build(giving(x="a"))
    assert found.url == Url("https://e.org/a", host_written=True)
    found = settings("{url: 'https://${{ inputs.x }}/'}", Special).build(giving(x="e.org"))
    assert found.url == Url("https://e.org/", host_written=False)


def test_a_url_that_is_none_is_refused_when_loaded_and_when_built() -> None:
    assert said("{url: nonsense}", Special)[0].startswith("1:7: s.url: the URL does not begin with")
    assert said("{url: 3}", Special) == ["1:7: s.url: expected a URL, got 3; quote it: '3'"]
    found = settings("{url: '${{ inputs.x }}'}", Special)
    with pytest.raises(SettingsError, match=r"s\.url: the URL does not begin with"):
        found.build(giving(x="nonsense"))
    with pytest.raises(SettingsError, match="url: expected a URL, got the number 3"):
        found.build(giving(x=3))


def test_a_secret_is_named_plainly_or_in_braces() -> None:
    assert settings("{secret: TOKEN}", Special).constant.secret == "TOKEN"
    assert settings("{secret: '${{ secrets.TOKEN }}'}", Special).constant.secret == "TOKEN"
    assert said("{secret: '${{ inputs.a }}'}", Special) == [
        "1:10: s.secret: expected the name of a secret; write it as CHAT_TOKEN"
    ]
    assert said("{secret: OTHER}", Special) == [
        "1:10: s.secret: the secret 'OTHER' is not declared; "
        "add it to the workflow's list: secrets: [OTHER, TOKEN]"
    ]
    assert said("{secret: 3}", Special) == ["1:10: s.secret: expected text, got 3; quote it: '3'"]


def test_an_expression_is_left_unevaluated() -> None:
    found = settings("{condition: inputs.a == 1}", Special)
    assert found.constant.condition.evaluate({"inputs": {"a": 1}}, now=0.0) is True
    assert [(place.path, expression.source) for place, expression in found.written] == [
        ("s.condition", "inputs.a == 1")
    ]
    assert said("{condition: 3}", Special)[0].startswith("1:13: s.condition: condition takes an expression")


# --- blocks ----------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Branch:
    when: Expr
    steps: Block


@attrs.frozen(kw_only=True)
class Blocks:
    main: Annotated[Block | None, BlockForm("together")] = None
    cases: list[Branch] = attrs.field(factory=list)
    named: dict[str, Block] = attrs.field(factory=dict)
    plain: Optional[Annotated[Block, BlockForm(mapping=False)]] = None  # noqa: UP045


def test_blocks_are_compiled_wherever_they_stand() -> None:
    seen: list[tuple[str, BlockForm]] = []

    def block(node: Any, path: str, form: BlockForm) -> Block:
        seen.append((path, form))
        return Block(len(seen), ())

    text = "{main: [1], cases: [{when: true, steps: [1]}], named: {a: {b: 1}}, plain: [1]}"
    found = settings(text, Blocks, block=block)
    assert seen == [
        ("s.main", BlockForm("together")),
        ("s.cases[0].steps", BlockForm()),
        ("s.named.a", BlockForm()),
        ("s.plain", BlockForm(mapping=False)),
    ]
    assert [one.index for one in found.blocks] == [1, 2, 3, 4]
    assert found.constant.cases[0].steps is found.blocks[1]
    assert found.constant.named["a"] is found.blocks[2]


def test_a_block_that_cannot_be_compiled_spoils_the_settings() -> None:
    def refuse(node: Any, path: str, form: BlockForm) -> None:
        return None

    assert read("{main: [1]}", Blocks, block=refuse) == (None, [])


def test_blocks_stand_only_in_the_settings_of_steps() -> None:
    assert said("{main: [1]}", Blocks) == [
        "1:8: s.main: steps cannot stand in these settings; tell the plugin's author"
    ]


def test_rare_types_are_read() -> None:
    found = settings("{hosts: [a], either: {n: 1}, upper: abc}", Rare).constant
    assert (found.hosts, found.either, found.upper) == (["a"], {"n": 1}, "ABC")
    assert settings("{either: {token: x}}", Rare).constant.either == Bearer(token="x")
    assert said("{hook: 3}", Rare)[0].startswith("1:8: s.hook: expected ")
