"""A plugin of a third party, installed as a distribution of its own, at work in a spec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import treadle

ACME = Path(__file__).parent / "acme_plugin"


async def test_its_step_type_strategy_backoff_and_function_work_together() -> None:
    workflow = treadle.load(ACME / "deploy.yaml")
    state = await treadle.run(workflow)
    assert state.status == "completed"
    assert state.tolerated == 1
    assert state.steps["eu"].attempts == 3
    assert state.outputs["error"] == "acme.unavailable"
    assert state.outputs["url"].endswith("spring-sale-2026")


def test_its_sink_is_named_by_a_deployment_file_and_gets_every_event(tmp_path: Path) -> None:
    for name in ("deploy.yaml", "treadle.yaml"):
        (tmp_path / name).write_text((ACME / name).read_text())
    done = subprocess.run(
        [sys.executable, "-m", "treadle", "run", "deploy.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    memo = (tmp_path / "memo.txt").read_text()
    for told in ("workflow.accepted", "step.retrying", "step.tolerated", "workflow.completed"):
        assert told in memo


def test_the_registry_knows_whose_plugins_they_are() -> None:
    registry = treadle.Registry.installed()
    assert registry.problems == ()
    (acme,) = [plugin for plugin in registry.plugins if plugin.distribution == "treadle-acme"]
    assert {"acme.deploy"} <= registry.step_types.keys()
    assert not acme.disabled
    assert "acme.deploy" not in treadle.Registry.installed(without=["treadle-acme"]).step_types
