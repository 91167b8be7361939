"""What the installed plugins offer, by kind and name; the only module that sees pluggy.

Rule 1: plugins are loaded and asked one at a time; whatever one of them does wrong becomes a
        `PluginProblem` and costs nothing but its own entries.
Rule 2: a name that two distributions offer belongs to neither: nobody gets the other's plugin by accident.
Rule 3: a registry never changes once built, and there is none but those that callers hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import attrs
import pluggy

from treadle import hookspecs
from treadle._entry_points import entry_points
from treadle._expr import Functions, function_table
from treadle._kinds import (
    Backoff,
    Command,
    Function,
    SecretProvider,
    Sink,
    SpecFormat,
    StepType,
    Store,
    Strategy,
    Transport,
    Trigger,
)
from treadle._kinds.table import BY_HOOK, BY_TITLE, KINDS, Kind, wrong
from treadle._near import did_you_mean
from treadle._values import Value
from treadle.errors import PluginError, printable

__all__ = ["KINDS", "Kind", "PluginInfo", "PluginProblem", "Registry"]

GROUP = "treadle"
STANDARD = "treadle"
"""The distribution whose plugins are the standard ones."""

_MARK = f"{GROUP}_impl"
"""What `hookimpl` sets on a function."""


@attrs.frozen(eq=False, repr=False)
class PluginProblem(Value):
    """Something wrong with one plugin.

    Attributes:
      plugin: its entry point's name, or what the object is called.
      distribution: where it comes from; None for an object given to `Registry.of`.
      message: what is wrong and what to do, one line.
    """

    plugin: str
    distribution: str | None
    message: str

    def __str__(self) -> str:
        origin = f" of {self.distribution}" if self.distribution else ""
        return printable(f"plugin {self.plugin}{origin}: {self.message}")


@attrs.frozen(eq=False, repr=False)
class PluginInfo(Value):
    """One plugin and what it offers.

    Attributes:
      name: its entry point's name, or what the object is called.
      distribution, version: where it comes from; None for an object given to `Registry.of`.
      offers: ``(kind, name)`` of each of its sound entries, unusable because of a clash or not.
      disabled: it was left out on request and not even loaded.
    """

    name: str
    distribution: str | None
    version: str | None
    offers: tuple[tuple[str, str], ...] = ()
    disabled: bool = False

    @property
    def owner(self) -> str:
        """Who names belong to: the distribution, or the object itself."""
        return self.distribution or self.name


def _read_only() -> Any:
    return attrs.field(factory=dict, converter=MappingProxyType)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Registry:
    """The usable entries of each kind by name, and what is wrong with the rest.

    Build one with `installed` or `of`.

    Attributes:
      expression_functions: the language's own functions and those of plugins.
      clashes: by ``(kind, name)``, the distributions that offer what nobody can use.
      problems: everything else that plugins did wrong.
      plugins: every plugin found, in the order of their names.
    """

    step_types: Mapping[str, StepType[Any]] = _read_only()
    strategies: Mapping[str, Strategy[Any]] = _read_only()
    backoffs: Mapping[str, Backoff[Any]] = _read_only()
    sinks: Mapping[str, Sink[Any]] = _read_only()
    stores: Mapping[str, Store[Any]] = _read_only()
    triggers: Mapping[str, Trigger[Any]] = _read_only()
    transports: Mapping[str, Transport[Any]] = _read_only()
    functions: Mapping[str, Function] = _read_only()
    secret_providers: Mapping[str, SecretProvider[Any]] = _read_only()
    commands: Mapping[str, Command] = _read_only()
    spec_formats: Mapping[str, SpecFormat] = _read_only()
    expression_functions: Functions = attrs.field(factory=lambda: function_table(()))
    clashes: Mapping[tuple[str, str], tuple[str, ...]] = _read_only()
    problems: tuple[PluginProblem, ...] = ()
    plugins: tuple[PluginInfo, ...] = ()

    @classmethod
    def installed(cls, without: Iterable[str] = ()) -> Registry:
        """What the plugins of this environment offer; never raises for what one of them does.

        Args:
          without: names of entry points or distributions to leave out; those are not loaded.
        """
        offers = _Offers()
        disabled = frozenset(without)
        for found in _entry_points():
            if disabled & {found.info.name, found.info.distribution}:
                offers.plugins.append(attrs.evolve(found.info, disabled=True))
            else:
                found.ask(offers)
        return offers.registry()

    @classmethod
    def of(cls, *plugins: object, standard: bool = True) -> Registry:
        """What *plugins*, modules or other objects with hooks, offer; the standard ones too unless told not.

        Raises:
          PluginError: anything is wrong with one of them, or two offer the same name.
        """
        offers = _Offers()
        for found in _entry_points(STANDARD) if standard else ():
            found.ask(offers)
        for plugin in plugins:
            if not any(plugin is asked for asked in offers.asked):
                offers.ask(PluginInfo(_called(plugin), None, None), plugin)
        registry = offers.registry()
        if faults := registry.faults():
            raise PluginError("\n".join(faults))
        return registry

    def faults(self) -> tuple[str, ...]:
        """Every problem and every clash, a line each."""
        clashes = (_clash(kind, name, owners) for (kind, name), owners in self.clashes.items())
        return (*map(str, self.problems), *clashes)

    def missing(self, kind: str, name: str) -> str:
        """Why there is no usable *name* of *kind* (a title, as ``step type``), and what to do."""
        if owners := self.clashes.get((kind, name)):
            return _clash(kind, name, owners)
        known = getattr(self, BY_TITLE[kind].mapping)
        hint = did_you_mean(name, known) or f"installed: {', '.join(sorted(known)) or 'none'}"
        return f"no plugin offers {kind} {name!r}; {hint}"


def _clash(kind: str, name: str, owners: tuple[str, ...]) -> str:
    if len(owners) == 1:
        return f"plugin {owners[0]} offers {kind} {name!r} twice; its author must drop or rename one"
    who = f"{', '.join(owners[:-1])} and {owners[-1]}"
    both = "both" if len(owners) == 2 else "all"
    return f"plugins {who} {both} offer {kind} {name!r}; disable all but one of them"


def _called(plugin: object) -> str:
    if isinstance(plugin, ModuleType | type):
        return plugin.__name__
    return type(plugin).__name__


# --- finding plugins -------------------------------------------------------------------------------


@attrs.frozen(eq=False, repr=False)
class _Found:
    """An entry point that has not been loaded yet."""

    info: PluginInfo
    load: Callable[[], Any]

    def ask(self, offers: _Offers) -> None:
        """Load the plugin and ask its hooks."""
        try:
            plugin = self.load()
        except (Exception, SystemExit) as exc:  # a module that exits on import must not end its host
            offers.plugins.append(self.info)
            offers.blame(self.info, f"cannot be loaded: {_said(exc)}")
        else:
            offers.ask(self.info, plugin)


def _entry_points(only: str | None = None) -> Iterator[_Found]:
    """The entry points of the group, by distribution and name; *only* those of one distribution."""
    found = [
        _Found(PluginInfo(point.name, point.distribution, point.version), point.load)
        for point in entry_points(GROUP)
        if only is None or point.distribution == only
    ]
    return iter(sorted(found, key=lambda each: (each.info.distribution or "", each.info.name)))


def _said(exc: BaseException) -> str:
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


# --- asking them -----------------------------------------------------------------------------------


class _Hooks(pluggy.PluginManager):
    """Finds hooks among a module's functions without a close look at all it has imported."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """As pluggy does; None for what is no hook."""
        if isinstance(plugin, ModuleType):
            function = vars(plugin).get(name)
            if not isinstance(function, FunctionType) or not hasattr(function, _MARK):
                return None
        return super().parse_hookimpl_opts(plugin, name)


