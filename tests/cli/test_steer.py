"""Commands to runs, against a store in which somebody answers, or nobody does."""

import json
import time
from typing import Any

import pytest
from tests.cli.runs import cut, happened, in_use, put

from treadle._cli import requests
from treadle._engine import asking
from treadle._kinds.store import Request
from treadle.testing import MemoryStore

SPEC = """
treadle: 1
name: x
steps:
  - {id: one, wait: 5s}
  - {id: two, on_error: {escalate: {timeout: 1s, on_timeout: fail}}, fail: no}
"""
ASKS = {
    "for": "approval",
    "prompt": "Ship?",
    "fields": {"percent": {"type": "integer"}, "why": {"type": "string"}},
    "timeout": None,
    "on_timeout": None,
    "decisions": ["approve", "reject"],
}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    return in_use(monkeypatch)


@pytest.fixture
def nobody(store: MemoryStore) -> str:
    """A run that has not ended, and that nobody drives."""
    return put(store, cut(happened(SPEC), "step.started", "one"))


@pytest.fixture
def driven(store: MemoryStore) -> str:
    """A run that another process drives."""
    events = cut(happened(SPEC), "step.started", "one")
    return put(store, events, owner="elsewhere:1:x", token=1, lease_until=time.time() + 60)


@pytest.fixture
def asked(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Has every request accepted at once; what was asked."""
    return answering(store, monkeypatch, {"answer": "accepted", "state": "pausing"})


def answering(store: MemoryStore, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> list[Request]:
    requests: list[Request] = []
    ask = store.ask

    async def asked(request: Request) -> None:
        await ask(request)
        requests.append(request)
        await store.answer(request.id, answer)

    monkeypatch.setattr(store, "ask", asked)
    return requests


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (["pause", "RUN"], {}),
        (["cancel", "RUN"], {"reason": None, "rollback": False}),
        (["cancel", "RUN", "--rollback", "--reason", "late"], {"reason": "late", "rollback": True}),
        (["resolve", "RUN", "two", "--as", "fail"], {"step": "two", "decision": "fail"}),
        (
            ["resolve", "RUN", "two", "--as", "complete", "--output", '{"a": 1}'],
            {"step": "two", "decision": "complete", "output": {"a": 1}},
        ),
        (["approve", "RUN", "two"], {"step": "two", "fields": {}}),
        (["reject", "RUN", "two", "--comment", "no"], {"step": "two", "fields": {}, "comment": "no"}),
        (["signal", "RUN", "paid"], {"name": "paid", "payload": None}),
        (["signal", "RUN", "paid", "--data", "[1, 2.5]"], {"name": "paid", "payload": [1, 2.5]}),
        (["resume", "RUN"], {}),
    ],
)
def test_each_command_is_asked_of_whoever_drives_the_run(
    treadle: Any, driven: str, asked: list[Request], command: list[str], arguments: dict[str, Any]
) -> None:
    code, out, err = treadle(*(driven if word == "RUN" else word for word in command))
    assert (code, out) == (0, "")
    assert err == f"treadle: {command[0]} accepted; run {driven} is pausing\n"
    assert [(each.run, each.command, dict(each.arguments)) for each in asked] == [
        (driven, command[0], arguments)
    ]
    assert asked[0].by == requests.asker()
    assert "@" in asked[0].by


def test_every_request_has_an_id_of_its_own(treadle: Any, driven: str, asked: list[Request]) -> None:
    treadle("pause", driven)
    treadle("pause", "last")
    assert len({each.id for each in asked}) == 2


def test_a_refusal_says_why_and_in_which_state(
    treadle: Any, store: MemoryStore, driven: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(store, monkeypatch, {"answer": "refused", "why": "it is failing already", "state": "running"})
    code, _, err = treadle("cancel", driven)
    assert code == 2
    assert err == f"treadle: run {driven} refused to cancel: it is failing already (state: running)\n"


def test_the_answer_in_json_is_one_object(treadle: Any, driven: str, asked: list[Request]) -> None:
    code, out, _ = treadle("pause", driven, "--json")
    assert code == 0
    assert json.loads(out) == {
        "run": driven,
        "command": "pause",
        "answer": "accepted",
        "why": None,
        "state": "pausing",
    }


def test_what_is_asked_of_a_run_that_nobody_drives_is_kept(
    treadle: Any, store: MemoryStore, nobody: str
) -> None:
    code, out, err = treadle("pause", nobody, "--json")
    assert code == 0
    assert json.loads(out)["answer"] == "pending"
    assert err == (
        f"treadle: nobody drives run {nobody} now (running); the request to pause is kept and takes"
        f" effect when the run goes on: treadle resume {nobody}\n"
    )


def test_a_driver_that_dies_while_we_wait_is_noticed(
    treadle: Any, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LOOK_SECONDS", 0.05)
    events = cut(happened(SPEC), "step.started", "one")
    run = put(store, events, owner="elsewhere:1:x", token=1, lease_until=time.time() + 0.3)
    code, _, err = treadle("cancel", run)
    assert code == 0
    assert "nobody drives run" in err


def test_a_driver_that_does_not_answer_is_not_waited_for_for_ever(
    treadle: Any, driven: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 0.1)
    code, _, err = treadle("pause", driven)
    assert code == 4
    assert "is driven by elsewhere (process 1), which has not answered within 0.1 s" in err


@pytest.mark.parametrize("command", [["pause"], ["cancel"], ["resume"], ["approve", "two", "--field", "a=1"]])
def test_a_run_that_has_ended_refuses_at_once(treadle: Any, store: MemoryStore, command: list[str]) -> None:
    run = put(store, happened(SPEC))
    code, _, err = treadle(command[0], run, *command[1:])
    assert code == 2
    assert err == f"treadle: run {run} refused to {command[0]}: it has ended (state: failed)\n"


def test_fields_are_read_as_the_question_declares_them(
    treadle: Any, store: MemoryStore, asked: list[Request]
) -> None:
    events = cut(happened(SPEC), "step.waiting", "two")
    asks = events[-1].__class__(**{**_fields(events[-1]), "data": ASKS})
    run = put(store, [*events[:-1], asks], owner="elsewhere:1:x", token=1, lease_until=time.time() + 60)
    given = ["--field", "percent=50", "--field", "why=1=1", "--field", "more=7"]
    assert treadle("approve", run, "two", *given).code == 0
    assert asked[0].arguments["fields"] == {"percent": 50, "why": "1=1", "more": "7"}
    code, _, err = treadle("approve", run, "two", "--field", "percent=half")
    assert code == 2
    assert "--field percent:" in err


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__slots__ if not name.startswith("__")}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["signal", "last", "paid", "--data", "{a: 1}"], "--data is not JSON"),
        (["signal", "last", "paid", "--data", "NaN"], "NaN is no number"),
        (["resolve", "last", "two", "--as", "complete", "--output", "hello"], "--output is not JSON"),
        (["resolve", "last", "two", "--as", "fail", "--output", "1"], "goes with --as complete"),
        (["approve", "last", "two", "--field", "x"], "write --field NAME=VALUE"),
        (["approve", "last", "two", "--field", "x=1", "--field", "x=2"], "is given twice"),
    ],
)
def test_what_is_written_wrong_is_said_and_nothing_is_asked(
    treadle: Any, driven: str, asked: list[Request], command: list[str], said: str
) -> None:
    code, _, err = treadle(*command)
    assert code == 2
    assert said in err
    assert asked == []


def test_a_run_that_is_not_there_is_said(treadle: Any, store: MemoryStore) -> None:
    code, _, err = treadle("pause", "nothing")
    assert code == 2
    assert "there is no run 'nothing'" in err


def test_where_there_are_no_runs_yet_that_is_said(treadle: Any) -> None:
    code, _, err = treadle("pause", "last")
    assert code == 2
    assert "no runs here yet" in err
