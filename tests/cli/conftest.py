"""The program called in this process, in a folder of its own."""

import io
import os
import pty
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from treadle._cli import main


class Said(NamedTuple):
    """What a call of the program came to."""

    code: int
    out: str
    err: str


Program = Callable[..., Said]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREADLE_DEBUG", raising=False)
    return tmp_path


@pytest.fixture
def treadle(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    def call(*arguments: str, stdin: str | bytes = "") -> Said:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))
        code = main(list(arguments))
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Makes standard input a terminal; what is written to this descriptor is typed."""
    outside, inside = pty.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(inside, "r"))
    monkeypatch.setattr("treadle._cli.terminal.interactive", lambda: True)
    yield outside
    os.close(outside)
    sys.stdin.close()
