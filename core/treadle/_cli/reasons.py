"""Why a step stands as it does, as plain data: what its journal recorded, and the needs that its plan has.

Rule 1: nothing is decided here again. What a strategy, a condition or a person decided is read.
Rule 2: a failure is followed to where it came from: through blocks, unmet needs and stopped blocks.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle._paths import enclosing, inside_of, join
from treadle._plan.blocks import COMPLETED, RESULTS, TOLERATED
from treadle._state import STOPPED
from treadle.events import StepStatus, iso_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treadle import StepResult
    from treadle._cli.history import History
    from treadle._plan.blocks import BlockPlan, NeedPlan
    from treadle._plan.plan import Plan
    from treadle.events import Event

_RUN_CANCELLED = "the run was cancelled"


class Stand(NamedTuple):
    """Where a step stands in the plan: its block, and its index there."""

    block: BlockPlan
    place: int


class Reasons:
    """Answers about one run; *plan* is that of the recorded spec, None if it cannot be compiled here."""

    def __init__(self, history: History, plan: Plan | None) -> None:
        self.history = history
        self._plan = plan

    # --- a step ---

    def of_step(self, path: str) -> dict[str, Any]:
        """Why the step at *path* stands as it does; every key is there, whatever the state."""
        past, result = self.history.steps.get(path), self.history.state.steps.get(path)
        stand = self._stand(path)
        settled = past.settled if past else None
        return {
            "run": self.history.state.run,
            "workflow": self.history.state.workflow,
            "step": path,
            "status": "pending" if result is None else str(result.status),
            "tolerated": bool(result and result.tolerated),
            "reason": result.reason if result else None,
            "error": result.error.to_data() if result and result.error else None,
            "strategy": stand.block.strategies[stand.place].entry.name if stand else None,
            "decision": settled.data.get("decision") if settled else None,
            "needs": []
            if stand is None
            else [self._need(path, stand, need) for need in stand.block.needs[stand.place]],
            "at_least": None if stand is None else self._at_least(path, stand),
            "condition": _condition(past.decided if past else None),
            "branch": past.branch if past else None,
            "elements": None if past is None or past.items is None else self._elements(path, past.items),
            "attempts": [] if past is None else [_attempt(each) for each in past.attempts],
            "again_at": None if past is None or past.retrying is None else _due(past.retrying),
            "answers": [] if past is None else [answer(event) for event in past.answers],
            "question": None if past is None or past.question is None else past.question.data,
            "inside": self._inside(path) if result is None else None,
            "cause": self.cause(path),
            "undo": None if past is None or past.undo is None else self._undo(past.undo),
        }

    def known(self) -> list[str]:
        """The paths that can be asked about: those recorded, and those of the plan."""
        planned = () if self._plan is None else self._plan.paths
        return list(dict.fromkeys([*planned, *filter(None, self.history.steps)]))

    def instances(self, path: str) -> list[str]:
        """The recorded paths that *path* may mean where it leaves out elements; empty where it is exact."""
        if self._plan is None or path in self.history.steps:
            return []
        spec = self._plan.paths.get(path)
        if spec is None:
            return []
        return sorted((p for p in self.history.steps if self._plan.resolve(p) is spec), key=_by_number)

    # --- needs ---

    def _stand(self, path: str) -> Stand | None:
        """Where the step of *path* stands; for an element of a foreach, its foreach."""
        spec = None if self._plan is None else self._plan.resolve(path)
        if self._plan is None or spec is None:
            return None
        fitting = self._stands[spec.path]
        # two branches of a step may have the same ids; the one that ran has recorded all of its steps
        return max(fitting, key=lambda stand: self._recorded(_before(path, stand), stand.block), default=None)

    @cached_property
    def _stands(self) -> Mapping[str, Sequence[Stand]]:
        """Every step of the plan by its static path."""
        stands: dict[str, list[Stand]] = {}
        for block in self._plan.blocks if self._plan else ():
            for place, step in enumerate(block.steps):
                stands.setdefault(step.path, []).append(Stand(block, place))
        return stands

    def _recorded(self, prefix: str, block: BlockPlan) -> int:
        recorded = [join(prefix, step.id) in self.history.steps for step in block.steps]
        return sum(recorded) - recorded.count(False)

    def _need(self, path: str, stand: Stand, need: NeedPlan) -> dict[str, Any]:
        other = join(_before(path, stand), stand.block.steps[need.step].id)
        result = self.history.state.steps.get(other)
        bits = _bits(result)
        return {
            "step": other,
            "wanted": need.result,
            "label": need.label,
            "inferred": need.source,
            "satisfied": bool(bits & need.accepts) if bits else None,
            "status": "pending" if result is None else str(result.status),
            "tolerated": bool(result and result.tolerated),
            "reason": result.reason if result else None,
            "error": result.error.to_data() if result and result.error else None,
        }

    def _at_least(self, path: str, stand: Stand) -> dict[str, Any] | None:
        group = stand.block.at_least[stand.place]
        if group is None:
            return None
        paths = [join(_before(path, stand), stand.block.steps[index].id) for index in group.steps]
        results = {each: self.history.state.steps.get(each) for each in paths}
        return {
            "count": group.count,
            "of": {each: str(result.status) if result else "pending" for each, result in results.items()},
            "completed": sum(_bits(result) == COMPLETED for result in results.values()),
        }

    # --- what is inside, what is around ---

    def _elements(self, path: str, items: list[Any]) -> dict[str, int]:
        """How many elements the newest attempt has, and by status how many came so far."""
        prefix = inside_of(path, len(self.history.steps[path].attempts))
        steps = self.history.state.steps
        elements = (steps.get(f"{prefix}.{number}") for number in range(len(items)))
        counted = Counter(str(result.status) for result in elements if result is not None)
        return {"all": len(items), **counted}

    def _inside(self, path: str) -> dict[str, Any] | None:
        """The nearest step around *path* that has settled, so that the step will never be reached."""
        for outer in enclosing(path):
            result = self.history.state.steps.get(outer)
            if result is not None and result.status.settled:
                return {"step": outer, "status": str(result.status), "reason": result.reason}
        return None

    # --- where it came from ---

    def cause(self, path: str) -> dict[str, Any] | None:
        """The first failure, or the command, that *path* did not complete for; None if it is its own."""
        seen: set[str] = set()
        step: str | None = path
        while step is not None and step not in seen:
            seen.add(step)
            result = self.history.state.steps.get(step)
            if result is None:
                inside = self._inside(step)
                step = self._unmet(step) if inside is None else inside["step"]
            elif result.status is StepStatus.FAILED:
                return self._failure(path, step, result)
            elif result.status in (StepStatus.OMITTED, StepStatus.CANCELLED):
                stopped = result.status is StepStatus.CANCELLED or (result.reason or "").startswith(STOPPED)
                reason = (result.reason or "").removeprefix(STOPPED)
                if reason.startswith(_RUN_CANCELLED):
                    return self.cancel(self._seq(step))
                step = self._stopper(step, reason) if stopped else self._unmet(step)
            else:
                return None
        return None

    def _failure(self, asked: str, step: str, result: StepResult) -> dict[str, Any] | None:
        """The failure of *step*, by the path of whatever failed first inside it."""
        error = result.error
        if error is None:
            return None
        first = error.path or step
        return None if first == asked else {"step": first, "error": error.to_data()}

    def _unmet(self, path: str) -> str | None:
        """The first need of *path* that was not satisfied."""
        stand = self._stand(path)
        if stand is None:
            return None
        needs = (self._need(path, stand, need) for need in stand.block.needs[stand.place])
        unmet = next((need["step"] for need in needs if need["satisfied"] is False), None)
        if unmet is None and (group := self._at_least(path, stand)) is not None:
            lost = ("failed", "omitted", "cancelled", "skipped")
            unmet = next((each for each, status in group["of"].items() if status in lost), None)
        return unmet

    def _stopper(self, path: str, reason: str) -> str | None:
        """The step whose failure stopped a block around *path*, as *reason* names it."""
        before, seq = path.rpartition(".")[0], self._seq(path)
        while True:
            for other, past in self.history.steps.items():
                failed = past.settled
                if failed is None or failed.type != "step.failed" or other.rpartition(".")[0] != before:
                    continue
                names = (other, other.rpartition(".")[2])
                if (failed.seq or 0) < seq and any(reason.startswith(f"{name} failed") for name in names):
                    return other
            if not before:
                return None
            before = before.rpartition(".")[0]

    def _seq(self, path: str) -> int:
        past = self.history.steps.get(path)
        return (past.settled.seq or 0) if past and past.settled else len(self.history.events) + 1

    def cancel(self, before: int | None = None) -> dict[str, Any] | None:
        """The command that cancelled the run."""
        for event in self.history.commands:
            accepted = event.data.get("command") == "cancel" and event.data.get("answer") == "accepted"
            if accepted and (before is None or (event.seq or 0) < before):
                return command(event)
        return None

    def _undo(self, undo: Event) -> dict[str, Any]:
        asked = self.history.rolling_back
        return {
            "status": {"step.undoing": "undoing", "step.undone": "undone"}.get(undo.type, "failed"),
            "time": iso_time(undo.time),
            "error": undo.data.get("error"),
            "asked_by": asked.data.get("step") if asked and (asked.seq or 0) < (undo.seq or 0) else None,
        }

    # --- the run ---

    def of_run(self) -> dict[str, Any]:
        """Why the run stands as it does."""
        state = self.history.state
        error = state.error
        asked = self.history.rolling_back
        return {
            "run": state.run,
            "workflow": state.workflow,
            "status": str(state.status),
            "reason": state.reason,
            "error": error.to_data() if error else None,
            "cause": {"step": error.path, "error": error.to_data()} if error and error.path else None,
            "rolled_back_for": asked.data.get("step") if asked else None,
            "rollback": state.rollback,
            "cancel": self.cancel() if state.status in ("cancelled", "cancelling") or asked else None,
            "pause": self._pause() if state.status in ("pausing", "paused") else None,
            "tolerated": [path for path, step in state.steps.items() if step.tolerated],
            "running": [path for path, step in state.steps.items() if step.status is StepStatus.RUNNING],
            "questions": [
                {"step": event.step or None, **event.data, "time": iso_time(event.time)}
                for event in self.history.questions
            ],
        }

    def _pause(self) -> dict[str, Any] | None:
        for event in reversed(self.history.events):
            if event.type == "workflow.pausing" and event.data.get("reason"):
                return {**command(event), "reason": event.data["reason"]}
            if event.type == "workflow.command" and event.data.get("command") == "pause":
                return command(event)
        return None


# --- pieces ----------------------------------------------------------------------------------------


def _before(path: str, stand: Stand) -> str:
    """What stands before the id of the step of *stand* in *path*, which may go on with an element."""
    before, _, last = path.rpartition(".")
    return (
        before.rpartition(".")[0] if last.partition("#")[0] != stand.block.steps[stand.place].id else before
    )


def _by_number(path: str) -> list[tuple[int, str]]:
    """Sorts ``each.2`` before ``each.10``."""
    return [(len(part) if part.isdecimal() else 0, part) for part in path.replace("#", ".").split(".")]


def _bits(result: StepResult | None) -> int:
    """How a step settled, as needs accept it; 0 while it has not."""
    if result is None:
        return 0
    return TOLERATED if result.tolerated else RESULTS.get(result.status, 0)


def _condition(decided: Event | None) -> dict[str, Any] | None:
    if decided is None:
        return None
    data: Mapping[str, Any] = decided.data
    return {"text": data.get("condition"), "held": data.get("when"), "saw": dict(data.get("saw") or {})}


def _attempt(attempt: Any) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "started_at": iso_time(attempt.started_at),
        "ended_at": None if attempt.ended_at is None else iso_time(attempt.ended_at),
        "error": None if attempt.error is None else dict(attempt.error),
        "lost": attempt.lost,
    }


def _due(retrying: Event) -> str:
    return iso_time(retrying.time + retrying.data.get("delay", 0.0))


def answer(event: Event) -> dict[str, Any]:
    """What became of a question: the decision, by whom, and when."""
    data = event.data
    return {
        "decision": data.get("decision"),
        "by": data.get("by"),
        "who": data.get("who"),
        "time": iso_time(event.time),
    }


def command(event: Event) -> dict[str, Any]:
    """A command to the run: what, by whom, and when."""
    data = event.data
    return {
        "command": data.get("command"),
        "by": data.get("by"),
        "reason": data.get("reason"),
        "time": iso_time(event.time),
    }
