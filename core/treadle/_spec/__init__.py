"""Documents to checked structures, all problems at once with their places.

yaml, data ── text, or plain data, to a tree of      nodes, by scalars; syntax explains broken text
document ──── the whole of a spec                    deploy ──── the whole of a deployment file
blocks ────── blocks and steps, by written (their    keys ────── the engine's keys of a step, with needs;
              ids), defaults, judging (keys that                 fields reads their values
              do not go together), step_places       work ────── the one plugin of a step
declared ──── inputs                                 plugins ─── those that are named: strategies, backoffs
reading ───── what all of them share                 lower ───── settings, by the types of a config class
report ────── problems with their places             standins ── what stands for what could not be read
codes ─────── what the codes of problems mean

`deploy` is imported by those who need it, and not here: most programs have no deployment file.

Rule: bad input gives problems, never an exception. What could be read of it comes out all the same, so that
the plan can say what is wrong with the rest; see `treadle._model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._spec.codes import CODES
from treadle._spec.data import read_data
from treadle._spec.document import read_document
from treadle._spec.reading import Plugins, Reading
from treadle._spec.report import Report
from treadle._spec.yaml import collector_off, read_yaml

if TYPE_CHECKING:
    from treadle._model import Spec
    from treadle._spec.nodes import Node
    from treadle.errors import Problem

__all__ = [
    "CODES",
    "load_spec",
    "spec_from_data",
]


def load_spec(text: str | bytes, *, name: str | None, registry: Plugins) -> tuple[Spec | None, list[Problem]]:
    """The spec in YAML *text*, called *name* in problems, as far as it could be read; None if not at all."""
    report = Report(name)
    with collector_off():
        return _finish(read_yaml(text, report), report, registry)


def spec_from_data(data: Any, *, name: str | None, registry: Plugins) -> tuple[Spec | None, list[Problem]]:
    """The spec in plain *data*, which is not kept; problems have paths and no positions."""
    report = Report(name)
    with collector_off():
        return _finish(read_data(data, report), report, registry)


def _finish(root: Node | None, report: Report, registry: Plugins) -> tuple[Spec | None, list[Problem]]:
    spec = None if root is None else read_document(Reading(report, registry), root)
    return spec, report.in_order()
