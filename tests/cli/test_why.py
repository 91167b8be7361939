from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from tests.cli import runs

if TYPE_CHECKING:
    from treadle import Event, Run
    from treadle.testing import MemoryStore

RELEASE = """
treadle: 1
name: release
inputs: {env: {type: string, default: staging}}
on_error: rollback
steps:
  build: {set: {image: "a:1"}, undo: {set: {gone: true}}}
  lint: {when: inputs.env == 'prod', set: {x: 1}}
  checks:
    needs: [build, lint]
    parallel:
      unit: {fail: broken, retry: {attempts: 2, backoff: {fixed: 2s}}}
      slow: {wait: 1m}
  push: {needs: checks, sequence: [{id: upload, set: {x: 1}}]}
  tell: {set: {image: "${{ steps.build.output.image }}"}}
finally:
  bye: {fail: no}
"""

LATE = """
treadle: 1
name: late
on_error: fail_late
steps:
  first: {fail: broken}
  second: {needs: first, set: {x: 1}}
  third: {needs: second, set: {x: 1}}
  other: {set: {x: 1}}
  enough: {needs: {at_least: 2, of: [first, second, other]}, set: {x: 1}}
  after_failure: {needs: {first: failed}, set: {x: 1}}
  after_success: {needs: {other: failed}, on_error: continue, set: {x: 1}}
"""

TOLD = """
treadle: 1
name: told
steps:
  soft: {fail: meh, on_error: continue}
  next: {needs: soft, set: {x: 1}}
  each:
    foreach: "${{ range(3) }}"
    sequence: [{id: inner, set: {n: "${{ 1 / (item - 1) }}"}}]
    needs: next
"""

ASKS = """
treadle: 1
name: asks
steps:
  a: {fail: full, on_error: {escalate: {timeout: 4h, on_timeout: fail}}}
"""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    return runs.in_use(monkeypatch)


@pytest.fixture
def why(treadle: Any, store: MemoryStore) -> Any:
    """Ask about a step of a run with these events: the lines, without indentation and times."""

    def ask(events: list[Event], step: str | None = None, **known: Any) -> list[str]:
        run = events[0].run
        if run not in {info.id for info in trio.run(_all, store)}:
            runs.put(store, events, **known)
        code, out, err = treadle("why", run, *([step] if step is not None else []))
        assert (code, err) == (0, "")
        return [line.strip().replace(run, "RUN") for line in out.splitlines()]

    return ask


async def _all(store: MemoryStore) -> Any:
    from treadle.plugin import RunFilter

    return (await store.list(RunFilter(), limit=100)).runs


@pytest.fixture(scope="module")
def release() -> list[Event]:
    return runs.happened(RELEASE)


@pytest.fixture(scope="module")
def late() -> list[Event]:
    return runs.happened(LATE)


@pytest.fixture(scope="module")
def told() -> list[Event]:
    return runs.happened(TOLD)


# --- steps -----------------------------------------------------------------------------------------


def test_a_skipped_step_shows_its_condition_with_the_values_it_saw(why: Any, release: list[Event]) -> None:
    assert why(release, "lint") == [
        "step lint of run RUN: skipped",
        "its condition was false: inputs.env == 'prod'",
        'inputs.env was "staging"',
    ]


def test_a_failed_step_shows_each_attempt_and_what_its_strategy_made_of_it(
    why: Any, release: list[Event]
) -> None:
    head, first, second, end = why(release, "checks.unit")
    assert head == "step checks.unit of run RUN: failed"
    assert first.startswith("attempt 1 began ")
    assert first.endswith("and failed after 0s: failed: broken")
    assert second.startswith("attempt 2 began ")
    assert end == "its error strategy fail_fast stopped the rest of its block, which failed with it"


def test_a_block_names_the_failure_inside_it_and_its_needs(why: Any, release: list[Event]) -> None:
    lines = why(release, "checks")
    assert lines[1:3] == [
        "it needs build, which completed",
        "it needs lint, which was skipped: when: inputs.env == 'prod'",
    ]
    assert lines[-2:] == [
        "its error strategy rollback asked for a rollback",
        "it all began with checks.unit: failed: broken",
    ]


def test_a_cancelled_step_names_the_failure_that_cancelled_it(why: Any, release: list[Event]) -> None:
    lines = why(release, "checks.slow")
    assert lines[-2:] == [
        "it was cancelled: unit failed",
        "it all began with checks.unit: failed: broken",
    ]


def test_a_step_inside_a_cancelled_block_names_the_failure_outside(why: Any) -> None:
    spec = """
treadle: 1
name: nested
steps:
  outer: {parallel: {inner: {sequence: [{id: slow, wait: 1m}, {id: next, wait: 1m}]}}}
  bad: {sequence: [{id: first, wait: 1s}, {id: second, fail: broken}]}
"""
    events = runs.happened(spec)
    for step in ("outer.inner.slow", "outer.inner.next", "outer.inner", "outer"):
        assert why(events, step)[-1] == "it all began with bad.second: failed: broken"


