"""The local transport against real processes that behave badly."""

import errno
import gc
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from treadle.plugin import Exit, StepError
from treadle_std.transports import _child, _start
from treadle_std.transports._child import run_child
from treadle_std.transports.local import Local, connect, treadle_transports

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")


class Heard:
    """What a command said."""

    def __init__(self):
        self.stdout = bytearray()
        self.stderr = bytearray()

    def __call__(self, stream, chunk):
        getattr(self, stream).extend(chunk)


async def ran(*argv, env=None, cwd=None, stdin=b"", grace=5.0, on_output=None):
    async with connect(Local()) as connection:
        return await connection.run(
            argv, env=env or {}, cwd=cwd, stdin=stdin, grace=grace, on_output=on_output or Heard()
        )


async def refused(*argv, **given):
    with pytest.raises(StepError) as caught:
        await ran(*argv, **given)
    return caught.value.name, caught.value.message


def python(code, *args):
    return (sys.executable, "-I", "-S", "-c", code, *args)


def living(mark):
    """Pids of the processes, no zombies, whose command line holds *mark*."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


async def until(condition, seconds=10):
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - processes set no event
            await trio.sleep(0.01)


def mark():
    """A number of seconds to sleep that no other test uses: finds the test's own processes."""
    mark.last += 1
    return f"{30_000 + os.getpid() % 1000}.{mark.last:05}"


mark.last = 0


# --- the usual ------------------------------------------------------------------------------------


async def test_a_command_runs_to_its_end():
    heard = Heard()
    assert await ran("sh", "-c", "echo out; echo err >&2; exit 4", on_output=heard) == Exit(4)
    assert (heard.stdout, heard.stderr) == (b"out\n", b"err\n")


async def test_a_killed_command_gives_its_signal():
    assert await ran("sh", "-c", "kill -9 $$") == Exit(None, signal.SIGKILL)


async def test_output_without_a_newline_and_output_that_is_no_text_come_as_they_are():
    heard = Heard()
    await ran("printf", r"\377\000end", on_output=heard)
    assert heard.stdout == b"\xff\x00end"


async def test_a_command_leads_a_session_of_its_own():
    heard = Heard()
    await ran(*python("import os; print(os.getsid(0) == os.getpgrp() == os.getpid())"), on_output=heard)
    assert heard.stdout == b"True\n"


async def test_a_relative_program_is_looked_for_in_the_working_directory(tmp_path):
    script = tmp_path / "tool"
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o755)
    heard = Heard()
    await ran("./tool", cwd=str(tmp_path), on_output=heard)
    assert heard.stdout.decode() == f"{tmp_path.resolve()}\n"


async def test_the_path_of_env_is_where_programs_are_looked_for(tmp_path):
    script = tmp_path / "treadle-tool"
    script.write_text("#!/bin/sh\necho found\n")
    script.chmod(0o755)
    heard = Heard()
    await ran("treadle-tool", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, on_output=heard)
    assert heard.stdout == b"found\n"


def test_the_entry_is_local():
    (entry,) = treadle_transports()
    assert (entry.name, entry.config) == ("local", Local)


# --- what cannot be started -----------------------------------------------------------------------


async def test_a_missing_program_is_named(tmp_path):
    name, message = await refused("no-such-program-here")
    assert name == "exit.not_found"
    assert (
        message == "there is no program 'no-such-program-here' on PATH; install it, or write the path to it"
    )
    name, message = await refused("./nope", cwd=str(tmp_path))
    assert (name, message) == (
        "exit.not_found",
        f"there is no program './nope' from {str(tmp_path)!r}; correct the path",
    )


