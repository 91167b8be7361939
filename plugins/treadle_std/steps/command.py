"""The ``command`` step: a program and its arguments, run without a shell.

Rule: text is split into words before values are put in, so no value can become a second word or a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import NO_SECRETS, Argv, Step, StepType, hookimpl
from treadle_std.steps._execution import CommandOutput, Execution, execute

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Command", "command", "treadle_step_types"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Command(Execution):
    """Run a program.

    The program gets the environment of the engine and the step's ``env``. It ends when its first process
    ends: what that leaves in its process group is killed. When the step is cancelled or its time is up,
    the whole group gets TERM, and after ``grace`` KILL.

    Args:
      run: the program and its arguments: a list, or text that is split into words as a shell would, but by
        no shell: pipes, variables and the like are refused. Secrets cannot stand here, where every user of
        the machine can read them; hand them over by ``env`` or ``stdin``.
      cwd: directory to run in; the engine's if left out. A relative program path counts from here.
      stdin: text to hand over; without it there is nothing to read.
      on: device to run on; not yet supported.
      ok: the exit codes that mean success, 0 to 255.
      parse: ``json`` or ``lines`` also reads stdout into the output of that name.
      max_output: how much is kept of stdout and of stderr, each; more is dropped, and counted in bytes.
      grace: how long the program has between TERM and KILL.

    Raises:
      ValueError: ``ok`` is empty or holds no exit code, the program's name is empty, ``on`` is used.

    Errors:
      ``exit.CODE``, as ``exit.3``, and ``exit.signal``, with ``exit_code``, ``signal`` and the last lines of
      ``stdout`` and ``stderr`` in their data; ``exit.not_found``, ``exit.not_executable``, ``exit.cwd``,
      ``exit.too_long`` and ``exit.not_started`` where nothing was run; ``output``, what it wrote is no JSON,
      or cut.

    Example::

        command: {run: [git, describe, --tags], cwd: src, grace: 2s}
    """

    run: Argv = attrs.field(metadata=NO_SECRETS)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.run or not self.run[0]:
            raise ValueError("run: no program is given; write the program and its arguments")


async def command(config: Command, step: Step) -> CommandOutput:
    """One attempt. Raises StepError ``output``, or one of the errors below ``exit``."""
    return await execute(config.run[0][:200], config.run, config, step)


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """The step type ``command``."""
    return [StepType(name="command", config=Command, output=CommandOutput, run=command, main="run")]
