"""Text with ``${{ }}`` in it."""

from typing import Any

import pytest

from treadle._expr import (
    BUILTINS,
    ExpressionError,
    ExpressionSyntaxError,
    Reference,
    Template,
    parse_template,
)

SCOPE: dict[str, Any] = {
    "inputs": {"env": "prod", "n": 3, "x": 1.5, "ok": True, "list": [1], "map": {"a": 1}, "none": None},
    "tricky": "${{ inputs.env }}",
}


def template(text: str) -> Template:
    parsed = parse_template(text, BUILTINS)
    assert parsed is not None
    return parsed


def value(text: str) -> Any:
    return template(text).evaluate(SCOPE, now=1.0)


def test_text_without_expressions_is_no_template() -> None:
    for text in ("", "plain", "$ {{ x }}", "{{ x }}", "$x ${y} }}", "${ {x} }"):
        assert parse_template(text, BUILTINS) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${{ inputs.n }}", 3),
        ("${{inputs.list}}", [1]),
        ("${{ inputs.none }}", None),
        ("${{ inputs.map }}", {"a": 1}),
        ("${{ inputs.n }} ", "3 "),
        ("v${{ inputs.n }}", "v3"),
        ("${{ inputs.n }}${{ inputs.x }}", "31.5"),
        ("${{ inputs.env }}-${{ inputs.ok }}!", "prod-true!"),
        ("${{ not inputs.ok }} is text", "false is text"),
        ("a ${{ '}}' }} b", "a }} b"),
        ("a ${{ \"}}\" + '}' }} b", "a }}} b"),
        ("${{ '${{' }}", "${{"),
        ("${{ '${{' }} x }}", "${{ x }}"),
        ("${{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("${{ {'a': {'b': 1}}}}", {"a": {"b": 1}}),
        ("${{ 'it\\'s' }}", "it's"),
        ("${{ '''}}''' }}", "}}"),
        ("${{\n  inputs.n\n  + 1\n}}", 4),
        ("}} ${{ 1 }} }}", "}} 1 }}"),
        ("${{ tricky }}", "${{ inputs.env }}"),
        ("<${{ tricky }}>", "<${{ inputs.env }}>"),
        ("${{ now() }}", 1.0),
        ("{${{ 1 }}}", "{1}"),
    ],
)
def test_values_are_put_in_once_and_a_whole_template_keeps_its_kind(text: str, expected: Any) -> None:
    result = value(text)
    assert result == expected
    assert type(result) is type(expected)


def test_a_template_knows_whether_it_is_whole() -> None:
    assert template("${{ 1 }}").whole
    assert not template("${{ 1 }}\n").whole
    assert not template("${{ 1 }}${{ 2 }}").whole


def test_references_count_from_the_start_of_the_text() -> None:
    parsed = template("é ${{ inputs.env }}/${{ default(steps.a, 1) }}")
    assert parsed.references == (
        Reference("inputs", ("env",), offset=6),
        Reference("steps", ("a",), guarded=True, offset=32),
    )
    assert [expression.source for expression in parsed.expressions] == ["inputs.env", "default(steps.a, 1)"]
    assert repr(parsed) == "<Template é ${{ inputs.env }}/${{ default(steps.a, 1) }}>"


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("ab ${{ x", "'${{' is not closed", 3),
        ("${{ x }", "'${{' is not closed", 0),
        ("${{ {'a': 1 }}", "'${{' is not closed", 0),
        ("${{ 1 }} ${{", "'${{' is not closed", 9),
        ("${{ it's }}", "text in quotes is not closed", 6),
        ("${{ }}", "the expression is empty", 4),
        ("${{}}", "the expression is empty", 3),
        ("ab ${{ 1 + True }}", "True is spelled otherwise", 11),
        ("ab ${{ a = 1 }}", "'=' is no comparison", 8),
        ("${{ ${{ x }} }}", "'${{ }}' does not belong", 4),
        ("${{ x } }}", "this is no expression", 6),
        ("${{ " + "x" * 2001 + " }}", "over the limit of 2,000", 2004),
        ("${{ " + "x" * 9000 + " }}", "is not closed", 0),
    ],
)
def test_a_broken_template_is_told_where(text: str, message: str, offset: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse_template(text, BUILTINS)
    assert message in caught.value.message
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a ${{ inputs.list }}", r"a list cannot stand in text; json\(x\) or join"),
        ("a ${{ inputs.map }}", "a mapping cannot stand in text"),
        ("a ${{ inputs.none }}", r"null cannot stand in text; default\(x, y\)"),
        ("a ${{ inputs.nope }}", "inputs.nope is absent"),
        ("a ${{ '" + "x" * 1000 + "' }}" + "b" * 2**20, "over the limit"),
    ],
)
def test_a_template_without_a_value_says_why(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        value(text)


def test_a_very_long_text_is_taken_apart_in_one_pass() -> None:
    text = "x ${{ 1 }} { ' " * 20_000
    assert len(template(text).expressions) == 20_000