async def test_a_missing_interpreter_is_told_from_a_missing_script(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    name, message = await refused("./script", cwd=str(tmp_path))
    assert name == "exit.not_found"
    assert "exists, but the program in its #! line does not" in message


async def test_a_file_that_may_not_be_executed_is_named(tmp_path):
    script = tmp_path / "script"
    script.write_text("echo hi\n")
    name, message = await refused(str(script))
    assert name == "exit.not_executable"
    assert "chmod +x" in message
    script.chmod(0o755)
    name, message = await refused(str(script))
    assert name == "exit.not_executable"
    assert "#! line" in message
    assert (await refused(str(tmp_path)))[0] == "exit.not_executable"


async def test_a_working_directory_that_is_none_is_named(tmp_path):
    name, message = await refused("true", cwd=str(tmp_path / "nope"))
    assert name == "exit.cwd"
    assert f"there is no directory {str(tmp_path / 'nope')!r} to work in" in message
    (tmp_path / "file").touch()
    name, message = await refused("true", cwd=str(tmp_path / "file"))
    assert name == "exit.cwd"
    assert "Not a directory" in message


async def test_too_many_arguments_are_a_named_error():
    name, message = await refused("true", *["x" * 100_000] * 100)
    assert name == "exit.too_long"
    assert "by stdin or in a file" in message


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"argv": ("echo", "a\0b")}, "word 2 of the command holds a NUL"),
        ({"env": {"SECRET": "a\0b"}}, "the value of 'SECRET' in env holds a NUL"),
        ({"cwd": "/tmp\0"}, "cwd holds a NUL"),
        ({"env": {"FINE": "a", "A=B": "c"}}, "'A=B' is no name of an environment variable"),
        ({"env": {"A\0": "c"}}, "is no name of an environment variable"),
        ({"argv": ("echo", "\ud800")}, "cannot be encoded for this machine (UnicodeEncodeError)"),
    ],
)
async def test_text_that_no_program_can_be_given_is_told(given, what):
    argv = given.pop("argv", ("true",))
    name, message = await refused(*argv, **given)
    assert name == "exit.not_started"
    assert what in message


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (errno.EMFILE, "out of open files"),
        (errno.EAGAIN, "out of processes"),
        (errno.EIO, "Input/output error"),
    ],
)
async def test_a_machine_that_cannot_start_it_says_why(monkeypatch, code, what):
    def popen(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(_start.subprocess, "Popen", popen)
    name, message = await refused("x" * 1000)
    assert name == "exit.not_started"
    assert what in message
    assert len(message) < 400


async def test_no_process_is_started_that_could_not_be_watched(monkeypatch, tmp_path):
    def none_left():
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(_start.selectors, "DefaultSelector", none_left)
    with pytest.raises(StepError, match=r"out of open files of this process; run fewer steps at once"):
        await run_child(
            ["touch", str(tmp_path / "started")], env={}, cwd=None, stdin=b"", grace=1, on_output=Heard()
        )
    assert list(tmp_path.iterdir()) == []


@needs_proc
async def test_a_shortage_of_open_files_leaves_none_open():
    await ran("true")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = open_files()
    names = []
    for spare in range(12):
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + spare, hard))
        try:
            await run_child(["true"], env={}, cwd=None, stdin=b"x", grace=1, on_output=Heard())
        except StepError as exc:
            names.append(exc.name)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert names
    assert set(names) == {"exit.not_started"}
    assert open_files() == before


async def test_nothing_starts_in_a_cancelled_scope(tmp_path):
    with trio.CancelScope() as scope:
        scope.cancel()
        await ran("touch", str(tmp_path / "started"))
    assert scope.cancelled_caught
    assert list(tmp_path.iterdir()) == []


# --- pipes ----------------------------------------------------------------------------------------


async def test_a_flood_leaves_memory_flat():
    total = 0

    def count(stream, chunk):
        nonlocal total
        total += len(chunk)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = "import sys\nfor _ in range(200): sys.stdout.buffer.write(bytes(1 << 20))"
    assert await ran(*python(code), on_output=count) == Exit(0)
    assert total == 200 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


async def test_a_flood_leaves_the_other_tasks_their_turn():
    turns = 0

    async def other():
        nonlocal turns
        while True:
            await trio.sleep(0.005)
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        with trio.move_on_after(0.5):
            await ran("yes", grace=0.0)
        nursery.cancel_scope.cancel()
    assert turns > 10


async def test_stdin_that_is_never_read_holds_nothing():
    assert await ran("true", stdin=bytes(10_000_000)) == Exit(0)


async def test_stdin_that_is_closed_early_is_no_failure():
    heard = Heard()
    assert await ran(
        "sh", "-c", "exec <&-; sleep 0.1; echo on", stdin=bytes(10_000_000), on_output=heard
    ) == Exit(0)
    assert heard.stdout == b"on\n"


async def test_stdin_and_output_larger_than_any_pipe_do_not_block_each_other():
    heard = Heard()
    data = os.urandom(3_000_000)
    assert await ran("cat", stdin=data, on_output=heard) == Exit(0)
    assert heard.stdout == data


