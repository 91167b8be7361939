"""Expressions that are right by construction: every operand has the kind that its place takes.

Rule 1: what may be absent is read inside `default` only.
Rule 2: a condition compares what can differ: no constants, and nothing that one around it has settled.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("text", "integer", "number", "boolean", "texts", "numbers", "mapping")
_LITERALS = {
    "text": ["'a'", "'b c'", '"it\'s"', "''", "'2030-01-31'"],
    "integer": ["0", "1", "7", "-3", "1000"],
    "number": ["0.5", "2", "1e3"],
    "boolean": ["true", "false"],
    "texts": ["['a', 'b']", "['c']", "('x', 'y')"],
    "numbers": ["[1, 2.5]", "[3]"],
    "mapping": ["{'k': 1}", "{'k': 'v', 'l': [1]}"],
}
# {t} text, {i} integer, {n} number, {b} condition, {T} list of texts, {N} list of numbers, {m} mapping
_FORMS = {
    "text": [
        *("upper({t})", "lower({t})", "trim({t})", "{t} + {t}", "replace({t}, 'a', {t})", "join({T}, ',')"),
        *("join({N}, {t})", "string({i})", "string({b})", "json({m})", "json({T})", "base64({t})"),
        *("sha256({t})", "url_encode({t})", "format_time(now(), '%Y-%m-%d')", "({t} if {b} else {t})"),
        *("format_time(0, '%Y', 'UTC')", "max({t}, {t})"),
    ],
    "integer": [
        *("{i} + {i}", "{i} * {i}", "{i} - {i}", "-{i}", "len({t})", "len({T})", "len({m})", "int({t})"),
        *("round({n})", "({i} if {b} else {i})", "abs({i})", "int({n})", "{i} // 3", "{i} % 5"),
    ],
    "number": [
        *("{n} / 2", "{n} + {i}", "float({t})", "sum({N})", "max({N})", "min({n}, {i})", "round({n}, 2)"),
        *("duration('1h30m')", "parse_time('2030-01-31T12:00:00Z')", "now()", "abs({n})", "({n})"),
    ],
    "texts": [
        *("split({t}, ',')", "split({t})", "sort({T})", "unique({T})", "keys({m})", "[{t}, {t}]"),
        *("{T} if {b} else {T}", "flatten([{T}, {T}])", "({t}, {t})"),
    ],
    "numbers": ["sort({N})", "range(len({t}))", "range(1, 9, 2)", "unique({N})", "[{i}, {n}]"],
    "mapping": ["{{'k': {t}, 'n': {i}}}", "({m} if {b} else {m})", "{{}}"],
}
_QUESTIONS = {
    "text": [
        *(
            "{} in {T}",
            "starts_with({}, 'a')",
            "ends_with({}, {t})",
            r"matches({}, '[a-z]+\\d*')",
            "{} < {t}",
        ),
        *("contains({T}, {})", "contains({}, 'x')", "{} not in {T}", "upper({}) == lower({})", "{} == 'a b'"),
        *("{} != 'x' + {t}", "len({}) > 3", "{} in keys({m})"),
    ],
    "integer": ["{} > {i}", "0 < {} < 10", "{} + 1 != {n}", "{} == {i}", "{} in [1, 2, 3]", "{} % 2 == 0"],
    "number": ["{} <= {n}", "{} >= {i}", "{} / 2 < 8.5"],
}
"""Conditions on something that is not known beforehand; it stands for the empty hole."""

_HOLES = {
    "t": "text",
    "i": "integer",
    "n": "number",
    "T": "texts",
    "N": "numbers",
    "m": "mapping",
}
_MOVING = {"text": "sha256(run.id)", "integer": "len(run.id)", "number": "now()"}
"""What is never known beforehand, of each kind that is compared."""


@attrs.frozen
class Known:
    """Something that an expression may read.

    Attributes:
      constant: its value is the same in every run, so no condition asks for it.
      choices: the texts it can be, if those are few.
      absent: it may not be there.
    """

    source: str
    kind: str
    constant: bool = False
    choices: tuple[str, ...] = ()
    absent: bool = False

    @property
    def reads(self) -> str:
        """The expression that reads it, with a value in case there is none."""
        literal = _LITERALS[self.kind][0]
        return f"default({self.source}, {literal})" if self.absent else self.source


@attrs.frozen
class Expressions:
    """Makes expressions over what is *known*; *settled* are sources that an enclosing condition asked for."""

    rng: random.Random
    known: tuple[Known, ...] = ()
    settled: frozenset[str] = frozenset()

    def knowing(self, more: Iterable[Known]) -> Expressions:
        return attrs.evolve(self, known=(*self.known, *more))

    def beyond(self, condition: str) -> Expressions:
        """For what stands where *condition* is known to hold, or not to."""
        asked = {each.source for each in self.known if each.source in condition}
        return attrs.evolve(self, settled=self.settled | asked)

    def of(self, kind: str, depth: int = 3) -> str:
        """An expression of this kind."""
        if kind == "boolean":
            return self.condition(depth)
        if depth <= 0 or self.rng.random() < 0.3:
            return self._leaf(kind)
        return self._filled(self.rng.choice(_FORMS[kind]), depth - 1)

    def condition(self, depth: int = 2) -> str:
        """An expression that is sometimes true and sometimes false."""
        free = [each for each in self.known if not each.constant and each.source not in self.settled]
        asked = [each for each in free if each.choices or each.kind == "boolean"]
        if asked and self.rng.random() < 0.5:
            return self._question(self.rng.choice(asked))
        if depth > 0 and self.rng.random() < 0.3:
            left = self.condition(depth - 1)
            right = self.beyond(left).condition(depth - 1)
            return f"({left} {self.rng.choice(['and', 'or'])} {right})"
        kind = self.rng.choice(list(_QUESTIONS))
        moving = [each.reads for each in free if each.kind == kind and not each.choices] or [_MOVING[kind]]
        form = self.rng.choice(_QUESTIONS[kind]).replace("{}", "\2")
        return self._filled(form, 0).replace("\2", self.rng.choice(moving))

    def _question(self, known: Known) -> str:
        if known.choices:
            choice = self.rng.choice(known.choices)
            some = f"in ['{choice}']" if self.rng.random() < 0.3 else f"== '{choice}'"
            return f"{known.reads} {some if self.rng.random() < 0.7 else f'!= {choice!r}'}"
        return known.reads if self.rng.random() < 0.7 else f"not {known.reads}"

    def _filled(self, form: str, depth: int) -> str:
        """*form* with expressions in its holes; a condition in it first, for the others stand behind it."""
        inside = self
        if "{b}" in form:
            condition = self._operand("boolean", depth)
            inside = self.beyond(condition)
            form = form.replace("{b}", condition.replace("{", "{{").replace("}", "}}"))
        parts: list[str] = []
        rest = form.replace("{{", "\0").replace("}}", "\1")
        while "{" in rest:
            head, _, rest = rest.partition("{")
            parts += [head, inside._operand(_HOLES[rest[0]], depth)]
            rest = rest[2:]
        return "".join([*parts, rest]).replace("\0", "{").replace("\1", "}")

    def _operand(self, kind: str, depth: int) -> str:
        made = self.of(kind, depth)
        simple = made.replace(".", "").replace("_", "").isalnum() or (
            made.endswith(")") and made[0].isalpha()
        )
        return made if simple or (made[0] in "'[{" and " " not in made) else f"({made})"

    def _leaf(self, kind: str) -> str:
        fitting = [each.reads for each in self.known if each.kind == kind]
        if kind == "number":
            fitting += [each.reads for each in self.known if each.kind == "integer"]
        if fitting and self.rng.random() < 0.8:
            return self.rng.choice(fitting)
        return self.rng.choice(_LITERALS[kind])
