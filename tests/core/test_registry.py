import random
import sys
import textwrap
import types

import attrs
import pytest

from treadle._entry_points import EntryPoint
from treadle._kinds.table import KINDS
from treadle._registry import PluginInfo, PluginProblem, Registry
from treadle.errors import PluginError
from treadle.plugin import Backoff, Command, Function, SpecFormat, StepType, hookimpl


@attrs.frozen(kw_only=True)
class Settings:
    text: str = ""
    for_: float = 0.0
    hidden: int = attrs.field(default=0, init=False)


async def work(config, step):
    return None


def step_type(name="ship", **changes):
    return StepType(**{"name": name, "config": Settings, "run": work} | changes)


def plugin(name="acme", **hooks):
    """A module that answers *hooks*; values that are no functions are returned as they are."""
    module = types.ModuleType(name)
    for hook, answer in hooks.items():
        setattr(module, hook, hookimpl(answer if callable(answer) else lambda answer=answer: answer))
    return module


def offering(*entries, name="acme"):
    return plugin(name, treadle_step_types=lambda: list(entries))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution of one module, as an installer would, for the time of the test."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution, source, *, points=None, module=None):
        module = module or distribution.replace("-", "_")
        monkeypatch.delitem(sys.modules, module, raising=False)
        info = tmp_path / f"{module}-1.5.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        lines = "\n".join(f"{name} = {target}" for name, target in (points or {"main": module}).items())
        info.joinpath("entry_points.txt").write_text(f"[treadle]\n{lines}\n")
        tmp_path.joinpath(f"{module}.py").write_text(textwrap.dedent(source))

    return install


HEAD = """
import attrs
from treadle.plugin import StepType, hookimpl

@attrs.frozen(kw_only=True)
class Settings:
    text: str = ""

async def work(config, step):
    return None
"""
GOOD = (
    HEAD
    + """
@hookimpl
def treadle_step_types():
    return [StepType(name="good_ship", config=Settings, run=work)]
"""
)


def problems_of(registry, distribution):
    return [problem.message for problem in registry.problems if problem.distribution == distribution]


# --- what is installed -----------------------------------------------------------------------------


def test_the_standard_plugins_are_found_and_sound():
    registry = Registry.of()
    assert registry.faults() == ()
    assert {
        "wait",
        "condition",
        "switch",
        "parallel",
        "sequence",
        "steps",
        "python",
        "set",
        "emit",
        "fail",
    } <= set(registry.step_types)
    assert set(registry.strategies) == {"fail_fast", "fail_late", "continue", "rollback", "escalate"}
    assert set(registry.backoffs) == {"fixed", "linear", "exponential", "random", "fibonacci", "decorrelated"}
    assert {"console", "jsonl"} <= set(registry.sinks)
    assert set(registry.secret_providers) == {"env", "file"}
    assert {info.distribution for info in registry.plugins} == {"treadle"}


def test_an_installed_distribution_adds_to_the_standard_ones(install):
    install("treadle-good", GOOD, points={"good": "treadle_good"})
    registry = Registry.installed()
    assert {"good_ship", "wait"} <= set(registry.step_types)
    assert PluginInfo("good", "treadle-good", "1.5", (("step type", "good_ship"),)) in registry.plugins
    assert not registry.problems


