"""Plugins that are named by a name alone, or by a mapping of one entry from name to settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle._spec.lower import what_can_be_read
from treadle._spec.nodes import Node, join
from treadle._spec.reading import Reading, got

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treadle._settings import Settings


def read_plugin(
    r: Reading, node: Node, path: str, kind: str, entries: Mapping[str, Any], *, code: str = "TRD204"
) -> Settings[Any] | None:
    """The settings of the plugin that *node* names; None, with problems, if there is none.

    *kind* is a kind's title, as ``error strategy``, and *entries* its usable plugins.
    """
    found = read_named(r, node, path, kind, entries, code=code)
    return None if found is None or found.spoiled else found


def read_named(
    r: Reading,
    node: Node,
    path: str,
    kind: str,
    entries: Mapping[str, Any],
    *,
    code: str = "TRD204",
    templates: bool = False,
) -> Settings[Any] | None:
    """As `read_plugin`, but only a plugin that is not there gives None; what is wrong spoils its settings.

    With *templates*, expressions are taken; what is wrong whatever they give is still found.
    """
    name, settings = _named(node)
    if name is None:
        fix = "write a name, or one name with its settings as {name: {…}}"
        r.problem("TRD102", node, path, f"expected the name of {_a(kind)}, got {_what(node)}", fix)
        return None
    entry = entries.get(name)
    if entry is None:
        mark = node if settings is None else Node(None, node.key_mark(name))
        r.problem(code, mark, path, *r.missing(kind, name))
        return None
    if settings is None:
        settings = Node(None, node.mark)
    else:
        path = join(path, name)
    return what_can_be_read(r, entry, settings, path, templates=templates, probed=True)


def _named(node: Node) -> tuple[str | None, Node | None]:
    """The plugin's name, and its settings if there are any."""
    if node.is_text:
        return node.value, None
    if node.is_mapping:
        keys = [key for key in node.items if not key.startswith("x-")]
        if len(keys) == 1:
            return keys[0], node.items[keys[0]]
    return None, None


def _what(node: Node) -> str:
    if not node.is_mapping:
        return got(node)
    return f"a mapping of {len(node.items)} entries" if node.items else "an empty mapping"


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
