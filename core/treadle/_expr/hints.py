"""What to write instead: for text that is no expression, and for Python that treadle's language leaves out.

Hints look at the text with what stands in quotes blanked out, so ``x == 'a && b'`` gets none about ``&&``.
"""

from __future__ import annotations

import ast
import keyword
import re
from typing import TYPE_CHECKING

from treadle._expr.errors import ExpressionSyntaxError
from treadle._near import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

# Texts, compiled when first used: most processes use few of them, and each takes a tenth of a millisecond.
STRING = r"(?s:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
"""Text in quotes, as Python delimits it."""

_REWRITES = (
    (r"\s*&&\s*", " and ", "'&&' is no operator"),
    (r"\s*\|\|\s*", " or ", "'||' is no operator"),
    (r"===", "==", "'===' is no operator"),
    (r"!==|<>", "!=", "'!==' and '<>' are no operators"),
    (r"\s*(?<![=!<>:])=(?![=>])\s*", " == ", "'=' is no comparison"),
    (r"!(?!=)\s*", "not ", "'!' is no operator"),
)
_MEANINGLESS = r"->|=>|:=|[;`?$\\@]|(?<!\w)\.(?=\w)"
_OPTIONAL = r"\w+(?:\??\.\w+)*\?\.\w+(?:\??\.\w+)*"
_KEYWORD = rf"\.\s*({'|'.join(keyword.kwlist)})\b"


def blanked(source: str) -> str:
    """*source* with text in quotes, the quotes too, replaced by ``_``; as long as it was."""
    return re.sub(STRING, lambda found: "_" * len(found[0]), source)


def explained(source: str, error: Exception) -> ExpressionSyntaxError:
    """Why *source*, which Python's parser refused with *error*, is no expression."""
    blank = blanked(source)
    if (start := blank.find("${{")) >= 0:
        bare = re.sub(r"\$\{\{\s*(.*?)\s*\}\}", r"\1", source)
        return ExpressionSyntaxError("'${{ }}' does not belong in an expression", f"write {bare}", start)
    for pattern, _, message in _REWRITES:
        if found := re.search(pattern, blank):
            return ExpressionSyntaxError(message, f"write {_rewritten(source, blank)}", found.start())
    if found := re.search(_KEYWORD, blank):
        fix = f"write {source[: found.start()]}['{found[1]}']{source[found.end() :]}"
        return ExpressionSyntaxError(f"'.{found[1]}' is a word of the language", fix, found.start())
    if hint := _of_other_languages(source, blank):
        return hint
    if found := re.search(_MEANINGLESS, blank):
        return ExpressionSyntaxError(
            f"{found[0]!r} means nothing in an expression", _meant(found[0]), found.start()
        )
    if quote := re.search(r"['\"]", blank):
        return ExpressionSyntaxError(
            "text in quotes is not closed", "add the quote that ends it", quote.start()
        )
    return ExpressionSyntaxError(*_as_python_says(source, error))


def _of_other_languages(source: str, blank: str) -> ExpressionSyntaxError | None:
    """``a?.b``, which has a function here."""
    if found := re.search(_OPTIONAL, blank):
        whole = re.sub(r"\?\.", ".", source[found.start() : found.end()])
        fix = f"write default({whole}, …) with what to use instead"
        return ExpressionSyntaxError("'?.' is no operator", fix, found.start())
    return None


def _rewritten(source: str, blank: str) -> str:
    """*source* with the operators of other languages replaced by ours, outside of quotes."""
    for pattern, replacement, _ in _REWRITES:
        for found in reversed(list(re.finditer(pattern, blank))):
            source = source[: found.start()] + replacement + source[found.end() :]
        blank = blanked(source)
    return source.strip()


def _meant(symbol: str) -> str:
    return "write b if a else c" if symbol == "?" else "take it out, or put text in quotes"


