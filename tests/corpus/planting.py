"""Mistakes, to be planted one at a time in a valid spec.

Rule: a mistake knows where it was made and what it must be called; where it cannot be made, it gives None.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from tests.corpus.spots import Step, Tree, steps_of
from tests.corpus.written import Place

Mistake = Callable[[Tree, random.Random], Place | None]
"""Changes the tree, and says where."""

MISTAKES: dict[str, tuple[str, Mistake]] = {}
"""By name: the code that the mistake must draw, and how it is made."""


def planted(code: str, name: str) -> Callable[[Mistake], Mistake]:
    def keep(mistake: Mistake) -> Mistake:
        MISTAKES[name] = (code, mistake)
        return mistake

    return keep


def a_step(tree: Tree, rng: random.Random, fits: Callable[[Step], bool] = lambda step: True) -> Step | None:
    steps = [step for step in steps_of(tree) if fits(step)]
    return rng.choice(steps) if steps else None


def typo(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word)) if len(word) > 1 else 0
    return rng.choice([word[:at] + word[at + 1 :], word[:at] + word[at - 1] + word[at:], word + "s"])


def with_key(
    key: str, value: Any, fits: Callable[[Step], bool] = lambda step: True, below: Place = ()
) -> Mistake:
    """A step gets this key with this value, or its own is replaced; what is wrong stands *below* it."""

    def mistake(tree: Tree, rng: random.Random) -> Place | None:
        step = a_step(tree, rng, lambda step: fits(step) and not (key in DECISIVE and is_read(tree, step)))
        if step is None:
            return None
        step.body[key] = value(step) if callable(value) else value
        return (*step.place, key, *below)

    return mistake


DECISIVE = ("when", "foreach", "on_error")
"""Keys of a step that say what those who read it find."""


def is_read(tree: Tree, step: Step) -> bool:
    """Whether anything reads the step, or something that it stands in."""
    names = [re.escape(each.name) for each in (*step.around, step) if each.name]
    return bool(names) and re.search(rf"\.({'|'.join(names)})\b", repr(tree)) is not None


def of(*plugins: str) -> Callable[[Step], bool]:
    return lambda step: step.plugin in plugins


def in_graph(step: Step) -> bool:
    """Whether the step may have needs, and has a sibling before it; it reads none."""
    return (
        not step.ordered
        and isinstance(step.place[-1], str)
        and bool(step.before)
        and "steps." not in repr(step.body)
    )


def plain(step: Step) -> bool:
    return not {"undo", "repeat", "retry"} & set(step.body)


def is_block(step: Step) -> bool:
    return step.plugin in ("parallel", "sequence", "steps", "condition", "switch", "template")
