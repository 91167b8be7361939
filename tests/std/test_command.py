"""The ``command`` step on the real local transport."""

import signal
import sys

import pytest
import trio

from treadle.plugin import StepError
from treadle.testing import FakeStep
from treadle_std.steps._captured import TAIL_BYTES, TAIL_LINES, Captured
from treadle_std.steps.command import Command, command, treadle_step_types
from treadle_std.transports.local import Local, connect


def here(**given):
    return FakeStep(connect=lambda device: connect(Local()), **given)


async def ran(*argv, step=None, **settings):
    return await command(Command(run=argv, **settings), step or here())


async def failed(*argv, step=None, **settings):
    with pytest.raises(StepError) as caught:
        await ran(*argv, step=step, **settings)
    return caught.value


def python(code, *args):
    return (sys.executable, "-I", "-S", "-c", code, *args)


async def test_the_output_is_text_without_its_last_newline():
    out = await ran("printf", "%s\n", "one", "two", "")
    assert (out.exit_code, out.stdout, out.stderr, out.truncated) == (0, "one\ntwo\n", "", 0)
    assert (out.json, out.lines, out.device) == (None, None, None)


async def test_a_windows_newline_at_the_end_is_one_newline():
    assert (await ran("printf", "a\r\n")).stdout == "a"


async def test_a_word_reaches_the_program_as_it_is():
    words = ["a b", "$(touch x)", "'; rm -rf /", "*", "-n", "é\n"]
    code = "import sys, json; print(json.dumps(sys.argv[1:]))"
    assert (await ran(*python(code, *words), parse="json")).json == words


async def test_bytes_that_are_no_text_are_replaced():
    out = await ran("printf", r"a\377b\303")
    assert out.stdout == "a\ufffdb\ufffd"


async def test_output_is_shown_as_it_comes_in_whole_characters():
    step = here()
    code = "import os, time\nfor b in (b'\\xc3', b'\\xa9 ', b'z', b'\\xc3'): os.write(1, b); time.sleep(0.05)"
    out = await ran(*python(code), step=step)
    assert "".join(text for stream, text in step.written if stream == "stdout") == "é z\ufffd"
    assert out.stdout == "é z\ufffd"


async def test_both_streams_are_kept_apart():
    step = here()
    out = await ran("sh", "-c", "echo out; echo err >&2", step=step)
    assert (out.stdout, out.stderr) == ("out", "err")
    assert sorted(step.written) == [("stderr", "err\n"), ("stdout", "out\n")]


async def test_env_of_the_step_is_added_to_that_of_the_engine(monkeypatch):
    monkeypatch.setenv("TREADLE_TEST_OUTER", "outer")
    out = await ran("sh", "-c", 'echo "$TREADLE_TEST_OUTER $INNER"', step=here(env={"INNER": "in ner"}))
    assert out.stdout == "outer in ner"


async def test_stdin_and_cwd_reach_the_program(tmp_path):
    out = await ran("sh", "-c", "pwd; cat", cwd=str(tmp_path), stdin="héllo\n")
    assert out.stdout == f"{tmp_path.resolve()}\nhéllo"


async def test_without_stdin_there_is_nothing_to_read():
    assert (await ran("cat")).stdout == ""


@pytest.mark.parametrize(
    ("said", "lines"), [("", []), ("a", ["a"]), ("a\\r\\nb\\n", ["a", "b"]), ("a\\n\\n", ["a", ""])]
)
async def test_lines_of_stdout(said, lines):
    assert (await ran("printf", said, parse="lines")).lines == lines


async def test_json_keeps_its_types():
    out = await ran("printf", "%s", '{"a": [1, 2.5, null, true]}', parse="json")
    assert out.json == {"a": [1, 2.5, None, True]}


@pytest.mark.parametrize("said", ["", "{", "NaN", "1e999", "[-Infinity]", "[" * 100_000, "1" * 5000])
async def test_what_is_no_json_fails_as_output(said):
    error = await failed("cat", stdin=said, parse="json")
    assert error.name == "output"
    assert error.message.startswith("cat did not write JSON: ")
    assert len(error.message) < 300
    assert len(error.data["stdout"]) <= TAIL_BYTES


async def test_json_that_was_cut_says_so():
    error = await failed("printf", "[1,2,3]", parse="json", max_output=3)
    assert error.name == "output"
    assert error.message == "the JSON that printf wrote was cut after 3 bytes (4 more came); raise max_output"


