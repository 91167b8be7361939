"""``python``: call a Python function.

Rule 1: an async function runs in the engine's loop and is cancelled like any step; a sync one runs in a
        worker thread, which is always waited for, never abandoned.
Rule 2: whatever the function raises is the step's failure, named after the exception's class.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import Step, StepError, StepType, hookimpl
from treadle_std.steps._names import function_name

if TYPE_CHECKING:
    import trio

_THREADS = 40
_TRACEBACK_CHARS = 4_000


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Python:
    """Calls a Python function and gives what it returns, which must be plain data.

    An ``async def`` function runs in the engine's own loop, under trio. Any other runs in a worker thread,
    at most 40 at a time in a process: **it cannot be cancelled**. On a timeout or a cancel the step
    waits until the function returns, unless the function asks now and then with
    ``trio.from_thread.check_cancelled()``.

    The output is what it returns; null is no output: read it with ``default``. A function may raise
    `treadle.plugin.StepError` to fail under a name of its own.

    Args:
      call: ``package.module:function``; the module must be importable where the engine runs.
      args: keyword arguments by name.

    Raises:
      ValueError: *call* is malformed.

    Errors:
      ``python.ImportError``, the function cannot be found; ``python.CLASS``, as ``python.ValueError``, it
      raised that, with the end of its ``traceback`` in the data; ``output``, it returned anything but plain
      data.

    Example:
      ``python: {call: "reports.monthly:build", args: {month: "${{ inputs.month }}"}}``
    """

    call: str = attrs.field(validator=function_name)
    args: Mapping[str, Any] = attrs.field(factory=dict)


async def call(config: Python, step: Step) -> Any:
    """Find the function and call it where it belongs; what it returns is the output, which core checks."""
    import trio

    in_thread = functools.partial(trio.to_thread.run_sync, limiter=_threads())
    args = copy.deepcopy(dict(config.args))  # the settings are shared by all attempts, the arguments are not
    function = await in_thread(_find, config.call, step)  # importing it may take long, or block
    try:
        if inspect.iscoroutinefunction(function):
            returned = await function(**args)
        else:
            # In a tuple, because trio refuses a thread that returns a coroutine, as decorated functions may.
            (returned,) = await in_thread(lambda: (function(**args),))
        if inspect.isawaitable(returned):
            returned = await returned
    except StepError:
        raise
    except _not_its_own():
        raise
    except BaseExceptionGroup as group:
        if group.subgroup(_not_its_own()) is not None:
            raise
        raise _raised(config.call, group, step) from group
    except BaseException as exc:  # noqa: ASYNC103  the host's own are raised above
        raise _raised(config.call, exc, step) from exc  # noqa: ASYNC104  a failure of the step instead
    return returned


@functools.cache
def _not_its_own() -> tuple[type[BaseException], ...]:
    """What asks the task, the generator or the process to end, and so is never a function's failure.

    Whatever else is no `Exception` (``SystemExit``, asyncio's ``CancelledError``, those of test frameworks)
    is one: passed on, it would end the engine with all its runs.
    """
    import trio

    return (trio.Cancelled, KeyboardInterrupt, GeneratorExit)


def _threads() -> trio.CapacityLimiter:
    """This plugin's limiter, one to a trio run: a global one would couple engines in different threads."""
    import trio

    limiter = _limiter_of_run()
    try:
        return limiter.get()
    except LookupError:
        limiter.set(trio.CapacityLimiter(_THREADS))
        return limiter.get()


@functools.cache
def _limiter_of_run() -> trio.lowlevel.RunVar[trio.CapacityLimiter]:
    import trio

    return trio.lowlevel.RunVar("treadle_std.steps.python")


def _find(name: str, step: Step) -> Callable[..., Any]:
    """The function that ``package.module:function`` names."""
    module_name, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as exc:
        raise StepError(
            "python.ImportError", f"cannot import {module_name!r} for call: {name}: {exc}"
        ) from exc
    except _not_its_own():
        raise
    except BaseException as exc:
        raise _raised(f"importing {module_name}", exc, step) from exc  # noqa: ASYNC104  the same
    for part in attribute.split("."):
        known = dir(found)
        found = getattr(found, part, None)
        if found is None:
            import difflib  # only for those who made a mistake

            near = difflib.get_close_matches(part, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise StepError("python.ImportError", f"{module_name!r} has no {attribute!r}{hint}")
    if not callable(found):
        raise StepError("python.ImportError", f"{name} is {type(found).__name__}, which cannot be called")
    function: Callable[..., Any] = found
    return function


def _raised(what: str, exc: BaseException, step: Step) -> StepError:
    """The failure for an exception, with the end of its traceback, masked before it is cut, as data."""
    text = step.mask("".join(traceback.format_exception(exc)))[-_TRACEBACK_CHARS:]
    kind = type(exc).__name__
    message = f"{what} raised {kind}: {exc}" if str(exc) else f"{what} raised {kind}"
    return StepError(f"python.{kind}", message, data={"traceback": text})


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """``python``."""
    return [StepType(name="python", config=Python, run=call, main="call")]
