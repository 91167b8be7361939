"""What `treadle fmt` makes of a text; `tests/properties/test_format.py` has its laws."""

import pytest
import yaml

from treadle._format import NotKept, formatted
from treadle._format import _check as check

WORDS = ("yes", "on", "n", "true", "null", "~", "12:30")
NUMBERS = ("1.10", "010", "0o7", "1_000", "1e3", "2001-01-01")
SIGNS = (" a", "a ", "- a", "a #b", "a: b", "a:", "# a", "@a")


def data_of(text: str) -> object:
    """Read by PyYAML's own loader."""
    return yaml.load(text, yaml.CSafeLoader)  # it is a safe one


@pytest.mark.parametrize(
    ("written", "laid_out"),
    [
        ("a: 1", "a: 1\n"),
        ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
        ("\ufeffa: 1\n", "a: 1\n"),
        ("---\na: 1\n", "a: 1\n"),
        ("--- # why\na: 1\n", "--- # why\na: 1\n"),
        ("%YAML 1.2\n---\na: 1\n", "%YAML 1.2\n---\na: 1\n"),
        ("\n\na: 1  \n\n\n\nb: 2\t\n\n\n", "a: 1\n\nb: 2\n"),
        ("a:\n    b:\n        c: 1\n", "a:\n  b:\n    c: 1\n"),
        ("a:\n- 1\n- 2\nb: 3\n", "a:\n  - 1\n  - 2\nb: 3\n"),
        ("a:\n-   b: 1\n    c: 2\n-   - 3\n    - 4\n", "a:\n  - b: 1\n    c: 2\n  - - 3\n    - 4\n"),
        ("a:\n -\n    b: 1\n", "a:\n  -\n    b: 1\n"),
        ("? a\n:   - 1\n    - 2\n", "? a\n: - 1\n  - 2\n"),
        ("a:\n    &x\n    b: 1\nc: *x\n", "a:\n  &x\n  b: 1\nc: *x\n"),
        ("a: &x\n    b: 1\nc: *x\n", "a: &x\n  b: 1\nc: *x\n"),
        ("a:\n    'text'\n", "a:\n  text\n"),
        ("  a: 1\n  b: 2\n", "a: 1\nb: 2\n"),
        ('{"a": [1,\n\t"b"]}\n', '{"a": [1,\n\t"b"]}\n'),
    ],
)
def test_blanks_indentation_and_markers_are_put_right(written: str, laid_out: str) -> None:
    assert formatted(written) == laid_out
    assert formatted(laid_out) == laid_out


@pytest.mark.parametrize(
    ("written", "laid_out"),
    [
        ("a: 'make test'", "a: make test\n"),
        ('a: "${{ inputs.x }}"', "a: ${{ inputs.x }}\n"),
        ("a: \"${{ default(x, 'y') }}\"", "a: ${{ default(x, 'y') }}\n"),
        ('a: ["${{ x }}", "b", "c d"]', 'a: ["${{ x }}", b, c d]\n'),
        ("'a': 1", "a: 1\n"),
        ("a: {'k': 'v'}", "a: {k: v}\n"),
        ("a: 'it is: so'", 'a: "it is: so"\n'),
        ("a: 'say \"hi\"'", "a: 'say \"hi\"'\n"),
        ('a: "C:\\\\x"', "a: 'C:\\x'\n"),
        ("a: ''", 'a: ""\n'),
        ("a: '5m'", "a: 5m\n"),
        *((f"a: '{word}'", f'a: "{word}"\n') for word in WORDS),
        *((f"a: '{word}'", f'a: "{word}"\n') for word in NUMBERS),
        *((f"a: '{text}'", f'a: "{text}"\n') for text in SIGNS),
        ("a: !!str '1'", "a: !!str '1'\n"),
        ('a: "tab\\tstop"', 'a: "tab\\tstop"\n'),
        ('a: "caf\\u00e9"', 'a: "caf\\u00e9"\n'),
        ("a: {\"b\":\"c\"}", "a: {\"b\":\"c\"}\n"),
        ('{"a": "b"}', '{"a": "b"}\n'),
    ],
)  # fmt: skip
def test_quotes_are_where_they_are_needed(written: str, laid_out: str) -> None:
    assert formatted(written) == laid_out
    assert formatted(laid_out) == laid_out


def test_comments_stand_with_what_they_belong_to() -> None:
    written = """\
# head

a:    # at a
# before the list
- b: 1
      # deep
  # before c
  c: 2
# between
- d: 3
  # after d
# before e
e:
     # first
     f: 1
     # last
# end
"""
    assert (
        formatted(written)
        == """\
# head

a:    # at a
  # before the list
  - b: 1
    # deep
    # before c
    c: 2
  # between
  - d: 3
    # after d
# before e
e:
  # first
  f: 1
  # last
# end
"""
    )


@pytest.mark.parametrize(
    "written",
    [
        "a: |\n    one\n      two\n\n    three\nb: 1\n",
        "a: >-\n    one\n    two\n\n\n# c\nb: 1\n",
        "a: |+\n    one\n\n\nb: 1\n",
        "a:\n    b: |2\n          indented\n        less\n",
        "a: |2-  # why\n    x\n",
        "a: |\n  one",
        "a: |+\n  one\n   ",
        "a: |\n  one\n     \n",
        "a: |+\n     \n\nb: 1\n",
        "a: |\nb: 1\n",
        "a:\n- |\n  one\n- >\n  two\n",
        'a: "one\n   two\\\n   \\ three  \n\n   four"\nb: 1\n',
        "a: one\n   two\n\n\n   three\nb: 1\n",
        "a:\n    b: [one,   # c\n\n\n        'two\n         three',\n    ]\n",
        "a: {\n  b: 1,\n\tc: 2\n}\n",
        "a: one\u2028b: two\n",
        "a: |\n  one\x85  two\n",
        "a: 日本語   # é\n🎉: '🎉 x'\n",
        "a: 1\n...\n",
        "a:\n  # only\n  - 1\n  #\ttab\n",
    ],
)
def test_text_over_several_lines_and_odd_breaks_keep_their_value(written: str) -> None:
    once = formatted(written)
    assert data_of(once) == data_of(written)
    assert formatted(once) == once
    assert once.endswith("\n")


def test_what_would_change_a_value_or_a_comment_is_refused() -> None:
    for before, after in (
        ("a: 1", "a: '1'"),
        ("a: 1 # b", "a: 1"),
        ("a: 1", "a: {"),
        ("{a: 1, b: 2}", "{b: 2, a: 1}"),
    ):
        with pytest.raises((NotKept, yaml.YAMLError)):
            check(before, before, after)


def test_json_with_escapes_that_yaml_lacks_is_left_alone() -> None:
    text = '{"a": "\\ud83d\\ude00"}  \n\n\n'
    assert formatted(text) == text
