"""What is an expression, what is none, and what its author is told to write instead."""

import ast

import pytest

from treadle._expr import BUILTINS, ExpressionSyntaxError, Function, Reference, function_table, parse
from treadle._expr.hints import explained, refusal


def refused(source: str) -> ExpressionSyntaxError:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse(source, BUILTINS)
    return caught.value


@pytest.mark.parametrize(
    ("source", "message", "fix", "offset"),
    [
        ("", "empty", "write a value", 0),
        ("a = 'x=y'", "'=' is no comparison", "write a == 'x=y'", 1),
        ("a && b || !c", "'&&'", "write a and b or not c", 1),
        ("a || b", "'||'", "write a or b", 1),
        ("a === b", "'==='", "write a == b", 2),
        ("a !== b", "'!=='", "write a != b", 2),
        ("a <> b", "'<>'", "write a != b", 2),
        ("!a", "'!'", "write not a", 0),
        ("${{ a }} == ${{ b }}", "does not belong", "write a == b", 0),
        ("a -> b", "'->' means nothing", "", 2),
        ("a ? b : c", "'?'", "b if a else c", 2),
        ("a; b", "';'", "take it out", 1),
        (".5.a.b +", "'.' means nothing", "", 0),
        ("a.class == 1", "'.class' is a word", "write a['class'] == 1", 1),
        ("a == 'b", "not closed", "add the quote", 5),
        ("(a", "this is no expression", "", 0),
        ("a )", "this is no expression", "", 2),
        ("a # b", "no comments", "take it out", 2),
        ("'a # b", "not closed", "add the quote", 0),
        ("True", "True is spelled otherwise", "write true", 0),
        ("a == None", "None is spelled otherwise", "write null", 5),
        ("a or False", "False", "write false", 5),
        ("x.upper()", "no methods", "write upper(x)", 0),
        ("x.strip()", "no methods", "write trim(x)", 0),
        ("x.y.get('a')", "no methods", "write default(x.y.key, y)", 0),
        ("x.frobnicate()", "no methods", "there are abs", 0),
        ("(a + b).lower()", "no methods", "write lower(a + b)", 0),
        ("a(1)(2)", "only functions can be called", "", 0),
        ("uper(x)", "no function 'uper'", "did you mean 'upper'?", 0),
        ("strip(x)", "no function 'strip'", "did you mean 'trim'?", 0),
        ("zzzzzz(x)", "no function 'zzzzzz'", "there are abs", 0),
        ("default(x=1, y=2)", "by position", "write default(x, y)", 0),
        ("min(*a)", "'*' before a value", "write min(list)", 0),
        ("upper()", "takes 1 value, not 0", "write upper(text)", 0),
        ("split(1, 2, 3)", "takes 1 to 2 values, not 3", "write split", 0),
        ("min()", "takes at least 1 value, not 0", "write min", 0),
        ("default(x)", "takes 2 values, not 1", "write default(x, y)", 0),
        ("now(1)", "takes 0 values, not 1", "write now()", 0),
        ("a ** b", "'**'", "write x * x", 0),
        ("a << b", "'<<'", "", 0),
        ("a >> b", "'>>'", "", 0),
        ("a & b", "'&'", "write and", 0),
        ("a | b", "'|'", "write or", 0),
        ("a ^ b", "'^'", "", 0),
        ("~a", "'~'", "", 0),
        ("a @ b", "'@'", "", 0),
        ("a is b", "'is'", "write ==", 0),
        ("a is not b", "'is not'", "write !=", 0),
        ("[x for x in y]", "comprehensions", "foreach", 0),
        ("{x for x in y}", "comprehensions", "foreach", 0),
        ("{x: x for x in y}", "comprehensions", "foreach", 0),
        ("len(x for x in y)", "comprehensions", "foreach", 3),
        ("lambda: 1", "functions of one's own", "", 0),
        ("f'{a}'", "f-strings", "string(b)", 0),
        ("(a := 1)", "':='", "", 1),
        ("[*a]", "'*' before a value", "flatten", 1),
        ("{**a}", "'**' before a value", "", 0),
        ("{1, 2}", "no sets", "", 0),
        ("a[1:2]", "no slices", "", 2),
        ("await a", "'await'", "", 0),
        ("(yield a)", "'yield'", "", 1),
        ("b'x'", "bytes is no kind", "", 0),
        ("1j", "complex is no kind", "", 0),
        ("...", "ellipsis is no kind", "", 0),
        ("9223372036854775809", "beyond 64 bits", "", 0),
        ("0x" + "f" * 400, "beyond 64 bits", "", 0),
        ("1e999", "too large", "", 0),
        ("'\\ud800'", "half a character", "", 0),
        ("_a", "do not begin with '_'", "", 0),
        ("a._b", "do not begin with '_'", "write ['_b']", 0),
        ("a + \x00", "U+0000", "take it out", 4),
        ("a == \u201cx\u201d", "not taken outside of quotes", "write ' or", 5),
        ("é", "not taken outside of quotes", "put it in quotes", 0),
        ("'é' + _x", "do not begin with '_'", "", 6),
        ("matches(x, 'a(')", "RE2", "", 11),
        ("matches(x, '" + "a" * 1001 + "')", "over the limit of 1,000", "", 11),
        ("duration('5')", "duration takes text as '30s'", "", 9),
        ("parse_time('2030-01-01T00:00')", "with its zone", "", 11),
    ],
)
def test_what_is_no_expression_is_told_with_what_to_write(
    source: str, message: str, fix: str, offset: int
) -> None:
    error = refused(source)
    assert message in error.message
    assert fix in error.fix
    assert error.offset == offset
    assert "\n" not in str(error)


