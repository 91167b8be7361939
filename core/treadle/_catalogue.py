"""Which workflows there are, for those that call others: some that are given, or the files below a folder.

Rule 1: a workflow is known by the name that it gives itself, unless a mapping gives it another.
Rule 2: files lie below the root; neither ``..`` nor a symbolic link leads out of it.
Rule 3: what is called is looked up when it is called, so that two workflows can call each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from treadle._expr.types import ANY, Type
from treadle._near import did_you_mean
from treadle._plan.calls import Callee, sites
from treadle._plan.plan import output_types
from treadle._roots import root_of

if TYPE_CHECKING:
    from treadle._model import Spec
    from treadle._plan.calls import Lookup, Site
    from treadle._workflow import Workflow


_MOST_DEEP = 16
"""Workflows that call each other, as deep as runs may; what lies deeper is not worked out."""


class Unlisted(LookupError):
    """There is no such workflow; the message says which there are."""


class Unsure(LookupError):
    """Nobody knows here which workflow that is, so nothing is said of it before the run."""


@runtime_checkable
class Catalogue(Protocol):
    """The workflows that steps may call."""

    def names(self) -> Collection[str]:
        """Those that can be called by name."""
        raise NotImplementedError

    def named(self, name: str) -> Workflow:
        """The workflow of that name. Raises LookupError with a sentence, as `Unsure`, or SpecError."""
        raise NotImplementedError

    def at(self, file: str, caller: Mapping[str, str] | None) -> Workflow:
        """The workflow in *file*, as its *caller*, which stands in ``root`` and ``file``, has written it.

        Raises LookupError with a sentence, or SpecError.
        """
        raise NotImplementedError


Load: TypeAlias = "Callable[[Path, Path], Workflow]"
"""Gives the workflow in a file; the second path is the root."""

WorkflowsLike: TypeAlias = "Catalogue | Mapping[str, Workflow] | Iterable[Workflow]"
"""Workflows by name; or some, each with its own name; or a catalogue."""


def catalogue_of(given: WorkflowsLike, load: Load) -> Catalogue:
    """The catalogue of what is *given*; *load* is for files."""
    if isinstance(given, Catalogue):
        return given
    named = given if isinstance(given, Mapping) else {each.name: each for each in given}
    return Workflows({name: _giving(each) for name, each in named.items()}, load)


def _giving(workflow: Workflow) -> Callable[[], Workflow]:
    return lambda: workflow


class Workflows:
    """A catalogue: by name what gives the workflow, and the files beside a caller.

    *root*: below which files must lie; below the caller's own folder unless given.
    """

    def __init__(
        self,
        named: Mapping[str, Callable[[], Workflow]],
        load: Load,
        root: Path | None = None,
    ) -> None:
        self._named = named
        self._load = load
        self._root = root
        self._read: dict[tuple[Path, int, int], Workflow] = {}

    def names(self) -> Collection[str]:
        """Those that can be called by name."""
        return self._named.keys()

    def named(self, name: str) -> Workflow:
        """See `Catalogue.named`."""
        give = self._named.get(name)
        if give is None:
            known = ", ".join(sorted(self._named)) or "none"
            fix = did_you_mean(name, self._named) or f"there is {known}; see `workflows` in treadle.yaml"
            raise Unlisted(f"no workflow {name!r} is known here; {fix}")
        return give()

    def at(self, file: str, caller: Mapping[str, str] | None) -> Workflow:
        """See `Catalogue.at`."""
        root, folder = self._places(file, caller)
        path = (folder / file).resolve()
        if not path.is_relative_to(root):
            raise Unlisted(f"the file {file!r} lies outside of {root}; move it below that folder")
        try:
            found = path.stat()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Unlisted(
                f"the file {file!r} cannot be read: {reason}; it is looked for in {folder}"
            ) from None
        key = path, found.st_mtime_ns, found.st_size
        if key not in self._read:
            self._read[key] = self._load(path, root)
        return self._read[key]

    def _places(self, file: str, caller: Mapping[str, str] | None) -> tuple[Path, Path]:
        """The root, and the folder in which *file* is looked for."""
        if caller is None:
            if self._root is None:
                raise Unlisted(
                    f"the file {file!r} cannot be found: its caller stands in no file; call it by name"
                )
            root = self._root.resolve()
            return root, root
        root = (Path(caller["root"]) if self._root is None else self._root).resolve()
        return root, (root / caller["file"]).parent


class Calls:
    """What one spec calls: *name* is what it is called itself, its path if it is a file."""

    def __init__(self, name: str | None, root: str | Path | None, workflows: WorkflowsLike | None) -> None:
        self._name = name
        self._root = None if root is None else Path(root)
        self._workflows = workflows

    def source(self, spec: Spec) -> Mapping[str, str] | None:
        """Where *spec* stands, if it calls files and stands in one, or below a root."""
        if not any(site.file for site in sites(spec)):
            return None
        path = None if self._name is None else Path(self._name)
        if path is None or not path.is_file():
            return None if self._root is None else {"root": str(self._root.resolve()), "file": "-"}
        path = path.resolve()
        root = (self._root or root_of(path)).resolve()
        if not path.is_relative_to(root):
            root = path.parent
        return {"root": str(root), "file": path.relative_to(root).as_posix()}

    def lookup(self, spec: Spec, load: Load) -> Lookup | None:
        """What is known of what *spec* calls; None where it calls nothing."""
        if next(sites(spec), None) is None:
            return None
        catalogue = catalogue_of(() if self._workflows is None else self._workflows, load)
        known = _Known(catalogue, by_name=self._workflows is not None)
        return known.lookup(self.source(spec))


class _Known:
    """What is known of the workflows of a catalogue; *by_name* says whether it has all that have names."""

    def __init__(self, catalogue: Catalogue, *, by_name: bool) -> None:
        self._catalogue = catalogue
        self._by_name = by_name
        self._outputs: dict[int, tuple[Workflow, Mapping[str, Type]]] = {}  # it keeps what it knows by id
        self._asked: set[int] = set()

    def lookup(self, source: Mapping[str, str] | None) -> Lookup:
        """What the calls of a workflow that stands at *source* call."""

        def found(site: Site) -> Callee | None:
            called = None
            if site.file is not None and source is not None:
                called = self._catalogue.at(site.file, source)
            elif site.name is not None and self._by_name:
                with suppress(Unsure):
                    called = self._catalogue.named(site.name)
            return None if called is None else Callee(called.name, called.inputs, _Outputs(called, self))

        return found

    def outputs(self, workflow: Workflow) -> Mapping[str, Type]:
        """What the outputs of *workflow* are; nothing is known of those that are being worked out."""
        key = id(workflow)
        if key in self._outputs:
            return self._outputs[key][1]
        if key in self._asked or len(self._asked) >= _MOST_DEEP:
            return {}
        self._asked.add(key)
        try:
            found = output_types(workflow.plan, self.lookup(workflow.source))
        except OSError:  # a file that it calls cannot be read, which running it reports
            found = {}
        finally:
            self._asked.remove(key)
        self._outputs[key] = workflow, found
        return found


class _Outputs(Mapping[str, Type]):
    """The outputs of a workflow that is called, worked out when one of them is asked for."""

    def __init__(self, workflow: Workflow, known: _Known) -> None:
        self._workflow = workflow
        self._known = known

    def __getitem__(self, key: str) -> Type:
        if key not in self._workflow.spec.outputs:
            raise KeyError(key)
        return self._known.outputs(self._workflow).get(key, ANY)

    def __iter__(self) -> Iterator[str]:
        return iter(self._workflow.spec.outputs)

    def __len__(self) -> int:
        return len(self._workflow.spec.outputs)

    def __contains__(self, key: object) -> bool:
        return key in self._workflow.spec.outputs