def test_a_plugin_can_be_left_out_by_its_own_name_or_its_distributions(install):
    install("treadle-good", GOOD + "\nraise OSError('it was loaded')", points={"good": "treadle_good"})
    for name in ("good", "treadle-good"):
        registry = Registry.installed(without=[name])
        assert "good_ship" not in registry.step_types
        assert not registry.problems
        assert PluginInfo("good", "treadle-good", "1.5", disabled=True) in registry.plugins


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise OSError('disk\\n  full')", "cannot be loaded: OSError: disk full"),
        ("raise SystemExit", "cannot be loaded: SystemExit"),
        ("def broken(:", "cannot be loaded: SyntaxError: invalid syntax (treadle_bad.py, line 1)"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_and_costs_no_other(install, source, message):
    install("treadle-bad", source)
    registry = Registry.installed()
    assert problems_of(registry, "treadle-bad") == [message]
    assert str(registry.problems[0]) == f"plugin main of treadle-bad: {message}"
    assert PluginInfo("main", "treadle-bad", "1.5") in registry.plugins
    assert "wait" in registry.step_types


def test_an_entry_point_to_a_missing_attribute_is_named(install):
    install("treadle-bad", "", points={"main": "treadle_bad:plugin"})
    (message,) = problems_of(Registry.installed(), "treadle-bad")
    assert message.startswith("cannot be loaded: AttributeError: ")


def test_a_name_that_two_distributions_offer_belongs_to_neither(install):
    install("treadle-one", GOOD.replace("good_ship", "wait"))
    install("treadle-two", GOOD)
    registry = Registry.installed()
    assert "wait" not in registry.step_types
    assert "good_ship" in registry.step_types
    assert registry.clashes == {("step type", "wait"): ("treadle", "treadle-one")}
    assert registry.problems == ()
    assert registry.missing("step type", "wait") == (
        "plugins treadle and treadle-one both offer step type 'wait'; disable all but one of them"
    )
    assert registry.faults() == (registry.missing("step type", "wait"),)
    assert "wait" in Registry.installed(without=["treadle-one"]).step_types


def test_three_that_clash_are_all_named(install):
    for name in ("a", "b", "c"):
        install(name, GOOD)
    assert Registry.installed().missing("step type", "good_ship") == (
        "plugins a, b and c all offer step type 'good_ship'; disable all but one of them"
    )


def test_a_distribution_that_offers_a_name_twice_is_told_so(install):
    install("treadle-twice", GOOD, points={"one": "treadle_twice", "two": "treadle_twice"})
    registry = Registry.installed()
    assert "good_ship" not in registry.step_types
    assert registry.missing("step type", "good_ship") == (
        "plugin treadle-twice offers step type 'good_ship' twice; its author must drop or rename one"
    )


def test_an_entry_point_without_a_distribution_is_taken_too(monkeypatch):
    point = EntryPoint("loose", None, None, lambda: offering(step_type()))
    monkeypatch.setattr("treadle._registry.entry_points", lambda _group: [point])
    registry = Registry.installed()
    assert set(registry.step_types) == {"ship"}
    assert registry.plugins == (PluginInfo("loose", None, None, (("step type", "ship"),)),)


# --- what is given ---------------------------------------------------------------------------------


def test_given_plugins_stand_beside_the_standard_ones_or_alone():
    assert {"ship", "wait"} <= set(Registry.of(offering(step_type())).step_types)
    assert set(Registry.of(offering(step_type()), standard=False).step_types) == {"ship"}


def test_a_plugin_given_twice_is_asked_once():
    from treadle_std.steps import wait

    given = offering(step_type())
    assert "wait" in Registry.of(given, wait, given).step_types


def test_a_clash_of_given_plugins_names_both():
    class Other:
        @staticmethod
        @hookimpl
        def treadle_step_types():
            return [step_type("wait")]

    with pytest.raises(PluginError, match=r"plugins treadle and Other both offer step type 'wait'; disable"):
        Registry.of(Other())


def test_a_class_with_static_hooks_is_a_plugin():
    class Shipping:
        @staticmethod
        @hookimpl
        def treadle_step_types():
            return [step_type()]

    registry = Registry.of(Shipping, standard=False)
    assert registry.plugins == (PluginInfo("Shipping", None, None, (("step type", "ship"),)),)


def test_every_fault_of_given_plugins_is_in_one_error():
    with pytest.raises(PluginError) as caught:
        Registry.of(plugin("a", treadle_step_types=None), plugin("b", treadle_backoffs=3), standard=False)
    assert str(caught.value).splitlines() == [
        "plugin a: treadle_step_types returned NoneType; return a list of entries",
        "plugin b: treadle_backoffs returned int; return a list of entries",
    ]


# --- wrong plugins ---------------------------------------------------------------------------------


def fault_of(given):
    with pytest.raises(PluginError) as caught:
        Registry.of(given, standard=False)
    return str(caught.value)


def raising(error):
    def hook():
        raise error

    return hook


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (plugin(), "plugin acme: has no function marked with treadle.plugin.hookimpl"),
        (
            plugin(treadle_step_type=[]),
            "plugin acme: has a function 'treadle_step_type' marked as a hook, but there is no such hook; "
            "did you mean 'treadle_step_types'?",
        ),
        (
            plugin(treadle_sinks=raising(OSError("no"))),
            "there is no such hook; did you mean 'treadle_event_sinks'?",
        ),
        (plugin(zzz=[]), "there is no such hook; there are: treadle_backoffs, treadle_commands, "),
        (
            plugin(treadle_stores=raising(OSError("no\nway"))),
            "plugin acme: treadle_stores raised OSError: no way",
        ),
        (plugin(treadle_stores=raising(SystemExit(3))), "plugin acme: treadle_stores raised SystemExit: 3"),
        (
            plugin(treadle_stores=[step_type()]),
            "plugin acme: treadle_stores returned a wrong entry: StepType where Store is wanted",
        ),
        (plugin(treadle_stores="no"), "treadle_stores returned a wrong entry: str where Store is wanted"),
        (plugin(treadle_stores=lambda config: []), "plugin acme: is refused: PluginValidationError: "),
    ],
)
def test_a_wrong_plugin_is_told_what_is_wrong(given, fault):
    assert fault in fault_of(given)


