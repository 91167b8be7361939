import sys
import textwrap
import threading

import pytest
import trio

from treadle.plugin import StepError
from treadle.testing import FakeStep
from treadle_std.steps.python import Python, call, treadle_step_types


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes an importable module and gives its name."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def module(source, name="called_by_a_step"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        tmp_path.joinpath(f"{name}.py").write_text(textwrap.dedent(source))
        names.append(name)
        return name

    yield module
    for name in names:
        sys.modules.pop(name, None)


async def run(name, **args):
    return await call(Python(call=name, args=args), FakeStep())


async def failure(name, **args):
    with pytest.raises(StepError) as caught:
        await run(name, **args)
    return caught.value


async def test_a_sync_function_runs_in_a_worker_thread(module):
    name = module(
        """
        import threading
        def work(a, b):
            return {"sum": a + b, "thread": threading.get_ident()}
        """
    )
    answer = await run(f"{name}:work", a=1, b=2)
    assert answer["sum"] == 3
    assert answer["thread"] != threading.get_ident()


async def test_an_async_function_runs_under_trio(module, autojump_clock):
    name = module(
        """
        import trio
        async def work(seconds):
            await trio.sleep(seconds)
            return trio.current_time()
        """
    )
    assert await run(f"{name}:work", seconds=3600) == trio.current_time()


async def test_an_async_function_is_cancelled_like_any_step(module, autojump_clock):
    name = module("import trio\nasync def work():\n    await trio.sleep_forever()")
    with trio.move_on_after(1) as scope:
        await run(f"{name}:work")
    assert scope.cancelled_caught


async def test_a_sync_function_is_waited_for_when_cancelled(module):
    name = module(
        """
        import threading
        started, go, ended = threading.Event(), threading.Event(), threading.Event()
        def work():
            started.set()
            go.wait(10)
            ended.set()
        """
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, f"{name}:work")
        work = None
        while work is None or not work.started.is_set():
            await trio.sleep(0.005)
            work = sys.modules.get(name)
        nursery.cancel_scope.cancel()
        work.go.set()
    assert work.ended.is_set()


async def test_a_sync_function_may_ask_whether_it_is_cancelled(module):
    name = module(
        """
        import time, trio
        def work():
            while True:
                trio.from_thread.check_cancelled()
                time.sleep(0.005)
        """
    )
    with trio.move_on_after(0.05) as scope:
        await run(f"{name}:work")
    assert scope.cancelled_caught


async def test_a_function_may_hand_back_something_to_await(module):
    name = module(
        """
        import functools
        async def inner(n):
            return n + 1
        def work(n):
            return inner(n)
        """
    )
    assert await run(f"{name}:work", n=1) == 2


async def test_a_function_may_stand_in_a_class(module):
    name = module("class Maths:\n    @staticmethod\n    def double(n):\n        return 2 * n")
    assert await run(f"{name}:Maths.double", n=4) == 8


async def test_its_arguments_are_its_own(module):
    name = module("def work(items):\n    items.append(1)\n    return items")
    config = Python(call=f"{name}:work", args={"items": []})
    assert await call(config, FakeStep()) == [1]
    assert await call(config, FakeStep()) == [1]


@pytest.mark.parametrize("keyword", ["def", "async def"])
async def test_what_a_function_raises_is_the_failure(module, keyword):
    name = module(f"{keyword} work():\n    raise KeyError('lost')")
    error = await failure(f"{name}:work")
    assert error.name == "python.KeyError"
    assert error.message == f"{name}:work raised KeyError: 'lost'"
    assert "raise KeyError('lost')" in error.data["traceback"]


@pytest.mark.parametrize("keyword", ["def", "async def"])
async def test_a_function_that_exits_fails_the_step_and_ends_nothing(module, keyword):
    name = module(f"import sys\n{keyword} work():\n    sys.exit()")
    error = await failure(f"{name}:work")
    assert (error.name, error.message) == ("python.SystemExit", f"{name}:work raised SystemExit")


