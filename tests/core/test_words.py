"""Text into words: as sh splits it, and never more than sh would say."""

import re
import shlex
import string
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from treadle._words import split_words


def attempt(split, text):
    """The words, or else what is wrong."""
    try:
        return split(text), None
    except ValueError as exc:
        return None, str(exc)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("make test", ["make", "test"]),
        ("  make\ttest \n", ["make", "test"]),
        ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]),
        ("a'b'\"c\"d", ["abcd"]),
        ("a '' \"\"", ["a", "", ""]),
        ("a '$HOME' '*' '|;&<>()`'", ["a", "$HOME", "*", "|;&<>()`"]),
        (r'a "\$X \"q\" \n \\"', ["a", r'$X "q" \n ' + "\\"]),
        (r"find . -exec echo {} \;", ["find", ".", "-exec", "echo", "{}", ";"]),
        ("a \\\n b", ["a", "b"]),
        ("a\\\nb", ["ab"]),
        ('"a\\\nb"', ["ab"]),
        ("a $ b", ["a", "$", "b"]),
        ("a#b c~d e=f", ["a#b", "c~d", "e=f"]),
        ("[ -f x ]", ["[", "-f", "x", "]"]),
        ("echo A=1", ["echo", "A=1"]),
    ],
)
def test_words_are_split_as_a_shell_splits_them(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${{ inputs.x }}", ["${{ inputs.x }}"]),
        ("a TAG=${{ inputs.a + ' b' }}-x", ["a", "TAG=${{ inputs.a + ' b' }}-x"]),
        ("a \"${{ inputs['k'] }} y\"", ["a", "${{ inputs['k'] }} y"]),
        ("a '${{ inputs['k v'] }}'", ["a", "${{ inputs['k v'] }}"]),
        ("a ${{ '}}' + \"}}\" }}b c", ["a", "${{ '}}' + \"}}\" }}b", "c"]),
        ("a ${{ x }}${{ y }}", ["a", "${{ x }}${{ y }}"]),
        ("a ${{ x | y", ["a", "${{ x | y"]),
    ],
)
def test_a_value_to_be_put_in_stays_in_its_word_as_written(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("a | b", "|"),
        ("a||b", "||"),
        ("a && b", "&&"),
        ("a &", "&"),
        ("a; b", ";"),
        ("a < b", "<"),
        ("a >b", ">"),
        ("(a)", "("),
        ("a `b`", "`"),
        ("a $(b)", "$"),
        ("a $HOME", "$"),
        ('a "$HOME"', "$"),
        ('a "`b`"', "`"),
        ("a ${HOME}", "$"),
        ("a *.py", "*"),
        ("a ?", "?"),
        ("a [bc]", "["),
        ("a ~/b", "~"),
        ("a # b", "#"),
    ],
)
def test_what_only_a_shell_understands_is_refused_and_points_to_shell(text, operator):
    with pytest.raises(ValueError, match="no shell runs this") as caught:
        split_words(text)
    message = str(caught.value)
    assert message.startswith(repr(operator))
    assert message.endswith("or use shell")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no command is given; write the program and its arguments"),
        (" \n", "no command is given; write the program and its arguments"),
        ("it's", "a quote ' is never closed; close it, or write a backslash before it"),
        ('say "hi', 'a quote " is never closed; close it, or write a backslash before it'),
        ("a \\", "a backslash stands at the end; double it if it is meant as it stands"),
        ("A=1 make", "'A=' sets a variable in a shell, and no shell runs this; set it in env"),
        (
            "a\nb",
            "a line break ends a command in a shell, and no shell runs this; write one line, or use shell",
        ),
    ],
)
def test_a_text_that_is_no_command_says_why(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        split_words(text)


@given(st.lists(st.text(string.printable, max_size=8), min_size=1, max_size=5))
def test_quoted_words_come_back_as_they_were(words):
    assume("=" not in words[0])  # `shlex` does not quote A=, which in front sets a variable
    assert split_words(shlex.join(words)) == words


@given(st.text("ab '\"\\\t", max_size=20))
def test_without_operators_the_words_are_those_of_shlex(text):
    assert attempt(split_words, text)[0] == (attempt(shlex.split, text.strip())[0] or None)


@settings(max_examples=200)
@given(st.text("a '\"\\$*|;{}[~#=\n", max_size=30))
def test_any_text_gives_words_or_one_line_of_what_is_wrong(text):
    words, wrong = attempt(split_words, text)
    assert words if wrong is None else re.fullmatch(r"[^\n]+; [^\n]+", wrong)


@pytest.mark.parametrize(
    "text", ["'" + "${{ a }}" * 20_000, "${{ '" * 20_000, '"' + "\\" * 20_001, "${{" * 20_000]
)
def test_hostile_text_takes_linear_time(text):
    started = time.process_time()
    attempt(split_words, text)
    assert time.process_time() - started < 2