def test_the_plugins_after_a_refused_one_are_asked(install):
    install("treadle-a", GOOD.replace("treadle_step_types()", "treadle_step_types(config)"))
    install("treadle-b", "plugin = None", points={"nothing": "treadle_b:plugin"})
    install("treadle-c", GOOD)
    registry = Registry.installed()
    assert problems_of(registry, "treadle-a")[0].startswith("is refused: PluginValidationError: ")
    assert problems_of(registry, "treadle-b") == ["has no function marked with treadle.plugin.hookimpl"]
    assert "good_ship" in registry.step_types


def test_a_wrapper_is_refused():
    def wrap():
        return (yield)

    given = types.ModuleType("acme")
    given.treadle_step_types = hookimpl(wrapper=True)(wrap)
    assert "treadle_step_types is a wrapper; each plugin is asked by itself" in fault_of(given)


def test_what_is_right_in_a_plugin_with_faults_is_kept(install):
    install(
        "treadle-half",
        GOOD
        + textwrap.dedent(
            """
            @hookimpl
            def treadle_backoffs():
                yield StepType(name="odd", config=Settings, run=work)
                raise OSError("half way")

            @hookimpl
            def treadle_stors():
                return []
            """
        ),
    )
    registry = Registry.installed()
    assert "good_ship" in registry.step_types
    assert sorted(problems_of(registry, "treadle-half")) == [
        "has a function 'treadle_stors' marked as a hook, but there is no such hook; "
        "did you mean 'treadle_stores'?",
        "treadle_backoffs raised OSError: half way",
    ]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (step_type("Ship"), r"the name 'Ship' does not match [a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*"),
        (step_type("a..b"), "the name 'a..b' does not match"),
        (step_type("a-b"), "the name 'a-b' does not match"),
        (step_type("ship\n"), "the name 'ship\\n' does not match"),
        (step_type(None), "the name None does not match"),
        (step_type(run="work"), "ship.run cannot be called"),
        (step_type(config=dict), "ship.config is <class 'dict'>, which is no attrs class"),
        (step_type(config=Settings()), "which is no attrs class"),
        (step_type(main="txt"), "ship.main is 'txt', which is no setting; there are: for, text"),
        (step_type(main="hidden"), "ship.main is 'hidden', which is no setting; there are: for, text"),
        (step_type(whole=True), "ship.whole needs main, the setting that takes it all"),
        (
            step_type(output=dict),
            "ship.output is <class 'dict'>; give an attrs class, or Any for free plain data",
        ),
        (step_type(errors={"OSError": "os"}), "ship.errors has 'OSError', which is no exception class"),
        (step_type(errors={KeyboardInterrupt: "os"}), "which is no exception class"),
        (step_type(errors={OSError: "a b"}), "ship.errors names OSError 'a b', which is no dotted name"),
        (step_type(errors={OSError: 3}), "ship.errors names OSError 3, which is no dotted name"),
    ],
)
def test_a_wrong_entry_is_told_what_is_wrong(entry, fault):
    message = fault_of(offering(entry))
    assert "treadle_step_types returned a wrong entry: " in message
    assert fault.replace("\\n", "\\\\n") in message or fault in message


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("len", "the function 'len' is the language's own; choose another name"),
        ("default", "the function 'default' is the language's own; choose another name"),
        ("lambda", "'lambda' is a keyword of expressions; choose another name"),
        ("true", "'true' is a keyword of expressions; choose another name"),
        ("acme.slug", "the name 'acme.slug' does not match"),
    ],
)
def test_a_function_may_not_take_a_name_of_the_language(name, fault):
    entry = Function(name=name, call=str, signature="f()", doc="")
    assert fault in fault_of(plugin(treadle_functions=[entry]))


