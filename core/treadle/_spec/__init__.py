"""Documents to checked structures, all problems at once with their places.

yaml, data ── text, or plain data, to a tree of      nodes, by scalars; syntax explains broken text
document ──── the whole of a spec                    deploy ──── the whole of a deployment file
blocks ────── blocks and steps, by written (their    keys ────── the engine's keys of a step, with needs;
              ids), defaults, judging (keys that                 fields reads their values
              do not go together), step_places       work ────── the one plugin of a step
reuse ─────── templates and imports, by expand (the  templates, imports, arguments, measure ─── what
              pass over the tree)                                         `expand` works with
declared ──── inputs                                 plugins ─── those that are named: strategies, backoffs
reading ───── what all of them share                 lower ───── settings, by the types of a config class
report ────── problems with their places             standins ── what stands for what could not be read
codes ─────── what the codes of problems mean        characters ─ where a character of a text stands
assembled ─── texts that templates put together
braces ────── texts that seem to lack a ``$``        surrogates ─ JSON's escapes of two halves

`deploy` is imported by those who need it, and not here: most programs have no deployment file.

Rule: bad input gives problems, never an exception. What could be read of it comes out all the same, so that
the plan can say what is wrong with the rest; see `treadle._model`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from treadle._spec.codes import CODES
from treadle._spec.data import read_data
from treadle._spec.document import read_document
from treadle._spec.reading import Plugins, Reading
from treadle._spec.report import Report
from treadle._spec.reuse import without_templates
from treadle._spec.yaml import collector_off, read_yaml

if TYPE_CHECKING:
    from treadle._model import Spec
    from treadle._spec.imports import OpenImport
    from treadle._spec.nodes import Node
    from treadle.errors import Problem

__all__ = [
    "CODES",
    "load_spec",
    "spec_from_data",
]


def load_spec(
    text: str | bytes, *, name: str | None, registry: Plugins, open_import: OpenImport | None = None
) -> tuple[Spec | None, list[Problem]]:
    """The spec in YAML *text*, called *name* in problems, as far as it could be read; None if not at all.

    *open_import* gives the files that it imports.
    """
    report = Report(name)
    with collector_off():
        root = read_yaml(text, report)
        braces = re.search(r"(?<!\$)\{\{", text if isinstance(text, str) else text.decode(errors="replace"))
        return _finish(root, report, registry, open_import, braces=braces is not None)


def spec_from_data(data: Any, *, name: str | None, registry: Plugins) -> tuple[Spec | None, list[Problem]]:
    """The spec in plain *data*, which is not kept; problems have paths and no positions."""
    report = Report(name)
    with collector_off():
        return _finish(read_data(data, report), report, registry)


def _finish(
    root: Node | None,
    report: Report,
    registry: Plugins,
    open_import: OpenImport | None = None,
    *,
    braces: bool = False,
) -> tuple[Spec | None, list[Problem]]:
    reading = Reading(report, registry)
    expanded, warnings = (None, []) if root is None else without_templates(reading, root, open_import)
    spec = None if expanded is None else read_document(reading, expanded)
    if expanded is not None and (braces or report.scattered):
        from treadle._spec.braces import forgotten_signs  # few specs have any braces without a sign

        warnings += forgotten_signs(expanded, report)
    if spec is not None and warnings:
        spec = attrs.evolve(spec, warnings=tuple(warnings))
    return spec, report.in_order()
