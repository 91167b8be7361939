"""The document that is left when templates are expanded: what a workflow is checked, recorded and run as.

Rule: a document without ``templates`` and ``imports`` is not looked into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle._spec.imports import OpenImport
    from treadle._spec.nodes import Node
    from treadle._spec.reading import Reading
    from treadle.errors import Problem


def without_templates(
    r: Reading, root: Node, open_import: OpenImport | None
) -> tuple[Node | None, list[Problem]]:
    """*root* expanded, and warnings about it; None, with problems, where that would be too much."""
    if not root.is_mapping or not ("templates" in root.items or "imports" in root.items):
        return root, []
    if root.items.keys().isdisjoint(("name", "steps")) and not root.partial:
        fix = "name it under `imports` of a workflow"
        r.problem("TRD103", root, "", "this file holds templates and no workflow", fix)
        return None, []
    from treadle._spec.expand import Expansion
    from treadle._spec.imports import Imports
    from treadle._spec.parameters import TooMuch

    r.expanded = r.report.scattered = True
    imports = Imports(r, open_import)
    own = imports.document(root)
    expansion = Expansion(r, imports.patterns)
    try:
        root = expansion.document(root)
    except TooMuch:
        return None, []
    unused = [imports.patterns[name] for name in own if name not in expansion.used]
    return root, [
        pattern.place.problem(
            "TRD904",
            f"the template {pattern.name!r} is not used",
            "use it, take it out, or move it into a file that is imported",
            severity="warning",
        )
        for pattern in unused
    ]
