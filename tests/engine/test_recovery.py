"""What a run promises about crashes: one example for each promise.

The laws behind them are in `tests.simulation`; here a process dies at a chosen moment and another goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.engine.kit import statuses
from tests.simulation.crashes import Death, Notes, World, loaded, proceed
from tests.simulation.people import give

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import treadle
    from treadle._engine.run import Run


class Life:
    """A run that crashes after so many seconds, and its world after that."""

    def __init__(self, spec: str, **world: Any) -> None:
        self.workflow = loaded(spec)
        self.world = World(**world)

    def dies_at(
        self, seconds: float, *commands: tuple[float, str, Mapping[str, Any]], down: float = 0.0
    ) -> Life:
        """Drive the run until its process dies at *seconds*, with commands on the way."""

        async def person(run: Run, ledger: Notes) -> None:
            await _commanded(run, commands)

        assert proceed(self.world, self.workflow, Death(time=seconds, down=down), person)
        return self

    def goes_on(self, *commands: tuple[float, str, Mapping[str, Any]]) -> treadle.RunState:
        """Drive the run to its end in another process; what became of it."""

        async def person(run: Run, ledger: Notes) -> None:
            await _commanded(run, commands)

        proceed(self.world, self.workflow, None, person)
        return self.world.state

    def events(self, *types: str) -> list[tuple[str, str | None, int | None]]:
        """The events of these types, as type, step and attempt."""
        return [(one.type, one.step, one.attempt) for one in self.world.journal if one.type in types]

    def done(self) -> list[str]:
        """What the work itself noted: which effects began and ended."""
        return [f"{what} {name}" for _, what, name in self.world.ledger.lines]

    def at(self, type_: str, step: str | None = None) -> float:
        """When an event happened, in seconds since the run was accepted."""
        (event,) = [one for one in self.world.journal if (one.type, one.step) == (type_, step)]
        return event.time - self.world.journal[0].time


async def _commanded(run: Run, commands: Sequence[tuple[float, str, Mapping[str, Any]]]) -> None:
    for number, (moment, command, arguments) in enumerate(commands):
        await trio.sleep_until(moment)
        assert give(run, f"{trio.current_time()} {number}", command, **arguments)["answer"] == "accepted"
    await trio.sleep_forever()


def resolve(moment: float, step: str, decision: str, **given: Any) -> tuple[float, str, Mapping[str, Any]]:
    return moment, "resolve", {"step": step, "decision": decision, **given}


# --- finished work stays finished ---


def test_what_has_completed_is_not_done_again() -> None:
    life = Life("steps: [{id: a, act: {takes: 1s}}, {id: b, repeatable: true, act: {takes: 2s}}]").dies_at(2)
    state = life.goes_on()
    assert state.status == "completed"
    assert life.done() == ["start a", "end a", "start b", "start b", "end b"]


def test_events_are_numbered_on_without_a_gap() -> None:
    life = Life("steps: [{id: a, repeatable: true, act: {takes: 2s}}]").dies_at(1)
    life.goes_on()
    assert [event.seq for event in life.world.journal] == list(range(1, len(life.world.journal) + 1))
    assert life.events("workflow.recovered") == [("workflow.recovered", None, None)]


def test_what_was_not_stored_had_no_effect() -> None:
    life = Life("steps: [{id: a, act: {takes: 1s}}]", lag=5.0).dies_at(4)
    assert life.done() == []
    assert life.goes_on().status == "completed"
    assert life.done() == ["start a", "end a"]


def test_dependants_read_the_outputs_from_before_the_crash() -> None:
    life = Life("""
steps:
  - {id: a, act: {output: {n: 7}}}
  - {id: b, wait: 5s}
