"""Every example in ``specs/``, run for real: real commands, real servers, the real clock."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.std.truth import no_lies

import treadle

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECS = Path(__file__).parent.parent / "specs"
TESTED = {
    "approval", "child", "cleanup", "conditions", "decide", "escalate", "foreach", "hello",
    "parallel", "parent", "project", "python_step", "release", "repeat", "retry", "rollback",
    "signal", "templates",
}  # fmt: skip


@pytest.fixture(autouse=True)
def what_was_said_is_true(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What every example gives is what the type checker had said it would be."""
    with no_lies(monkeypatch):
        yield


async def run(name: str, **inputs: Any) -> treadle.RunState:
    workflow = treadle.load(SPECS / f"{name}.yaml")
    assert workflow.warnings == ()
    return await treadle.run(workflow, inputs)


def test_every_example_is_tested_here() -> None:
    assert {path.stem for path in SPECS.glob("*.yaml")} == TESTED


async def test_hello_greets_and_measures() -> None:
    workflow = treadle.load(SPECS / "hello.yaml")
    state = await treadle.run(workflow, {"name": "Ünïcode"})
    assert state.outputs == {"greeting": "Hello, Ünïcode!", "characters": 17}


async def test_parallel_gathers_three_checks() -> None:
    state = await run("parallel")
    assert state.outputs == {"report": {"unit": "42 tests", "style": "clean"}}
    assert state.steps["checks.types"].status == "completed"


async def test_retry_succeeds_with_the_third_attempt(tmp_path: Path) -> None:
    state = await run("retry", folder=str(tmp_path))
    assert state.outputs == {"attempts": 3}
    assert (tmp_path / "attempts").read_text() == "again\n" * 3


async def test_repeat_polls_until_the_third_tick(tmp_path: Path) -> None:
    state = await run("repeat", folder=str(tmp_path))
    assert state.outputs == {"ticks": 3}
    assert state.steps["poll"].attempts == 3


@pytest.mark.parametrize(
    ("inputs", "size", "confirmed", "started"),
    [
        ({}, "small", "skipped", True),
        ({"replicas": 0}, "none", "skipped", False),
        ({"replicas": 9, "env": "prod"}, "large", "completed", True),
    ],
)
async def test_conditions_choose(inputs: dict[str, Any], size: str, confirmed: str, started: bool) -> None:
    state = await run("conditions", **inputs)
    assert state.outputs == {"size": size, "confirmed": confirmed, "started": started}


@pytest.mark.parametrize(
    ("amount", "country", "outputs"),
    [
        (250, "de", {"queue": "auto", "checks": [], "fee": 5}),
        (5000, "us", {"queue": "desk-us", "checks": ["credit", "sanctions"], "fee": 50}),
        (5000, "ch", {"queue": "auto", "checks": ["credit"], "fee": 0}),
        (50000, "ch", {"queue": "board", "checks": ["credit"], "fee": 0}),
    ],
)
async def test_decide_goes_by_the_rules(amount: int, country: str, outputs: dict[str, Any]) -> None:
    state = await run("decide", amount=amount, country=country)
    assert state.outputs == outputs


async def test_foreach_tolerates_the_broken_host() -> None:
    state = await run("foreach")
    assert state.status == "completed"
    assert state.tolerated == 1
    answers = [None if one is None else one["stdout"] for one in state.outputs["answers"]]
    hosts = ("alpha", "beta", None, "delta", "epsilon", "zeta")
    assert answers == [host and f"{host} answers" for host in hosts]


async def test_rollback_takes_back_what_was_done_newest_first(tmp_path: Path) -> None:
    state = await run("rollback", folder=str(tmp_path))
    assert state.status == "rolled_back"
    assert state.rollback == {"status": "complete", "undone": 2}
    assert (tmp_path / "undone").read_text() == "grants\nuser\n"
    assert {path.name for path in tmp_path.iterdir()} == {"undone", "status"}
    assert (tmp_path / "status").read_text() == "rolled_back\n"


async def test_rollback_leaves_what_works(tmp_path: Path) -> None:
    state = await run("rollback", folder=str(tmp_path), works=True)
    assert state.status == "completed"
    assert {path.name for path in tmp_path.iterdir()} == {"user", "grants", "status"}


async def test_escalate_gives_up_waiting_and_goes_on() -> None:
    state = await run("escalate")
    assert state.outputs == {"text": "migration failed"}
    assert state.tolerated == 1


async def test_escalate_is_decided_by_a_person() -> None:
    workflow = treadle.load(SPECS / "escalate.yaml")
    async with treadle.open_engine(registry=workflow.registry) as engine:
        run = await engine.start(workflow)
        async for event in run.events():
            if event.type == "step.waiting":
                await run.resolve("migrate", treadle.Resolve.COMPLETE, output={"by": "hand"})
        state = await run.wait()
    assert state.outputs == {"text": "migration completed"}
    assert state.steps["migrate"].output == {"by": "hand"}


