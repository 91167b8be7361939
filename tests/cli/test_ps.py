from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tests.cli import runs

from treadle._engine import owner
from treadle.events import RunStatus
from treadle.plugin import RunInfo

if TYPE_CHECKING:
    from treadle.testing import MemoryStore

NOW = 1_800_000_000.0


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.setattr(time, "time", lambda: NOW)
    return runs.in_use(monkeypatch)


def add(store: MemoryStore, run: str, status: RunStatus = RunStatus.COMPLETED, **known: Any) -> RunInfo:
    """A run of which nothing but its info is of interest."""
    began = known.pop("created_at", NOW - 100)
    info = RunInfo(
        id=run,
        workflow=known.pop("workflow", "demo"),
        status=status,
        correlation_id=run,
        created_at=began,
        started_at=known.pop("started_at", began),
        updated_at=began + 30,
        ended_at=began + 30 if status.ended else None,
        **known,
    )
    return trio.run(store.create, info, [])


def ids(out: str) -> list[str]:
    return [line.split()[0] for line in out.splitlines()[1:]]


def test_runs_are_listed_newest_first(treadle: Any, store: MemoryStore) -> None:
    for number, run in enumerate(("0a-1", "0b-2", "0c-3")):
        add(store, run, created_at=NOW - 100 + number)
    code, out, err = treadle("ps")
    assert (code, err) == (0, "")
    assert out.split()[:7] == ["RUN", "WORKFLOW", "STATUS", "STARTED", "DURATION", "DRIVEN", "BY"]
    assert ids(out) == ["0c-3", "0b-2", "0a-1"]
    assert re.search(r"^0a-1 +demo +completed +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +30s +-$", out, re.MULTILINE)


def test_who_drives_a_run_is_told_and_how_one_goes_on_that_nobody_drives(
    treadle: Any, store: MemoryStore
) -> None:
    add(store, "0a-1", RunStatus.RUNNING, owner="web1:4711:x7", lease_until=NOW + 5)
    add(store, "0a-2", RunStatus.ROLLING_BACK, owner="web1:4711:x7", lease_until=NOW - 5)
    add(store, "0a-3", RunStatus.PENDING, started_at=None, owner="somebody", lease_until=NOW + 5)
    rows = sorted(re.split(" {2,}", line) for line in treadle("ps").out.splitlines()[1:])
    assert [(row[2], row[4], row[5]) for row in rows] == [
        ("running", "1m40s", "web1 (process 4711)"),
        ("rolling back", "30s", "nobody: treadle resume 0a-2"),
        ("pending", "-", "somebody"),
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--status", "failed"), ["0d-4"]),
        (("--status", "active"), ["0c-3", "0b-2"]),
        (("--status", "active", "--status", "failed"), ["0d-4", "0c-3", "0b-2"]),
        (("--workflow", "other"), ["0b-2"]),
        (("--label", "env=prod", "--label", "team=a=b"), ["0c-3"]),
        (("--label", "env=prod"), ["0d-4", "0c-3"]),
        (("--since", "90s"), ["0d-4", "0c-3"]),
        (("--limit", "1"), ["0d-4"]),
    ],
)
def test_filters_hold_together(
    treadle: Any, store: MemoryStore, options: tuple[str, ...], expected: list[str]
) -> None:
    add(store, "0a-1", created_at=NOW - 1000)
    add(store, "0b-2", RunStatus.PAUSED, workflow="other", created_at=NOW - 100)
    add(store, "0c-3", RunStatus.WAITING, labels={"env": "prod", "team": "a=b"}, created_at=NOW - 80)
    add(store, "0d-4", RunStatus.FAILED, labels={"env": "prod"}, created_at=NOW - 60)
    assert ids(treadle("ps", *options).out) == expected


def test_a_long_list_goes_on_where_it_ended(treadle: Any, store: MemoryStore) -> None:
    for number in range(5):
        add(store, f"0{number}-x", created_at=NOW - 100 + number)
    seen, after = [], []
    while True:
        _, out, err = treadle("ps", "--limit", "2", *after)
        seen += ids(out)
        if "--after" not in err:
            break
        after = err.split()[-2:]
    assert seen == ["04-x", "03-x", "02-x", "01-x", "00-x"]


