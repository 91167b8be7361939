from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from tests.cli import runs

from treadle._cli import stored, terminal
from treadle._records import encode
from treadle.events import RunStatus
from treadle.plugin import Append, RunInfo
from treadle.testing import MemoryStore
from treadle_std.stores.sqlite import Sqlite, open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from treadle import Event

SPEC = """
treadle: 1
name: demo
steps:
  - {id: a, set: {x: "ü"}}
  - {id: b, wait: 1m}
"""


@pytest.fixture(scope="module")
def happened() -> list[Event]:
    return runs.happened(SPEC)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    return runs.in_use(monkeypatch)


def seqs(out: str) -> list[int]:
    return [json.loads(line)["seq"] for line in out.splitlines()]


def test_each_event_is_a_line_of_json(treadle: Any, store: MemoryStore, happened: list[Event]) -> None:
    run = runs.put(store, happened)
    code, out, err = treadle("events", run)
    assert (code, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        json.loads(json.dumps(event.to_data())) for event in happened
    ]
    assert "ü" in out


def test_events_are_chosen_by_number_and_type(
    treadle: Any, store: MemoryStore, happened: list[Event]
) -> None:
    run = runs.put(store, happened)
    every = [event.seq for event in happened]
    assert seqs(treadle("events", run, "--after", "3").out) == every[3:]
    assert treadle("events", run, "--after", "999") == (0, "", "")
    _, out, _ = treadle("events", run, "--type", "step.completed", "--type", "workflow.accepted")
    assert [json.loads(line)["type"] for line in out.splitlines()] == [
        "workflow.accepted",
        "step.completed",
        "step.completed",
    ]


def test_long_journals_are_read_in_pages(
    treadle: Any, store: MemoryStore, happened: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    from treadle._cli import events

    monkeypatch.setattr(events, "_PAGE", 2)
    assert seqs(treadle("events", runs.put(store, happened)).out) == [event.seq for event in happened]


class Growing(MemoryStore):
    """A store whose only run goes on by one event whenever somebody looks for changes for the third time."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self.rest = list(events)
        self.looked: list[float] = []

    async def changes(self) -> int:
        self.looked.append(trio.current_time())
        if len(self.looked) % 3 == 0 and self.rest:
            event = self.rest.pop(0)
            info = await self.info(event.run)
            assert await self.append([_append(info, event)]) == [None]
        return await super().changes()


def _append(info: RunInfo, event: Event) -> Append:
    ended = event.type == "workflow.completed"
    return Append(
        run=info.id,
        token=info.token,
        after=(event.seq or 1) - 1,
        records=[encode(event, info.labels)],
        status=RunStatus.COMPLETED if ended else info.status,
        time=event.time,
        ended_at=event.time if ended else None,
    )


def growing(monkeypatch: pytest.MonkeyPatch, happened: list[Event], **known: Any) -> Growing:
    began = next(n for n, event in enumerate(happened) if event.type == "step.started")
    store = Growing(happened[began:])
    runs.put(store, happened[:began], owner="h:1:x", **known)

    @asynccontextmanager
    async def opened(project: Any) -> AsyncIterator[Growing]:
        yield store

    monkeypatch.setattr(stored, "open_store", opened)
    return store


def test_following_ends_with_the_run_and_has_every_event_once(
    treadle: Any, monkeypatch: pytest.MonkeyPatch, happened: list[Event]
) -> None:
    from treadle._cli import events

    monkeypatch.setattr(events, "POLL_SECONDS", 0.001)
    store = growing(monkeypatch, happened, lease_until=time.time() + 60)
    code, out, err = treadle("events", happened[0].run, "--follow")
    assert (code, err) == (0, "")
    assert seqs(out) == [event.seq for event in happened]
    assert store.rest == []


def test_following_looks_at_most_five_times_a_second(
    treadle: Any, monkeypatch: pytest.MonkeyPatch, happened: list[Event]
) -> None:
    store = growing(monkeypatch, happened)
    store.rest = [attrs.evolve(happened[-1], seq=store.rest[0].seq)]
    treadle("events", happened[0].run, "--follow")
    waits = [later - earlier for earlier, later in zip(store.looked, store.looked[1:], strict=False)]
    assert waits
    assert min(waits) >= 0.199


def test_following_a_run_that_nobody_drives_says_how_it_goes_on(
    treadle: Any, monkeypatch: pytest.MonkeyPatch, happened: list[Event]
) -> None:
    store = growing(monkeypatch, happened)
    store.rest = [attrs.evolve(happened[-1], seq=store.rest[0].seq)]
    code, _, err = treadle("events", happened[0].run, "-f", "--type", "none.such")
    assert (code, err) == (
        0,
        f"treadle: nobody drives this run; it goes on with: treadle resume {happened[0].run}\n",
    )


def test_a_reader_that_goes_away_ends_the_following(
    treadle: Any, monkeypatch: pytest.MonkeyPatch, happened: list[Event]
) -> None:
    store = growing(monkeypatch, happened, lease_until=time.time() + 60)
    written: list[str] = []

    def write(text: str) -> bool:
        written.append(text)
        return False

    monkeypatch.setattr(terminal, "out", write)
    assert treadle("events", happened[0].run, "--follow").code == 0
    assert len(written) == 1
    assert store.rest


# --- real processes --------------------------------------------------------------------------------


async def _fill(path: Path, events: list[Event]) -> None:
    info = RunInfo(
        id=events[0].run,
        workflow="demo",
        status=RunStatus.RUNNING,
        correlation_id=events[0].correlation_id,
        created_at=events[0].time,
        owner="h:1:x",
        lease_until=time.time() + 600,
    )
    async with open_sqlite(Sqlite(path=str(path))) as store:
        await store.create(info, [encode(event, {}) for event in events])


def following(folder: Path, events: list[Event]) -> subprocess.Popen[str]:
    """A process that follows a run of which it has printed what there is."""
    trio.run(_fill, folder / ".treadle" / "treadle.db", events)
    program = [sys.executable, "-m", "treadle", "events", events[0].run, "--follow"]
    process = subprocess.Popen(
        program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    for _ in events:
        assert process.stdout.readline()
    return process


def test_an_interrupt_ends_the_following_without_a_word(folder: Path, happened: list[Event]) -> None:
    process = following(folder, happened[:2])
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")
