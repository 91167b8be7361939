"""The generated parts of the reference pages: ``python docs/generate.py`` writes them.

A page holds ``<!-- generated: NAME -->`` and ``<!-- end -->``; what stands between comes from PARTS.

Rule 1: everything comes from what the program itself runs with: classes, hooks, commands, tables.
Rule 2: only the standard plugins are described, whatever else is installed here.
"""

from __future__ import annotations

import enum
import functools
import inspect
import re
import sys
import textwrap
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

import treadle
import treadle.plugin
from treadle import hookspecs
from treadle._cli.program import COMMANDS, program
from treadle._deployment import Limits, Retention
from treadle._expr import BUILTINS
from treadle._kinds.table import BY_HOOK
from treadle._schema.describe import Setting, docs_of, settings_of
from treadle._state import RUN_TRANSITIONS, STEP_TRANSITIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

DOCS = Path(__file__).resolve().parent
CORE = DOCS.parent / "core"
WIDTH = 118

COMMON = {
    "name": "how it is called; dotted where its kind allows.",
    "config": "attrs class of the settings, frozen and keyword-only, at module level.",
    "main": "the setting that is meant where the settings are not a mapping.",
    "help": "one line for `treadle --help`.",
}
"""Fields that mean the same in every kind of entry."""

_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_CODE = re.compile(r'^(?:    )?"?(TRD\d{3})(?:": "|   )(.+?)(?:",)?$', re.MULTILINE)


def pages() -> list[Path]:
    """Every page."""
    return sorted(DOCS.rglob("*.md"))


def fresh(text: str) -> str:
    """The page *text* with its generated parts as they should be."""
    return _PART.sub(lambda part: part[1] + "\n" + PARTS[part[2]]().strip() + "\n\n" + part[3], text)


def main(arguments: list[str]) -> int:
    """Write the pages that are stale; with ``--check``, name them."""
    stale = [page for page in pages() if fresh(page.read_text()) != page.read_text()]
    for page in stale:
        if "--check" not in arguments:
            page.write_text(fresh(page.read_text()))
        print(page.relative_to(DOCS))
    return 1 if stale and "--check" in arguments else 0


# --- words -----------------------------------------------------------------------------------------


def _prose(text: str) -> str:
    """A docstring's text as Markdown."""
    return re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)


