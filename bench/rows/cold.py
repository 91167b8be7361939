"""Cold processes: what one waits for at a prompt.

The children may write bytecode, and a run that is not measured lets them: the second start is what counts.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Line, Pairs, paired

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TREADLE = (sys.executable, "-c", "import sys; from treadle._cli import main; sys.exit(main())")
"""What the installed ``treadle`` script does."""

BARE = (
    sys.executable,
    "-c",
    "import trio\nasync def main(): await trio.lowlevel.checkpoint()\ntrio.run(main)",
)

INSIDE = """
import sys
from treadle._cli import main
code = main()
modules = [name for name in ("trio", "httpx") if name in sys.modules]
status = open("/proc/self/status").read() if sys.platform == "linux" else ""
print("imported:", modules, file=sys.stderr)
print(status, file=sys.stderr)
sys.exit(code)
"""
"""The same, then what was imported and how much memory it took: Linux counts the parent's memory
in what it tells the parent, but not in what the process sees itself."""

SPEC = "treadle: 1\nname: one\nsteps:\n  - set: {answer: 42}\n"


def run(quick: bool) -> Iterator[Line]:
    """``treadle run`` of one step: time, memory."""
    with _folder() as folder:
        yield _ratio("treadle run of one step", ("run", "one.yaml"), folder, quick, must=1.75, want=1.35)
        told = _told(("run", "one.yaml"), folder)
    if peak := re.search(r"VmHWM:\s*(\d+) kB", told):
        megabytes = int(peak[1]) / 1024
        yield Line(work="its memory at most", ours=f"{megabytes:.1f} MB", value=megabytes, unit="MB", must=45)


def version(quick: bool) -> Iterator[Line]:
    """``treadle --version``."""
    with _folder() as folder:
        yield _ratio("treadle --version", ("--version",), folder, quick, must=0.75, want=0.5)


def validate(quick: bool) -> Iterator[Line]:
    """``treadle validate``, which imports neither trio nor httpx."""
    with _folder() as folder:
        yield _ratio(
            "treadle validate of one step", ("validate", "one.yaml"), folder, quick, must=1.5, want=1
        )
        imported = re.search(r"imported: \[(.*)\]", _told(("validate", "one.yaml"), folder))
    assert imported is not None
    yield Line(
        work="trio and httpx imported by it",
        ours=imported[1] or "neither",
        value=len(imported[1].split()),
        unit="modules",
        must=0,
    )


def _ratio(
    work: str, arguments: Sequence[str], folder: Path, quick: bool, *, must: float, want: float
) -> Line:
    taken: Pairs = paired(
        lambda: _seconds(BARE, folder),
        lambda: _seconds((*TREADLE, *arguments), folder),
        pairs=2 if quick else 21,
    )
    raw, own = taken.medians()
    return Line(
        work=work,
        reference=f"trio and a task {raw * 1e3:.0f} ms",
        ours=f"{own * 1e3:.0f} ms",
        value=taken.ratio,
        must=must,
        want=want,
    )


def _seconds(command: Sequence[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=_environment(), check=True, capture_output=True)
    return time.perf_counter() - began


def _told(arguments: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        (sys.executable, "-c", INSIDE, *arguments),
        cwd=folder,
        env=_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stderr


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "one.yaml").write_text(SPEC, encoding="utf-8")
        yield folder
