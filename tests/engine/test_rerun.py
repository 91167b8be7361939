"""A journal that takes over what stands of another run is recovered like any other."""

from pathlib import Path

import attrs
import pytest

import treadle
from treadle import Event, RunState
from treadle._records import decode, encode
from treadle._rerun import closure, journal
from treadle.events import SETTLINGS
from treadle.plugin import RunInfo
from treadle.testing import MemoryStore

WORKS = 'shell: "test -e works"'

SHAPES = {
    "nested": (
        f"""
        outer:
          sequence:
            - {{id: a, set: {{x: 1}}}}
            - id: inner
              parallel:
                b: {{set: {{x: 2}}}}
                c: {{{WORKS}}}
            - {{id: d, set: {{x: "${{{{ steps.inner.output.b.x }}}}"}}}}
        last: {{set: {{x: "${{{{ steps.outer.output.d.x }}}}"}}}}
        """,
        ["outer.inner.c", "outer.d", "last"],
    ),
    "condition": (
        f"""
        choice:
          condition:
            if: "true"
            then: [{{id: a, set: {{x: 1}}}}, {{id: b, {WORKS}}}]
            else: [{{id: c, set: {{x: 1}}}}]
        last: {{needs: choice, set: {{x: 1}}}}
        """,
        ["choice.b", "last"],
    ),
    "foreach of blocks": (
        f"""
        each:
          foreach: [1, 2]
          on_error: continue
          sequence: [{{id: a, set: {{x: "${{{{ item }}}}"}}}}, {{id: b, {WORKS}}}]
        last: {{set: {{x: "${{{{ default(steps.each.output, []) }}}}"}}}}
        """,
        ["each.0.b", "each.1.b", "last"],
    ),
    "handled failure": (
        f"""
        try_: {{{WORKS}, on_error: continue}}
        mend: {{needs: {{try_: failed}}, set: {{x: 1}}}}
        other: {{set: {{x: 1}}}}
        """,
        ["try_"],
    ),
    "undone": (
        f"""
        a: {{set: {{x: 1}}, undo: {{wait: 0s}}}}
        b: {{needs: a, set: {{x: 1}}}}
        c: {{needs: b, {WORKS}, on_error: rollback}}
        """,
        ["a", "b", "c"],
    ),
    "at least": (
        f"""
        a: {{set: {{x: 1}}}}
        b: {{{WORKS}, on_error: continue}}
        any: {{needs: {{at_least: 1, of: [a, b]}}, set: {{x: 1}}}}
        """,
        ["b", "any"],
    ),
    "skipped": (
        f"""
        a: {{when: "false", set: {{x: 1}}}}
        b: {{needs: a, set: {{x: 1}}}}
        c: {{needs: b, {WORKS}}}
        """,
        ["c"],
    ),
    "retried block": (
        f"""
        a: {{set: {{x: 1}}}}
        both:
          needs: a
          retry: {{attempts: 2, backoff: {{fixed: 0s}}}}
          sequence: [{{id: one, set: {{x: 1}}}}, {{id: two, {WORKS}}}]
        """,
        ["both", "both.one", "both.two"],
    ),
}


async def rerun(
    store: MemoryStore, workflow: treadle.Workflow, old: RunInfo, name: str = "new"
) -> list[Event]:
    """The events of a new run that runs again what failed in *old*."""
    events = [decode(record, old) for record in await store.load(old.id)]
    what = closure(workflow.plan, events)
    new = journal(
        workflow.plan, events, what, run=name, time=old.updated_at, correlation_id=name, told={"from": []}
    )
    info = attrs.evolve(
        old,
        id=name,
        status=RunState.fold(new).status,
        correlation_id=name,
        ended_at=None,
        seq=len(new),
        owner=None,
        lease_until=0.0,
    )
    await store.create(info, [encode(event, info.labels) for event in new])
    async with treadle.open_engine(store=store, recover=False) as engine:
        run = await engine.resume_run(name)
        await run.wait()
        return [event async for event in run.events()]


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_stands_is_not_run_and_the_rest_is(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    steps, again = SHAPES[shape]
    workflow = treadle.loads(f"treadle: 1\nname: x\nsteps:\n{steps}")
    store = MemoryStore()
    async with treadle.open_engine(store=store, recover=False) as engine:
        old = await (await engine.start(workflow)).wait()
    Path("works").touch()
    events = await rerun(store, workflow, await store.info(old.run))
    state = RunState.fold(events)
    assert state.status == "completed", state.error
    assert {path for path, step in state.steps.items() if step.status in ("failed", "cancelled")} == set()
    started = [e.step for e in events if e.type == "step.started" and "reused" not in e.data]
    assert sorted(map(str, started)) == sorted(again)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    settled = [e.step for e in events if e.type in SETTLINGS]
    assert len(settled) == len(set(settled))


async def test_a_rerun_of_a_rerun_keeps_what_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    steps, again = SHAPES["nested"]
    workflow = treadle.loads(f"treadle: 1\nname: x\nsteps:\n{steps}")
    store = MemoryStore()
    async with treadle.open_engine(store=store, recover=False) as engine:
        old = await (await engine.start(workflow)).wait()
    assert RunState.fold(await rerun(store, workflow, await store.info(old.run))).status == "failed"
    Path("works").touch()
    events = await rerun(store, workflow, await store.info("new"), "newer")
    assert RunState.fold(events).status == "completed"
    started = [e.step for e in events if e.type == "step.started" and "reused" not in e.data]
    assert sorted(map(str, started)) == sorted(again)
