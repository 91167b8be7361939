"""Who is at fault for an exception that nobody foresaw.

Only imported when there is one, so it may take its time. The traceback is for those who can use it: set
``TREADLE_DEBUG=1``.
"""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

from treadle.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OURS = frozenset({"treadle", "treadle_std"})


def report(error: BaseException, causes: Sequence[BaseException]) -> str:
    """One line that says whose bug *error* is; the traceback before it if it is wanted."""
    cause = causes[0]
    said = " ".join(f"{type(cause).__name__}: {cause}".split())
    line = f"treadle: this is a bug of {_culprit(cause)}: {printable(said)}"
    if os.environ.get("TREADLE_DEBUG") == "1":
        return "".join(traceback.format_exception(error)) + line
    return f"{line} (TREADLE_DEBUG=1 shows the traceback)"


def _culprit(error: BaseException) -> str:
    """The plugin whose code is deepest in the traceback, or treadle."""
    packages = _plugin_packages()
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if root in packages:
            return f"the plugin {packages[root]!r}"
        if root in OURS:
            break
    return "treadle"


def _plugin_packages() -> dict[str, str]:
    """Top-level package to distribution, for every plugin that is not treadle's own."""
    import importlib.metadata

    found: Iterable[importlib.metadata.EntryPoint] = importlib.metadata.entry_points(group="treadle")
    named = (
        (point.module.partition(".")[0], point.dist.name if point.dist else point.name) for point in found
    )
    return {package: distribution for package, distribution in named if package not in OURS}
