"""Templates, expanded on the tree of nodes before anything else of a spec is read.

Rule 1: where steps stand, and which texts are bare expressions, is known from the types of settings; nothing
  else is looked into, so data that looks like a step stays data.
Rule 2: the walk knows at every place what a name would mean there, for the values that are put in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._expr import Expression
from treadle._kinds import Block, BlockForm, Words
from treadle._settings.structure import fields_of
from treadle._settings.types import (
    is_config,
    is_list,
    is_mapping,
    is_special,
    item_types,
    mark_of,
    member_for,
    resolved,
    value_type,
)
from treadle._spec.arguments import read_arguments
from treadle._spec.nodes import Node, join
from treadle._spec.parameters import At, Values, rebuilt
from treadle._spec.reading import TemplateUse, got
from treadle._spec.work import TEMPLATE, is_body, unknown_template
from treadle._spec.written import made_up_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._settings.structure import Field
    from treadle._spec.reading import Reading
    from treadle._spec.templates import Pattern

MAX_CHAIN = 16
_OWN = frozenset({"output", "error", "attempt"})


class Expansion:
    """Expands the uses of templates in one document.

    Args:
      patterns: the templates by name, local and imported.

    Attributes:
      used: the names of those that were used.
    """

    def __init__(self, r: Reading, patterns: Mapping[str, Pattern]) -> None:
        self.r = r
        self.patterns = patterns
        self.used: set[str] = set()
        self.values = Values(r)

    def document(self, root: Node) -> Node:
        """*root* without ``templates`` and ``imports``, and with steps in the place of each use.

        Raises:
          TooMuch: that would go beyond the limits; the problem is reported.
        """
        at = At(level=1)
        items = {
            key: self.block(item, key, at) if key in ("steps", "finally") else item
            for key, item in root.items.items()
            if key not in ("templates", "imports")
        }
        return rebuilt(root, items)

    # --- steps ---------------------------------------------------------------------------------------

    def block(self, node: Node, path: str, at: At) -> Node:
        """A list or mapping of steps."""
        node, at = self.values.whole(node, at)
        if node.is_mapping:
            at = at.deeper
            items = {
                key: item if key.startswith("x-") else self.step(item, join(path, key), at)
                for key, item in node.items.items()
            }
            return rebuilt(node, items)
        if node.is_list:
            ids = enumerate(node.items, start=1) if at.given is not None else ()
            at = at.deeper.binding({f"steps.{made_up_id(item, number)}" for number, item in ids})
            return rebuilt(
                node, [self.step(item, join(path, index), at) for index, item in enumerate(node.items)]
            )
        return self.values.plain(node, at)

    def step(self, node: Node, path: str, at: At) -> Node:
        """One step, with the blocks in it; a use of a template becomes a step of type ``steps``."""
        node, at = self.values.whole(node, at)
        if not node.is_mapping:
            return self.values.plain(node, at)
        at = at.deeper
        inside = at.binding(_bound_by(node))
        items = {key: self.key(node, key, join(path, key), at, inside) for key in node.items}
        key = template_key(node, self.r.registry.step_types)
        node = rebuilt(node, items)
        return node if key is None else self.expanded(node, key, path, inside)

    def key(self, step: Node, key: str, path: str, at: At, inside: At) -> Node:
        """The value of one key of *step*; *inside* is where its work and its undo stand."""
        node: Node = step.items[key]
        if key == "when":
            return self.values.bare(node, at)
        if key in ("retry", "repeat"):
            return self.with_condition(node, "if" if key == "retry" else "until", inside)
        if key == "undo":
            return self.body_or_block(node, path, inside.binding(_OWN))
        if key == "with" and "uses" in step.items:
            return self.settings(step.items["uses"].value, node, path, inside)
        if key in self.r.registry.step_types:
            return self.settings(key, node, path, inside)
        return self.values.plain(node, inside if key in ("env", TEMPLATE, "on_error") else at)

    def with_condition(self, node: Node, condition: str, at: At) -> Node:
        """``retry`` or ``repeat``."""
        node, at = self.values.whole(node, at)
        if not node.is_mapping:
            return self.values.plain(node, at)
        at = at.deeper
        items = {
            key: self.values.bare(item, at.binding(_OWN)) if key == condition else self.values.plain(item, at)
            for key, item in node.items.items()
        }
        return rebuilt(node, items)

    def body_or_block(self, node: Node, path: str, at: At) -> Node:
        node, at = self.values.whole(node, at)
        if node.is_mapping and node.items and is_body(self.r, node):
            return self.step(node, path, at)
        return self.block(node, path, at)

    # --- settings, by type ---------------------------------------------------------------------------

    def settings(self, name: Any, node: Node, path: str, at: At) -> Node:
        """The settings of the step type *name*."""
        entry = self.r.registry.step_types.get(name) if isinstance(name, str) else None
        node, at = self.values.whole(node, at)
        if entry is None:
            return self.values.plain(node, at)
        try:
            fields: Mapping[str, Field] = fields_of(entry.config)
        except Exception:  # a broken plugin, which reading its settings reports
            return self.values.plain(node, at)
        if node.is_mapping and not getattr(entry, "whole", False):
            return self.config(fields, node, path, at)
        if entry.main is not None and entry.main in fields:
            return self.field(fields[entry.main], node, path, at)
        return self.values.plain(node, at)

    def config(self, fields: Mapping[str, Field], node: Node, path: str, at: At) -> Node:
        at = at.deeper
        items = {
            key: self.field(fields[key], item, join(path, key), at)
            if key in fields
            else self.values.plain(item, at)
            for key, item in node.items.items()
        }
        return rebuilt(node, items)

    def field(self, field: Field, node: Node, path: str, at: At) -> Node:
        metadata = field.attribute.metadata
        if metadata.get("treadle_sees_output"):
            at = at.binding({"output"})
        if not metadata.get("treadle_templates", True):
            return self.values.plain(node, at, as_code=True)
        return self.typed(node, field.type, path, at)

    def typed(self, node: Node, type_: Any, path: str, at: At, form: BlockForm | None = None) -> Node:
        """A setting of *type_*, as the loader will read it."""
        inside = at.given
        node, at = self.values.whole(node, at)
        if not is_special(type_):
            return self.values.plain(node, at)
        form = mark_of(type_, BlockForm) or form
        type_ = member_for(type_, node.value)
        bare = resolved(type_)
        if bare is Expression:
            return self.values.unwrapped(node) if inside and at.given is None else self.values.bare(node, at)
        if bare is Block:
            form = mark_of(type_, BlockForm) or form
            return (self.body_or_block if form and form.body else self.block)(node, path, at)
        if mark_of(type_, Words) and node.is_text:
            return self.values.plain(node, at, as_code=True)
        if node.is_mapping and is_config(bare):
            return self.config(fields_of(bare), node, path, at)
        if node.is_mapping and is_mapping(bare):
            inner, deeper = value_type(bare), at.deeper
            items = {k: self.typed(i, inner, join(path, k), deeper, form) for k, i in node.items.items()}
            return rebuilt(node, items)
        if node.is_list and is_list(bare):
            return self.items(node, bare, path, at.deeper, form)
        return self.values.plain(node, at)

    def items(self, node: Node, type_: Any, path: str, at: At, form: BlockForm | None) -> Node:
        types = item_types(type_, len(node.items))
        types += (Any,) * (len(node.items) - len(types))
        pairs = enumerate(zip(node.items, types, strict=False))
        return rebuilt(node, [self.typed(item, one, join(path, i), at, form) for i, (item, one) in pairs])

    # --- uses ----------------------------------------------------------------------------------------

    def expanded(self, node: Node, key: str, path: str, at: At) -> Node:
        """The step *node*, which uses a template under *key*; as it is, with problems, if that cannot be."""
        where = "with" if key == "uses" and "with" in node.items else key
        settings = node.items[where]
        use = self._use(settings, join(path, where))
        if use is None or "steps" in node.items:  # the latter is a step with two plugins
            return node
        pattern, arguments, named = use
        self._check_chain(pattern, named, path, at)
        given = read_arguments(self.r, pattern, arguments, named, join(join(path, where), "with"))
        if pattern.name in at.chain or len(at.chain) >= MAX_CHAIN or pattern.steps is None:
            return node
        self.values.count(pattern.steps, named, path, at.level)
        inside = At(at.level, given, (*at.chain, pattern.name))
        body = self.block(pattern.steps, join(path, "steps"), inside)
        body = Node(body.value, body.mark, body.items, body.keys, dynamic=body.dynamic)  # one for each use
        self.r.uses[id(body)] = TemplateUse(body, named, pattern.name, self.values.arguments(given))
        left_out = "with" if key == "uses" else ""
        keys = {
            ("steps" if one == key else one): mark
            for one, mark in (node.keys or {}).items()
            if one != left_out
        }
        items = {
            one: body if one == "steps" else node.items[one]
            for one in keys
            if one in node.items or one == "steps"
        }
        return rebuilt(node, items, keys)

    def _use(self, node: Node, path: str) -> tuple[Pattern, Node | None, Node] | None:
        """The template that is used, the values it is given, and where it is named."""
        name, arguments = node, None
        if node.is_mapping:
            for key in node.items:
                if key not in ("name", "with"):
                    self.r.unknown(node, path, key, ("name", "with"))
            arguments = node.items.get("with")
            if "name" not in node.items:
                fix = "write which template it is, as template: {name: deploy}"
                self.r.problem("TRD103", node, path, "'name' is missing", fix)
                return None
            name, path = node.items["name"], join(path, "name")
        if not name.is_text or name.dynamic:
            said = f"expected the name of a template, got {got(name)}"
            self.r.problem("TRD341", name, path, said, "write it as text, as deploy")
            return None
        pattern = self.patterns.get(name.value)
        if pattern is None:
            self.r.problem("TRD341", name, path, *unknown_template(name.value, self.patterns))
            return None
        self.used.add(pattern.name)
        return pattern, arguments, name

    def _check_chain(self, pattern: Pattern, named: Node, path: str, at: At) -> None:
        if pattern.name in at.chain:
            way = " → ".join((*at.chain[at.chain.index(pattern.name) :], pattern.name))
            said = f"the template uses itself: {way}"
            self.values.once(
                "TRD345", named, path, said, "take this use out, or repeat the step with foreach or repeat"
            )
        elif len(at.chain) >= MAX_CHAIN:
            said = f"templates use each other more than {MAX_CHAIN} deep: {' → '.join(at.chain)}"
            self.values.once("TRD345", named, path, said, "use fewer within each other")


def template_key(node: Node, step_types: Mapping[str, Any]) -> str | None:
    """The key under which a step uses a template: ``template``, or ``uses``; None if it uses none."""
    if TEMPLATE in step_types:
        return None
    if TEMPLATE in node.items:
        return TEMPLATE
    return "uses" if "uses" in node.items and node.items["uses"].value == TEMPLATE else None


def _bound_by(step: Node) -> set[str]:
    """The names that *step* gives a meaning for what is inside it."""
    bound: set[str] = set()
    if "foreach" in step.items:
        bound |= {"item", "index"}
    if "repeat" in step.items:
        bound.add("previous")
    env = step.items.get("env")
    if env is not None and env.is_mapping:
        bound |= {f"env.{name}" for name in env.items}
    return bound