outputs: {n: '${{ steps.a.output.n }}'}
""").dies_at(2)
    assert life.goes_on().outputs == {"n": 7}


def test_a_condition_is_not_evaluated_again() -> None:
    life = Life("steps: [{id: a, when: 'now() > 0', repeatable: true, act: {takes: 2s}}]").dies_at(1)
    life.goes_on()
    assert life.events("step.decided") == [("step.decided", "a", None)]


def test_elements_that_have_completed_are_not_done_again() -> None:
    life = Life("steps: [{id: a, foreach: [1, 2, 3], max_parallel: 1, repeatable: true, act: {takes: 2s}}]")
    assert life.dies_at(3).goes_on().status == "completed"
    assert life.done().count("start a.0") == 1
    assert life.done().count("start a.1") == 2
    assert life.done().count("start a.2") == 1


# --- an attempt in flight ---


def test_an_interrupted_attempt_of_a_repeatable_step_is_made_again_as_the_next() -> None:
    life = Life("steps: [{id: a, repeatable: true, act: {takes: 2s}}]").dies_at(1)
    assert life.goes_on().steps["a"].attempts == 2
    assert life.events("step.started", "step.retrying", "step.completed") == [
        ("step.started", "a", 1),
        ("step.retrying", "a", 1),
        ("step.started", "a", 2),
        ("step.completed", "a", 2),
    ]


def test_an_interrupted_attempt_does_not_use_up_those_of_a_retry() -> None:
    life = Life("""
steps: [{id: a, repeatable: true, act: {takes: 2s, fails: 1}, retry: {attempts: 2, backoff: {fixed: 1s}}}]
""").dies_at(1)
    state = life.goes_on()
    assert (state.status, state.steps["a"].attempts) == ("completed", 3)


def test_the_third_interrupted_attempt_in_a_row_fails_the_step() -> None:
    life = Life("steps: [{id: a, repeatable: true, act: {takes: 9s}}]").dies_at(1).dies_at(2).dies_at(3)
    state = life.goes_on()
    assert state.status == "failed"
    assert state.steps["a"].error is not None
    assert state.steps["a"].error.name == "crash"
    assert life.done() == ["start a"] * 3


def test_a_step_that_is_not_repeatable_is_unknown_and_its_run_waits() -> None:
    life = Life("steps: [{id: a, act: {takes: 2s}}]").dies_at(1).dies_at(50)
    assert statuses(life.world.state) == {"a": "unknown"}
    assert life.world.state.status == "waiting"
    assert life.done() == ["start a"]


@pytest.mark.parametrize(
    ("decision", "status", "step"),
    [
        ("retry", "completed", "completed"),
        ("complete", "completed", "completed"),
        ("continue", "completed", "failed"),
        ("fail", "failed", "failed"),
        ("rollback", "rolled_back", "failed"),
    ],
)
def test_a_person_decides_about_an_unknown_step(decision: str, status: str, step: str) -> None:
    life = Life("steps: [{id: a, act: {takes: 2s}}]").dies_at(1)
    state = life.goes_on(resolve(5, "a", decision))
    assert (state.status, state.steps["a"].status) == (status, step)
    assert life.done().count("start a") == (2 if decision == "retry" else 1)


def test_an_unknown_step_is_completed_with_the_output_that_is_given() -> None:
    life = Life("""
