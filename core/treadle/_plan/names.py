"""Whether every name in every expression exists, and means something where it stands.

Rule 1: which names a place allows is a row of ALLOWED; why one is refused is a row of REASONS.
Rule 2: secrets, and inputs that hold one, may be read only where their values are shown to nobody.
Rule 3: what is wrong with `needs` is `resolve_needs`'s to say; each reference is judged here, and only here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from treadle._plan.problems import Problems, listed
from treadle._plan.reads import Read, ReadKind, expressions_of, expressions_of_workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from treadle._expr import Reference
    from treadle._model import Spec, StepSpec
    from treadle._plan.lexical import Scopes, Sighting

STEP_FIELDS = ("output", "status", "error", "attempts")
ERROR_FIELDS = ("name", "message", "data", "path")
RUN_FIELDS = ("id", "workflow", "correlation_id", "started_at", "labels", "status", "error")
_ENDING = ("status", "error")  # of the run: known when it ends

_RUN = frozenset({"inputs", "vars", "run", "secrets"})
_STEP = _RUN | {"steps", "env"}
_OWN = frozenset({"output", "error", "attempt"})
_EVERY_NAME = _STEP | _OWN | {"item", "index", "previous"}

ALLOWED: Mapping[ReadKind, frozenset[str]] = {
    "concurrency": frozenset({"inputs", "run"}),
    "vars": _RUN,
    "workflow env": _RUN | {"env"},
    "workflow max_parallel": _RUN | {"env"},
    "outputs": _STEP,
    "when": _STEP,
    "foreach": _STEP,
    "max_parallel": _STEP,
    "settings": _STEP,
    "given": _STEP,
    "env": _STEP,
    "on_error": _STEP,
    "retry.if": _STEP | _OWN,
    "repeat.until": _STEP | _OWN,
}
"""The names each place allows, beside those that foreach, repeat and undo add to what is inside them."""

_ONCE = ("when", "foreach", "max_parallel")  # decided once per step, before there is an element or a round

_DECLARE = {
    "input": "declare it, as inputs: {{{}: string}}",
    "variable": "declare it, as vars: {{{}: …}}",
    "secret": "declare it, as secrets: [{}]",
    "environment variable": "declare it under env; the environment of the process is not read here",
}
"""What to write where nothing of the kind is declared."""

REASONS: Mapping[str, tuple[str, str]] = {
    "vars": ("the key is decided when the run is accepted, before there are vars", "read inputs"),
    "secrets": ("a concurrency key is shown to everybody", "read inputs that hold no secret"),
    "steps": ("this is evaluated before any step runs", "read inputs, or vars before this one"),
    "env": ("this is evaluated before there is an environment", "read inputs or vars"),
    "item": ("there is a foreach neither here nor around this; its own `when` comes before its elements", ""),
    "index": (
        "there is a foreach neither here nor around this; its own `when` comes before its elements",
        "",
    ),
    "previous": ("it is the last round's output, and this step has no repeat", "write steps.ID.output"),
    "output": ("it is a step's own, in until, if and undo", "write steps.ID.output"),
    "error": ("it is a step's own, in until, if and undo", "write steps.ID.error"),
    "attempt": ("it is a step's own, in until, if and undo", "write steps.ID.attempts"),
}
"""By name: why it means nothing where it is refused, and what to write instead."""


@attrs.frozen(eq=False, repr=False)
class _Setting:
    """What the place of a read adds to its kind.

    Attributes:
      added: names of the foreach, repeat and undo around it.
      env: the environment variables there are; None if not all are known.
      block, step: indexes of its step; *step* is None where it belongs to the workflow.
      in_finally: whether the run's end is known.
    """

    added: frozenset[str] = frozenset()
    env: frozenset[str] | None = frozenset()
    block: int = 0
    step: int | None = None
    in_finally: bool = False


def check_names(spec: Spec, scopes: Scopes, problems: Problems) -> set[int]:
    """Report what is wrong with the references of *spec*; the expressions, by identity, with such a one."""
    checker = _Checker(spec, scopes, problems)
    workflow = _Setting(env=None if "env" in spec.partial else frozenset(spec.env))
    for read in expressions_of_workflow(spec):
        checker.check(read, workflow)
    around = [workflow] * len(spec.blocks)
    if spec.finally_ is not None:
        around[spec.finally_.index] = attrs.evolve(workflow, in_finally=True)
    for block in scopes.order:
        for index, step in enumerate(spec.blocks[block].steps):
            setting = around[block]
            inside = _inside(step, setting)
            for read in expressions_of(step):
                at = setting if read.kind in _ONCE else inside
                checker.check(read, attrs.evolve(at, block=block, step=index))
            for inner in step.blocks:
                around[inner.index] = inside
            if step.undo is not None:
                around[step.undo.index] = attrs.evolve(inside, added=inside.added | _OWN)
    return checker.refused


def _inside(step: StepSpec, around: _Setting) -> _Setting:
    """*around*, with what *step* adds for its own work and the blocks inside it."""
    added = {"item", "index"} if step.foreach is not None or "foreach" in step.partial else set()
    if step.repeat is not None or "repeat" in step.partial:
        added.add("previous")
    if not added and not step.env and not step.partial:
        return around
    unknown = around.env is None or "env" in step.partial
    return attrs.evolve(
        around,
        added=around.added | added,
        env=None if unknown else (around.env or frozenset()) | step.env.keys(),
    )


class _Checker:
    """Judges references one by one."""

    def __init__(self, spec: Spec, scopes: Scopes, problems: Problems) -> None:
        self.spec = spec
        self.scopes = scopes
        self.problems = problems
        self.refused: set[int] = set()
        self.var_order = {name: place for place, name in enumerate(spec.vars)}
        self.secret_inputs = {name for name, declared in spec.inputs.items() if declared.holds_secret}
        self._by_root: Mapping[str, Callable[[Reference, Read, _Setting], None]] = {
            "steps": self._steps,
            "inputs": self._inputs,
            "vars": self._vars,
            "env": self._env,
            "secrets": self._secrets,
            "run": self._run,
            "error": self._error,
        }

    def check(self, read: Read, setting: _Setting) -> None:
        """Judge the references of *read*."""
        before = len(self.problems.found)
        for reference in read.references:
            root = reference.root
            if root not in ALLOWED[read.kind] and root not in setting.added and root not in read.added:
                self._refused(reference, read, setting)
            elif root in self._by_root:
                self._by_root[root](reference, read, setting)
        if len(self.problems.found) > before:
            self.refused.add(id(read.text))

    def _say(self, code: str, reference: Reference, read: Read, message: str, fix: str = "") -> None:
        self.problems.add(code, read.place.inside(reference.offset), message, fix, under=read.under)

    def _refused(self, reference: Reference, read: Read, setting: _Setting) -> None:
        root = reference.root
        if root in _EVERY_NAME:
            why, fix = REASONS[root]
            self._say("TRD411", reference, read, f"`{root}` means nothing here: {why}", fix)
            return
        known = ALLOWED[read.kind] | setting.added | read.added
        fix = self._meant(root, read, setting) or self.problems.near(
            root, known, f"text is written in quotes: '{root}'; {listed('names here', known)}"
        )
        self._say("TRD410", reference, read, f"there is no name {root!r}", fix)

    def _meant(self, root: str, read: Read, setting: _Setting) -> str:
        """What to write for a name that exists one level further in."""
        if (function := read.functions.get(root)) is not None:
            fix = f"a function is called: write {function.signature}"
            return fix if root not in self.spec.inputs else f"{fix}, or inputs.{root}"
        if root in self.spec.inputs:
            return f"write inputs.{root}"
        if root in self.spec.vars:
            return f"write vars.{root}"
        if self.scopes.find(setting.block, setting.step or 0, root):
            return f"write steps.{root}.output"
        return ""

    # --- steps ---

    def _steps(self, reference: Reference, read: Read, setting: _Setting) -> None:
        if not reference.keys:
            message = (
                "`steps` alone is not a value" if not reference.dynamic else "a step's id is not computed"
            )
            self._say("TRD417", reference, read, message, "write steps.ID.output, with the id as it stands")
            return
        wanted = str(reference.keys[0])
        seen = self.scopes.find(setting.block, -1 if setting.step is None else setting.step, wanted)
        if seen is None:
            self._unseen(wanted, reference, read, setting)
        elif setting.step is None or self._upstream(seen, reference, read):
            self._field(reference, read)

    def _unseen(self, wanted: str, reference: Reference, read: Read, setting: _Setting) -> None:
        if any(self.spec.blocks[block].partial for block in self.scopes.enclosing(setting.block)):
            return
        if wanted not in self.scopes.anywhere:
            visible = list(self.scopes.visible(setting.block))
            near = self.problems.near(wanted, visible, listed("steps to be seen here", visible))
            self._say("TRD412", reference, read, f"there is no step {wanted!r} for `{reference}`", near)
            return
        way = self.scopes.way_to(wanted, setting.block)
        message = f"step {wanted!r} stands in a block of its own and cannot be seen from here"
        self._say("TRD413", reference, read, message, _through(way))

    def _upstream(self, seen: Sighting, reference: Reference, read: Read) -> bool:
        """Whether the step seen has ended, if it ran, when this is read; a problem if not."""
        wanted = reference.keys[0]
        form = self.spec.blocks[seen.block].form
        if seen.reader is None:
            return True
        if seen.reader == seen.step:
            message = f"step {wanted!r} has not ended while it, or something in it, reads it"
            self._say("TRD414", reference, read, message, "its own output is `output`, in until, if and undo")
        elif form == "sequence" and seen.step > seen.reader:
            self._say(
                "TRD415",
                reference,
                read,
                f"step {wanted!r} comes later in the list",
                "move it before this one",
            )
        elif form == "together":
            message = f"step {wanted!r} starts at the same time as this one, so it has no result yet"
            self._say(
                "TRD416",
                reference,
                read,
                message,
                "write these steps as a mapping: one that reads another then waits",
            )
        else:
            return True
        return False

    def _field(self, reference: Reference, read: Read) -> None:
        start = f"steps.{reference.keys[0]}"
        if len(reference.keys) == 1:
            message = f"`{start}` alone is not a value"
            self._say(
                "TRD417",
                reference,
                read,
                message,
                f"write one of {', '.join(STEP_FIELDS)} after it, as {start}.output",
            )
            return
        field, *rest = reference.keys[1:]
        if field not in STEP_FIELDS:
            near = self.problems.near(str(field), STEP_FIELDS, f"write {start}.output.{field}")
            self._say(
                "TRD417", reference, read, f"a step has no {field!r}, only {', '.join(STEP_FIELDS)}", near
            )
        elif field == "error":
            self._among(ERROR_FIELDS, rest, reference, read)

    # --- what is declared ---

    def _all(self, key: str, names: Collection[str]) -> Collection[str] | None:
        """The *names* that the document declares under *key*; None if not all could be read."""
        return None if key in self.spec.partial else names

    def _declared(
        self, code: str, reference: Reference, read: Read, kind: str, known: Collection[str] | None
    ) -> bool:
        """Whether what is read is declared; a problem if not. *known* None cannot be told."""
        name = reference.keys[0] if reference.keys else None
        if name is None or known is None or name in known:
            return True
        what = listed(f"declared {kind}s", known) if known else _DECLARE[kind].format(name)
        near = self.problems.near(str(name), known, what)
        self._say(code, reference, read, f"{kind} {str(name)!r} is not declared", near)
        return False

    def _inputs(self, reference: Reference, read: Read, _setting: _Setting) -> None:
        if not self._declared("TRD418", reference, read, "input", self._all("inputs", self.spec.inputs)):
            return
        secret = self.secret_inputs.intersection(reference.keys[:1] or self.secret_inputs)
        if secret and not read.secrets:
            self._shown(reference, read, f"input {min(secret)!r}, which holds a secret,")

    def _vars(self, reference: Reference, read: Read, _setting: _Setting) -> None:
        known = self._all("vars", self.spec.vars)
        if self._declared("TRD419", reference, read, "variable", known) and read.kind == "vars":
            for name in reference.keys[:1]:
                if self.var_order.get(str(name), -1) < self.var_order[str(read.key)]:
                    continue
                message = f"variable {name!r} has no value yet: variables are evaluated in order"
                self._say("TRD419", reference, read, message, f"move {name!r} before {read.key!r}")

    def _env(self, reference: Reference, read: Read, setting: _Setting) -> None:
        self._declared("TRD420", reference, read, "environment variable", setting.env)

    def _secrets(self, reference: Reference, read: Read, _setting: _Setting) -> None:
        if not reference.keys:
            self._say(
                "TRD503", reference, read, "`secrets` as a whole cannot be read", "name one, as secrets.NAME"
            )
        elif not self._declared("TRD501", reference, read, "secret", self._all("secrets", self.spec.secrets)):
            return
        elif not read.secrets:
            self._shown(reference, read, f"secret {reference.keys[0]!r}")

    def _shown(self, reference: Reference, read: Read, what: str) -> None:
        message = f"{what} cannot be read here: its value would be shown"
        self._say(
            "TRD502", reference, read, message, "hand it over in `env`, or in a setting that takes secrets"
        )

    # --- fields ---

    def _run(self, reference: Reference, read: Read, setting: _Setting) -> None:
        field = reference.keys[0] if reference.keys else None
        if field in _ENDING and not setting.in_finally:
            message = f"`run.{field}` is known only in finally"
            self._say(
                "TRD411",
                reference,
                read,
                message,
                f"read steps.ID.{field} of a step, or move this to finally",
            )
            return
        if field == "started_at" and read.kind == "concurrency":
            message = "`run.started_at` is not known yet: the key is decided when the run is accepted"
            self._say("TRD411", reference, read, message, "read inputs, run.labels or run.workflow")
            return
        self._among(RUN_FIELDS, reference.keys, reference, read)
        if field == "error":
            self._among(ERROR_FIELDS, reference.keys[1:], reference, read)

    def _error(self, reference: Reference, read: Read, _setting: _Setting) -> None:
        self._among(ERROR_FIELDS, reference.keys, reference, read)

    def _among(
        self, fields: Collection[str], keys: Collection[str | int], reference: Reference, read: Read
    ) -> None:
        for key in list(keys)[:1]:
            if key not in fields:
                near = self.problems.near(str(key), fields, listed("there are", fields))
                self._say("TRD421", reference, read, f"there is no {str(key)!r} in `{reference}`", near)


def _through(way: list[StepSpec]) -> str:
    """How to read the last step of *way* from where its first is seen."""
    if not way:
        return "there is no way to read it from here"
    start = f"steps.{way[0].id}.output"
    if all(step.type.whole for step in way[:-1]):
        # The output of a step that is nothing but a block maps ids to outputs.
        return f"write {'.'.join([start, *(step.id for step in way[1:])])}"
    return f"read it through the step it is in: {start}"
