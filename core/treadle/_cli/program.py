"""The program's commands, and what becomes of an exception that leaves one.

    0    completed
    1    failed, rolled back, or cancelled by someone else
    2    the spec, inputs or usage are wrong
    3    waits for a person, is paused or suspended
    4    treadle, a plugin or the store failed
    130  interrupted

Rule 1: a command is a function that returns its exit code; click only reads its arguments.
Rule 2: a command's module is imported when the command is used, or when help lists it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from treadle._cli import terminal
from treadle._near import did_you_mean
from treadle.errors import (
    EngineFault,
    NoSuchRun,
    PluginError,
    RecordError,
    Refused,
    SpecError,
    StoreError,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._registry import Registry

COMMANDS = {
    "approve": "treadle._cli.steer:approve",
    "cancel": "treadle._cli.steer:cancel",
    "config": "treadle._cli.config:config",
    "events": "treadle._cli.events:events",
    "expand": "treadle._cli.expand:expand",
    "fmt": "treadle._cli.fmt:fmt",
    "gc": "treadle._cli.gc:gc",
    "pause": "treadle._cli.steer:pause",
    "plan": "treadle._cli.plan:plan",
    "plugins": "treadle._cli.plugins:plugins",
    "ps": "treadle._cli.ps:ps",
    "reject": "treadle._cli.steer:reject",
    "rerun": "treadle._cli.rerun:rerun",
    "resolve": "treadle._cli.steer:resolve",
    "resume": "treadle._cli.resume:resume",
    "run": "treadle._cli.run:run",
    "schema": "treadle._cli.schema:schema",
    "show": "treadle._cli.show:show",
    "signal": "treadle._cli.steer:signal",
    "validate": "treadle._cli.validate:validate",
    "why": "treadle._cli.why:why",
}
"""What this version does, by name: the module and name of a click command."""

LATER = frozenset(
    {
        *("agent", "debug", "record", "report", "serve", "simulate"),
        *("test", "token", "triggers", "worker"),
    }
)
"""Commands of the language's page that this version does not have yet."""

FAILED, WRONG, STANDS, BROKEN, INTERRUPTED = 1, 2, 3, 4, 130


class Complaint(click.UsageError):
    """What was asked cannot be done as asked; exit code 2, one line, no usage text."""

    def show(self, file: Any = None) -> None:
        """Say it on standard error."""
        terminal.say(f"treadle: {printable(self.message)}")


class Program(click.Group):
    """The group of all commands: treadle's own, and those of plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names for the help, sorted."""
        return sorted({*COMMANDS, *_installed().commands})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command *name*, imported; None if there is none."""
        if name in COMMANDS:
            module, _, attribute = COMMANDS[name].partition(":")
            return _as_command(getattr(importlib.import_module(module), attribute))
        if name in LATER:
            raise Complaint(f"{name!r} is not yet supported in this version; see: treadle --help")
        return _of_plugin(_installed(), name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a hint for a name that is nearly right."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            hint = did_you_mean(name, [*COMMANDS, *LATER, *_installed().commands]) or "see: treadle --help"
            raise Complaint(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    help="Show the version and exit.",
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _, asked: _show_version(ctx) if asked else None,
)
def program() -> None:
    """Run workflows written in YAML."""


def execute(arguments: list[str]) -> int:
    """Run *arguments*; every way out becomes an exit code."""
    terminal.prepare()
    try:
        return _code(program.main(arguments, prog_name="treadle", standalone_mode=False))
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as wrong:
        wrong.show()
        return WRONG
    except (KeyboardInterrupt, click.Abort):
        terminal.say("treadle: interrupted")
        return INTERRUPTED
    except (Exception, BaseExceptionGroup, EngineFault) as error:
        return _explain(error)
    finally:
        terminal.finish()


def _explain(error: BaseException) -> int:
    """Say what *error* means to the person at the terminal; the exit code."""
    causes = list(_leaves(error))
    for cause in causes:
        if isinstance(cause, KeyboardInterrupt):
            terminal.say("treadle: interrupted")
            return INTERRUPTED
    for cause in causes:
        if isinstance(cause, click.ClickException):  # from inside a nursery
            cause.show()
            return WRONG
        if isinstance(cause, SpecError):
            terminal.say(str(cause))
            return WRONG
        if isinstance(cause, (PluginError, Refused, NoSuchRun)):
            terminal.say(f"treadle: {printable(str(cause))}")
            return WRONG
        if isinstance(cause, (StoreError, RecordError)):
            terminal.say(f"treadle: {printable(str(cause))}")
            return BROKEN
    from treadle._cli.faults import report

    terminal.say(report(error, causes))
    return BROKEN


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in the groups of *error*, or *error* itself."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


def _of_plugin(registry: Registry, name: str) -> click.Command | None:
    if ("command", name) in registry.clashes:
        raise Complaint(registry.missing("command", name))
    entry = registry.commands.get(name)
    return None if entry is None else _as_command(entry.load())


def _as_command(value: Any) -> click.Command:
    if not isinstance(value, click.Command):
        raise PluginError(
            f"a command must be a click command, not {type(value).__name__}; use @click.command()"
        )
    return value


def _installed() -> Registry:
    from treadle._registry import Registry

    return Registry.installed()


def _show_version(ctx: click.Context) -> None:
    from treadle._version import __version__

    terminal.out(f"treadle {__version__}")
    ctx.exit()


def _code(value: Any) -> int:
    return value if isinstance(value, int) else 0
