"""Values of parameters, put into the text of a template.

Rule 1: a value is put in as data. It is never split into words, and never read again for what it holds.
Rule 2: a value means what it means to the caller: where something around it would give a name in it another
  meaning, it is refused.
Rule 3: what is put in is counted before it is made, so that nothing grows without end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr import Expression, ExpressionSyntaxError, Template, parse, parse_template
from treadle._expr.splice import Use, spliced, uses_of
from treadle._expr.values import scalar_text
from treadle._model import MAX_DEPTH
from treadle._near import did_you_mean, near_or_all
from treadle._spec.arguments import Given, code_of, seconds_or_value, written_arguments
from treadle._spec.assembled import Assembled, Piece
from treadle._spec.measure import Measures
from treadle._spec.nodes import ElsewhereNode, Node

if TYPE_CHECKING:
    from treadle._model import Argument
    from treadle._spec.reading import Reading

ROOT = "parameters"
MAX_EXPANDED = 100_000
_CHARACTERS = 50
"""So many characters of text that is put together count as one node."""


class TooMuch(Exception):
    """Templates grow beyond the limits; the problem is reported."""


class _NoParameter(Exception):
    """A text reads a parameter that there is not, which is reported."""


@attrs.frozen(eq=False, repr=False)
class At:
    """Where the pass is.

    Attributes:
      given: the values of the parameters that mean something here; None outside of a template.
      chain: the templates this stands in, outermost first.
      bound: what has another meaning here than where the innermost template is used.
      level: lists and mappings around it.
    """

    level: int
    given: Mapping[str, Given] | None = None
    chain: tuple[str, ...] = ()
    bound: frozenset[str] = frozenset()

    @property
    def deeper(self) -> At:
        """One list or mapping further in."""
        return attrs.evolve(self, level=self.level + 1)

    def binding(self, names: set[str] | frozenset[str]) -> At:
        """Where *names* have a meaning of their own; it matters only inside a template."""
        return attrs.evolve(self, bound=self.bound | names) if names and self.given is not None else self


class Values:
    """Puts values of parameters into the texts of one document's templates."""

    def __init__(self, r: Reading) -> None:
        self.r = r
        self.measures = Measures()
        self.added = 0
        self._refused: set[tuple[int, str]] = set()
        self._parsed: dict[str, Template | None] = {}

    def whole(self, node: Node, at: At) -> tuple[Node, At]:
        """What stands where *node* is one whole parameter: its value, which is the caller's; else *node*."""
        if at.given is None or not node.is_text or not node.dynamic:
            return node, at
        template = self.parsed(node.value)
        if template is None or not template.whole:
            return node, at
        source = template.expressions[0]
        uses = uses_of(source, ROOT)
        if len(uses) != 1 or (uses[0].start, uses[0].chain_end) != (0, len(source.source)):
            return node, at
        given = self.value(uses[0], node, at)
        if given is None:
            return lost(node), attrs.evolve(at, given=None)
        found = _below(given.node, uses[0].keys)
        if found is None:
            return node, at
        self.count(found, node, given.path, at.level)
        return found, attrs.evolve(at, given=None)

    def value(self, use: Use, node: Node, at: At) -> Given | None:
        """What the parameter at *use* in *node* is given; None, with a problem, if there is no such."""
        given = at.given or {}
        if use.key is None or use.key not in given:
            what = f"there is no parameter {use.key!r}" if use.key else "parameters are read one by one"
            near = (did_you_mean(use.key, given) if use.key else "") or (
                near_or_all(use.key or "", given) if given else "declare it under parameters"
            )
            fix = near if use.key else "write parameters.NAME"
            self.once(
                "TRD344", node, f"templates.{at.chain[-1]}", f"{what} in the template {at.chain[-1]!r}", fix
            )
            return None
        found = given[use.key]
        captured = sorted(found.reads & at.bound)
        for name in captured:
            self._captured(name, found, at)
        return None if captured or found.node.partial else found

    def arguments(self, given: Mapping[str, Given]) -> tuple[Argument, ...]:
        """What the caller's expressions give, for those who know types; without what was refused."""
        kept = {name: one for name, one in given.items() if (id(one.node), "TRD346") not in self._refused}
        return written_arguments(self.r, kept)

    def _captured(self, name: str, given: Given, at: At) -> None:
        said = f"{name} has another meaning where the template {at.chain[-1]!r} reads this"
        fix = "put the value into a `set` step just before, and pass steps.ID.output.NAME"
        if name.startswith("steps."):
            fix = "give that step an id of its own"
        elif name.startswith("env."):
            fix = "put the value into vars, and pass that"
        self.once("TRD346", given.node, given.path, said, fix)

    def plain(self, node: Node, at: At, *, as_code: bool = False) -> Node:
        """Data with the parameters in it replaced; *as_code*, what stands within text stays an expression."""
        if at.given is None or not node.dynamic:
            return node
        node, at = self.whole(node, at)
        if at.given is None:
            return node
        if node.is_mapping:
            inner = at.deeper
            return rebuilt(node, {k: self.plain(i, inner, as_code=as_code) for k, i in node.items.items()})
        if node.is_list:
            inner = at.deeper
            return rebuilt(node, [self.plain(item, inner, as_code=as_code) for item in node.items])
        return self.text(node, at, as_code=as_code)

    def text(self, node: Node, at: At, *, as_code: bool) -> Node:
        """Text with expressions, some of which read parameters."""
        template = self.parsed(node.value)
        if template is None or not any(one.root == ROOT for one in template.references):
            return node
        pieces: list[Piece] = []
        begin = 0
        try:
            for part in template.parts:
                if isinstance(part, str):
                    pieces.append(Piece(part, begin))
                    begin += len(part)
                else:
                    pieces += self.part(part, begin, node, at, template.whole or as_code)
                    begin = template.source.index("}}", part.offset + len(part.source)) + 2
        except _NoParameter:
            return lost(node)
        return self.written(node, pieces)

    def part(self, part: Expression, begin: int, node: Node, at: At, as_code: bool) -> list[Piece]:
        """One ``${{ }}`` of a text, from *begin*: the value alone, where a literal may stand for it."""
        uses = uses_of(part, ROOT)
        alone = len(uses) == 1 and (uses[0].start, uses[0].end) == (0, len(part.source))
        if alone and not as_code and (given := self.value(uses[0], node, at)):
            text = _within_text(given)
            if text is not None:
                self.count_text(len(text), node, given.path)
                return [Piece(text, part.offset, put_in=True)]
        code = self.code(part, node, at)
        return [Piece("${{ ", begin, put_in=True), *code, Piece(" }}", begin, put_in=True)]

    def bare(self, node: Node, at: At) -> Node:
        """A bare expression."""
        if at.given is None:
            return node
        node, at = self.whole(node, at)
        if at.given is None:
            return self.unwrapped(node)
        if not node.is_text or node.dynamic or ROOT not in node.value:
            return self.plain(node, at)
        try:
            expression = parse(node.value, self.r.functions)
        except ExpressionSyntaxError:
            return node  # which reading it reports
        if not uses_of(expression, ROOT):
            return node
        try:
            return self.written(node, self.code(expression, node, at))
        except _NoParameter:
            return lost(node)

    def unwrapped(self, node: Node) -> Node:
        """A value that was given for a condition as one ``${{ }}``, bare."""
        template = self.parsed(node.value) if node.is_text and node.dynamic else None
        if template is None or not template.whole:
            return node
        source = template.expressions[0]
        return self.written(node, [Piece(source.source, source.offset)])

    def code(self, expression: Expression, node: Node, at: At) -> list[Piece]:
        """The source of *expression* with the values of parameters in it."""

        def put(use: Use) -> str:
            given = self.value(use, node, at)
            if given is None:
                raise _NoParameter
            code = code_of(self.r, given.node, given.declared)
            self.count_text(len(code), node, given.path)
            return code

        found = spliced(expression, uses_of(expression, ROOT), put)
        return [Piece(text, expression.offset + begin, put_in) for text, begin, put_in in found]

    def parsed(self, text: str) -> Template | None:
        """*text* taken apart; None where it cannot be, which reading it reports."""
        if text not in self._parsed:
            try:
                self._parsed[text] = parse_template(text, self.r.functions)
            except ExpressionSyntaxError:
                self._parsed[text] = None
        return self._parsed[text]

    def count_text(self, characters: int, node: Node, path: str) -> None:
        """Count text that is put in. Raises TooMuch, with the problem reported."""
        self.added += characters // _CHARACTERS
        if self.added > MAX_EXPANDED:
            self.r.problem("TRD004", node, path, "templates put too much text together", "use fewer of them")
            raise TooMuch

    def written(self, node: Node, pieces: list[Piece]) -> Node:
        """*node* with the text that *pieces* make."""
        text = "".join(piece.text for piece in pieces)
        scalars = Assembled(node.scalars or self.r.report.text, pieces)
        return ElsewhereNode(text, node.mark, quoted=True, dynamic="${{" in text, scalars=scalars)

    def count(self, node: Node, named: Node, path: str, level: int) -> None:
        """Count *node*, which is put in at *level*. Raises TooMuch, with the problem reported."""
        measure = self.measures.of(node)
        self.added += measure.nodes
        if self.added > MAX_EXPANDED:
            said = f"templates add more than {MAX_EXPANDED:,} values"
            self.r.problem(
                "TRD004", named, path, said, "use fewer of them, or run one step per element of a foreach"
            )
            raise TooMuch
        if level + measure.levels > MAX_DEPTH:
            said = f"with its templates the document is nested more than {MAX_DEPTH} deep"
            self.r.problem("TRD004", named, path, said, "make it flatter")
            raise TooMuch

    def once(self, code: str, node: Node, path: str, message: str, fix: str) -> None:
        """Report what is wrong with *node*, however often its template is used."""
        if (id(node), code) not in self._refused:
            self._refused.add((id(node), code))
            self.r.problem(code, node, path, message, fix)


