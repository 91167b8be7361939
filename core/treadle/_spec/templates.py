"""The declarations under ``templates``: parameters, and the steps that are put where a template is used.

Rule: of the steps only the form is looked at here; they are read where they are used, with the values given.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from treadle._model import Input
from treadle._places import Place
from treadle._spec import fields
from treadle._spec.declared import read_inputs
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got

_KEYS = ("description", "parameters", "steps")


@attrs.frozen(eq=False, repr=False)
class Pattern:
    """One template as declared.

    Attributes:
      defaults: the values of parameters that need not be given; null where the declaration has none.
      steps: its block; None where it cannot be read.
    """

    name: str
    place: Place
    parameters: Mapping[str, Input]
    defaults: Mapping[str, Node]
    steps: Node | None

    @property
    def needs_values(self) -> bool:
        """Whether some parameter must be given."""
        return len(self.defaults) < len(self.parameters)


def read_templates(r: Reading, node: Node, path: str = "templates") -> dict[str, Pattern]:
    """The templates at *node* by name."""
    found = {}
    for name, item in r.mapping(node, path, "templates").items():
        if name.startswith("x-"):
            continue
        wrong = fields.wrong_id(name)
        if wrong:
            r.report.add("TRD201", node.key_mark(name), join(path, name), *wrong)
        place = r.report.place(node.key_mark(name), join(path, name))
        found[name] = _pattern(r, item, join(path, name), name, place)
    return found


def _pattern(r: Reading, node: Node, path: str, name: str, place: Place) -> Pattern:
    entries = r.mapping(node, path, "a template")
    for key in entries:
        if key not in _KEYS:
            r.unknown(node, path, key, _KEYS)
    if "description" in entries:
        fields.text(r, entries["description"], join(path, "description"))
    parameters: Mapping[str, Input] = {}
    if "parameters" in entries:
        read = read_inputs(r, entries["parameters"], join(path, "parameters"))
        parameters = {} if read is BROKEN else read
    return Pattern(name, place, parameters, _defaults(parameters, entries), _steps(r, node, path))


def _defaults(parameters: Mapping[str, Input], entries: Mapping[str, Node]) -> dict[str, Node]:
    found = {}
    for name, declared in parameters.items():
        if not declared.required:
            written = entries["parameters"].items[name]
            default = written.below("default")
            found[name] = default or Node(None, written.mark)
    return found


def _steps(r: Reading, node: Node, path: str) -> Node | None:
    """The block of a template, if it has the form of one."""
    steps = node.below("steps")
    if steps is None:
        if node.is_mapping:
            r.problem(
                "TRD103", node, path, "'steps' is missing", "write what the template does, under steps:"
            )
        return None
    if steps.items is None:
        fix = "write a mapping of ids to steps, or a list of steps"
        r.problem("TRD102", steps, join(path, "steps"), f"expected steps, got {got(steps)}", fix)
        return None
    if not steps.items:
        r.problem("TRD107", steps, join(path, "steps"), "there are no steps", "write at least one")
        return None
    return steps
