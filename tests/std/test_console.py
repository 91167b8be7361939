import io
import os
import subprocess
import sys
import textwrap

import pytest
import trio
from tests.std.events import Told, error

from treadle_std.sinks import console
from treadle_std.sinks._story import Story, told
from treadle_std.sinks.console import ConsoleSink, is_live, open_console, treadle_event_sinks


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def story(*events):
    teller = Story()
    return [line for event in events for line in teller.lines(event)]


# --- lines -----------------------------------------------------------------------------------------


def test_a_run_reads_as_a_story():
    run = Told()
    assert story(
        run("workflow.accepted"),
        run("workflow.started"),
        run("step.started", "build", attempt=1),
        run("step.decided", "build", when=True),
        run("step.retrying", "build", attempt=1, error=error(), delay=0.25),
        run("step.started", "build", attempt=2),
        run("step.completed", "build", attempt=2, output={}),
        run("step.skipped", "deploy", reason="when: false"),
        run("step.omitted", "smoke"),
        run("image.published", "build"),
        run("workflow.completed", tolerated=0),
    ) == [
        "12:00:02 release  started",
        "12:00:03 build  started",
        "12:00:05 build  tries again in 0.25 s after exit.3: exited with 3",
        "12:00:06 build  started (attempt 2)",
        "12:00:07 build  completed (attempt 2)",
        "12:00:08 deploy  skipped: when: false",
        "12:00:09 smoke  omitted",
        "12:00:10 build  emitted image.published",
        "12:00:11 release  completed",
    ]


@pytest.mark.parametrize(
    ("type_", "data", "line"),
    [
        ("workflow.completed", {"tolerated": 1}, "completed, 1 failure tolerated"),
        ("workflow.completed", {"tolerated": 2}, "completed, 2 failures tolerated"),
        ("workflow.failed", {"error": error()}, "failed: exit.3: exited with 3"),
        ("workflow.cancelled", {"reason": "enough"}, "cancelled: enough"),
        ("workflow.failed", {"error": error() | {"path": "b.c"}}, "failed: exit.3: exited with 3 (at b.c)"),
        ("step.failed", {"error": error() | {"path": "a.c"}}, "failed: exit.3: exited with 3 (at a.c)"),
        ("step.failed", {"error": error() | {"path": "a"}}, "failed: exit.3: exited with 3"),
        ("workflow.rolling_back", {"reason": "asked"}, "rolling back: asked"),
        ("workflow.rolled_back", {}, "rolled back"),
        ("workflow.rolled_back", {"error": error()}, "rolled back after exit.3: exited with 3"),
        ("workflow.pausing", {}, "pausing"),
        ("workflow.paused", {}, "paused"),
        ("workflow.resumed", {}, "goes on"),
        ("workflow.waiting", {}, "waits for a person"),
        ("step.expanded", {"items": [1, 2]}, "2 elements"),
        ("step.retrying", {"round": 2, "delay": 10.0}, "goes into round 2 in 10 s"),
        ("step.waiting", {"prompt": "Ship?"}, "waits for a person: Ship?"),
        ("step.waiting", {"prompt": None, "error": error()}, "waits for a person: exit.3: exited with 3"),
        ("step.waiting", {"for": "approval", "prompt": "Ship?"}, "waits for an approval: Ship?"),
        ("step.waiting", {"for": "approval", "prompt": None}, "waits for an approval"),
        ("step.waiting", {"for": "signal", "signal": "go"}, "waits for the signal go"),
        ("step.unknown", {"prompt": "did it?", "error": error()}, "is in doubt: did it?"),
        ("step.resolved", {"decision": "retry", "by": "person"}, "decided by person: retry"),
        ("step.resolved", {"decision": "approve", "by": "person", "who": "ann"}, "decided by ann: approve"),
        ("step.resolved", {"decision": "signal", "by": "person"}, "the signal came"),
        ("step.resolved", {"decision": "signal", "by": "person", "who": "bob"}, "the signal came from bob"),
        ("workflow.recovered", {"status": "running"}, "goes on where it was"),
        ("step.tolerated", {}, "the failure is tolerated"),
        ("step.undoing", {}, "being undone"),
        ("step.undone", {}, "undone"),
        ("step.undo_failed", {"error": error()}, "undo failed: exit.3: exited with 3"),
        ("step.log", {"message": "hello"}, "hello"),
        ("step.heartbeat", {"data": 3}, None),
        ("step.from_the_future", {}, None),
    ],
)
def test_each_event_is_told_in_words(type_, data, line):
    assert told(Told()(type_, "a", **data)) == line


