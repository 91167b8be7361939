"""Collects the problems of a spec, each with its place.

Rule: finding what was meant costs time, so it is done for the first mistakes only: a generated spec
  with 10,000 of them must not hang.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from treadle._near import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

    from treadle._places import Place
    from treadle.errors import Problem

_GUESSES = 50
_KNOWN_AT_MOST = 2000
_LISTED_AT_MOST = 20


class Problems:
    """What is wrong, in the order in which it was found."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self._told: dict[tuple[str, str], list[str]] = {}
        self._guesses = _GUESSES

    def add(self, code: str, place: Place, message: str, fix: str = "", *, under: str = "") -> None:
        """One more error, of which nothing is said again at the paths *under* that one."""
        above = self._told.get((code, message), ()) if self._told and not under else ()
        if any(place.path.startswith(f"{path}.") for path in above):
            return
        self.found.append(place.problem(code, message, fix))
        if under:
            self._told.setdefault((code, message), []).append(under)

    def near(self, word: str, known: Collection[str], else_say: str) -> str:
        """``did you mean …?`` where one of *known* is near *word*; else *else_say*."""
        if self._guesses <= 0 or len(known) > _KNOWN_AT_MOST:
            return else_say
        self._guesses -= 1
        return did_you_mean(word, known) or else_say


def listed(kind: str, known: Collection[str]) -> str:
    """What there is to choose from, as ``declared inputs: env, version``; twenty at most."""
    if not known:
        return f"there are no {kind}"
    if len(known) <= _LISTED_AT_MOST:
        return f"{kind}: {', '.join(sorted(known))}"
    return f"{kind}: {', '.join(itertools.islice(known, _LISTED_AT_MOST))}, …"
