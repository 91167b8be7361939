"""``python -m bench``: measure every row, print the table; exit code 1 if a budget is missed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import table
from bench.rows import ROWS

if TYPE_CHECKING:
    from bench.measure import Line


def main(argv: list[str] | None = None) -> int:
    """Run the rows that *argv* names, or all; the exit code."""
    asked = _arguments().parse_args(argv)
    measured: list[tuple[str, Line]] = []
    for name in asked.row or ROWS:
        sys.stderr.write(f"{name} …\n")
        measured += [(name, line) for line in ROWS[name](asked.quick)]
    for text in table.lines([table.cells(name, line) for name, line in measured]):
        sys.stdout.write(f"{text}\n")
    if asked.json is not None:
        table.write_json(asked.json, measured)
    return int(any(line.verdict == "MISSED" for _, line in measured))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--row", action="append", choices=list(ROWS), help="only this row; may be repeated")
    parser.add_argument("--quick", action="store_true", help="less of everything: figures are rough")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
