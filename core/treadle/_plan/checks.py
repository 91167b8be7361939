"""Whether every expression of a spec can have a value, and one of the kind that is wanted where it stands.

Rule 1: steps are visited in the order in which they can run: what a step gives is known before it is read.
Rule 2: an expression with a name that does not exist is not judged further: one mistake, one problem.
Rule 3: only what is certain is an error. What is not known is `ANY`, of which nobody complains.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle._expr import Expression, Template
from treadle._expr.infer import infer, infer_condition, infer_template, proven, refuted, truth, type_of_path
from treadle._expr.narrowing import CONDITION
from treadle._expr.types import ANY, INTEGER, NULL, TEXT, Type, list_of, mapping_of, of_value, or_null, union
from treadle._plan.absent import (
    IN_FINALLY,
    Settling,
    always_the_same,
    conjuncts,
    given_instead,
    order_of,
    tolerated,
)
from treadle._plan.fitting import unfit
from treadle._plan.given import Misfit, misfit_of
from treadle._plan.reads import Read, expressions_of, expressions_of_workflow, templates_in
from treadle._plan.tables import Variable, check_table, variable_of
from treadle._plan.types import ERROR, Sight, Types, fields_type, nullable
from treadle._settings.conditions import Around, Conditions, conditions_of
from treadle._settings.outputs import Answers, output_type, widened

if TYPE_CHECKING:
    from treadle._expr.infer import Complaint
    from treadle._model import Input, Spec, StepSpec
    from treadle._places import Place
    from treadle._plan.blocks import BlockPlan
    from treadle._plan.calls import Call
    from treadle._plan.lexical import Scopes
    from treadle._plan.problems import Problems
    from treadle._plan.strategies import InForce

__all__ = ["check_types"]

_ONCE = ("when", "foreach", "max_parallel")


def check_types(
    spec: Spec,
    scopes: Scopes,
    blocks: list[BlockPlan],
    problems: Problems,
    refused: Collection[int],
    called: Mapping[int, Call],
) -> tuple[Settling, Mapping[str, Type]]:
    """Report every expression of *spec* that cannot have a fitting value; how its steps can settle.

    The second is what its outputs are. *refused* are the expressions, by identity, of which `check_names` has
    told; *called* is, by identity of a step that calls a workflow, what is known of the call.
    """
    checker = _Checker(spec, scopes, blocks, problems, refused, called)
    checker.workflow()
    return checker.settling, {name: checker._value(value).present() for name, value in spec.outputs.items()}


_OF_LITERALS = frozenset({"TRD430", "TRD431", "TRD433", "TRD435", "TRD437"})
"""What the values that a template is given may come to where its conditions never look at them."""


class _Checker:
    """Visits every expression once."""

    def __init__(
        self,
        spec: Spec,
        scopes: Scopes,
        blocks: list[BlockPlan],
        problems: Problems,
        refused: Collection[int],
        called: Mapping[int, Call],
    ) -> None:
        self.spec = spec
        self.blocks = blocks
        self.problems = problems
        self.refused = refused
        self.called = called
        self.settling = Settling(blocks)
        self.types = Types(spec, scopes, blocks, self.settling, self.held)
        self._inferred: dict[int, Type] = {}
        self._wrong: set[int] = set(refused)
        self._misfits: set[tuple[Any, ...]] = set()
        self._conjuncts: dict[int, frozenset[str]] = {}

    # --- the walk -----------------------------------------------------------------------------------

    def workflow(self) -> None:
        """All of the spec: what is read before the steps, the steps, and what is read after them."""
        outside = Sight()
        reads: dict[str, list[Read]] = {}
        for read in expressions_of_workflow(self.spec):
            reads.setdefault(read.kind, []).append(read)
        self._vars(reads.pop("vars", []), outside)
        outputs = reads.pop("outputs", [])
        for kind in reads:
            for read in reads[kind]:
                self._check(read, outside)
        self._block(0, outside)
        for read in outputs:
            self._check(read, outside)
        if self.spec.finally_ is not None:
            self._block(self.spec.finally_.index, Sight(in_finally=True))

    def _vars(self, reads: list[Read], sight: Sight) -> None:
        by_name: dict[str | None, list[Read]] = {}
        for read in reads:
            by_name.setdefault(read.key, []).append(read)
        for name, value in self.spec.vars.items():
            for read in by_name.get(name, ()):
                self._check(read, sight)
            self.types.vars[name] = self._value(value)

    def _block(self, block: int, sight: Sight) -> None:
        plan = self.blocks[block]
        for index in order_of(plan):
            self.settling.settle(block, index)
            self._step(plan, index, attrs.evolve(sight, block=block, step=index))

    def _step(self, plan: BlockPlan, index: int, sight: Sight) -> None:
        step = plan.steps[index]
        own = plan.spec.index, index
        reads = list(expressions_of(step))
        conditions = conditions_of(step.settings)
        if step.when is not None:
            for read in reads:
                if read.kind == "when":
                    self._check(read, sight)
            if id(step.when) not in self.refused:
                sight = self._where(sight, step.when, True)
        for read in reads:
            if read.kind in _ONCE[1:]:
                self._check(read, sight)
        inside = self._elements(step, sight)
        for read in reads:
            if read.kind in ("settings", "given", "env", "on_error"):
                self._check(read, inside, conditions if read.kind != "given" else None)
        self._arguments(step)
        for table in conditions.tables:
            check_table(table, self._variable(inside), step.settings, self.problems, self.settling.warnings)
        for inner in step.blocks:
            self._inner(inner.index, inside, conditions)
        last = self._output(step)
        for read in reads:
            if read.kind == "repeat.until":
                self._check(read, self._after(inside, last, error=NULL))
            elif read.kind == "retry.if":
                self._check(
                    read,
                    self._after(inside, last.missing("a failed attempt may have no output"), error=ERROR),
                )
        self.types.outputs[own] = self._whole(step, last, plan.strategies[index])
        if step.blocks and self.types.outputs[own].is_never:
            self.settling.never_completes(*own)
        if step.undo is not None:
            self._undo(step, inside, last)

    def _inner(self, block: int, sight: Sight, conditions: Conditions) -> None:
        sight = self._within(conditions.blocks.get(block, ()), sight)
        self._block(block, sight)

    def _variable(self, sight: Sight) -> Callable[[tuple[str | int, ...]], Variable]:
        """What is known of a name that a decision table compares, in *sight*."""
        names = self.types.names(sight)

        def variable(path: tuple[str | int, ...]) -> Variable:
            declared = self.spec.inputs.get(str(path[-1])) if len(path) == 2 and path[0] == "inputs" else None
            return variable_of(type_of_path(path, names, sight.facts), declared)

        return variable

    def _undo(self, step: StepSpec, sight: Sight, output: Type) -> None:
        assert step.undo is not None
        attempted = step.undo_after == "attempted"
        own = or_null(output) if attempted else output
        error = ERROR if attempted else NULL  # there is one where there is no output
        self._block(step.undo.index, sight.adding(output=own, error=error, attempt=INTEGER))

    @staticmethod
    def _after(sight: Sight, output: Type, error: Type) -> Sight:
        """What the conditions see that are asked after an attempt."""
        return sight.adding(output=output, error=error, attempt=INTEGER, previous=ANY)

    # --- types of what a step has -------------------------------------------------------------------

    def _elements(self, step: StepSpec, sight: Sight) -> Sight:
        """What the work of *step* sees, beside what the step sees."""
        if "foreach" in step.partial:
            sight = sight.adding(item=ANY, index=INTEGER)
        elif step.foreach is not None:
            sight = sight.adding(item=_item(self._value(step.foreach, widen=False)), index=INTEGER)
        if step.repeat is not None or "repeat" in step.partial:
            sight = sight.adding(previous=ANY if step.partial else self._previous(step))
        return sight

    def _previous(self, step: StepSpec) -> Type:
        """The last round's output: what is declared of it, for what makes it may read it."""
        if step.blocks or step.partial or step.settings.spoiled:
            return ANY
        answers = Answers(step.settings, lambda _template: ANY, lambda _block: ANY, fields_type)
        return or_null(output_type(step.type.output, answers))

    def _output(self, step: StepSpec) -> Type:
        """What one round of one element gives."""
        if step.partial or step.settings.spoiled:
            return ANY
        if (call := self.called.get(id(step))) is not None and call.output is not None:
            return call.output
        answers = Answers(
            step.settings, self._template, lambda block: self.types.of_block(block.index), fields_type
        )
        return output_type(step.type.output, answers)

    @staticmethod
    def _whole(step: StepSpec, output: Type, strategy: InForce) -> Type:
        """What the step gives, with all its elements."""
        if "foreach" in step.partial:
            return ANY
        if step.foreach is None:
            return output
        nulls = tolerated(step, strategy) or output.absent
        output = union([output.present(), *(widened(of_value(one)) for one in given_instead(strategy))])
        return list_of(or_null(output) if nulls else output)

    def _value(self, value: Any, *, widen: bool = True) -> Type:
        """The type of data with templates that have been checked."""
        if isinstance(value, Template):
            found = self._template(value)
            return widened(found) if widen and not value.references else found
        if isinstance(value, Mapping):
            fields = {key: self._value(item, widen=widen) for key, item in value.items()}
            return mapping_of(fields, written=True)
        if isinstance(value, list | tuple):
            items = [self._value(item, widen=widen) for item in value]
            return list_of(union(items) if items else None)
        return widened(of_value(value)) if widen else of_value(value)

    def _template(self, template: Template) -> Type:
        return self._inferred.get(id(template), ANY if template.whole else TEXT)

    # --- conditions ---------------------------------------------------------------------------------

    def _where(self, sight: Sight, condition: Expression, outcome: bool) -> Sight:
        """*sight* where *condition* was true, or false."""
        learn = proven if outcome else refuted
        return attrs.evolve(sight, facts=learn(condition, self.types.names(sight), sight.facts))

    def _within(self, around: Around, sight: Sight) -> Sight:
        """*sight* where conditions of the same settings were true, or false."""
        for condition, outcome in around:
            if id(condition) not in self.refused:
                sight = self._where(sight, condition, outcome)
        return sight

    def held(self, sight: Sight, condition: Expression) -> bool:
        """Whether *condition*, of another step, is true in *sight*, by what is written or known there."""
        if id(condition) in self.refused:
            return False
        wanted_ = self._parts(condition)
        if wanted_ and all((CONDITION, part) in sight.facts for part in wanted_):
            return True
        names = self.types.names(sight)
        return always_the_same(condition) and truth(condition, names, sight.facts) is True

    def _parts(self, condition: Expression) -> frozenset[str]:
        found = self._conjuncts.get(id(condition))
        if found is None:
            found = self._conjuncts[id(condition)] = frozenset(conjuncts(condition))
        return found

    # --- one expression -----------------------------------------------------------------------------

    def _check(self, read: Read, sight: Sight, conditions: Conditions | None = None) -> None:
        """Report what is wrong with one expression, and remember its type."""
        if id(read.text) in self.refused:
            return
        if conditions is not None:
            sight = self._within(conditions.texts.get(id(read.text), ()), sight)
        if read.added:
            sight = sight.adding(**dict.fromkeys(read.added, ANY))
        names = self.types.names(sight)
        if isinstance(read.text, Template):
            found, complaints = infer_template(read.text, names, sight.facts)
            self._inferred[id(read.text)] = found
        elif self._is_condition(read, conditions):
            found, complaints = infer_condition(read.text, names, sight.facts)
        else:
            found, complaints = infer(read.text, names, sight.facts)
        for complaint in complaints:
            self._complain(read, complaint, sight)
            self._wrong.add(id(read.text))
        if not complaints and isinstance(read.text, Template) and read.kind != "given":
            self._judge(read, read.text, found)

    def _judge(self, read: Read, template: Template, found: Type) -> None:
        """Report a value that does not fit, unless it did not fit the parameter that it was given for."""
        place = read.place
        if place.line is None or (place.file, place.line, place.column) not in self._misfits:
            for problem in unfit(read, template, found):
                self.problems.add(*problem)

    @staticmethod
    def _is_condition(read: Read, conditions: Conditions | None) -> bool:
        return conditions is None or id(read.text) in conditions.expressions

    def _complain(self, read: Read, complaint: Complaint, sight: Sight) -> None:
        code = complaint.code
        if code in _OF_LITERALS and read.place.assembled:
            return
        if sight.in_finally and code == "TRD434" and IN_FINALLY in complaint.message:
            code = "TRD422"
        if code == "TRD434" and read.kind == "given" and nullable(read.wanted):
            return  # the template looks whether there is a value
        place = read.place.inside(complaint.offset)
        self.problems.add(code, place, complaint.message, complaint.fix, under=read.under)

    def _arguments(self, step: StepSpec) -> None:
        """Whether expressions fit what is declared: inputs of a workflow, parameters of a template."""
        for argument in step.given:
            named = f"the parameter {argument.declared.name!r}"
            self._argument(argument.declared, argument.value, argument.place, named, seconds=True)
        call = self.called.get(id(step))
        for declared, value, place in () if call is None else call.evaluated():
            assert call is not None
            named = f"the input {declared.name!r} of the workflow {call.callee.name!r}"
            self._argument(declared, value, place, named, seconds=False)

    def _argument(self, declared: Input, value: Any, place: Place, named: str, *, seconds: bool) -> None:
        if any(id(template) in self._wrong for _, template in templates_in(value, "")):
            return
        found = self._value(value, widen=False)
        why = misfit_of(found, declared, seconds=seconds)
        if why:
            self._misfits.add((place.file, place.line, place.column))
            self.problems.add(*Misfit(declared, value, found, named).problem(why, place))


def _item(elements: Type) -> Type:
    """What ``item`` is, by the type of what foreach goes over."""
    found = []
    if "list" in elements.kinds:
        found.append(elements.item or ANY)
    if "mapping" in elements.kinds:
        fields = elements.fields
        known = fields is not None and not elements.open
        value = union(each.present() for each in (fields or {}).values()) if known else ANY
        found.append(mapping_of({"key": TEXT, "value": value}))
    return union(found) if found and elements.kinds <= {"list", "mapping", "null"} else ANY
