"""The laws of `oracle`: over random workflows under random commands, and over engines with bugs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.simulation.oracle import judge
from tests.simulation.workflows import Command, as_bytes, commands, execute, workflows

from treadle._engine import once
from treadle._engine.bus import SinkQueue
from treadle._engine.frame import Frame
from treadle._engine.run import Run
from treadle._engine.step import StepRun
from treadle._engine.stop import Stopper
from treadle._engine.undo import UndoLog
from treadle._frontier import Frontier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_settings = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(_settings, max_examples=200)
@given(workflows(), commands)
def test_no_run_breaks_a_law(spec: Mapping[str, Any], given: Sequence[Command]) -> None:
    assert judge(execute(spec, given)) == []


@pytest.mark.nightly
@settings(_settings, max_examples=20_000)
@given(workflows(), commands)
def test_no_run_of_very_many_breaks_a_law(spec: Mapping[str, Any], given: Sequence[Command]) -> None:
    assert judge(execute(spec, given)) == []


@settings(_settings, max_examples=50)
@given(workflows(), commands)
def test_a_run_repeats_itself_to_the_byte(spec: Mapping[str, Any], given: Sequence[Command]) -> None:
    assert as_bytes(execute(spec, given).journal) == as_bytes(execute(spec, given).journal)


# --- the oracle finds what is wrong ---


def _act(**settings: Any) -> dict[str, Any]:
    return {"act": settings}


UNDO = {"undo": _act()}
FAILS = {
    "on_error": "rollback",
    "steps": [{"id": "a", **_act(), **UNDO}, {"id": "b", **_act(), **UNDO}, {"id": "c", **_act(fails=9)}],
}
FAILS_BESIDE = {
    "steps": {"a": _act(fails=9), "b": _act(takes="1s"), "c": {"needs": ["b"], **_act()}},
}
FAILS_BEFORE = {"steps": [{"id": "a", **_act(fails=9)}, {"id": "b", **_act()}]}
SLOW = {"steps": [{"id": "a", **_act(takes="2s")}, {"id": "b", **_act(takes="2s")}]}


def _no_gate(patch: pytest.MonkeyPatch) -> None:
    async def gate(self: Run) -> None:
        pass

    patch.setattr(Run, "gate", gate)
    patch.setattr(Run, "held", property(lambda self: False))


def _oldest_first(patch: pytest.MonkeyPatch) -> None:
    take = UndoLog.take
    patch.setattr(UndoLog, "take", lambda self: take(self)[::-1])


def _forgets_an_undo(patch: pytest.MonkeyPatch) -> None:
    take = UndoLog.take
    patch.setattr(UndoLog, "take", lambda self: take(self)[1:])


def _needs_nothing(patch: pytest.MonkeyPatch) -> None:
    def eager(self: Frontier, step: int, work: list[int], moves: Any) -> None:
        block, self._block = self._block, _Needless(self._block)  # type: ignore[assignment]
        try:
            decide(self, step, work, moves)
        finally:
            self._block = block

    def impatient(self: Frontier, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        self._waits = [0] * len(self._waits)

    init, decide = Frontier.__init__, Frontier._decide
    patch.setattr(Frontier, "__init__", impatient)
    patch.setattr(Frontier, "_decide", eager)
    patch.setattr(Frontier, "_spread", lambda self, work, moves: None)


class _Needless:
    def __init__(self, block: Any) -> None:
        self._block = block
        self.needs = [()] * len(block.need_counts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._block, name)


def _goes_on_after_a_failure(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Frontier, "_halt", lambda self, cause, moves: None)
    patch.setattr(Frontier, "_unmet", lambda self, step: "")


def _tells_twice(patch: pytest.MonkeyPatch) -> None:
    report = StepRun.report

    def twice(self: StepRun, outcome: Any, undo: Any) -> None:
        report(self, outcome, undo)
        report(self, outcome, UndoLog())

    patch.setattr(StepRun, "report", twice)


def _works_twice(patch: pytest.MonkeyPatch) -> None:
    async def twice(step: StepRun) -> Any:
        await work(step)
        return await work(step)

    work = once.work
    patch.setattr(once, "work", twice)


def _loses_an_event(patch: pytest.MonkeyPatch) -> None:
    give = SinkQueue._give
    patch.setattr(SinkQueue, "_give", lambda self, batch: give(self, batch[1:]))


def _is_paused_too_early(patch: pytest.MonkeyPatch) -> None:
    def early(self: Run) -> None:
        if self.status == "pausing":
            self.become(type(self.status)("paused"), "workflow.paused")

    patch.setattr(Run, "maybe_paused", early)


def _takes_no_notice_of_a_cancel(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Run, "stop", lambda self, cause: cause.kind == "cancel" or Stopper.stop(self, cause))


def _forgets_to_settle(patch: pytest.MonkeyPatch) -> None:
    record = Frame._record

    def lossy(self: Frame, index: int, outcome: Any, step: Any) -> None:
        if step is not None:
            record(self, index, outcome, step)

    patch.setattr(Frame, "_record", lossy)


BUGS: list[tuple[Callable[[pytest.MonkeyPatch], None], Mapping[str, Any], Sequence[Command], str]] = [
    (_no_gate, SLOW, [(1, "pause", ""), (20, "resume", "")], "while the run was paused"),
    (_oldest_first, FAILS, [], "was undone after event"),
    (_forgets_an_undo, FAILS, [], "the rollback did not take it back"),
    (_needs_nothing, SLOW, [], "which it needs, was None"),
    (_goes_on_after_a_failure, FAILS_BESIDE, [], "started after a had failed"),
    (_tells_twice, SLOW, [], "settled twice"),
    (_works_twice, SLOW, [], "had 2 effects and 1 starts"),
    (_loses_an_event, SLOW, [], "something else than what is in the journal"),
    (_is_paused_too_early, SLOW, [(1, "pause", ""), (20, "resume", "")], "was paused while a was at work"),
    (_takes_no_notice_of_a_cancel, SLOW, [(1, "cancel", "")], "started after workflow.cancelling"),
    (_forgets_to_settle, FAILS_BEFORE, [], "b never settled"),
]  # fmt: skip


@pytest.mark.parametrize(("bug", "spec", "given", "found"), BUGS, ids=[bug[0].__name__[1:] for bug in BUGS])
def test_the_oracle_finds_a_bug(
    bug: Callable[[pytest.MonkeyPatch], None],
    spec: Mapping[str, Any],
    given: Sequence[Command],
    found: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert judge(execute(spec, given)) == []
    bug(monkeypatch)
    problems = judge(execute(spec, given))
    assert any(found in problem for problem in problems), problems
