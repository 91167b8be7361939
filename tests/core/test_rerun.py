from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio.testing

import treadle
from treadle import Event, RunState
from treadle._past import Past
from treadle._rerun import Closure, Fate, closure, journal

CHAIN = """
treadle: 1
name: chain
inputs: {bad: {type: boolean, default: true}}
steps:
  build: {set: {a: 1}}
  lint: {set: {a: 1}}
  test: {needs: build, when: inputs.bad, fail: no luck}
  ship: {needs: [test, lint], set: {a: 1}}
finally:
  - {id: tidy, wait: 0s}
"""
NESTED = """
treadle: 1
name: nested
on_error: fail_late
steps:
  checks:
    on_error: fail_late
    parallel:
      unit: {set: {a: 1}}
      scan: {fail: found something}
      sum: {needs: scan, wait: 0s}
  other: {set: {a: 1}}
  after: {needs: checks, wait: 0s}
"""
ELEMENTS = """
treadle: 1
name: elements
steps:
  push:
    foreach: [1, 2, 3]
    on_error: continue
    sequence:
      - {id: first, set: {a: "${{ item }}"}}
      - {id: second, when: item != 2, set: {a: 1}}
      - {id: third, when: item == 2, fail: two is bad}
  after: {set: {a: "${{ default(steps.push.output, []) }}"}}
"""


async def events_of(text: str, **inputs: Any) -> tuple[treadle.Workflow, list[Event]]:
    workflow = treadle.loads(text)
    async with treadle.open_engine() as engine:
        run = await engine.start(workflow, inputs)
        await run.wait()
        return workflow, [event async for event in run.events()]


async def judged(text: str, *chosen: str, **inputs: Any) -> dict[str, str]:
    """The fates, by path."""
    workflow, events = await events_of(text, **inputs)
    found = closure(workflow.plan, events, frozenset(chosen))
    return {path: verdict.fate.value for path, verdict in found.verdicts.items()}


def started_anew(workflow: treadle.Workflow, events: Sequence[Event], what: Closure | None) -> list[Event]:
    return journal(
        workflow.plan, events, what, run="new", time=7.0, correlation_id="c", told={"rerun_of": "old"}
    )


async def test_what_failed_runs_again_with_all_that_needs_it() -> None:
    fates = await judged(CHAIN)
    assert fates == {"build": "reused", "lint": "reused", "test": "again", "ship": "again"}


async def test_what_was_chosen_runs_again_although_it_completed() -> None:
    fates = await judged(CHAIN, "lint", bad=False)
    assert fates == {"build": "reused", "lint": "again", "test": "reused", "ship": "again"}


async def test_every_verdict_says_why_a_step_runs_again() -> None:
    workflow, events = await events_of(CHAIN)
    found = closure(workflow.plan, events, frozenset(["lint"]))
    assert {path: verdict.why for path, verdict in found.verdicts.items()} == {
        "build": "",
        "lint": "chosen",
        "test": "failed",
        "ship": "needs test",
    }


async def test_a_block_of_which_a_part_failed_is_entered_again() -> None:
    assert await judged(NESTED) == {
        "checks": "partly",
        "checks.unit": "reused",
        "checks.scan": "again",
        "checks.sum": "again",
        "other": "reused",
        "after": "again",
    }


async def test_a_block_that_runs_again_as_a_whole_stands_for_what_is_inside() -> None:
    assert (await judged(NESTED, "checks"))["checks"] == "again"
    assert not [path for path in await judged(NESTED, "checks") if path.startswith("checks.")]


async def test_only_the_elements_that_failed_run_again() -> None:
    assert await judged(ELEMENTS) == {
        "push": "partly",
        "push.0": "reused",
        "push.1": "partly",
        "push.1.first": "reused",
        "push.1.second": "reused",
        "push.1.third": "again",
        "push.2": "reused",
        "after": "again",
    }


async def test_a_path_without_elements_means_all_of_them() -> None:
    fates = await judged(ELEMENTS, "push.second")
    assert [fates[f"push.{n}.second"] for n in range(3)] == ["again"] * 3
    assert [fates[f"push.{n}.first"] for n in range(3)] == ["reused"] * 3


async def test_one_element_can_be_chosen() -> None:
    fates = await judged(ELEMENTS, "push.0")
    assert (fates["push.0"], fates["push.2"]) == ("again", "reused")


async def test_what_was_undone_runs_again() -> None:
    fates = await judged(
        """
        treadle: 1
        name: x
        on_error: rollback
        steps:
          - parallel:
              kept: {set: {a: 1}}
              undone: {set: {a: 1}, undo: {wait: 0s}}
            id: both
          - {id: bad, fail: no}
        """
    )
    assert fates == {
        "both": "partly",
        "both.kept": "reused",
        "both.undone": "again",
        "bad": "again",
    }


async def test_an_omission_that_follows_from_what_stands_stands() -> None:
    fates = await judged(
        """
        treadle: 1
        name: x
        steps:
          a: {on_error: continue, set: {a: 1}}
          never: {needs: {a: failed}, wait: 0s}
          nor: {needs: never, wait: 0s}
          few: {needs: {at_least: 1, of: [never, nor]}, wait: 0s}
          bad: {needs: {few: settled}, fail: no}
        """
    )
    assert fates.pop("bad") == "again"
    assert set(fates.values()) == {"reused"}


async def test_the_branch_that_was_not_taken_is_no_part_of_it() -> None:
    spec = """
        treadle: 1
        name: x
        steps:
          - id: choice
            condition: {if: "true", then: [{id: yes_, set: {a: 1}}], else: [{id: no_, set: {a: 1}}]}
          - {id: bad, fail: no}
        """
    assert await judged(spec) == {"choice": "reused", "bad": "again"}


