"""Specs that were right once: whatever is done to them, there are problems with places or a workflow."""

from __future__ import annotations

import copy
import random
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import treadle
from treadle._plan import CODES as PLAN_CODES
from treadle._spec import CODES

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parents[1]
SPECS = [path.read_text() for path in sorted((TESTS.parent / "specs").rglob("*.yaml"))]
TREES = [yaml.safe_load(text) for text in SPECS]
WRONG = [
    case.partition("\n--\n")[0]
    for path in sorted((TESTS / "core" / "spec" / "problems").glob("*.txt"))
    for case in re.split(r"^== .*\n", path.read_text(), flags=re.MULTILINE)
]
TEXTS = SPECS * (len(WRONG) // len(SPECS)) + WRONG
REGISTRY = treadle.Registry.of()

AT_MOST_S = 1.0
"""How long one spec may take; the examples take some milliseconds."""

KEYS = [
    *(
        "needs",
        "when",
        "foreach",
        "repeat",
        "retry",
        "on_error",
        "undo",
        "env",
        "id",
        "limit",
        "uses",
        "with",
    ),
    *("inputs", "vars", "secrets", "outputs", "steps", "finally", "defaults", "max_parallel", "timeout"),
    *("command", "parallel", "switch", "condition", "set", "http", "at_least", "of", "<<", "x-a", "nope"),
]
VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        -(2**63),
        "",
        "a",
        "5s",
        "-1s",
        "rollback",
        [],
        {},
        [None],
        {"a": None},
    ),
    *("${{", "}}", "${{ }}", "${{ steps.a.output }}", "x ${{ inputs.a }} ${{ secrets.B }}", "${{ item }}"),
    *(
        "steps.a.status == 'failed'",
        "1 +",
        "(" * 200,
        "a.b" * 900,
        "\0",
        "\u202e",
        "é" * 500,
        "null",
        "1e999",
    ),
    *({"escalate": {"timeout": "5s"}}, {"at_least": 2, "of": ["a", "a"]}, {"a": "failed"}, ["a", ["b"]]),
]
NOISE = [
    "\0",
    "\x07",
    "\t",
    "\u202e",
    "\ufeff",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "&a ",
    "*a ",
    "!!int ",
    "'",
    '"',
    "#",
    "\n",
]


