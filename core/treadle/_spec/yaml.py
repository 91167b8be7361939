"""YAML text to a tree of nodes with positions, in one pass over the parser's events.

Rule 1: PyYAML's C *parser* only. Its composer recurses in C and crashes on deep nesting.
Rule 2: every limit is checked before the memory it guards is used.
Rule 3: what breaks the text itself ends the reading with one problem; whatever else is wrong is
  reported, and reading goes on.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from treadle._model import MAX_DEPTH
from treadle._spec.characters import Text
from treadle._spec.nodes import LOST, MAX_ALIASED, MAX_BYTES, MAX_NODES, Node, deceiving, join
from treadle._spec.scalars import NotJson, UnknownTag, resolve, resolve_tagged, short
from treadle._spec.surrogates import joined, with_stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._spec.report import Mark, Report

_LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)
_COLLECTION_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Stop(Exception):
    """Reading cannot go on; the problem is reported."""


def read_yaml(text: str | bytes, report: Report) -> Node | None:
    """The one document in *text*, or None where it cannot be read, with the problems in *report*."""
    decoded = _decoded(text, report)
    if decoded is None:
        return None
    report.text = Text(decoded)
    parsed, halves = with_stand_ins(decoded) if decoded.lstrip().startswith(("{", "[")) else (decoded, False)
    try:
        with collector_off():
            return _Reader(report, halves=halves).read(parsed)
    except yaml.YAMLError as exc:
        from treadle._spec.syntax import explain  # only what is broken needs it

        explain(exc, decoded, report)
    except _Stop:
        pass
    return None


@contextmanager
def collector_off() -> Iterator[None]:
    """The cyclic collector off: what is read only grows, and scanning it again takes half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _decoded(text: str | bytes, report: Report) -> str | None:
    """*text* as the parser wants it; None, with a problem, where it is no text or too large."""
    try:
        encoded = text.encode() if isinstance(text, str) else text
        if len(encoded) > MAX_BYTES:
            said = f"the document is larger than {MAX_BYTES // 2**20} MiB"
            report.add("TRD004", _At(0, 0), "", said, "split it")
            return None
        text = encoded.decode()
    except UnicodeError as exc:
        _not_utf8(text, exc, report)
        return None
    return text.removeprefix("\ufeff")


class _At:
    """A position of our own making."""

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column


def _not_utf8(text: str | bytes, exc: UnicodeError, report: Report) -> None:
    start: int = getattr(exc, "start", 0)
    before = text[:start] if isinstance(text, str) else text[:start].decode()
    at = _At(before.count("\n"), len(before) - (before.rfind("\n") + 1))
    report.add("TRD001", at, "", "the document is not UTF-8 text", "save it in UTF-8")


class _Frame:
    """A list or mapping whose end has not been read."""

    __slots__ = ("anchor", "count", "key", "key_mark", "keys", "node", "values")

    def __init__(self, node: Node, anchor: str | None, count: int) -> None:
        self.node = node
        self.values: Any = node.value
        self.keys: Any = node.keys  # None for a list, which is asked for none
        self.anchor = anchor
        self.count = count
        self.key: str | None = None
        self.key_mark: Mark | None = None


