"""Laws of expressions: random ones, random noise, and a model that agrees on logic and arithmetic."""

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle._expr import (
    BUILTINS,
    ExpressionError,
    ExpressionSyntaxError,
    Reference,
    parse,
    parse_template,
)
from treadle._expr.values import checked

SCOPE: dict[str, Any] = {
    "inputs": {"a": 1, "b": "text", "c": [1, 2.5, "x"], "d": {"k": None}, "e": True, "n": None},
    "steps": {"one": {"output": {"list": [[1], [2]], "at": "2030-01-01T00:00:00Z"}, "status": "completed"}},
    "item": {"key": "k", "value": 3},
    "index": 0,
}

# --- random expressions of the whole grammar -------------------------------------------------------

names = st.sampled_from(
    [
        "inputs",
        "inputs.a",
        "inputs.b",
        "inputs.c",
        "inputs.d.k",
        "inputs.e",
        "inputs.n",
        "inputs.gone",
        "gone.x",
        "steps.one.output.list",
        "steps.one.output.at",
        "steps.two.status",
        "item.key",
        "index",
        "true",
        "null",
    ]
)
literals = st.one_of(
    st.integers(-(2**64), 2**64).map(str),
    st.floats(0, 1e308).map(repr),
    st.text(max_size=8).map(repr),
    st.sampled_from(["[]", "{}", "()", "''", "'1h'", "'%Y'", "','"]),
)
operators = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
)


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    few = st.lists(parts, max_size=3)
    return st.one_of(
        st.builds("({} {} {})".format, parts, operators, parts),
        st.builds("({} if {} else {})".format, parts, parts, parts),
        st.builds("{}[{}]".format, parts, parts),
        st.builds("{} {}".format, st.sampled_from(["not", "-", "+"]), parts).map("({})".format),
        st.builds("default({}, {})".format, parts, parts),
        st.builds(lambda name, args: f"{name}({', '.join(args)})", st.sampled_from(sorted(BUILTINS)), few),
        few.map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(st.sampled_from(["'a'", "item.key"]), parts), max_size=2).map(
            lambda pairs: "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
        ),
    )


expressions = st.recursive(st.one_of(names, literals), combined, max_leaves=12)


def evaluated(source: str, scope: dict[str, Any]) -> Any:
    """The value, or None where there is none; any other exception is a failure of the test."""
    try:
        return parse(source, BUILTINS).evaluate(scope, now=1.0)
    except (ExpressionSyntaxError, ExpressionError):
        return None


@given(expressions)
@settings(max_examples=400)
def test_a_random_expression_has_plain_data_or_an_error_and_leaves_the_scope_alone(source: str) -> None:
    before = copy.deepcopy(SCOPE)
    checked(evaluated(source, SCOPE))
    assert before == SCOPE


@given(expressions)
def test_an_expression_has_the_same_value_each_time(source: str) -> None:
    assert evaluated(source, SCOPE) == evaluated(source, SCOPE)


@given(expressions)
def test_an_expression_reads_nothing_but_what_its_references_say(source: str) -> None:
    try:
        found = parse(source, BUILTINS).references
    except ExpressionSyntaxError:
        return
    roots = {reference.root for reference in found}
    narrow = {name: data for name, data in SCOPE.items() if name in roots}
    assert evaluated(source, narrow) == evaluated(source, SCOPE)
    for reference in found:
        assert source[reference.offset :].startswith(reference.root)


@given(expressions)
def test_a_template_of_an_expression_is_that_expression(source: str) -> None:
    text = f"${{{{ {source} }}}}"
    try:
        parsed = parse(source, BUILTINS)
    except ExpressionSyntaxError as wrong:
        message, offset = re.escape(wrong.message), wrong.offset + 4
        with pytest.raises(ExpressionSyntaxError, match=message) as caught:
            parse_template(text, BUILTINS)
        assert caught.value.offset == offset
        return
    template = parse_template(text, BUILTINS)
    assert template is not None
    assert template.whole
    shifted = tuple(
        Reference(each.root, each.keys, each.guarded, each.offset + 4, each.dynamic)
        for each in parsed.references
    )
    assert template.references == shifted


# --- noise -----------------------------------------------------------------------------------------

alphabet = st.sampled_from(
    [*"abx0159.,:;()[]{}'\"\\+-*/%=<>!&|^~#@$?` \n\t_", "é", "\uff53", "\x00", "\u202e"]
)
pieces = st.sampled_from(
    [
        *[
            "inputs",
            ".",
            "lambda",
            "if",
            "else",
            "not",
            "for",
            "in",
            "await",
            "f'",
            "${{",
            "}}",
            "**",
            ":=",
            "default(",
            "__",
        ],
        " if ",
        " else ",
    ]
)
noise = st.lists(st.one_of(alphabet, pieces), max_size=40).map("".join)