def test_a_failure_comes_with_the_last_lines_of_its_output():
    run = Told()
    output = [run("step.output", "a", text=f"line {n}\n", stream="stdout") for n in range(30)]
    lines = story(run("step.started", "a"), *output, run("step.failed", "a", error=error()))
    assert lines[1].endswith("a  failed: exit.3: exited with 3")
    assert lines[2:] == [f"         | line {n}" for n in range(20, 30)]


def test_the_output_of_an_earlier_attempt_is_not_shown():
    run = Told()
    lines = story(
        run("step.output", "a", text="old\n"),
        run("step.started", "a", attempt=2),
        run("step.output", "a", text="ne"),
        run("step.output", "a", text="w\tx"),
        run("step.failed", "a", error=error()),
    )
    assert lines[-1] == "         | new     x"
    assert not any("old" in line for line in lines)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"stdout": "out", "stderr": "err"}, ["         | err"]),
        ({"stdout": "out", "stderr": ""}, ["         | out"]),
        ({"status": 500}, []),
    ],
)
def test_output_in_the_error_is_shown_where_none_came_live(data, shown):
    assert story(Told()("step.failed", "a", error=error(**data)))[1:] == shown


def test_no_text_can_fool_a_terminal():
    run = Told(workflow="w")
    lines = story(
        run("step.output", "a", text="\x1b[2Jgone\u202e\n"),
        run("step.failed", "a\x07", error=error(message="\x1b]0;x\n")),
        run("step.failed", "a", error=error()),
    )
    assert all(line.isprintable() for line in lines)
    assert "\\x1b[2Jgone\\u202e" in lines[-1]


def test_a_long_message_is_cut():
    (line,) = story(Told()("step.log", "a", message="x" * 9_999))
    assert len(line) < 600
    assert line.endswith("…")


def test_of_a_large_foreach_only_tenths_and_failures_are_told():
    run = Told()
    events = [run("step.started", "push"), run("step.expanded", "push", items=list(range(1_000)))]
    for index in range(1_000):
        events.append(run("step.started", f"push.{index}"))
        events.append(run("step.started", f"push.{index}.inner"))
        events.append(run("step.completed", f"push.{index}.inner"))
        outcome = "step.failed" if index == 500 else "step.completed"
        events.append(run(outcome, f"push.{index}", error=error()))
    events += [run("step.completed", "push"), run("step.started", "after")]
    lines = [line[9:] for line in story(*events)]
    assert lines[:3] == ["push  started", "push  1000 elements", "push  100 of 1000"]
    assert lines[-3:] == ["push  1000 of 1000", "push  completed", "after  started"]
    assert [line for line in lines if "failed" in line] == ["push.500  failed: exit.3: exited with 3"]
    assert len(lines) == 2 + 10 + 1 + 2


def test_a_small_foreach_is_told_in_full():
    run = Told()
    lines = story(run("step.expanded", "push", items=[1]), run("step.started", "push.0"))
    assert lines[1].endswith("push.0  started")


def test_runs_are_told_apart_only_where_there_are_several():
    one, two = Told("r1"), Told("r2")
    teller = Story()

    def line(event):
        (only,) = teller.lines(event)
        return only[9:]

    assert line(one("workflow.started")) == "release  started"
    assert line(two("workflow.started")) == "[r2] release  started"
    assert line(one("step.started", "a")) == "[r1] a  started"
    list(teller.lines(one("step.output", "a", text="x")))
    list(teller.lines(one("step.expanded", "b", items=list(range(99)))))
    assert line(one("workflow.failed", error=error())).startswith("[r1] release  failed")
    assert line(two("step.started", "a")) == "a  started"
    assert not teller._tails
    assert not teller._large


# --- where and how ---------------------------------------------------------------------------------


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("style", "term", "encoding", "tty", "live"),
    [
        ("auto", "xterm", "utf-8", True, True),
        ("auto", "xterm", "UTF8", True, True),
        ("auto", "xterm", "utf-8", False, False),
        ("auto", "dumb", "utf-8", True, False),
        ("auto", "", "utf-8", True, False),
        ("auto", "xterm", "ascii", True, False),
        ("auto", "xterm", None, True, False),
        ("live", "dumb", "ascii", False, True),
        ("plain", "xterm", "utf-8", True, False),
    ],
)
def test_a_tree_is_drawn_only_where_it_can_be(monkeypatch, style, term, encoding, tty, live):
    monkeypatch.setenv("TERM", term)
    stream = Terminal()
    stream.encoding = encoding
    stream.isatty = lambda: tty
    assert is_live(ConsoleSink(style=style), stream) is live