def test_an_error_reads_as_one_sentence_with_or_without_a_fix() -> None:
    assert str(ExpressionSyntaxError("wrong", "write x")) == "wrong; write x"
    assert str(ExpressionSyntaxError("wrong")) == "wrong"


@pytest.mark.parametrize("error", [RecursionError(), MemoryError()])
def test_what_is_too_deep_for_the_parser_is_told_so(error: Exception) -> None:
    assert "nested too deep" in explained("((x))", error).message


def test_a_node_that_no_hint_knows_is_refused_by_name() -> None:
    assert refusal(ast.Interactive())[0] == "Python's Interactive is not taken"


@pytest.mark.parametrize(
    "source",
    [
        "x" * 2001,
        "+".join("1" * 101),
        "[" + "1," * 200 + "]",
        "(" * 300 + "1" + ")" * 300,
        "-" * 1999 + "1",
        "not " * 400 + "a",
        "[" * 31 + "]" * 31,
        "a" + "[0]" * 31,
        "a" + ".b" * 31,
    ],
)
def test_what_is_long_or_deep_is_refused(source: str) -> None:
    assert refused(source).message


def test_what_is_just_within_the_limits_is_taken() -> None:
    assert parse("[" + ",".join("1" * 199) + "]", BUILTINS).evaluate({}, now=0) == [1] * 199
    assert parse("a" + ".b" * 29, BUILTINS).references
    assert parse("'" + "x" * 1998 + "'", BUILTINS).evaluate({}, now=0) == "x" * 1998


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("steps.build.output.stdout", [Reference("steps", ("build", "output", "stdout"))]),
        ("steps['build'].output[-1]", [Reference("steps", ("build", "output", -1))]),
        (
            "steps[item].output",
            [Reference("steps", dynamic=True), Reference("item", offset=6)],
        ),
        ("a.b[c.d].e", [Reference("a", ("b",), dynamic=True), Reference("c", ("d",), offset=4)]),
        (
            "default(a.b, c) + d",
            [
                Reference("a", ("b",), guarded=True, offset=8),
                Reference("c", offset=13),
                Reference("d", offset=18),
            ],
        ),
        (
            "default(default(a, b), c)",
            [
                Reference("a", guarded=True, offset=16),
                Reference("b", guarded=True, offset=19),
                Reference("c", offset=23),
            ],
        ),
        ("default(a[b], 1)", [Reference("a", (), True, 8, True), Reference("b", (), True, 10)]),
        ("len(values(a).b)", [Reference("a", offset=11)]),
        ("true and null == false", []),
        (
            "{'k': a}['k'] if b in [c, d] else -e",
            [
                Reference("a", offset=6),
                Reference("b", offset=17),
                Reference("c", offset=23),
                Reference("d", offset=26),
                Reference("e", offset=35),
            ],
        ),
        ("  'é' + a", [Reference("a", offset=8)]),
        ("a and\n  b", [Reference("a"), Reference("b", offset=8)]),
    ],
)
def test_references_are_what_an_expression_reads(source: str, expected: list[Reference]) -> None:
    assert list(parse(source, BUILTINS).references) == expected


def test_a_reference_reads_as_it_is_written() -> None:
    (reference,) = parse("steps.a['x-y'][0][item]", BUILTINS).references[:1]
    assert str(reference) == "steps.a['x-y'][0][…]"


def test_an_expression_is_one_line_without_white_space_around_it() -> None:
    expression = parse("\n a or\n b ", BUILTINS)
    assert expression.source == "a or  b"
    assert repr(expression) == "<Expression a or  b>"


def test_a_function_of_a_plugin_is_called_by_name_and_its_values_are_counted() -> None:
    slug = Function(
        name="slug", call=lambda text: text.replace(" ", "-"), signature="slug(text)", doc="A slug."
    )
    table = function_table([slug])
    assert parse("slug('a b')", table).evaluate({}, now=0) == "a-b"
    with pytest.raises(ExpressionSyntaxError, match=r"slug takes 1 value, not 2; write slug\(text\)"):
        parse("slug(1, 2)", table)


def test_a_function_that_cannot_tell_its_values_takes_any_number() -> None:
    anything = Function(name="newest", call=max, signature="newest(…)", doc="The greatest.")
    assert anything.wrong_count(7) == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("len", "already a function 'len'"),
        ("a.b", "plain word"),
        ("true", "plain word"),
        ("\uff46", "plain word"),
    ],
)
def test_the_names_of_the_language_are_reserved(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        function_table([Function(name=name, call=len, signature="", doc="")])


def test_every_built_in_says_what_it_takes_and_does() -> None:
    expected = (
        "len min max sum round abs lower upper trim split join replace starts_with ends_with contains "
        "matches keys values sort unique flatten range product zip int float string json from_json base64 "
        "sha256 url_encode format_time parse_time duration now default"
    )
    assert set(BUILTINS) == set(expected.split())
    for name, function in BUILTINS.items():
        assert function.signature.startswith(f"{name}(")
        assert function.doc.endswith(".")