def lost(node: Node) -> Node:
    """What stands for a value that could not be made; nobody complains of it again."""
    return Node(None, node.mark).clipped()


def rebuilt(node: Node, items: Any, keys: Any = None) -> Node:
    """*node* with other *items*, and *keys*; itself if nothing changed."""
    if node.is_mapping:
        old = node.items
        if keys is None and items.keys() == old.keys() and all(items[key] is old[key] for key in old):
            return node
        value: Any = {key: item.value for key, item in items.items()}
        dynamic = any(item.dynamic for item in items.values())
        return Node(value, node.mark, items, node.keys if keys is None else keys, dynamic=dynamic)
    if all(new is old for new, old in zip(items, node.items, strict=True)):
        return node
    return Node([item.value for item in items], node.mark, items, dynamic=any(item.dynamic for item in items))


def _below(node: Node, keys: tuple[str | int, ...]) -> Node | None:
    """The part of *node* at *keys*; None if the text shows no such."""
    found: Node | None = node
    for key in keys:
        found = None if found is None or (isinstance(key, int) and key < 0) else found.below(key)
    return found


def _within_text(given: Given) -> str | None:
    """A value as it reads within text; None where it must stay an expression to mean the same."""
    node = given.node
    if node.items is not None or node.value is None:
        return None
    value = seconds_or_value(node, given.declared) if not node.dynamic else node.value
    text = value if isinstance(value, str) else scalar_text(value)  # type: ignore[arg-type]
    breaks = text[:1] == "{" or text[-1:] in ("$", "{")
    return None if breaks else text