async def test_a_function_may_fail_under_a_name_of_its_own(module):
    name = module(
        """
        from treadle.plugin import StepError
        def work():
            raise StepError("busy", "come again", retry_after=3)
        """
    )
    error = await failure(f"{name}:work")
    assert (error.name, error.retry_after) == ("busy", 3)


async def test_arguments_that_do_not_fit_fail_the_step(module):
    name = module("def work(a):\n    return a")
    error = await failure(f"{name}:work", b=1)
    assert error.name == "python.TypeError"
    assert "unexpected keyword argument 'b'" in error.message


async def test_a_traceback_is_bounded(module):
    name = module("def work():\n    raise ValueError('x' * 100_000)")
    assert len((await failure(f"{name}:work")).data["traceback"]) == 4_000


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("wrok", "has no 'wrok'; did you mean 'work'?"),
        ("zzz", "has no 'zzz'"),
        ("work.inner", "has no 'work.inner'"),
        ("number", "is int, which cannot be called"),
    ],
)
async def test_a_function_that_is_not_there_is_said_so(module, attribute, message):
    name = module("number = 3\ndef work():\n    pass")
    error = await failure(f"{name}:{attribute}")
    assert error.name == "python.ImportError"
    assert error.message.endswith(message)


async def test_a_module_that_is_not_there_is_said_so():
    error = await failure("no_such_module.at_all:work")
    assert error.name == "python.ImportError"
    assert error.message.startswith("cannot import 'no_such_module.at_all' for call: ")


@pytest.mark.parametrize(
    ("line", "kind"), [("1 / 0", "ZeroDivisionError"), ("raise SystemExit(2)", "SystemExit")]
)
async def test_a_module_that_breaks_on_import_fails_the_step(module, line, kind):
    name = module(line)
    error = await failure(f"{name}:work")
    assert error.name == f"python.{kind}"
    assert error.message.startswith(f"importing {name} raised {kind}")


@pytest.mark.parametrize(
    "text", ["", "work", "a.b", "a:b:c", "a b:c", ":work", "a:", ".a:b", "1a:b", "a:b\n"]
)
def test_a_malformed_call_is_refused(text):
    with pytest.raises(ValueError, match="call"):
        Python(call=text)


def test_two_runs_of_trio_do_not_share_a_limiter(module):
    name = module("def work():\n    return 1")
    assert trio.run(run, f"{name}:work") == 1
    assert trio.run(run, f"{name}:work") == 1


def test_its_entry_is_not_repeatable():
    (entry,) = treadle_step_types()
    assert (entry.name, entry.main, entry.repeatable) == ("python", "call", False)


@pytest.mark.parametrize("way", ["def", "async def"])
@pytest.mark.parametrize(
    ("raised", "name"),
    [
        ("__import__('asyncio').CancelledError()", "CancelledError"),
        ("__import__('pytest').fail.Exception('no')", "Failed"),
        ("BaseExceptionGroup('', [SystemExit()])", "BaseExceptionGroup"),
    ],
)
async def test_what_is_no_exception_is_the_functions_failure_too(module, way, raised, name):
    source = f"{way} work():\n    raise {raised}\n"
    assert (await failure(f"{module(source)}:work")).name == f"python.{name}"
    assert (await failure(f"{module(f'raise {raised}', 'broken_by_a_step')}:work")).name == f"python.{name}"


async def test_a_cancellation_in_a_group_goes_on(module, autojump_clock):
    name = module(
        """
        import trio
        async def work():
            try:
                await trio.sleep_forever()
            except trio.Cancelled as cancelled:
                raise BaseExceptionGroup("", [cancelled]) from None
        """
    )
    with trio.move_on_after(1) as scope:
        await run(f"{name}:work")
    assert scope.cancelled_caught


async def test_a_traceback_is_masked_before_it_is_cut(module):
    name = module("def work():\n    raise ValueError('correct-horse' + 'x' * 3985)\n")
    with pytest.raises(StepError) as caught:
        await call(Python(call=f"{name}:work"), FakeStep(secrets={"TOKEN": "correct-horse"}))
    assert "horse" not in caught.value.data["traceback"]
