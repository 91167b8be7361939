"""``treadle plugins``: what is installed, what each plugin takes and gives, and what is wrong with it."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import attrs
import click

from treadle._cli import terminal
from treadle._cli.program import FAILED, Complaint
from treadle._near import did_you_mean
from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from treadle._registry import Registry
    from treadle._schema.describe import Setting


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> int:
    """List what is installed; show one plugin; find what is wrong."""
    return 0 if ctx.invoked_subcommand else _list(_registry())


@plugins.command("list")
def list_() -> int:
    """List every plugin: kind, name, distribution, version."""
    return _list(_registry())


@plugins.command()
@click.argument("name")
def show(name: str) -> int:
    """Show what NAME takes and gives: its settings with types, units and defaults, its output, an example."""
    registry = _registry()
    found = [(kind, entry) for kind, entry in _entries(registry) if entry.name == name]
    if not found:
        raise Complaint(_unknown(registry, name))
    terminal.out("\n\n".join("\n".join(_described(kind, entry)) for kind, entry in found))
    return 0


@plugins.command()
def doctor() -> int:
    """Report broken plugins and names that two distributions offer; exit code 1 if there are any."""
    registry = _registry()
    faults = registry.faults()
    for fault in faults:
        terminal.out(printable(fault))
    count = len([plugin for plugin in registry.plugins if not plugin.disabled])
    terminal.say(f"{_counted(count, 'plugin')}, {_counted(len(faults), 'problem')}")
    return FAILED if faults else 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _registry() -> Registry:
    from treadle._registry import Registry

    return Registry.installed()


def _list(registry: Registry) -> int:
    rows = sorted(
        (kind, name, plugin.distribution or plugin.name, plugin.version or "-", _usable(registry, kind, name))
        for plugin in registry.plugins
        for kind, name in plugin.offers
    )
    for line in terminal.table([("KIND", "NAME", "DISTRIBUTION", "VERSION", ""), *rows]):
        terminal.out(printable(line))
    if faults := registry.faults():
        terminal.say(f"problems: {len(faults)}; see: treadle plugins doctor")
    return 0


def _usable(registry: Registry, kind: str, name: str) -> str:
    return "unusable: offered twice" if (kind, name) in registry.clashes else ""


def _entries(registry: Registry) -> Iterator[tuple[str, Any]]:
    """Every usable entry with the title of its kind."""
    from treadle._registry import KINDS

    for kind in KINDS:
        for entry in getattr(registry, kind.mapping).values():
            yield kind.title, entry


def _unknown(registry: Registry, name: str) -> str:
    for kind, taken in registry.clashes:
        if taken == name:
            return registry.missing(kind, name)
    hint = did_you_mean(name, [entry.name for _, entry in _entries(registry)]) or "see: treadle plugins list"
    return f"no plugin offers anything named {name!r}; {hint}"


# --- one entry -------------------------------------------------------------------------------------


def _described(kind: str, entry: Any) -> Iterator[str]:
    """The lines about one entry."""
    from treadle._schema.describe import docs_of

    yield f"{entry.name} ({kind})"
    if not hasattr(entry, "config"):
        yield from (f"  {text}" for text in (getattr(entry, "signature", ""), _summary(entry)) if text)
        return
    docs = docs_of(entry.config)
    yield from (f"  {line}".rstrip() for line in docs.text.splitlines())
    yield from _settings(entry)
    yield from _output(entry)
    if errors := sorted(set(getattr(entry, "errors", {}).values())):
        yield f"\nerrors: {', '.join(errors)}"
    for heading in ("Raises", "Errors", "Example", "Examples"):
        if heading in docs.sections:
            yield f"\n{heading.lower()}:"
            yield from (f"  {line}".rstrip() for line in docs.sections[heading].splitlines())


def _summary(entry: Any) -> str:
    return str(getattr(entry, "doc", "") or getattr(entry, "help", ""))


def _settings(entry: Any) -> Iterator[str]:
    """The settings, the main one first, then those that must be given."""
    from treadle._schema.describe import settings_of

    settings = sorted(
        settings_of(entry.config), key=lambda each: (each.name != entry.main, not each.required)
    )
    yield "\nsettings:" if settings else "\nsettings: none"
    yield from _fields(settings, (_default(each, main=each.name == entry.main) for each in settings))


def _output(entry: Any) -> Iterator[str]:
    from treadle._schema.describe import settings_of

    output = getattr(entry, "output", None)
    if output is None:
        return
    if not isinstance(output, type) or not attrs.has(output):
        yield "\noutput: any value"
        return
    yield "\noutput:"
    fields = settings_of(output)
    yield from _fields(fields, ("" for _ in fields))


def _fields(fields: Sequence[Setting], remarks: Iterable[str]) -> Iterator[str]:
    """A line for each field, its doc below it."""
    rows = [(field.name, field.type, remark) for field, remark in zip(fields, remarks, strict=True)]
    for row, field in zip(terminal.table(rows, indent="  "), fields, strict=True):
        yield row
        yield from textwrap.wrap(field.doc, 96, initial_indent="      ", subsequent_indent="      ")


def _default(setting: Setting, *, main: bool) -> str:
    default = "required" if setting.required else f"default {_written(setting.default)}"
    return f"main setting, {default}" if main else default


def _written(default: Any) -> str:
    return (
        "none"
        if default is None
        else default
        if isinstance(default, str)
        else json.dumps(default, default=str)
    )
