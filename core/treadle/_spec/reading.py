"""What all parts of the loader share while they read one document.

Rule 1: every reader takes a node and its path, returns what it read or `BROKEN`, and reports what is wrong.
Rule 2: text that is written twice is parsed once, but becomes two objects: each has a place of its own, which
  the plan finds by it when the expression fails.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from treadle._expr import (
    Expression,
    ExpressionSyntaxError,
    Functions,
    Template,
    parse,
    parse_template,
    scalar_text,
)
from treadle._near import hint, nearest
from treadle._settings import Broken
from treadle._spec.nodes import Node, join

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from treadle._kinds import Backoff, SecretProvider, Sink, StepType, Store, Strategy
    from treadle._model import Argument
    from treadle._registry import PluginInfo
    from treadle._spec.report import Report

BROKEN: Any = Broken()
"""What a reader returns for what it could not read; its problem is reported."""

_LACKS = ("TRD103", "TRD107", "TRD203")


class Plugins(Protocol):
    """What the loader needs of a registry."""

    @property
    def step_types(self) -> Mapping[str, StepType[Any]]: ...
    @property
    def strategies(self) -> Mapping[str, Strategy[Any]]: ...
    @property
    def backoffs(self) -> Mapping[str, Backoff[Any]]: ...
    @property
    def sinks(self) -> Mapping[str, Sink[Any]]: ...
    @property
    def stores(self) -> Mapping[str, Store[Any]]: ...
    @property
    def secret_providers(self) -> Mapping[str, SecretProvider[Any]]: ...
    @property
    def clashes(self) -> Mapping[tuple[str, str], tuple[str, ...]]: ...
    @property
    def expression_functions(self) -> Functions: ...
    @property
    def plugins(self) -> Sequence[PluginInfo]: ...
    def missing(self, kind: str, name: str) -> str:
        """Why there is no such plugin, and what to do."""


class TemplateUse(NamedTuple):
    """Where a block comes from that a template was expanded to; *named* is where, with what is *given*."""

    block: Node
    named: Node
    name: str
    given: tuple[Argument, ...] = ()


class Reading:
    """One document being read.

    Args:
      report: where problems go.
      registry: the plugins that can be named.

    Attributes:
      secrets: the names that the document declares.
      secrets_known: whether these are all of them.
      expanded: whether templates were expanded, and what is wrong with them reported.
      uses: the blocks that they became, by the ids of their nodes.
      refused: what stands where ids of steps do and is none.
    """

    def __init__(self, report: Report, registry: Plugins) -> None:
        self.report = report
        self.registry = registry
        self.functions = registry.expression_functions
        self.secrets: frozenset[str] = frozenset()
        self.secrets_known = True
        self.expanded = False
        self.uses: dict[int, TemplateUse] = {}
        self.refused: set[str] = set()
        self._templates: dict[str, Template] = {}
        self._expressions: dict[str, Expression] = {}

    def problem(self, code: str, node: Node, path: str, message: str, fix: str = "") -> Any:
        """Report a problem with *node*; gives `BROKEN`, so that a reader can return it.

        What was refused when the document was read is not refused again, nor is what it lacks missed.
        """
        if not (node.partial and (node.items is None or code in _LACKS)):
            self.report.add(code, node.mark, path, message, fix)
        return BROKEN

    def template(self, node: Node, path: str) -> Any:
        """The `Template` of text that holds ``${{``."""
        text = node.value
        found = self._templates.get(text)
        if found is not None:
            return copy(found)
        try:
            template = parse_template(text, self.functions)
        except ExpressionSyntaxError as exc:
            return self._unreadable(exc, node, path)
        if template is not None:
            self._templates[text] = template
        return template

    def value(self, node: Node, path: str) -> Any:
        """Plain data, in which text with ``${{`` is a `Template`."""
        if not node.dynamic:
            return node.value
        if node.is_mapping:
            return {key: self.value(item, join(path, key)) for key, item in node.items.items()}
        if node.is_list:
            return [self.value(item, join(path, index)) for index, item in enumerate(node.items)]
        return self.template(node, path)

    def condition(self, node: Node, path: str, key: str) -> Any:
        """The `Expression` of a bare one; *key* is what the document calls it."""
        if isinstance(node.value, bool):
            text = scalar_text(node.value)
        elif not node.is_text:
            fix = f"write what must hold, as {key}: inputs.env == 'prod'"
            return self.problem("TRD402", node, path, f"{key} takes an expression", fix)
        elif node.dynamic:
            return self.problem(
                "TRD402", node, path, f"{key} is an expression already", self._bare(node, key)
            )
        else:
            text = node.value
        return self.expression(text, node, path)

    def expression(self, text: str, node: Node, path: str) -> Any:
        """The `Expression` of *text*, which stands at *node*."""
        found = self._expressions.get(text)
        if found is not None:
            return copy(found)
        try:
            expression = parse(text, self.functions)
        except ExpressionSyntaxError as exc:
            return self._unreadable(exc, node, path)
        self._expressions[text] = expression
        return expression

    def _unreadable(self, exc: ExpressionSyntaxError, node: Node, path: str) -> Any:
        place = self.report.place_of(node, path).inside(exc.offset)
        self.report.problems.append(place.problem("TRD401", exc.message, exc.fix))
        return BROKEN

    def forget_refused(self) -> None:
        """An id that is a word of the language is refused where it is written, not wherever it is read."""
        words = {f"'.{word}' is a word of the language" for word in self.refused}
        if words:
            problems = self.report.problems
            problems[:] = [each for each in problems if each.code != "TRD401" or each.message not in words]

    def _bare(self, node: Node, key: str) -> str:
        """The line rewritten without ``${{ }}``."""
        text = node.value.strip()
        if text.startswith("${{") and text.endswith("}}") and text.count("${{") == 1:
            from treadle._spec.syntax import quoted  # only for what is wrong

            text = text[3:-2].strip()
            return f"write {key}: {quoted(text) if _needs_quotes(text) else text}"
        return f"write {key}: and the expression alone, without ${{{{ }}}}"

    def missing(self, kind: str, name: str) -> tuple[str, str]:
        """Why there is no plugin *name* of *kind* (a title), and what to do: a message and its fix."""
        message, _, fix = self.registry.missing(kind, name).partition("; ")
        return message, fix

    # --- mappings ------------------------------------------------------------------------------------

    def mapping(self, node: Node, path: str, what: str) -> Mapping[str, Node]:
        """The entries of a mapping; none, with a problem, where *node* is no mapping."""
        if node.is_mapping:
            entries: dict[str, Node] = node.items
            return entries
        self.no_mapping(node, path, what)
        return {}

    def no_mapping(self, node: Node, path: str, what: str) -> Any:
        """Report that *node* is no mapping; gives `BROKEN`."""
        return self.problem("TRD102", node, path, f"{what} must be a mapping, got {got(node)}")

    def unknown(self, node: Node, path: str, key: str, known: Iterable[str]) -> str | None:
        """Report that *key* of *node* means nothing here; keys that begin with ``x-`` are left alone.

        Gives the one of *known* that is near, for it was probably meant: so it is not missed too.
        """
        if key.startswith("x-"):
            return None
        near = nearest(key, known := list(known))
        said = f"unknown key {key!r}"
        self.report.add("TRD101", node.key_mark(key), join(path, key), said, hint(near, known))
        return near


def _needs_quotes(text: str) -> bool:
    return text[:1] in "'\"[{&*!|>%@`#-?" or ": " in text or " #" in text


def got(node: Node) -> str:
    """What a node is, as messages say it: scalars as they are written."""
    if node.is_mapping:
        return "a mapping"
    if node.is_list:
        return "a list"
    if node.value is None:
        return "nothing"
    if node.is_text:
        return repr(node.value if len(node.value) <= 60 else node.value[:57] + "...")
    return node.source or str(node.value)