async def test_plain_lines_go_to_standard_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    run = Told()
    async with open_console(ConsoleSink(style="plain")) as send:
        await send([run("workflow.accepted")])
        await send([run("workflow.started"), run("step.started", "a")])
        assert sys.stderr.getvalue() == "12:00:02 release  started\n12:00:03 a  started\n"


async def test_what_the_stream_cannot_encode_is_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    async with open_console(ConsoleSink(style="plain")) as send:
        await send([Told()("step.log", "a", message="é")])
    assert raw.getvalue() == b"12:00:01 a  \\xe9\n"


async def shown_live(monkeypatch, *batches, pause=0.0):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(console, "_DRAW_EVERY", 0.01)
    monkeypatch.setattr(sys, "stderr", Terminal())
    async with open_console(ConsoleSink()) as send:
        for batch in batches:
            await send(batch)
            await trio.sleep(pause)
    return sys.stderr.getvalue()


async def test_a_live_tree_ends_as_lines_that_stay(monkeypatch):
    run = Told()
    start = [run("workflow.started"), run("step.started", "build"), run("step.started", "scan")]
    more = [run("step.failed", "scan", error=error(stderr="boom")), run("step.completed", "build")]
    text = await shown_live(monkeypatch, start, more, [run("workflow.failed", error=error())], pause=0.05)
    assert "●" in text
    last = text[text.rindex("\x1b[?25h") :]
    assert "scan  failed: exit.3: exited with 3" not in last
    assert "         | boom" in text
    assert "build" in last
    assert "release  failed: exit.3: exited with 3" in last
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


async def test_the_terminal_is_left_to_a_person_who_is_asked(monkeypatch):
    run = Told()
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(console, "_DRAW_EVERY", 0.01)
    async with open_console(ConsoleSink()) as send:
        await send([run("workflow.started"), run("step.started", "a")])
        await trio.sleep(0.05)
        await send([run("step.waiting", "a", prompt="Ship?")])
        asked = sys.stderr.getvalue()
        await trio.sleep(0.05)
        assert sys.stderr.getvalue() == asked
        assert asked.endswith("\x1b[?25h") or asked.count("\x1b[?25h") == 1
        await send([run("step.resolved", "a", decision="retry")])
        assert len(sys.stderr.getvalue()) > len(asked)


async def test_a_console_that_is_cancelled_gives_the_terminal_back(monkeypatch):
    run = Told()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(console, "_DRAW_EVERY", 0.01)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with trio.move_on_after(0.1) as scope:
        async with open_console(ConsoleSink()) as send:
            await send([run("workflow.started"), run("step.started", "a")])
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert sys.stderr.getvalue().count("\x1b[?25h") == 1


async def test_no_color_is_honoured(monkeypatch):
    run = Told()
    events = [run("workflow.started"), run("step.started", "a"), run("workflow.completed")]
    assert "\x1b[36m" in await shown_live(monkeypatch, events[:2], events[2:], pause=0.05)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[36m" not in await shown_live(monkeypatch, events[:2], events[2:], pause=0.05)


async def test_a_display_of_ten_thousand_steps_stays_within_the_terminal(monkeypatch):
    monkeypatch.setenv("LINES", "20")
    monkeypatch.setenv("COLUMNS", "80")
    run = Told()
    events = [run("workflow.started")]
    for index in range(10_000):
        events.append(run("step.started", f"s{index}"))
        if index % 2:
            events.append(run("step.completed", f"s{index}"))
    text = await shown_live(monkeypatch, events, pause=0.05)
    assert "4995 more completed" in text
    assert text.count("\n") < 100


def test_plain_lines_do_not_import_rich():
    program = textwrap.dedent(
        """
        import sys, trio
        from treadle_std.sinks.console import ConsoleSink, open_console
        async def main():
            async with open_console(ConsoleSink()) as send:
                pass
        trio.run(main)
        sys.exit("rich" in sys.modules)
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True, stderr=subprocess.PIPE, env=os.environ)


def test_its_entry():
    (entry,) = treadle_event_sinks()
    assert (entry.name, entry.main) == ("console", "style")