def test_an_omitted_step_names_its_unmet_need_and_the_first_failure(why: Any, release: list[Event]) -> None:
    assert why(release, "push") == [
        "step push of run RUN: omitted",
        "it needs checks, but it failed: failed: broken",
        "it did not start: stopped: checks failed, which asks for a rollback",
        "it all began with checks.unit: failed: broken",
    ]


def test_a_step_that_was_never_reached_says_in_what_it_stands(why: Any, release: list[Event]) -> None:
    assert why(release, "push.upload") == [
        "step push.upload of run RUN: pending",
        "it was never reached: push, in which it stands, was omitted:"
        " stopped: checks failed, which asks for a rollback",
        "it all began with checks.unit: failed: broken",
    ]


def test_a_step_that_was_undone_says_for_whom(why: Any, release: list[Event]) -> None:
    head, end = why(release, "build")
    assert head == "step build of run RUN: completed"
    assert end.startswith("it was undone ")
    assert end.endswith(", since checks asked for a rollback")


def test_an_undo_that_failed_says_how(why: Any) -> None:
    spec = RELEASE.replace("undo: {set: {gone: true}}", "undo: {fail: stuck}")
    end = why(runs.happened(spec), "build")[-1]
    assert end.startswith("taking it back failed ")
    assert end.endswith("since checks asked for a rollback: failed: stuck")


def test_an_inferred_need_names_the_reference(why: Any, release: list[Event]) -> None:
    assert why(release, "tell")[1] == (
        "it needs build (inferred from steps.build.output.image in steps.tell.set.image), which completed"
    )


def test_a_step_of_finally_is_a_step_like_any_other(why: Any, release: list[Event]) -> None:
    lines = why(release, "finally.bye")
    assert lines[0] == "step finally.bye of run RUN: failed"
    assert lines[1].endswith("failed: no")


def test_a_chain_of_omissions_leads_to_the_failure(why: Any, late: list[Event]) -> None:
    assert why(late, "third") == [
        "step third of run RUN: omitted",
        "it needs second, but it was omitted: needs first, which failed",
        "it all began with first: failed: broken",
    ]
    strategy = why(late, "first")[-1]
    assert strategy.startswith("its error strategy fail_late let what does not depend on it finish")


def test_an_at_least_shows_what_it_counted(why: Any, late: list[Event]) -> None:
    lines = why(late, "enough")
    assert lines[1] == (
        "it needs at least 2 to complete, and 1 did: first failed, second was omitted, other completed"
    )
    assert lines[-1] == "it all began with first: failed: broken"


def test_a_need_that_names_a_result_says_so(why: Any, late: list[Event]) -> None:
    assert why(late, "after_failure")[1] == "it needs first to be failed, which failed: failed: broken"


def test_a_tolerated_failure_says_what_the_strategy_did(why: Any, told: list[Event]) -> None:
    lines = why(told, "soft")
    assert lines[0] == "step soft of run RUN: tolerated"
    assert lines[-1] == (
        "its error strategy continue let the failure pass: what depends on it ran all the same"
    )
    assert why(told, "next")[1] == "it needs soft, which failed, which is tolerated: failed: meh"


def test_elements_and_what_is_inside_them_are_explained(why: Any, told: list[Event]) -> None:
    whole = why(told, "each")
    assert "it needs next, which completed" in whole
    assert any(line.startswith("it has 3 elements: ") and "1 failed" in line for line in whole)
    assert whole[-1].startswith("it all began with each.1.inner: expression: ")
    assert why(told, "each.1")[1] == "it needs next, which completed"
    assert why(told, "each.1.inner")[0] == "step each.1.inner of run RUN: failed"


def test_a_step_inside_elements_must_say_which(treadle: Any, store: MemoryStore, told: list[Event]) -> None:
    code, _, err = treadle("why", runs.put(store, told), "each.inner")
    assert code == 2
    assert err.startswith("treadle: there are several 'each.inner'; write one of: each.0.inner")


def test_rounds_are_explained_one_by_one(why: Any) -> None:
    spec = """
treadle: 1
name: rounds
steps:
  ship:
    retry: {attempts: 2, backoff: {fixed: 1s}}
    sequence: [{id: pack, set: {}}, {id: push, fail: broken}]
"""
    events = runs.happened(spec)
    assert why(events, "ship#2.push")[1] == "it needs ship#2.pack, which completed"
    assert why(events, "ship.push")[1] == "it needs ship.pack, which completed"
    assert [line.split(" began")[0] for line in why(events, "ship")[1:3]] == ["attempt 1", "attempt 2"]


