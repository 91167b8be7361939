"""The top-level key ``concurrency``: which runs share a key, and how many of them may be under way."""

from __future__ import annotations

from typing import Any, get_args

from treadle._model import Concurrency, OnLimit
from treadle._near import did_you_mean
from treadle._spec import fields
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading, got

LONGEST_KEY = 200
_KEYS = ("key", "limit", "on_limit")
_ON_LIMIT: tuple[str, ...] = get_args(OnLimit)


def read_concurrency(r: Reading, node: Node, path: str) -> Any:
    """The `Concurrency` of a mapping, each entry of which may be left out; text alone is its key."""
    if node.is_text:
        key = _key(r, node, path)
        return BROKEN if key is BROKEN else Concurrency(key=key)
    if not node.is_mapping:
        fix = (
            f"quote it: '{node.source}'"
            if node.source
            else "write the key alone, as concurrency: deploy-prod, or {key: …, limit: 1, on_limit: queue}"
        )
        said = f"concurrency must be a key or a mapping, got {got(node)}"
        return r.problem("TRD102", node, path, said, fix)
    found: dict[str, Any] = {}
    for name, item in node.items.items():
        at = join(path, name)
        match name:
            case "key":
                found[name] = _key(r, item, at)
            case "limit":
                found[name] = _limit(r, item, at)
            case "on_limit":
                found[name] = _on_limit(r, item, at)
            case _:
                r.unknown(node, path, name, _KEYS)
    return Concurrency(**{name: value for name, value in found.items() if value is not BROKEN})


def _key(r: Reading, node: Node, path: str) -> Any:
    if not node.is_text:
        fix = f"quote it: '{node.source}'" if node.source else "write it as deploy-${{ inputs.env }}"
        return r.problem("TRD102", node, path, f"a concurrency key is text, got {got(node)}", fix)
    if not node.value.strip() or (len(node.value) > LONGEST_KEY and not node.dynamic):
        said = f"a concurrency key has 1 to {LONGEST_KEY} characters"
        return r.problem("TRD104", node, path, said, "write one as deploy-prod, or leave it out")
    return r.template(node, path) if node.dynamic else node.value


def _limit(r: Reading, node: Node, path: str) -> Any:
    return fields.constant_only(r, node, path) if node.dynamic else fields.whole(r, node, path, 1)


def _on_limit(r: Reading, node: Node, path: str) -> Any:
    if node.value in _ON_LIMIT:
        return node.value
    fix = did_you_mean(node.value, _ON_LIMIT) if node.is_text else ""
    return r.problem("TRD102", node, path, f"expected queue, cancel_running or reject, got {got(node)}", fix)
