"""Attempts to get out of the language, or to make it take for ever."""

import sys
import threading
from typing import Any

import pytest

from treadle._expr import BUILTINS, ExpressionError, ExpressionSyntaxError, parse, parse_template


class Canary:
    """Remembers whatever is done to it."""

    def __init__(self) -> None:
        object.__setattr__(self, "touched", [])

    def __getattribute__(self, name: str) -> Any:
        if name != "touched":
            object.__getattribute__(self, "touched").append(name)
        return object.__getattribute__(self, name)

    def _touch(self, *args: object) -> Any:
        object.__getattribute__(self, "touched").append("special method")
        return True

    __eq__ = __ne__ = __lt__ = __gt__ = __add__ = __radd__ = __mod__ = __mul__ = __neg__ = _touch  # type: ignore[assignment]
    __contains__ = __getitem__ = __iter__ = __len__ = __bool__ = __call__ = __str__ = __repr__ = __hash__ = (
        _touch
    )
    __format__ = __int__ = __float__ = __index__ = __round__ = __abs__ = __enter__ = __getattr__ = _touch


@pytest.mark.parametrize(
    "source",
    [
        "x",
        "[x]",
        "x == x",
        "x != 1",
        "1 == x",
        "[1] == [x]",
        "x < 1",
        "1 < x",
        "x + 1",
        "'a' + x",
        "'%s' % x",
        "x * 2",
        "-x",
        "not x",
        "x and true",
        "1 if x else 2",
        "x in [1]",
        "1 in x",
        "x in x",
        "x in {'a': 1}",
        "x.a",
        "x['a']",
        "x[0]",
        "{'a': 1}[x]",
        "[1][x]",
        "{x: 1}",
        "len(x)",
        "string(x)",
        "int(x)",
        "json(x)",
        "min(x, 1)",
        "sort([x, x])",
        "unique([x])",
        "sum([x])",
        "join([x])",
        "matches(x, 'a')",
        "round(x)",
        "zip(x)",
        "default(x, 1)",
        "default(x.y, 1)",
        "flatten([x])",
        "range(x)",
        "format_time(x)",
        "contains(x, x)",
        "max([x])",
    ],
)
def test_nothing_of_a_foreign_object_is_ever_called(source: str) -> None:
    canary = Canary()
    with pytest.raises(ExpressionError, match="not plain data"):
        parse(source, BUILTINS).evaluate({"x": canary}, now=0)
    assert canary.touched == []


@pytest.mark.parametrize(
    "source",
    [
        "().__class__",
        "''.__class__.__mro__",
        "x.__class__",
        "x.__init__.__globals__",
        "x._private",
        "x.func_globals()",
        "__import__('os')",
        "eval('1')",
        "exec('1')",
        "open('/etc/passwd')",
        "getattr(x, 'a')",
        "type(x)",
        "vars()",
        "globals()",
        "print(1)",
        "rand()",
        "randint(9)",
        "list(x)",
        "dict(x)",
        "set(x)",
        "tuple(x)",
        "str(x)",
        "'{0.__class__}'.format(x)",
        "'{}'.format_map(x)",
        "f'{x.__class__}'",
        "f'{1:>1000000000}'",
        "(lambda: 1)()",
        "[].append(1)",
        "x.clear()",
        "[f for f in ().__class__.__bases__]",
        "x if (y := 1) else 2",
        "x = 5",
        "x += 1",
        "del x",
        "import os",
        "x; y",
        "x\x00",
        "\u202ex",
        "x\ufeff",
        "\uff53teps.a",
        "\ufb01",
        "x.\ufb01",
        "\u00aa",
        "x.\uff41",
        "9**9**9",
        "9<<999",
        "1e999",
        "-1e999",
        "9" * 1999,
        "0x" + "f" * 1990,
        "'a' 'b' * 3 ** 9",
        "(" * 999 + ")" * 999,
        "[" * 999 + "]" * 999,
        "{" * 1999,
        "-" * 1999,
        "+" * 1998 + "1",
        "~" * 1999,
        "not " * 499 + "x",
        "(" * 150 + "1" + ")" * 150 + "]",
        "x" + "[x" * 900,
        "a.b" * 600,
        "1if x else " * 150 + "1",
        "lambda:" * 250 + "1",
        "'" * 1999,
        "\\",
        "\\\n1",
        "x[",
        "x[]",
        "x[1,2:3]",
        "x[...]",
        "x[::]",
        "*x",
        "**x",
        "@x",
        "",
    ],
)
def test_what_is_not_the_language_is_refused_when_it_is_loaded(source: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        parse(source, BUILTINS)


@pytest.mark.parametrize(
    "source",
    [
        "'%1000000000d' % 1",
        "'a' * 1000000000",
        "x.format",
        "x.pop",
        "x.keys",
        "join(range(99999), text)",
        "replace(text, 'x', text)",
        "product(range(99999), range(99999))",
        "range(999999999999)",
        "round(1e308)",
        "len",
        "upper",
        "x['__class__']",
    ],
)
def test_what_would_take_for_ever_or_leave_the_data_has_no_value(source: str) -> None:
    with pytest.raises(ExpressionError):
        parse(source, BUILTINS).evaluate({"x": {"a": 1}, "text": "x" * 100_000}, now=0)


def test_a_pattern_that_would_backtrack_for_ever_is_matched_in_linear_time() -> None:
    assert not parse("matches(x, '(a+)+$')", BUILTINS).evaluate({"x": "a" * 100_000 + "b"}, now=0)


@pytest.mark.parametrize(
    "pattern", ["(x{1000}){1000}", "((a{100}){100}){100}", "\\1", "(?=a)", "(?P<n>", "[z-a]", "\\ud800"]
)
def test_a_pattern_that_is_none_or_too_large_is_an_error_and_not_a_crash(pattern: str) -> None:
    with pytest.raises(ExpressionError, match="RE2"):
        parse("matches('a', p)", BUILTINS).evaluate({"p": pattern.replace("\\ud800", "\ud800")}, now=0)


def test_the_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        BUILTINS["len"] = BUILTINS["abs"]  # type: ignore[index]


def test_text_that_looks_like_an_expression_stays_text() -> None:
    scope = {"x": "${{ secrets.KEY }}", "secrets": {"KEY": "s"}}
    for text in ("${{ x }}", "${{ x + '' }}", "a${{ x }}", "${{ '${' + '{ secrets.KEY }}' }}"):
        template = parse_template(text, BUILTINS)
        assert template is not None
        assert "secrets.KEY }}" in template.evaluate(scope, now=0)


def test_an_evaluation_with_hardly_any_stack_left_is_an_expression_error() -> None:
    expression = parse("[" * 28 + "len(x)" + "]" * 28, BUILTINS)
    results: list[str] = []

    def deeper(left: int) -> None:
        if left:
            deeper(left - 1)
        else:
            try:
                expression.evaluate({"x": []}, now=0)
            except ExpressionError as exc:
                results.append(exc.message)

    def fill() -> None:
        deeper(sys.getrecursionlimit() - 60)

    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
    assert results == ["evaluation broke off with RecursionError"]


def test_expressions_are_evaluated_in_threads_side_by_side() -> None:
    expression = parse("default(x.a, y) + len(range(y))", BUILTINS)
    wrong: list[Any] = []

    def work(y: int) -> None:
        wrong.extend(v for _ in range(200) if (v := expression.evaluate({"x": {}, "y": y}, now=0)) != 2 * y)

    threads = [threading.Thread(target=work, args=(y,)) for y in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
