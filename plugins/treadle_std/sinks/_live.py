"""The live tree of the console: `treadle_std.sinks._tree` drawn by rich.

Rule: rich is imported here only, and draws only when asked to: it starts no thread and replaces no stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle_std.sinks._tree import Node, Row

SIGNS: Mapping[str, tuple[str, str]] = {
    "running": ("●", "cyan"),
    "retrying": ("↻", "yellow"),
    "waiting": ("?", "magenta"),
    "undoing": ("↶", "yellow"),
    "completed": ("✓", "green"),
    "undone": ("↶", "green"),
    "rolled_back": ("↶", "yellow"),
    "tolerated": ("✗", "yellow"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
    "omitted": ("-", "dim"),
    "cancelled": ("-", "yellow"),
}
_BAR = 20


def drawn(row: Row, now: float) -> Text:
    """One row as a line: sign, name, how far, how long, what it says of itself."""
    indent = "  " * row.depth
    if row.node is None:
        return Text(f"{indent}… {row.text}", style="dim", no_wrap=True, overflow="ellipsis")
    node = row.node
    sign, style = SIGNS.get(node.status, ("·", ""))
    line = Text(indent, no_wrap=True, overflow="ellipsis")
    line.append(f"{sign} ", style)
    line.append(node.name)
    line.append(_progress(node), "cyan")
    line.append(f"  {elapsed(max(0.0, (node.until or now) - node.since))}", "dim")
    if node.attempt > 1:
        line.append(f"  attempt {node.attempt}", "yellow")
    if node.note:
        line.append(f"  {node.note}", "dim")
    return line


def _progress(node: Node) -> str:
    if not node.total or node.until is not None:
        return ""
    done = min(node.settled, node.total)
    filled = done * _BAR // node.total
    return f"  {'━' * filled}{'─' * (_BAR - filled)} {done}/{node.total}"


def elapsed(seconds: float) -> str:
    """Seconds as a person reads them: ``0.3s``, ``12s``, ``4m05s``, ``3h07m``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes == 0:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


class Display:
    """A region at the bottom of the terminal that is drawn anew, and lines above it that stay. Blocks."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._live: Live | None = None

    @property
    def height(self) -> int:
        """Rows there is room for."""
        return max(5, self._console.height - 2)

    def draw(self, lines: Sequence[Text | str], rows: Sequence[Text]) -> None:
        """Print *lines* for good, above; draw *rows* in the region, or take it away if there are none."""
        if not rows:
            self.close()
        for line in lines:
            self._console.print(line, soft_wrap=True)
        if rows and self._live is None:
            self._live = Live(
                Group(*rows),
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start(refresh=True)
        elif self._live is not None:
            self._live.update(Group(*rows), refresh=True)

    def close(self) -> None:
        """Take the region away; the cursor is where it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None
