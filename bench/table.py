"""The table, for people and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.measure import Line

COLUMNS = ("row", "work", "reference", "ours", "value", "must", "want", "verdict")


def cells(row: str, line: Line) -> tuple[str, ...]:
    """*line* of the row *row*, one text a column."""
    return (
        row,
        line.work,
        line.reference,
        line.ours,
        figure(line.value, line.unit),
        "" if line.must is None else f"≤ {line.must:g}",
        "" if line.want is None else f"≤ {line.want:g}",
        line.verdict,
    )


def figure(value: float, unit: str) -> str:
    """*value* with three digits that count."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f} {unit}"


def lines(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """*rows* under a heading, in columns."""
    table = [COLUMNS, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for number, row in enumerate(table):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if not number:
            yield "  ".join("─" * width for width in widths)


def write_json(path: Path, measured: Sequence[tuple[str, Line]]) -> None:
    """All figures, one object a line of the table."""
    data = [{"row": row, **attrs.asdict(line), "verdict": line.verdict} for row, line in measured]
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