async def test_a_block_that_was_retried_runs_again_as_a_whole(
    autojump_clock: trio.testing.MockClock,
) -> None:
    spec = """
        treadle: 1
        name: x
        steps:
          - id: both
            retry: 2
            sequence: [{id: one, set: {a: 1}}, {id: two, fail: no}]
        """
    assert await judged(spec) == {"both": "again"}


async def test_a_retried_block_that_completed_stands_with_all_its_attempts(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    workflow, events = await events_of(
        f"""
        treadle: 1
        name: x
        steps:
          - id: both
            retry: {{attempts: 2, backoff: {{fixed: 0s}}}}
            sequence:
              - {{id: one, set: {{a: 1}}, undo: {{set: {{b: 1}}}}}}
              - {{id: two, shell: "test -e {flag} || {{ touch {flag}; exit 1; }}"}}
          - {{id: bad, fail: no}}
        """
    )
    found = closure(workflow.plan, events)
    assert (found.of(Fate.REUSED), found.of(Fate.AGAIN)) == (["both"], ["bad"])
    new = started_anew(workflow, events, found)
    assert [event.attempt for event in new if event.step == "both"] == [1, 1, 2, 2]
    assert {event.step for event in new[2:]} == {"both", "both.one", "both.two", "both#2.one", "both#2.two"}


async def test_a_repeated_step_of_which_a_round_was_undone_runs_again() -> None:
    fates = await judged(
        """
        treadle: 1
        name: x
        on_error: rollback
        steps:
          - id: both
            repeat: {times: 2, until: attempt == 2}
            sequence: [{id: one, when: previous == null, set: {a: 1}, undo: {set: {b: 1}}}]
          - {id: bad, fail: no}
        """
    )
    assert fates == {"both": "again", "bad": "again"}


async def test_the_new_journal_is_numbered_and_says_what_was_taken_over() -> None:
    workflow, events = await events_of(CHAIN)
    new = started_anew(workflow, events, closure(workflow.plan, events))
    assert [(event.seq, event.type, event.step) for event in new] == [
        (1, "workflow.accepted", None),
        (2, "workflow.started", None),
        *((event.seq, event.type, event.step) for event in new[2:]),
    ]
    assert [event.seq for event in new] == list(range(1, 7))
    told = [(event.type, event.step) for event in events if event.step in ("build", "lint")]
    assert [(event.type, event.step) for event in new[2:]] == told
    assert {event.run for event in new} == {"new"}
    assert {event.time for event in new} == {7.0}
    assert {event.correlation_id for event in new} == {"c"}
    old = {event.seq: event for event in events}
    assert all(old[event.data["reused"]].step == event.step for event in new[2:])
    assert new[0].data["rerun_of"] == "old"
    assert new[0].data["spec"] == events[0].data["spec"]


async def test_a_rerun_of_everything_takes_nothing_over() -> None:
    workflow, events = await events_of(CHAIN)
    assert [event.type for event in started_anew(workflow, events, None)] == ["workflow.accepted"]


async def test_neither_undos_nor_finally_are_taken_over() -> None:
    workflow, events = await events_of(
        """
        treadle: 1
        name: x
        on_error: rollback
        steps:
          - {id: emits, emit: {name: hello, data: {a: 1}}}
          - {id: tidied, set: {a: 1}, undo: [{id: un, wait: 0s}]}
          - {id: bad, fail: no}
        finally: [{id: tidy, wait: 0s}]
        """
    )
    new = started_anew(workflow, events, closure(workflow.plan, events))
    assert {event.step for event in new} == {None, "emits"}
    assert {event.type for event in new} == {
        "workflow.accepted",
        "workflow.started",
        "step.started",
        "step.completed",
    }


async def test_outputs_of_what_stands_can_be_read_from_the_new_journal() -> None:
    workflow, events = await events_of(ELEMENTS)
    new = RunState.fold(started_anew(workflow, events, closure(workflow.plan, events)))
    assert new.steps["push.0"].output == RunState.fold(events).steps["push.0"].output
    assert new.steps["push"].status == "running"


@pytest.mark.parametrize("count", [3_000])
async def test_a_long_chain_is_no_special_case(count: int) -> None:
    steps = [{"id": f"s{n}", "set": {"a": 1}} for n in range(count)]
    workflow = treadle.from_data({"treadle": 1, "name": "x", "steps": [*steps, {"id": "bad", "fail": "no"}]})
    async with treadle.open_engine() as engine:
        run = await engine.start(workflow)
        await run.wait()
        events = [event async for event in run.events()]
    found = closure(workflow.plan, events)
    assert len(found.of(Fate.REUSED)) == count
    assert len(started_anew(workflow, events, found)) == 2 + 2 * count


SIGNALS = """
treadle: 1
name: signals
steps:
  - {id: a, signal: came}
  - {id: b, fail: no luck}
"""


async def test_a_signal_of_the_old_run_takes_none_of_the_new_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    workflow = treadle.loads(SIGNALS)
    async with treadle.open_engine() as engine:
        run = await engine.start(workflow)
        await run.signal("came", {"n": 1})
        await run.wait()
        events = [event async for event in run.events()]
    assert Past.fold(events).taken != set()
    what = closure(workflow.plan, events)
    new = journal(workflow.plan, events, what, run="new", time=0.0, correlation_id="new", told={})
    assert "step.resolved" in [event.type for event in new]
    assert Past.fold(new).taken == set()