# --- what is done to a tree ------------------------------------------------------------------------


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every part of *tree*, as the list or mapping it stands in and its index or key."""
    found: list[tuple[Any, Any]] = []
    stack, seen = [tree], set()
    while stack:
        inside = stack.pop()
        if not isinstance(inside, dict | list) or id(inside) in seen:
            continue
        seen.add(id(inside))
        keys = list(inside) if isinstance(inside, dict) else range(len(inside))
        found += [(inside, key) for key in keys]
        stack += [inside[key] for key in keys]
    return found


def _delete(rng: random.Random, inside: Any, key: Any) -> None:
    del inside[key]


def _replace(rng: random.Random, inside: Any, key: Any) -> None:
    inside[key] = rng.choice(VALUES)


def _rename(rng: random.Random, inside: Any, key: Any) -> None:
    if isinstance(inside, dict):
        name = (
            rng.choice([*KEYS, key[:-1], key + key[-1:], key.upper(), 3, "a b"])
            if isinstance(key, str)
            else "a"
        )
        inside[name] = inside.pop(key)


def _add(rng: random.Random, inside: Any, key: Any) -> None:
    if isinstance(inside, dict):
        inside[rng.choice(KEYS)] = rng.choice(VALUES)
    else:
        inside.insert(key, rng.choice(VALUES))


def _wrap(rng: random.Random, inside: Any, key: Any) -> None:
    for _ in range(rng.choice([1, 1, 2, 70])):
        inside[key] = rng.choice([[inside[key]], {rng.choice(KEYS): inside[key]}])


def _break_text(rng: random.Random, inside: Any, key: Any) -> None:
    if isinstance(inside[key], str):
        at = rng.randint(0, len(inside[key]))
        inside[key] = (
            inside[key][:at]
            + rng.choice([*NOISE, "${{ steps.", "}}", ".output", "(", "' "])
            + inside[key][at:]
        )


ON_TREES: list[Callable[[random.Random, Any, Any], None]] = [
    _delete,
    _replace,
    _rename,
    _add,
    _wrap,
    _break_text,
]


def _exchange(rng: random.Random, places: list[tuple[Any, Any]]) -> None:
    """Two parts change places, or one comes to stand in both, if need be in itself."""
    (one, a), (other, b) = rng.choices(places, k=2)
    inner, outer = one[a], other[b]
    other[b] = inner
    if rng.random() < 0.5:
        one[a] = outer


def mutated_tree(rng: random.Random) -> Any:
    """One of the specs, as data, with some parts changed; it may have come to contain itself."""
    tree = copy.deepcopy(rng.choice(TREES))
    for _ in range(rng.randint(1, 4)):
        places = _places(tree)
        if places and rng.random() < 0.15:
            _exchange(rng, places)
        elif places:
            rng.choice(ON_TREES)(rng, *rng.choice(places))
    return tree


# --- what is done to text --------------------------------------------------------------------------


def mutated_text(rng: random.Random) -> str:
    """One of the specs with lines and characters lost, repeated, moved and put in."""
    text = rng.choice(TEXTS)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(text))
        to = min(len(text), at + rng.choice([1, 3, 20, 200]))
        lines = text.splitlines(keepends=True) or [""]
        line = rng.randrange(len(lines))
        text = rng.choice(
            [
                text[:at],
                text[:at] + text[to:],
                text[:to] + text[at:],
                text[:at] + rng.choice(NOISE) * rng.choice([1, 1, 5, 300]) + text[at:],
                "".join([*lines[: line + 1], *lines[line:]]),
                "".join([*lines[:line], rng.choice(["  ", " ", "- "]) + lines[line], *lines[line + 1 :]]),
                "".join(
                    [*lines[:line], lines[line].replace(": ", ": &n ", 1), *lines[line + 1 :], "x-a: *n\n"]
                ),
            ]
        )
    return text


# --- the laws --------------------------------------------------------------------------------------


def judged(load: Callable[[], treadle.Workflow]) -> tuple[treadle.errors.Problem, ...]:
    """The problems of what *load* loads, which does not take long and raises nothing else."""
    began = time.thread_time()
    try:
        return load().warnings
    except treadle.SpecError as error:
        return error.problems
    finally:
        assert time.thread_time() - began < AT_MOST_S


def check_text(text: str) -> None:
    """Every problem of *text* has a place in it; they come in its order, and none twice."""
    problems = judged(lambda: treadle.loads(text, name="f", registry=REGISTRY))
    lines = 1 + len(re.findall("\r\n|[\n\r\x85\u2028\u2029]", text))  # what YAML takes for line breaks
    marks = [(problem.line or 0, problem.column or 0) for problem in problems]
    assert all(1 <= line <= lines and column >= 1 for line, column in marks)
    assert marks == sorted(marks)
    check(problems)


def check(problems: tuple[treadle.errors.Problem, ...]) -> None:
    assert len(set(problems)) == len(problems)
    for problem in problems:
        assert problem.code in CODES.keys() | PLAN_CODES.keys()
        assert problem.message
        assert str(problem).isprintable()


def check_seed(seed: int) -> None:
    rng = random.Random(seed)
    check_text(mutated_text(rng))
    tree = mutated_tree(rng)
    check(judged(lambda: treadle.from_data(tree, registry=REGISTRY)))
    check_text(yaml.dump(tree, allow_unicode=rng.random() < 0.5, default_flow_style=rng.choice([None, True])))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_mutated_spec_gives_problems_with_places_or_a_workflow(seed: int) -> None:
    check_seed(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(20))
def test_many_mutated_specs_give_problems_with_places_or_a_workflow(part: int) -> None:
    for seed in range(part * 5000, (part + 1) * 5000):
        check_seed(seed)
