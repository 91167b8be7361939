"""The settings of one use of a plugin: a config ready to use, or what must be evaluated to build it.

Rule 1: a config in which nothing needs evaluating is built once, when the spec is loaded.
Rule 2: values are put in as data and copied; no config shares a list or mapping with a scope.
Rule 3: what is built here at run time passes the same strict structuring as what is written in a spec.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs

from treadle._expr import Expression, Template, scalar_text
from treadle._kinds import Block
from treadle._places import Place
from treadle._settings.structure import Leaf, SettingsError, structure
from treadle._settings.verbatim import fresh
from treadle._urls import url_from

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Broken", "DurationHole", "Hole", "Settings", "SettingsError", "UrlHole", "WordHole"]


_DIGITS = 9  # of a second


class _Configured(Protocol):
    @property
    def config(self) -> type[Any]: ...


E = TypeVar("E", bound=_Configured)
"""The plugin's entry: a StepType, Strategy, Backoff, Sink or SecretProvider."""


class Broken(Leaf):
    """Stands for a part of settings that could not be read; its problem is reported already."""

    __slots__ = ()


@attrs.frozen(eq=False, repr=False)
class UrlHole(Leaf):
    """A `Url` setting with a template: what it makes remembers whether the host was written.

    *path* is the setting's, for messages.
    """

    template: Template
    path: str

    def fill(self, value: Any) -> Any:
        """The `Url` that *value* gives; what is no text is left for the converter to refuse."""
        try:
            return url_from(value, self.template.source) if isinstance(value, str) else value
        except ValueError as exc:
            raise SettingsError(f"{self.path}: {exc}") from exc


@attrs.frozen(eq=False, repr=False)
class DurationHole(Leaf):
    """A duration with a template: a number that an expression gives is one of seconds."""

    template: Template

    def fill(self, value: Any) -> Any:
        """Text with its unit; what is no number is left for the converter to judge."""
        if type(value) not in (int, float):
            return value
        return f"{Decimal(repr(round(value, _DIGITS))):f}s"


@attrs.frozen(eq=False, repr=False)
class WordHole(Leaf):
    """A word of an `Argv` setting with a template: always one word, whatever the value holds."""

    template: Template

    def fill(self, value: Any) -> Any:
        """The word; what is neither text, number nor boolean is left for the converter to refuse."""
        return scalar_text(value) if isinstance(value, int | float) else value


@attrs.frozen(eq=False, repr=False)
class Hole:
    """A template in settings: where it stands, and whether ``secrets`` may be read there.

    *wanted* is the annotation that its value must fit.
    """

    place: Place
    template: Template
    secrets_allowed: bool
    wanted: Any = Any


@attrs.frozen(eq=False, repr=False)
class Settings(Generic[E]):
    """Settings of the plugin *entry*.

    Attributes:
      constant: the config, where nothing in it needs evaluating; otherwise None.
      tree: plain data in the form of the config, by the names a spec writes; its leaves may be
        `Template`, `Expression` and `Block`. None where `constant` is given.
      holes: the templates in *tree*, in the order of the text.
      written: the expressions in `Expr` settings, each with its place.
      see_output: those of them that may read ``output``.
      blocks: the blocks in `Block` settings, in the order of the text.
      place: where the settings stand.
    """

    entry: E
    constant: Any = None
    tree: Any = None
    holes: tuple[Hole, ...] = ()
    written: tuple[tuple[Place, Expression], ...] = ()
    blocks: tuple[Block, ...] = ()
    place: Place | None = None
    see_output: tuple[Expression, ...] = ()

    @property
    def spoiled(self) -> bool:
        """Whether something in them could not be read. There are no such settings in a plan."""
        return self.constant is None and self.tree is None

    def build(self, evaluate: Callable[[Template], Any]) -> Any:
        """The config, with *evaluate* called for each template.

        Raises SettingsError, with the setting's path in its message, where a value does not fit;
        whatever *evaluate* raises passes through.
        """
        if self.constant is not None:
            return self.constant
        return structure(_filled(self.tree, evaluate), self.entry.config)

    def guessed(self) -> Any:
        """The tree with something in the place of each template: a duration, which is a text too."""
        return _filled(self.tree, lambda _template: "1s")

    def guess(self) -> Any:
        """A config as it may be built; None where that cannot be known. For what depends on little of it."""
        if self.spoiled or self.constant is not None:
            return self.constant
        try:
            return structure(self.guessed(), self.entry.config)
        except SettingsError:
            return None


def _filled(tree: Any, evaluate: Callable[[Template], Any]) -> Any:
    """*tree* with the templates' values, sharing no list or mapping with *tree* or the values."""
    if isinstance(tree, dict):
        return {key: _filled(value, evaluate) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(value, evaluate) for value in tree]
    if isinstance(tree, Template):
        return fresh(evaluate(tree))
    if isinstance(tree, UrlHole | DurationHole | WordHole):
        return tree.fill(evaluate(tree.template))
    return tree
