"""The types of all names that expressions of a spec can read.

Rule 1: a type is made when it is asked for, once for each way to see it. Nothing here recurses over steps;
  what a step gives is worked out (`treadle._plan.checks`) after the steps that it reads, and `ANY` before.
Rule 2: names that do not exist are `check_names`'s to report; here they are `ANY`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr.infer import Facts
from treadle._expr.types import (
    ANY,
    BOOLEAN,
    INTEGER,
    KINDS,
    NEVER,
    NULL,
    NUMBER,
    TEXT,
    Type,
    list_of,
    mapping_of,
    of_value,
    or_null,
    union,
)
from treadle._inputs import input_from_data
from treadle._kinds import Ask, Tolerate
from treadle._plan.absent import (
    ANY_RESULT,
    IN_FINALLY,
    NOT_ENDED,
    given_instead,
    tolerated,
    why_absent,
)
from treadle._plan.blocks import COMPLETED, FAILED, SKIPPED, TOLERATED
from treadle._plan.strategies import may_decide
from treadle._settings.outputs import widened

if TYPE_CHECKING:
    from collections.abc import Callable

    from treadle._expr import Expression
    from treadle._kinds import Fields
    from treadle._model import Input, Spec
    from treadle._plan.absent import Settling
    from treadle._plan.blocks import BlockPlan
    from treadle._plan.lexical import Scopes

__all__ = ["ERROR", "Sight", "Types", "declared_type", "fields_type", "nullable"]

ERROR = mapping_of({"name": TEXT, "message": TEXT, "data": ANY, "path": or_null(TEXT)}, open=True)
_PERHAPS_ERROR = attrs.evolve(ERROR, kinds=KINDS)
"""An error, or null; of any kind, for it is read without asking by those that are there because of it."""

_STATUS = union(map(of_value, ("completed", "failed", "skipped", "omitted", "cancelled")))
_RUN = {
    "id": TEXT,
    "workflow": TEXT,
    "correlation_id": TEXT,
    "started_at": TEXT,
    "labels": mapping_of(),
}
_ENDS = union(map(of_value, ("completed", "failed", "rolled_back", "cancelled")))
_SCALARS = {
    "string": TEXT,
    "integer": INTEGER,
    "number": NUMBER,
    "boolean": BOOLEAN,
    "duration": NUMBER,
    "object": mapping_of(),
}


def declared_type(declared: Input) -> Type:
    """The type of an input, or of what a person fills in."""
    if declared.secret:
        found = TEXT
    elif declared.enum is not None and declared.type not in ("list", "object"):
        found = union(map(of_value, declared.enum))
    elif declared.type == "list":
        found = list_of(None if declared.items is None else declared_type(declared.items))
    else:
        found = _SCALARS[declared.type]
    return or_null(found) if nullable(declared) else found


def nullable(declared: Input) -> bool:
    """Whether there may be null in its place."""
    return not declared.required and declared.default is None


def fields_type(fields: Fields) -> Type:
    """The type of what a person fills in."""
    return mapping_of(
        {name: declared_type(input_from_data(name, data)) for name, data in fields.declared.items()}
    )


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Sight:
    """What an expression sees from where it stands.

    Attributes:
      block, step: indexes of its step; *step* is None where it belongs to the workflow.
      names: the types of ``item``, ``index``, ``previous``, ``output``, ``error`` and ``attempt`` here.
      facts: what conditions around it have proven.
      in_finally: whether the run's end is known, and nothing is known of how the steps ended.
    """

    block: int = 0
    step: int | None = None
    names: Mapping[str, Type] = attrs.field(factory=dict)
    facts: Facts = attrs.field(factory=dict)
    in_finally: bool = False

    def adding(self, **names: Type) -> Sight:
        """With *names*; what was known of names that they hide is forgotten."""
        facts = self.facts
        if facts:
            facts = {path: known for path, known in facts.items() if path[0] not in names}
        return attrs.evolve(self, names={**self.names, **names}, facts=facts)


class Types:
    """The types of one spec's names.

    Attributes:
      outputs: by block and step, what a step gives that completed; as far as it is worked out.
      vars: as far as they are worked out.
    """

    def __init__(
        self,
        spec: Spec,
        scopes: Scopes,
        blocks: list[BlockPlan],
        settling: Settling,
        held: Callable[[Sight, Expression], bool],
    ) -> None:
        self._spec = spec
        self._scopes = scopes
        self._blocks = blocks
        self._settling = settling
        self._held = held
        self.outputs: dict[tuple[int, int], Type] = {}
        self.vars: dict[str, Type] = {}
        self._as_seen: dict[tuple[int, int, int, bool], Type] = {}
        self._roots = {
            "inputs": mapping_of(
                {name: declared_type(declared) for name, declared in spec.inputs.items()}, open=True
            ),
            "vars": mapping_of(self.vars, open=True),
            "env": mapping_of(_Texts(), open=True),
            "secrets": mapping_of(dict.fromkeys(spec.secrets, TEXT), open=True),
            "run": mapping_of(_RUN, open=True),
        }

    def names(self, sight: Sight) -> Callable[[str], Type]:
        """The type of each name in *sight*."""
        return _Names(self, sight)

    def root(self, sight: Sight, root: str) -> Type:
        """The type of one name in *sight*."""
        if root == "steps":
            return mapping_of(_Steps(self, sight), open=True)
        if root == "run" and sight.in_finally:
            return self._ended(sight)
        return sight.names.get(root) or self._roots.get(root, ANY)

    @staticmethod
    def _ended(sight: Sight) -> Type:
        status = sight.facts.get(("run", "status"))
        failed = status is not None and status.choices is not None and "completed" not in status.choices
        error = ERROR if failed else or_null(ERROR)
        return mapping_of({**_RUN, "status": _ENDS, "error": error}, open=True)

    def step(self, sight: Sight, wanted: str) -> Type | None:
        """What ``steps.wanted`` is in *sight*; None for no such step."""
        seen = self._scopes.find(sight.block, -1 if sight.step is None else sight.step, wanted)
        if seen is None:
            return None
        if seen.reader == seen.step:
            return ANY
        where = seen.block, seen.step
        inside = sight.step is not None and seen.reader is not None
        if inside:
            assert seen.reader is not None
            results = self._settling.for_reader(*where, seen.reader, sight.facts)
        elif sight.in_finally:
            results = ANY_RESULT
        else:
            results = self._settling.at_the_end(*where, sight.facts)
        step = self._blocks[seen.block].steps[seen.step]
        if step.when is not None and results != COMPLETED and self._held(sight, step.when):
            results &= ~SKIPPED
        ending = sight.in_finally and (seen.reader is None or self._blocks[seen.block].spec.role == "finally")
        return self._seen(*where, results, ending)

    def _seen(self, block: int, step: int, results: int, ending: bool) -> Type:
        key = block, step, results, ending
        found = self._as_seen.get(key)
        if found is None:
            found = self._as_seen[key] = self._step_type(block, step, results, ending)
        return found

    def _step_type(self, block: int, step: int, results: int, ending: bool) -> Type:
        spec = self._blocks[block].steps[step]
        step_id = spec.id
        output, why = self._given(block, step, results)
        if spec.foreach is not None and output.item is not None and results & (FAILED | TOLERATED):
            output = list_of(or_null(output.item))  # one that failed keeps what its elements gave
        if why or output.is_never:
            reason = IN_FINALLY if ending else why or f"step {step_id!r} never completes"
            output = output.missing(reason)
        error = or_null(ERROR) if ending else self._error(block, step, results)
        if results & NOT_ENDED and not ending:
            status, attempts, error = (each.missing(why) for each in (_STATUS, INTEGER, error))
        else:
            status, attempts = _STATUS, INTEGER
        return mapping_of(
            {"output": output, "status": status, "error": error, "attempts": attempts}, open=True
        )

    def _given(self, block: int, step: int, results: int) -> tuple[Type, str]:
        """What a step gives that settled so, and why it may give nothing."""
        plan = self._blocks[block]
        spec, strategy = plan.steps[step], plan.strategies[step]
        output = self.outputs.get((block, step), ANY)
        if results & TOLERATED and not tolerated(spec, strategy):
            completes = [output] if results & COMPLETED else []
            output = union([*completes, *(widened(of_value(one)) for one in given_instead(strategy))])
            results = results & ~TOLERATED | COMPLETED
        return output, "" if spec.partial else why_absent(spec.id, results)

    def _error(self, block: int, step: int, results: int) -> Type:
        """What ``steps.ID.error`` is: null where there is none."""
        failing = FAILED | TOLERATED
        if results and not results & ~failing:
            return ERROR
        decisions = may_decide(self._blocks[block].strategies[step]) or ()
        open_ = any(isinstance(one, Ask | Tolerate) for one in decisions)  # somebody may say to go on
        return _PERHAPS_ERROR if open_ or not results or results & failing else NULL

    def of_block(self, block: int) -> Type:
        """What a block gives that completed: the outputs of its steps by id."""
        steps = self._blocks[block].steps
        if not all(self._settling.in_success[block]):
            return NEVER  # one of them always fails, and so does the block
        fields = {}
        for index, step in enumerate(steps):
            output, why = self._given(block, index, self._settling.in_success[block][index])
            if not output.is_never or why:
                fields[step.id] = output.missing(why) if why else output
        return mapping_of(fields)


class _Names:
    """The types of the names in a sight, also as they are where more is known."""

    def __init__(self, types: Types, sight: Sight) -> None:
        self._types = types
        self._sight = sight

    def __call__(self, root: str) -> Type:
        return self._types.root(self._sight, root)

    def under(self, facts: Facts) -> _Names:
        """The same where *facts* are known, as in one branch of ``A if C else B``."""
        return _Names(self._types, attrs.evolve(self._sight, facts=facts))


class _Texts(Mapping[str, Type]):
    """An environment: any name, and always text."""

    def __getitem__(self, key: str) -> Type:
        return TEXT

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Steps(Mapping[str, Type]):
    """The steps in sight, by id."""

    def __init__(self, types: Types, sight: Sight) -> None:
        self._types = types
        self._sight = sight

    def __getitem__(self, key: Any) -> Type:
        found = self._types.step(self._sight, str(key))
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        return self._types._scopes.visible(self._sight.block)

    def __len__(self) -> int:
        return sum(1 for _ in self)