steps: [{id: a, act: {takes: 2s}}]
outputs: {v: '${{ steps.a.output.v }}'}
""").dies_at(1)
    assert life.goes_on(resolve(5, "a", "complete", output={"v": 3})).outputs == {"v": 3}


def test_a_question_about_an_unknown_step_outlives_the_next_crash() -> None:
    life = Life("steps: [{id: a, act: {takes: 2s}}]").dies_at(1).dies_at(10)
    assert life.goes_on(resolve(20, "a", "complete")).status == "completed"
    assert life.events("step.unknown") == [("step.unknown", "a", 1)]


def test_an_answer_from_before_the_crash_counts() -> None:
    life = Life("steps: [{id: a, act: {takes: 2s}}]").dies_at(1).dies_at(6, resolve(5, "a", "retry"))
    assert life.done() == ["start a", "start a"]
    assert life.goes_on(resolve(20, "a", "complete")).status == "completed"
    assert life.events("step.unknown") == [("step.unknown", "a", 1), ("step.unknown", "a", 2)]


def test_siblings_of_an_unknown_step_go_on() -> None:
    life = Life("steps: {a: {act: {takes: 2s}}, b: {wait: 4s}, c: {needs: b, act: {}}}").dies_at(1)
    life.dies_at(50)
    assert statuses(life.world.state) == {"a": "unknown", "b": "completed", "c": "completed"}


def test_a_failing_sibling_leaves_an_unknown_step_unknown_and_the_run_waits() -> None:
    life = Life("steps: {a: {act: {takes: 9s}}, b: {repeatable: true, act: {takes: 3s, fails: 9}}}")
    life.dies_at(1).dies_at(50)
    assert statuses(life.world.state) == {"a": "unknown", "b": "failed"}
    assert life.goes_on(resolve(60, "a", "complete")).status == "failed"
    assert statuses(life.world.state) == {"a": "completed", "b": "failed"}


def test_a_step_of_a_stopped_block_is_not_tried_again() -> None:
    life = Life("steps: {a: {act: {takes: 9s}}, b: {repeatable: true, act: {takes: 3s, fails: 9}}}")
    life.dies_at(1).dies_at(50)
    with pytest.raises(ExceptionGroup) as raised:
        life.goes_on(resolve(60, "a", "retry"))
    assert raised.group_contains(AssertionError)


def test_a_run_that_is_cancelled_with_an_unknown_step_leaves_it_unknown() -> None:
    life = Life("steps: {a: {act: {takes: 2s}}}").dies_at(1)
    state = life.goes_on((5, "cancel", {}))
    assert (state.status, statuses(state)) == ("cancelled", {"a": "unknown"})


def test_an_attempt_that_was_being_cancelled_is_cancelled() -> None:
    life = Life("steps: {a: {act: {takes: 9s, cleanup: 5s}}}").dies_at(2, (1, "cancel", {}))
    state = life.goes_on()
    assert (state.status, statuses(state)) == ("cancelled", {"a": "cancelled"})
    assert (state.steps["a"].reason or "").startswith("crash: ")


# --- time ---


def test_a_wait_keeps_its_end_on_the_clock_on_the_wall() -> None:
    life = Life("steps: [{id: a, wait: 10s}]").dies_at(2, down=3)
    life.goes_on()
    assert life.at("step.completed", "a") == 10


def test_a_wait_that_ended_while_nobody_drove_the_run_ends_at_once() -> None:
    life = Life("steps: [{id: a, wait: 10s}]").dies_at(2, down=30)
    life.goes_on()
    assert life.at("step.completed", "a") == 32


def test_a_retry_waits_for_what_is_left_of_its_delay() -> None:
    life = Life("steps: [{id: a, act: {fails: 1}, retry: {attempts: 2, backoff: {fixed: 10s}}}]")
    life.dies_at(4, down=3).goes_on()
    assert life.at("step.completed", "a") == 10


TAKES_TIME = "[{id: x, act: {takes: 4s}}, {id: y, wait: 60s}]"


def test_the_time_in_which_nobody_drove_the_run_does_not_count_for_its_timeout() -> None:
    life = Life(f"timeout: 10s\nsteps: {TAKES_TIME}").dies_at(4.5, down=30)
    assert life.goes_on().status == "failed"
    assert life.at("workflow.failed") == pytest.approx(40.5)


def test_the_time_that_a_block_has_taken_counts_as_far_as_the_journal_tells_it() -> None:
    life = Life(f"steps: [{{id: a, timeout: 10s, steps: {TAKES_TIME}}}]").dies_at(4.5, down=30)
    assert life.goes_on().status == "failed"
    assert life.at("step.failed", "a") == pytest.approx(40.5)


# --- people ---


def test_an_approval_is_asked_for_once() -> None:
    life = Life('steps: [{id: a, approval: {prompt: "go?"}}]').dies_at(1)
    assert life.goes_on((5, "approve", {"step": "a"})).status == "completed"
    assert life.events("step.started", "step.waiting") == [("step.started", "a", 1), ("step.waiting", "a", 1)]


def test_the_time_for_an_approval_runs_on_while_nobody_drives_the_run() -> None:
    life = Life('steps: [{id: a, approval: {prompt: "go?", timeout: 10s, on_timeout: continue}}]')
    assert life.dies_at(1, down=30).goes_on().status == "completed"
    assert life.at("step.resolved", "a") == 31


def test_a_signal_from_before_the_crash_is_kept() -> None:
    life = Life("steps: [{id: w, wait: 5s}, {id: a, signal: {name: came}}]")
    life.dies_at(3, (1, "signal", {"name": "came", "payload": 7}))
    assert life.goes_on().steps["a"].output == 7


def test_a_paused_run_stays_paused() -> None:
    life = Life("steps: [{id: a, act: {takes: 1s}}, {id: b, act: {}}]").dies_at(5, (0.5, "pause", {}))
    life.dies_at(50)
    assert life.world.state.status == "paused"
    assert life.done() == ["start a", "end a"]
    assert life.goes_on((60, "resume", {})).status == "completed"


def test_a_cancel_stands() -> None:
    life = Life("""
