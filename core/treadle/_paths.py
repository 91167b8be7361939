"""Paths of steps: ``checks.unit``; ``each.3``, an element; ``ship#2.push``, inside a block's second attempt.

Rule: a step's id holds neither ``.`` nor ``#``, so a path can be taken apart without its plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def join(prefix: str, step_id: str) -> str:
    """The path of a step of the block, or of an element of the foreach, at *prefix*; empty: the outermost."""
    return f"{prefix}.{step_id}" if prefix else step_id


def inside_of(path: str, attempt: int) -> str:
    """What the paths of all that is inside an attempt of the step at *path* begin with."""
    return path if attempt <= 1 else f"{path}#{attempt}"


def around(path: str) -> str:
    """The path of the step around that at *path*: ``ship`` for ``ship#2.push``; empty for the outermost."""
    outer = path.rpartition(".")[0]
    step, _, attempt = outer.rpartition("#")
    return step if step and attempt.isdecimal() else outer


def enclosing(path: str) -> Iterator[str]:
    """The paths of the steps that *path* lies in, innermost first."""
    while path := around(path):
        yield path
