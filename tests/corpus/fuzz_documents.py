"""Documents from seeds: valid specs with mistakes planted, and then with their bytes disturbed."""

from __future__ import annotations

import contextlib
import copy
import random
from typing import TYPE_CHECKING

from tests.corpus import mistakes, mistakes_in_expressions, mistakes_in_reuse  # noqa: F401  they fill MISTAKES
from tests.corpus.planting import MISTAKES
from tests.corpus.valid import valid_spec
from tests.corpus.written import written
from tests.properties.test_spec_mutations import ON_TREES, _places

import treadle
from treadle._plan import CODES as PLAN_CODES
from treadle._spec import CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle.errors import Problem

AT_MOST_MS = 1000
_REGISTRY = treadle.Registry.of()
_KNOWN = CODES.keys() | PLAN_CODES.keys()
_BYTES = [
    *(
        b"\x00",
        b"\xff",
        b"\xc3",
        b"\xe2\x80\xae",
        b"\xef\xbb\xbf",
        b"\xf0\x9f\x92\xa9",
        b"\t",
        b"\r",
        b"\n",
        b"\x85",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b": ",
        b"- ",
        b"&a ",
        b"*a",
        b"!!int ",
        b"'",
        b'"',
        b"#",
        b"|\n",
        b">-\n",
        b"? ",
        b"%",
    ),
    *(
        b"${{",
        b"}}",
        b"<<: *a",
        b"---\n",
        b"...\n",
        b"[[[[[[[[",
        b"{a: {a: {a: ",
        b"\\",
        b"${{ steps.",
        b"default(",
    ),
    *(b"9" * 400, b"1e999", b"0x" + b"f" * 99, b"\xd8\x00", b"a" * 5000, b"&a [*a, *a]"),
]


_LINE_ENDS = (b"\n", b"\r", b"\x85", b"\xa8", b"\xa9")  # the last three end some in UTF-8


def document(seed: int) -> bytes:
    """The document of a seed."""
    rng = random.Random(f"document {seed}")
    tree = valid_spec(rng.randrange(100_000))
    for _ in range(rng.choice([0, 1, 1, 2])):
        with contextlib.suppress(Exception):  # a second mistake may find nothing as it should be
            rng.choice(list(MISTAKES.values()))[1](tree, rng)
    if rng.random() < 0.4:
        tree = copy.deepcopy(tree)  # nothing is shared with what other documents are made of
        for _ in range(rng.randint(1, 3)):
            rng.choice(ON_TREES)(rng, *rng.choice(_places(tree)))
    try:
        text = str(written(tree, rng)).encode("utf-8", "surrogatepass")
    except (TypeError, AttributeError, ValueError, RecursionError):  # no longer what YAML can say
        text = repr(tree).encode("utf-8", "surrogatepass")
    return disturbed(text, rng) if rng.random() < 0.7 else text


def disturbed(text: bytes, rng: random.Random) -> bytes:
    """Some bytes lost, moved, repeated or put in."""
    for _ in range(rng.choice([1, 1, 2, 8])):
        at, other = rng.randint(0, len(text)), rng.randint(0, len(text))
        begin, end = min(at, other), min(max(at, other), min(at, other) + rng.choice([1, 4, 40, 400]))
        match rng.randrange(6):
            case 0:
                text = text[:begin] + text[end:]
            case 1:
                text = text[:at] + rng.choice(_BYTES) * rng.choice([1, 1, 1, 30]) + text[at:]
            case 2:
                text = text[:at] + text[begin:end] + text[at:]
            case 3:
                text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
            case 4:
                text = text[:at]
            case _:
                lines = text.splitlines(keepends=True) or [b""]
                rng.shuffle(lines)
                text = b"".join(lines[: rng.randint(1, len(lines))]) if rng.random() < 0.1 else text
    return text


def judge(seed: int) -> bool:
    """Whether the document is accepted; each problem of one that is not has a place and a known code."""
    text = document(seed)
    try:
        treadle.loads(text, name="f", registry=_REGISTRY)
    except treadle.SpecError as error:
        _check(error.problems, 1 + sum(text.count(each) for each in _LINE_ENDS))
        return False
    return True


def _check(problems: Sequence[Problem], lines: int) -> None:
    assert problems, "refused without a problem"
    for problem in problems:
        assert problem.code in _KNOWN, problem.code
        assert problem.message
        assert 1 <= (problem.line or 0) <= lines, f"line {problem.line}: {problem}"
        assert (problem.column or 0) >= 1, f"column {problem.column}: {problem}"
        assert str(problem).isprintable(), repr(str(problem))
