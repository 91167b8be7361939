"""``defaults``: what a leaf step has where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from treadle._spec import standins
from treadle._spec.fields import boolean, duration, environment
from treadle._spec.keys import Draft, finish_retry, read_retry
from treadle._spec.nodes import Node, join
from treadle._spec.reading import BROKEN, Reading

_KEYS = ("retry", "timeout", "env", "repeatable")
_ANY: Draft = {"env_partial": True, "retry": {"attempts": 1, "backoff": standins.BACKOFF}}
"""Of defaults that could say anything, since not all of them could be read."""


@attrs.frozen(eq=False, repr=False)
class Defaults:
    """``defaults``, read but not merged.

    Attributes:
      node: the mapping; None where there is none.
      env_partial: not all of ``env`` could be read.
    """

    node: Node | None = None
    retry: Draft | None = None
    timeout: float | None = None
    env: Mapping[str, Any] = attrs.field(factory=dict)
    repeatable: bool | None = None
    env_partial: bool = False

    def written(self, key: str) -> Node | None:
        """What was written for *key*."""
        return self.node.items.get(key) if self.node else None

    def merge_into(self, draft: Draft, *, waits: bool) -> None:
        """What a leaf step does not say is as here, field by field; one that *waits* gets no timeout."""
        if self.retry is not None:
            draft["retry"] = {**self.retry, **draft.get("retry", {})}
        if self.timeout is not None and not waits:
            draft.setdefault("timeout", self.timeout)
        if self.env:
            draft["env"] = {**self.env, **draft.get("env", {})}
        if self.repeatable is not None:
            draft.setdefault("repeatable", self.repeatable)


def read_defaults(r: Reading, node: Node, path: str) -> Defaults:
    """``defaults``, as far as they could be read."""
    entries = r.mapping(node, path, "defaults")
    found: Draft = {"node": node if node.is_mapping else None}
    if not node.is_mapping or node.partial or any(_unknown(key) for key in entries):
        found |= _ANY
    readers = {"retry": _retry, "timeout": duration, "env": environment, "repeatable": boolean}
    for key, item in entries.items():
        if key not in readers:
            r.unknown(node, path, key, _KEYS)
            continue
        value = readers[key](r, item, join(path, key))
        if value is not BROKEN:
            found[key] = value
        if key == "env" and (value is BROKEN or item.partial):
            found["env_partial"] = True
    return Defaults(**found)


def _unknown(key: str) -> bool:
    return key not in _KEYS and not key.startswith("x-")


def _retry(r: Reading, node: Node, path: str) -> Any:
    found = read_retry(r, node, path)
    if found is BROKEN:
        return _ANY["retry"]
    judged = finish_retry(r, found, node, path)
    return {"attempts": judged.attempts, "backoff": judged.backoff, **found}
