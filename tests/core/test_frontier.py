"""What the frontier says, move by move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.core.specs_by_hand import INSTALLED, STRATEGIES, Together, spec_of

from treadle._frontier import ABSENT, Cause, Examine, Frontier, Moves, Outcome, Ready, Skip
from treadle._plan.plan import compile_plan
from treadle.errors import EngineFault, Failure
from treadle.events import StepStatus

if TYPE_CHECKING:
    from treadle._plan.blocks import BlockPlan

BROKEN = Failure("exit.1", "it broke")
DONE = Outcome(StepStatus.COMPLETED, output=1)
STOP = Outcome(StepStatus.FAILED, error=BROKEN, decision="stop")
DRAIN = Outcome(StepStatus.FAILED, error=BROKEN, decision="drain")
TOLERATED = Outcome(StepStatus.FAILED, error=BROKEN, decision="tolerate")
ROLLBACK = Outcome(StepStatus.FAILED, error=BROKEN, decision="rollback")
CANCELLED = Outcome(StepStatus.CANCELLED, reason="stopped")
CANCEL = Cause("cancel", "cancelled by ann")


def block(steps: Any) -> BlockPlan:
    plan, problems = compile_plan(spec_of(steps), {name: s.entry for name, s in STRATEGIES.items()})
    assert plan is not None, problems
    return plan.blocks[0]


class Driven:
    """A frontier whose moves are read by id."""

    def __init__(self, steps: Any, max_parallel: int | None = None, **examined: Any) -> None:
        self.block = block(steps)
        self.examined: list[str] = []
        self.verdicts = examined
        self.frontier = Frontier(self.block, self._examine, max_parallel)
        self.moves = self.frontier.open()

    def _examine(self, step: int) -> Ready | Skip | Outcome:
        name = self.block.steps[step].id
        self.examined.append(name)
        verdict: Ready | Skip | Outcome = self.verdicts.get(name, Ready())
        return verdict

    def settle(self, step: str, outcome: Outcome = DONE) -> Driven:
        self.moves = self.frontier.settle(self.block.index_of[step], outcome)
        return self

    def stop(self, cause: Cause = CANCEL) -> Driven:
        self.moves = self.frontier.stop(cause)
        return self

    @property
    def starts(self) -> list[str]:
        return [self.block.steps[i].id for i in self.moves.start]

    @property
    def settled(self) -> dict[str, tuple[str, str | None]]:
        return {self.block.steps[i].id: (str(o.status), o.reason) for i, o in self.moves.settled}


def test_steps_that_need_nothing_start_together_and_the_last_brings_the_end() -> None:
    driven = Driven({"a": {}, "b": {}})
    assert driven.starts == ["a", "b"]
    assert driven.settle("a").moves == Moves()
    end = driven.settle("b").moves.end
    assert end is not None
    assert (end.failed, end.first_fatal, end.stopped, end.tolerated, end.cancelled) == (
        False,
        None,
        None,
        0,
        0,
    )


def test_a_list_runs_in_order() -> None:
    driven = Driven([{"id": "a"}, {"id": "b"}, {"id": "c"}])
    assert driven.starts == ["a"]
    assert driven.settle("a").starts == ["b"]
    assert driven.settle("b").starts == ["c"]
    assert driven.settle("c").moves.end is not None


def test_a_step_starts_when_the_last_of_its_needs_has_settled() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {"needs": ["a", "b"]}})
    assert driven.settle("b").starts == []
    assert driven.examined == ["a", "b"]
    assert driven.settle("a").starts == ["c"]


def test_a_skipped_step_satisfies_those_that_need_it() -> None:
    driven = Driven({"a": {}, "b": {"needs": "a"}}, a=Skip("its when was false"))
    assert driven.settled == {"a": ("skipped", "its when was false")}
    assert driven.starts == ["b"]


def test_a_tolerated_failure_satisfies_and_is_counted() -> None:
    driven = Driven({"a": {}, "b": {"needs": "a"}})
    assert driven.settle("a", TOLERATED).starts == ["b"]
    end = driven.settle("b").moves.end
    assert end is not None
    assert (end.failed, end.tolerated) == (False, 1)


def test_fail_fast_stops_the_block_and_omits_what_has_not_started() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {"needs": "b"}})
    driven.settle("a", STOP)
    assert driven.moves.stop == Cause("failure", "a failed", 0)
    assert driven.settled == {"c": ("omitted", "stopped: a failed")}
    assert driven.moves.end is None
    end = driven.settle("b", CANCELLED).moves.end
    assert end is not None
    assert (end.first_fatal, end.stopped, end.cancelled) == (0, Cause("failure", "a failed", 0), 1)


def test_fail_late_omits_dependants_and_lets_independent_steps_finish() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {"needs": "a"}, "d": {"needs": "c"}, "e": {"needs": "b"}})
    driven.settle("a", DRAIN)
    assert driven.moves.stop is None
    assert driven.settled == {
        "c": ("omitted", "needs a, which failed"),
        "d": ("omitted", "needs c, which was omitted"),
    }
    assert driven.settle("b").starts == ["e"]
    end = driven.settle("e").moves.end
    assert end is not None
    assert (end.first_fatal, end.stopped) == (0, None)


def test_the_first_fatal_failure_stands_when_another_stops_the_block() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {}})
    driven.settle("b", DRAIN)
    driven.settle("a", STOP)
    assert driven.moves.stop == Cause("failure", "a failed", 0)
    end = driven.settle("c", CANCELLED).moves.end
    assert end is not None
    assert end.first_fatal == 1


def test_a_rollback_outranks_a_failure_but_not_a_cancel() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {}})
    driven.settle("a", STOP)
    assert driven.settle("b", ROLLBACK).moves.stop == Cause(
        "rollback", "b failed, which asks for a rollback", 1
    )
    end = driven.settle("c", STOP).moves.end
    assert end is not None
    assert end.stopped is not None
    assert (end.stopped.kind, end.first_fatal) == ("rollback", 0)

    cancelled = Driven({"a": {}, "b": {}}).stop()
    assert cancelled.settle("a", ROLLBACK).moves.stop is None
    end = cancelled.settle("b", DONE).moves.end
    assert end is not None
    assert end.stopped == CANCEL


def test_a_stop_from_outside_omits_the_rest_and_ends_once_what_runs_has_settled() -> None:
    driven = Driven({"a": {}, "b": {"needs": "a"}}).stop()
    assert driven.moves.stop == CANCEL
    assert driven.settled == {"b": ("omitted", "stopped: cancelled by ann")}
    assert driven.stop(Cause("timeout", "its time was up")).moves == Moves()
    end = driven.settle("a", CANCELLED).moves.end
    assert end is not None
    assert (end.failed, end.stopped, end.cancelled) == (False, CANCEL, 1)
    assert driven.stop().moves == Moves()


def test_a_stop_before_anything_runs_ends_the_block_at_once() -> None:
    driven = Driven({"a": {}, "b": {"needs": "a"}})
    fresh = Frontier(driven.block, lambda _step: Ready())
    moves = fresh.stop(CANCEL)
    assert [step for step, _ in moves.settled] == [0, 1]
    assert moves.end is not None


def test_a_failure_while_a_block_stops_is_still_its_first_fatal() -> None:
    driven = Driven({"a": {}}).stop().settle("a", Outcome(StepStatus.FAILED, error=BROKEN))
    assert driven.moves.end is not None
    assert (driven.moves.end.first_fatal, driven.moves.end.stopped) == (0, CANCEL)


@pytest.mark.parametrize(
    ("result", "outcome", "starts", "reason"),
    [
        ("completed", DONE, True, None),
        ("completed", TOLERATED, False, "needs a to have completed, but it failed"),
        ("failed", DRAIN, True, None),
        ("failed", TOLERATED, True, None),
        ("failed", DONE, False, "needs a to have failed, but it completed"),
        ("skipped", DONE, False, "needs a to have been skipped, but it completed"),
        ("settled", DRAIN, True, None),
        ("settled", CANCELLED, True, None),
        (None, CANCELLED, False, "needs a, which was cancelled"),
    ],
)
def test_each_result_a_need_may_name(result: Any, outcome: Outcome, starts: bool, reason: str | None) -> None:
    driven = Driven({"a": {"when": "true", "on_error": "escalate"}, "b": {"needs": {"a": result}}})
    driven.settle("a", outcome)
    assert (driven.starts == ["b"]) is starts
    assert driven.settled == ({} if starts else {"b": ("omitted", reason)})


def test_a_reason_names_every_unmet_need() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {}, "d": {"needs": ["a", "b", "c"]}})
    driven.settle("a", DRAIN)
    driven.settle("b")
    assert driven.settle("c", CANCELLED).settled == {
        "d": ("omitted", "needs a, which failed; c, which was cancelled")
    }


def test_at_least_starts_as_soon_as_enough_have_completed_and_the_rest_go_on() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {}, "d": {"needs": {"at_least": 2, "of": ["a", "b", "c"]}}})
    assert driven.settle("a").starts == []
    assert driven.settle("c").starts == ["d"]
    assert driven.settle("b", DRAIN).moves == Moves()


def test_at_least_omits_as_soon_as_too_few_can_complete() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {}, "d": {"needs": {"at_least": 2, "of": ["a", "b", "c"]}}})
    driven.settle("a", TOLERATED)
    assert driven.settle("b", DRAIN).settled == {
        "d": ("omitted", "needs at least 2 of a, b, c; 0 completed, 1 still may")
    }
    assert driven.settle("c").moves.end is not None


def test_at_least_waits_for_needs_that_references_imply() -> None:
    driven = Driven(
        {"a": {}, "b": {}, "c": {"needs": {"at_least": 1, "of": ["a"]}, "when": "steps.b.status == 'failed'"}}
    )
    assert driven.settle("a").starts == []
    assert driven.settle("b").starts == ["c"]
    late = Driven(
        {"a": {}, "b": {}, "c": {"needs": {"at_least": 1, "of": ["a"]}, "when": "steps.b.status == 'failed'"}}
    )
    assert late.settle("b").starts == []
    assert late.settle("a").starts == ["c"]


def test_nothing_is_counted_once_the_block_has_stopped() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {"needs": {"at_least": 1, "of": ["a", "b"]}}})
    driven.settle("a", STOP)
    assert driven.settled == {"c": ("omitted", "stopped: a failed")}
    assert driven.settle("b").moves.end is not None


def test_slots_are_filled_in_the_order_in_which_steps_became_ready() -> None:
    steps = {"a": {}, "b": {}, "c": {"needs": "b"}, "d": {}, "e": {}}
    driven = Driven(steps, max_parallel=2)
    assert driven.starts == ["a", "b"]
    assert driven.examined == ["a", "b", "d", "e"]
    assert driven.settle("b").starts == ["d"]
    assert driven.settle("a").starts == ["e"]
    assert driven.settle("e").starts == ["c"]


def test_a_step_that_waits_for_a_slot_is_omitted_when_the_block_stops() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {}}, max_parallel=1)
    driven.settle("a", STOP)
    assert driven.settled == {"b": ("omitted", "stopped: a failed"), "c": ("omitted", "stopped: a failed")}
    assert driven.moves.end is not None


def test_a_when_that_cannot_be_evaluated_fails_the_step_and_may_stop_the_block() -> None:
    driven = Driven({"a": {}, "b": {}, "c": {}}, b=STOP)
    assert driven.starts == []
    assert driven.examined == ["a", "b"]
    assert driven.settled == {
        "b": ("failed", None),
        "a": ("omitted", "stopped: b failed"),
        "c": ("omitted", "stopped: b failed"),
    }
    assert driven.moves.end is not None
    assert driven.moves.end.first_fatal == 1


def test_a_failed_examination_in_mid_run_keeps_what_became_ready_with_it_from_starting() -> None:
    driven = Driven({"a": {}, "b": {"needs": "a"}, "c": {"needs": "a"}, "d": {"needs": "a"}}, c=STOP)
    driven.settle("a")
    assert driven.starts == []
    assert driven.examined == ["a", "b", "c"]
    assert driven.moves.end is not None


def test_an_empty_foreach_completes_without_a_start() -> None:
    driven = Driven({"a": {}, "b": {"needs": "a"}}, a=Outcome(StepStatus.COMPLETED, output=[]))
    assert driven.settled == {"a": ("completed", None)}
    assert driven.starts == ["b"]


def test_a_long_chain_of_skips_settles_in_one_move() -> None:
    length = 20_000
    plan, _ = compile_plan(spec_of([{} for _ in range(length)]), INSTALLED)
    assert plan is not None
    examine: Examine = lambda _step: Skip("no")  # noqa: E731
    moves = Frontier(plan.blocks[0], examine).open()
    assert [step for step, _ in moves.settled] == list(range(length))
    assert moves.end is not None


def test_settling_what_does_not_run_is_a_fault_of_the_engine() -> None:
    driven = Driven(Together({"a": {}, "b": {}}), max_parallel=1)
    with pytest.raises(EngineFault, match="'b' settled without running"):
        driven.settle("b")
    driven.settle("a")
    with pytest.raises(EngineFault, match="'a' settled without running"):
        driven.settle("a")


def test_an_outcome_without_output_is_told_from_one_whose_output_is_null() -> None:
    assert Outcome(StepStatus.COMPLETED).output is ABSENT
    assert repr(ABSENT) == "ABSENT"
    assert not Outcome(StepStatus.COMPLETED, decision="tolerate").tolerated
