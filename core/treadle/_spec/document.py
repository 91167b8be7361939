"""The top level of a spec.

Rule 1: ``secrets`` and ``defaults`` are read first, whatever their place, since steps rest on them.
Rule 2: ``steps`` is block 0.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from treadle._model import Spec
from treadle._spec import fields
from treadle._spec.blocks import Blocks
from treadle._spec.concurrency import read_concurrency
from treadle._spec.declared import read_inputs
from treadle._spec.defaults import read_defaults
from treadle._spec.keys import read_strategy
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got
from treadle._spec.step_places import places_within

if TYPE_CHECKING:
    from collections.abc import Callable

    from treadle._places import Place

_LATER = ("triggers",)
_PLAIN: dict[str, tuple[str, Callable[[Reading, Node, str], Any]]] = {
    "name": ("name", fields.workflow_name),
    "description": ("description", fields.text),
    "labels": ("labels", fields.text_map),
    "inputs": ("inputs", read_inputs),
    "env": ("env", fields.environment),
    "timeout": ("timeout", fields.duration),
    "on_error": ("on_error", read_strategy),
    "vars": ("vars", fields.values),
    "outputs": ("outputs", fields.values),
    "concurrency": ("concurrency", read_concurrency),
}
_KEYS = (*_PLAIN, "treadle", "secrets", "defaults", "steps", "finally", "max_parallel")
_NAMED = ("inputs", "vars", "env", "outputs")


def read_document(r: Reading, root: Node) -> Spec | None:
    """The spec at *root*, with all that is wrong reported; None if it is not even a mapping."""
    if not root.is_mapping:
        fix = "begin with treadle: 1, name: and steps:"
        r.problem("TRD102", root, "", f"a workflow is a mapping, got {got(root)}", fix)
        return None
    items = root.items
    lost = root.partial
    misspelt: set[str] = set()
    for key in items:
        if not _known_key(r, root, key, misspelt):
            lost = True
    if "treadle" not in misspelt:
        _version(r, root)
    _read_secrets(r, root, lost=lost)
    parts: dict[str, Any] = {}
    partial = {key for key in _NAMED if lost and key not in items}
    for key, (attribute, read) in _PLAIN.items():
        if key in items and not (key == "vars" and items[key].value is None):
            value = read(r, items[key], key)
            if value is not BROKEN:
                parts[attribute] = value
            if value is BROKEN or items[key].partial:
                partial.add(key)
    blocks = _read_blocks(r, root, parts, misspelt)
    r.forget_refused()
    if "name" not in items and "name" not in misspelt:
        r.problem(
            "TRD103", root, "", "'name' is missing", "write what the workflow is called, as name: nightly"
        )
    plain = root.value
    return Spec(
        blocks=tuple(blocks.specs),  # type: ignore[arg-type]  # all are finished by now
        data=plain,
        hash="" if r.report.problems else _digest(plain),
        secrets=r.secrets,
        places=_places(r, root),
        partial=frozenset(partial if r.secrets_known else (*partial, "secrets")),
        **{"name": ""} | parts,
    )


def _known_key(r: Reading, root: Node, key: str, misspelt: set[str]) -> bool:
    """Whether *key* means something; otherwise it could be any that is not there, if no *misspelt* one."""
    if key in _LATER:
        r.report.later(root.key_mark(key), key, f"{key!r}")
    elif key not in _KEYS:
        near = r.unknown(root, "", key, (*_KEYS, "templates", "imports"))
        misspelt.update(() if near is None else (near,))
        return key.startswith("x-")
    return True


def _version(r: Reading, root: Node) -> None:
    node = root.items.get("treadle")
    if node is None:
        r.problem(
            "TRD103", root, "", "'treadle' is missing", "begin with the version of the grammar, treadle: 1"
        )
    elif type(node.value) is not int or node.value != 1:
        said = f"the grammar version {got(node)} is not known to this treadle"
        r.problem("TRD105", node, "treadle", said, "write treadle: 1")


def _read_secrets(r: Reading, root: Node, *, lost: bool) -> None:
    node = root.items.get("secrets")
    if node is None:
        r.secrets_known = not lost
        return
    before = len(r.report.problems)
    if node.is_list:
        r.secrets = frozenset(name for name, _ in fields.names(r, node, "secrets", "the name of a secret"))
    else:
        said = f"expected a list of names, got {got(node)}"
        r.problem("TRD102", node, "secrets", said, "write [CHAT_TOKEN]")
    r.secrets_known = not node.partial and len(r.report.problems) == before


def _read_blocks(r: Reading, root: Node, parts: dict[str, Any], misspelt: set[str]) -> Blocks:
    """``steps`` and ``finally``, into the table; of *misspelt* ones no more is said."""
    items = root.items
    blocks = Blocks(r)
    if "defaults" in items:
        blocks.defaults = read_defaults(r, items["defaults"], "defaults")
    most = fields.bound(r, items["max_parallel"], "max_parallel") if "max_parallel" in items else None
    found = None
    if "steps" in items:
        found = blocks.top(items["steps"], "steps", "steps", None if most is BROKEN else most)
    elif "steps" not in misspelt:
        r.problem("TRD103", root, "", "'steps' is missing", "write what the workflow does, under steps:")
    if found is None:
        blocks.unreadable_steps(r.report.place(root.mark, "steps"))
    if "finally" in items:
        parts["finally_"] = blocks.top(items["finally"], "finally", "finally", None)
    return blocks


def _digest(plain: Any) -> str:
    """SHA-256 of the document in canonical JSON: sorted keys, no blanks, UTF-8."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _places(r: Reading, root: Node) -> dict[str, Place]:
    """Where each top-level value stands, and each of the named ones below."""
    found = {key: r.report.place_of(node, key) for key, node in root.items.items()}
    for key in (*_NAMED, "concurrency"):
        node = root.items.get(key)
        if node is not None and node.is_mapping:
            for name, item in node.items.items():
                at = join(key, name)
                found[at] = r.report.place_of(item, at)
                found.update(places_within(r.report, item, at, at))
    return found