class _Reader:
    """Puts the tree together. One is made for each document; *halves* says whether it has stand-ins."""

    def __init__(self, report: Report, *, halves: bool) -> None:
        self.report = report
        self.halves = halves
        self.stack: list[_Frame] = []
        self.root: Node | None = None
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.open_anchors: set[str] = set()
        self.count = 0
        self.aliased = 0
        self.good_keys: set[str] = set()

    def read(self, text: str) -> Node | None:
        steps = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.start,
            yaml.SequenceStartEvent: self.start,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }
        for event in yaml.parse(text, _LOADER):
            step = steps.get(type(event))
            if step is not None:
                step(event)
        if self.root is None or self.root.value is None:
            self.fail("TRD003", self.root.mark if self.root else _At(0, 0), "the document is empty", "")
        return self.root

    def fail(self, code: str, mark: Mark | None, message: str, fix: str) -> None:
        self.report.add(code, mark, self.path(), message, fix)
        raise _Stop

    def path(self) -> str:
        """Where reading is; made only for problems."""
        path = ""
        for frame in self.stack:
            if frame.key not in (None, LOST):
                path = join(path, frame.key)
            elif frame.node.is_list:
                path = join(path, len(frame.values))
        return path

    def document(self, event: Any) -> None:
        if self.root is not None:
            self.fail(
                "TRD003", event.start_mark, "a second document begins here", "write one document a file"
            )

    def counted(self, mark: Mark) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            self.fail("TRD004", mark, f"there are more than {MAX_NODES:,} values", "split the document")

    def scalar(self, event: Any) -> None:
        self.counted(event.start_mark)
        text, mark = event.value, event.start_mark
        if self.halves:
            text = joined(text, escaped=event.style == '"')
        if event.tag is None and event.implicit[0]:
            node = self.resolved(text, mark)
        elif event.tag is None:
            node = Node(text, mark, None, None, None, True)
        else:
            node = self.tagged(text, event.tag, mark)
        if "${{" in text:
            node.dynamic = True
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, 1)
        self.attach(node)

    def resolved(self, text: str, mark: Mark) -> Node:
        try:
            return Node(resolve(text), mark, None, None, text)
        except NotJson as exc:
            self.report.add(
                "TRD010", mark, self.path(), str(exc), f"quote it if text is meant: '{text[:40]}'"
            )
            return Node(text, mark).clipped()

    def tagged(self, text: str, tag: str, mark: Mark) -> Node:
        try:
            return Node(resolve_tagged(text, tag), mark, None, None, None, True)
        except (UnknownTag, NotJson) as exc:
            self.report.add("TRD005", mark, self.path(), str(exc), "leave the tag out")
            return Node(text, mark).clipped()

    def start(self, event: Any) -> None:
        mark = event.start_mark
        self.counted(mark)
        if len(self.stack) >= MAX_DEPTH:
            self.fail("TRD004", mark, f"the document is nested more than {MAX_DEPTH} deep", "make it flatter")
        if event.tag not in _COLLECTION_TAGS:
            said = f"the tag {short(event.tag)} means nothing here"
            self.report.add("TRD005", mark, self.path(), said, "leave the tag out")
        is_mapping = type(event) is yaml.MappingStartEvent
        node = Node({}, mark, {}, {}) if is_mapping else Node([], mark, [])
        if event.anchor is not None:
            self.open_anchors.add(event.anchor)
        self.stack.append(_Frame(node, event.anchor, self.count))

    def end(self, _: Any) -> None:
        frame = self.stack.pop()
        if frame.anchor is not None:
            self.open_anchors.discard(frame.anchor)
            self.anchors[frame.anchor] = (frame.node, self.count - frame.count + 1)
        self.attach(frame.node)

    def alias(self, event: Any) -> None:
        name, mark = event.anchor, event.start_mark
        if name in self.open_anchors:
            said = f"*{name} stands inside the value it repeats"
            return self.refuse_alias(mark, said, "write the value out")
        if name not in self.anchors:
            return self.refuse_alias(mark, f"*{name} repeats nothing", f"mark a value above with &{name}")
        node, size = self.anchors[name]
        self.aliased += size
        self.count += size
        if self.aliased > MAX_ALIASED:
            self.fail("TRD004", mark, f"aliases add more than {MAX_ALIASED:,} values", "write fewer of them")
        if len(self.stack) + _height(node) > MAX_DEPTH:
            self.fail("TRD004", mark, f"the document is nested more than {MAX_DEPTH} deep", "make it flatter")
        return self.attach(node)

    def refuse_alias(self, mark: Mark, message: str, fix: str) -> None:
        self.report.add("TRD006", mark, self.path(), message, fix)
        self.attach(Node(None, mark).clipped())

    def attach(self, node: Node) -> None:
        """Put a finished node where it belongs."""
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if type(frame.values) is list:
            frame.values.append(node.value)
            frame.node.items.append(node)
        elif frame.key is None:
            self.open_key(frame, node)
            return
        elif frame.key is LOST:
            frame.key = None
            return
        else:
            begun: Any = node.mark  # in text, every node and every key has one
            key: Any = frame.key_mark
            if node.items is not None and begun.line > key.line:
                node.mark = frame.key_mark  # what begins below its key: people look for it at the key
            frame.values[frame.key] = node.value
            frame.node.items[frame.key] = node
            frame.keys[frame.key] = frame.key_mark
            frame.key = None
        if node.dynamic:
            frame.node.dynamic = True

    def open_key(self, frame: _Frame, node: Node) -> None:
        key = node.value
        frame.key_mark = node.mark
        known = (type(key) is str and key in self.good_keys) or self.check_key(node)
        if known and key in frame.values:
            first: Any = frame.node.key_mark(key)
            said = f"the key {key!r} is given twice, first on line {first.line + 1}"
            self.report.add("TRD008", node.mark, join(self.path(), key), said, "keep one of them")
            frame.node.items[key] = frame.node.items[key].clipped()
            frame.key = LOST
        elif known:
            frame.key = key
        else:
            frame.keys[LOST] = node.mark
            frame.key = LOST

    def check_key(self, node: Node) -> bool:
        key = node.value
        if type(key) is not str:
            written = node.source or "…"
            fix = f"quote it: '{written}'" if node.items is None else _as_template(node) or "write text"
            self.report.add("TRD009", node.mark, self.path(), "a key must be text", fix)
        elif key == "<<" and not node.quoted:
            said = "the merge key << is not part of YAML 1.2"
            self.report.add("TRD007", node.mark, self.path(), said, "write the keys out")
        elif deceiving(key):
            said = f"the key {key!r} holds control or bidirectional characters"
            self.report.add("TRD009", node.mark, self.path(), said, "remove them")
        else:
            self.good_keys.add(key)
            return True
        return False


def _height(node: Node) -> int:
    """How many levels of lists and mappings *node* is. It has been bounded when it was read."""
    if node.items is None:
        return 0
    below = node.items.values() if node.is_mapping else node.items
    return 1 + max(map(_height, below), default=0)


def _as_template(node: Node) -> str:
    """The fix for ``{{ x }}`` without quotes, which is a mapping for a key; empty for another key."""
    names = list(node.items) if node.is_mapping else []
    if len(names) != 1 or node.items[names[0]].value is not None:
        return ""
    return f'write "${{{{ {names[0]} }}}}" for the value of an expression'
