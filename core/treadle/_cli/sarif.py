"""Problems as SARIF 2.1.0, which code hosts show beside the lines of a change.

Rule: facts only. What a problem does not say is left out, not made up.
"""

from __future__ import annotations

import hashlib
import urllib.parse
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from treadle._cli.codes import CODES
from treadle._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from treadle.errors import Problem

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
PAGE = "docs/reference/problems.md"


def sarif(problems: Iterable[Problem]) -> dict[str, Any]:
    """One SARIF log with one run: a rule for each code there is, a result for each of *problems*."""
    found = list(problems)
    codes = {**CODES, **{each.code: each.message for each in found if each.code not in CODES}}
    places = {code: place for place, code in enumerate(codes)}
    driver = {
        "name": "treadle",
        "version": __version__,
        "rules": [_rule(code, meaning) for code, meaning in codes.items()],
    }
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, places[each.code]) for each in found],
            }
        ],
    }


def _rule(code: str, meaning: str) -> dict[str, Any]:
    return {
        "id": code,
        "shortDescription": {"text": meaning},
        "help": {"text": f"{code}: {meaning}. See {PAGE}."},
        "defaultConfiguration": {"level": "warning" if code.startswith("TRD9") else "error"},
    }


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    said = f"{problem.message}; {problem.fix}" if problem.fix else problem.message
    found: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity,
        "message": {"text": said},
        "partialFingerprints": {"treadle/v1": _fingerprint(problem)},
    }
    if location := _location(problem):
        found["locations"] = [location]
    return found


def _location(problem: Problem) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if problem.file is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(problem.file)}}
        if problem.line is not None:
            column = {} if problem.column is None else {"startColumn": problem.column}
            physical["region"] = {"startLine": problem.line, **column}
        found["physicalLocation"] = physical
    if problem.path:
        found["logicalLocations"] = [{"fullyQualifiedName": problem.path}]
    return found


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else urllib.parse.quote(path.as_posix())


def _fingerprint(problem: Problem) -> str:
    """The same for the same problem when lines above it come and go."""
    parts = (problem.code, problem.file or "", problem.path, problem.message)
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()
