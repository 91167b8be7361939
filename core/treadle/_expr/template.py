"""Text with ``${{ … }}`` in it.

Rule 1: the text is taken apart once, when it is loaded; values are put in as data and not read again.
Rule 2: one whole ``${{ … }}`` is its value, of whatever kind; anything around it, be it a space, makes text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr.errors import ExpressionError, ExpressionSyntaxError, Unusable
from treadle._expr.expression import Expression, names_in, parse_at
from treadle._expr.references import Reference
from treadle._expr.values import as_text, short_enough

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from treadle._expr.functions import Functions

OPEN = "${{"
_TOKEN = r"(?P<text>%s)|(?P<quote>['\"])|(?P<open>\{)|(?P<close>\})"


@attrs.frozen(eq=False, repr=False)
class Template:
    """Text in which expressions stand.

    Attributes:
      source: as written.
      parts: texts and expressions, in order.
      references: what they read, in the order of the text.
    """

    source: str
    parts: tuple[str | Expression, ...]
    references: tuple[Reference, ...] = attrs.field()

    @references.default
    def _references(self) -> tuple[Reference, ...]:
        return tuple(reference for part in self.expressions for reference in part.references)

    def __copy__(self) -> Template:
        return Template(self.source, self.parts, self.references)  # a third of the time of the usual way

    def __repr__(self) -> str:
        return f"<Template {self.source}>"

    @property
    def whole(self) -> bool:
        """Whether it is one expression and nothing else, so that its value keeps its kind."""
        return len(self.parts) == 1

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Its expressions, in order; their references count from the start of `source`."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    def evaluate(self, scope: Mapping[str, Any], *, now: float) -> Any:
        """The value of a whole template; otherwise text, with values put in.

        Raises:
          ExpressionError: an expression has no value, or one that cannot stand in text.
        """
        values = [part if isinstance(part, str) else part.evaluate(scope, now=now) for part in self.parts]
        if self.whole:
            return values[0]
        try:
            texts = [as_text(value) for value in values]
            short_enough(sum(map(len, texts)))
        except Unusable as exc:
            raise ExpressionError(str(exc), self.source, names_in(scope)) from None
        return "".join(texts)


def parse_template(text: str, functions: Functions) -> Template | None:
    """Take *text* apart; None if there is no ``${{`` in it. ``${{ '${{' }}`` writes one.

    Raises:
      ExpressionSyntaxError: a ``${{`` is not closed, or what stands in one is no expression.
    """
    if OPEN not in text:
        return None
    return Template(text, tuple(_parts(text, functions)))


def _parts(text: str, functions: Functions) -> Iterator[str | Expression]:
    at = 0
    while (start := text.find(OPEN, at)) >= 0:
        if start > at:
            yield text[at:start]
        begin = start + len(OPEN)
        end = _closing(text, begin)
        yield parse_at(text[begin:end], begin, functions)
        at = end + 2
    if at < len(text):
        yield text[at:]


def _closing(text: str, begin: int) -> int:
    """Where the ``}}`` stands that ends the expression at *begin*: outside of quotes and of mappings."""
    from treadle._expr.hints import STRING  # see `parse_at`
    from treadle._expr.syntax import MAX_CHARACTERS

    open_braces = 0
    limit = begin + 2 * MAX_CHARACTERS
    for found in re.compile(_TOKEN % STRING).finditer(text, begin, limit):
        match found.lastgroup:
            case "quote":
                raise ExpressionSyntaxError(
                    "text in quotes is not closed", "add the quote that ends it", found.start()
                )
            case "open":
                open_braces += 1
            case "close" if open_braces:
                open_braces -= 1
            case "close" if text.startswith("}}", found.start()):
                return found.start()
    raise ExpressionSyntaxError("'${{' is not closed", "end the expression with }}", begin - len(OPEN))
