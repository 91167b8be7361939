"""Values of a run's expressions: what they may refer to, gathered from the run and the scope.

Rule 1: a failure to evaluate is a `StepError` ``expression`` that shows the expression, where it stands in
the spec and the names it saw; never a traceback.
Rule 2: every secret that the run's steps could get at is masked before the first of them starts: commands
inherit the environment, and need no expression to read it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from treadle._engine.masking import SHORTEST
from treadle._engine.plain import NotPlain, to_plain
from treadle._engine.scope import Scope, outcome_names
from treadle._expr import Expression, ExpressionError, Template
from treadle._frontier import ABSENT
from treadle.errors import Problem, StepError, printable
from treadle.events import iso_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from treadle._engine.run import Run
    from treadle._engine.step import StepRun
    from treadle._expr.references import Reference
    from treadle._model import Input

LEVEL_NAMES = frozenset({"item", "index", "previous", "output", "error", "attempt"})
_MOST_SHOWN = 200  # characters of a value that a condition saw

_log = logging.getLogger("treadle.secrets")


class Evaluation:
    """Evaluates the expressions of one run."""

    __slots__ = ("_env", "_run", "ending", "vars")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._env: dict[str, str] | None = None
        self.vars: dict[str, Any] = {}
        self.ending: dict[str, Any] = {}  # run.status and run.error, once decided

    def value(
        self,
        expression: Expression | Template,
        scope: Scope,
        names: Mapping[str, Any] | None = None,
        now: float | None = None,
    ) -> Any:
        """The value of *expression* as seen from *scope*, with *names* before all others.

        *now* is what ``now()`` gives, the present unless given. Raises StepError ``expression``.
        """
        seen = self._gather(expression, scope, names)
        try:
            return expression.evaluate(seen, now=self._run.surroundings.now() if now is None else now)
        except ExpressionError as error:
            raise self.failed(str(error), expression) from error

    def condition(self, expression: Expression, scope: Scope, names: Mapping[str, Any] | None = None) -> bool:
        """The value of a condition; anything but a boolean is an error."""
        value = self.value(expression, scope, names)
        if not isinstance(value, bool):
            kind = "null" if value is None else type(value).__name__
            message = f"a condition must be true or false, and this is {kind}; compare it"
            raise self.failed(f"{message}, in: {expression.source}", expression)
        return value

    def saw(self, expression: Expression, scope: Scope) -> dict[str, Any]:
        """The values behind the names of *expression*, as written in it; large ones cut short."""
        seen = self._gather(expression, scope, None)
        return {str(reference): _shown(_followed(seen, reference)) for reference in expression.references}

    def filled(
        self, value: Any, scope: Scope, names: Mapping[str, Any] | None = None, now: float | None = None
    ) -> Any:
        """Plain data in which each template has been replaced by its value."""
        if isinstance(value, Template):
            return self.value(value, scope, names, now)
        if isinstance(value, dict):
            return {key: self.filled(item, scope, names, now) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.filled(item, scope, names, now) for item in value]
        return value

    def failed(self, message: str, expression: Expression | Template) -> StepError:
        """The error of an expression that has no value."""
        data: dict[str, Any] = {"expression": expression.source}
        place = self._run.plan.place_of(expression)
        if place is not None:
            marks = (place.file, place.line, place.column)
            data["place"] = ":".join(str(mark) for mark in marks if mark is not None) or place.path
            message = f"{data['place']}: {message}"
        return StepError("expression", printable(message), data=data)

    # --- what expressions see ---

    def _gather(
        self, expression: Expression | Template, scope: Scope, names: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        seen: dict[str, Any] = dict(names) if names else {}
        for reference in expression.references:
            root = reference.root
            if root == "steps":
                if reference.keys:
                    step_id = str(reference.keys[0])
                    steps = seen.setdefault("steps", {})
                    if step_id not in steps:
                        steps[step_id] = outcome_names(scope.step(step_id))
            elif root == "secrets":
                if reference.keys:
                    name = str(reference.keys[0])
                    seen.setdefault("secrets", {})[name] = self.secret(name)
            elif root in seen:
                continue
            elif root in LEVEL_NAMES:
                value = scope.name(root)
                if value is not ABSENT:
                    seen[root] = value
            else:
                seen[root] = self._roots[root](self, scope)
        return seen

    def _inputs(self, _scope: Scope) -> Mapping[str, Any]:
        declared = self._run.plan.spec.inputs
        if not any(item.holds_secret for item in declared.values()):
            return self._run.inputs
        return {name: self._revealed(declared[name], value) for name, value in self._run.inputs.items()}

    def _revealed(self, declared: Input, value: Any) -> Any:
        if declared.secret and isinstance(value, str):
            return self.secret(value)
        if declared.items is not None and declared.items.secret and isinstance(value, list):
            return [self.secret(name) for name in value]
        return value

    def _vars(self, _scope: Scope) -> Mapping[str, Any]:
        return self.vars

    def _env_names(self, scope: Scope) -> Mapping[str, str]:
        own = scope.name("env")
        return self.env() if own is ABSENT else own

    def _run_names(self, _scope: Scope) -> Mapping[str, Any]:
        run = self._run
        names = {
            "id": run.id,
            "workflow": run.workflow,
            "correlation_id": run.correlation_id,
            "labels": run.labels,
        }
        if run.started_at is not None:
            names["started_at"] = iso_time(run.started_at)
        return names | self.ending

    _roots: Mapping[str, Callable[[Evaluation, Scope], Any]] = {
        "inputs": _inputs,
        "vars": _vars,
        "env": _env_names,
        "run": _run_names,
    }

    def env(self) -> dict[str, str]:
        """The workflow's environment, evaluated when first wanted."""
        if self._env is None:
            env: dict[str, str] = {}
            scope = Scope(None, names={"env": env})
            for name, value in self._run.plan.spec.env.items():
                env[name] = env_text(self.filled(value, scope), name)
            self._env = env
        return self._env

    def secret(self, name: str) -> str:
        """The value of a secret, masked in this run from now on.

        Raises StepError ``secret`` if no provider has it, or it is too short to be kept.
        """
        value = self._run.surroundings.secret(name)
        if len(value) < SHORTEST:
            raise StepError(
                "secret",
                f"the secret {name!r} has {len(value)} characters; one of fewer than {SHORTEST} cannot be"
                " kept out of what steps say; give it a longer value",
            )
        self._run.masker.add(value)
        return value

    def mask_declared(self) -> None:
        """Mask every secret that the workflow declares or an input names.

        One that cannot be had is an error only of the step that uses it.
        """
        for name in sorted(self._declared()):
            try:
                self._run.masker.add(self._run.surroundings.secret(name))
            except StepError:
                pass  # nobody has it
            except Exception as error:
                _log.warning("secret %s cannot be masked ahead: %s", name, type(error).__name__)

    def secrets_given(self) -> list[Problem]:
        """A problem for each input that holds a secret in clear: inputs are journaled as they are."""
        masker = self._run.masker
        problems = []
        for name, value in self._run.inputs.items() if masker else ():
            if masker.data(value) != value:
                said = f"the input {name!r} holds the value of a secret, which no journal may have"
                fix = "declare it with secret: true, and give the name of the secret"
                problems.append(Problem(said, f"inputs.{name}", fix, code="TRD605"))
        return problems

    def _declared(self) -> set[str]:
        spec = self._run.plan.spec
        names = set(spec.secrets)
        for name, value in self._run.inputs.items():
            if spec.inputs[name].holds_secret:
                named = value if isinstance(value, list) else [value]
                names.update(one for one in named if isinstance(one, str))
        return names


def _followed(seen: Mapping[str, Any], reference: Reference) -> Any:
    """What *reference* leads to in *seen*; None where it leads nowhere."""
    value: Any = seen.get(reference.root)
    for key in reference.keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _shown(value: Any) -> Any:
    """*value* as people are shown it: what is large as the beginning of its text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _MOST_SHOWN:
        return f"{text[:_MOST_SHOWN]}…"
    try:
        return value if isinstance(value, str) else to_plain(value, 8 * _MOST_SHOWN)
    except NotPlain:
        return text


def env_text(value: Any, name: str) -> str:
    """A value as environment text: text, numbers and booleans as a spec writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise StepError(
        "expression", f"env.{name} must be text, a number or a boolean, not {type(value).__name__}"
    )


def gathered_env(step: StepRun) -> dict[str, str]:
    """The environment of *step* on top of what encloses it."""
    outer = step.scope.name("env")
    env = dict(step.run.evaluation.env() if outer is ABSENT else outer)
    scope = Scope(step.scope, names={"env": env})
    for name, value in step.spec.env.items():
        env[name] = env_text(step.run.evaluation.filled(value, scope), name)
    return env
