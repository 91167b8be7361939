"""Templates of other files: read as the file that imports them is, each node marked with where it stands.

Rule 1: no file is opened here. Whoever loads a spec hands in what opens one, and says which may be.
Rule 2: a file is read once, however many import it; a circle is a mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from treadle._spec.nodes import MAX_BYTES, ElsewhereNode, Node, join
from treadle._spec.reading import Reading, got
from treadle._spec.report import Report
from treadle._spec.templates import Pattern, read_templates
from treadle._spec.yaml import read_yaml

if TYPE_CHECKING:
    from treadle._places import Scalars
    from treadle._spec.report import Mark

MAX_DEEP = 8
MAX_FILES = 100
_KEYS = ("treadle", "imports", "templates")


class Opened(NamedTuple):
    """An imported file: its *key* is the same however it was named, its *name* is for problems."""

    key: str
    name: str
    text: bytes


class NotImported(Exception):
    """A file that cannot be imported. Arguments: why, and what to do."""


class OpenImport(Protocol):
    """What opens imported files."""

    def __call__(self, written: str, importer: str | None) -> Opened:
        """The file that the file with key *importer* names, None for the spec. Raises NotImported."""


class Imports:
    """The templates of one document, its own and the imported ones.

    Args:
      open_import: None where there are no files, as in data that a program made.
    """

    def __init__(self, r: Reading, open_import: OpenImport | None) -> None:
        self.r = r
        self.open_import = open_import
        self.patterns: dict[str, Pattern] = {}
        self._read: dict[str, bool] = {}  # by key: whether it has been read to its end
        self._bytes = 0

    def document(self, root: Node) -> tuple[str, ...]:
        """Read what *root* declares and imports; gives the names that it declares itself."""
        own: tuple[str, ...] = ()
        if "templates" in root.items:
            own = self._declare(root.items["templates"])
        if "imports" in root.items:
            self._all(root.items["imports"], None, ())
        return own

    def _declare(self, node: Node) -> tuple[str, ...]:
        found = read_templates(self.r, node)
        for name, pattern in found.items():
            other = self.patterns.setdefault(name, pattern)
            if other is not pattern:
                self._twice(pattern, other)
        return tuple(found)

    def _twice(self, pattern: Pattern, other: Pattern) -> None:
        where = f"{other.place.file or 'the spec'}" + (
            f", line {other.place.line}" if other.place.line else ""
        )
        said = f"the template {pattern.name!r} is declared twice, also in {where}"
        self.r.report.problems.append(pattern.place.problem("TRD349", said, "rename one of them"))

    def _all(self, node: Node, importer: str | None, chain: tuple[Opened, ...]) -> None:
        """The files that *node* names, a list of paths."""
        if not node.is_list:
            said = f"expected a list of paths, got {got(node)}"
            self.r.problem("TRD102", node, "imports", said, "write [lib/deploy.yaml]")
            return
        for index, item in enumerate(node.items):
            path = join("imports", index)
            if not item.is_text or item.dynamic:
                self.r.problem(
                    "TRD102", item, path, f"expected a path, got {got(item)}", "write it as lib/deploy.yaml"
                )
            else:
                self._one(item, path, importer, chain)

    def _one(self, node: Node, path: str, importer: str | None, chain: tuple[Opened, ...]) -> None:
        if self.open_import is None:
            fix = "load it from a file, or give the root of its imports"
            self.r.problem("TRD347", node, path, "there is no folder to import from", fix)
            return
        try:
            opened = self.open_import(node.value, importer)
        except NotImported as exc:
            self.r.problem("TRD347", node, path, *exc.args)
            return
        if opened.key in self._read:
            if not self._read[opened.key]:
                names = [one.name for one in chain]
                circle = [*names[[one.key for one in chain].index(opened.key) :], opened.name]
                said = f"files import each other in a circle: {' → '.join(circle)}"
                self.r.problem("TRD348", node, path, said, "take one of the imports out")
        elif self._within_limits(node, path, opened, chain):
            self._read[opened.key] = False
            self._file(opened, (*chain, opened))
            self._read[opened.key] = True

    def _within_limits(self, node: Node, path: str, opened: Opened, chain: tuple[Opened, ...]) -> bool:
        self._bytes += len(opened.text)
        over = ""
        if len(chain) >= MAX_DEEP:
            over = f"files import each other more than {MAX_DEEP} deep"
        elif len(self._read) >= MAX_FILES:
            over = f"more than {MAX_FILES} files are imported"
        elif self._bytes > MAX_BYTES:
            over = f"imported files are larger than {MAX_BYTES // 2**20} MiB together"
        if over:
            self.r.problem("TRD347", node, path, over, "import fewer")
        return not over

    def _file(self, opened: Opened, chain: tuple[Opened, ...]) -> None:
        """One file, with what it imports."""
        report = Report(opened.name)
        root = read_yaml(opened.text, report)
        self.r.report.problems += report.problems
        if root is None:
            return
        root = _marked(root, opened.name, report.text)
        if not root.is_mapping:
            fix = "begin it with treadle: 1 and templates:"
            said = f"an imported file is a mapping, got {got(root)}"
            self.r.problem("TRD348", root, "", said, fix)
            return
        for key in root.items:
            if key not in _KEYS and not key.startswith("x-"):
                said = f"an imported file holds templates only, and {key!r} is none"
                fix = "move what is to be shared into templates"
                self.r.report.add("TRD348", root.key_mark(key), key, said, fix)
        version = root.items.get("treadle")
        if version is None or type(version.value) is not int or version.value != 1:
            self.r.problem(
                "TRD105", version or root, "treadle", "the file does not say treadle: 1", "write treadle: 1"
            )
        if "templates" in root.items:
            self._declare(root.items["templates"])
        if "imports" in root.items:
            self._all(root.items["imports"], opened.key, chain)


class _FileMark:
    """A position in another file."""

    __slots__ = ("column", "file", "line")

    def __init__(self, mark: Mark, file: str) -> None:
        self.line = mark.line
        self.column = mark.column
        self.file = file


def _marked(root: Node, file: str, scalars: Scalars | None) -> Node:
    """The tree of *root*, each of its nodes and keys with a mark that knows its *file*."""
    made: dict[int, Node] = {}  # aliases share nodes

    def marked(node: Node) -> Node:
        if id(node) not in made:
            made[id(node)] = ElsewhereNode(
                node.value,
                node.mark and _FileMark(node.mark, file),
                items(node),
                node.keys and {key: mark and _FileMark(mark, file) for key, mark in node.keys.items()},
                node.source,
                node.quoted,
                node.dynamic,
                scalars=scalars,
            )
        return made[id(node)]

    def items(node: Node) -> Any:
        if node.is_mapping:
            return {key: marked(item) for key, item in node.items.items()}
        return None if node.items is None else [marked(item) for item in node.items]

    return marked(root)