async def test_a_pipe_that_is_full_after_all_is_tried_again(monkeypatch):
    real, refusals = os.write, [True, True]

    def write(fd, data):
        if refusals:
            refusals.pop()
            raise BlockingIOError
        return real(fd, data)

    monkeypatch.setattr(_child.os, "write", write)
    heard = Heard()
    assert await ran("cat", stdin=b"all of it", on_output=heard) == Exit(0)
    assert heard.stdout == b"all of it"


# --- children and the end -------------------------------------------------------------------------


@needs_proc
async def test_a_background_child_that_holds_stdout_does_not_hold_the_command():
    seconds = mark()
    heard = Heard()
    with trio.fail_after(10):
        assert await ran("sh", "-c", f"sleep {seconds} & echo started", on_output=heard) == Exit(0)
    assert heard.stdout == b"started\n"
    await until(lambda: not living(seconds))


@needs_proc
async def test_a_background_child_that_keeps_talking_is_ended():
    with trio.fail_after(20):
        assert await ran("sh", "-c", "yes treadle-talks & exit 3") == Exit(3)
    await until(lambda: not living("treadle-talks"))


async def test_output_that_a_child_writes_just_after_the_end_is_not_lost():
    heard = Heard()
    await ran("sh", "-c", "(sleep 0.03; echo late) & echo soon", on_output=heard)
    assert heard.stdout == b"soon\nlate\n"


@needs_proc
async def test_a_silent_background_child_is_killed_too():
    seconds = mark()
    assert await ran("sh", "-c", f"sleep {seconds} >/dev/null 2>&1 & exit 0") == Exit(0)
    await until(lambda: not living(seconds))


async def cancelled(*argv, when, grace, on_output=None):
    """Cancel *argv* once *when* holds; returns how long its end took, in seconds."""
    async with trio.open_nursery() as nursery:

        async def run():
            await ran(*argv, grace=grace, on_output=on_output)
            raise AssertionError("it ended by itself")

        nursery.start_soon(run)
        await until(when)
        started = trio.current_time()
        nursery.cancel_scope.cancel()
    return trio.current_time() - started


def said(heard, word):
    return lambda: word in heard.stdout


@needs_proc
async def test_cancel_ends_a_command_and_its_children_at_once():
    seconds = mark()
    took = await cancelled(
        "sh",
        "-c",
        f"sleep {seconds} & sleep {seconds}; true",
        when=lambda: len(living(seconds)) == 3,
        grace=60,
    )
    assert took < 30
    await until(lambda: not living(seconds))


@needs_proc
async def test_a_command_that_ignores_term_is_killed_after_its_grace_with_its_children():
    seconds = mark()
    heard = Heard()
    script = f"trap '' TERM; sleep {seconds} & echo ready; while :; do sleep {seconds}; done"
    took = await cancelled("sh", "-c", script, when=said(heard, b"ready"), grace=0.3, on_output=heard)
    assert 0.3 <= took < 20
    await until(lambda: not living(seconds))


@needs_proc
async def test_a_child_gets_its_grace_though_the_leader_is_gone(tmp_path):
    heard = Heard()
    child = f"trap 'sleep 0.2; touch {tmp_path}/tidy; exit' TERM; echo ready; while :; do sleep 0.01; done"
    script = 'sh -c "$CHILD" & wait'
    async with trio.open_nursery() as nursery:

        async def run():
            await ran("sh", "-c", script, env={"CHILD": child}, grace=30, on_output=heard)

        nursery.start_soon(run)
        await until(said(heard, b"ready"))
        nursery.cancel_scope.cancel()
    assert (tmp_path / "tidy").exists()


@needs_proc
@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
async def test_children_in_groups_of_their_own_are_ended_too(trap):
    seconds = mark()
    script = f"{trap}timeout 500 sleep {seconds} & timeout 500 sleep {seconds}; true"
    took = await cancelled("sh", "-c", script, when=lambda: len(living(seconds)) == 5, grace=0.5)
    assert took < 20
    await until(lambda: not living(seconds))


async def test_what_a_command_says_while_it_ends_is_heard():
    heard = Heard()
    script = "trap 'echo tidied; exit' TERM; echo ready; while :; do sleep 0.01; done"
    await cancelled("sh", "-c", script, when=said(heard, b"ready"), grace=30, on_output=heard)
    assert heard.stdout == b"ready\ntidied\n"


async def test_a_stopped_command_is_woken_to_end():
    heard = Heard()
    script = "trap 'echo woken; exit' TERM; echo ready; kill -STOP $$; while :; do sleep 0.01; done"
    took = await cancelled("sh", "-c", script, when=said(heard, b"ready"), grace=30, on_output=heard)
    assert heard.stdout.endswith(b"woken\n")
    assert took < 30


