"""The values that one use of a template gives to its parameters.

Rule 1: a value is the caller's: what it reads means what it means where the template is used.
Rule 2: only literal values are judged here; what an expression gives is for those who know types.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr import Template
from treadle._expr.splice import literal
from treadle._inputs import WANTED, check_value
from treadle._model import Argument, Input
from treadle._near import near_or_all
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got
from treadle._units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._places import Place
    from treadle._spec.templates import Pattern

_OWN_NAMES = frozenset({"item", "index", "previous", "output", "error", "attempt"})
_SIMPLE = r"[A-Za-z_][\w.]*\Z"


@attrs.frozen(eq=False, repr=False)
class Given:
    """The value of one parameter.

    Attributes:
      node: the value as written, or the default.
      path: where it was written, as problems name it.
      reads: what it reads that may mean something else around a step: ``item``, ``steps.command_1``.
      written: whether its expressions are the caller's.
    """

    node: Node
    declared: Input
    path: str
    reads: frozenset[str] = frozenset()
    written: bool = False


def read_arguments(r: Reading, pattern: Pattern, node: Node | None, use: Node, path: str) -> dict[str, Given]:
    """The values of all parameters of *pattern*, for a use at *use*; *node* is what stands under ``with``."""
    written: Mapping[str, Node] = {}
    if node is not None and node.value is not None:
        written = r.mapping(node, path, "with")
        for name in written:
            if name not in pattern.parameters and not name.startswith("x-"):
                said = f"the template {pattern.name!r} has no parameter {name!r}"
                fix = near_or_all(name, pattern.parameters) or "leave it out: it has none"
                r.report.add("TRD342", node.key_mark(name), join(path, name), said, fix)
    found = {}
    for name, declared in pattern.parameters.items():
        if name in written:
            found[name] = _given(r, declared, written[name], join(path, name))
        elif name in pattern.defaults:
            found[name] = Given(_secret(pattern.defaults[name], declared), declared, path)
        else:
            said = f"the template {pattern.name!r} needs the parameter {name!r}"
            fix = f"give {WANTED[declared.type]}, as template: {{name: {pattern.name}, with: {{{name}: …}}}}"
            r.problem("TRD342", node or use, path, said, fix)
            found[name] = Given(_nothing(use), declared, path)
    return found


def written_arguments(r: Reading, given: Mapping[str, Given]) -> tuple[Argument, ...]:
    """Those of *given* values of which only expressions tell, for those who know types."""
    found = []
    for one in given.values():
        if one.node.dynamic and one.written:
            holes: list[tuple[Place, Template]] = []
            value = _value(r, one.node, one.path, holes)
            found.append(Argument(one.declared, value, r.report.place_of(one.node, one.path), tuple(holes)))
    return tuple(found)


def _value(r: Reading, node: Node, path: str, holes: list[tuple[Place, Template]]) -> Any:
    """The plain data of *node* with its templates, each of which is added to *holes*."""
    if not node.dynamic:
        return node.value
    if node.is_mapping:
        return {key: _value(r, item, join(path, key), holes) for key, item in node.items.items()}
    if node.is_list:
        return [_value(r, item, join(path, index), holes) for index, item in enumerate(node.items)]
    template = r.template(node, path)
    if isinstance(template, Template):
        holes.append((r.report.place_of(node, path), template))
    return template


def _nothing(node: Node) -> Node:
    """What stands for a value that is not known; nobody complains of it."""
    return Node(None, node.mark).clipped()


def _given(r: Reading, declared: Input, node: Node, path: str) -> Given:
    before = len(r.report.problems)
    written = node.dynamic
    if not written:
        node = _literal(r, declared, node, path)
    else:
        _judge_kind(r, declared, node, path)
    reads = frozenset(_reads(r, node, path))
    if len(r.report.problems) > before:
        return Given(_nothing(node), declared, path)
    return Given(node, declared, path, reads, written)


def _literal(r: Reading, declared: Input, node: Node, path: str) -> Node:
    """A value without expressions, judged; the name of a secret becomes what reads it."""
    _, problems = check_value(declared, node.value, path)
    for problem in problems:
        at, fix, message = node, problem.fix, problem.message
        if node.source and not node.is_text:
            message = message.replace(f"the number {node.value}", node.source)
            fix = f"quote it: '{node.source}'" if declared.type == "string" else fix
        r.report.add("TRD343", at.mark, problem.path, message, fix)
    return node if problems else _secret(node, declared)


def _secret(node: Node, declared: Input) -> Node:
    """*node*, or what reads the secret that it names."""
    if not declared.secret or not node.is_text or node.dynamic:
        return node
    return Node(f"${{{{ secrets.{node.value} }}}}", node.mark, quoted=True, dynamic=True)


def _judge_kind(r: Reading, declared: Input, node: Node, path: str) -> None:
    """Refuse a value with expressions in it that has the wrong kind whatever they give."""
    kind = declared.type
    if node.is_text:
        template = r.template(node, path)
        fits = not isinstance(template, Template) or template.whole or kind in ("string", "duration")
        what = "text around ${{ }} makes text"
    else:
        fits = kind == ("list" if node.is_list else "object")
        what = f"got {got(node)}"
    if not fits:
        fix = "write one ${{ }} and nothing else" if node.is_text else ""
        r.problem("TRD343", node, path, f"expected {WANTED[kind]}, but {what}", fix)


def _reads(r: Reading, node: Node, path: str) -> Iterator[str]:
    """What the expressions in a value read that can be hidden, as `Given.reads`."""
    if not node.dynamic:
        return
    if node.items is not None:
        for key, item in node.items.items() if node.is_mapping else enumerate(node.items):
            yield from _reads(r, item, join(path, key))
        return
    template = r.template(node, path)
    for reference in template.references if isinstance(template, Template) else ():
        if reference.root in _OWN_NAMES:
            yield reference.root
        elif reference.root in ("steps", "env") and reference.keys:
            yield f"{reference.root}.{reference.keys[0]}"


# --- as expressions --------------------------------------------------------------------------------


def code_of(r: Reading, node: Node, declared: Input | None) -> str:
    """A value as an expression that gives it; durations in seconds, as inputs have them."""
    if node.is_list:
        items = declared.items if declared else None
        return f"[{', '.join(code_of(r, item, items) for item in node.items)}]"
    if node.is_mapping:
        pairs = (f"{literal(key)}: {code_of(r, item, None)}" for key, item in node.items.items())
        return f"{{{', '.join(pairs)}}}"
    if node.is_text and node.dynamic:
        return _code_of_text(r.template(node, ""))
    return literal(seconds_or_value(node, declared))


def _code_of_text(template: Template) -> str:
    if template is BROKEN:
        return "null"
    if template.whole:
        source = template.expressions[0].source
        return source if re.match(_SIMPLE, source) else f"({source})"
    parts = (literal(part) if isinstance(part, str) else f"string({part.source})" for part in template.parts)
    return f"({' + '.join(parts)})"


def seconds_or_value(node: Node, declared: Input | None) -> str | float | None:
    """A scalar as expressions see it: a duration in seconds."""
    if declared is not None and declared.type == "duration" and node.is_text:
        return parse_duration(node.value)
    value: str | float | None = node.value
    return value
