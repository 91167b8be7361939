"""Owners of leases: whether the process of one is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.engine.kit import rig, to_end

from treadle._engine import owner
from treadle._engine.owner import is_driven, is_gone, new_owner, spoken
from treadle.events import RunStatus
from treadle.plugin import RunInfo
from treadle.testing import MemoryStore

if TYPE_CHECKING:
    import trio.testing


def of_a_process_that_has_ended() -> str:
    script = "from treadle._engine.owner import new_owner; print(new_owner())"
    return subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_two_engines_of_one_process_are_two_owners() -> None:
    assert new_owner() != new_owner()


def test_an_owner_is_told_to_people_as_its_host_and_process() -> None:
    host, pid, _ = new_owner().split(":")
    assert spoken(new_owner()) == f"{host} (process {pid})"
    assert spoken("somebody else") == "somebody else"


def led(owner: str | None, until: float) -> RunInfo:
    return RunInfo(
        id="r",
        workflow="flow",
        status=RunStatus.RUNNING,
        correlation_id="r",
        owner=owner,
        lease_until=until,
    )


def test_a_run_is_driven_while_its_owner_has_the_lease() -> None:
    assert is_driven(led(new_owner(), 10.0), 9.0)
    assert not is_driven(led(new_owner(), 10.0), 10.0)
    assert not is_driven(led(None, 10.0), 9.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can tell")
def test_a_run_whose_process_is_gone_is_not_driven_although_the_lease_has_not_lapsed() -> None:
    assert not is_driven(led(of_a_process_that_has_ended(), 10.0), 9.0)


def test_a_process_that_is_there_is_not_gone() -> None:
    assert not is_gone(new_owner())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can tell")
def test_a_process_that_has_ended_is_gone() -> None:
    assert is_gone(of_a_process_that_has_ended())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can tell")
def test_a_process_that_was_killed_is_gone_before_its_parent_has_heard_of_it() -> None:
    script = "from treadle._engine.owner import new_owner; print(new_owner(), flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], **pipes, text=True) as process:
        name = process.stdout.readline().strip()
        assert not is_gone(name)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(name)


@pytest.mark.parametrize("part", [0, 2])
def test_of_a_process_elsewhere_nobody_can_tell(part: int) -> None:
    parts = of_a_process_that_has_ended().split(":")
    parts[part] = "elsewhere-1"
    assert not is_gone(":".join(parts))


@pytest.mark.parametrize("odd", ["", "host", "host:pid:x", "a:b:c:d", f"{os.uname().nodename}:-1:x-y"])
def test_an_odd_owner_is_not_gone(odd: str) -> None:
    assert not is_gone(odd)


def test_where_the_system_does_not_tell_nobody_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = of_a_process_that_has_ended()
    monkeypatch.setattr(owner, "_here", lambda: "")
    assert not is_gone(gone)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can tell")
async def test_the_run_of_a_process_that_is_gone_is_resumed_without_waiting_for_its_lease(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with rig(store=store) as r:
        run = await r.start("steps: [{id: a, repeatable: true, act: {takes: 60s}}]")
        await r.engine.suspend(grace=0)
        now = r.engine._surroundings.now()
    await store.claim(run.id, of_a_process_that_has_ended(), now=now, until=now + 1000)
    async with rig(store=store, recover=False) as r:
        assert (await to_end(await r.engine.resume_run(run.id))).status == "completed"
