"""The table of plugin kinds, and what makes an entry of one useless.

Rule 1: what there is to know about a kind is its row in `KINDS`.
Rule 2: an entry is judged without calling it. Its settings are judged where they are read.
"""

from __future__ import annotations

import keyword
import re
from typing import Any

import attrs

from treadle._expr import BUILTINS, CONSTANTS, Function
from treadle._kinds.entries import (
    Backoff,
    Command,
    SecretProvider,
    Sink,
    SpecFormat,
    StepType,
    Store,
    Strategy,
    Transport,
    Trigger,
)
from treadle._kinds.settings import is_free, key_of

__all__ = ["BY_HOOK", "BY_TITLE", "KINDS", "Kind", "wrong"]

# Texts, compiled when first used: few plugins offer what the second and the third are for.
_DOTTED = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*"
_PLAIN = r"[a-z][a-z0-9_]*"
_DASHED = r"[a-z][a-z0-9_-]*"


@attrs.frozen(eq=False, repr=False)
class Kind:
    """One row of the table of plugin kinds.

    Attributes:
      title: as errors and listings say it.
      hook: the hook that returns entries of this kind.
      entry: their class.
      mapping: the attribute of `Registry` that has the usable ones.
      does: the field of an entry that is called.
      names: what a name must look like.
    """

    title: str
    hook: str
    entry: type[Any]
    mapping: str
    does: str
    names: str = _DOTTED


KINDS = (
    Kind("step type", "treadle_step_types", StepType, "step_types", "run"),
    Kind("error strategy", "treadle_error_strategies", Strategy, "strategies", "decide"),
    Kind("backoff", "treadle_backoffs", Backoff, "backoffs", "delays"),
    Kind("sink", "treadle_event_sinks", Sink, "sinks", "open"),
    Kind("store", "treadle_stores", Store, "stores", "open"),
    Kind("trigger", "treadle_triggers", Trigger, "triggers", "watch"),
    Kind("transport", "treadle_transports", Transport, "transports", "open"),
    Kind("function", "treadle_functions", Function, "functions", "call", _PLAIN),
    Kind("secret provider", "treadle_secret_providers", SecretProvider, "secret_providers", "open"),
    Kind("command", "treadle_commands", Command, "commands", "load", _DASHED),
    Kind("spec format", "treadle_spec_formats", SpecFormat, "spec_formats", "parse", _DASHED),
)
BY_HOOK = {kind.hook: kind for kind in KINDS}
BY_TITLE = {kind.title: kind for kind in KINDS}


def wrong(kind: Kind, entry: Any) -> str | None:
    """What makes *entry* useless, if anything does. Settings themselves are checked where they are read."""
    if not isinstance(entry, kind.entry):
        return f"{type(entry).__name__} where {kind.entry.__name__} is wanted"
    name = entry.name
    if not isinstance(name, str) or not re.fullmatch(kind.names, name):
        return f"the name {name!r} does not match {kind.names}"
    if not callable(getattr(entry, kind.does)):
        return f"{name}.{kind.does} cannot be called"
    if isinstance(entry, Function):
        return _wrong_function(entry)
    if hasattr(entry, "config"):
        return _wrong_config(entry) or (_wrong_step_type(entry) if isinstance(entry, StepType) else None)
    return None


def _wrong_function(entry: Function) -> str | None:
    if entry.name in BUILTINS:
        return f"the function {entry.name!r} is the language's own; choose another name"
    if keyword.iskeyword(entry.name) or entry.name in CONSTANTS:
        return f"{entry.name!r} is a keyword of expressions; choose another name"
    return None


def _wrong_config(entry: Any) -> str | None:
    config = entry.config
    if not isinstance(config, type) or not attrs.has(config):
        return f"{entry.name}.config is {config!r}, which is no attrs class"
    # `main` is what a spec would write
    settings = {key_of(field.alias) for field in attrs.fields(config) if field.init}
    if entry.main is not None and entry.main not in settings:
        known = ", ".join(sorted(settings)) or "none"
        return f"{entry.name}.main is {entry.main!r}, which is no setting; there are: {known}"
    return None


def _wrong_step_type(entry: StepType[Any]) -> str | None:
    if entry.whole and entry.main is None:
        return f"{entry.name}.whole needs main, the setting that takes it all"
    if not is_free(entry.output) and not attrs.has(entry.output):
        return f"{entry.name}.output is {entry.output!r}; give an attrs class, or Any for free plain data"
    for raised, error in entry.errors.items():
        if not (isinstance(raised, type) and issubclass(raised, Exception)):
            return f"{entry.name}.errors has {raised!r}, which is no exception class"
        if not isinstance(error, str) or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", error):
            return f"{entry.name}.errors names {raised.__name__} {error!r}, which is no dotted name"
    return None