@pytest.mark.parametrize(
    ("step", "hint"),
    [
        ("buidl", "did you mean 'build'?"),
        ("checks.unti", "did you mean 'checks.unit'?"),
        ("zzzzzz", "its steps: build, lint, checks, "),
    ],
)
def test_an_unknown_step_gets_a_hint(
    treadle: Any, store: MemoryStore, release: list[Event], step: str, hint: str
) -> None:
    code, out, err = treadle("why", runs.put(store, release), step)
    assert (code, out) == (2, "")
    assert f"has no step {step!r}; " in err
    assert hint in err


MANY = """
treadle: 1
name: many
inputs: {{some: {{type: object, default: {{}}}}}}
steps:
  all: {{parallel: {{{}}}}}
  some:
    switch: {{cases: [{{when: "1 == 2", steps: [{{id: x, set: {{}}}}]}}], default: [{{id: x, set: {{}}}}]}}
  odd: {{when: "default(steps.some.output.case, inputs.some.nothing) > 0", set: {{}}, on_error: continue}}
  again: {{repeat: {{until: "attempt == 25", times: 30}}, set: {{}}}}
  last: {{needs: [all, some, odd, again], set: {{}}}}
""".format(", ".join(f"s{n}: {{set: {{}}}}" for n in range(3)))


def test_the_branch_that_was_taken_is_told_and_its_steps_are_told_apart(why: Any) -> None:
    events = runs.happened(MANY)
    assert "it took the branch default" in why(events, "some")
    assert why(events, "some.x")[0] == "step some.x of run RUN: completed"


def test_a_step_that_failed_before_its_first_attempt_says_so(why: Any) -> None:
    lines = why(runs.happened(MANY), "odd")
    assert any(line.startswith("it failed before its first attempt: expression: ") for line in lines)


