import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from treadle._cli import program, terminal
from treadle._registry import Registry
from treadle._version import __version__
from treadle.errors import EngineFault, PluginError, Problem, Refused, SpecError
from treadle.plugin import Command, hookimpl


def offering(*commands: Command) -> Registry:
    class Plugin:
        @staticmethod
        @hookimpl
        def treadle_commands() -> list[Command]:
            return list(commands)

    return Registry.of(Plugin(), standard=False)


@pytest.fixture
def plugin_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Install a command named ``extra`` whose body is the given function."""

    def install(body: Any) -> None:
        command = click.command("extra", help="Does more.")(body) if not isinstance(body, type) else body
        registry = offering(Command(name="extra", help="Does more.", load=lambda: command))
        monkeypatch.setattr(program, "_installed", lambda: registry)

    return install


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def imported_by(*arguments: str) -> set[str]:
    """The modules that a call of the program has imported by its end."""
    code = (
        "import sys\nfrom treadle._cli import main\nmain(sys.argv[1:])\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


def test_the_version_is_answered_before_anything_is_imported() -> None:
    loaded = imported_by("--version")
    assert "treadle._cli" in loaded
    assert loaded.isdisjoint({"click", "attrs", "pluggy", "importlib.metadata", "trio", "yaml"})


def test_the_version_is_the_same_wherever_it_is_asked_for(treadle: Any) -> None:
    assert treadle("--version") == (0, f"treadle {__version__}\n", "")
    assert treadle("--version", "--help") == (0, f"treadle {__version__}\n", "")


def test_help_lists_every_command(treadle: Any) -> None:
    code, out, _ = treadle("--help")
    assert code == 0
    assert [name for name in program.COMMANDS if f"\n  {name}" not in out] == []


@pytest.mark.parametrize("name", sorted(program.COMMANDS))
def test_every_command_explains_itself(treadle: Any, name: str) -> None:
    code, out, err = treadle(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: treadle {name}")


def test_no_command_shows_the_help_and_is_wrong_usage(treadle: Any) -> None:
    code, out, err = treadle()
    assert code == 2
    assert "Usage: treadle" in out + err


@pytest.mark.parametrize("name", sorted(program.LATER))
def test_a_command_of_a_later_version_says_so(treadle: Any, name: str) -> None:
    code, out, err = treadle(name, "x")
    assert (code, out) == (2, "")
    assert err == f"treadle: '{name}' is not yet supported in this version; see: treadle --help\n"


def test_an_unknown_command_gets_a_hint(treadle: Any) -> None:
    assert treadle("rnu") == (2, "", "treadle: there is no command 'rnu'; did you mean 'run'?\n")
    assert treadle("qqqqq") == (2, "", "treadle: there is no command 'qqqqq'; see: treadle --help\n")


def test_an_unknown_option_is_wrong_usage(treadle: Any) -> None:
    code, _, err = treadle("run", "--fast", "x.yaml")
    assert code == 2
    assert "No such option" in err


def test_a_command_of_a_plugin_runs_and_is_listed(treadle: Any, plugin_command: Any) -> None:
    plugin_command(lambda: 1)
    assert treadle("extra") == (1, "", "")
    assert "extra" in treadle("--help").out


def test_a_command_that_returns_nothing_succeeded(treadle: Any, plugin_command: Any) -> None:
    plugin_command(lambda: None)
    assert treadle("extra").code == 0


def test_a_command_that_two_plugins_offer_is_refused_with_both_names(
    treadle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(clashes={("command", "extra"): ("one", "two")})
    monkeypatch.setattr(program, "_installed", lambda: registry)
    code, _, err = treadle("extra")
    assert code == 2
    assert "one and two both offer command 'extra'" in err


def test_a_plugin_whose_command_is_none_is_blamed(treadle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = offering(Command(name="extra", help="", load=lambda: 17))
    monkeypatch.setattr(program, "_installed", lambda: registry)
    code, _, err = treadle("extra")
    assert (code, err) == (
        2,
        "treadle: a command must be a click command, not int; use @click.command()\n",
    )


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            SpecError([Problem("bad", path="steps.a", file="f.yaml", line=1, column=2)]),
            2,
            "f.yaml:1:2: steps.a: bad",
        ),
        (PluginError("broken"), 2, "treadle: broken"),
        (
            Refused("cancel", "ended", "it has ended"),
            2,
            "treadle: cannot cancel: it has ended (state: ended)",
        ),
        (KeyboardInterrupt(), 130, "treadle: interrupted"),
        (click.Abort(), 130, "treadle: interrupted"),
        (BaseExceptionGroup("", [ValueError("x"), KeyboardInterrupt()]), 130, "treadle: interrupted"),
        (ExceptionGroup("", [ExceptionGroup("", [PluginError("deep")])]), 2, "treadle: deep"),
        (click.UsageError("no"), 2, "Error: no"),
    ],
)
def test_what_leaves_a_command_becomes_an_exit_code_and_a_line(
    treadle: Any, plugin_command: Any, error: BaseException, code: int, said: str
) -> None:
    plugin_command(raising(error))
    result = treadle("extra")
    assert (result.code, result.out) == (code, "")
    assert result.err.splitlines()[-1] == said


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero\nand more"), EngineFault("lost a step")])
def test_a_bug_is_one_line_that_names_it(treadle: Any, plugin_command: Any, error: BaseException) -> None:
    plugin_command(raising(error))
    code, _, err = treadle("extra")
    assert code == 4
    assert len(err.splitlines()) == 1
    assert f"this is a bug of treadle: {type(error).__name__}: " in err
    assert "TREADLE_DEBUG=1" in err


def test_the_traceback_of_a_bug_is_shown_on_request(
    treadle: Any, plugin_command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREADLE_DEBUG", "1")
    plugin_command(raising(ZeroDivisionError("by zero")))
    code, _, err = treadle("extra")
    assert code == 4
    assert err.startswith("Traceback")
    assert err.splitlines()[-1] == "treadle: this is a bug of treadle: ZeroDivisionError: by zero"


def test_a_bug_in_a_plugin_names_its_distribution(
    treadle: Any, plugin_command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from treadle._cli import faults

    monkeypatch.setattr(faults, "_plugin_packages", lambda: {__name__.partition(".")[0]: "treadle-sample"})
    plugin_command(raising(ZeroDivisionError("by zero")))
    assert "a bug of the plugin 'treadle-sample'" in treadle("extra").err


def test_plugin_packages_are_those_of_other_distributions() -> None:
    from treadle._cli import faults

    assert faults._plugin_packages().keys().isdisjoint({"treadle", "treadle_std"})


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m treadle schema | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == "{0\n"


def test_text_that_a_stream_cannot_encode_is_escaped() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "treadle", "größe"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 2
    assert "gr\\xf6" in done.stderr


def test_a_stream_that_is_closed_swallows_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open("w", encoding="utf-8") as stream:
        pass
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdin", stream)
    terminal.say("into the void")
    assert not terminal.interactive()


def test_a_table_pads_all_columns_but_the_last() -> None:
    assert terminal.table([("a", "bb", ""), ("aaa", "b", "c")], indent=" ") == [" a    bb", " aaa  b   c"]
    assert terminal.table([]) == []


def test_a_pipe_that_nobody_reads_any_more_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.out("lost")
        terminal.out("lost too")


@pytest.mark.parametrize(("debug", "lines"), [("0", 1), ("1", 2)])
def test_warnings_of_the_engine_are_a_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, debug: str, lines: int
) -> None:
    monkeypatch.setenv("TREADLE_DEBUG", debug)
    log = logging.getLogger("treadle.sinks")
    with terminal.logging_shown():
        log.warning("slow")
        assert capsys.readouterr().err == "treadle: slow\n"
        log.error("sink failed", exc_info=OSError("disk full"))
    said = capsys.readouterr().err
    assert said.startswith("treadle: sink failed")
    assert "OSError: disk full" in said
    assert len(said.splitlines()) >= lines
    log.warning("nobody listens")
    assert capsys.readouterr().err in ("", "nobody listens\n")