async def test_approval_ships_under_the_ticket_that_a_person_gave() -> None:
    workflow = treadle.load(SPECS / "approval.yaml")
    async with treadle.open_engine(registry=workflow.registry) as engine:
        run = await engine.start(workflow, {"patience": "1h"})
        async for event in run.events():
            if event.type == "step.waiting":
                with pytest.raises(treadle.Refused, match="does not match the pattern"):
                    await run.approve("approve", {"ticket": "none"})
                await run.approve("approve", {"ticket": "OPS-7"}, by="ann")
        state = await run.wait()
    assert state.outputs == {"note": "app:1.4.2 under OPS-7"}
    assert state.steps["approve.notify"].output["stdout"] == "somebody please look at the release"


async def test_approval_ships_nothing_when_nobody_answers() -> None:
    state = await run("approval", patience="50ms")
    assert (state.outputs, state.tolerated) == ({"note": "not shipped"}, 1)


async def test_signal_takes_the_parcel_of_its_own_order() -> None:
    workflow = treadle.load(SPECS / "signal.yaml")
    async with treadle.open_engine(registry=workflow.registry) as engine:
        run = await engine.start(workflow, {"order": 2, "patience": "1h"})
        await run.signal("parcel.left", {"order": 1, "carrier": "crow"})
        await run.signal("parcel.left", {"order": 2, "carrier": "owl"})
        state = await run.wait()
    assert state.outputs == {"text": "order 2 is on its way with owl"}


async def test_signal_fails_when_none_comes() -> None:
    state = await run("signal", order=2, patience="50ms")
    assert state.error is not None
    assert (state.status, state.error.name) == ("failed", "timeout")


@pytest.mark.parametrize("works", [True, False])
async def test_cleanup_removes_the_folder_whatever_happens(works: bool) -> None:
    state = await run("cleanup", works=works)
    assert state.status == ("completed" if works else "failed")
    assert not Path(state.steps["scratch"].output["stdout"]).exists()
    assert state.steps["finally.remove"].status == "completed"


async def test_python_step_calls_a_function() -> None:
    state = await run("python_step")
    assert state.outputs == {"lines": 6, "longest": 12}


async def test_release_goes_live_over_real_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = await _release(tmp_path, monkeypatch)
    assert state.status == "completed", state.error
    assert state.outputs == {"live": "1.1.0"}
    assert (tmp_path / "current").resolve().name == "1.1.0"
    assert (tmp_path / "hooks").read_text() == '{"text":"release 1.1.0 is live"}\n'


async def test_release_is_taken_back_when_the_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await _release(tmp_path, monkeypatch, expected="2.0.0")
    assert state.status == "rolled_back"
    assert state.error is not None
    assert (state.error.name, state.error.path) == ("smoke", "site.rollout.verify.wrong")
    assert (tmp_path / "current").resolve().name == "1.0.0"
    assert not (tmp_path / "1.1.0").exists()
    assert (tmp_path / "history").read_text() == "1.1.0 rolled_back\n"


async def _release(folder: Path, monkeypatch: pytest.MonkeyPatch, **inputs: Any) -> treadle.RunState:
    monkeypatch.setenv("HOOK_KEY", "between-you-and-me")
    given = {"folder": str(folder), "peer": str(SPECS / "peer.py"), "python": sys.executable}
    state = await run("release", **given, **inputs)
    assert "between-you-and-me" not in repr(state)
    return state


async def test_project_checks_builds_and_smokes_this_very_tree() -> None:
    state = await run("project", source=str(SPECS.parent), python=sys.executable)
    assert state.status == "completed", state.error
    assert state.outputs["version"].startswith("treadle ")
    assert state.outputs["greeting"] == "Hello, wheel!"
    assert state.outputs["lines"] > 1000


async def test_child_packs_a_parcel() -> None:
    state = await run("child", item="tea")
    assert state.outputs == {"label": "tea, 100 g"}


async def test_parent_has_every_item_packed_by_a_run_of_its_own() -> None:
    state = await run("parent")
    labels = [parcel["label"] for parcel in state.outputs["parcels"]]
    assert labels == ["tea, 250 g", "cups, 250 g", "spoons, 250 g"]
    assert len({state.steps[f"parcels.{number}"].run for number in range(3)}) == 3


async def test_templates_greet_everybody() -> None:
    state = await run("templates", who="Ada")
    assert state.outputs == {"hello": "Hello, Ada!", "last": "2 times: Hello, everybody!"}
    assert state.steps["both.one.say"].output["stdout"] == "Hello, dear Ada!"
    assert state.steps["both.one.count"].status == "skipped"