def _as_python_says(source: str, error: Exception) -> tuple[str, str, int]:
    if not isinstance(error, SyntaxError):
        return "the expression is nested too deep", "put a part of it into vars", 0
    said = (error.msg or "").partition(". ")[0].removeprefix("invalid syntax")
    offset = min(max((error.offset or 1) - 1, 0), len(source))
    return "this is no expression" + (f": {said}" if said else ""), "", offset


# --- Python that is left out -----------------------------------------------------------------------

METHODS = {
    "startswith": "starts_with",
    "endswith": "ends_with",
    "strip": "trim",
    "fullmatch": "matches",
    "match": "matches",
}
"""Python's methods, with the functions that come nearest."""

REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.NamedExpr: ("':=' names values, which expressions cannot", "write ==, or put the value into vars"),
    ast.Lambda: ("there are no functions of one's own", "a plugin can add functions"),
    ast.ListComp: ("there are no comprehensions", "foreach runs a step once per element"),
    ast.SetComp: ("there are no comprehensions", "foreach runs a step once per element"),
    ast.DictComp: ("there are no comprehensions", "foreach runs a step once per element"),
    ast.GeneratorExp: ("there are no comprehensions", "foreach runs a step once per element"),
    ast.JoinedStr: ("there are no f-strings", "write 'a' + string(b)"),
    ast.Starred: ("'*' before a value is not taken", "write flatten([a, b])"),
    ast.Set: ("there are no sets", "write a list, as ['a', 'b']; unique(list) drops what repeats"),
    ast.Slice: ("there are no slices", "split(text, separator) or matches(text, pattern) take text apart"),
    ast.Await: ("'await' is not taken", ""),
    ast.Yield: ("'yield' is not taken", ""),
    ast.YieldFrom: ("'yield' is not taken", ""),
    ast.Pow: ("'**' is no operator", "write x * x"),
    ast.LShift: ("'<<' is no operator", "write x * 2"),
    ast.RShift: ("'>>' is no operator", "write x // 2"),
    ast.BitAnd: ("'&' is no operator", "write and"),
    ast.BitOr: ("'|' is no operator", "write or; a function goes around its value, as upper(x)"),
    ast.BitXor: ("'^' is no operator", "write !="),
    ast.Invert: ("'~' is no operator", "write not"),
    ast.MatMult: ("'@' is no operator", ""),
    ast.Is: ("'is' is no operator", "write =="),
    ast.IsNot: ("'is not' is no operator", "write !="),
}
"""Why each is left out, and what to write instead."""


def refusal(node: ast.AST) -> tuple[str, str]:
    """What is wrong with a kind of node that is not allowed, and what to write."""
    return REFUSED.get(type(node), (f"Python's {type(node).__name__} is not taken", ""))


def filtered(source: str, node: ast.BinOp, known: Iterable[str]) -> str:
    """What to write for ``x | default('y')``, as templates of other systems have it; else nothing."""
    left = ast.get_source_segment(source, node.left)
    match node.right:
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as args):
            given = [ast.get_source_segment(source, part) for part in args]
            return f"write {name}({', '.join([str(left), *map(str, given)])})"
        case ast.Name(id=name) if name in known:
            return f"write {name}({left})"
    return ""


def unknown_function(name: str, known: Iterable[str]) -> tuple[str, str]:
    """What is wrong with a call of *name*, and what to write."""
    known = sorted(known)
    hint = f"did you mean {METHODS[name]!r}?" if name in METHODS else did_you_mean(name, known)
    return f"there is no function {name!r}", hint or f"there are {', '.join(known)}"


def method_call(source: str, function: ast.Attribute, known: Iterable[str]) -> tuple[str, str]:
    """What is wrong with ``x.upper()``, and what to write."""
    message = f"values have no methods, as '.{function.attr}()'"
    name = METHODS.get(function.attr, function.attr)
    subject = ast.get_source_segment(source, function.value) or "x"
    if name == "get":
        return message, f"write default({subject}.key, y)"
    if name not in known:
        return message, unknown_function(name, known)[1]
    return message, f"write {name}({subject})"