steps: [{id: a, act: {takes: 9s, cleanup: 5s}}, {id: b, act: {}}]
finally: [{id: f, act: {}}]
""").dies_at(2, (1, "cancel", {"reason": "enough"}))
    state = life.goes_on()
    assert (state.status, state.reason) == ("cancelled", "enough")
    assert statuses(state) == {"a": "cancelled", "b": "omitted", "finally.f": "completed"}


# --- rollback and finally ---

ROLLS_BACK = """
on_error: rollback
steps:
  - {id: a, act: {}, undo: {act: {takes: 2s}}}
  - {id: b, act: {}, undo: {act: {takes: 2s}}}
  - {id: c, act: {fails: 9}}
finally: [{id: f, act: {}}]
"""


def test_a_rollback_goes_on_where_it_was() -> None:
    life = Life(ROLLS_BACK).dies_at(3)
    assert life.goes_on().status == "rolled_back"
    assert life.events("step.undone") == [("step.undone", "b", 1), ("step.undone", "a", 1)]
    assert life.done().count("start b.undo") == 1


def test_an_undo_in_flight_is_run_again() -> None:
    life = Life(ROLLS_BACK).dies_at(1)
    assert life.goes_on().rollback == {"status": "complete", "undone": 2}
    assert life.done().count("start b.undo") == 2


def test_an_undo_in_flight_that_is_not_repeatable_counts_as_failed() -> None:
    life = Life("""
on_error: rollback
steps:
  - {id: a, act: {}, undo: {act: {takes: 2s}, repeatable: false}}
  - {id: b, act: {fails: 9}}
""").dies_at(1)
    state = life.goes_on()
    assert state.status == "failed"
    assert state.rollback is not None
    assert (state.rollback["status"], state.rollback["undone"]) == ("incomplete", 0)
    assert life.done().count("start a.undo") == 1


def test_in_a_rollback_unknown_steps_are_decided_first() -> None:
    life = Life("""
steps:
  a: {act: {takes: 9s}, undo: {act: {}}}
  b: {wait: 3s}
  c: {needs: b, act: {fails: 9}, on_error: rollback}
""").dies_at(1)
    state = life.goes_on(resolve(20, "a", "complete"))
    assert state.status == "rolled_back"
    assert life.at("step.undone", "a") >= 20
    assert statuses(state)["a"] == "completed"


def test_a_block_retry_that_was_taken_back_is_not_taken_back_again() -> None:
    life = Life("""
steps:
  - id: a
    retry: {attempts: 2, backoff: {fixed: 5s}}
    steps: [{id: x, act: {}, undo: {act: {}}}, {id: y, act: {name: y, fails: 1}}]
""").dies_at(2)
    assert life.goes_on().status == "completed"
    assert life.done().count("start a.x.undo") == 1


def test_finally_is_entered_once() -> None:
    life = Life("""
steps: [{id: a, act: {fails: 9}}]
finally: [{id: f, act: {takes: 1s}}, {id: g, wait: 5s}]
""").dies_at(3)
    assert life.goes_on().status == "failed"
    assert life.done().count("start finally.f") == 1
    assert life.events("workflow.ending") == [("workflow.ending", None, None)]


def test_a_run_that_crashed_before_its_first_step_begins() -> None:
    life = Life("steps: [{id: a, act: {}}]", lag=5.0)
    assert life.dies_at(1).goes_on().status == "completed"
    assert life.events("workflow.recovered") == []