def _bullet(name: str, notes: str, doc: str, margin: str = "") -> str:
    said = f": {_prose(doc)}" if doc else ""
    line = f"- `{name}` ({notes}){said}" if notes else f"- `{name}`{said}"
    return textwrap.fill(
        line,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _section(docs: Mapping[str, str], name: str, heading: str) -> Iterator[str]:
    if name in docs:
        body = _prose(docs[name])
        # `Raises` is a list of ``Class: text``; anything else is a sentence
        lines = re.sub(r"^(\w+):\s", r"- `\1`: ", body, flags=re.MULTILINE)
        yield f"{heading}:\n\n{lines}"


# --- entries of plugins ----------------------------------------------------------------------------


def _entries(mapping: str, sample: str) -> str:
    """A section for each standard entry of one kind; *sample* wraps its example."""
    entries = getattr(_standard(), mapping)
    return "\n\n".join("\n\n".join(_entry(entry, sample)) for entry in entries.values())


@functools.cache
def _standard() -> treadle.Registry:
    return treadle.Registry.of()


def _entry(entry: Any, sample: str) -> Iterator[str]:
    docs = docs_of(entry.config)
    yield f"## `{entry.name}`"
    yield _prose(docs.text)
    settings = sorted(
        settings_of(entry.config), key=lambda each: (each.name != entry.main, not each.required)
    )
    if settings:
        yield "Settings:\n\n" + "\n".join(_setting(each, entry) for each in settings)
    else:
        yield "No settings."
    output = getattr(entry, "output", None)
    if attrs.has(output):
        yield "Output:\n\n" + "\n".join(_bullet(one.name, one.type, one.doc) for one in settings_of(output))
        if given := docs_of(output).sections.get("Example"):
            yield "```text\n" + re.sub(r"``\s*``", "\n ", given).strip("`") + "\n```"
    if isinstance(entry, treadle.plugin.StepType):
        yield textwrap.fill("Fails as: " + " ".join(_prose(docs.sections["Errors"]).split()), WIDTH)
        yield _after_a_crash(entry)
    if "Example" in docs.sections:
        example = docs.sections["Example"].strip("`")
        yield sample.format(example)


def _after_a_crash(entry: treadle.plugin.StepType[Any]) -> str:
    """What becomes of an attempt that was in flight; in the same order as the engine looks at it."""
    if entry.waits:
        return "After a crash it goes on waiting."
    if any("block" in each.type for each in settings_of(entry.config)):
        return "After a crash it is entered again, and what is inside goes on."
    if callable(entry.repeatable):
        when = _prose(inspect.getdoc(entry.repeatable) or "This depends on the settings.")
        return textwrap.fill(f"An attempt is repeatable after a crash: {when[0].lower()}{when[1:]}", WIDTH)
    may = "is" if entry.repeatable else "is not"
    return f"An attempt {may} repeatable after a crash, unless `repeatable` says otherwise."


def _setting(setting: Setting, entry: Any) -> str:
    default = "required" if setting.required else f"default {_written(setting.default)}"
    if getattr(entry, "whole", False):
        default = f"all of what stands under `{entry.name}`"
    elif setting.name == entry.main:
        default += "; main"
    inner = "".join("\n" + _bullet(one.name, one.type, one.doc, "  ") for one in _nested(setting.annotation))
    return _bullet(setting.name, f"{setting.type}; {default}", setting.doc) + inner


def _nested(annotation: Any) -> Iterable[Setting]:
    """The settings of the class that stands in *annotation*, if a plugin brings one."""
    if isinstance(annotation, type) and attrs.has(annotation):
        return [] if annotation.__module__.startswith("treadle.") else settings_of(annotation)
    return [one for argument in typing.get_args(annotation) for one in _nested(argument)]


def _written(default: Any) -> str:
    if default in (None, "", [], {}):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


# --- hooks and the names for plugin authors --------------------------------------------------------


def _hooks() -> str:
    return "\n\n".join("\n\n".join(_hook(name)) for name in hookspecs.__all__)


def _hook(name: str) -> Iterator[str]:
    entry = BY_HOOK[name].entry
    yield f"## `{name}()`"
    yield _prose(inspect.getdoc(getattr(hookspecs, name)) or "")
    docs = docs_of(entry)
    yield f"`{entry.__name__}`: {_prose(docs.text)}"
    yield "\n".join(
        _bullet(
            field.name,
            "required" if field.default is attrs.NOTHING else "",
            docs.fields.get(field.name) or COMMON.get(field.name, ""),
        )
        for field in attrs.fields(entry)
    )


def _plugin_names() -> str:
    """What else `treadle.plugin` has with a docstring of its own: classes and protocols."""
    entries = {kind.entry for kind in BY_HOOK.values()}
    names = ((name, getattr(treadle.plugin, name)) for name in treadle.plugin.__all__)
    shown = [
        (name, thing)
        for name, thing in names
        if isinstance(thing, type) and thing not in entries and thing.__module__.startswith("treadle")
    ]
    return "\n\n".join("\n\n".join(_described(name, thing)) for name, thing in shown)


# --- Python names ----------------------------------------------------------------------------------


def _python_names() -> str:
    names = [name for name in treadle.__all__ if not name.startswith("_")]
    return "\n\n".join("\n\n".join(_described(name, getattr(treadle, name))) for name in names)


def _described(name: str, thing: Any) -> Iterator[str]:
    """A section for a class or a function."""
    callable_ = inspect.isfunction(thing) or _takes_arguments(thing)
    yield f"## `{name}`"
    if callable_:
        yield f"```text\n{_signature(name, thing)}\n```"
    yield from _parts(thing)
    if isinstance(thing, enum.EnumMeta):
        yield textwrap.fill("Values: " + ", ".join(f"`{member.value}`" for member in thing) + ".", WIDTH)
    elif inspect.isclass(thing):
        yield from (part for each in _members(thing) for part in _member(name, *each))


def _takes_arguments(thing: Any) -> bool:
    """Whether people make one themselves: exceptions that carry data, and plain data they hand in."""
    return thing in (treadle.Limits, treadle.plugin.StepError)


def _parts(thing: Any) -> Iterator[str]:
    docs = docs_of(thing)
    yield _prose(docs.text)
    if docs.fields:
        yield "\n".join(_bullet(name, "", doc) for name, doc in docs.fields.items())
    yield from _section(docs.sections, "Raises", "Raises")


def _members(thing: type[Any]) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that the class itself documents."""
    for name, member in vars(thing).items():
        plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        told = inspect.isfunction(plain) or isinstance(plain, property | functools.cached_property)
        if told and plain.__doc__ and not name.startswith("_"):
            yield name, plain


def _member(owner: str, name: str, member: Any) -> Iterator[str]:
    yield f"### `{owner}.{name}`"
    if inspect.isfunction(member):
        yield f"```text\n{_signature(name, member)}\n```"
    yield from _parts(member)


def _signature(name: str, thing: Any) -> str:
    """*name* with its parameters, annotations as written; one a line where they do not fit on one."""
    signature = inspect.signature(thing)
    returned, prefix = str(signature.return_annotation), ""
    if inspect.iscoroutinefunction(thing):
        prefix = "async "
    elif inspect.isasyncgenfunction(inspect.unwrap(thing)) and hasattr(thing, "__wrapped__"):
        prefix, returned = "async with ", re.sub(r"AsyncIterator\[(.*)\]", r"\1", returned)
    end = "" if signature.return_annotation is signature.empty else f" -> {returned}"
    parameters = list(_parameters(signature))
    line = f"{prefix}{name}({', '.join(parameters)}){end}"
    if len(line) <= WIDTH:
        return line
    return f"{prefix}{name}(\n" + "".join(f"    {each},\n" for each in parameters) + f"){end}"


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    starred = False
    for each in signature.parameters.values():
        if each.name in ("self", "cls"):
            continue
        if each.kind is each.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        star = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        starred |= star == "*"
        kind = "" if each.annotation is each.empty else f": {_annotation(each.annotation)}"
        yield f"{star}{each.name}{kind}" + ("" if each.default is each.empty else f" = {each.default!r}")


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


# --- commands, functions, problems, limits ---------------------------------------------------------


def _commands() -> str:
    context = click.Context(program, info_name="treadle")
    found = ((name, program.get_command(context, name)) for name in sorted(COMMANDS))
    return "\n\n".join(
        part for name, command in found if command for part in _command(command, name, context)
    )


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    path = context.command_path
    yield f"## `{path}`"
    yield f"```text\n{path} {' '.join(command.collect_usage_pieces(context))}\n```"
    yield _prose(inspect.cleandoc(command.help or ""))
    records = [each.get_help_record(context) for each in command.params]
    options = [_bullet(record[0], "", record[1]) for record in records if record is not None]
    if options:
        yield "\n".join(options)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _command(found, inner, context)


def _functions() -> str:
    rows = sorted(BUILTINS.values(), key=lambda function: function.name)
    return "\n".join(_bullet(function.signature, "", function.doc) for function in rows)


def _problems() -> str:
    return "| code | what is wrong |\n|---|---|\n" + "\n".join(
        f"| [{code}](#{code.lower()}) | {_prose(text)} |" for code, text in codes()
    )


def codes() -> list[tuple[str, str]]:
    """Every code of a problem with what it means, from the tables in the core."""
    texts = (path.read_text() for path in sorted(CORE.rglob("*.py")))
    return sorted({(code, meaning) for text in texts for code, meaning in _CODE.findall(text)})


def _settings(config: type[Any]) -> str:
    return "\n".join(
        _bullet(each.name, f"{each.type}; default {_written(each.default)}", each.doc)
        for each in settings_of(config)
    )


# --- diagrams --------------------------------------------------------------------------------------


def _diagram(of: str, transitions: Mapping[Any, Mapping[str, Any]]) -> str:
    """A Mermaid state diagram: an arrow is labelled with the events that lead along it."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for before, row in transitions.items():
        for event, after in row.items():
            arrows.setdefault((before, after), []).append(event.removeprefix(f"{of}."))
    ends = dict.fromkeys(after for _, after in arrows if after not in transitions)
    lines = [
        "[*] --> pending",
        *(f"{before} --> {after}: {', '.join(events)}" for (before, after), events in arrows.items()),
        *(f"{end} --> [*]" for end in ends),
    ]
    return "```mermaid\nstateDiagram-v2\n" + "\n".join(f"    {line}" for line in lines) + "\n```"


_BLOCK = "```yaml\n{}\n```"
_DEPLOYMENT = '```yaml title="treadle.yaml"\n{}\n```'

PARTS: Mapping[str, Callable[[], str]] = {
    "steps": lambda: _entries("step_types", _BLOCK),
    "strategies": lambda: _entries("strategies", _BLOCK),
    "backoffs": lambda: _entries("backoffs", _BLOCK),
    "sinks": lambda: _entries("sinks", _DEPLOYMENT),
    "stores": lambda: _entries("stores", _DEPLOYMENT),
    "secrets": lambda: _entries("secret_providers", _DEPLOYMENT),
    "hooks": _hooks,
    "plugin-names": _plugin_names,
    "python": _python_names,
    "commands": _commands,
    "functions": _functions,
    "problems": _problems,
    "limits": lambda: _settings(Limits),
    "retention": lambda: _settings(Retention),
    "run-diagram": lambda: _diagram("workflow", RUN_TRANSITIONS),
    "step-diagram": lambda: _diagram("step", STEP_TRANSITIONS),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
