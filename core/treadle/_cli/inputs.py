"""Inputs from the command line: ``-i name=value`` and a file, typed by what the workflow declares.

Beside what `treadle._inputs` finds, these are problems:

    TRD690   an input is given twice, or is not written NAME=VALUE
    TRD691   the file of inputs is not a mapping
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle._cli.sources import STDIN, read_file, read_stdin
from treadle._inputs import check_inputs, parse_input
from treadle.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from treadle._model import Input


def gather(
    declared: Mapping[str, Input], given: Iterable[str], file: str | None, *, stdin_taken: bool
) -> dict[str, Any]:
    """The inputs of a run; those *given* as ``name=value`` go before those in *file*.

    Raises InputError with everything that is wrong with them, SpecError if the file cannot be read.
    """
    problems: list[Problem] = []
    from_file = _from_file(file, stdin_taken=stdin_taken) if file is not None else {}
    inputs = {**from_file, **_typed(declared, _pairs(given, problems), problems)}
    _, wrong = check_inputs(declared, inputs)
    said = {problem.path for problem in problems}
    problems += [problem for problem in wrong if problem.path not in said]
    if problems:
        raise InputError(problems)
    return inputs


def _pairs(given: Iterable[str], problems: list[Problem]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for written in given:
        name, sign, value = written.partition("=")
        if not sign or not name:
            problems.append(_wrong(f"{written!r} is not an input", "write -i NAME=VALUE"))
        elif name in pairs:
            problems.append(_wrong(f"input {name!r} is given twice", "give it once", f"inputs.{name}"))
        pairs[name] = value
    return pairs


def _typed(
    declared: Mapping[str, Input], pairs: Mapping[str, str], problems: list[Problem]
) -> dict[str, Any]:
    """*pairs* with their values read as declared; others stay text, to be refused."""
    typed: dict[str, Any] = {}
    for name, text in pairs.items():
        try:
            typed[name] = parse_input(declared[name], text) if name in declared else text
        except ValueError as error:
            problems.append(_wrong(str(error), "", f"inputs.{name}", code="TRD603"))
    return typed


def _wrong(message: str, fix: str, path: str = "inputs", code: str = "TRD690") -> Problem:
    return Problem(message=message, fix=fix, path=path, code=code)


def _from_file(file: str, *, stdin_taken: bool) -> dict[str, Any]:
    from treadle._spec.report import Report
    from treadle._spec.yaml import read_yaml

    if file == "-" and stdin_taken:
        raise InputError(
            [_wrong("standard input cannot be both the spec and its inputs", "put one in a file")]
        )
    name = STDIN if file == "-" else file
    report = Report(name)
    node = read_yaml(read_stdin() if file == "-" else read_file(Path(file)), report)
    if node is None or report.problems:
        raise InputError(report.in_order())
    if not isinstance(node.value, dict):
        raise InputError(
            [
                Problem(
                    message="inputs are a mapping",
                    fix="write NAME: VALUE, one a line",
                    file=name,
                    code="TRD691",
                )
            ]
        )
    return node.value
