import errno
import json
import os
import stat

import attrs
import pytest
from tests.std.events import Told

from treadle_std.sinks.jsonl import Jsonl, open_jsonl, treadle_event_sinks


async def written(config, *batches):
    async with open_jsonl(config) as send:
        for batch in batches:
            await send(batch)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


async def test_each_event_is_a_line_in_order(path):
    told = Told()
    events = [told("workflow.started"), told("step.started", "a", attempt=1), told("workflow.completed")]
    await written(Jsonl(path=str(path)), events[:2], events[2:])
    assert lines(path) == [event.to_data() for event in events]
    assert path.read_bytes().endswith(b"\n")


async def test_cloudevents_are_written_where_asked(path):
    event = Told()("step.started", "a", attempt=1)
    await written(Jsonl(path=str(path), format="cloudevents"), [event])
    assert lines(path) == [event.to_cloudevent()]


async def test_live_events_are_left_out_unless_asked_for(path):
    told = Told()
    events = [
        told("step.output", "a", text="x"),
        told("step.log", "a", message="x"),
        told("step.started", "a"),
    ]
    await written(Jsonl(path=str(path)), events, events[:2])
    assert [line["type"] for line in lines(path)] == ["step.started"]
    await written(Jsonl(path=str(path), live=True), events)
    assert [line["type"] for line in lines(path)][1:] == ["step.output", "step.log", "step.started"]


async def test_a_new_file_is_for_its_owner_only_and_an_old_one_is_appended_to(path):
    event = Told()("workflow.started")
    await written(Jsonl(path=str(path)), [event])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await written(Jsonl(path=str(path)), [event])
    assert len(lines(path)) == 2


async def test_no_text_can_break_a_line_or_the_encoding(path):
    text = "a\nb\u2028c\x00\ud800é"
    await written(Jsonl(path=str(path)), [Told()("note", text=text)])
    assert path.read_bytes().isascii()
    assert lines(path)[0]["data"]["text"] == text


async def test_a_batch_is_in_the_file_when_send_returns(path):
    async with open_jsonl(Jsonl(path=str(path))) as send:
        await send([Told()("workflow.started")])
        assert len(lines(path)) == 1


async def test_a_write_that_stops_half_way_is_gone_on_with(path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    event = Told()("workflow.started")
    await written(Jsonl(path=str(path)), [event])
    assert lines(path) == [event.to_data()]


async def test_after_a_failed_write_the_next_line_stands_by_itself(path, monkeypatch):
    write = os.write
    event = Told()("workflow.started")
    answers = [lambda fd, data: write(fd, data[:7]), None, write]

    def full_once(fd, data):
        answer = answers.pop(0)
        if answer is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return answer(fd, data)

    async with open_jsonl(Jsonl(path=str(path))) as send:
        monkeypatch.setattr(os, "write", full_once)
        with pytest.raises(OSError, match="No space left"):
            await send([event])
        await send([event])
    broken, whole = path.read_text().splitlines()
    assert len(broken) == 7
    assert json.loads(whole) == event.to_data()


async def test_a_file_that_cannot_be_opened_is_an_error_with_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere"):
        async with open_jsonl(Jsonl(path=str(tmp_path / "nowhere" / "events.jsonl"))):
            raise AssertionError("it was opened")


async def test_the_file_is_closed_in_the_end(path, monkeypatch):
    closed = []
    close = os.close
    monkeypatch.setattr(os, "close", lambda fd: (closed.append(fd), close(fd)))
    await written(Jsonl(path=str(path)), [Told()("workflow.started")])
    assert len(closed) == 1


def test_an_empty_path_is_refused():
    with pytest.raises(ValueError, match="path"):
        Jsonl(path="")


def test_its_entry():
    (entry,) = treadle_event_sinks()
    assert (entry.name, entry.main) == ("jsonl", "path")
    assert attrs.has(entry.config)


@pytest.mark.parametrize("read", [False, True], ids=["nobody reads", "the reader stalls"])
async def test_a_pipe_is_refused_at_once(path, read):
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if read else None
    with pytest.raises(OSError, match="is no regular file"):
        await written(Jsonl(path=str(path)))
    if reader is not None:
        os.close(reader)