@needs_proc
async def test_cancel_while_the_last_output_is_awaited_leaves_nothing():
    seconds = mark()
    heard = Heard()
    script = f"while :; do echo {seconds}; sleep 0.02; done & sleep {seconds} & echo ready; exit 0"
    with trio.move_on_after(0.4):
        await ran("sh", "-c", script, on_output=heard, grace=0.1)
    await until(lambda: not living(seconds))


@needs_proc
async def test_cancel_while_stdin_is_written_leaves_nothing():
    seconds = mark()
    took = await cancelled("sleep", seconds, when=lambda: living(seconds), grace=30)
    assert took < 30
    with trio.move_on_after(0.2):
        await ran("sleep", seconds, stdin=bytes(10_000_000))
    await until(lambda: not living(seconds))


@needs_proc
async def test_a_listener_that_breaks_ends_the_command():
    seconds = mark()

    def broken(stream, chunk):
        raise LookupError("broken listener")

    with pytest.raises(LookupError, match="broken listener"):
        await ran("sh", "-c", f"echo one; echo two; exec sleep {seconds}", on_output=broken)
    await until(lambda: not living(seconds))


# --- nothing left ---------------------------------------------------------------------------------


def open_files():
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def zombies():
    mine = os.getpid()
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_bytes().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == mine and state == b"Z":
            found.append(stat.parent.name)
    return found


@needs_proc
async def test_fifty_runs_of_every_kind_leave_no_file_and_no_zombie():
    async def one_of_each():
        await ran("true")
        await ran("cat", stdin=b"x" * 100_000)
        with pytest.raises(StepError):
            await ran("no-such-program-here")
        with trio.move_on_after(0.005):
            await ran("sleep", "100")

    await one_of_each()
    before = open_files()
    for _ in range(50):
        await one_of_each()
    assert open_files() == before
    assert zombies() == []


async def test_a_hundred_commands_run_at_once():
    ends = []

    async def one(number):
        heard = Heard()
        end = await ran("sh", "-c", "sleep 0.05; echo $N; exit $N", env={"N": str(number)}, on_output=heard)
        ends.append((end.code, bytes(heard.stdout)))

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(one, number)
    assert sorted(ends) == [(n, f"{n}\n".encode()) for n in range(100)]


# --- systems that have less -----------------------------------------------------------------------


@pytest.fixture
def no_pidfd(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)


@pytest.mark.usefixtures("no_pidfd")
async def test_without_pidfd_the_end_is_noticed_all_the_same():
    heard = Heard()
    assert await ran("sh", "-c", "sleep 0.05; echo done; exit 3", on_output=heard) == Exit(3)
    assert heard.stdout == b"done\n"


@needs_proc
@pytest.mark.usefixtures("no_pidfd")
async def test_without_pidfd_children_are_ended_too():
    seconds = mark()
    assert await ran("sh", "-c", f"sleep {seconds} & exit 0") == Exit(0)
    await until(lambda: not living(seconds))
    await cancelled("sh", "-c", f"sleep {seconds}; true", when=lambda: len(living(seconds)) == 2, grace=30)
    await until(lambda: not living(seconds))


@needs_proc
@pytest.mark.usefixtures("no_pidfd")
async def test_without_pidfd_nothing_is_killed_by_a_number_that_may_be_anothers():
    seconds = mark()
    assert await ran("sh", "-c", f"timeout 500 sleep {seconds} & sleep 0.1") == Exit(0)
    assert len(living(seconds)) == 2
    for pid in living(seconds):
        os.kill(pid, signal.SIGKILL)


async def test_without_proc_a_group_is_taken_to_have_ended_with_its_leader(monkeypatch, tmp_path):
    monkeypatch.setattr(_child, "PROC", tmp_path / "nope")
    heard = Heard()
    script = "trap 'echo tidied; exit' TERM; echo ready; while :; do sleep 0.01; done"
    await cancelled("sh", "-c", script, when=said(heard, b"ready"), grace=30, on_output=heard)
    assert heard.stdout == b"ready\ntidied\n"


def test_a_process_that_ends_while_it_is_looked_at_does_not_live(tmp_path):
    assert _child._live_group(tmp_path, 1) == ()


def test_a_group_that_is_gone_can_be_killed_again():
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()
    _child._kill_group(process.pid, signal.SIGKILL)