def test_many_attempts_and_needs_are_cut(why: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from treadle._cli import explained

    events = runs.happened(MANY)
    lines = why(events, "again")
    assert lines[1] == "5 earlier attempts are left out"
    assert lines[-1].startswith("attempt 25 began ")
    assert " and ended after " in lines[-1]
    monkeypatch.setattr(explained, "MOST", 2)
    assert "and it needs 2 more steps" in why(events, "last")


def test_a_pause_for_the_sake_of_the_store_says_so(why: Any) -> None:
    first, started, *_ = runs.happened(MANY)
    pausing = attrs.evolve(started, seq=3, type="workflow.pausing", data={"reason": "the disk is full"})
    lines = why([first, started, pausing])
    assert lines[1].startswith("treadle paused it ")
    assert lines[1].endswith(": the disk is full")


def test_a_failed_run_without_a_failed_step_shows_its_error(why: Any) -> None:
    spec = 'treadle: 1\nname: t\nsteps: [{set: {}}]\noutputs: {o: "${{ 1 / len([]) }}"}\n'
    assert why(runs.happened(spec))[1].startswith("expression: outputs.o: ")


# --- steps that have not settled -------------------------------------------------------------------


def test_a_step_that_waits_for_its_needs_shows_how_far_they_are(why: Any, release: list[Event]) -> None:
    events = runs.cut(release, "step.retrying")
    assert why(events, "push") == ["step push of run RUN: pending", "it needs checks, which is running"]
    assert why(events, "checks.unit")[-1].startswith("its next attempt is due ")
    assert why(events, "checks.slow")[1].endswith("and goes on")


def test_a_step_that_may_start_says_that_nothing_stands_in_its_way(why: Any, release: list[Event]) -> None:
    events = [e for e in runs.cut(release, "step.retrying") if e.step != "tell"]
    assert why([attrs.evolve(e, seq=n) for n, e in enumerate(events, 1)], "tell")[-1].startswith(
        "nothing stands in its way"
    )


def test_a_step_of_a_paused_run_says_so(why: Any) -> None:
    async def pause(run: Run) -> None:
        await trio.sleep(0.5)
        await run.pause()
        await trio.sleep(9)
        await run.resume()

    spec = "treadle: 1\nname: p\nsteps:\n  - {id: a, wait: 1s}\n  - {id: b, wait: 1s}\n"
    events = runs.cut(runs.happened(spec, act=pause), "workflow.paused")
    assert why(events, "b") == [
        "step b of run RUN: pending",
        "it needs a, which completed",
        "the run is paused: nothing starts",
    ]
    assert why(events)[1].split(" paused it ")[0] == "somebody"


def test_an_open_question_is_told_with_its_commands(why: Any) -> None:
    events = runs.happened(ASKS)
    asked = runs.cut(events, "workflow.waiting")
    lines = why(asked, "a")
    assert lines[-2].startswith("step a waits for a decision after failed: full (until ")
    assert lines[-1] == "treadle resolve RUN a --as retry|complete|continue|fail|rollback"
    assert why(asked)[-2] == "treadle resolve RUN a --as retry|complete|continue|fail|rollback"


def test_an_answer_says_who_gave_it(why: Any) -> None:
    events = runs.happened(ASKS)
    lines = why(events, "a")
    assert any(line.startswith("nobody answered until ") and line.endswith(": fail") for line in lines)
    assert lines[-1] == "the answer stopped the rest of its block, which failed with it"
    by_ada = [
        attrs.evolve(e, run="1z-1", data={**e.data, "by": "person", "who": "ada"})
        if e.type == "step.resolved"
        else attrs.evolve(e, run="1z-1")
        for e in events
    ]
    assert any(line.startswith("ada answered ") and line.endswith(": fail") for line in why(by_ada, "a"))


def test_an_attempt_that_a_crash_interrupted_is_told_as_that(why: Any, release: list[Event]) -> None:
    events = runs.cut(release, "step.retrying")
    last = events[-1]
    events[-1] = attrs.evolve(last, data={"lost": True, "delay": 0.0})
    assert why(events, "checks.unit")[1].endswith("and was interrupted by a crash")


# --- the run ---------------------------------------------------------------------------------------


def test_a_run_names_the_step_where_it_began_and_how_to_ask_about_it(why: Any, release: list[Event]) -> None:
    assert why(release) == [
        "run RUN of release: rolled back",
        "it all began with checks.unit: failed: broken; and finally.bye failed: no",
        "treadle why RUN checks.unit",
        "checks asked for a rollback",
        "rollback complete: 1 step undone",
    ]


def test_a_run_in_which_all_went_well_says_so(why: Any, told: list[Event]) -> None:
    spec = "treadle: 1\nname: fine\nsteps:\n  a: {set: {x: 1}}\n"
    assert why(runs.happened(spec)) == ["run RUN of fine: completed", "every step went well"]
    assert "tolerated failures: soft" in why(told)


def test_a_cancelled_run_and_its_steps_say_who_cancelled_it(why: Any) -> None:
    async def cancel(run: Run) -> None:
        await trio.sleep(1)
        await run.cancel("too late")

    spec = "treadle: 1\nname: c\nsteps:\n  - {id: a, wait: 1m}\n  - {id: b, wait: 1m}\n"
    events = runs.happened(spec, act=cancel)
    said = "somebody cancelled the run "
    assert why(events)[1].startswith(said)
    assert why(events)[1].endswith("(too late)")
    assert why(events, "a")[-1].startswith(said)
    assert why(events, "b")[-1].startswith(said)


def test_a_run_that_goes_on_says_what_is_at_work_and_who_drives_it(why: Any, release: list[Event]) -> None:
    events = runs.cut(release, "step.retrying")
    lines = why(events, owner="web:12:x", lease_until=time.time() + 60)
    assert lines == [
        "run RUN of release: running",
        "at work: checks, checks.slow",
        "driven by web (process 12)",
    ]


def test_a_run_that_nobody_drives_says_how_it_goes_on(why: Any, release: list[Event]) -> None:
    lines = why(runs.cut(release, "step.retrying"))
    assert lines[-1] == "nobody drives it; it goes on with: treadle resume RUN"


# --- as data ---------------------------------------------------------------------------------------


def test_json_has_all_that_is_known_of_a_step(treadle: Any, store: MemoryStore, release: list[Event]) -> None:
    run = runs.put(store, release)
    code, out, err = treadle("why", run, "push", "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said.keys() >= {"run", "workflow", "step", "status", "needs", "condition", "attempts", "cause"}
    assert [(need["step"], need["satisfied"]) for need in said["needs"]] == [("checks", False)]
    assert said["cause"]["step"] == "checks.unit"
    lint = json.loads(treadle("why", run, "lint", "--json").out)
    assert lint["condition"] == {
        "text": "inputs.env == 'prod'",
        "held": False,
        "saw": {"inputs.env": "staging"},
    }
    assert json.loads(treadle("why", run, "--json").out)["cause"]["step"] == "checks.unit"


def test_a_spec_that_cannot_be_compiled_here_leaves_the_needs_out(
    treadle: Any, store: MemoryStore, release: list[Event]
) -> None:
    first = release[0]
    spec = json.loads(json.dumps(first.data["spec"]).replace('"wait"', '"acme.wait"'))
    run = runs.put(store, [attrs.evolve(first, data={**first.data, "spec": spec}), *release[1:]])
    code, out, err = treadle("why", run, "checks.unit")
    assert code == 0
    assert err.startswith("treadle: its needs are left out, for its spec has problems here: ")
    assert "attempt 1" in out
