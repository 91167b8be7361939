"""What is wrong with a decision table: rules that overlap, cases that no rule takes, rules that never are.

Rule 1: each name that the conditions compare has a few cells, of which each comparison is true throughout or
  false throughout; what is said of all cells is said of all values.
Rule 2: of a condition that is more than comparisons, each cell may be taken and may be left. So what is told
  is certain, and what is not certain is not told.
Rule 3: a set of combinations of cells is one integer, a bit for each; a table with too many is left alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr import compile_pattern, scalar_text
from treadle._expr.formulas import Fixed, Formula, Not, Several, Test, Unknown, formula
from treadle._expr.types import Type
from treadle._expr.values import identity

if TYPE_CHECKING:
    from treadle._model import Input
    from treadle._plan.problems import Problems
    from treadle._settings import Settings
    from treadle._settings.conditions import Table
    from treadle.errors import Problem

__all__ = ["Finding", "Variable", "check_table", "findings", "variable_of"]

MAX_COMBINATIONS = 20_000
_MOST_TOLD = 10

Path = tuple[str | int, ...]


@attrs.frozen(eq=False)
class Variable:
    """What is known of a name that conditions compare.

    Attributes:
      type: of its value.
      low, high: between which it lies, if it is a number.
      takes: whether it may be a text; any unless given.
      declared: it is an input, so that each value of the type may be given.
    """

    type: Type
    low: float | None = None
    high: float | None = None
    takes: Callable[[str], bool] | None = None
    declared: bool = False


@attrs.frozen(eq=False)
class Finding:
    """One thing that is wrong with a table.

    Attributes:
      rule: the rule concerned, by its index; None for the table.
      certain: whether the inputs alone can bring it about.
    """

    code: str
    rule: int | None
    message: str
    fix: str
    certain: bool = False


def variable_of(type_: Type, declared: Input | None) -> Variable:
    """What is known of a name of this type; *declared* is what the spec says of an input."""
    if declared is None:
        return Variable(type_)
    takes = None if declared.pattern is None else compile_pattern(declared.pattern).fullmatch
    numbers = declared.type in {"integer", "number", "duration"}
    low, high = (declared.min, declared.max) if numbers else (None, None)
    return Variable(type_, low, high, takes and (lambda text: takes(text) is not None), declared=True)


def check_table(
    table: Table,
    variable: Callable[[Path], Variable],
    settings: Settings[Any],
    problems: Problems,
    warnings: list[Problem],
) -> None:
    """Report what is wrong with *table* of *settings*, unless something in these has been told of already."""
    places = {id(expression): place for place, expression in settings.written}
    told = {problem.path for problem in problems.found}
    rules = [places[id(each)] for each in table.conditions]
    if settings.place is None or any(place.assembled or place.path in told for place in rules):
        return  # a condition made by a template may well say nothing for some of its uses
    for found in findings(table, variable):
        place = settings.place if found.rule is None else rules[found.rule]
        if found.code == "TRD361" and found.certain:
            problems.add(found.code, place, found.message, found.fix)
        else:
            warnings.append(place.problem(found.code, found.message, found.fix, severity="warning"))


class _Other:
    """Stands for every value that no condition names."""


_OTHER: Any = _Other()


@attrs.frozen(eq=False)
class _Cell:
    """Values of a variable that no condition tells apart.

    Attributes:
      example: one of them.
      certain: whether there is such a value.
    """

    example: Any
    certain: bool = True


def findings(table: Table, variable: Callable[[Path], Variable]) -> list[Finding]:
    """What is wrong with *table*, where *variable* tells what may stand at a path."""
    formulas = [formula(each) for each in table.conditions]
    tests: dict[Path, list[Test]] = {}
    for test in itertools.chain.from_iterable(map(_tests, formulas)):
        tests.setdefault(test.path, []).append(test)
    cells: dict[Path, list[_Cell]] = {}
    for path, compared in tests.items():
        found = _cells(variable(path), compared)
        if not found:
            return []
        cells[path] = found
    if math.prod(map(len, cells.values())) > MAX_COMBINATIONS:
        return []
    space = _Space(cells)
    rows = [space.where(each) for each in formulas]
    return list(itertools.islice(_Judge(table, space, formulas, rows).all(), _MOST_TOLD))


def _tests(part: Formula) -> Iterator[Test]:
    if isinstance(part, Test):
        yield part
    elif isinstance(part, Not):
        yield from _tests(part.part)
    elif isinstance(part, Several):
        for each in part.parts:
            yield from _tests(each)


# --- cells -------------------------------------------------------------------------------------------


def _cells(variable: Variable, tests: Sequence[Test]) -> list[_Cell] | None:
    """The cells of a variable; None if it cannot be divided."""
    constants = {identity(value): value for test in tests for value in test.values}.values()
    ordered = any(test.operator != "in" for test in tests)
    kinds = variable.type.kinds - {"null"}
    numbers = kinds == {"number"} or (
        ordered and "number" in kinds and all(_is_number(value) for value in constants)
    )
    if variable.type.choices is not None:
        found = [_Cell(value) for value in variable.type.choices if value is not None]
    elif kinds == {"boolean"}:
        found = [_Cell(False), _Cell(True)]
    elif numbers:
        bounds = [value for value in constants if _is_number(value)]
        found = [_Cell(value, certain=variable.declared) for value in _numbers(variable, bounds)]
    elif ordered:
        return None
    else:
        fits = variable.takes or (lambda _text: True)
        named = [value for value in constants if value is not None]
        found = [_Cell(value) for value in named if not isinstance(value, str) or fits(value)]
        found.append(_Cell(_OTHER, certain=variable.takes is None and kinds == {"text"}))
    if "null" in variable.type.kinds:
        found.append(_Cell(None, certain=not variable.type.is_any))
    return _distinct(found, tests)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(variable: Variable, constants: Sequence[float]) -> list[float]:
    """Numbers of which one lies at each constant, and one in each gap between them and beyond."""
    low, high = variable.low, variable.high
    bounds = sorted({*constants, *(each for each in (low, high) if each is not None)}) or [0]
    found: list[float] = []
    if variable.type.whole:
        for bound in bounds:
            found += [math.floor(bound) - 1, math.floor(bound), math.floor(bound) + 1]
    else:
        middles = [(one + other) / 2 for one, other in itertools.pairwise(bounds)]
        found = [*bounds, *middles, *(each + step for each in bounds for step in (-1, 1))]
    inside = {each for each in found if (low is None or each >= low) and (high is None or each <= high)}
    return sorted(inside)


def _distinct(cells: Sequence[_Cell], tests: Sequence[Test]) -> list[_Cell]:
    """One cell for each way in which *tests* come out; one that is certain, if there is."""
    found: dict[Any, _Cell] = {}
    for cell in sorted(cells, key=lambda each: not each.certain):
        found.setdefault(tuple(_outcome(test, cell) for test in tests), cell)
    return list(found.values())


def _outcome(test: Test, cell: _Cell) -> bool | None:
    if cell.example is _OTHER:
        return False if test.operator == "in" else None
    return test.holds(cell.example)


# --- sets of combinations ----------------------------------------------------------------------------

_Where = tuple[int, int]
"""The combinations where a formula is true, and those where it is false; where neither, it is not known."""


class _Space:
    """All combinations of one cell of each variable; the last variable turns fastest."""

    def __init__(self, cells: Mapping[Path, list[_Cell]]) -> None:
        self.cells = cells
        self.size = math.prod(map(len, cells.values()))
        self.all = (1 << self.size) - 1
        self._strides: dict[Path, int] = {}
        stride = self.size
        for path, each in cells.items():
            stride //= len(each) or 1
            self._strides[path] = stride
        self.certain = self.all
        for path, each in cells.items():
            self.certain &= self._of(path, [cell.certain for cell in each])

    def where(self, part: Formula) -> _Where:
        """Where *part* is true, and where it is false."""
        if isinstance(part, Fixed):
            return (self.all, 0) if part.value else (0, self.all)
        if isinstance(part, Unknown):
            return 0, 0
        if isinstance(part, Not):
            true, false = self.where(part.part)
            return false, true
        if isinstance(part, Test):
            outcomes = [_outcome(part, cell) for cell in self.cells[part.path]]
            true = self._of(part.path, [each is True for each in outcomes])
            return true, self._of(part.path, [each is False for each in outcomes])
        return self._several(part)

    def _several(self, part: Several) -> _Where:
        true, false = (self.all, 0) if part.all else (0, self.all)
        for each in part.parts:
            here = self.where(each)
            true, false = (true & here[0], false | here[1]) if part.all else (true | here[0], false & here[1])
        return true, false

    def _of(self, path: Path, wanted: Sequence[bool]) -> int:
        """The combinations in which the cell of *path* is one that is *wanted*."""
        stride, count = self._strides[path], len(wanted)
        block = sum(((1 << stride) - 1) << (index * stride) for index, each in enumerate(wanted) if each)
        period = stride * count
        repeats = self.size // period if period else 0
        return block * (((1 << (period * repeats)) - 1) // ((1 << period) - 1)) if repeats else 0

    def example(self, where: int) -> str:
        """The first combination in *where*, in words."""
        index = (where & -where).bit_length() - 1
        told = []
        for path, cells in self.cells.items():
            cell = cells[index // self._strides[path] % len(cells)]
            told.append(f"{dotted(path)} is {_shown(cell.example)}")
        return " and ".join(told)

    @property
    def declared(self) -> bool:
        """Whether all variables are inputs, which do not depend on each other."""
        return all(path[0] == "inputs" for path in self.cells)

    @property
    def closed(self) -> bool:
        """Whether all variables have a few values only, all of which are known."""
        return all(
            not _is_number(cell.example) and cell.example is not _OTHER
            for cells in self.cells.values()
            for cell in cells
        )


def dotted(path: Path) -> str:
    """*path* as an expression has it."""
    first, *others = path
    return str(first) + "".join(
        f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]" for key in others
    )


def _shown(value: Any) -> str:
    if value is _OTHER:
        return "any other text"
    if value is None:
        return "null"
    return repr(value) if isinstance(value, str) else scalar_text(value)


# --- judging -----------------------------------------------------------------------------------------


class _Judge:
    """Judges one table."""

    def __init__(self, table: Table, space: _Space, formulas: list[Formula], rows: list[_Where]) -> None:
        self.table = table
        self.space = space
        self.formulas = formulas
        self.rows = rows
        self.word = table.key.removesuffix("s")

    def all(self) -> Iterator[Finding]:
        """Everything that is wrong."""
        yield from self._never()
        if self.table.hit == "unique":
            yield from self._overlaps()
        yield from self._rest()

    def _never(self) -> Iterator[Finding]:
        """Rules that hold nowhere, or only where one before them does."""
        before = 0
        for index, (true, false) in enumerate(self.rows):
            left = self.space.all & ~false
            if not left and isinstance(self.formulas[index], Fixed):
                continue  # written so, to switch the rule off
            if not left:
                message = f"{self.word} {index + 1} can never hold"
                yield Finding("TRD363", index, message, "change its condition, or remove it")
            elif self.table.hit == "first" and index and not left & ~before:
                covering = [each + 1 for each in range(index) if self.rows[each][0] & left]
                message = f"{self.word} {index + 1} is never reached: {self._named(covering)} all it would"
                yield Finding("TRD363", index, message, "move it up, or remove it")
            before |= true

    def _named(self, numbers: Sequence[int]) -> str:
        if len(numbers) == 1:
            return f"{self.word} {numbers[0]} takes"
        return f"{self.word}s {', '.join(map(str, numbers[:-1]))} and {numbers[-1]} take"

    def _overlaps(self) -> Iterator[Finding]:
        for index, (true, _) in enumerate(self.rows):
            for other in range(index):
                common = true & self.rows[other][0] & self.space.certain
                if common:
                    example = self._where(common)
                    message = f"{self.word}s {other + 1} and {index + 1} both hold{example}"
                    fix = "let one of them exclude the other, or write hit: first"
                    message = f"{message}, and `hit: unique` takes one"
                    yield Finding("TRD361", index, message, fix, certain=self.space.declared)
                    break

    def _where(self, where: int) -> str:
        return f" where {self.space.example(where)}" if self.space.cells else ""

    def _rest(self) -> Iterator[Finding]:
        """What is left when no rule holds."""
        somewhere, nowhere = 0, self.space.all
        for true, false in self.rows:
            somewhere |= true
            nowhere &= false
        table = self.table
        if table.has_otherwise:
            if somewhere == self.space.all:
                message = f"`{table.otherwise}` is never reached: some {self.word} always holds"
                yield Finding("TRD363", None, message, "remove it, or one of the rules it stands for")
            return
        gap = nowhere & self.space.certain
        exhaustive = table.must_hold or (self.space.closed and len(self.rows) > 1)
        if gap and exhaustive and table.hit in {"first", "unique"}:
            fix = f"add a {self.word} for it" + (f", or `{table.otherwise}`" if table.otherwise else "")
            yield Finding("TRD362", None, f"no {self.word} holds{self._where(gap)}", fix)
