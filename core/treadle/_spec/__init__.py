"""Documents to checked structures, all problems at once with their places.

The way of a spec: `yaml` or `data` makes a tree of `Node`s, `document` reads it with `blocks` (steps,
by `keys` and `work`), `lower` (settings of plugins), `declared` (inputs) and `fields` (the rest).
Deployment files go the same way through `deploy`.

Rule: bad input gives problems, never an exception. What could be read of it comes out all the same, so that
the plan can say what is wrong with the rest; see `treadle._model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._spec.codes import CODES
from treadle._spec.data import read_data
from treadle._spec.deploy import find_deployment, load_deployment, sinks_from_data
from treadle._spec.document import read_document
from treadle._spec.reading import Plugins, Reading
from treadle._spec.report import Report
from treadle._spec.yaml import collector_off, read_yaml

if TYPE_CHECKING:
    from treadle._model import Spec
    from treadle._spec.nodes import Node
    from treadle.errors import Problem

__all__ = ["CODES", "find_deployment", "load_deployment", "load_spec", "sinks_from_data", "spec_from_data"]


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