async def test_another_exit_code_is_a_failure_with_the_last_lines():
    error = await failed("sh", "-c", "echo out; seq 1 100 >&2; exit 3")
    assert (error.name, error.message) == ("exit.3", "sh exited with 3: 100")
    assert error.data["exit_code"] == 3
    assert error.data["signal"] is None
    assert error.data["stdout"] == "out"
    assert error.data["stderr"].split("\n") == [str(n) for n in range(101 - TAIL_LINES, 101)]


async def test_a_silent_failure_names_only_the_code():
    assert (await failed("false")).message == "false exited with 1"


async def test_an_exit_code_in_ok_is_no_failure_and_zero_may_be_one():
    assert (await ran("sh", "-c", "exit 3", ok=(3, 4))).exit_code == 3
    assert (await failed("true", ok=(3,))).name == "exit.0"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_program_that_is_killed_fails_as_signal(number):
    error = await failed("sh", "-c", f"echo last; kill -{number.value} $$", ok=(0, 137))
    assert error.name == "exit.signal"
    assert error.message == f"sh was killed by {number.name}: last"
    assert error.data["exit_code"] is None
    assert error.data["signal"] == number.name


async def test_a_real_time_signal_is_named_by_its_number():
    error = await failed(*python("import os; os.kill(os.getpid(), 40)"))
    assert error.message.endswith("was killed by signal 40")


async def test_a_missing_program_fails_before_anything_runs():
    assert (await failed("no-such-program-here")).name == "exit.not_found"


async def test_output_over_the_limit_is_counted_and_the_end_is_kept_for_the_error():
    step = here()
    error = await failed("sh", "-c", "seq 1 5000; echo the end; exit 1", step=step, max_output=10)
    assert "".join(text for _, text in step.written) == "1\n2\n3\n4\n5\n"
    assert error.data["stdout"].endswith("5000\nthe end")
    out = await ran("printf", "aaéé", max_output=5)
    assert (out.stdout, out.truncated) == ("aaé", 1)


async def test_a_limit_of_zero_keeps_nothing():
    step = here()
    out = await ran("sh", "-c", "echo ab; echo c >&2", step=step, max_output=0)
    assert (out.stdout, out.stderr, out.truncated, step.written) == ("", "", 5, [])


async def test_a_timeout_ends_the_program_within_its_grace():
    with trio.move_on_after(0.3) as scope:
        await ran("sleep", "600", grace=30.0)
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"run": ()}, "no program is given"),
        ({"run": ("", "a")}, "no program is given"),
        ({"run": ("a",), "ok": ()}, "ok"),
        ({"run": ("a",), "ok": (256,)}, "ok|255"),
        ({"run": ("a",), "ok": (-1,)}, "ok|0"),
        ({"run": ("a",), "grace": -1.0}, "grace"),
        ({"run": ("a",), "max_output": -1}, "max_output"),
        ({"run": ("a",), "on": "web1"}, "devices are not yet supported in this version"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Command(**settings)


def test_the_entry_says_what_a_spec_may_write():
    (entry,) = treadle_step_types()
    assert (entry.name, entry.main, entry.repeatable) == ("command", "run", False)


def test_what_is_captured_is_bounded_whatever_comes():
    stream = Captured(8)
    for _ in range(1000):
        stream.add(b"0123456789" * 1000)
    assert stream.dropped == 10_000_000 - 8
    assert stream.text() == "01234567"
    assert len(stream.last_lines(FakeStep().mask)) == TAIL_BYTES
    assert stream.end() == ""


async def test_half_a_character_cannot_be_written_to_a_program():
    error = await failed("cat", stdin="a\ud800")
    assert (error.name, "half a character" in error.message) == ("exit.not_started", True)


async def test_what_the_environment_gave_that_is_not_utf_8_is_written_as_it_was():
    assert (await ran("od", "-An", "-tx1", stdin="\udcff")).stdout.strip() == "ff"


def test_half_a_secret_at_a_cut_is_left_out():
    mask = FakeStep(secrets={"TOKEN": "correct-horse"}).mask
    stream = Captured(20)
    stream.add(b"the word is correct-horse" + b"." * (TAIL_BYTES - 6))
    assert stream.masked(mask) == "the word is "
    assert stream.last_lines(mask).strip(".") == ""


def test_a_character_cut_off_at_the_beginning_of_the_end_is_left_out():
    stream = Captured(0)
    stream.add("€".encode() + b"x" * (TAIL_BYTES - 1))
    assert stream.last_lines(FakeStep().mask) == "x" * (TAIL_BYTES - 1)


def test_a_character_cut_in_two_is_shown_once_it_is_whole():
    stream = Captured(100)
    assert [stream.add(b"\xe2\x82"), stream.add(b"\xac"), stream.add(b"\xe2"), stream.end()] == [
        "",
        "€",
        "",
        "\ufffd",
    ]
