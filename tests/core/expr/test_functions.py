"""The fixed table of functions, one row at a time."""

from typing import Any

import pytest

from treadle._expr import BUILTINS, ExpressionError, parse


def value(source: str, **scope: Any) -> Any:
    return parse(source, BUILTINS).evaluate(scope, now=0)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("len('abc')", 3),
        ("len([1])", 1),
        ("len({'a': 1})", 1),
        ("min(3, 1, 2)", 1),
        ("min([3, 1.5])", 1.5),
        ("max(['a', 'b'])", "b"),
        ("max(1)", 1),
        ("sum([1, 2.5])", 3.5),
        ("sum([])", 0),
        ("round(2.5)", 2),
        ("round(2.567, 2)", 2.57),
        ("abs(-3)", 3),
        ("lower('AB')", "ab"),
        ("upper('ab')", "AB"),
        ("trim(' a ')", "a"),
        ("split('a,b,', ',')", ["a", "b", ""]),
        ("split(' a  b ')", ["a", "b"]),
        ("join(['a', 1, true, 1.5], '-')", "a-1-true-1.5"),
        ("join(['a', 'b'])", "ab"),
        ("join([], ',')", ""),
        ("replace('aba', 'a', 'xx')", "xxbxx"),
        ("starts_with('abc', 'ab')", True),
        ("ends_with('abc', 'bc')", True),
        ("contains('abc', 'b')", True),
        ("contains([1], 1)", True),
        ("contains({'a': 1}, 'b')", False),
        ("matches('v1.2', r'v\\d+\\.\\d+')", True),
        ("matches('v1.2', 'v\\d+')", False),
        ("matches('é', '.')", True),
        ("keys({'b': 1, 'a': 2})", ["b", "a"]),
        ("values({'b': 1, 'a': 2})", [1, 2]),
        ("sort([3, 1, 2.5])", [1, 2.5, 3]),
        ("sort(['b', 'a'])", ["a", "b"]),
        ("sort([])", []),
        ("unique([1, 1.0, true, '1', [1], [1], null, null])", [1, True, "1", [1], None]),
        ("unique([{'a': 1}, {'a': 1.0}, {'a': true}])", [{"a": 1}, {"a": True}]),
        ("flatten([[1], [2, [3]], 4])", [1, 2, [3], 4]),
        ("range(3)", [0, 1, 2]),
        ("range(1, 3)", [1, 2]),
        ("range(5, 0, -2)", [5, 3, 1]),
        ("range(-1)", []),
        ("product([1, 2], ['a'])", [[1, "a"], [2, "a"]]),
        ("product([1, 2], [])", []),
        ("zip([1, 2], ['a', 'b'])", [[1, "a"], [2, "b"]]),
        ("int('-12')", -12),
        ("int(' 7 ')", 7),
        ("int(-2.9)", -2),
        ("float('1.5e3')", 1500.0),
        ("float('.5')", 0.5),
        ("float(2)", 2.0),
        ("string(1)", "1"),
        ("string(1.0)", "1.0"),
        ("string(false)", "false"),
        ("string('x')", "x"),
        ("json({'a': [1, null, true, 'é']})", '{"a":[1,null,true,"é"]}'),
        ("json('x')", '"x"'),
        ("from_json('[1, {\"a\": null}]')", [1, {"a": None}]),
        ("from_json('\"\\\\u00e9\"')", "é"),
        ("base64('é')", "w6k="),
        ("sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("url_encode('a b/é~')", "a%20b%2F%C3%A9~"),
        ("duration('1h30m')", 5400.0),
        ("parse_time('1970-01-02T00:00:00Z')", 86400.0),
        ("parse_time('1970-01-01T01:00:00.5+01:00')", 0.5),
        ("format_time(0)", "1970-01-01T00:00:00Z"),
        ("format_time(0.25)", "1970-01-01T00:00:00.250Z"),
        ("format_time(0, 'iso', 'Europe/Zurich')", "1970-01-01T01:00:00+01:00"),
        ("format_time(0, '%Y-%m-%d %H:%M:%S.%f')", "1970-01-01 00:00:00.000000"),
        ("format_time(46800, '%I %p %y %j %a %A %b %B %u %G %V %z %%')",
         "01 PM 70 001 Thu Thursday Jan January 4 1970 01 +0000 %"),
        ("format_time(0, '%I%p %z', 'America/New_York')", "07PM -0500"),
        ("format_time(0, '%I%p')", "12AM"),
        ("format_time(parse_time('2030-06-01T00:00:00Z'), '%H', 'Europe/Zurich')", "02"),
        ("format_time(1e9, 'plain')", "plain"),
    ],
)  # fmt: skip
def test_a_function_gives_this_value(source: str, expected: Any) -> None:
    result = value(source)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("min([])", "min of an empty list"),
        ("max(1, 'a')", "max takes numbers or texts, not number and text"),
        ("min([true])", "not boolean"),
        ("sum(['a'])", "sum takes numbers, not text"),
        ("sum([9223372036854775807, 1])", "64 bits"),
        ("sum([1e308, 1e308])", "too large"),
        ("round(1e300)", "64 bits"),
        ("round(1, 16)", "0 to 15 digits"),
        ("round(1, 1.5)", "the second value of .* is to be integer, not a fraction"),
        ("abs(-9223372036854775808)", "64 bits"),
        ("abs(true)", "is to be number, not a boolean"),
        ("split('a', '')", "not empty"),
        ("replace('a', '', 'b')", "not empty"),
        ("join([[1]])", r"a list cannot stand in text; json\(x\)"),
        ("join([null])", r"null cannot stand in text; default\(x, y\)"),
        ("join('abc', ',')", "is to be list, not text"),
        ("matches('a', x)", r"matches\(…\) failed: this is no pattern in RE2 syntax"),
        ("sort([1, 'a'])", "sort takes numbers or texts, not number and text"),
        ("sort([[1]])", "not list"),
        ("range(0, 5, 0)", "step that is not 0"),
        ("range(1000000)", "over the limit of 100,000"),
        ("range(-9223372036854775808, 9223372036854775807)", "over the limit"),
        ("range(1.0)", "is to be integer"),
        ("range(true)", "is to be integer"),
        ("zip([1], [])", "lists of one length; these are 1, 0"),
        ("zip([1], [2], [3], 4)", "the 4th value of .* is to be list, not a number"),
        ("int('1_000')", "int takes text that is an integer"),
        ("int('٣')", "int takes text"),
        ("int('')", "int takes text"),
        ("int('9223372036854775808')", "64 bits"),
        ("int(1e30)", "64 bits"),
        ("int(true)", "is to be number or text, not a boolean"),
        ("float('nan')", "float takes text that is a number"),
        ("float('1e999')", "too large"),
        ("string(null)", "not null"),
        ("string([1])", "not a list"),
        ("from_json('{')", "not JSON, at character 1"),
        ("from_json('NaN')", "a number that is none"),
        ("from_json('1e999')", "too large"),
        ("from_json('99999999999999999999')", "64 bits"),
        ("from_json(digits)", "too large"),
        ("from_json(deep)", "levels|too deep"),
        ("from_json(deeper)", "levels|too deep"),
        ("from_json('\"\\\\ud800\"')", "half a character"),
        ("from_json(many)", "over the limit|more than"),
        ("base64(half)", "half a character"),
        ("sha256(half)", "half a character"),
        ("url_encode(half)", "half a character"),
        ("duration('x' + '')", "duration takes"),
        ("parse_time('soon' + '')", "parse_time takes text"),
        ("format_time(1e300)", "years 1 to 9999"),
        ("format_time(-1e11)", "years 1 to 9999"),
        ("format_time(253402300799, 'iso', 'Asia/Tokyo')", "years 1 to 9999"),
        ("format_time(0, '%q')", "a '%' that means nothing; it knows %Y"),
        ("format_time(0, 'a%')", "a '%' that means nothing"),
        ("format_time(0, '" + "x" * 201 + "')", "at most 200"),
        ("format_time(0, 'iso', 'Mars/Base')", "no such time zone"),
        ("format_time(0, 'iso', '../../etc/passwd')", "no such time zone"),
        ("format_time(0, 'iso', 'Europe')", "no such time zone"),
        ("format_time(0, 'iso', '')", "no such time zone"),
    ],
)
def test_a_function_refuses_these_values_and_says_why(source: str, says: str) -> None:
    scope = {
        "x": "a(",
        "half": "\ud800",
        "digits": "1" * 5000,
        "deep": "[" * 200 + "]" * 200,
        "deeper": "[" * 500_000,
        "many": "[" + "[]," * 300_000 + "[]]",
    }
    with pytest.raises(ExpressionError, match=says):
        value(source, **scope)


@pytest.mark.parametrize(
    "source",
    [
        "replace(text, 'x', text)",
        "join([text, text, text])",
        "join(split(text, 'x'), 'xxxx')",
        "split(text, 'x')",
        "upper(sharp)",
        "url_encode(text + text)",
        "json([text, text, text])",
        "base64(text + text)",
        "product(range(1000), range(1000), range(1000))",
        "product(range(2), range(50000))",
        "flatten([range(60000), range(60000)])",
        "zip(range(60000), range(60000))",
        "unique(range(100001))",
    ],
)
def test_what_would_grow_beyond_the_bounds_is_refused(source: str) -> None:
    # "ß" is "SS" in upper case; "é" is six characters in a URL
    with pytest.raises(ExpressionError, match=r"over the limit|more than"):
        value(source, text="éx" * 262_144, sharp="ß" * 600_000)
