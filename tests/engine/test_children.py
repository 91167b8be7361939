"""What a run promises about the runs that its steps call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.engine.kit import Rig, events, rig, to_end

import treadle
from treadle import Limits, RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence


class Called:
    """Workflows by name, loaded with the registry of a rig."""

    def __init__(self, r: Rig) -> None:
        self._rig = r

    def names(self) -> Sequence[str]:
        return list(SPECS)

    def named(self, name: str) -> treadle.Workflow:
        if name not in SPECS:
            raise LookupError(f"no workflow {name!r} is known here")
        return treadle.loads(f"treadle: 1\nname: {name}\n{SPECS[name]}", registry=self._rig.registry)

    def at(self, file: str, caller: Any) -> treadle.Workflow:
        raise LookupError("there are no files here")


SPECS = {
    "adds": "inputs: {x: {type: integer}}\noutputs: {y: '${{ steps.a.output.y }}'}\n"
    "steps: {a: {set: {y: '${{ inputs.x + 1 }}'}}}",
    "works": "steps: {w: {act: {takes: 5s}}}\nfinally: {f: {act: {takes: 2s}}}",
    "two": "steps: [{id: a, act: {takes: 5s}}, {id: b, act: {takes: 5s}}]",
    "breaks": "steps: {w: {act: {takes: 1s, fails: 9, error: door.jammed}}}",
    "asks": "steps: [{id: ok, approval: {prompt: 'go?'}}, {id: after, act: {takes: 1s}}]",
    "deeper": "steps: {again: {workflow: deeper}}",
    "fails_once": "steps: {w: {act: {name: shaky, takes: 1s, fails: 1}}}",
    "nested": "steps: {inner: {workflow: works}}",
    "ends_slowly": "steps: {w: {act: {takes: 1s}}}\nfinally: {f: {act: {takes: 5s}}}",
}


class Family:
    """A rig, with a catalogue of `SPECS`."""

    def __init__(self, r: Rig) -> None:
        self.engine, self.ledger, self._rig = r.engine, r.ledger, r
        r.engine._catalogue = Called(r)

    async def start(self, steps: str, **more: Any) -> treadle.Run:
        return await self._rig.start(f"steps: {steps}", **more)

    async def run(self, steps: str, **more: Any) -> treadle.RunState:
        return await to_end(await self.start(steps, **more))

    def children(self) -> list[treadle.Run]:
        """The runs that were called, in that order."""
        return [run for run in self.engine.runs() if run.state().parent is not None]

    def child(self) -> treadle.Run:
        (child,) = self.children()
        return child


async def test_a_step_has_the_outputs_of_the_run_it_called(autojump_clock: object) -> None:
    async with rig() as r:
        state = await Family(r).run("{call: {workflow: {name: adds, inputs: {x: 41}}}}")
    assert state.steps["call"].output == {"y": 42}


async def test_each_of_the_two_runs_tells_of_the_other(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        state = await family.run("{call: {workflow: {name: adds, inputs: {x: 1}}}}")
        child = family.child()
        assert state.steps["call"].run == child.id
        assert child.state().parent == {
            "run": state.run,
            "step": "call",
            "attempt": 1,
            "depth": 1,
            "detached": False,
        }


async def test_labels_and_the_correlation_id_are_handed_down(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        steps = "{call: {workflow: {name: adds, inputs: {x: 1}}, labels: {part: one}}}"
        await family.run(steps, labels={"team": "shop"}, correlation_id="c-1")
        (first, *_) = await events(family.child())
    assert first.correlation_id == "c-1"
    assert first.labels == {"team": "shop", "part": "one"}


async def test_the_failure_of_a_called_run_is_that_of_the_step(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        state = await family.run("{call: {workflow: breaks}}")
        child = family.child().id
    error = state.steps["call"].error
    assert error is not None
    assert error.name == "door.jammed"
    assert error.message == f"run {child} failed at w: w failed"
    assert error.data == {"run": child, "path": "w", "data": None}


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("nothing", "workflow.unknown"),
        ("{name: adds}", "workflow.inputs"),
        ("{name: adds, inputs: {x: one}}", "workflow.inputs"),
        ("{file: other.yaml}", "workflow.unknown"),
        ("deeper", "workflow.depth"),
    ],
)
async def test_what_cannot_be_called_fails_the_step(call: str, name: str, autojump_clock: object) -> None:
    async with rig() as r:
        state = await Family(r).run(f"{{call: {{workflow: {call}}}}}")
    assert state.steps["call"].error is not None
    assert state.steps["call"].error.name == name


async def test_a_recursion_without_an_end_is_ended_after_sixteen_runs(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        await family.run("{call: {workflow: deeper}}")
        assert len(family.children()) == 16


async def test_every_attempt_calls_a_run_of_its_own(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        state = await family.run("{call: {workflow: fails_once, retry: 2}}")
        assert state.status is RunStatus.COMPLETED
        assert [child.status for child in family.children()] == ["failed", "completed"]
        assert state.steps["call"].run == family.children()[-1].id


async def test_called_runs_need_no_place_of_their_own(autojump_clock: object) -> None:
    async with rig(limits=Limits(runs=1)) as r:
        state = await Family(r).run("{call: {workflow: nested}}")
    assert state.status is RunStatus.COMPLETED


# --- cancelling ---


async def test_a_cancel_reaches_the_called_run_and_waits_for_its_end(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: works}}")
        await trio.sleep(1)
        await run.cancel("enough")
        state = await to_end(run)
        child = family.child().state()
    assert (state.status, child.status) == ("cancelled", "cancelled")
    assert child.reason == "the run was cancelled (enough)"
    assert family.ledger.at("end", "finally.f") == 3
    assert state.ended_at is not None
    assert child.ended_at is not None
    assert state.ended_at >= child.ended_at


async def test_a_cancel_reaches_all_generations(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: nested}}")
        await trio.sleep(1)
        await run.cancel()
        await to_end(run)
        assert [child.status for child in family.children()] == ["cancelled", "cancelled"]


async def test_the_timeout_of_the_step_cancels_what_it_called(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        state = await family.run("{call: {workflow: works, timeout: 2s}}")
        child = family.child().state()
    assert state.steps["call"].error is not None
    assert state.steps["call"].error.name == "timeout"
    assert child.status is RunStatus.CANCELLED
    assert child.reason == "timed out after 2s"


async def test_a_failure_beside_it_cancels_what_a_step_called(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        steps = "{call: {workflow: works}, beside: {act: {takes: 1s, fails: 9}}}"
        state = await to_end(await r.start(f"on_error: fail_fast\nsteps: {steps}"))
        assert state.steps["call"].status == "cancelled"
        assert family.child().status is RunStatus.CANCELLED


async def test_what_is_cancelled_by_others_fails_the_step(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: works}}")
        await trio.sleep(1)
        await family.child().cancel("not today")
        state = await to_end(run)
    error = state.steps["call"].error
    assert error is not None
    assert error.name == "workflow.cancelled"
    assert "not today" in error.message


async def test_a_called_run_that_completes_all_the_same_is_taken_back(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        steps = "{call: {workflow: ends_slowly, timeout: 3s, undo: {act: taken back}}}"
        state = await to_end(await r.start(f"on_error: rollback\nsteps: {steps}"))
        assert family.child().status is RunStatus.COMPLETED  # its end was decided when it was to be cancelled
    assert state.status is RunStatus.ROLLED_BACK
    assert family.ledger.at("end", "taken back") == 6


# --- pausing ---


async def test_a_pause_reaches_the_called_run(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: two}}")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(1)
        assert (run.status, family.child().status) == ("pausing", "pausing")  # a is in flight
        await trio.sleep(8)
        assert (run.status, family.child().status) == ("paused", "paused")
        await run.resume()
        state = await to_end(run)
    assert state.status is RunStatus.COMPLETED
    assert family.ledger.at("start", "b") == 10
    assert "workflow.waiting" not in [event.type for event in await events(run)]


async def test_what_was_paused_by_hand_stays_so(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: two}}")
        await trio.sleep(1)
        await family.child().pause()
        await trio.sleep(9)
        assert (run.status, family.child().status) == ("waiting", "paused")
        await run.pause()
        await trio.sleep(1)
        assert run.status is RunStatus.PAUSED
        await run.resume()
        await trio.sleep(1)
        assert (run.status, family.child().status) == ("waiting", "paused")
        await family.child().resume()
        assert (await to_end(run)).status is RunStatus.COMPLETED


async def test_a_paused_run_and_what_it_called_can_be_cancelled(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: two}}")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(9)
        await run.cancel()
        assert (await to_end(run)).status is RunStatus.CANCELLED
        assert family.child().status is RunStatus.CANCELLED


async def test_the_timeout_of_a_call_stands_still_while_the_run_is_paused(autojump_clock: object) -> None:
    async with rig() as r:
        run = await Family(r).start("{call: {workflow: two, timeout: 11s}}")
        await trio.sleep(1)
        await run.pause()
        await trio.sleep(99)
        await run.resume()
        assert (await to_end(run)).status is RunStatus.COMPLETED


# --- waiting for a person ---


async def test_a_run_waits_while_what_it_called_does(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: asks}}")
        await trio.sleep(1)
        child = family.child()
        assert (run.status, child.status) == ("waiting", "waiting")
        assert run.state().steps["call"].status == "waiting"
        await child.approve("ok")
        await trio.sleep(0.5)
        assert (run.status, run.state().status) == ("running", "running")
        assert run.state().steps["call"].status == "running"
        assert (await to_end(run)).status is RunStatus.COMPLETED


async def test_what_a_called_run_asks_is_answered_there(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: asks}}")
        await trio.sleep(1)
        with pytest.raises(treadle.Refused, match=f"it waits for run {family.child().id}; answer what that"):
            await run.approve("call")


async def test_something_else_that_goes_on_keeps_the_run_from_waiting(autojump_clock: object) -> None:
    async with rig() as r:
        run = await Family(r).start("{call: {workflow: asks}, beside: {act: {takes: 5s}}}")
        await trio.sleep(1)
        assert run.status is RunStatus.RUNNING
        await trio.sleep(5)
        assert run.status is RunStatus.WAITING
        await run.cancel()
        await to_end(run)


# --- detached ---


async def test_a_detached_run_goes_its_own_way(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        state = await family.run("{call: {workflow: {name: works, detach: true}}}")
        child = family.child()
        assert state.steps["call"].output == {"run": child.id}
        assert state.status is RunStatus.COMPLETED
        assert not child.status.ended
        assert (await to_end(child)).status is RunStatus.COMPLETED


# --- leaving the engine ---


async def test_closing_the_engine_cancels_both(autojump_clock: object) -> None:
    async with rig() as r:
        family = Family(r)
        run = await family.start("{call: {workflow: works}}")
        await trio.sleep(1)
    assert (run.status, family.child().status) == ("cancelled", "cancelled")


async def test_an_engine_that_is_left_while_a_called_run_is_cancelled_is_left_at_once(
    autojump_clock: object,
) -> None:
    with trio.move_on_after(4) as scope:
        async with rig() as r:
            family = Family(r)
            run = await family.start("{call: {workflow: works}}")
            await trio.sleep(1)
            await run.cancel()
            await trio.sleep(1)
            scope.cancel()
            await trio.sleep_forever()
    assert trio.current_time() == 2
