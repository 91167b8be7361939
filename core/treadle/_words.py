"""The words of a command that is written as one text: split as ``sh`` would, with no shell behind it.

Rule 1: a ``${{ }}`` span stays inside its word as written. Values are put in later and never split.
Rule 2: blanks, quotes and backslashes mean what they mean to ``sh``. Whatever else means something to
  ``sh`` where it stands is refused: taken literally, it would silently do something else.
"""

from __future__ import annotations

import re

__all__ = ["split_words"]

# A span ends at the first }} outside its quotes; one that never ends is left for the template parser.
_SPAN = r"""\$\{\{(?>[^'"}]|'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|\}(?!\}))*+\}\}|\$\{\{[^'"]*+\Z"""

# Texts, compiled when first used: most processes use few of them, and each takes a tenth of a millisecond.
_TOKEN = rf"""(?xs)(?P<span>{_SPAN})
    |'(?P<single>(?>{_SPAN}|[^'])*+)'
    |"(?P<double>(?>{_SPAN}|\\.|[^"\\])*+)"
    |(?P<joined>\\\n)
    |\\(?P<escaped>.)
    |(?P<blank>[ \t]+)
    |(?P<refused>\|\|?|&&?|;|<|>|\(|\)|`|\*|\?|\[|[\r\n]+|\$(?=[A-Za-z_0-9({{@*\#?$!'"-])|(?<![^ \t])[~\#])
    |(?P<unclosed>['"\\])
    |(?P<plain>[^\s'"\\|&;<>()`*?\[$~\#]++|.)"""
_QUOTED = rf"""(?xs)(?P<span>{_SPAN})
    |\\(?P<escaped>[$`"\\\n])
    |(?P<refused>`|\$(?=[A-Za-z_0-9({{@*\#?$!-]))"""
_ASSIGNMENT = r"[A-Za-z_][A-Za-z0-9_]*="
_TEST = r"\[(?=[ \t])"  # the program named "["

_MEANS = {
    "|": "pipes one command into another",
    "||": "joins commands",
    "&&": "joins commands",
    "&": "starts a command in the background",
    ";": "joins commands",
    "<": "reads from a file",
    ">": "writes to a file",
    "(": "groups commands",
    ")": "groups commands",
    "`": "puts in the output of a command",
    "$": "puts in a variable",
    "*": "stands for file names",
    "?": "stands for file names",
    "[": "stands for file names",
    "~": "stands for a home directory",
    "#": "begins a comment",
}


def split_words(text: str) -> list[str]:
    """The words of *text*, at least one; quotes are gone, ``${{ }}`` spans are as written.

    Raises ValueError, one line of what is wrong and what to do: nothing but blanks, an unclosed
    quote, or something that only a shell understands.
    """
    text = text.strip()
    if not text:
        raise ValueError("no command is given; write the program and its arguments")
    if assigned := re.match(_ASSIGNMENT, text):
        raise ValueError(f"{assigned[0]!r} sets a variable in a shell, and no shell runs this; set it in env")
    words: list[str] = []
    word: str | None = None
    start = 0
    if test := re.match(_TEST, text):
        word, start = test[0], test.end()
    for token in re.compile(_TOKEN).finditer(text, start):
        if token.lastgroup == "blank":
            words.extend([word] if word is not None else [])
            word = None
        elif token.lastgroup != "joined":
            word = (word or "") + _piece(token)
    return words if word is None else [*words, word]


def _piece(token: re.Match[str]) -> str:
    """What *token* adds to its word."""
    match token.lastgroup:
        case "single":
            return token["single"]
        case "double":
            return re.sub(_QUOTED, _unquoted, token["double"])
        case "escaped":
            return token["escaped"]
        case "refused":
            raise ValueError(_refusal(token["refused"]))
        case "unclosed":
            raise ValueError(_unclosed(token["unclosed"]))
        case _:
            return token[0]


def _unquoted(token: re.Match[str]) -> str:
    """What stands for *token* of a text in double quotes."""
    if token.lastgroup == "escaped":
        return "" if token["escaped"] == "\n" else token["escaped"]
    if token.lastgroup == "refused":
        raise ValueError(_refusal(token["refused"]))
    return token[0]


def _refusal(operator: str) -> str:
    if operator.isspace():
        return "a line break ends a command in a shell, and no shell runs this; write one line, or use shell"
    quote = "put it in single quotes" if operator in "$`" else "quote it"
    means = f"{operator!r} {_MEANS[operator]} in a shell, and no shell runs this"
    return f"{means}; {quote} if it is meant as it stands, or use shell"


def _unclosed(mark: str) -> str:
    if mark == "\\":
        return "a backslash stands at the end; double it if it is meant as it stands"
    return f"a quote {mark} is never closed; close it, or write a backslash before it"