@given(st.one_of(noise, st.text(max_size=60)))
@settings(max_examples=400)
def test_noise_raises_nothing_but_our_errors(source: str) -> None:
    checked(evaluated(source, SCOPE))


@given(st.one_of(noise, st.text(max_size=40)), noise)
def test_noise_in_templates_raises_nothing_but_our_errors(before: str, inside: str) -> None:
    try:
        template = parse_template(f"{before}${{{{{inside}}}}}", BUILTINS)
        assert template is not None
        checked(template.evaluate(SCOPE, now=1.0))
    except (ExpressionSyntaxError, ExpressionError):
        return


@given(st.text(max_size=40))
def test_text_comes_through_a_template_unchanged(text: str) -> None:
    template = parse_template("<${{ x }}>", BUILTINS)
    assert template is not None
    assert template.evaluate({"x": text}, now=0) == f"<{text}>"


# --- a model of logic and arithmetic ---------------------------------------------------------------

WRONG = object()
"""The model's value of what has none."""

Tree = Any
leaves = st.one_of(
    st.integers(-5, 5), st.integers(2**62, 2**63 - 1), st.booleans(), st.sampled_from(["", "a", "b"])
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(
            st.sampled_from(["+", "-", "*", "//", "%", "==", "!=", "<", "<=", "and", "or"]), inner, inner
        ),
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("if"), inner, inner, inner),
    ),
    max_leaves=12,
)


def written(tree: Tree) -> str:
    match tree:
        case bool():
            return "true" if tree else "false"
        case int() | str():
            return repr(tree)
        case ("not", operand):
            return f"(not {written(operand)})"
        case ("if", test, then, otherwise):
            return f"({written(then)} if {written(test)} else {written(otherwise)})"
        case (operator, left, right):
            return f"({written(left)} {operator} {written(right)})"


def modelled(tree: Tree) -> Any:
    if not isinstance(tree, tuple):
        return tree
    operator, first = tree[0], modelled(tree[1])
    if operator in {"and", "or", "not", "if"}:
        return modelled_choice(operator, first, tree) if type(first) is bool else WRONG
    second = modelled(tree[2])
    if WRONG in (first, second):
        return WRONG
    if operator in {"==", "!="}:
        return (type(first) is type(second) and first == second) == (operator == "==")
    if type(first) is not type(second) or type(first) is bool:
        return WRONG
    return modelled_arithmetic(operator, first, second)


def modelled_choice(operator: str, first: bool, tree: Tree) -> Any:
    if operator == "not":
        return not first
    if operator == "if":
        return modelled(tree[2] if first else tree[3])
    if first is (operator == "or"):
        return first
    second = modelled(tree[2])
    return second if type(second) is bool else WRONG


def modelled_arithmetic(operator: str, first: Any, second: Any) -> Any:
    if operator in {"<", "<="}:
        return first < second or (operator == "<=" and first == second)
    if isinstance(first, str):
        return first + second if operator == "+" else WRONG
    if operator in {"//", "%"} and second == 0:
        return WRONG
    result = {
        "+": lambda: first + second,
        "-": lambda: first - second,
        "*": lambda: first * second,
        "//": lambda: first // second,
        "%": lambda: first % second,
    }[operator]()
    return result if -(2**63) <= result < 2**63 else WRONG


@given(trees)
@settings(max_examples=400)
def test_a_model_agrees_on_logic_and_arithmetic(tree: Tree) -> None:
    expression = parse(written(tree), BUILTINS)
    expected = modelled(tree)
    if expected is WRONG:
        with pytest.raises(ExpressionError):
            expression.evaluate({}, now=0)
    else:
        result = expression.evaluate({}, now=0)
        assert (type(result), result) == (type(expected), expected)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_of_64_bits_can_be_written(number: int) -> None:
    assert parse(str(number), BUILTINS).evaluate({}, now=0) == number


numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


@given(plain)
def test_json_text_means_the_value_it_was_made_from(data: Any) -> None:
    assert parse("from_json(json(x))", BUILTINS).evaluate({"x": data}, now=0) == data


@given(plain, plain)
def test_equality_is_that_of_json_with_booleans_apart_from_numbers(one: Any, other: Any) -> None:
    scope = {"x": one, "y": other}
    assert parse("x == x", BUILTINS).evaluate(scope, now=0) is True
    same = parse("x == y", BUILTINS).evaluate(scope, now=0)
    assert same is parse("y == x", BUILTINS).evaluate(scope, now=0)
    assert same is parse("[x] == [y]", BUILTINS).evaluate(scope, now=0)
    assert same is (len(parse("unique([x, y])", BUILTINS).evaluate(scope, now=0)) == 1)
    if same:
        assert one == other
