"""treadle: workflows as YAML, run by a small trio engine.

Everything here is imported when first used, so that ``import treadle`` costs next to nothing and checking
a spec imports neither trio nor an HTTP client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from treadle._version import __version__

if TYPE_CHECKING:
    from treadle._catalogue import Catalogue
    from treadle._deployment import Limits
    from treadle._engine.engine import Engine
    from treadle._engine.handle import Run
    from treadle._engine.opening import open_engine
    from treadle._engine.run_one import run
    from treadle._registry import Registry
    from treadle._state import RunState, StepResult
    from treadle._workflow import Workflow, from_data, load, loads
    from treadle.errors import (
        Failure,
        InputError,
        NoSuchRun,
        PluginError,
        Problem,
        RecordError,
        Refused,
        SpecError,
        StoreError,
        TreadleError,
    )
    from treadle.events import Event, Resolve, RunStatus, StepStatus

_HOMES = {
    "treadle._catalogue": ("Catalogue",),
    "treadle._deployment": ("Limits",),
    "treadle._engine.engine": ("Engine",),
    "treadle._engine.handle": ("Run",),
    "treadle._engine.opening": ("open_engine",),
    "treadle._registry": ("Registry",),
    "treadle._engine.run_one": ("run",),
    "treadle._state": ("RunState", "StepResult"),
    "treadle._workflow": ("Workflow", "from_data", "load", "loads"),
    "treadle.errors": (
        "Failure",
        "InputError",
        "NoSuchRun",
        "PluginError",
        "Problem",
        "RecordError",
        "Refused",
        "SpecError",
        "StoreError",
        "TreadleError",
    ),
    "treadle.events": ("Event", "Resolve", "RunStatus", "StepStatus"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Catalogue",
    "Engine",
    "Event",
    "Failure",
    "InputError",
    "Limits",
    "NoSuchRun",
    "PluginError",
    "Problem",
    "RecordError",
    "Refused",
    "Registry",
    "Resolve",
    "Run",
    "RunState",
    "RunStatus",
    "SpecError",
    "StepResult",
    "StepStatus",
    "StoreError",
    "TreadleError",
    "Workflow",
    "__version__",
    "from_data",
    "load",
    "loads",
    "open_engine",
    "run",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'treadle' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