def test_json_is_one_object_with_the_runs_and_the_next_page(treadle: Any, store: MemoryStore) -> None:
    add(store, "0a-1", labels={"a": "b"}, key="k", parent="00-0")
    add(store, "0b-2", RunStatus.RUNNING, created_at=NOW - 10, owner="h:1:z", lease_until=NOW + 1)
    code, out, err = treadle("ps", "--json", "--limit", "1")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert [run["run"] for run in said["runs"]] == ["0b-2"]
    assert said["runs"][0]["driver"] == "h:1:z"
    assert said["runs"][0]["ended_at"] is None
    rest = json.loads(treadle("ps", "--json", "--after", said["next"]).out)
    assert rest["next"] is None
    assert (
        rest["runs"][0].items()
        >= {
            "run": "0a-1",
            "workflow": "demo",
            "status": "completed",
            "labels": {"a": "b"},
            "key": "k",
            "parent": "00-0",
            "driver": None,
            "events": 0,
        }.items()
    )
    assert rest["runs"][0]["started_at"].endswith("Z")


def test_no_journal_is_read(treadle: Any, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, "0a-1")

    async def load(*_: Any, **__: Any) -> None:
        raise AssertionError("a journal was read")

    monkeypatch.setattr(store, "load", load)
    assert treadle("ps").code == 0


def test_an_empty_list_is_said_on_standard_error(treadle: Any, store: MemoryStore) -> None:
    assert treadle("ps") == (0, "", "no runs\n")
    assert treadle("ps", "--status", "failed") == (0, "", "no such runs\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "3"), "--since"),
        (("--since", "soon"), "--since"),
        (("--status", "dead"), "--status"),
        (("--limit", "0"), "--limit"),
        (("--label", "prod"), "--label 'prod' names no text; write --label NAME=TEXT"),
    ],
)
def test_wrong_options_are_wrong_usage(
    treadle: Any, store: MemoryStore, options: tuple[str, ...], said: str
) -> None:
    code, out, err = treadle("ps", *options)
    assert (code, out) == (2, "")
    assert said in err


def test_a_run_that_was_let_go_has_no_driver(treadle: Any, store: MemoryStore) -> None:
    info = add(store, "0a-1", RunStatus.RUNNING, owner="h:1:z", lease_until=NOW + 1)
    assert "h (process 1)" in treadle("ps").out
    trio.run(store.release, "0a-1", info.token)
    assert "nobody: treadle resume 0a-1" in treadle("ps").out


def test_a_process_that_has_died_drives_nothing_although_its_lease_has_not_lapsed(
    treadle: Any, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "is_gone", lambda name: name == "web1:4711:x7")
    add(store, "0a-1", RunStatus.RUNNING, owner="web1:4711:x7", lease_until=NOW + 5)
    add(store, "0a-2", RunStatus.RUNNING, owner="web1:4712:x7", lease_until=NOW + 5)
    out = treadle("ps")[1]
    assert "nobody: treadle resume 0a-1" in out
    assert "web1 (process 4712)" in out


def test_roots_are_the_runs_that_no_step_called(treadle: Any, store: MemoryStore) -> None:
    for number in range(12):
        parent = None if number % 4 == 0 else "00-1"
        add(store, f"{number:02}-1", parent=parent, created_at=NOW - 100 + number)
    assert ids(treadle("ps", "--roots").out) == ["08-1", "04-1", "00-1"]
    first = json.loads(treadle("ps", "--roots", "--limit", "2", "--json").out)
    assert [each["run"] for each in first["runs"]] == ["08-1", "04-1"]
    assert ids(treadle("ps", "--roots", "--limit", "2", "--after", first["next"]).out) == ["00-1"]


def test_roots_have_no_parent(treadle: Any, store: MemoryStore) -> None:
    code, _, err = treadle("ps", "--roots", "--parent", "0a-1")
    assert code == 2
    assert "exclude each other" in err
