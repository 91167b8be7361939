"""The ``shell`` step: a script, for what needs pipes, loops or several commands.

Rule: the script is taken as written. Values reach it by ``env`` alone, so they are never read as code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from treadle.plugin import NO_SECRETS, NO_TEMPLATES, Argv, Step, StepType, hookimpl
from treadle_std.steps._execution import CommandOutput, Execution, execute

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Shell", "shell", "treadle_step_types"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Shell(Execution):
    """Run a script.

    There is no ``${{ }}`` in a script: put values into the step's ``env`` and read them as ``"$NAME"``,
    in quotes. All else is as for ``command``: the environment, the end, cancellation, the output.

    Args:
      script: what to run; it is handed over after ``-c``, so anyone on the machine can read it.
      interpreter: program and options that take ``-c`` and a script. The usual one ends the script at
        the first command that fails (``-e``) and at the first unset variable (``-u``).
      cwd: directory to run in; the engine's if left out. Relative paths count from the engine's.
      stdin: text to hand over; without it there is nothing to read.
      on: device to run on; not yet supported.
      ok: the exit codes that mean success, 0 to 255.
      parse: ``json`` or ``lines`` also reads stdout into the output of that name.
      max_output: how much is kept of stdout and of stderr, each; more is dropped, and counted in bytes.
      grace: how long the script has between TERM and KILL.

    Raises:
      ValueError: the script or the interpreter is empty, ``ok`` is empty or no exit code, ``on`` is used.

    Errors:
      ``exit.CODE``, as ``exit.3``, and ``exit.signal``, with ``exit_code``, ``signal`` and the last lines of
      ``stdout`` and ``stderr`` in their data; ``exit.not_found``, ``exit.not_executable``, ``exit.cwd``,
      ``exit.too_long`` and ``exit.not_started`` where nothing was run; ``output``, what it wrote is no JSON,
      or cut.

    Example::

        shell: {script: 'grep -c "$WORD" words.txt | tee count.txt', interpreter: [bash, -euo, pipefail]}
    """

    script: str = attrs.field(metadata=NO_TEMPLATES)
    interpreter: Argv = attrs.field(default=("/bin/sh", "-eu"), metadata=NO_SECRETS)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.script.strip():
            raise ValueError("script: it is empty; write what to run")
        if not self.interpreter or not self.interpreter[0]:
            raise ValueError("interpreter: no program is given; write a program and its options")


async def shell(config: Shell, step: Step) -> CommandOutput:
    """One attempt. Raises StepError ``output``, or one of the errors below ``exit``."""
    return await execute("the script", [*config.interpreter, "-c", config.script], config, step)


@hookimpl
def treadle_step_types() -> Iterable[StepType[Any]]:
    """The step type ``shell``."""
    return [StepType(name="shell", config=Shell, output=CommandOutput, run=shell, main="script")]