def test_a_main_setting_that_is_a_keyword_is_named_as_a_spec_writes_it():
    assert "ship" in Registry.of(offering(step_type(main="for")), standard=False).step_types


def test_a_main_setting_that_is_no_keyword_keeps_its_underscore():
    @attrs.frozen
    class Typed:
        type_: str

    entry = StepType(name="ship", config=Typed, run=work, main="type_")
    assert "ship" in Registry.of(offering(entry), standard=False).step_types


def test_commands_and_formats_may_have_hyphens_and_need_no_settings():
    given = plugin(
        treadle_commands=[Command(name="show-off", help="", load=list)],
        treadle_spec_formats=[SpecFormat(name="to-ml", suffixes=(".toml",), parse=dict)],
    )
    registry = Registry.of(given, standard=False)
    assert set(registry.commands) == {"show-off"}
    assert set(registry.spec_formats) == {"to-ml"}


# --- asking a registry -----------------------------------------------------------------------------


def test_a_missing_name_gets_the_nearest_one_or_the_list():
    registry = Registry.of(offering(step_type("ship"), step_type("sail")), standard=False)
    assert registry.missing("step type", "shipp") == (
        "no plugin offers step type 'shipp'; did you mean 'ship'?"
    )
    assert registry.missing("step type", "xyz") == "no plugin offers step type 'xyz'; installed: sail, ship"
    assert registry.missing("store", "xyz") == "no plugin offers store 'xyz'; installed: none"


def test_functions_of_plugins_join_those_of_the_language():
    entry = Function(name="slug", call=str.lower, signature="slug(text)", doc="")
    functions = Registry.of(plugin(treadle_functions=[entry]), standard=False).expression_functions
    assert {"slug", "len"} <= set(functions)
    assert "slug" not in Registry.of(standard=False).expression_functions


def test_a_registry_cannot_be_changed():
    registry = Registry.of(offering(step_type()), standard=False)
    with pytest.raises(TypeError):
        registry.step_types["other"] = step_type()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        registry.step_types = {}


def test_two_kinds_may_share_a_name():
    backoff = Backoff(name="ship", config=Settings, delays=lambda config, rng: iter(()))
    given = plugin(treadle_step_types=[step_type()], treadle_backoffs=[backoff])
    registry = Registry.of(given, standard=False)
    assert registry.step_types["ship"].run is work
    assert list(registry.backoffs["ship"].delays(Settings(), random.Random(1))) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_every_kind_has_its_hook_and_its_mapping(kind):
    from treadle import hookspecs

    assert kind.hook in hookspecs.__all__
    assert getattr(Registry.of(standard=False), kind.mapping) == {}
    assert kind.does in {field.name for field in attrs.fields(kind.entry)}


def test_every_hook_is_of_a_kind():
    from treadle import hookspecs

    assert {kind.hook for kind in KINDS} == set(hookspecs.__all__)


def test_a_problem_cannot_fool_a_terminal():
    assert str(PluginProblem("a", None, "x\x1b[2J")) == "plugin a: x\\x1b[2J"