class _Offers:
    """What has been offered so far, while a registry is being built."""

    def __init__(self) -> None:
        self.plugins: list[PluginInfo] = []
        self.asked: list[object] = []
        self._problems: list[PluginProblem] = []
        self._entries: defaultdict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
        self._manager = _Hooks(GROUP)
        self._manager.add_hookspecs(hookspecs)

    def blame(self, info: PluginInfo, message: str) -> None:
        """Note what a plugin did wrong."""
        self._problems.append(PluginProblem(info.name, info.distribution, message))

    def ask(self, info: PluginInfo, plugin: object) -> None:
        """Ask every hook of *plugin*, each by itself."""
        self.asked.append(plugin)
        offered: list[tuple[str, str]] = []
        for kind, entry in self._answers(info, plugin):
            fault = wrong(kind, entry)
            if fault:
                self.blame(info, f"{kind.hook} returned a wrong entry: {fault}")
                continue
            offered.append((kind.title, entry.name))
            self._entries[kind.title, entry.name].append((info.owner, entry))
        self.plugins.append(attrs.evolve(info, offers=tuple(offered)))

    def _answers(self, info: PluginInfo, plugin: object) -> Iterator[tuple[Kind, Any]]:
        for hook, impl in self._implementations(info, plugin):
            kind = BY_HOOK.get(hook)
            if kind is None:
                self.blame(info, _unknown_hook(hook))
            elif impl.wrapper or impl.hookwrapper:
                self.blame(info, f"{hook} is a wrapper; each plugin is asked by itself, so return entries")
            else:
                yield from ((kind, entry) for entry in self._answer(info, hook, impl.function))

    def _implementations(self, info: PluginInfo, plugin: object) -> list[tuple[str, pluggy.HookImpl]]:
        """What *plugin* marks as hooks, by their names, known or not."""
        try:
            self._manager.register(plugin, name="asked")
            found = [
                (caller.name, impl)
                for caller in self._manager.get_hookcallers(plugin) or ()
                for impl in caller.get_hookimpls()
                if impl.plugin is plugin
            ]
        except (Exception, SystemExit) as exc:
            self.blame(info, f"is refused: {_said(exc)}")
            return []
        finally:
            # Out again at once, also where it was refused half way: the next plugin is asked by itself.
            if self._manager.has_plugin("asked"):
                self._manager.unregister(name="asked")
        if not found:
            self.blame(info, "has no function marked with treadle.plugin.hookimpl")
        return found

    def _answer(self, info: PluginInfo, hook: str, function: Callable[[], Any]) -> list[Any]:
        try:
            answer = function()
            if isinstance(answer, Iterable):
                return list(answer)
        except (Exception, SystemExit) as exc:
            self.blame(info, f"{hook} raised {_said(exc)}")
        else:
            self.blame(info, f"{hook} returned {type(answer).__name__}; return a list of entries")
        return []

    def registry(self) -> Registry:
        """What is usable, and what is wrong with the rest."""
        usable: dict[str, dict[str, Any]] = {kind.mapping: {} for kind in KINDS}
        clashes: dict[tuple[str, str], tuple[str, ...]] = {}
        for (title, name), offered in sorted(self._entries.items(), key=lambda item: item[0]):
            if len(offered) == 1:
                usable[BY_TITLE[title].mapping][name] = offered[0][1]
            else:
                clashes[title, name] = tuple(dict.fromkeys(owner for owner, _ in offered))
        return Registry(
            **usable,
            expression_functions=function_table(usable["functions"].values()),
            clashes=clashes,
            problems=tuple(self._problems),
            plugins=tuple(self.plugins),
        )


def _unknown_hook(hook: str) -> str:
    hint = did_you_mean(hook, BY_HOOK) or f"there are: {', '.join(sorted(BY_HOOK))}"
    return f"has a function {hook!r} marked as a hook, but there is no such hook; {hint}"
