from typing import Any

import attrs
import pytest

from treadle._cli import plugins
from treadle._registry import Registry
from treadle.plugin import Function, StepType, hookimpl


@attrs.frozen(kw_only=True)
class Nothing:
    """Takes nothing."""


async def work(config: Nothing, step: Any) -> None:
    """Do nothing."""


class Sample:
    @staticmethod
    @hookimpl
    def treadle_step_types() -> list[StepType[Any]]:
        return [StepType(name="sample.nothing", config=Nothing, run=work, errors={OSError: "disk"})]

    @staticmethod
    @hookimpl
    def treadle_functions() -> list[Function]:
        return [Function(name="slug", call=str.lower, signature="slug(text)", doc="The text in lower case.")]


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry.of(Sample(), standard=False)
    monkeypatch.setattr(plugins, "_registry", lambda: registry)


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_the_list_has_kind_name_distribution_and_version(treadle: Any, arguments: tuple[str, ...]) -> None:
    code, out, _ = treadle("plugins", *arguments)
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert rows[0] == ["KIND", "NAME", "DISTRIBUTION", "VERSION"]
    assert ["step", "type", "command", "treadle"] in [row[:4] for row in rows]


def test_a_step_type_is_shown_with_settings_units_output_and_example(treadle: Any) -> None:
    code, out, err = treadle("plugins", "show", "command")
    assert (code, err) == (0, "")
    assert out.startswith("command (step type)\n  Run a program.")
    assert "\nsettings:\n  run " in out, "the main setting comes first"
    assert "  grace       duration                      default 5s\n" in out
    assert "\noutput:\n  exit_code  integer\n" in out
    assert "\nexample:\n  command: " in out


def test_a_step_type_without_settings_or_output_class_is_shown(treadle: Any, sample: None) -> None:
    _, out, _ = treadle("plugins", "show", "sample.nothing")
    assert out == (
        "sample.nothing (step type)\n  Takes nothing.\n\n"
        "settings: none\n\noutput: any value\n\nerrors: disk\n"
    )


def test_a_function_is_shown_with_its_signature(treadle: Any, sample: None) -> None:
    _, out, _ = treadle("plugins", "show", "slug")
    assert out == "slug (function)\n  slug(text)\n  The text in lower case.\n"


def test_an_unknown_plugin_gets_a_hint(treadle: Any, sample: None) -> None:
    assert treadle("plugins", "show", "slog") == (
        2,
        "",
        "treadle: no plugin offers anything named 'slog'; did you mean 'slug'?\n",
    )
    assert "see: treadle plugins list" in treadle("plugins", "show", "zzz").err


def test_a_name_that_two_offer_is_listed_as_unusable(treadle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = attrs.evolve(
        Registry.of(Sample(), standard=False),
        step_types={},
        clashes={("step type", "sample.nothing"): ("a", "b")},
    )
    monkeypatch.setattr(plugins, "_registry", lambda: registry)
    code, out, err = treadle("plugins")
    assert code == 0
    assert "unusable: offered twice" in out
    assert err == "problems: 1; see: treadle plugins doctor\n"
    assert "a and b both offer step type 'sample.nothing'" in treadle("plugins", "show", "sample.nothing").err


def test_the_doctor_is_content_with_sound_plugins(treadle: Any, sample: None) -> None:
    assert treadle("plugins", "doctor") == (0, "", "1 plugin, 0 problems\n")


def test_the_doctor_names_what_is_broken(treadle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from treadle._registry import PluginInfo, PluginProblem

    registry = Registry(
        problems=(PluginProblem("bad", "treadle-bad", "cannot be loaded: OSError: no disk"),),
        plugins=(PluginInfo("bad", "treadle-bad", "1.0"), PluginInfo("off", "x", "1", disabled=True)),
    )
    monkeypatch.setattr(plugins, "_registry", lambda: registry)
    code, out, err = treadle("plugins", "doctor")
    assert code == 1
    assert out == "plugin bad of treadle-bad: cannot be loaded: OSError: no disk\n"
    assert err == "1 plugin, 1 problem\n"
