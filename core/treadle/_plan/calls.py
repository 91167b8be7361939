"""Which steps call workflows, as far as a spec tells, and whether what they call takes what they give.

Rule 1: a step type says which of its settings name a workflow, by `treadle.plugin.called`; no name of a step
  type is known here.
Rule 2: what cannot be known before the run is not judged: a name that an expression gives, and a name at all
  where nobody says which workflows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from treadle._expr import Template
from treadle._expr.types import Type, mapping_of
from treadle._inputs import MISSING, check_inputs
from treadle._kinds import CALLED, key_of
from treadle._model import Input, StepSpec
from treadle._plan.reads import templates_in
from treadle._settings.settings import Broken
from treadle.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from treadle._model import Spec
    from treadle._places import Place
    from treadle._plan.problems import Problems
    from treadle.errors import Problem


@attrs.frozen(eq=False, repr=False)
class Site:
    """One step that calls a workflow.

    Attributes:
      name, file: which; both None where only an expression tells.
      inputs: as written, by name, with `Template` leaves; None where an expression gives all of them.
      keys: by part, the setting that says it.
      written: the parts that are.
      detaches: it may not wait for the end.
    """

    step: StepSpec
    name: str | None
    file: str | None
    inputs: dict[str, Any] | None
    keys: dict[str, str]
    written: frozenset[str]
    detaches: bool

    def place(self, part: str, inside: str = "", *, key: bool = False) -> Place | None:
        """Where what is written for *part*, or *inside* of it, stands, or the *key* that says it."""
        whole = self.step.settings.place
        if whole is None:
            return None
        name = self.keys[part]
        path = ".".join(filter(None, (whole.path, name if part in self.written else "", inside)))
        within = f"with.{name}.{inside}" if inside else f"with.{name}"
        places = self.step.places
        found = places.get(f"{within}.key") if key else None
        found = found or places.get(within) or places.get(f"with.{name}") or whole
        return attrs.evolve(found, path=path)


@attrs.frozen(eq=False, repr=False)
class Callee:
    """What is known of a workflow that is called: its declared inputs, and what its outputs are."""

    name: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Type]


@attrs.frozen(eq=False, repr=False)
class Call:
    """A site and what it calls."""

    site: Site
    callee: Callee

    @property
    def output(self) -> Type | None:
        """What the step gives; None where it does not wait for the outputs."""
        return None if self.site.detaches else mapping_of(self.callee.outputs)

    def evaluated(self) -> Iterator[tuple[Input, Any, Place]]:
        """The inputs that hold expressions: as declared, with the value as written and its place."""
        for name, value in (self.site.inputs or {}).items():
            declared = self.callee.inputs.get(name)
            if declared is not None and next(templates_in(value, ""), None) is not None:
                place = self.site.place("inputs", name)
                if place is not None:
                    whole = isinstance(value, Template) and value.whole
                    yield declared, value, place.inside(value.expressions[0].offset) if whole else place


Lookup: TypeAlias = "Callable[[Site], Callee | None]"
"""What a site calls, None where that cannot be known; raises LookupError with a sentence, or SpecError."""


def check_calls(spec: Spec, lookup: Lookup, problems: Problems) -> Mapping[int, Call]:
    """Report calls of workflows that do not fit; by identity of the step, those whose callee is known."""
    calls: dict[int, Call] = {}
    told: set[str] = set()
    for site in sites(spec):
        if (callee := _callee(site, lookup, problems, told)) is not None:
            _check_inputs(site, callee, problems)
            calls[id(site.step)] = Call(site, callee)
    return calls


def _callee(site: Site, lookup: Lookup, problems: Problems, told: set[str]) -> Callee | None:
    """What *site* calls; None where that is not known, or is wrong, which is told once of each workflow."""
    what = site.file or site.name
    try:
        return lookup(site)
    except SpecError as error:
        first = error.problems[0]
        more = f", and has {len(error.problems) - 1} more problems" if len(error.problems) > 1 else ""
        code, said, fix = "TRD352", f"the workflow {what!r} cannot be run: {first}{more}", "mend that first"
        if said in told:
            return None
        told.add(said)
    except LookupError as error:
        said, _, fix = str(error.args[0]).partition("; ")
        code = "TRD351"
    _add(site, problems, "file" if site.file else "name", code, said, fix)
    return None


def _check_inputs(site: Site, callee: Callee, problems: Problems) -> None:
    if site.inputs is None:
        return
    written = {name: value for name, value in site.inputs.items() if not _is_open(value)}
    evaluated = site.inputs.keys() - written.keys()
    for name in sorted(evaluated - callee.inputs.keys()):
        written[name] = None  # there is no such input, whatever its value
    _, found = check_inputs(callee.inputs, written)
    for problem in found:
        name = problem.path.partition(".")[2]
        if problem.code == MISSING and name in evaluated:
            continue
        said = _of_callee(problem, name, callee.name)
        part = "inputs" if "inputs" in site.written else "name"
        code = _CODES.get(problem.code or "", "TRD354")
        _add(site, problems, part, code, said, problem.fix, name)


def _of_callee(problem: Problem, name: str, workflow: str) -> str:
    """What is wrong with an input, said where several workflows have inputs."""
    if problem.code == MISSING:
        return f"the workflow {workflow!r} needs the input {name!r}"
    if problem.code in _CODES:
        return f"the workflow {workflow!r} has no input {name!r}"
    return f"the input {name!r} of the workflow {workflow!r}: {problem.message}"


_UNKNOWN = "TRD353"
_CODES = {"TRD601": _UNKNOWN, MISSING: "TRD355"}


def _is_open(value: Any) -> bool:
    """Whether only the run can tell the value."""
    if isinstance(value, Mapping):
        return any(map(_is_open, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_open, value))
    return isinstance(value, Template | Broken)


def _add(site: Site, problems: Problems, part: str, code: str, said: str, fix: str, inside: str = "") -> None:
    place = site.place(part, inside, key=code == _UNKNOWN)
    if place is not None:
        problems.add(code, place, said, fix)


def sites(spec: Spec) -> Iterator[Site]:
    """The steps of *spec* that call workflows."""
    for block in spec.blocks:
        for step in block.steps:
            keys = _keys(step.type.config)
            if keys and not step.settings.spoiled:
                yield _site(step, keys)


def _keys(config: type[Any]) -> dict[str, str]:
    """By part of a call, the field of *config* that says it."""
    return {each.metadata[CALLED]: each.name for each in attrs.fields(config) if CALLED in each.metadata}


def _site(step: StepSpec, keys: dict[str, str]) -> Site:
    parts = {part: _value(step, field) for part, field in keys.items()}
    inputs = {} if parts.get("inputs") is None else parts["inputs"]
    return Site(
        step,
        _text(parts.get("name")),
        _text(parts.get("file")),
        dict(inputs) if isinstance(inputs, dict) else None,
        {part: key_of(field) for part, field in keys.items()},
        frozenset(part for part, value in parts.items() if value),
        parts.get("detach", False) is not False and parts.get("detach") is not None,
    )


def _value(step: StepSpec, field: str) -> Any:
    settings = step.settings
    if settings.constant is not None:
        return getattr(settings.constant, field)
    return settings.tree.get(key_of(field))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and not isinstance(value, Template) else None
